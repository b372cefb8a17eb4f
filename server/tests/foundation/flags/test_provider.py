"""The same flags by OpenFeature's own client."""

from collections.abc import Iterator

import pytest
from openfeature import api
from openfeature.client import OpenFeatureClient
from openfeature.evaluation_context import EvaluationContext
from openfeature.exception import ErrorCode
from openfeature.flag_evaluation import Reason

from healthprotocol.foundation.flags.declaration import Registry
from healthprotocol.foundation.flags.evaluation import compile_table
from healthprotocol.foundation.flags.model import Rule, State
from healthprotocol.foundation.flags.provider import FlagsProvider
from healthprotocol.foundation.flags.runtime import Flags
from tests.foundation.flags.declared import COLOUR, DELTA, FASTER, LIMIT, NOON, account
from tests.foundation.flags.test_runtime import Fixed

EDITOR = EvaluationContext(str(account(1).account_id), {"organisation_id": str(DELTA), "role": "editor"})


@pytest.fixture
def client() -> Iterator[OpenFeatureClient]:
    registry = Registry([FASTER, COLOUR, LIMIT])
    states = {
        FASTER.key: State(rules=(Rule(variant="on", roles=("editor",)),)),
        LIMIT.key: State(rules=(Rule(variant="high", percentage=100),)),
        COLOUR.key: State(is_killed=True),
    }
    api.set_provider(FlagsProvider(Flags(registry, Fixed(compile_table(registry, states))), lambda: NOON))
    yield api.get_client()
    api.clear_providers()


class TestTheProvider:
    def test_gives_values_of_every_type_with_their_reasons(self, client: OpenFeatureClient) -> None:
        boolean = client.get_boolean_details(FASTER.key, False, EDITOR)
        text = client.get_string_details(COLOUR.key, "none", EDITOR)
        number = client.get_float_details(LIMIT.key, 1.0, EDITOR)

        assert (boolean.value, boolean.reason, boolean.variant) == (True, Reason.TARGETING_MATCH, "on")
        assert (text.value, text.reason) == ("", Reason.DISABLED)
        assert (number.value, number.reason) == (100.5, Reason.SPLIT)

    def test_gives_a_whole_number_only_where_it_is_one(self, client: OpenFeatureClient) -> None:
        # Without an account she is in no percentage, so the declared 10 is given.
        assert client.get_integer_value(LIMIT.key, 1) == 10
        assert client.get_integer_details(LIMIT.key, 1, EDITOR).error_code is ErrorCode.TYPE_MISMATCH

    def test_falls_back_to_the_callers_default(self, client: OpenFeatureClient) -> None:
        unknown = client.get_boolean_details("lists.unknown", True, EDITOR)
        mistaken = client.get_string_details(FASTER.key, "x", EDITOR)
        nameless = client.get_boolean_details(FASTER.key, True, EvaluationContext("somebody"))
        shaped = client.get_object_details(FASTER.key, {}, EDITOR)

        assert (unknown.value, unknown.error_code) == (True, ErrorCode.FLAG_NOT_FOUND)
        assert (mistaken.value, mistaken.error_code) == ("x", ErrorCode.TYPE_MISMATCH)
        assert (nameless.value, nameless.error_code) == (True, ErrorCode.INVALID_CONTEXT)
        assert shaped.error_code is ErrorCode.TYPE_MISMATCH
