"""A record number that is of somebody else: her line is told, and nobody gets lost."""

from typing import Any

import pytest

from healthprotocol.care.patients import repository
from healthprotocol.foundation.db.transaction import Database
from tests.care.transfers.files import Ward, csv_of, make_ward
from tests.care.transfers.test_importing import PEOPLE, PERSON_COLUMNS, rows_of
from tests.support.people import Organisation

ADA = PEOPLE[0]
NUMBER = {"identifier_system": "urn:mrn", "identifier_value": "0001"}
LENA = {"given_name": "Lena", "family_name": "Saale", "birth_date": "1933-01-01", **NUMBER}
COLUMNS = ("client_id", *LENA)


@pytest.fixture
async def ward(database: Database, organisation: Organisation) -> Ward:
    one = await make_ward(database, organisation, patients=1)
    await one.bring("patients", csv_of(PERSON_COLUMNS, [ADA]))
    return one


async def skip(ward: Ward, *lines: dict[str, Any]) -> dict[str, Any]:
    return await ward.bring("patients", csv_of(COLUMNS, lines))


class TestSkip:
    @pytest.mark.parametrize("key", [None, "unknown"])
    async def test_tells_of_a_number_that_is_of_another(self, ward: Ward, key: str | None) -> None:
        operation = await ward.begin("patients", csv_of(COLUMNS, [{**LENA, "client_id": key}]))

        result = await ward.driven(operation)
        [line] = rows_of(await ward.report(operation))

        assert (result["skipped"], result["failed"], result["faults"][0]["code"]) == (0, 1, "of_another")
        assert (line["field"], line["family_name"]) == (result["faults"][0]["field"], "Saale")

    @pytest.mark.parametrize("same", ["given_name", "family_name", "birth_date"])
    async def test_knows_her_by_whatever_agrees(self, ward: Ward, same: str) -> None:
        result = await skip(ward, {**LENA, same: ADA[same]})

        assert (result["skipped"], result["failed"]) == (1, 0)

    async def test_knows_her_however_the_name_is_written(self, ward: Ward) -> None:
        result = await skip(ward, {**LENA, "family_name": " ELBE "})

        assert (result["skipped"], result["failed"]) == (1, 0)

    async def test_trusts_the_client_id_of_the_sender(self, ward: Ward) -> None:
        result = await skip(ward, {**LENA, "client_id": ADA["client_id"]})

        assert (result["skipped"], result["failed"]) == (1, 0)

    @pytest.mark.parametrize("existing", ["skip", "update"])
    @pytest.mark.parametrize("key", [None, "unknown"])
    async def test_tells_of_two_lines_with_one_number(self, ward: Ward, existing: str, key: str | None) -> None:
        first = {"given_name": "Ida", "family_name": "Oder", "birth_date": "1950-05-05"}
        number = {"identifier_system": "urn:mrn", "identifier_value": "0003"}
        lines = [{**first, **number}, {**LENA, **number, "client_id": key}, {**first, **number}]

        result = await ward.bring("patients", csv_of(COLUMNS, lines), existing=existing)

        assert [result[name] for name in ("created", "skipped", "failed")] == [1, 1, 1]
        assert [(one["line"], one["code"]) for one in result["faults"]] == [(3, "of_another")]

    async def test_brings_her_in_once_the_number_is_mended(self, ward: Ward) -> None:
        await skip(ward, {**LENA, "client_id": "l-1"})

        result = await skip(ward, {**LENA, "client_id": "l-1", "identifier_value": "0009"})

        assert (result["created"], result["failed"]) == (1, 0)

    async def test_reads_whom_it_compares_in_one_go(self, ward: Ward, monkeypatch: pytest.MonkeyPatch) -> None:
        names, asked = repository.names, []

        async def counted(*args: Any, **more: Any) -> Any:
            asked.append(len(args[1]))
            return await names(*args, **more)

        monkeypatch.setattr(repository, "names", counted)
        numbered = [{**LENA, "family_name": "Elbe", "identifier_value": f"1{number:03}"} for number in range(30)]
        await skip(ward, *numbered)

        result = await skip(ward, *numbered, *[{**LENA}] * 30)

        assert (result["skipped"], result["failed"]) == (30, 30)
        assert asked == [31]
