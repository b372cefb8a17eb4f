"""
Law 7, the other half: on every route somebody who has no business there fails.

Asked of every route that the application has, so that a new one cannot be forgotten: by nobody, by every role without
its permission, by an admin of another organisation, and by another patient of the same one.
"""

import hashlib
import re
from collections.abc import AsyncIterator, Mapping
from datetime import time, timedelta
from typing import Any
from uuid import UUID

import asyncpg
import httpx2
import msgspec
import pytest

from healthprotocol.api.gate import Authenticated
from healthprotocol.api.paging import ListQuery
from healthprotocol.api.routing import Endpoint
from healthprotocol.app import endpoints
from healthprotocol.assembly import SUBSCRIPTIONS
from healthprotocol.care.alerts import service as alerts
from healthprotocol.care.assignments import service as assignments
from healthprotocol.care.assignments.model import NewAssignment
from healthprotocol.care.entries import service as entries
from healthprotocol.care.entries.model import GivenValue, NewEntry
from healthprotocol.care.patients import service as patients
from healthprotocol.care.patients.model import Demographics, PatientId
from healthprotocol.care.protocols import service as protocols
from healthprotocol.care.protocols.model import Activity, Measurement, Phase, ProtocolContent, Schedule, ValueRange
from healthprotocol.foundation.clock import system_clock
from healthprotocol.foundation.config.settings import Settings
from healthprotocol.foundation.context import Actor
from healthprotocol.foundation.db.transaction import Database, Transaction
from healthprotocol.foundation.events import Subscriptions
from healthprotocol.foundation.files import FileId, sealed
from healthprotocol.foundation.jobs import operations
from healthprotocol.trust.accounts import service as accounts
from healthprotocol.trust.accounts.model import NewAccount, NewToken
from healthprotocol.trust.accounts.service import Doorkeeper, PasswordHasher
from healthprotocol.trust.permissions import rules as permissions
from healthprotocol.trust.permissions.model import Role
from tests.architecture.conftest import Record
from tests.operations.door import site
from tests.support.people import Organisation
from tests.support.postgresql import Cluster

HEADERS = {"if-match": "*", "content-type": "application/json"}
# Every way to say no. Neither 2xx nor 5xx: an outsider neither succeeds nor breaks anything.
REFUSED = {400, 403, 404, 405, 409, 412, 415, 422, 428}
# What a patient may ask of anybody's: nothing. These show only her own, or what is everybody's.
OWN = {"GET /api/v1/session", "GET /api/v1/organisation"}
# What a read demands beside its address.
QUERIES = {"diff": "?from=1&to=1", "first-lines": "?kind=patients"}


class Home(msgspec.Struct, frozen=True):
    """What stands in the first organisation: an id for every path parameter, a body for every route that takes one."""

    ids: Mapping[str, str]
    actors: Mapping[str, Actor]

    def address(self, endpoint: Endpoint, *, unknown: bool = False) -> str:
        def value(match: re.Match[str]) -> str:
            name, kind = match.group(1), match.group(2)
            if kind == "int":
                return "1"
            if kind == "str":
                # A name of the code, the same for every organisation.
                return "entry.late_days"
            return str(UUID(int=7)) if unknown else self.ids[name]

        return re.sub(r"\{(\w+):(\w+)\}", value, endpoint.path) + QUERIES.get(endpoint.path.rpartition("/")[2], "")

    def body(self, endpoint: Endpoint) -> Any:
        if endpoint.method == "GET":
            return None
        for ending, body in self._bodies().items():
            if f"{endpoint.method} {endpoint.path}".endswith(ending):
                return body
        return {}

    def _bodies(self) -> dict[str, Any]:
        assignment = {"protocol_id": self.ids["protocol_id"], "starts_on": system_clock().date().isoformat()}
        entry = {
            "client_id": str(UUID(int=9)),
            "outcome": "completed",
            "effective_at": system_clock().isoformat(),
            "assignment_id": self.ids["assignment_id"],
            "activity_key": "walk",
        }
        return {
            "PATCH /api/v1/accounts/{account_id:uuid}": {"status": "disabled"},
            "/password": {"password": "a long and quite unusual sentence"},
            "POST /api/v1/assignments": {**assignment, "patient_id": self.ids["patient_id"]},
            "POST /api/v1/assignments/bulk": {**assignment, "patient_ids": [self.ids["patient_id"]]},
            "PATCH /api/v1/assignments/{assignment_id:uuid}": {"adjustments": {"activities": []}},
            "/stop": {"reason": "None of my business"},
            "/move": {"to_version": 1},
            "POST /api/v1/entries": entry,
            "PATCH /api/v1/patients/{patient_id:uuid}": {"given_name": "Styx"},
            "PATCH /api/v1/protocols/{protocol_id:uuid}": {"title": "None of my business"},
        }


