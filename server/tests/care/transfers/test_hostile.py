"""Files that mean harm, or are merely broken: refused or reported line by line, in bounded memory."""

import gzip
import io
import tracemalloc
import zlib
from collections.abc import AsyncIterator

import msgspec
import pytest

from healthprotocol.care.transfers import service
from healthprotocol.care.transfers.errors import FilesFull, FileUnreadable, UploadCutOff
from healthprotocol.care.transfers.model import Noun
from healthprotocol.foundation.context import RequestContext
from healthprotocol.foundation.db.transaction import Database
from healthprotocol.foundation.files import NotGzip, TooLarge
from tests.care.transfers.files import ENTRY_COLUMNS, LIMITS, Ward, csv_of, make_ward
from tests.support.people import Organisation

MEBIBYTE = 1024 * 1024
HEADER = (",".join(ENTRY_COLUMNS) + "\r\n").encode()


@pytest.fixture
async def ward(database: Database, organisation: Organisation) -> Ward:
    return await make_ward(database, organisation, patients=1)


async def repeated(beginning: bytes, part: bytes, times: int, end: bytes = b"") -> AsyncIterator[bytes]:
    yield beginning
    for _ in range(times):
        yield part
    yield end


class TestUpload:
    async def test_of_the_same_content_is_known_again_packed_or_not(self, ward: Ward) -> None:
        body = csv_of(ENTRY_COLUMNS, ward.entries(10))

        first, again, packed = [await ward.upload(one) for one in (body, body, gzip.compress(body))]

        assert (first.is_known, again.is_known, packed.is_known) == (False, True, True)
        assert first.file.id == again.file.id == packed.file.id
        assert await ward.count("sealed_file") == 1

    async def test_beyond_what_all_files_may_be_is_refused_before_it_is_read(self, ward: Ward) -> None:
        limits = msgspec.structs.replace(LIMITS, quota_bytes=6 * MEBIBYTE)
        actor, context = ward.organisation.coordinator, RequestContext(request_id="full")
        read: list[int] = []

        async def counted(size: int) -> AsyncIterator[bytes]:
            for number in range(size):
                read.append(number)
                yield bytes([number]) * MEBIBYTE

        await service.receive(ward.database, actor, context, counted(5), limits=limits)
        with pytest.raises(FilesFull):
            await service.receive(ward.database, actor, context, counted(60), limits=limits)

        assert len(read) < 12
        assert await ward.count("sealed_file") == 1

    async def test_that_is_known_is_kept_as_long_as_a_new_one(self, ward: Ward) -> None:
        body = csv_of(ENTRY_COLUMNS, ward.entries(10))
        await ward.upload(body)
        [soon] = await ward.rows("update sealed_file set expires_at = now() + interval '1 minute' returning expires_at")

        again = await ward.upload(body)

        assert again.is_known
        assert again.file.expires_at > soon["expires_at"] + LIMITS.keep / 2

    async def test_lies_sealed(self, ward: Ward) -> None:
        await ward.upload(csv_of(ENTRY_COLUMNS, ward.entries(10)))

        [chunk] = await ward.rows("select content_ct from sealed_file_chunk")

        assert b"fever" not in chunk["content_ct"]

    async def test_that_unpacks_to_too_much_is_refused_early_and_leaves_nothing(self, ward: Ward) -> None:
        packer = zlib.compressobj(9, zlib.DEFLATED, 31)
        bomb = b"".join([packer.compress(bytes(MEBIBYTE)) for _ in range(400)]) + packer.flush()
        assert len(bomb) < MEBIBYTE

        tracemalloc.start()
        with pytest.raises(TooLarge):
            await ward.upload(bomb)
        _, most = tracemalloc.get_traced_memory()
        tracemalloc.stop()

        assert most < 16 * MEBIBYTE
        assert await ward.count("sealed_file") == 0

    @pytest.mark.parametrize("cut", [slice(None, -10), slice(None, 30)])
    async def test_of_damaged_gzip_is_refused(self, ward: Ward, cut: slice) -> None:
        with pytest.raises(NotGzip):
            await ward.upload(gzip.compress(csv_of(ENTRY_COLUMNS, ward.entries(500)))[cut])

        assert await ward.count("sealed_file") == 0

    async def test_of_another_hash_than_announced_is_refused(self, ward: Ward) -> None:
        with pytest.raises(UploadCutOff):
            await ward.upload(HEADER, sha256="0" * 64)

    async def test_whose_sender_leaves_leaves_nothing(self, ward: Ward) -> None:
        async def broken() -> AsyncIterator[bytes]:
            yield bytes(5 * MEBIBYTE)
            raise ConnectionResetError

        with pytest.raises(ConnectionResetError):
            await ward.upload(broken())

        assert await ward.count("sealed_file") == 0


