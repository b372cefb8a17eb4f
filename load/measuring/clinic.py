"""One organisation with 10,000 patients' counts and its protocols, and people with names, for `load/cache.py`."""

from datetime import date
from uuid import UUID

import asyncpg
import msgspec

from bulk_assign import CONTENT
from healthprotocol.care.patients.model import Demographics
from healthprotocol.care.protocols import service as protocols
from healthprotocol.care.protocols.model import ProtocolContent
from healthprotocol.foundation.clock import system_clock
from healthprotocol.foundation.context import Actor
from healthprotocol.foundation.db.transaction import Database
from healthprotocol.foundation.ids import AccountId, OrganisationId, new_id

ORGANISATION = OrganisationId(new_id(system_clock()))
ACTOR = Actor(account_id=AccountId(new_id(system_clock())), organisation_id=ORGANISATION, role="clinician")
PATIENTS, PROTOCOLS, DAYS, ACTIVITIES = 10_000, 20, 90, 4


async def prepare(database: Database, admin_url: str) -> list[UUID]:
    """Make an organisation of 10,000 patients with their counts of three months; return its published protocols."""
    await open_organisation(database, ORGANISATION)
    made: list[UUID] = []
    for number in range(PROTOCOLS):
        async with database.transaction(ORGANISATION, actor=ACTOR) as tx:
            draft = await protocols.create(tx, ACTOR, content(number))
            await protocols.publish(tx, ACTOR, draft.protocol_id)
            made.append(draft.protocol_id)
    connection = await asyncpg.connect(admin_url)
    ids = [new_id(system_clock()) for _ in range(PATIENTS)]
    await connection.execute(
        """
        insert into patient (organisation_id, id, status, time_zone, created_at, created_by, updated_at)
        select $1, id, 'active', 'Europe/Berlin', now(), $3, now() from unnest($2::uuid[]) as id
        """,
        ORGANISATION, ids, ACTOR.account_id,
    )  # fmt: skip
    await connection.execute(
        """
        insert into assignment (organisation_id, id, patient_id, protocol_id, version, status, starts_on, ends_on,
          time_zone, segments, assigned_at, assigned_by, updated_at)
        select $1, id, id, $3, 1, 'active', current_date - 90, current_date, 'Europe/Berlin', '[]', now(), $4, now()
        from unnest($2::uuid[]) as id
        """,
        ORGANISATION, ids, made[0], ACTOR.account_id,
    )  # fmt: skip
    await connection.execute(
        """
        insert into adherence_month (organisation_id, assignment_id, month, patient_id, protocol_id, days, completed,
          skipped, missed, on_time)
        select $1, id, month::date, id, $3, array(select month::date + n from generate_series(0, 27) n),
          array(select n * 3 from generate_series(1, 28) n), array(select 0 from generate_series(1, 28)),
          array(select n / 3 from generate_series(1, 28) n), array(select n * 2 from generate_series(1, 28) n)
        from unnest($2::uuid[]) as id
        cross join generate_series(date_trunc('month', now()) - interval '3 months', now(), '1 month') month
        """,
        ORGANISATION, ids, made[0],
    )  # fmt: skip
    await connection.execute(
        """
        insert into adherence_sum
        select $1, protocol, current_date - day, 'activity-' || activity, 900, 10, 90, 700
        from unnest($2::uuid[]) protocol, generate_series(0, $3) day, generate_series(1, $4) activity
        """,
        ORGANISATION, made, DAYS, ACTIVITIES,
    )  # fmt: skip
    await connection.execute("analyze")
    await connection.close()
    return made


async def open_organisation(database: Database, organisation_id: OrganisationId) -> None:
    """Make an organisation with its keys."""
    async with database.transaction(organisation_id) as tx:
        await tx.execute(
            "insert into organisation (organisation_id, name, created_at, updated_at) values ($1, 'Delta', $2, $2)",
            tx.tenant, tx.now,
        )  # fmt: skip
        await tx.keys.create_organisation(tx)


def somebody(number: int) -> Demographics:
    """Return one of many people, of whom three in a hundred begin with the same two letters."""
    syllables = ("ri", "ver", "mol", "dau", "el", "be", "sa", "le", "un", "strut")
    name = "".join(syllables[number // 10**place % 10] for place in range(4))
    return Demographics(given_name="Anna", family_name=name.capitalize(), birth_date=date(1950, 1, 1 + number % 28))


def content(number: int) -> ProtocolContent:
    """Return what a protocol of a usual size says: 40 activities with instructions."""
    whole = CONTENT.phases[0]
    activities = tuple(
        msgspec.structs.replace(
            whole.activities[0], key=f"activity-{n}", instructions="Take it with water, and rest a little. " * 5
        )
        for n in range(40)
    )
    return msgspec.structs.replace(
        CONTENT, title=f"Protocol {number}", phases=(msgspec.structs.replace(whole, activities=activities),)
    )
