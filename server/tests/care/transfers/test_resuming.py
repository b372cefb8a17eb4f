"""A file comes in parts: what broke off goes on where it stopped."""

import asyncio
import gzip
import hashlib
from collections.abc import AsyncIterator
from typing import Any

import msgspec
import pytest

from healthprotocol.care.transfers import service
from healthprotocol.care.transfers.errors import MoreThanAnnounced, OffsetMismatch, PackedInParts, UploadCutOff
from healthprotocol.care.transfers.schemas import BeginUpload, Received
from healthprotocol.foundation.context import Actor, RequestContext
from healthprotocol.foundation.db.transaction import Database, Transaction
from healthprotocol.foundation.errors import Unavailable
from healthprotocol.foundation.files import FileId, FileUnknown, SealedFile, TooLarge, sealed
from tests.care.transfers.files import ENTRY_COLUMNS, LIMITS, Ward, csv_of, make_ward
from tests.support.door import Door, opened
from tests.support.people import Organisation

CONTEXT = RequestContext(request_id="upload")
MEBIBYTE = 1024 * 1024


@pytest.fixture
async def ward(database: Database, organisation: Organisation) -> Ward:
    return await make_ward(database, organisation, patients=1)


@pytest.fixture
async def door(ward: Ward) -> AsyncIterator[Door]:
    organisation = ward.organisation
    actors = {"clara": organisation.coordinator, "clint": organisation.clinician, "auditor": organisation.auditor}
    async with opened(ward.database, actors) as one:
        yield one


async def begun(ward: Ward, body: bytes, actor: Actor | None = None, **more: Any) -> Received:
    actor = actor or ward.organisation.coordinator
    async with ward.database.transaction(ward.organisation.id, actor=actor) as tx:
        return await service.begin(tx, actor, BeginUpload(size_bytes=len(body), **more), limits=LIMITS)


async def sent(ward: Ward, upload_id: FileId, stream: AsyncIterator[bytes], offset: int) -> Received:
    actor = ward.organisation.coordinator
    return await service.go_on(ward.database, actor, CONTEXT, upload_id, stream, offset=offset, limits=LIMITS)


async def pieces(body: bytes, *, breaks_at: int | None = None, size: int = 70_000) -> AsyncIterator[bytes]:
    for at in range(0, len(body), size):
        if breaks_at is not None and at + size > breaks_at:
            yield body[at:breaks_at]
            raise ConnectionResetError
        yield body[at : at + size]


async def received(ward: Ward, upload_id: FileId) -> int:
    actor = ward.organisation.coordinator
    async with ward.database.transaction(ward.organisation.id, actor=actor) as tx:
        return (await service.get(tx, actor, upload_id)).file.size_bytes


async def content(ward: Ward, upload_id: FileId) -> bytes:
    async with ward.database.transaction(ward.organisation.id) as tx:
        return b"".join([part async for part in sealed.chunks(tx, upload_id)])


