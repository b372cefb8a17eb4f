"""Who was erased is nobody: to every read she does not exist, and no copy of the database can be read."""

from collections.abc import AsyncIterator
from datetime import timedelta
from typing import Any
from uuid import UUID, uuid4

import asyncpg
import msgspec
import pytest

from healthprotocol.app import endpoints
from healthprotocol.foundation.crypto.errors import KeyUnknown
from healthprotocol.foundation.crypto.keys import KeyRing
from healthprotocol.foundation.crypto.root import LocalRootKey
from healthprotocol.foundation.db.transaction import Database
from healthprotocol.trust.accounts import service as accounts
from healthprotocol.trust.accounts.model import NewAccount
from tests.support.door import Door, opened
from tests.support.people import Organisation
from tests.support.postgresql import Cluster

# Words that are said of her alone, wherever something can be said.
NAME, ADDRESS, NUMBER, NOTE, REASON, TITLE = (
    "Moldau",
    "Bridge 7",
    "MRN-4711",
    "felt dizzy",
    "in hospital",
    "Resolved so",
)
WORDS = (NAME, "vltava", ADDRESS, NUMBER, NOTE, REASON, TITLE, "1950-03-02", "+4930123456")
PERSON = {
    "given_name": "Vltava",
    "family_name": NAME,
    "birth_date": "1950-03-02",
    "email": "vltava@moldau.example",
    "phone": "+49 30 123456",
    "address": {"text": ADDRESS},
    "identifiers": [{"system": "urn:clinic", "value": NUMBER}],
    "time_zone": "Europe/Prague",
}
PROTOCOL: dict[str, Any] = {
    "title": "Pressure at home",
    "duration_days": 30,
    "phases": [
        {
            "title": "Month",
            "start_day": 1,
            "length_days": 30,
            "activities": [
                {
                    "key": "bp",
                    "kind": "measurement",
                    "title": "Blood pressure",
                    "schedule": {"timeOfDay": ["08:00:00"]},
                    "measurement": {"code": "8480-6", "unit": "mm[Hg]", "alert_thresholds": {"high": 180}},
                }
            ],
        }
    ],
}
ERASE = {"reason": "She asked for it"}


class Erased(msgspec.Struct):
    """A patient with everything that can be kept of one, and the ids of it."""

    door: Door
    ids: dict[str, str]

    @property
    def path(self) -> str:
        return f"/patients/{self.ids['patient_id']}"

    async def erase(self, who: str = "admin", **headers: str) -> int:
        return (await self.door.ask(who, "POST", f"{self.path}/erase", ERASE, **headers)).status_code


@pytest.fixture
async def door(database: Database, organisation: Organisation, other_organisation: Organisation) -> AsyncIterator[Door]:
    actors = {
        "admin": organisation.admin,
        "clinician": organisation.clinician,
        "coordinator": organisation.coordinator,
        "auditor": organisation.auditor,
        "stranger": other_organisation.admin,
    }
    async with opened(database, actors) as one:
        yield one


async def made(door: Door, path: str, body: dict[str, Any], **headers: str) -> dict[str, Any]:
    answer = await door.ask("clinician", "POST", path, body, **headers)
    assert answer.status_code in {200, 201}, answer.text
    return answer.json()