class NamedDoorkeeper(Doorkeeper):
    """The real one, but for who it takes a request to be from: whom the header X-Actor names."""

    def __init__(self, database: Database, actors: Mapping[str, Actor]) -> None:
        super().__init__(database, Settings(environment="test"), hasher=PasswordHasher(memory_kib=64, passes=1))
        self._actors = actors

    async def authenticate(self, headers: Mapping[str, str], cookies: Mapping[str, str]) -> Authenticated | None:
        actor = self._actors.get(headers.get("x-actor", ""))
        return None if actor is None else Authenticated(actor)


@pytest.fixture
async def home(database: Database, organisation: Organisation, other_organisation: Organisation) -> Home:
    clinician, admin = organisation.clinician, organisation.admin
    database.subscriptions = Subscriptions(SUBSCRIPTIONS)
    async with database.transaction(organisation.id, actor=clinician) as tx:
        elbe, _ = await _enrolled(tx, clinician, "Elbe"), await _enrolled(tx, clinician, "Saale")
        walk = Activity(key="walk", kind="exercise", title="Walk", schedule=Schedule(time_of_day=(time(9),)))
        limits = ValueRange(high=37.9)
        temperature = Measurement(code="8310-5", unit="Cel", alert_thresholds=limits)
        fever = Activity(key="fever", kind="measurement", title="Temperature", measurement=temperature)
        phase = Phase(title="All of it", start_day=1, length_days=28, activities=(walk, fever))
        content = ProtocolContent(title="Walking", duration_days=28, phases=(phase,))
        protocol = await protocols.publish(tx, clinician, (await protocols.create(tx, clinician, content)).protocol_id)
        wanted = NewAssignment(protocol_id=protocol.protocol_id, patient_id=elbe, starts_on=tx.now.date())
        assignment = await assignments.assign(tx, clinician, wanted)
        sent = NewEntry(
            client_id=UUID(int=8),
            outcome="completed",
            effective_at=tx.now,
            assignment_id=assignment.id,
            activity_key="walk",
        )
        entry = (await entries.record_one(tx, clinician, sent)).entry
        assert entry is not None
        await _feverish(tx, clinician, assignment.id)
        upload_id = await _uploaded(tx, clinician)
        operation = await operations.create(tx, "bulk", created_by=clinician.account_id, input={})
        new = NewAccount(role="auditor", email="somebody@delta.example", name="Somebody")
        account = await accounts.create_account(tx, admin, new, password_hash=None)
        asked = NewToken(name="Scale", scopes=("patient.read",), lifetime=timedelta(days=1))
        token, _ = await accounts.create_token(tx, admin, asked, is_live=False)
        stranger = await _enrolled(tx, clinician, "Neisse")
    async with database.transaction(organisation.id, actor=clinician) as tx:
        # It was raised right before the commit of what it is about.
        [listed] = (await alerts.page(tx, clinician, ListQuery())).items
    ids = {
        "patient_id": elbe,
        "protocol_id": protocol.protocol_id,
        "assignment_id": assignment.id,
        "entry_id": entry.id,
        "alert_id": listed.alert.episode.id,
        "operation_id": operation.id,
        "upload_id": upload_id,
        "account_id": account.id,
        "token_id": token.id,
        # Flags are the code's, the same for all organisations; what one decided about them has tests of its own.
        "flag_key": "nowhere.declared",
    }
    actors = {
        "outsider": other_organisation.admin,
        "other patient": organisation.patient(stranger),
        **{role.value: msgspec.structs.replace(admin, role=role.value) for role in Role},
    }
    return Home({name: str(value) for name, value in ids.items()}, actors)


@pytest.fixture
async def client(cluster: Cluster, database: Database, home: Home) -> AsyncIterator[httpx2.AsyncClient]:
    doorkeeper = NamedDoorkeeper(database, home.actors)
    async with site(cluster, database, home.actors, doorkeeper=doorkeeper) as opened:
        yield opened
    doorkeeper.hasher.close()


async def _feverish(tx: Transaction, actor: Actor, assignment_id: UUID) -> None:
    """Record a value that raises an alert."""
    sent = NewEntry(
        client_id=UUID(int=10),
        outcome="completed",
        effective_at=tx.now,
        assignment_id=assignment_id,
        activity_key="fever",
        values=(GivenValue(code="8310-5", value=39.4, unit="Cel"),),
    )
    await entries.record_one(tx, actor, sent)


async def _uploaded(tx: Transaction, actor: Actor) -> FileId:
    """Keep a file that names somebody."""
    upload_id = FileId(tx.new_id())
    begun = await sealed.create(
        tx,
        upload_id,
        purpose="upload",
        media_type="text/csv",
        created_by=actor.account_id,
        keep=timedelta(days=1),
    )
    await sealed.complete(tx, await sealed.append(tx, begun, b"family_name\r\nElbe\r\n"))
    return upload_id


async def _enrolled(tx: Any, actor: Actor, family_name: str) -> PatientId:
    born = system_clock().date() - timedelta(days=15_000)
    return (await patients.create(tx, actor, Demographics(given_name="A", family_name=family_name, birth_date=born))).id