class TestFile:
    async def test_with_a_line_of_fifty_megabytes_loses_that_line_only(self, ward: Ward) -> None:
        sound = csv_of(ENTRY_COLUMNS, ward.entries(2)).split(b"\r\n")
        body = repeated(HEADER + sound[1] + b"\r\n", b"x" * MEBIBYTE, 50, b"\r\n" + sound[2] + b"\r\n")
        upload = await ward.upload(body)

        tracemalloc.start()
        result = await ward.driven(await ward.begin_with("entries", upload.file.id))
        _, most = tracemalloc.get_traced_memory()
        tracemalloc.stop()

        assert (result["created"], result["failed"]) == (2, 1)
        assert (result["faults"][0]["line"], result["faults"][0]["code"]) == (3, "too_long")
        assert most < 40 * MEBIBYTE

    async def test_with_broken_lines_says_which(self, ward: Ward) -> None:
        _, one, two, *_ = csv_of(ENTRY_COLUMNS, ward.entries(2)).split(b"\r\n")
        lines = [
            HEADER.strip(),
            one,
            b"nul\0here",
            "Müller".encode("latin-1"),
            b'a,"open quote',
            two,
            b'"x"y,z',
            b",,,",
        ]

        result = await ward.bring("entries", b"\n".join(lines))

        codes = {one["line"]: one["code"] for one in result["faults"] if one["code"] != "required"}
        assert result["created"] == 2
        assert codes == {3: "nul_character", 4: "utf8_invalid", 5: "quote_open", 7: "malformed"}

    @pytest.mark.parametrize(
        ("body", "code"),
        [
            (b"", "empty"),
            ("client_id,outcome\r\n".encode("utf-16"), "utf8_invalid"),
            (b"," * 1_000_000 + b"\n", "too_many_columns"),
            (b"x" * 3_000_000, "too_long"),
            (b'client_id,"outcome\r\n', "malformed"),
            (b"client_id,client_id\r\n", "column_repeated"),
            (b"client_id,,outcome\r\n", "column_unnamed"),
        ],
    )
    async def test_that_is_none_is_refused(self, ward: Ward, body: bytes, code: str) -> None:
        with pytest.raises(FileUnreadable) as refused:
            await ward.begin("entries", body)

        assert [one.code for one in refused.value.violations] == [code]

    async def test_of_a_spreadsheet_reads_right(self, ward: Ward) -> None:
        lines = [{**one, "value": str(one["value"]).replace(".", ",")} for one in ward.entries(3)]
        text = io.StringIO()
        text.write("\ufeff" + ";".join(reversed(ENTRY_COLUMNS)) + "\r\n")
        for line in lines:
            text.write(";".join(str(line[name] or "") for name in reversed(ENTRY_COLUMNS)) + "\r\n")

        result = await ward.bring("entries", text.getvalue().encode())

        assert (result["created"], result["faults"]) == (3, [])

    @pytest.mark.parametrize("noun", ["patients", "assignments"])
    async def test_with_a_character_that_no_column_takes_loses_that_line_only(self, ward: Ward, noun: Noun) -> None:
        person = {"given_name": "Ada", "family_name": "Elbe", "birth_date": "1960-01-01"}
        plan = {"patient_id": str(ward.patient_ids[0]), "starts_on": "2030-01-01"}
        sound = person if noun == "patients" else {**plan, "protocol_title": "Heart at home"}
        nul = (
            {**person, "identifiers": [{"system": "urn:\0", "value": "1"}]}
            if noun == "patients"
            else {**plan, "protocol_title": "Heart\0"}
        )
        slashes = {**sound, "client_id": "back\\u0000slash"}

        result = await ward.bring(noun, b"\n".join(msgspec.json.encode(one) for one in (nul, slashes)))

        assert [(one["line"], one["code"]) for one in result["faults"]][:1] == [(1, "nul_character")]
        assert (result["failed"], result["lines"]) == ((1, 2) if noun == "patients" else (2, 2))

    async def test_with_such_a_character_inside_a_cell_says_which(self, ward: Ward) -> None:
        cell = '[{"system":"urn:\\u0000","value":"1"}]'
        line = {"given_name": "Ada", "family_name": "Elbe", "birth_date": "1960-01-01", "identifiers": cell}

        result = await ward.bring("patients", csv_of(list(line), [line]))

        assert [(one["line"], one["field"]) for one in result["faults"]] == [(2, "identifiers")]

    def test_limits_stand_above_what_is_tried_here(self) -> None:
        assert LIMITS.bytes == 64 * MEBIBYTE
