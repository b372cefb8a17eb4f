from tests.trust.accounts.conftest import PASSWORD
from tests.trust.accounts.routes.conftest import Site

NEW = "nine old brick walls fell"


class TestSignIn:
    async def test_answers_who_one_is_and_sets_a_cookie_that_pages_cannot_read(self, site: Site) -> None:
        visitor = site.visitor()
        answer = await visitor.sign_in("clinician@delta.example")

        body = answer.json()
        account = body["account"]
        assert answer.status_code == 200
        assert (account["email"], account["role"]) == ("clinician@delta.example", "clinician")
        assert account["organisation_id"] == str(site.delta.id)
        assert "patient_id" not in account
        assert len(body["csrf_token"]) == 43
        assert "patient.read" in body["permissions"]
        cookie = answer.headers["set-cookie"]
        assert cookie.startswith("hp_session=")
        assert all(part in cookie for part in ("HttpOnly", "SameSite=Lax", "Path=/", "Max-Age=43200"))
        assert "Secure" not in cookie
        assert PASSWORD not in answer.text

    async def test_refuses_all_that_is_wrong_with_the_same_words(self, site: Site) -> None:
        told = []
        for email, password in (
            ("clinician@delta.example", "wrong"),
            ("nobody@delta.example", PASSWORD),
            ("no address", PASSWORD),
        ):
            answer = await site.visitor().sign_in(email, password)
            assert answer.status_code == 401
            assert answer.headers["content-type"] == "application/problem+json"
            assert "set-cookie" not in answer.headers
            assert email not in answer.text
            told.append({**answer.json(), "request_id": "", "instance": ""})

        assert told[0] == told[1] == told[2]

    async def test_names_every_fault_of_the_body(self, site: Site) -> None:
        faults: list[tuple[object, set[str]]] = [
            ({}, {"/email", "/password"}),
            ({"email": 1, "password": None}, {"/email", "/password"}),
            ({"email": "a@b.example", "password": "x", "remember": True}, {"/remember"}),
            ({"email": "", "password": ""}, {"/email", "/password"}),
            ({"email": "x" * 255, "password": "x" * 1025}, {"/email", "/password"}),
        ]

        for body, pointers in faults:
            answer = await site.visitor().write("POST", "/api/v1/session", body)
            assert answer.status_code == 422
            assert {error["pointer"] for error in answer.json()["errors"]} == pointers

    async def test_asks_to_wait_after_many_failures(self, site: Site) -> None:
        for _ in range(5):
            assert (await site.visitor().sign_in("admin@delta.example", "wrong")).status_code == 401
        answer = await site.visitor().sign_in("admin@delta.example")

        assert answer.status_code == 429
        assert int(answer.headers["retry-after"]) >= 1

    async def test_a_foreign_page_cannot_sign_a_visitor_in(self, site: Site) -> None:
        body = {"email": "admin@delta.example", "password": PASSWORD}

        for headers in ({"Origin": "https://evil.example"}, {"Sec-Fetch-Site": "cross-site"}, {"Origin": "null"}):
            answer = await site.visitor().http.post("/api/v1/session", json=body, headers=headers)
            assert answer.status_code == 403

    async def test_our_own_page_can(self, site: Site) -> None:
        body = {"email": "admin@delta.example", "password": PASSWORD}
        headers = {"Origin": "http://hp.test", "Sec-Fetch-Site": "same-origin"}
        answer = await site.visitor().http.post("/api/v1/session", json=body, headers=headers)

        assert answer.status_code == 200


class TestReadSession:
    async def test_a_stranger_is_told_to_sign_in(self, site: Site) -> None:
        assert (await site.visitor().get("/api/v1/session")).status_code == 401

    async def test_says_the_same_as_signing_in(self, site: Site) -> None:
        visitor = site.visitor()
        signed_in = await visitor.sign_in("auditor@delta.example")
        answer = await visitor.get("/api/v1/session")

        assert answer.status_code == 200
        assert answer.json() == signed_in.json()

    async def test_signing_in_again_ends_the_session_one_had(self, site: Site) -> None:
        visitor = await site.somebody("clinician")
        before = visitor.http.cookies["hp_session"]
        await visitor.sign_in("clinician@delta.example")

        old = site.visitor()
        old.http.cookies.set("hp_session", before)
        assert (await old.get("/api/v1/session")).status_code == 401
        assert (await visitor.get("/api/v1/session")).status_code == 200


class TestSignOut:
    async def test_ends_the_session_and_clears_the_browser(self, site: Site) -> None:
        visitor = await site.somebody("clinician")
        cookie = visitor.http.cookies["hp_session"]
        answer = await visitor.write("DELETE", "/api/v1/session")

        assert (answer.status_code, answer.content) == (204, b"")
        assert "Max-Age=0" in answer.headers["set-cookie"]
        assert answer.headers["clear-site-data"] == '"cache", "cookies", "storage"'
        visitor.http.cookies.set("hp_session", cookie)
        assert (await visitor.get("/api/v1/session")).status_code == 401


class TestCsrf:
    async def test_a_write_with_a_cookie_needs_the_sessions_own_token(self, site: Site) -> None:
        visitor = await site.somebody("admin")

        for sent in (None, "", "x" * 43):
            visitor.csrf_token = sent
            answer = await visitor.write("PATCH", "/api/v1/organisation", {"name": "Taken"}, If_Match='"r1"')
            assert answer.status_code == 403
        assert (await visitor.get("/api/v1/organisation")).json()["name"] == "Delta"

    async def test_a_foreign_page_is_nobody_whatever_it_sends(self, site: Site) -> None:
        visitor = await site.somebody("admin")
        ours = await visitor.get("/api/v1/session", headers={"Origin": "http://hp.test"})
        theirs = await visitor.get("/api/v1/session", headers={"Origin": "https://evil.example"})
        written = await visitor.write("DELETE", "/api/v1/session", Origin="https://evil.example")

        assert (ours.status_code, theirs.status_code, written.status_code) == (200, 401, 401)

    async def test_anothers_token_will_not_do(self, site: Site) -> None:
        visitor, other = await site.somebody("admin"), await site.somebody("clinician")
        visitor.csrf_token = other.csrf_token

        assert (await visitor.write("DELETE", "/api/v1/session")).status_code == 403


class TestChangePassword:
    async def test_asks_for_the_present_one(self, site: Site) -> None:
        visitor = await site.somebody("clinician")
        body = {"current_password": "wrong", "password": NEW}
        answer = await visitor.write("POST", "/api/v1/session/password", body)

        assert answer.status_code == 401
        assert answer.json()["errors"][0]["pointer"] == "/current_password"

    async def test_ends_the_other_sessions(self, site: Site) -> None:
        here, there = await site.somebody("clinician"), await site.somebody("clinician")
        body = {"current_password": PASSWORD, "password": NEW}
        answer = await here.write("POST", "/api/v1/session/password", body)

        assert answer.status_code == 200
        assert (await here.get("/api/v1/session")).status_code == 200
        assert (await there.get("/api/v1/session")).status_code == 401
        assert (await site.visitor().sign_in("clinician@delta.example")).status_code == 401
        assert (await site.visitor().sign_in("clinician@delta.example", NEW)).status_code == 200

    async def test_refuses_a_bad_one(self, site: Site) -> None:
        visitor = await site.somebody("clinician")
        body = {"current_password": PASSWORD, "password": "short"}
        answer = await visitor.write("POST", "/api/v1/session/password", body)

        assert (answer.status_code, answer.json()["errors"][0]["code"]) == (422, "password_too_short")