async def _ask(
    client: httpx2.AsyncClient, home: Home, endpoint: Endpoint, who: str | None, *, unknown: bool = False
) -> httpx2.Response:
    headers = HEADERS if who is None else {**HEADERS, "x-actor": who}
    body = home.body(endpoint)
    content = None if body is None else msgspec.json.encode(body)
    address = home.address(endpoint, unknown=unknown)
    return await client.request(endpoint.method, address, headers=headers, content=content)


def _closed() -> list[Endpoint]:
    return [endpoint for endpoint in endpoints() if endpoint.policy is not None]


def _name(endpoint: Endpoint) -> str:
    return f"{endpoint.method} {endpoint.path}"


async def _fingerprint(cluster: Cluster, database_name: str, tenant: UUID) -> dict[str, str]:
    """Return a hash of everything that the tenant has, table by table, except the traces of being looked at."""
    connection = await asyncpg.connect(cluster.admin_url(database_name))
    try:
        tables = await connection.fetch(
            "select table_name from information_schema.columns where table_schema = 'public' "
            "and column_name = 'organisation_id' and table_name !~ '^(audit_event|entry)_'"
        )
        return {
            name: hashlib.sha256(
                repr(
                    await connection.fetch(
                        f'select t::text from "{name}" t where organisation_id = $1 order by 1', tenant
                    )
                ).encode()
            ).hexdigest()
            for (name,) in tables
            if name != "audit_event"
        }
    finally:
        await connection.close()


class TestNobody:
    async def test_gets_in_anywhere(self, client: httpx2.AsyncClient, home: Home, looked_at: Record) -> None:
        got_in = [_name(one) for one in _closed() if (await _ask(client, home, one, None)).status_code != 401]

        looked_at(len(_closed()), "routes asked without an account")
        assert got_in == []
        assert len(_closed()) >= 40


class TestEveryRoleWithoutThePermission:
    async def test_is_refused(self, client: httpx2.AsyncClient, home: Home, looked_at: Record) -> None:
        asked, got_in = 0, []
        for endpoint in _closed():
            for role in Role:
                if permissions.allows(home.actors[role.value], str(endpoint.policy)):
                    continue
                asked += 1
                answer = await _ask(client, home, endpoint, role.value)
                if answer.status_code != 403:
                    got_in.append(f"{role} {_name(endpoint)} {answer.status_code}")

        looked_at(asked, "pairs of route and role without its permission")
        assert got_in == []
        assert asked >= 80


class TestAnAdminOfAnotherOrganisation:
    async def test_finds_nothing_of_ours_and_changes_nothing(
        self,
        client: httpx2.AsyncClient,
        home: Home,
        cluster: Cluster,
        database_name: str,
        organisation: Organisation,
        looked_at: Record,
    ) -> None:
        ours = [endpoint for endpoint in _closed() if ":uuid}" in endpoint.path]
        before = await _fingerprint(cluster, database_name, organisation.id)

        answers = {_name(one): await _ask(client, home, one, "outsider") for one in ours}

        looked_at(len(ours), "routes asked for what another organisation has")
        assert {name: each.status_code for name, each in answers.items() if each.status_code not in REFUSED} == {}
        reads = {name: each.status_code for name, each in answers.items() if name.startswith("GET ")}
        assert set(reads.values()) == {404}, reads
        assert await _fingerprint(cluster, database_name, organisation.id) == before
        assert len(ours) >= 25

    async def test_cannot_tell_ours_from_what_does_not_exist(self, client: httpx2.AsyncClient, home: Home) -> None:
        for endpoint in _closed():
            if endpoint.method != "GET" or ":uuid}" not in endpoint.path:
                continue
            ours = await _ask(client, home, endpoint, "outsider")
            nothing = await _ask(client, home, endpoint, "outsider", unknown=True)
            assert _without_request(ours) == _without_request(nothing), _name(endpoint)

    async def test_sees_none_of_ours_in_lists(self, client: httpx2.AsyncClient, home: Home, looked_at: Record) -> None:
        lists = [endpoint for endpoint in _closed() if endpoint.method == "GET" and "{" not in endpoint.path]

        for endpoint in lists:
            text = (await _ask(client, home, endpoint, "outsider")).text
            assert not [name for name, value in home.ids.items() if value in text], _name(endpoint)
        looked_at(len(lists), "lists read by another organisation")
        assert len(lists) >= 8


class TestAnotherPatient:
    async def test_gets_nothing_of_ours(self, client: httpx2.AsyncClient, home: Home, looked_at: Record) -> None:
        stranger = home.actors["other patient"]
        asked = [one for one in _closed() if permissions.allows(stranger, str(one.policy)) and _name(one) not in OWN]

        for endpoint in asked:
            answer = await _ask(client, home, endpoint, "other patient")
            if "{" in endpoint.path and endpoint.method == "GET":
                assert answer.status_code in {403, 404}, _name(endpoint)
            assert not [name for name, value in home.ids.items() if value in answer.text], _name(endpoint)
        looked_at(len(asked), "routes asked by another patient")
        assert len(asked) >= 10


def _without_request(answer: httpx2.Response) -> tuple[int, Any]:
    members = {name: value for name, value in answer.json().items() if name not in {"instance", "request_id"}}
    return answer.status_code, members
