"""
Whether sqlmap finds a way into PostgreSQL through the parameters of any list: it must not, and must be able to.

It starts the product with the demo data in a temporary folder, signs in, and lets Debian's sqlmap work on every list,
inside the quoted texts of the filter too. Beside it a planted address puts a caller's text into its SQL: a scan that
does not find that one counts as not run. Ports 8131 and 8132. Run with:
PYTHONPATH=server .venv/bin/python load/sqlmap.py [SECONDS]
"""

import asyncio
import json
import re
import sys
import tempfile
from collections import Counter
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from time import monotonic
from urllib.parse import parse_qs, quote, urlencode, urlsplit

import asyncpg
import msgspec

from healthprotocol.cli.demo.people import PASSWORD
from healthprotocol.foundation.db.embedded import EmbeddedServer
from measuring.door import Door
from measuring.product import product

SQLMAP = "/usr/bin/sqlmap"
PORT, PLANTED_PORT = 8131, 8132
SECONDS = 600.0
AT_ONCE = 2
# A star is where sqlmap puts its words.
MARK = "*"


class Target(msgspec.Struct, frozen=True):
    """One address, with the filter that carries the mark inside a text, and who may ask it."""

    path: str
    filter: str
    order_by: str = ""
    who: str = "clinician"
    is_searched: bool = False
    # What stands in the place of a list's parameters where there are others.
    others: tuple[tuple[str, str], ...] = ()

    @property
    def query(self) -> dict[str, str]:
        """The parameters, each with its mark."""
        if self.others:
            return dict(self.others) | ({"filter": self.filter} if self.filter else {})
        query = {"filter": self.filter, "order_by": self.order_by, "page_size": "5*", "count_up_to": "7*"}
        return query | ({"q": "a*"} if self.is_searched else {})


TARGETS = (
    Target("/patients", 'time_zone = "Europe/Berlin*"', "created_at*", is_searched=True),
    Target("/protocols", 'title = "Blood*" OR words:"walk*" OR tags:"home*"', "title*", is_searched=True),
    Target("/assignments", 'protocol.title = "Blood*"', "starts_on*"),
    Target("/entries", 'activity_key = "walk*"', "recorded_at*"),
    Target("/alerts", 'activity_key = "walk*"', "urgency*"),
    Target("/audit", 'action = "patient*"', "at*", who="auditor"),
    Target("/accounts", 'email = "admin@demo.example*"', "created_at*", who="admin"),
    Target("/tokens", 'name = "token*"', "created_at*", who="admin"),
    Target("/exports/patients", 'time_zone = "Europe/Berlin*"', others=(("format", "ndjson*"),)),
    Target("/exports/assignments", 'protocol.title = "Blood*"', others=(("format", "ndjson*"),)),
    Target("/exports/entries", 'activity_key = "walk*"', others=(("format", "ndjson*"),)),
    Target("/adherence", "", others=(("group_by", "protocol*"), ("order_by", "ratio*"), ("page_size", "5*"))),
)


class Found(msgspec.Struct, frozen=True):
    """What one scan said: None for `is_open` when it did not end. `statuses` are those of the answers it got."""

    name: str
    is_open: bool | None
    statuses: Counter[int]

    def __str__(self) -> str:
        verdict = {True: "FOUND A WAY IN", False: "nothing found", None: "did not end"}[self.is_open]
        answers = ", ".join(f"{count} of {status}" for status, count in sorted(self.statuses.items()))
        return f"{self.name:26} {verdict:16} {sum(self.statuses.values()):6} requests: {answers}"


@asynccontextmanager
async def planted(data_dir: Path) -> AsyncIterator[None]:
    """Serve an address that does what must never be done, on the same PostgreSQL."""
    url = EmbeddedServer(data_dir).url_of_running("healthprotocol")
    connection, lock = await asyncpg.connect(url), asyncio.Lock()

    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        line = (await reader.readline()).decode()
        while (await reader.readline()).strip():
            pass
        word = parse_qs(urlsplit(line.partition(" ")[2].partition(" ")[0]).query).get("filter", [""])[0]
        try:
            async with lock:
                rows = await connection.fetch(f"select relname from pg_class where relname = '{word}'")  # noqa: S608
            status, body = "200 OK", json.dumps({"items": [row["relname"] for row in rows]})
        except asyncpg.PostgresError:
            status, body = "400 Bad Request", json.dumps({"title": "This is not understood."})
        head = f"HTTP/1.1 {status}\r\ncontent-type: application/json\r\ncontent-length: {len(body)}\r\n"
        writer.write(f"{head}connection: close\r\n\r\n{body}".encode())
        writer.close()

    server = await asyncio.start_server(answer, "127.0.0.1", PLANTED_PORT)
    try:
        yield
    finally:
        server.close()
        await connection.close()


