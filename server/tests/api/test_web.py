"""The built web app, served from memory as its pack.json says."""

from pathlib import Path
from typing import Any

import httpx2
import msgspec
import pytest

from healthprotocol.api.web import WebApp

POLICY = "default-src 'none'; script-src 'self'"


async def behind(scope: Any, receive: Any, send: Any) -> None:
    await send({"type": "http.response.start", "status": 418, "headers": []})
    await send({"type": "http.response.body", "body": b"the application"})


def file(path: str, kind: str, cache: str, **encodings: str) -> dict[str, object]:
    packed = {name: {"path": packed, "bytes": 1} for name, packed in encodings.items()}
    return {"path": path, "type": kind, "bytes": 1, "hash": path, "cache": cache, "encodings": packed}


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    contents = {"index.html": "nowhere", "home.html": "home", "one.html": "one", "app.js": "js", "app.js.br": "brotli"}
    for name, text in contents.items():
        (tmp_path / name).write_text(text)
    (tmp_path / "app.js.gz").write_bytes(b"gzip")
    pack = {
        "format": 1,
        "csp": POLICY,
        "fallback": "index.html",
        "routes": [
            {"name": "home", "pattern": "/", "shell": "home.html"},
            {"name": "boat", "pattern": "/boats/:id", "shell": "one.html"},
        ],
        "files": {
            "/index.html": file("index.html", "text/html", "revalidate"),
            "/home.html": file("home.html", "text/html", "revalidate"),
            "/one.html": file("one.html", "text/html", "revalidate"),
            "/assets/app.js": file("app.js", "text/javascript", "immutable", br="app.js.br", gzip="app.js.gz"),
        },
    }
    (tmp_path / "pack.json").write_bytes(msgspec.json.encode(pack))
    return tmp_path


async def ask(folder: Path, path: str, method: str = "GET", **headers: str) -> httpx2.Response:
    app: Any = WebApp(behind, folder)
    named = {"accept-encoding": "", **{name.replace("_", "-"): value for name, value in headers.items()}}
    transport = httpx2.ASGITransport(app=app)
    async with (
        httpx2.AsyncClient(transport=transport, base_url="http://hp.test") as http,
        http.stream(method, path, headers=named) as answer,
    ):
        # Raw, because what is called brotli here is none.
        answer._content = b"".join([part async for part in answer.aiter_raw()])
        return answer


class TestWebApp:
    @pytest.mark.parametrize(
        ("path", "status", "text"),
        [
            ("/", 200, b"home"),
            ("/boats/7", 200, b"one"),
            ("/boats/7/", 200, b"one"),
            ("/boats/7/sails", 404, b"nowhere"),
            ("/no/such/page", 404, b"nowhere"),
            ("/assets/app.js", 200, b"js"),
            ("/assets/other.js", 418, b"the application"),
            ("/../pack.json", 404, b"nowhere"),
        ],
    )
    async def test_answers_a_path_with_its_page(self, folder: Path, path: str, status: int, text: bytes) -> None:
        answer = await ask(folder, path)

        assert (answer.status_code, answer.content) == (status, text)

    @pytest.mark.parametrize("path", ["/api/v1/patients", "/openapi.json", "/docs", "/livez", "/fhir/r4/metadata"])
    async def test_leaves_the_rest_to_the_application(self, folder: Path, path: str) -> None:
        assert (await ask(folder, path)).status_code == 418
        assert (await ask(folder, "/", method="POST")).status_code == 418

    async def test_sends_the_headers_of_a_file(self, folder: Path) -> None:
        script, page = await ask(folder, "/assets/app.js"), await ask(folder, "/")

        assert script.headers["cache-control"] == "public, max-age=31536000, immutable"
        assert page.headers["cache-control"] == "no-cache"
        assert page.headers["content-security-policy"] == POLICY
        assert page.headers["vary"] == "accept-encoding"
        assert page.headers["content-length"] == "4"

    @pytest.mark.parametrize(
        ("accepted", "encoding", "text"),
        [
            ("br, gzip", "br", b"brotli"),
            ("gzip;q=0.5", "gzip", b"gzip"),
            ("br;q=0, gzip", "gzip", b"gzip"),
            ("br; q=0.0", None, b"js"),
            ("identity", None, b"js"),
        ],
    )
    async def test_chooses_what_the_client_accepts(
        self, folder: Path, accepted: str, encoding: str | None, text: bytes
    ) -> None:
        answer = await ask(folder, "/assets/app.js", accept_encoding=accepted)

        assert (answer.headers.get("content-encoding"), answer.content) == (encoding, text)

    async def test_does_not_send_what_the_client_has(self, folder: Path) -> None:
        tag = (await ask(folder, "/")).headers["etag"]

        known = await ask(folder, "/", if_none_match=f'"x", W/{tag}')
        gone = await ask(folder, "/no/such/page", if_none_match='"index.html"')

        assert (known.status_code, known.content, known.headers["etag"]) == (304, b"", tag)
        assert "content-length" not in known.headers
        assert gone.status_code == 404

    async def test_a_head_has_headers_only(self, folder: Path) -> None:
        answer = await ask(folder, "/", method="HEAD")

        assert (answer.status_code, answer.content, answer.headers["content-length"]) == (200, b"", "4")

    async def test_without_a_build_says_how_to_make_one(self, tmp_path: Path) -> None:
        answer = await ask(tmp_path, "/")

        assert answer.status_code == 200
        assert b"make web" in answer.content
        assert (await ask(tmp_path, "/boats/7")).status_code == 404
        assert not WebApp(behind, tmp_path).is_built

    def test_with_half_a_build_does_not_start(self, folder: Path) -> None:
        pack = msgspec.json.decode((folder / "pack.json").read_bytes())
        pack["routes"][1]["shell"] = "gone.html"
        (folder / "pack.json").write_bytes(msgspec.json.encode(pack))

        with pytest.raises(KeyError, match="gone"):
            WebApp(behind, folder)
