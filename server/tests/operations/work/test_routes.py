"""Long work over HTTP: who may look, what they see, how it stops."""

from collections.abc import AsyncIterator
from uuid import uuid4

import httpx2
import pytest

from healthprotocol.foundation.db.transaction import Database
from healthprotocol.foundation.jobs import operations
from healthprotocol.foundation.jobs.operations import Operation
from tests.operations.door import site
from tests.support.people import Organisation
from tests.support.postgresql import Cluster


@pytest.fixture
async def operation(database: Database, organisation: Organisation) -> Operation:
    async with database.transaction(organisation.id) as tx:
        return await operations.create(
            tx, "assignment.bulk", created_by=organisation.coordinator.account_id, input={}, total=3
        )


@pytest.fixture
async def client(
    cluster: Cluster, database: Database, organisation: Organisation, other_organisation: Organisation
) -> AsyncIterator[httpx2.AsyncClient]:
    actors = {
        "coordinator": organisation.coordinator,
        "clinician": organisation.clinician,
        "auditor": organisation.auditor,
        "admin": organisation.admin,
        "outsider": other_organisation.admin,
    }
    async with site(cluster, database, actors) as opened:
        yield opened


def address(operation_id: object, act: str = "") -> str:
    return f"/api/v1/operations/{operation_id}{act}"


def by(name: str) -> dict[str, str]:
    return {"x-actor": name}


def told(answer: httpx2.Response) -> dict[str, object]:
    """A problem without what is the request's own."""
    return {key: value for key, value in answer.json().items() if key not in {"request_id", "instance"}}


class TestRead:
    async def test_nobody_known_is_asked_to_sign_in(self, client: httpx2.AsyncClient, operation: Operation) -> None:
        assert (await client.get(address(operation.id))).status_code == 401

    @pytest.mark.parametrize("name", ["outsider", "clinician"])
    async def test_for_others_there_is_none(self, client: httpx2.AsyncClient, operation: Operation, name: str) -> None:
        theirs = await client.get(address(operation.id), headers=by(name))
        nobodys = await client.get(address(uuid4()), headers=by(name))

        assert theirs.status_code == nobodys.status_code == 404
        assert told(theirs) == told(nobodys)

    async def test_a_role_without_long_work_is_refused(self, client: httpx2.AsyncClient, operation: Operation) -> None:
        assert (await client.get(address(operation.id), headers=by("auditor"))).status_code == 403

    @pytest.mark.parametrize("name", ["coordinator", "admin"])
    async def test_whoever_began_it_and_admins_see_how_far_it_is(
        self, client: httpx2.AsyncClient, operation: Operation, name: str
    ) -> None:
        answer = await client.get(address(operation.id), headers=by(name))

        assert answer.status_code == 200
        assert answer.headers["etag"] == '"r1"'
        shown = answer.json()
        assert shown["id"] == str(operation.id)
        assert (shown["kind"], shown["status"]) == ("assignment.bulk", "queued")
        assert shown["progress"] == {"done": 0, "total": 3}
        assert not shown.keys() & {"result", "problem", "input"}

    async def test_one_that_has_not_moved_is_not_sent_again(
        self, client: httpx2.AsyncClient, operation: Operation
    ) -> None:
        headers = by("coordinator") | {"if-none-match": '"r1"'}

        assert (await client.get(address(operation.id), headers=headers)).status_code == 304

    async def test_an_id_that_is_none_is_no_address(self, client: httpx2.AsyncClient) -> None:
        assert (await client.get(address("seven"), headers=by("coordinator"))).status_code == 404


class TestCancel:
    async def test_ends_what_waits(self, client: httpx2.AsyncClient, operation: Operation) -> None:
        answer = await client.post(address(operation.id, "/cancel"), headers=by("coordinator"))

        assert (answer.status_code, answer.json()["status"]) == (200, "cancelled")

    @pytest.mark.parametrize(("name", "status"), [("", 401), ("outsider", 404), ("clinician", 404), ("auditor", 403)])
    async def test_is_not_for_others(
        self, client: httpx2.AsyncClient, operation: Operation, name: str, status: int
    ) -> None:
        answer = await client.post(address(operation.id, "/cancel"), headers=by(name))
        after = await client.get(address(operation.id), headers=by("coordinator"))

        assert answer.status_code == status
        assert after.json()["status"] == "queued"
