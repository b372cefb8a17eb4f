"""Law 7: every route has a policy, and the golden table of route by role shows each change of it in review."""

import os
from pathlib import Path
from typing import Any

import msgspec
import pytest
from litestar import get
from litestar.response import Response

from healthprotocol.api.gate import Gate
from healthprotocol.api.routing import Declare, Endpoint
from healthprotocol.app import _document_routes, endpoints
from healthprotocol.assembly import ROUTES
from healthprotocol.trust.permissions.model import Role
from tests.architecture.conftest import Record
from tests.architecture.policies import OPEN, route_policies, table

GOLDEN = Path(__file__).parent / "policy_table.txt"
REGENERATE = "HP_UPDATE_POLICY_TABLE"

declare = Declare("planted")


@get("/planted/naked")
async def naked() -> Response[bytes]:
    return Response(b"")


@declare.get("/planted/open", policy=None, returns=bytes, summary="Planted")
async def left_open(gate: Gate) -> Response[bytes]:
    return Response(b"")


@declare.get("/planted/unenforced", policy="patient.read", returns=bytes, summary="Planted")
async def unenforced() -> Response[bytes]:
    return Response(b"")


@declare.get("/planted/unknown", policy="patient.admire", returns=bytes, summary="Planted")
async def unknown(gate: Gate) -> Response[bytes]:
    return Response(b"")


class TestTheHouse:
    def test_has_a_policy_on_every_route(self, looked_at: Record) -> None:
        found = route_policies([*ROUTES, *_document_routes()])

        looked_at(found.looked_at, "routes")
        assert found.trespasses == []
        assert found.looked_at >= 60

    def test_has_no_route_twice(self) -> None:
        routes = [(endpoint.method, endpoint.path) for endpoint in endpoints()]

        assert len(routes) == len(set(routes))

    def test_keeps_the_golden_policy_table(self) -> None:
        present = table(endpoints())
        if os.environ.get(REGENERATE):
            GOLDEN.write_text(present)

        # A change here is a change of who may do what: look at it, then run with HP_UPDATE_POLICY_TABLE=1.
        assert GOLDEN.read_text() == present


class TestPlantedTrespass:
    @pytest.mark.parametrize(
        ("handler", "evidence"),
        [
            (naked, "declares nothing of itself"),
            (left_open, "has no policy"),
            (unenforced, "does not open the gate"),
            (unknown, "which no role can have"),
        ],
    )
    def test_is_caught(self, handler: Any, evidence: str) -> None:
        (trespass,) = route_policies([handler]).trespasses

        assert evidence in trespass

    def test_shows_in_the_table(self) -> None:
        audit = Endpoint(
            method="GET", path="/planted", name="planted", summary="", policy="audit.read", returns=bytes, status=200
        )
        everybody = msgspec.structs.replace(audit, policy="session.own")

        assert table([audit]).splitlines()[1].split() == [
            "GET",
            "/planted",
            "audit.read",
            "yes",
            "-",
            "-",
            "yes",
            "-",
            "yes",
        ]
        assert table([everybody]).count("yes") == len(Role)

    def test_in_the_open_list_names_routes_that_stand(self) -> None:
        standing = {
            (method, path)
            for handler in [*ROUTES, *_document_routes()]
            for method in handler.http_methods
            for path in handler.paths
        }

        assert set(OPEN) <= standing
