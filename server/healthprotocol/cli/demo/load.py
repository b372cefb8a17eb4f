"""`healthprotocol demo load`: the two clinics of the demo, into a database without organisations."""

from datetime import datetime

import msgspec

from healthprotocol.care.adherence import service as adherence
from healthprotocol.care.alerts import service as alerts
from healthprotocol.cli.demo.chronicle import Advance, write_down
from healthprotocol.cli.demo.clinic import OpenClinic, fill, open_clinic
from healthprotocol.cli.demo.people import PASSWORD, clinics
from healthprotocol.foundation.db.transaction import Database
from healthprotocol.trust.accounts.service import PasswordHasher


class Loaded(msgspec.Struct, frozen=True):
    """What a clinic of the demo holds."""

    organisation: str
    accounts: tuple[str, ...]
    protocols: int
    patients: int
    assignments: int
    entries: int


async def load(database: Database, *, now: datetime, advance: Advance) -> list[Loaded]:
    """
    Load both clinics as of `now`, through the services, each act at the time when it would have happened.

    Raises what a service raises: then the database holds half a demo and is to be emptied.
    """
    hasher = PasswordHasher()
    try:
        password_hash = await hasher.hash(PASSWORD)
    finally:
        hasher.close()
    loaded: list[Loaded] = []
    for clinic in clinics():
        opened = await open_clinic(database, clinic, password_hash=password_hash, now=now)
        await fill(database, opened, password_hash=password_hash, now=now)
        written = await write_down(database, opened, now=now, advance=advance)
        await _catch_up(database, opened, now=now)
        loaded.append(
            Loaded(
                organisation=clinic.name,
                accounts=tuple(account.email for account in clinic.accounts),
                protocols=len(opened.protocols),
                patients=len(opened.patients),
                assignments=len(opened.assigned),
                entries=written,
            )
        )
    return loaded


async def _catch_up(database: Database, opened: OpenClinic, *, now: datetime) -> None:
    """Make the counts and alerts that the worker would make within minutes: the first look is not empty."""
    left = 1
    while left:
        async with database.transaction(opened.organisation_id, now=now) as tx:
            left = await adherence.refresh(tx) + await alerts.look(tx)