async def scan(name: str, url: str, folder: Path, *, cookie: str = "", seconds: float) -> Found:
    """Let sqlmap work on an address with marks for some seconds."""
    traffic = folder / f"{quote(name, safe='')}.traffic"
    process = await asyncio.create_subprocess_exec(
        *(SQLMAP, "-u", url, "--batch", "--level", "3", "--risk", "2", "--dbms", "postgresql", "--technique", "BEUST"),
        *("--time-sec", "3", "--timeout", "20", "--retries", "1", "--ignore-code", "400,401,403,404,422"),
        *("--skip-waf", "--disable-coloring", "--flush-session", "--output-dir", str(folder / "out")),
        *("-t", str(traffic), "--cookie", cookie or "none=1"),
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.STDOUT,
        stdin=asyncio.subprocess.DEVNULL,
    )
    try:
        async with asyncio.timeout(seconds):
            said = (await process.communicate())[0].decode(errors="replace")
    except TimeoutError:
        process.kill()
        said = (await process.communicate())[0].decode(errors="replace")
    (folder / f"{quote(name, safe='')}.said").write_text(said)
    heard = traffic.read_text(errors="replace") if traffic.exists() else ""
    statuses = Counter(int(one) for one in re.findall(r"^HTTP response \[#\d+\] \((\d+)", heard, re.MULTILINE))
    is_open = True if "identified the following injection point" in said else None
    if is_open is None and "all tested parameters do not appear to be injectable" in said:
        is_open = False
    return Found(name, is_open, statuses)


def address(path: str, query: dict[str, str]) -> str:
    """Return the address with its marks left as they are."""
    return f"http://127.0.0.1:{PORT}/api/v1{path}?{urlencode(query, safe=MARK, quote_via=quote)}"


def scans(doors: dict[str, Door]) -> list[tuple[str, str, str]]:
    """Return the name, address and cookie of each scan: every list, and every list's second page by its token."""
    wanted: list[tuple[str, str, str]] = []
    for target in TARGETS:
        door = doors[target.who]
        plain = {name: value.replace(MARK, "") for name, value in target.query.items()}
        if (answer := door.get(target.path, plain)).status != 200:  # noqa: PLR2004
            raise SystemExit(f"{target.path}: {answer.status} {answer.body[:300]!r}")
        wanted.append((target.path, address(target.path, target.query), door.cookie))
        token = door.get(target.path, {"page_size": 1}).json.get("next_page_token")
        if token:
            query = {"page_size": "1", "page_token": token + MARK}
            wanted.append((f"{target.path} page 2", address(target.path, query), door.cookie))
    return wanted


async def run(folder: Path, seconds: float) -> int:
    """Scan the planted address, then the lists, some at once; return how many faults there are."""
    async with planted(folder / "data"):
        control = await scan("planted", f"http://127.0.0.1:{PLANTED_PORT}/?filter=pg_class*", folder, seconds=60)
        print(control, flush=True)
        if not control.is_open:
            print("Not run: the planted fault was not found.")
            return 1
        found = await _scan_lists(folder, seconds)
    return sum(one.is_open is not False or any(status >= 500 for status in one.statuses) for one in found)  # noqa: PLR2004


async def _scan_lists(folder: Path, seconds: float) -> list[Found]:
    doors = {role: Door(PORT, email=f"{role}@demo.example", password=PASSWORD) for role in {t.who for t in TARGETS}}
    turns, ends = asyncio.Semaphore(AT_ONCE), monotonic() + seconds

    async def one(name: str, url: str, cookie: str) -> Found:
        async with turns:
            result = await scan(name, url, folder, cookie=cookie, seconds=max(1.0, ends - monotonic()))
            print(result, flush=True)
            return result

    return await asyncio.gather(*[one(*wanted) for wanted in scans(doors)])


def main() -> int:
    began = monotonic()
    seconds = float(sys.argv[1]) if len(sys.argv) > 1 else SECONDS
    with tempfile.TemporaryDirectory(prefix="hp-sqlmap-") as name:
        folder = Path(name)
        with product(folder / "data", port=PORT):
            faults = asyncio.run(run(folder, seconds))
    print(f"{faults} faults, {monotonic() - began:.0f} s")
    return int(faults > 0)


if __name__ == "__main__":
    sys.exit(main())
