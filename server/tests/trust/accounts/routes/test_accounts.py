from collections.abc import Iterable

from tests.trust.accounts.conftest import PASSWORD
from tests.trust.accounts.routes.conftest import Client, Site

NOBODY = "01900000-0000-7000-8000-000000000001"
ELBE = {"email": "elbe@delta.example", "role": "clinician", "name": "Elbe", "password": PASSWORD}


async def create(admin: Client, body: dict[str, str] | None = None) -> dict[str, str]:
    answer = await admin.write("POST", "/api/v1/accounts", body or ELBE)
    assert answer.status_code == 201, answer.text
    return answer.json() | {"etag": answer.headers["etag"]}


CLOSED = (
    ("GET", "/api/v1/accounts", None),
    ("POST", "/api/v1/accounts", ELBE),
    ("GET", f"/api/v1/accounts/{NOBODY}", None),
    ("PATCH", f"/api/v1/accounts/{NOBODY}", {"role": "admin"}),
    ("POST", f"/api/v1/accounts/{NOBODY}/password", {"password": PASSWORD}),
    ("GET", "/api/v1/tokens", None),
    ("POST", "/api/v1/tokens", {"name": "x", "scopes": ["*"]}),
    ("DELETE", f"/api/v1/tokens/{NOBODY}", None),
    ("PATCH", "/api/v1/organisation", {"name": "Taken"}),
)


async def pointers_of_faults(client: Client, method: str, path: str, bodies: Iterable[object]) -> list[list[str]]:
    """Send each body, which must be refused, and return the places that the answers name."""
    told = []
    for body in bodies:
        answer = await client.write(method, path, body, If_Match="*")
        assert answer.status_code == 422, answer.text
        told.append([error["pointer"] for error in answer.json()["errors"]])
    return told


class TestWhoMay:
    async def test_no_stranger_and_no_clinician(self, site: Site) -> None:
        visitor, clinician = site.visitor(), await site.somebody("clinician")

        for method, path, body in CLOSED:
            assert (await visitor.write(method, path, body, If_Match='"r1"')).status_code == 401, path
            assert (await clinician.write(method, path, body, If_Match='"r1"')).status_code == 403, path

    async def test_a_refusal_is_in_the_log(self, site: Site) -> None:
        clinician, auditor = await site.somebody("clinician"), await site.somebody("auditor")
        await clinician.get("/api/v1/accounts")

        answer = await auditor.get("/api/v1/audit", params={"filter": 'outcome = "denied"'})
        (event,) = answer.json()["items"]
        assert (event["action"], event["actor_role"], event["patient_ids"]) == ("account.read", "clinician", [])

    async def test_another_organisations_account_is_answered_like_none(self, site: Site) -> None:
        stranger = await site.somebody("stranger")
        theirs = await stranger.get(f"/api/v1/accounts/{site.delta.admin.id}")
        none = await stranger.get(f"/api/v1/accounts/{NOBODY}")

        bodies = [answer.json() for answer in (theirs, none)]
        for body in bodies:
            del body["request_id"], body["instance"]
        assert (theirs.status_code, bodies[0]) == (404, bodies[1])


class TestAccounts:
    async def test_a_new_one_can_sign_in(self, site: Site) -> None:
        admin = await site.somebody("admin")
        account = await create(admin)

        assert (account["email"], account["role"], account["status"]) == ("elbe@delta.example", "clinician", "active")
        assert PASSWORD not in str(account)
        assert (await site.visitor().sign_in("elbe@delta.example")).status_code == 200

    async def test_the_same_key_twice_makes_one(self, site: Site) -> None:
        admin = await site.somebody("admin")
        answers = [await admin.write("POST", "/api/v1/accounts", ELBE, Idempotency_Key="k1") for _ in range(2)]

        assert [answer.status_code for answer in answers] == [201, 201]
        assert answers[0].json() == answers[1].json()

    async def test_a_taken_address_is_a_conflict(self, site: Site) -> None:
        admin = await site.somebody("admin")
        await create(admin)

        assert (await admin.write("POST", "/api/v1/accounts", ELBE)).status_code == 409

    async def test_a_fault_is_named_by_its_place(self, site: Site) -> None:
        faults = {
            "/role": {**ELBE, "role": "service"},
            "/email": {**ELBE, "email": "no address"},
            "/password": {**ELBE, "password": "short"},
            "/patient_id": {**ELBE, "role": "patient"},
            "/name": {**ELBE, "name": ""},
            "/status": {**ELBE, "status": "active"},
        }
        admin = await site.somebody("admin")

        told = await pointers_of_faults(admin, "POST", "/api/v1/accounts", faults.values())
        assert told == [[pointer] for pointer in faults]
        unknown = [{**ELBE, "role": "king"}, {**ELBE, "role": "patient", "patient_id": NOBODY}]
        told = await pointers_of_faults(admin, "POST", "/api/v1/accounts", unknown)
        assert told == [["/role"], ["/patient_id"]]

    async def test_a_change_needs_the_present_state(self, site: Site) -> None:
        admin = await site.somebody("admin")
        account = await create(admin)
        path = f"/api/v1/accounts/{account['id']}"

        assert (await admin.write("PATCH", path, {"role": "auditor"})).status_code == 428
        assert (await admin.write("PATCH", path, {"role": "auditor"}, If_Match='"r9"')).status_code == 412
        changed = await admin.write("PATCH", path, {"role": "auditor"}, If_Match=account["etag"])
        assert (changed.status_code, changed.json()["role"], changed.headers["etag"]) == (200, "auditor", '"r2"')

    async def test_disabling_takes_effect_at_the_next_request(self, site: Site) -> None:
        admin = await site.somebody("admin")
        account = await create(admin)
        elbe = site.visitor()
        await elbe.sign_in("elbe@delta.example")
        path = f"/api/v1/accounts/{account['id']}"
        await admin.write("PATCH", path, {"status": "disabled"}, If_Match=account["etag"])

        assert (await elbe.get("/api/v1/session")).status_code == 401
        assert (await site.visitor().sign_in("elbe@delta.example")).status_code == 401

    async def test_the_last_admin_stays(self, site: Site) -> None:
        admin = await site.somebody("admin")
        path = f"/api/v1/accounts/{site.delta.admin.id}"

        assert (await admin.write("PATCH", path, {"status": "disabled"}, If_Match="*")).status_code == 409

    async def test_an_admin_sets_a_new_password(self, site: Site) -> None:
        admin = await site.somebody("admin")
        account = await create(admin)
        body = {"password": "nine old brick walls fell"}
        answer = await admin.write("POST", f"/api/v1/accounts/{account['id']}/password", body)

        assert answer.status_code == 200
        assert (await site.visitor().sign_in("elbe@delta.example")).status_code == 401
        assert (await site.visitor().sign_in("elbe@delta.example", body["password"])).status_code == 200


