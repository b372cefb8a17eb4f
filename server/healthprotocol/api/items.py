"""
Bulk writes on one kind of thing: a list of items, each with its own result, or with `atomic` all of them or none.

A body is `{"items": [...], "atomic": false}`; the answer is 207 with a result an item, in their order. What cannot be
read is told like what cannot be done.
"""

from collections.abc import Awaitable, Callable, Sequence
from typing import Annotated, Any, Generic, TypeVar

import msgspec

from healthprotocol.api.body import Further, decode_body
from healthprotocol.api.gate import Gate
from healthprotocol.api.problem import problem_members
from healthprotocol.api.routing import Answer, Declare, Handler
from healthprotocol.foundation.db.transaction import Transaction
from healthprotocol.foundation.errors import Invalid, Problem, Violation

T = TypeVar("T")
V = TypeVar("V")

Revision = Annotated[int, msgspec.Meta(ge=1)]
Tag = Annotated[str, msgspec.Meta(pattern='^(W/)?"?r[1-9][0-9]{0,8}"?$')]

MOST_ITEMS = 500
_MOST_TOLD = 100


class Items(msgspec.Struct, Generic[T], kw_only=True, forbid_unknown_fields=True, frozen=True):
    """Up to 500 items; with `atomic` one that fails makes all fail, without it stops no other."""

    items: Annotated[list[T], msgspec.Meta(min_length=1, max_length=MOST_ITEMS)]
    atomic: bool = False


class ItemResult(msgspec.Struct, Generic[T], frozen=True, omit_defaults=True, kw_only=True):
    """
    What became of the item at place `index`, from 0: the `item` as it is now, or a `problem`.

    `etag` is the item's revision, such as "r3": what an item of a bulk update or delete, or If-Match, takes again.
    """

    index: int
    status: int
    etag: str | None = None
    item: T | None = None
    problem: dict[str, Any] | None = None


class ItemResults(msgspec.Struct, Generic[T], frozen=True):
    """The results, in the order of the items."""

    results: list[ItemResult[T]]


class ItemsFailed(Invalid):
    """
    Some items of an atomic request failed, so none was kept.

    Remedy: mend the items that `errors` points at, or send the request without `atomic`.
    """

    title = "Some items failed, and nothing was kept"


class _Raw(msgspec.Struct, forbid_unknown_fields=True, frozen=True):
    """A request whose items are not looked into yet: one that cannot be read must not spoil the others."""

    items: Annotated[list[msgspec.Raw], msgspec.Meta(min_length=1, max_length=MOST_ITEMS)]
    atomic: bool = False


def bulk(
    declare: Declare, path: str, *, policy: str, item: Any, returns: Any, summary: str
) -> Callable[[Handler], Any]:
    """Declare a bulk write of up to 500 `item`s; `returns` is what each becomes."""
    return declare.post(
        path, policy=policy, returns=ItemResults[returns], body=Items[item], status=207, summary=summary
    )


Outcome = V | Problem
Work = Callable[[Transaction, Sequence[T]], Awaitable[Sequence[Outcome[V]]]]


async def write_items(
    gate: Gate,
    kind: type[T],
    work: Work[T, V],
    shape: Callable[[V], Any],
    *,
    status: int = 200,
    further: Further[T] | None = None,
) -> Answer:
    """
    Read the items as `kind`, have `work` do those that could be read, and answer with a result each.

    `work` returns for each item in order what it became, or the problem it met. `status` is that of a done item;
    `further` says what else stands against one that cannot be read. Raises ItemsFailed when the request is atomic and
    an item failed.
    """
    request = decode_body(await gate.raw_body(), _Raw)
    read = [_read(bytes(raw), kind, further) for raw in request.items]

    async def act(tx: Transaction) -> list[Outcome[V]]:
        done = iter(await work(tx, [one for one in read if not isinstance(one, Problem)]))
        outcomes: list[Outcome[V]] = [one if isinstance(one, Problem) else next(done) for one in read]
        if request.atomic and (failed := _violations(outcomes)):
            raise ItemsFailed(violations=failed)
        return outcomes

    def shaped(outcomes: Sequence[Outcome[V]]) -> ItemResults[Any]:
        return ItemResults([_result(gate, index, one, shape, status) for index, one in enumerate(outcomes)])

    return await gate.write(act, shaped, status_of=lambda _: 207)


def expected_revision(revision: int | None, etag: str | None) -> int | None:
    """Return the revision that an item names by its number or its tag, None for any. Raises Invalid for both."""
    if etag is None:
        return revision
    if revision is not None:
        raise Invalid(violations=[Violation("/etag", "not_allowed", "Give `revision` or `etag`, not both.")])
    return int(etag.removeprefix("W/").strip('"').removeprefix("r"))


def one_by_one(
    act: Callable[[Transaction, T], Awaitable[V]],
    *,
    hold: Callable[[Transaction, Sequence[T]], Awaitable[None]] | None = None,
) -> Work[T, V]:
    """
    Return work that does each item by itself; one that meets a problem is undone and stops no other.

    `hold` has others who want the same things wait until the commit. It takes them in one order whatever the items'
    is: so of two requests for the same things one waits for the other, and neither is broken off for the other's sake.
    """

    async def work(tx: Transaction, items: Sequence[T]) -> list[Outcome[V]]:
        if hold is not None and len(items) > 1:
            await hold(tx, items)
        outcomes: list[Outcome[V]] = []
        for item in items:
            try:
                async with tx.attempt():
                    outcomes.append(await act(tx, item))
            except Problem as problem:
                # A database that is away is away for all of them.
                if problem.retryable:
                    raise
                outcomes.append(problem)
        return outcomes

    return work


def _read(body: bytes, kind: type[T], further: Further[T] | None) -> T | Problem:
    try:
        return decode_body(body, kind, further=further)
    except Problem as problem:
        return problem


def _violations(outcomes: Sequence[Any]) -> list[Violation]:
    """Return what failed, each pointer moved into the request."""
    found: list[Violation] = []
    for index, problem in enumerate(outcomes):
        if isinstance(problem, Problem):
            place = f"/items/{index}"
            own = problem.violations or [Violation("", "failed", problem.detail or problem.title)]
            found += [Violation(place + one.pointer, one.code, one.detail) for one in own]
    return found[:_MOST_TOLD]


def _result(gate: Gate, index: int, outcome: Any, shape: Callable[[Any], Any], status: int) -> ItemResult[Any]:
    if isinstance(outcome, Problem):
        members = problem_members(outcome, gate.context.request_id)
        return ItemResult(index=index, status=outcome.status, problem=members)
    revision = getattr(outcome, "revision", None)
    etag = f"r{revision}" if isinstance(revision, int) else None
    return ItemResult(index=index, status=status, etag=etag, item=shape(outcome))
