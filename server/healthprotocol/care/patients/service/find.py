"""
Lists of patients, in any order, and searches for them.

Names are ciphertext, so PostgreSQL neither orders by them nor finds a part of one: an organisation's names are read
once and kept in this process's memory until one of them changes, for five minutes at most.
"""

from collections.abc import Awaitable, Callable, Collection, Sequence
from uuid import UUID

import msgspec

from healthprotocol.care.patients import repository, rules
from healthprotocol.care.patients.errors import SearchTooBroad
from healthprotocol.care.patients.model import PatientRow, Roster
from healthprotocol.care.patients.service.people import EVERYBODY, NAMES, record_list
from healthprotocol.foundation.cache import CacheSpec
from healthprotocol.foundation.context import Actor
from healthprotocol.foundation.db.listing import Asked, Listing, Page, counted, integer, seal, text, unseal
from healthprotocol.foundation.db.transaction import Transaction
from healthprotocol.foundation.errors import BadRequest, Violation
from healthprotocol.foundation.resilience.bulkhead import Bulkhead
from healthprotocol.trust.access import service as access

MAX_SEARCHED = 10_000
LONGEST_IDENTIFIER = 100
LISTING = repository.PATIENTS

# Memory only: these are names. It takes a tenth of a second to read ten thousand of them, and a search a millisecond.
# None is known of an organisation with too many patients. Exact: whoever looks for somebody just enrolled, by whomever
# and wherever, and finds nobody, would enrol her again.
ROSTERS: CacheSpec[Roster] = CacheSpec(
    name="patient_names",
    kind=Roster,
    fresh_seconds=240.0,
    stale_seconds=290.0,
    negative_seconds=290.0,
    share=0.2,
    exact=True,
)

# Reading every name is the one dear search: two at a time in a process leave room for all else.
_reading = Bulkhead("search by name", places=2, wait_seconds=2.0)

_ID_FIELD, _PLACE_FIELD = text("p.id", sortable=True), integer("place", sortable=True)
_TOKEN_FAULT = Violation(
    "/page_token", "page_token_invalid", "The page token does not belong to this search. Begin again without one."
)


async def page(tx: Transaction, actor: Actor, query: Asked, *, q: str = "") -> Page[PatientRow]:
    """
    Return a page of the patients within sight. With `q` they come by family name, unless another order is asked for.

    More than 10,000 are not put in order of their names, which are ciphertext: then the newest come first. Raises
    BadRequest, SearchTooBroad, QueryTooCostly.
    """
    sight = await access.sight(tx, actor)
    given = query.order_by.strip()
    by_name = rules.order_of_names(given)
    is_search = bool(q.strip()) or sight.only is not None
    if is_search or by_name:
        asked = msgspec.structs.replace(query, order_by="" if by_name else given, page_token=None)
        listing = await LISTING.ask(tx, asked)
        found = await _found(tx, q, listing, only=sight.only)
        if found is None and is_search:
            raise SearchTooBroad("Search by e-mail, phone, identifier, or surname with birth date (Elbe 1950-03-02).")
        if found is not None:
            order = by_name or (listing.order.text if given else rules.NAMES_FORWARD)
            if order == rules.NAMES_BACKWARD:
                found = found[::-1]
            elif order != rules.NAMES_FORWARD:
                found = await repository.in_order(tx, found, listing)
            binding = (str(tx.tenant), "patients.by_name", order, q.strip(), query.filter.strip())
            seen = [one for one in found if sight.includes(one)]
            page = await _slice(tx, seen, listing, binding=binding, token=query.page_token)
            await record_list(tx, actor, [row.id for row in page.items])
            return page
        query = msgspec.structs.replace(query, order_by="")
    page = await repository.page(tx, await LISTING.ask(tx, query))
    await record_list(tx, actor, [row.id for row in page.items])
    return page