class TestUpload:
    async def test_that_breaks_off_again_and_again_comes_in_whole(self, ward: Ward) -> None:
        body = csv_of(ENTRY_COLUMNS, ward.entries(40_000))
        assert len(body) > 5 * MEBIBYTE
        upload = await begun(ward, body)
        at, breaks = 0, [1, 70_001, 2 * MEBIBYTE, 3 * MEBIBYTE + 17, len(body) - 1]

        for place in breaks:
            with pytest.raises(ConnectionResetError):
                await sent(ward, upload.file.id, pieces(body[at:], breaks_at=place - at), at)
            at = await received(ward, upload.file.id)
            assert at == place
        whole = await sent(ward, upload.file.id, pieces(body[at:]), at)

        assert whole.file.is_complete
        assert whole.sha256 == hashlib.sha256(body).digest()
        assert await content(ward, whole.file.id) == body

    async def test_that_cannot_be_written_for_a_moment_has_no_hole(
        self, ward: Ward, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        body = b"".join(number.to_bytes(4, "big") for number in range(700_000))
        upload = await begun(ward, body)
        append, fails = sealed.append, iter([True])

        async def hindered(tx: Transaction, file: SealedFile, content: bytes) -> SealedFile:
            if next(fails, False):
                raise Unavailable(retry_after_seconds=1)
            return await append(tx, file, content)

        monkeypatch.setattr(sealed, "append", hindered)
        with pytest.raises(Unavailable):
            await sent(ward, upload.file.id, pieces(body), 0)

        at = await received(ward, upload.file.id)
        assert body.startswith(await content(ward, upload.file.id))
        whole = await sent(ward, upload.file.id, pieces(body[at:]), at)
        assert whole.sha256 == hashlib.sha256(body).digest()

    async def test_whose_task_is_cancelled_keeps_what_came(self, ward: Ward) -> None:
        upload = await begun(ward, b"x" * 1000)
        waits = asyncio.Event()

        async def slow() -> AsyncIterator[bytes]:
            yield b"x" * 300
            waits.set()
            await asyncio.sleep(60)

        task = asyncio.create_task(sent(ward, upload.file.id, slow(), 0))
        await waits.wait()
        task.cancel()
        await asyncio.wait({task})

        assert task.cancelled()
        assert await received(ward, upload.file.id) == 300

    async def test_is_found_again_by_who_announced_it_and_by_nobody_else(self, ward: Ward) -> None:
        body = b"client_id\r\n"

        first = await begun(ward, body, name="people.csv 1")
        again = await begun(ward, body, name="people.csv 1")
        larger = await begun(ward, body + b"x", name="people.csv 1")
        others = await begun(ward, body, ward.organisation.clinician, name="people.csv 1")

        ids = {one.file.id for one in (first, again, larger, others)}
        assert (first.file.id == again.file.id, len(ids)) == (True, 3)

    async def test_of_content_that_is_here_needs_not_be_sent(self, ward: Ward) -> None:
        body = csv_of(ENTRY_COLUMNS, ward.entries(3))
        whole = await ward.upload(body)

        again = await begun(ward, body, sha256=hashlib.sha256(body).hexdigest().upper())

        assert (again.file.id, again.is_known, again.file.is_complete) == (whole.file.id, True, True)

    async def test_that_turns_out_to_be_known_is_kept_once(self, ward: Ward) -> None:
        body = csv_of(ENTRY_COLUMNS, ward.entries(3))
        whole = await ward.upload(body)
        upload = await begun(ward, body)

        done = await sent(ward, upload.file.id, pieces(body), 0)

        assert (done.file.id, done.is_known) == (whole.file.id, True)
        assert await ward.count("sealed_file") == 1

    async def test_of_other_content_than_was_announced_is_refused_and_gone(self, ward: Ward) -> None:
        upload = await begun(ward, b"right", sha256=hashlib.sha256(b"right").hexdigest())

        with pytest.raises(UploadCutOff):
            await sent(ward, upload.file.id, pieces(b"wrong"), 0)

        assert await ward.count("sealed_file") == 0

    async def test_says_where_it_ends_to_a_part_of_another_place(self, ward: Ward) -> None:
        upload = await begun(ward, b"0123456789")
        await sent(ward, upload.file.id, pieces(b"01234"), 0)

        for offset in (0, 4, 6, 99):
            with pytest.raises(OffsetMismatch) as wrong:
                await sent(ward, upload.file.id, pieces(b"x"), offset)
            assert wrong.value.public == {"offset_bytes": 5}
        assert await content(ward, upload.file.id) == b"01234"

    async def test_of_which_two_send_the_same_part_at_once_has_it_once(self, ward: Ward) -> None:
        body = bytes(range(250)) * 4
        upload = await begun(ward, body)

        both = await asyncio.gather(
            *[sent(ward, upload.file.id, pieces(body), 0) for _ in range(2)], return_exceptions=True
        )

        assert sum(isinstance(one, Received) for one in both) >= 1
        assert all(isinstance(one, Received | OffsetMismatch) for one in both)
        assert await content(ward, upload.file.id) == body

    async def test_takes_no_more_than_was_announced(self, ward: Ward) -> None:
        upload = await begun(ward, b"12345")

        with pytest.raises(MoreThanAnnounced):
            await sent(ward, upload.file.id, pieces(b"1234567"), 0)

        whole = await sent(ward, upload.file.id, pieces(b""), 5)
        assert (whole.file.is_complete, await content(ward, whole.file.id)) == (True, b"12345")

    async def test_of_packed_content_is_refused(self, ward: Ward) -> None:
        body = gzip.compress(b"client_id\r\n")
        upload = await begun(ward, body)

        with pytest.raises(PackedInParts):
            await sent(ward, upload.file.id, pieces(body), 0)

    async def test_of_packed_content_is_refused_byte_by_byte_too(self, ward: Ward) -> None:
        body = gzip.compress(b"client_id\r\n")
        upload = await begun(ward, body)
        await sent(ward, upload.file.id, pieces(body[:1]), 0)

        with pytest.raises(PackedInParts):
            await sent(ward, upload.file.id, pieces(body[1:]), 1)

    async def test_of_somebody_else_does_not_exist(self, ward: Ward) -> None:
        upload = await begun(ward, b"x", ward.organisation.clinician)

        with pytest.raises(FileUnknown):
            await sent(ward, upload.file.id, pieces(b"x"), 0)
        with pytest.raises(FileUnknown):
            await received(ward, upload.file.id)

    async def test_that_is_not_whole_cannot_be_brought_in(self, ward: Ward) -> None:
        upload = await begun(ward, b"client_id\r\n")

        with pytest.raises(FileUnknown):
            await ward.begin_with("patients", upload.file.id)

    async def test_larger_than_any_file_may_be_is_refused_before_it_comes(self, ward: Ward) -> None:
        actor = ward.organisation.coordinator
        async with ward.database.transaction(ward.organisation.id, actor=actor) as tx:
            with pytest.raises(TooLarge):
                await service.begin(tx, actor, BeginUpload(size_bytes=LIMITS.bytes + 1), limits=LIMITS)

    async def test_gives_way_when_too_many_wait(self, ward: Ward) -> None:
        uploads = [await begun(ward, b"x", name=str(number)) for number in range(sealed.MOST_OPEN + 2)]

        left = {row["id"] for row in await ward.rows("select id from sealed_file")}

        assert left == {one.file.id for one in uploads[2:]}

    async def test_gives_way_also_when_many_begin_at_once(self, ward: Ward, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(sealed, "MOST_OPEN", 2)

        begun_at_once = await asyncio.gather(*(begun(ward, b"x", name=str(number % 4)) for number in range(8)))

        assert len({one.file.id for one in begun_at_once}) >= 4
        assert await ward.count("sealed_file") == 2


class TestOverHttp:
    async def test_goes_on_from_what_the_upload_says(self, door: Door, ward: Ward) -> None:
        body = csv_of(ENTRY_COLUMNS, ward.entries(20))
        announced = {"size_bytes": len(body), "name": "entries.csv"}

        first = await door.ask("clara", "POST", "/uploads/resumable", announced)
        half = await put(door, first.json()["id"], body[:500], 0)
        wrong = await put(door, first.json()["id"], body, 0)
        shown = await door.ask("clara", "GET", f"/uploads/{first.json()['id']}")
        hidden = await door.ask("clint", "GET", f"/uploads/{first.json()['id']}")
        whole = await put(door, first.json()["id"], body[500:], shown.json()["received_bytes"])

        assert (first.status_code, half.status_code, half.json()["is_complete"]) == (201, 200, False)
        assert (wrong.status_code, wrong.json()["offset_bytes"]) == (409, 500)
        assert (shown.json()["received_bytes"], shown.json()["size_bytes"]) == (500, len(body))
        assert hidden.status_code == 404
        assert (whole.status_code, whole.json()["is_complete"]) == (200, True)
        assert whole.json()["sha256"] == hashlib.sha256(body).hexdigest()
        read = await door.ask("clara", "GET", f"/uploads/{whole.json()['id']}")
        assert read.json()["sha256"] == hashlib.sha256(body).hexdigest()

    async def test_whose_connection_is_cut_keeps_what_came(self, door: Door, ward: Ward) -> None:
        body = csv_of(ENTRY_COLUMNS, ward.entries(20_000))
        assert len(body) > 2 * MEBIBYTE
        begun = await door.ask("clara", "POST", "/uploads/resumable", {"size_bytes": len(body), "name": "entries.csv"})
        upload = begun.json()["id"]

        for cut_at in (100, 2 * MEBIBYTE + 100):
            there = (await door.ask("clara", "GET", f"/uploads/{upload}")).json()["received_bytes"]
            await cut(door, upload, body[there:cut_at], there)
        shown = await door.ask("clara", "POST", "/uploads/resumable", {"size_bytes": len(body), "name": "entries.csv"})
        whole = await put(door, upload, body[shown.json()["received_bytes"] :], shown.json()["received_bytes"])

        assert (shown.json()["id"], shown.json()["received_bytes"]) == (upload, 2 * MEBIBYTE + 100)
        assert whole.json()["sha256"] == hashlib.sha256(body).hexdigest()

    async def test_tells_by_its_headers_how_much_is_here_with_and_without_a_body(self, door: Door, ward: Ward) -> None:
        body = csv_of(ENTRY_COLUMNS, ward.entries(20))
        begun = await door.ask("clara", "POST", "/uploads/resumable", {"size_bytes": len(body), "name": "entries.csv"})
        path = f"/uploads/{begun.json()['id']}"

        half = await put(door, begun.json()["id"], body[:500], 0)
        between = [await door.ask("clara", method, path) for method in ("HEAD", "GET")]
        whole = await put(door, begun.json()["id"], body[500:], 500)
        after = [await door.ask("clara", method, path) for method in ("HEAD", "GET")]

        size = str(len(body))
        assert told(begun) == ("0", size, "?0")
        assert {told(one) for one in (half, *between)} == {("500", size, "?0")}
        assert {told(one) for one in (whole, *after)} == {(size, size, "?1")}
        assert (between[0].content, after[0].content) == (b"", b"")

    async def test_of_what_is_known_leaves_its_trace(self, door: Door, ward: Ward) -> None:
        body = csv_of(ENTRY_COLUMNS, ward.entries(20))
        sent_whole = await ward.upload(body)
        announced = {"size_bytes": len(body), "sha256": hashlib.sha256(body).hexdigest()}

        known = await door.ask("clara", "POST", "/uploads/resumable", announced)

        traces = await ward.rows(
            "select object_id from audit_event where action = 'import.upload' and actor_id = $1",
            ward.organisation.coordinator.account_id,
        )
        assert (known.json()["is_known"], known.json()["id"]) == (True, str(sent_whole.file.id))
        assert [str(one["object_id"]) for one in traces] == [known.json()["id"]] * 2

    async def test_is_for_those_who_may_begin_long_work(self, door: Door) -> None:
        answer = await door.ask("auditor", "POST", "/uploads/resumable", {"size_bytes": 1})

        assert answer.status_code == 403


def told(answer: Any) -> tuple[str, ...]:
    return tuple(answer.headers[f"upload-{name}"] for name in ("offset", "length", "complete"))


async def put(door: Door, upload_id: str, body: bytes, offset: int) -> Any:
    headers = {"authorization": "Bearer clara", "content-type": "text/csv"}
    return await door.http.put(f"/api/v1/uploads/{upload_id}/content?offset={offset}", content=body, headers=headers)


async def cut(door: Door, upload_id: str, body: bytes, offset: int) -> None:
    """Send a part as a client does whose connection breaks behind it: the server has it, and then nobody."""
    messages: list[dict[str, Any]] = [
        {"type": "http.request", "body": body[at : at + 65_536], "more_body": True}
        for at in range(0, len(body), 65_536)
    ]

    async def receive() -> dict[str, Any]:
        return messages.pop(0) if messages else {"type": "http.disconnect"}

    async def send(_: Any) -> None:
        """There is nobody to answer."""

    path = f"/api/v1/uploads/{upload_id}/content"
    scope = {
        "type": "http", "asgi": {"version": "3.0"}, "http_version": "1.1", "method": "PUT", "scheme": "http",
        "path": path, "raw_path": path.encode(), "root_path": "", "query_string": f"offset={offset}".encode(),
        "headers": [(b"host", b"hp.test"), (b"authorization", b"Bearer clara"), (b"content-type", b"text/csv")],
        "client": ("127.0.0.1", 1), "server": ("127.0.0.1", 80), "state": {},
    }  # fmt: skip
    await door.http._transport.app(scope, receive, send)  # type: ignore[attr-defined]


class TestWhole:
    async def test_upload_tells_its_hash_whenever_it_is_asked(self, ward: Ward) -> None:
        body = csv_of(ENTRY_COLUMNS, ward.entries(3))
        upload = await ward.upload(body)
        actor = ward.organisation.coordinator

        async with ward.database.transaction(ward.organisation.id, actor=actor) as tx:
            read = await service.get(tx, actor, upload.file.id)

        assert read.sha256 == hashlib.sha256(body).digest()
        [row] = await ward.rows("select sha256_ct from sealed_file")
        assert read.sha256 not in row["sha256_ct"]

    async def test_upload_of_before_has_none(self, ward: Ward) -> None:
        upload = await ward.upload(b"client_id\r\n")
        await ward.rows("update sealed_file set sha256_ct = null returning 1")

        async with ward.database.transaction(ward.organisation.id) as tx:
            read = await service.get(tx, ward.organisation.coordinator, upload.file.id)

        assert read.sha256 is None
        assert msgspec.structs.replace(read.file, sha256_ct=None).is_complete