class TestTokens:
    async def test_a_token_works_in_place_of_the_cookie_until_it_is_revoked(self, site: Site) -> None:
        admin, program = await site.somebody("admin"), site.visitor()
        made = await admin.write("POST", "/api/v1/tokens", {"name": "reader", "scopes": ["account.read"]})
        token = made.json()
        headers = {"Authorization": f"Bearer {token['token']}"}

        assert made.status_code == 201
        assert (await program.get("/api/v1/accounts", headers=headers)).status_code == 200
        assert (await program.get("/api/v1/audit", headers=headers)).status_code == 403
        session = (await program.get("/api/v1/session", headers=headers)).json()
        assert (session["account"]["role"], session["csrf_token"]) == ("service", None)

        revoked = await admin.write("DELETE", f"/api/v1/tokens/{token['id']}")
        assert (revoked.status_code, revoked.json()["revoked_at"] is None) == (200, False)
        assert (await program.get("/api/v1/accounts", headers=headers)).status_code == 401

    async def test_is_shown_once(self, site: Site) -> None:
        admin = await site.somebody("admin")
        made = (await admin.write("POST", "/api/v1/tokens", {"name": "reader", "scopes": ["*"]})).json()
        listed = await admin.get("/api/v1/tokens")

        assert listed.json()["items"] == [{key: value for key, value in made.items() if key != "token"}]

    async def test_a_program_makes_no_programs(self, site: Site) -> None:
        admin, program = await site.somebody("admin"), site.visitor()
        made = (await admin.write("POST", "/api/v1/tokens", {"name": "reader", "scopes": ["*"]})).json()
        headers = {"Authorization": f"Bearer {made['token']}"}

        answer = await program.write("POST", "/api/v1/tokens", {"name": "x", "scopes": ["*"]}, **headers)
        assert answer.status_code == 403

    async def test_a_fault_is_named_by_its_place(self, site: Site) -> None:
        faults = {
            "/scopes": {"name": "x", "scopes": []},
            "/scopes/0": {"name": "x", "scopes": ["patient.sell"]},
            "/expires_in_days": {"name": "x", "scopes": ["*"], "expires_in_days": 366},
            "/account_id": {"name": "x", "scopes": ["*"], "account_id": NOBODY},
            "/name": {"scopes": ["*"]},
        }
        admin = await site.somebody("admin")

        told = await pointers_of_faults(admin, "POST", "/api/v1/tokens", faults.values())
        assert told == [[pointer] for pointer in faults]


class TestOrganisation:
    async def test_everybody_reads_her_own(self, site: Site) -> None:
        for name, expected in (("auditor", "Delta"), ("stranger", "Estuary")):
            answer = await (await site.somebody(name)).get("/api/v1/organisation")
            assert (answer.status_code, answer.json()["name"]) == (200, expected)

    async def test_an_admin_changes_it(self, site: Site) -> None:
        admin = await site.somebody("admin")
        body = {"name": "Delta South", "settings": {"late_entry_days": 3, "language": "de"}}
        changed = await admin.write("PATCH", "/api/v1/organisation", body, If_Match='"r1"')
        again = await admin.write(
            "PATCH", "/api/v1/organisation", {"settings": {"language": None}}, If_Match=changed.headers["etag"]
        )

        assert changed.json()["settings"] == {"late_entry_days": 3, "language": "de"}
        assert (again.json()["name"], again.json()["settings"]) == ("Delta South", {"late_entry_days": 3})

    async def test_an_impossible_setting_is_refused(self, site: Site) -> None:
        settings = [{"late_entry_days": 91}, {"late_entry_days": -1}, {"colour": "red"}]
        admin = await site.somebody("admin")

        told = await pointers_of_faults(
            admin, "PATCH", "/api/v1/organisation", [{"settings": setting} for setting in settings]
        )
        assert told == [["/settings/late_entry_days"], ["/settings/late_entry_days"], ["/settings/colour"]]