async def _found(tx: Transaction, q: str, listing: Listing, *, only: Collection[UUID] | None) -> list[UUID] | None:
    """Return whom a search finds, in order of their names; None where more than 10,000 names would have to be read."""
    search = rules.read_search(q)
    # A word with a digit in it may be a birth date; no other asks for one.
    with_birth_date = any(character.isdigit() for character in search.text)
    if only is not None:
        return await _read(tx, search.text, listing, only=list(only), with_birth_date=with_birth_date)
    ids = await _indexed(tx, search, q.strip())
    if ids:
        people = await repository.names(tx, ids, listing, limit=MAX_SEARCHED)
        return list(rules.roster(people).ids)
    if search.kind != "name":
        return []
    everybody = await tx.cache.get(
        ROSTERS, with_birth_date, _everybody(with_birth_date=with_birth_date), tags=[NAMES, EVERYBODY]
    )
    if everybody is None:
        if await repository.is_more_than(tx, listing, MAX_SEARCHED):
            return None
        async with _reading:
            return await _read(tx, search.text, listing, only=None, with_birth_date=with_birth_date)
    found = rules.found(everybody, search.text)
    if found and listing.shape.settled.node is not None:
        chosen = await repository.among(tx, found, listing)
        found = [one for one in found if one in chosen]
    return found


async def _read(
    tx: Transaction, words: str, listing: Listing, *, only: list[UUID] | None, with_birth_date: bool
) -> list[UUID]:
    people = await repository.names(tx, only, listing, limit=MAX_SEARCHED, with_birth_date=with_birth_date)
    return rules.found(rules.roster(people), words)


def _everybody(*, with_birth_date: bool) -> Callable[[Transaction], Awaitable[Roster | None]]:
    async def load(tx: Transaction) -> Roster | None:
        if await repository.is_more_than(tx, await LISTING.ask(tx, Asked()), MAX_SEARCHED):
            return None
        async with _reading:
            people = await repository.names(tx, None, limit=MAX_SEARCHED, with_birth_date=with_birth_date)
        return rules.roster(people)

    return load


async def _indexed(tx: Transaction, search: rules.Search, text: str) -> list[UUID]:
    try:
        if search.kind == "email":
            return await repository.find_by_email(tx, search.text)
        if search.kind == "phone":
            return await repository.find_by_phone(tx, search.text)
    except ValueError:
        return []
    if search.kind == "name_birth" and search.birth_date is not None:
        return await repository.find_by_name_birth(tx, search.text, search.birth_date)
    # A record number has a digit; a name seldom has.
    if any(character.isdigit() for character in text) and len(text) <= LONGEST_IDENTIFIER:
        return await repository.find_by_identifier(tx, text)
    return []


async def _slice(
    tx: Transaction, ordered: Sequence[UUID], listing: Listing, *, binding: tuple[str, ...], token: str | None
) -> Page[PatientRow]:
    """
    Page over people in the order that they come in.

    The token holds an id and its place, never a name: the order is found again. Were the person gone, the next page
    begins at that place, and not with the first page once more.
    """
    signer = tx.keys.signer("page_token")
    start = 0
    if token:
        last = unseal(token, [_ID_FIELD, _PLACE_FIELD], binding=binding, signer=signer)
        if last is None:
            raise BadRequest(violations=[_TOKEN_FAULT])
        held = UUID(str(last[0])) if last[0] else None
        start = ordered.index(held) + 1 if held in ordered else int(str(last[1]))
    end = start + listing.page_size

    def after(place: int) -> str:
        # The page behind this place; the first page is behind nobody.
        held = str(ordered[place]) if place >= 0 else ""
        return seal([held, max(place, 0)], binding=binding, signer=signer)

    rows: dict[UUID, PatientRow] = {row.id: row for row in await repository.rows_of(tx, ordered[start:end])}
    page = Page(
        [rows[one] for one in ordered[start:end] if one in rows],
        next_page_token=after(end - 1) if end < len(ordered) else None,
        previous_page_token=after(min(start, len(ordered)) - listing.page_size - 1) if start > 0 else None,
    )
    most = listing.count_up_to
    return page if most is None else counted(page, len(ordered), most=most)
