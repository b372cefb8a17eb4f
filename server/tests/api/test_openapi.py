"""The contract: a sound document of everything that answers, and its page."""

import re
from collections import Counter
from typing import Any

import jsonschema_rs
import msgspec
import pytest

from healthprotocol.api.docs import POLICY, docs_page
from healthprotocol.api.openapi import openapi_document
from healthprotocol.api.routing import Declare, Endpoint
from healthprotocol.app import endpoints

METHODS = {"get", "post", "patch", "put", "delete"}


@pytest.fixture(scope="module")
def document() -> dict[str, Any]:
    return openapi_document(endpoints(), version="1.2.3")


def operations(document: dict[str, Any]) -> list[tuple[str, str, dict[str, Any]]]:
    return [(path, method, one) for path, ones in document["paths"].items() for method, one in ones.items()]


def references(value: Any) -> list[str]:
    if isinstance(value, dict):
        own = [value["$ref"]] if isinstance(value.get("$ref"), str) else []
        return own + [found for inner in value.values() for found in references(inner)]
    if isinstance(value, list):
        return [found for inner in value for found in references(inner)]
    return []


class TestDocument:
    def test_holds_every_route_once(self, document: dict[str, Any]) -> None:
        found = operations(document)

        assert len(found) == len(endpoints()) >= 40
        assert {method for _, method, _ in found} <= METHODS
        names = Counter(one["operationId"] for _, _, one in found)
        assert [name for name, count in names.items() if count > 1] == []

    def test_a_file_may_be_of_any_of_its_types(self, document: dict[str, Any]) -> None:
        export = document["paths"]["/api/v1/protocols/{protocol_id}/export"]["get"]

        assert sorted(export["responses"]["200"]["content"]) == [
            "application/fhir+json", "application/json", "application/yaml",
        ]  # fmt: skip

    def test_every_reference_leads_somewhere(self, document: dict[str, Any]) -> None:
        found = references(document)

        assert len(found) > 100
        for reference in found:
            place: Any = document
            for part in reference.removeprefix("#/").split("/"):
                place = place[part]

    def test_every_shape_is_a_schema(self, document: dict[str, Any]) -> None:
        schemas = document["components"]["schemas"]

        assert len(schemas) > 60
        for schema in schemas.values():
            jsonschema_rs.meta.validate(schema)

    def test_every_operation_is_whole(self, document: dict[str, Any]) -> None:
        for path, method, one in operations(document):
            place = f"{method} {path}"
            in_path = {p["name"] for p in one["parameters"] if p["in"] == "path"}
            assert in_path == set(re.findall(r"{(\w+)}", path)), place
            assert all(p["required"] for p in one["parameters"] if p["in"] == "path"), place
            keys = [(p["in"], p["name"]) for p in one["parameters"]]
            assert len(keys) == len(set(keys)), place
            assert all(p["schema"] for p in one["parameters"]), place
            assert one["summary"], place
            assert len(one["tags"]) == 1, place
            assert any(status[0] == "2" for status in one["responses"]), place
            assert {"4XX", "5XX"} <= set(one["responses"]), place
            assert all(response.get("description") or "$ref" in response for response in one["responses"].values())
            assert bool(one["security"]) == ("x-policy" in one), place
            assert method != "get" or "requestBody" not in one, place

    def test_what_answers_with_nothing_declares_no_content(self, document: dict[str, Any]) -> None:
        empty = [one["responses"]["204"] for _, _, one in operations(document) if "204" in one["responses"]]

        assert empty
        assert all("content" not in response for response in empty)

    def test_is_the_same_whatever_the_order_of_routes(self, document: dict[str, Any]) -> None:
        again = openapi_document(list(reversed(endpoints())), version="1.2.3")

        assert msgspec.json.encode(again) == msgspec.json.encode(document)

    def test_writes_say_what_they_take(self, document: dict[str, Any]) -> None:
        patch = document["paths"]["/api/v1/patients/{patient_id}"]["patch"]

        required = {p["name"]: p["required"] for p in patch["parameters"]}
        assert required == {"patient_id": True, "Idempotency-Key": False, "X-CSRF-Token": False, "If-Match": True}

    def test_a_body_may_have_one_of_several_shapes(self) -> None:
        class Boat(msgspec.Struct):
            name: str

        class Fleet(msgspec.Struct):
            boats: list[Boat]

        endpoint = Endpoint(
            method="POST", path="/boats/{boat:str}/{n:int}", name="sail", summary="Sail", policy=None, returns=None,
            status=200, body=(Boat, Fleet), also={207: Fleet}, tag="boats", media_type="text/csv",
        )  # fmt: skip

        one = openapi_document([endpoint], version="1")["paths"]["/boats/{boat}/{n}"]["post"]

        assert len(one["requestBody"]["content"]["application/json"]["schema"]["anyOf"]) == 2
        assert one["responses"]["200"]["content"] == {"text/csv": {}}
        assert set(one["responses"]) == {"200", "207", "4XX", "5XX"}
        assert one["security"] == []


class TestDeclare:
    def test_the_decorators_say_the_method_and_what_it_needs(self) -> None:
        declare = Declare("boats")

        async def act(gate: Any) -> Any: ...

        kinds = {name: getattr(declare, name) for name in ("get", "post", "patch", "delete")}
        made = {
            name: make("/x", policy=None, returns=None, summary="s", status=204)(act).opt["endpoint"]
            for name, make in kinds.items()
        }

        assert {name: one.method for name, one in made.items()} == {name: name.upper() for name in kinds}
        assert [name for name, one in made.items() if one.needs_match] == ["patch"]
        assert {one.name for one in made.values()} == {"act"}


class TestDocsPage:
    def test_shows_every_operation_and_shape(self, document: dict[str, Any]) -> None:
        page = docs_page(document).decode()

        for _, _, one in operations(document):
            assert f'id="{one["operationId"]}"' in page
        for name in document["components"]["schemas"]:
            assert f'id="shape-{name}"' in page
        for target in re.findall(r'href="#([^"]+)"', page):
            assert f'id="{target}"' in page, target

    def test_runs_no_script_and_loads_nothing(self, document: dict[str, Any]) -> None:
        page = docs_page(document).decode()

        assert "<script" not in page
        assert re.findall(r'(?:src|href)="(?!#|/openapi.json)', page) == []
        assert "default-src 'none'" in POLICY

    def test_texts_are_escaped(self) -> None:
        endpoint = Endpoint(
            method="GET", path="/x", name="x", summary="<b>bold</b>", policy="a.b", returns=None, status=200, tag="<i>"
        )

        page = docs_page(openapi_document([endpoint], version="1")).decode()

        assert "<b>" not in page
        assert "<i>" not in page
        assert "&lt;b&gt;" in page