@pytest.fixture
async def known(door: Door, database: Database, organisation: Organisation) -> Erased:
    protocol = await made(door, "/protocols", PROTOCOL)
    await made(door, f"/protocols/{protocol['id']}/publish", {})
    patient = await made(door, "/patients", PERSON, Idempotency_Key="enrolled-once")
    wanted = {"protocol_id": protocol["id"], "patient_id": patient["id"]}
    today = database.clock().date()
    assignment = await made(door, "/assignments", {**wanted, "starts_on": today.isoformat()})
    entry = {
        "client_id": str(uuid4()),
        "assignment_id": assignment["id"],
        "activity_key": "bp",
        "outcome": "completed",
        "effective_at": database.clock().isoformat(),
        "values": [{"code": "8480-6", "value": 192, "unit": "mm[Hg]"}],
        "note": NOTE,
    }
    recorded = await made(door, "/entries", entry)
    [alert] = (await door.ask("clinician", "GET", "/alerts")).json()["items"]
    await made(door, f"/alerts/{alert['id']}/resolve", {"note": TITLE})
    await made(door, f"/assignments/{assignment['id']}/pause", {"reason": REASON})
    later = (today + timedelta(days=60)).isoformat()
    proposed = await made(door, "/assignments", {**wanted, "starts_on": later, "status": "proposed"})
    async with database.transaction(organisation.id, actor=organisation.admin) as tx:
        new = NewAccount(role="patient", email="vltava@moldau.example", name=NAME, patient_id=UUID(patient["id"]))
        account = await accounts.create_account(tx, organisation.admin, new, password_hash=None)
    ids = {
        "patient_id": patient["id"],
        "assignment_id": assignment["id"],
        "proposed_id": proposed["id"],
        "entry_id": recorded["id"],
        "alert_id": alert["id"],
        "account_id": str(account.id),
    }
    return Erased(door, ids)


class TestWhoMay:
    async def test_nobody_but_an_admin(self, known: Erased) -> None:
        statuses = [await known.erase(who) for who in ("nobody", "stranger", "clinician", "coordinator", "auditor")]

        assert statuses == [401, 404, 403, 403, 403]
        assert (await known.door.ask("clinician", "GET", known.path)).status_code == 200

    @pytest.mark.parametrize("body", [{}, {"reason": ""}, {"reason": " "}, {"reason": "x" * 501}, {"reason": 7}])
    async def test_nobody_without_a_reason(self, known: Erased, body: dict[str, Any]) -> None:
        answer = await known.door.ask("admin", "POST", f"{known.path}/erase", body)

        assert answer.status_code == 422
        assert answer.json()["errors"][0]["pointer"] == "/reason"


class TestErasing:
    async def test_is_answered_with_when(self, known: Erased) -> None:
        answer = (await known.door.ask("admin", "POST", f"{known.path}/erase", ERASE)).json()

        assert (answer["id"], answer["status"]) == (known.ids["patient_id"], "erased")
        assert "erased_at" in answer

    async def test_leaves_nobody_to_read_change_or_erase(self, known: Erased) -> None:
        assert await known.erase() == 200

        for who in ("admin", "clinician", "coordinator"):
            assert await known.erase(who) == (404 if who == "admin" else 403)
            statuses = {
                f"{one.method} {one.path}": (await known.door.ask(who, one.method, path, body)).status_code
                for one, path, body in _asked(known)
            }
            assert set(statuses.values()) == {404}, statuses

    async def test_leaves_no_word_of_her_in_any_list(self, known: Erased) -> None:
        paths = [one.path.removeprefix("/api/v1") for one in endpoints() if one.is_list and "{" not in one.path]
        searches = [f"/patients?q={text}" for text in (NAME, NUMBER, "vltava@moldau.example", "Moldau 1950-03-02")]
        before = [(await known.door.ask("admin", "GET", path)).text for path in [*paths, *searches]]
        assert sum(NAME in text for text in before) >= 5

        await known.erase()

        for path in [*paths, *searches, "/adherence?group_by=patient"]:
            text = (await known.door.ask("admin", "GET", path)).text
            assert not [word for word in WORDS if word in text], path

    async def test_stops_what_runs_and_takes_back_what_was_proposed(
        self, known: Erased, database: Database, organisation: Organisation
    ) -> None:
        await known.erase()

        async with database.transaction(organisation.id) as tx:
            rows = await tx.fetch("select id, status, adjustments_ct, reason_ct from assignment")
        states = {str(row["id"]): row["status"] for row in rows}
        assert states == {known.ids["assignment_id"]: "stopped", known.ids["proposed_id"]: "entered_in_error"}
        assert not [row for row in rows if row["reason_ct"] or row["adjustments_ct"]]

    async def test_ends_her_own_account(self, known: Erased) -> None:
        await known.erase()

        path = f"/accounts/{known.ids['account_id']}"
        assert (await known.door.ask("admin", "GET", path)).status_code == 404

    async def test_forgets_the_answers_to_requests_that_may_be_repeated(self, known: Erased) -> None:
        await known.erase()

        again = await known.door.ask("clinician", "POST", "/patients", PERSON, Idempotency_Key="enrolled-once")

        assert "idempotent-replayed" not in again.headers
        # Her record number is free again: this is another person.
        assert again.status_code == 201
        assert again.json()["id"] != known.ids["patient_id"]

    async def test_takes_nothing_more_about_her(self, known: Erased, database: Database) -> None:
        await known.erase()
        sent = {
            "client_id": str(uuid4()),
            "assignment_id": known.ids["assignment_id"],
            "activity_key": "bp",
            "outcome": "completed",
            "effective_at": database.clock().isoformat(),
        }

        assert (await known.door.ask("clinician", "POST", "/entries", sent)).status_code == 404


