"""The built web app from memory: what pack.json lists, precompressed, with its cache class and content policy."""

import re
from collections.abc import Mapping
from http import HTTPStatus
from pathlib import Path
from typing import Any

import msgspec
from litestar.types import ASGIApp, Receive, Scope, Send

# What the application answers itself; everything else is the web app's.
_OURS = ("/api/", "/fhir/", "/openapi.json", "/docs", "/livez", "/readyz", "/startupz")
_CACHE = {"immutable": "public, max-age=31536000, immutable", "revalidate": "no-cache"}
_WITHOUT_BUILD = (
    b"<!doctype html><html lang=en><meta charset=utf-8><title>HealthProtocol</title>"
    b"<h1>The web app is not built</h1><p>Run <code>make web</code> in the checkout, and start the server again. "
    b"The API answers all the same: <a href=/docs>its documentation</a>."
)


class _Encoding(msgspec.Struct):
    path: str


class _File(msgspec.Struct):
    path: str
    type: str
    hash: str
    cache: str
    encodings: dict[str, _Encoding] = {}


class _Route(msgspec.Struct):
    pattern: str
    shell: str


class _Pack(msgspec.Struct):
    csp: str
    fallback: str
    routes: list[_Route]
    files: dict[str, _File]


class _Body(msgspec.Struct, frozen=True):
    """One file in one encoding, with all its headers made once."""

    status: int
    etag: bytes
    content: bytes
    headers: list[tuple[bytes, bytes]]


class WebApp:
    """
    ASGI: serves the web app and hands all else to `app`. Without a build there is a page that says how to make one.

    `folder` is the build, with pack.json in it. Files are read once, at start: about half a megabyte. Raises KeyError
    or OSError when pack.json names what is not there: a server must not start with half a web app.
    """

    def __init__(self, app: ASGIApp, folder: Path) -> None:
        self._app = app
        self._files: dict[str, dict[str, _Body]] = {}
        self._shells: list[tuple[re.Pattern[str], str]] = []
        self._fallback = "/"
        pack_file = folder / "pack.json"
        self.is_built = pack_file.is_file()
        if self.is_built:
            self._load(folder, msgspec.json.decode(pack_file.read_bytes(), type=_Pack))
        else:
            self._files["/"] = {"": _Body(HTTPStatus.OK, b'"none"', _WITHOUT_BUILD, [(b"content-type", b"text/html")])}

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer GET and HEAD of the web app's paths."""
        path = scope.get("path", "")
        if scope["type"] != "http" or path.startswith(_OURS) or scope["method"] not in {"GET", "HEAD"}:
            await self._app(scope, receive, send)
            return
        headers = {name: value for name, value in scope["headers"] if name in {b"accept-encoding", b"if-none-match"}}
        body = self._find(path, headers.get(b"accept-encoding", b"").decode("latin-1"))
        if body is None:
            await self._app(scope, receive, send)
            return
        await _respond(body, headers.get(b"if-none-match", b""), send, with_body=scope["method"] == "GET")

    def _find(self, path: str, accepted: str) -> _Body | None:
        name, status = path, HTTPStatus.OK
        if path not in self._files:
            if path.startswith("/assets/"):
                return None
            name = next((shell for pattern, shell in self._shells if pattern.fullmatch(path)), "")
            if not name:
                name, status = self._fallback, HTTPStatus.NOT_FOUND
        encodings = self._files[name]
        offered = {part.split(";")[0].strip() for part in accepted.split(",") if not _REFUSED.search(part)}
        chosen = next((encoding for encoding in ("br", "gzip") if encoding in offered and encoding in encodings), "")
        body = encodings[chosen]
        return body if status == HTTPStatus.OK else msgspec.structs.replace(body, status=status)

    def _load(self, folder: Path, pack: _Pack) -> None:
        for url, file in pack.files.items():
            shared = [
                (b"content-type", file.type.encode()),
                (b"cache-control", _CACHE[file.cache].encode()),
                (b"vary", b"accept-encoding"),
                (b"content-security-policy", pack.csp.encode()),
            ]
            paths: Mapping[str, str] = {"": file.path, **{name: e.path for name, e in file.encodings.items()}}
            self._files[url] = {name: _body(folder / path, file.hash, name, shared) for name, path in paths.items()}
        self._shells = [(_pattern(route.pattern), f"/{route.shell}") for route in pack.routes]
        self._fallback = f"/{pack.fallback}"
        missing = {self._fallback, *(shell for _, shell in self._shells)} - self._files.keys()
        if missing:
            raise KeyError(f"pack.json lists no file {min(missing)}")


_REFUSED = re.compile(r";\s*q=0(\.0{0,3})?\s*$")


def _body(path: Path, digest: str, encoding: str, shared: list[tuple[bytes, bytes]]) -> _Body:
    content = path.read_bytes()
    etag = f'"{digest}{"-" + encoding if encoding else ""}"'.encode()
    headers = [*shared, (b"etag", etag), (b"content-length", str(len(content)).encode())]
    if encoding:
        headers.append((b"content-encoding", encoding.encode()))
    return _Body(HTTPStatus.OK, etag, content, headers)


def _pattern(pattern: str) -> re.Pattern[str]:
    segments = [segment for segment in pattern.split("/") if segment]
    inner = "".join("/[^/]+" if segment.startswith(":") else "/" + re.escape(segment) for segment in segments)
    return re.compile(f"{inner}/?")


async def _respond(body: _Body, if_none_match: bytes, send: Send, *, with_body: bool) -> None:
    asked = {tag.strip().removeprefix(b"W/") for tag in if_none_match.split(b",")}
    is_known = body.status == HTTPStatus.OK and body.etag in asked
    headers: Any = [h for h in body.headers if h[0] != b"content-length"] if is_known else body.headers
    await send({"type": "http.response.start", "status": 304 if is_known else body.status, "headers": headers})
    content = body.content if with_body and not is_known else b""
    await send({"type": "http.response.body", "body": content, "more_body": False})
