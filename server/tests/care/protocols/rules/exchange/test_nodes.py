"""Typed access to documents of any shape, with a report of every mend."""

from typing import Any

import pytest

from healthprotocol.care.protocols.rules.exchange.documents import Json, parse_json, write_json
from healthprotocol.care.protocols.rules.exchange.nodes import Node
from healthprotocol.care.protocols.rules.exchange.report import Report


def node(value: Any) -> Node:
    return Node(parse_json(write_json(value)), Report("file"), file="file")


def told(of: Node) -> list[tuple[str, str, str]]:
    return [(each.outcome, each.pointer, each.code) for each in of.report.findings()]


class TestMembers:
    def test_of_an_object_are_those_with_a_value(self) -> None:
        holder = node({"a": 1, "b": None})

        assert holder.names() == ["a"]
        assert "a" in holder
        assert "b" not in holder

    @pytest.mark.parametrize("value", [[], "a", 1, None])
    def test_of_anything_else_are_none(self, value: Json) -> None:
        holder = node(value)

        assert holder.names() == []
        assert "a" not in holder
        assert holder.get("a") is None
        assert holder.word("a") is None
        assert holder.elements() == []

    def test_have_pointers(self) -> None:
        holder = node({"a/b": [{"c": 1}]})

        (item,) = holder.items("a/b")

        assert item.pointer == "/a~1b/0"
        assert [member.pointer for _, member in item.members()] == ["/a~1b/0/c"]

    def test_are_followed_down_by_the_first_of_lists(self) -> None:
        holder = node({"a": [{"b": {"c": 1}}], "empty": []})

        found = holder.path("a", "b", "c")

        assert found is not None
        assert found.pointer == "/a/0/b/c"
        assert holder.path("a", "x", "c") is None
        assert holder.path("empty", "x") is None


class TestLists:
    def test_of_one_may_be_written_alone(self) -> None:
        holder = node({"a": {"b": 1}})

        assert len(holder.items("a")) == 1
        assert told(holder) == [("adjusted", "/a", "list_expected")]

    def test_leave_nulls_out(self) -> None:
        assert [item.pointer for item in node({"a": [None, 1]}).items("a")] == ["/a/1"]

    def test_of_objects_refuse_what_is_none(self) -> None:
        holder = node({"a": [{}, 7]})

        assert len(list(holder.objects("a"))) == 1
        assert told(holder) == [("refused", "/a/1", "object_expected")]


class TestTexts:
    @pytest.mark.parametrize(
        ("value", "text"), [("a\r\nb\x07", "a\nb"), (" ", None), (7, "7"), (True, None), ([], None)]
    )
    def test_are_cleaned(self, value: Json, text: str | None) -> None:
        assert node({"a": value}).text("a") == text

    def test_are_cut_and_put_on_one_line(self) -> None:
        holder = node({"a": "one\n two three"})

        assert holder.text("a", limit=7, line=True) == "one tw…"
        assert told(holder) == [("adjusted", "/a", "too_long")]

    def test_that_are_absent_are_none(self) -> None:
        assert node({}).text("a") is None


class TestNumbers:
    @pytest.mark.parametrize(("value", "number"), [(1, 1.0), (1.5, 1.5), ("2", 2.0), (" -2.5 ", -2.5), (None, None)])
    def test_are_taken(self, value: Json, number: float | None) -> None:
        assert node({"a": value}).number("a") == number

    @pytest.mark.parametrize("value", ["", "x", "1e5", "\u0661", "9" * 19, True, [], {}, 1e13])
    def test_that_are_none_are_refused(self, value: Json) -> None:
        holder = node({"a": value})

        assert holder.number("a") is None
        assert told(holder) == [("refused", "/a", "number_expected")]

    def test_are_whole_where_they_must_be(self) -> None:
        holder = node({"a": 1.5, "b": 2.0})

        assert holder.integer("b") == 2
        assert holder.integer("c") is None
        assert holder.integer("a") is None
        assert told(holder) == [("refused", "/a", "whole_number_expected")]


class TestBooleans:
    @pytest.mark.parametrize(
        ("value", "answer"), [(True, True), (False, False), ("true", True), ("False", False), ("yes", None), (1, None)]
    )
    def test_are_taken_where_they_are_clear(self, value: Json, answer: bool | None) -> None:
        assert node({"a": value}).boolean("a") is answer

    def test_that_are_absent_are_none(self) -> None:
        assert node({}).boolean("a") is None

    def test_that_are_none_are_told(self) -> None:
        holder = node({"a": "true", "b": 1})

        holder.boolean("a")
        holder.boolean("b")

        assert told(holder) == [("adjusted", "/a", "boolean_expected"), ("adjusted", "/b", "boolean_expected")]