class TestWhatStays:
    async def test_is_the_audit_log_with_the_reason(self, known: Erased) -> None:
        before = (await known.door.ask("auditor", "GET", "/audit?page_size=200")).json()["items"]
        await known.erase()

        after = (await known.door.ask("auditor", "GET", "/audit?page_size=200")).json()["items"]

        assert {one["id"] for one in before} < {one["id"] for one in after}
        [erasure] = [one for one in after if one["action"] == "patient.erase"]
        assert erasure["detail"] == ERASE
        assert "account.delete" in {one["action"] for one in after}

    async def test_are_the_counts_without_her(
        self, known: Erased, database: Database, organisation: Organisation
    ) -> None:
        await known.erase()

        async with database.transaction(organisation.id) as tx:
            [row] = await tx.fetch("select outcome, content_ct from entry")
        assert (row["outcome"], row["content_ct"]) == ("completed", None)

    async def test_is_nothing_that_a_copy_from_before_could_be_read_with(
        self, known: Erased, cluster: Cluster, database_name: str, database: Database, organisation: Organisation
    ) -> None:
        admin = await asyncpg.connect(cluster.admin_url(database_name))
        patient_id = UUID(known.ids["patient_id"])
        [before] = await admin.fetch("select given_name_ct, family_name_ct from patient")
        [entry] = await admin.fetch("select id, content_ct from entry")
        await known.erase()
        await admin.execute(
            "update patient set status = 'active', given_name_ct = $1, family_name_ct = $2", *before.values()
        )
        await admin.execute("update entry set content_ct = $1", entry["content_ct"])
        keys = await admin.fetch("select state, wrapped from subject_key where subject_id = $1", patient_id)
        await admin.close()

        assert [(row["state"], row["wrapped"]) for row in keys] == [("destroyed", None)]
        for ring in (database.keys, KeyRing(LocalRootKey.load(cluster.root_key, inside_checkout=True))):
            async with database.transaction(organisation.id) as tx:
                with pytest.raises(KeyUnknown):
                    await ring.subject(tx, patient_id)


def _asked(known: Erased) -> list[tuple[Any, str, Any]]:
    """Every route that names her, her plan, what she recorded or an alert about her, with a body that it takes."""
    bodies: dict[str, Any] = {
        "/stop": {"reason": "x"},
        "/move": {"to_version": 1},
        "/assignments/{assignment_id:uuid}": {"adjustments": {}},
    }
    found: list[tuple[Any, str, Any]] = []
    for one in endpoints():
        names = [name for name in known.ids if f"{{{name}:" in one.path and name != "account_id"]
        if not names or one.path.endswith("/erase"):
            continue
        path = one.path.removeprefix("/api/v1").replace(f"{{{names[0]}:uuid}}", known.ids[names[0]])
        body = None if one.method == "GET" else next((b for end, b in bodies.items() if one.path.endswith(end)), {})
        if not one.needs_match:
            found.append((one, path, body))
    return found
