"""
The flags of a process for code that speaks OpenFeature (https://openfeature.dev).

Import it only where it is used: the SDK takes 50 ms, which no server start needs.

    api.set_provider(FlagsProvider(flags, clock))
    client = api.get_client()
    client.get_boolean_value("lists.faster", False, EvaluationContext(account_id, {"organisation_id": …, "role": …}))
"""

from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from typing import Any, TypeVar
from uuid import UUID

from openfeature.evaluation_context import EvaluationContext
from openfeature.exception import ErrorCode
from openfeature.flag_evaluation import FlagResolutionDetails, FlagValueType, Reason
from openfeature.provider import AbstractProvider, Metadata

from healthprotocol.foundation.flags.model import Caller, Kind
from healthprotocol.foundation.flags.runtime import Flags

T = TypeVar("T")
_NOBODY = UUID(int=0)


class FlagsProvider(AbstractProvider):
    """
    Resolves from the tables of `flags`.

    The targeting key is the account's id; the attributes `organisation_id` and
    `role` say the rest. An unknown flag, one of another type, or an id that is none gives the caller's default.
    """

    def __init__(self, flags: Flags, clock: Callable[[], datetime]) -> None:
        super().__init__()
        self._flags = flags
        self._clock = clock

    def get_metadata(self) -> Metadata:
        """Return the provider's name."""
        return Metadata(name="healthprotocol")

    def resolve_boolean_details(
        self,
        flag_key: str,
        default_value: bool,  # noqa: FBT001 - OpenFeature's own signature
        evaluation_context: EvaluationContext | None = None,
    ) -> FlagResolutionDetails[bool]:
        """Resolve a boolean flag."""
        return self._resolve(flag_key, default_value, evaluation_context, Kind.BOOLEAN)

    def resolve_string_details(
        self, flag_key: str, default_value: str, evaluation_context: EvaluationContext | None = None
    ) -> FlagResolutionDetails[str]:
        """Resolve a flag of texts."""
        return self._resolve(flag_key, default_value, evaluation_context, Kind.STRING)

    def resolve_integer_details(
        self, flag_key: str, default_value: int, evaluation_context: EvaluationContext | None = None
    ) -> FlagResolutionDetails[int]:
        """Resolve a flag of numbers as a whole number; a value that is none is a mismatch."""
        details = self._resolve(flag_key, default_value, evaluation_context, Kind.NUMBER)
        if float(details.value).is_integer():
            details.value = int(details.value)
            return details
        return _failed(default_value, ErrorCode.TYPE_MISMATCH, "the value is not a whole number")

    def resolve_float_details(
        self, flag_key: str, default_value: float, evaluation_context: EvaluationContext | None = None
    ) -> FlagResolutionDetails[float]:
        """Resolve a flag of numbers."""
        return self._resolve(flag_key, default_value, evaluation_context, Kind.NUMBER)

    def resolve_object_details(
        self,
        flag_key: str,
        default_value: Sequence[FlagValueType] | Mapping[str, FlagValueType],
        evaluation_context: EvaluationContext | None = None,
    ) -> FlagResolutionDetails[Sequence[FlagValueType] | Mapping[str, FlagValueType]]:
        """Refuse: no flag of ours is an object."""
        del flag_key, evaluation_context
        return _failed(default_value, ErrorCode.TYPE_MISMATCH, "no flag has objects for values")

    def _resolve(
        self, key: str, default: Any, context: EvaluationContext | None, kind: Kind
    ) -> FlagResolutionDetails[Any]:
        flag = self._flags.registry.get(key)
        if flag is None:
            return _failed(default, ErrorCode.FLAG_NOT_FOUND, "the code declares no such flag")
        if flag.kind is not kind:
            return _failed(default, ErrorCode.TYPE_MISMATCH, f"the flag is a {flag.kind}")
        try:
            caller = _caller(context or EvaluationContext())
        except ValueError:
            return _failed(default, ErrorCode.INVALID_CONTEXT, "an id of the context is no UUID")
        decision = self._flags.decide(flag, caller, self._clock())
        if decision.reason.value == Reason.ERROR.value:
            return _failed(default, ErrorCode.PARSE_ERROR, "what was decided about the flag cannot be")
        return FlagResolutionDetails(
            value=decision.value,
            reason=Reason(decision.reason.value),
            variant=decision.variant,
            flag_metadata={"cause": decision.cause.value, "owner": flag.owner},
        )


def _caller(context: EvaluationContext) -> Caller:
    organisation_id = context.attributes.get("organisation_id")
    role = context.attributes.get("role", "")
    return Caller(
        UUID(str(organisation_id)) if organisation_id else _NOBODY,
        UUID(context.targeting_key) if context.targeting_key else None,
        str(role),
    )


def _failed(default: T, code: ErrorCode, message: str) -> FlagResolutionDetails[T]:
    return FlagResolutionDetails(value=default, reason=Reason.ERROR, error_code=code, error_message=message)
