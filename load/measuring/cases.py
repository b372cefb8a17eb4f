"""What is asked for: every list by every field that it can be filtered and ordered by, and the dear reads."""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import msgspec

from healthprotocol.care.alerts.repository import ALERTS
from healthprotocol.care.assignments.repository import ASSIGNMENTS
from healthprotocol.care.entries.repository import ENTRIES
from healthprotocol.care.patients.repository import PATIENTS
from healthprotocol.care.protocols.repository import PROTOCOLS
from healthprotocol.foundation.db.listing.fields import Kind
from healthprotocol.foundation.db.listing.spec import ListingSpec
from healthprotocol.trust.accounts.repository.accounts import ACCOUNTS
from healthprotocol.trust.audit.repository import EVENTS
from measuring.door import Door

# Budgets are named by kind in budgets.json.
LISTS: dict[str, ListingSpec] = {
    "/patients": PATIENTS,
    "/protocols": PROTOCOLS,
    "/assignments": ASSIGNMENTS,
    "/entries": ENTRIES,
    "/alerts": ALERTS,
    "/audit": EVENTS,
    "/accounts": ACCOUNTS,
}
# Who may see a list, where it is not a clinician.
WHO = {"/audit": "auditor", "/accounts": "admin"}


class Case(msgspec.Struct, frozen=True):
    """One request, by whom, and the kind that its budget goes by; `queries` take turns, so that no two are alike."""

    kind: str
    name: str
    who: str
    path: str
    queries: tuple[dict[str, Any], ...] = ({},)
    paths: tuple[str, ...] = ()
    past_caches: bool = False


def list_cases(doors: dict[str, Door]) -> Iterator[Case]:
    """Yield every list unfiltered, by each filter, in each order both ways, and its second page."""
    for path, spec in LISTS.items():
        who = WHO.get(path, "clinician")
        first = doors[who].get(path, {"page_size": 50}).json
        yield Case("list", f"{path}", who, path)
        if first.get("next_page_token"):
            yield Case("list", f"{path} page 2", who, path, ({"page_token": first["next_page_token"]},))
        for condition in _filters(spec, first["items"]):
            yield Case("list", f"{path} {condition}"[:60], who, path, ({"filter": condition},))
        for name, field in spec.fields.items():
            if field.sortable:
                for order in (name, f"{name} desc"):
                    yield Case("list", f"{path} order {order}", who, path, ({"order_by": order},))


def tied_cases(doors: dict[str, Door]) -> Iterator[Case]:
    """Yield the entries of the protocol that all patients follow, and of those with few, with and without a range."""
    door = doors["clinician"]
    all_follow = door.get("/protocols", {"filter": 'title = "Blood pressure at home"'}).json["items"][0]["id"]
    plans = door.get("/assignments", {"page_size": 200}).json["items"]
    followed = sorted({item["protocol_id"] for item in plans} - {all_follow})
    ago = (datetime.now(UTC) - timedelta(days=30)).strftime("%Y-%m-%d")
    for place, protocol_id in enumerate([all_follow, *followed], start=1):
        tie = f'assignment.protocol_id = "{protocol_id}"'
        for bound in ("", f' AND effective_at >= "{ago}T00:00:00Z"', f' AND planned_on < "{ago}"'):
            yield Case(
                "list", f"/entries of protocol {place}{bound}"[:60], "clinician", "/entries", ({"filter": tie + bound},)
            )


def _filters(spec: ListingSpec, items: list[dict[str, Any]]) -> Iterator[str]:
    """Yield a filter for each field, and one for each group that is found together only."""
    for name, field in spec.fields.items():
        if not field.part_of:
            yield from conditions(name, field, items)
    for compound in spec.compounds.values():
        parts = [next(conditions(name, spec.fields[name], items), None) for name in compound.parts]
        if None not in parts:
            yield " AND ".join(part for part in parts if part)


