"""Long work goes on only as long as who asked for it may do it, and says what is in its way."""

import asyncio
from collections.abc import AsyncIterator
from datetime import timedelta
from typing import Any

import pytest

from healthprotocol.care.transfers import service
from healthprotocol.care.transfers.schemas import StartExport, StartImport
from healthprotocol.care.transfers.service.nouns import SIZES, Size
from healthprotocol.foundation.context import Actor, RequestContext
from healthprotocol.foundation.db.transaction import Database
from healthprotocol.foundation.jobs import operations
from healthprotocol.foundation.jobs.batches import run_in_batches
from healthprotocol.foundation.jobs.operations import Operation
from healthprotocol.foundation.jobs.registry import Job
from healthprotocol.trust.accounts import service as accounts
from healthprotocol.trust.accounts.errors import AskerGone, TokenGone
from healthprotocol.trust.accounts.model import NewToken
from healthprotocol.trust.accounts.repository import tokens
from tests.care.transfers.files import ENTRY_COLUMNS, Ward, csv_of, make_ward
from tests.support.door import Door, opened
from tests.support.people import Organisation

SCOPES = ("entry.write", "entry.read", "operation.write", "patient.export")
CONTEXT = RequestContext(request_id="asking")


@pytest.fixture
async def ward(database: Database, organisation: Organisation) -> Ward:
    return await make_ward(database, organisation, patients=2)


@pytest.fixture
async def program(ward: Ward) -> Actor:
    """A service account that came with a token."""
    admin = ward.organisation.admin
    async with ward.database.transaction(ward.organisation.id, actor=admin) as tx:
        new = NewToken(name="bridge", scopes=SCOPES, lifetime=timedelta(days=1), account_id=None)
        _, secret = await accounts.create_token(tx, admin, new, is_live=False)
        credential = await tokens.get_credential(tx, secret.hash)
    assert credential is not None
    return credential.actor


async def begun(ward: Ward, program: Actor, monkeypatch: pytest.MonkeyPatch) -> Operation:
    """Begin an import of four batches and bring in the first of them."""
    monkeypatch.setitem(SIZES, "entries", Size(5, 5))
    upload = await ward.upload(csv_of(ENTRY_COLUMNS, ward.entries(20)))
    async with ward.database.transaction(ward.organisation.id, actor=program) as tx:
        operation = await service.submit(tx, program, "entries", StartImport(upload_id=upload.file.id))
    return await ward.batch(operation)


async def driven(ward: Ward, operation: Operation) -> Operation:
    """Drive an operation as its job does."""
    job = Job(
        id=0,
        name=operation.kind,
        attempt=1,
        most_attempts=1,
        payload={operations.OPERATION: str(operation.id)},
        organisation_id=ward.organisation.id,
        context=CONTEXT,
        stopping=asyncio.Event(),
    )
    await run_in_batches(ward.database, job, service.import_batch)
    return await ward.of(str(operation.id))


