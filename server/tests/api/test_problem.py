"""The shape of every error, and what is never in it."""

import msgspec

from healthprotocol.api import problem
from healthprotocol.api.problem import InternalError, MethodNotAllowed, UnsupportedMediaType, from_status
from healthprotocol.foundation.errors import (
    BadRequest,
    Conflict,
    NotFound,
    Problem,
    TooManyRequests,
    Unauthenticated,
    Unavailable,
    Violation,
)


class BoatIsFull(Conflict):
    """
    No berth is left.

    Remedy: take the next boat.
    """

    title = "This boat is full"


class TestProblemResponse:
    def test_has_the_members_of_rfc_9457_and_ours(self) -> None:
        fault = Violation("/berths", "too_few", "There must be one.")

        status, headers, body = problem.problem_response(
            BoatIsFull("Nothing is left.", violations=[fault], public={"boat_id": "7"}, private="Ebro"), "req-12345"
        )

        assert status == 409
        assert headers == {"content-type": "application/problem+json", "cache-control": "no-store"}
        assert msgspec.json.decode(body) == {
            "boat_id": "7",
            "type": "https://healthprotocol.example/problems/boat-is-full",
            "title": "This boat is full",
            "status": 409,
            "detail": "Nothing is left.",
            "instance": "urn:request:req-12345",
            "request_id": "req-12345",
            "errors": [{"pointer": "/berths", "code": "too_few", "detail": "There must be one."}],
            "remedy": "Take the next boat.",
        }

    def test_public_fields_never_replace_its_own(self) -> None:
        _, _, body = problem.problem_response(BoatIsFull(public={"status": 200, "type": "x"}), "r")

        assert msgspec.json.decode(body)["status"] == 409

    def test_says_when_to_come_back_and_how_to_sign_in(self) -> None:
        _, later, _ = problem.problem_response(Unavailable(retry_after_seconds=2), "r")
        _, stranger, _ = problem.problem_response(Unauthenticated(), "r")

        assert later["retry-after"] == "2"
        assert "www-authenticate" in stranger

    def test_without_a_detail_says_its_title(self) -> None:
        assert str(BoatIsFull()) == "This boat is full"
        assert problem.problem_members(BoatIsFull(), "r")["detail"] == "This boat is full"


class TestFromStatus:
    def test_gives_each_status_its_problem(self) -> None:
        kinds: dict[int, type[Problem]] = {
            400: BadRequest,
            404: NotFound,
            405: MethodNotAllowed,
            415: UnsupportedMediaType,
            418: BadRequest,
            429: TooManyRequests,
            500: InternalError,
            503: Unavailable,
            599: InternalError,
        }

        assert {status: type(from_status(status)) for status in kinds} == kinds

    def test_names_the_methods_that_are_allowed(self) -> None:
        assert from_status(405, {"allow": "GET, POST"}).public == {"allow": "GET, POST"}
        assert from_status(405).public == {"allow": ""}