def conditions(name: str, field: Any, items: list[dict[str, Any]], tied: dict[str, str] | None = None) -> Iterator[str]:
    """Yield the filters of a field, with a value that occurs where there is one; `tied` are values of other tables."""
    value = next((item[name] for item in items if item.get(name) is not None), (tied or {}).get(name))
    if field.part_of:
        # Found by the whole value only.
        if value is not None:
            yield f'{name} = "{value}"'
        return
    if field.kind is Kind.CHOICE:
        for choice in field.values:
            yield f'{name} = "{choice}"'
    elif field.kind is Kind.BOOLEAN:
        yield f"{name} = true"
    elif field.kind in {Kind.TIMESTAMP, Kind.DATE}:
        month_ago = datetime.now(UTC) - timedelta(days=30)
        text = month_ago.date().isoformat() if field.kind is Kind.DATE else month_ago.strftime("%Y-%m-%dT%H:%M:%SZ")
        yield f'{name} >= "{text}"'
        yield f'{name} < "{text}"'
    elif isinstance(value, list):
        if value:
            yield f'{name} : "{value[0]}"'
    elif value is not None:
        yield f"{name} = {value}" if field.kind is Kind.INTEGER else f'{name} = "{value}"'


def search_cases(doors: dict[str, Door]) -> Iterator[Case]:
    """Yield searches for a person by what finds her exactly, and through the library."""
    door = doors["clinician"]
    one = door.get("/patients", {"page_size": 1}).json["items"][0]
    person = door.get(f"/patients/{one['id']}").json
    for what in (person["email"], person["phone"], person["identifiers"][0]["value"]):
        yield Case("list", f"/patients q={what[:4]}…", "clinician", "/patients", ({"q": what},))
    yield Case("list", "/protocols q=library", "clinician", "/protocols", ({"q": "library"},))
    yield Case("search", "/patients by part of a name", "clinician", "/patients", ({"q": one["family_name"][:4]},))
    yield Case("search", "/patients order name", "clinician", "/patients", ({"order_by": "name"},))


def dear_cases(doors: dict[str, Door], *, at: datetime) -> Iterator[Case]:
    """Yield what is computed: days, dashboards, cohorts, plans."""
    door, today = doors["clinician"], at.date()
    people = [one["patient_id"] for one in door.get("/assignments", {"page_size": 200}).json["items"]]
    people = list(dict.fromkeys(people))[:60]
    yield Case("today", "today of a patient", "clinician", "", paths=tuple(f"/patients/{one}/today" for one in people))
    since = {"from": (today - timedelta(days=28)).isoformat(), "to": today.isoformat()}
    for group, size in (("patient", 200), ("protocol", 50), ("assignment", 50)):
        queries = ({"group_by": group, "page_size": size, "order_by": "ratio", **since},)
        name = f"dashboard: {group}s of 28 days"
        yield Case("dashboard cold", f"{name}, cold", "clinician", "/adherence", queries, past_caches=True)
        yield Case("dashboard cached", f"{name}, cached", "clinician", "/adherence", queries)
    first = door.get("/protocols", {"filter": 'title = "Blood pressure at home"'}).json["items"][0]["id"]
    yield Case(
        "cohort", "adherence of the cohort, 90 days", "clinician", f"/protocols/{first}/adherence", past_caches=True
    )
    year = {"from": (today - timedelta(days=364)).isoformat(), "to": today.isoformat()}
    yield Case(
        "cohort",
        "adherence of the cohort, a year",
        "clinician",
        f"/protocols/{first}/adherence",
        (year,),
        past_caches=True,
    )
    yield Case("cohort", "adherence of all, 90 days", "clinician", "/organisation/adherence", past_caches=True)
    for what in ("adherence", "measurements"):
        paths = tuple(f"/patients/{one}/{what}" for one in people)
        yield Case("person", f"{what} of a patient", "clinician", "", paths=paths)
    yield Case("person", "a patient", "clinician", "", paths=tuple(f"/patients/{one}" for one in people))
    library = door.get("/protocols", {"filter": 'title = "Protocol 001 of the library"'}).json["items"][0]["id"]
    yield Case("person", "versions of a protocol (26)", "clinician", f"/protocols/{library}/versions")