class TestToken:
    async def test_that_stays_good_brings_all_in(
        self, ward: Ward, program: Actor, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        done = await driven(ward, await begun(ward, program, monkeypatch))

        assert (done.status, await ward.count("entry")) == ("succeeded", 20)

    @pytest.mark.parametrize(
        ("change", "permission"),
        [
            ("update api_token set revoked_at = now() returning 1", None),
            ("update api_token set expires_at = now() - interval '1 second' returning 1", None),
            ("update api_token set scopes = array_remove(scopes, 'entry.write') returning 1", "entry.write"),
            ("update account set status = 'disabled' where role = 'service' returning 1", None),
        ],
        ids=["revoked", "expired", "narrowed", "of a disabled account"],
    )
    async def test_that_is_so_no_more_ends_the_work_before_its_next_batch(
        self, ward: Ward, program: Actor, monkeypatch: pytest.MonkeyPatch, change: str, permission: str | None
    ) -> None:
        operation = await begun(ward, program, monkeypatch)
        assert await ward.rows(change)

        ended = await driven(ward, operation)

        assert (ended.status, await ward.count("entry")) == ("failed", 5)
        problem: dict[str, Any] = ended.problem or {}
        expected = "asker-gone" if "account" in change and "api_token" not in change else "token-gone"
        assert (problem["type"], problem["status"], problem.get("permission")) == (expected, 403, permission)
        assert ended.result is not None
        assert ended.result["created"] == 5

    async def test_of_an_export_that_was_revoked_ends_it(self, ward: Ward, program: Actor) -> None:
        await ward.bring("entries", csv_of(ENTRY_COLUMNS, ward.entries(3)))
        async with ward.database.transaction(ward.organisation.id, actor=program) as tx:
            operation = await service.submit_export(tx, program, StartExport(kind="entries"))
        await ward.rows("update api_token set revoked_at = now() returning 1")

        async with ward.database.transaction(ward.organisation.id) as tx:
            with pytest.raises(TokenGone):
                await service.export_batch(tx, await operations.get_for_update(tx, operation.id))

    async def test_that_is_gone_begins_nothing(self, ward: Ward, program: Actor) -> None:
        upload = await ward.upload(csv_of(ENTRY_COLUMNS, ward.entries(3)))
        await ward.rows("delete from api_token returning 1")

        async with ward.database.transaction(ward.organisation.id, actor=program) as tx:
            with pytest.raises(TokenGone):
                await service.submit(tx, program, "entries", StartImport(upload_id=upload.file.id))


class TestAccount:
    async def test_of_another_role_by_now_ends_the_work(self, ward: Ward, monkeypatch: pytest.MonkeyPatch) -> None:
        operation = await begun(ward, ward.organisation.coordinator, monkeypatch)
        await ward.rows("update account set role = 'auditor' returning 1")

        async with ward.database.transaction(ward.organisation.id) as tx:
            with pytest.raises(AskerGone):
                await service.import_batch(tx, await operations.get_for_update(tx, operation.id))


class TestFileOfWorkUnderWay:
    @pytest.fixture
    async def door(self, ward: Ward, other_organisation: Organisation) -> AsyncIterator[Door]:
        actors = {"clara": ward.organisation.coordinator, "stranger": other_organisation.coordinator}
        async with opened(ward.database, actors) as one:
            yield one

    async def test_of_an_export_says_when_to_ask_again(self, ward: Ward, door: Door) -> None:
        begun = await door.ask("clara", "POST", "/exports", {"kind": "patients"})
        path = f"/exports/{begun.json()['id']}/file"

        early = await door.ask("clara", "GET", path)
        hidden = await door.ask("stranger", "GET", path)
        operation = await ward.of(begun.json()["id"])
        async with ward.database.transaction(ward.organisation.id) as tx:
            await operations.fail(tx, operation, {"title": "x"})
        ended = await door.ask("clara", "GET", path)

        assert (early.status_code, early.headers["retry-after"]) == (409, "2")
        assert early.json()["type"].endswith("/not-ready")
        assert (early.json()["operation_id"], early.json()["done"]) == (begun.json()["id"], 0)
        assert hidden.status_code == 404
        assert (ended.status_code, ended.json()["type"].endswith("/ended-early")) == (409, True)
        assert "retry-after" not in ended.headers

    async def test_of_an_import_says_when_to_ask_again(
        self, ward: Ward, door: Door, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        operation = await begun(ward, ward.organisation.coordinator, monkeypatch)

        early = await door.ask("clara", "GET", f"/imports/{operation.id}/errors")
        await ward.driven(operation)
        done = await door.ask("clara", "GET", f"/imports/{operation.id}/errors")

        assert (early.status_code, early.headers["retry-after"]) == (409, "2")
        assert early.json()["done"] == operation.done
        assert done.status_code == 200

    async def test_of_no_export_does_not_exist(self, ward: Ward, door: Door) -> None:
        imported = await ward.begin("entries", csv_of(ENTRY_COLUMNS, ward.entries(3)))

        answer = await door.ask("clara", "GET", f"/exports/{imported.id}/file")

        assert answer.status_code == 404
