"""Files over HTTP: sent as a stream, looked at, brought in, and taken out."""

import gzip
from collections.abc import AsyncIterator
from typing import Any

import msgspec
import pytest

from healthprotocol.foundation.db.transaction import Database
from tests.care.transfers.files import ENTRY_COLUMNS, Ward, csv_of, make_ward
from tests.support.door import Door, opened
from tests.support.people import Organisation


@pytest.fixture
async def ward(database: Database, organisation: Organisation) -> Ward:
    return await make_ward(database, organisation)


@pytest.fixture
async def door(ward: Ward, other_organisation: Organisation) -> AsyncIterator[Door]:
    organisation = ward.organisation
    actors = {
        "clara": organisation.coordinator,
        "auditor": organisation.auditor,
        "exporter": msgspec.structs.replace(organisation.coordinator, scopes=frozenset({"patient.export"})),
        "elbe": organisation.patient(ward.patient_ids[0]),
        "stranger": other_organisation.clinician,
    }
    async with opened(ward.database, actors) as one:
        yield one


async def send(door: Door, who: str, body: bytes, *, query: str = "") -> Any:
    async def pieces() -> AsyncIterator[bytes]:
        for at in range(0, len(body), 100_000):
            yield body[at : at + 100_000]

    headers = {"authorization": f"Bearer {who}", "content-type": "text/csv"}
    return await door.http.post(f"/api/v1/uploads{query}", content=pieces(), headers=headers)


class TestUpload:
    async def test_larger_than_any_other_body_passes_as_a_stream(self, door: Door, ward: Ward) -> None:
        body = csv_of(ENTRY_COLUMNS, ward.entries(12_000))
        assert len(body) > 1_500_000

        first = await send(door, "clara", body)
        again = await send(door, "clara", gzip.compress(body))

        assert (first.status_code, again.status_code) == (201, 200)
        assert first.json()["id"] == again.json()["id"]
        assert (first.json()["size_bytes"], again.json()["is_known"]) == (len(body), True)

    async def test_of_other_content_than_was_announced_is_refused(self, door: Door) -> None:
        answer = await send(door, "clara", b"x", query="?sha256=" + "0" * 64)

        assert (answer.status_code, answer.json()["title"]) == (400, "The file was cut off")

    async def test_is_for_those_who_may_begin_long_work(self, door: Door) -> None:
        answers = [await send(door, who, b"a,b\n") for who in ("auditor", "elbe")]

        assert [one.status_code for one in answers] == [403, 403]


class TestFirstLines:
    async def test_show_what_would_become_of_them_and_write_nothing(self, door: Door, ward: Ward) -> None:
        lines = list(ward.entries(30))
        lines[1]["value"] = "warm"
        upload = (await send(door, "clara", csv_of(ENTRY_COLUMNS, lines))).json()["id"]

        shown = (await door.ask("clara", "GET", f"/uploads/{upload}/first-lines?kind=entries")).json()
        hidden = await door.ask("stranger", "GET", f"/uploads/{upload}/first-lines?kind=entries")

        assert [one["became"] for one in shown["lines"][:3]] == ["created", "failed", "created"]
        assert (len(shown["lines"]), shown["lines"][1]["faults"][0]["field"]) == (20, "value")
        assert hidden.status_code == 404
        assert await ward.count("entry") == 0


class TestImport:
    async def test_begins_an_operation_and_gives_the_lines_that_failed(self, door: Door, ward: Ward) -> None:
        lines = list(ward.entries(3))
        lines[1]["note"] = '=1+1, "x"'
        lines[1]["value"] = "warm"
        upload = (await send(door, "clara", csv_of(ENTRY_COLUMNS, lines))).json()["id"]

        begun = await door.ask("clara", "POST", "/imports/entries", {"upload_id": upload})
        operation = begun.json()["id"]
        await ward.driven(await ward.of(operation))
        report = await door.ask("clara", "GET", f"/imports/{operation}/errors")
        others = await door.ask("stranger", "GET", f"/imports/{operation}/errors")

        assert (begun.status_code, begun.headers["location"]) == (202, f"/api/v1/operations/{operation}")
        assert report.headers["content-type"] == "text/csv; charset=utf-8"
        assert "'=1+1" in report.text
        assert report.text.count("\r\n") == 2
        assert others.status_code == 404
        read = await ward.rows("select subject_ids from audit_event where action = 'import.read_report' order by id")
        assert [one["subject_ids"] for one in read] == [[], [ward.patient_ids[1]]]

    async def test_of_entries_is_not_for_patients(self, door: Door, ward: Ward) -> None:
        upload = (await send(door, "clara", csv_of(ENTRY_COLUMNS, ward.entries(3)))).json()["id"]

        answer = await door.ask("elbe", "POST", "/imports/entries", {"upload_id": upload})

        assert answer.status_code == 403


class TestExport:
    async def test_streams_what_the_filter_selects(self, door: Door, ward: Ward) -> None:
        await ward.bring("entries", csv_of(ENTRY_COLUMNS, ward.entries(30)))

        some = await door.ask("clara", "GET", '/exports/entries?format=ndjson&filter=outcome = "completed"')
        wrong = await door.ask("clara", "GET", "/exports/entries?filter=colour = 1")
        none = await door.ask("auditor", "GET", "/exports/entries")

        assert (some.status_code, len(some.text.splitlines())) == (200, 30)
        assert some.headers["content-disposition"] == 'attachment; filename="entries.ndjson"'
        assert (wrong.status_code, none.status_code) == (400, 403)

    @pytest.mark.parametrize("noun", ["patients", "assignments", "entries"])
    async def test_needs_to_read_what_it_takes_out(self, door: Door, noun: str) -> None:
        streamed = await door.ask("exporter", "GET", f"/exports/{noun}")
        begun = await door.ask("exporter", "POST", "/exports", {"kind": noun})
        allowed = await door.ask("clara", "POST", "/exports", {"kind": noun})

        assert (streamed.status_code, begun.status_code, allowed.status_code) == (403, 403, 202)
