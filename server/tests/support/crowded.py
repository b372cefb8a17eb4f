"""
A database that PostgreSQL believes to be large: some thousand rows a table, that count as ten million.

The statistics of the columns are those of real rows (ANALYZE); only the number of rows is told, by raising the density
that the planner multiplies the real pages with. So what is shown is which plan is chosen at that size, not how long it
runs: `load/plans.py` reads the same plans on real rows.
"""

import asyncpg

from healthprotocol.foundation.ids import OrganisationId

BELIEVED_ROWS = 10_000_000
TENANTS = 20
ROWS = 4_000

# `i` counts the rows; `t` is the tenant, the first of which is the one that asks.
_FILL = [
    """
    insert into organisation (organisation_id, name, created_at, updated_at)
    select uuidv7(), 'Clinic ' || n, now(), now()
    from generate_series(2, $1) as n
    where $2::int > 0 and $3::uuid is not null
    """,
    """
    create temporary table tenant as
    select organisation_id as t, row_number() over (order by organisation_id <> $3) - 1 as n
    from organisation
    where $1::int > 0 and $2::int > 0
    """,
    """
    create temporary table row as
    select i, t, uuidv7(make_interval(mins => -20 * i)) as id, now() - make_interval(mins => 20 * i) as at
    from generate_series(1, $2::int) as i
    join tenant on n = i % $1
    where $3::uuid is not null
    """,
]
_TABLES = {
    "patient": """
        insert into patient (organisation_id, id, status, email_bidx, phone_bidx, name_birth_bidx, time_zone,
          created_at, created_by, updated_at)
        select t, id, case i % 3 when 0 then 'archived' else 'active' end, uuid_send(id), uuid_send(id), uuid_send(id),
          'Zone/' || i % 30, at, id, at from row""",
    "patient_identifier": """
        insert into patient_identifier (organisation_id, patient_id, position, system, value_ct, value_bidx)
        select t, id, 0, 'urn:s' || i % 3, 'x', uuid_send(id) from row""",
    "protocol": """
        insert into protocol (organisation_id, id, status, title, category, tags, latest_version, active_version,
          published_at, created_at, created_by, updated_at)
        select t, id, (array['draft', 'active', 'retired'])[1 + i % 3], 'Walk ' || i, 'c' || i % 9,
          array['tag' || i % 50], 1 + i % 12, 1, at, at, id, at from row""",
    "protocol_version": """
        insert into protocol_version (organisation_id, protocol_id, version, status, content, created_at, created_by,
          updated_at)
        select t, id, 1 + i % 12, 'active', '{"title": "Walk", "duration_days": 3}', at, id, at from row""",
    "assignment": """
        insert into assignment (organisation_id, id, patient_id, protocol_id, version, status, starts_on, ends_on,
          time_zone, segments, assigned_at, assigned_by, updated_at)
        select t, id, id, id, 1 + i % 12, (array['proposed', 'active', 'paused', 'completed', 'stopped'])[1 + i % 5],
          at::date, at::date + 20, 'UTC', jsonb_build_array(
            jsonb_build_object('version', 1 + i % 12, 'from_on', at::date, 'plan_starts_on', at::date)
          ), at, id, at
        from row""",
    "entry": """
        insert into entry (organisation_id, id, patient_id, assignment_id, activity_key, occurrence_id, planned_on,
          outcome, late, client_id, effective_at, recorded_at, recorded_by)
        select t, id, id, id, 'key' || i % 40, 'occ' || i, at::date,
          case when i % 11 = 0 then 'skipped' when i % 13 = 0 then 'retracted' else 'completed' end, i % 9 = 0, id, at,
          at, id from row""",
    "alert": """
        insert into alert (organisation_id, id, patient_id, assignment_id, rule, activity_key, severity, status,
          opened_at, ended_at, escalated_at, resolved_at)
        select t, id, id, id,
          (array['value_out_of_range', 'score_high', 'missed_in_row', 'adherence_low', 'no_entry'])[1 + i % 5],
          'key' || i % 40, (array['low', 'moderate', 'high'])[1 + i % 3],
          case i % 4 when 0 then 'open' else 'resolved' end, at, at,
          case i % 5 when 0 then at end, case when i % 4 <> 0 then at end from row""",
    # Nobody holds the keys of these rows, so the tenant that asks has none with ciphertext.
    "account": """
        insert into account (organisation_id, id, role, status, email_ct, email_index, patient_id, created_by,
          created_at, updated_at, revision)
        select t, id,
          case when i % 20 = 0 then 'service' else (array['admin', 'clinician', 'patient'])[1 + i % 3] end,
          (array['active', 'disabled'])[1 + i % 2], case when i % 20 > 0 then 'x'::bytea end,
          case when i % 20 > 0 then uuid_send(id) end, case when i % 20 > 0 and i % 3 = 2 then id end, id, at, at, 1
        from row""",
    "api_token": """
        insert into api_token (organisation_id, id, account_id, token_hash, name, scopes, created_by, created_at,
          expires_at, revoked_at)
        select t, id, id, uuid_send(id), 'token ' || i, '{}', id, at, at + '10 days', case i % 4 when 0 then at end
        from row""",
    "audit_event": """
        insert into audit_event (organisation_id, at, id, actor_id, actor_role, action, object_type, object_id,
          subject_id, subject_ids, outcome, purpose, request_id, salt, leaf)
        select t, at, id, (select id from row where i = r.i % 97), 'role' || i % 6, 'thing' || i % 30 || '.read',
          'thing' || i % 30, id, id, case i % 2 when 0 then array[id] else '{}' end,
          case i % 50 when 0 then 'denied' else 'success' end, 'TREAT', 'request-' || i, 'x', 'x' from row as r""",
}


async def crowd(connection: asyncpg.Connection, organisation_id: OrganisationId) -> None:
    """Fill the tables of a superuser's connection; `organisation_id`, which stands already, is who will ask."""
    for statement in _FILL:
        await connection.execute(statement, TENANTS, ROWS, organisation_id)
    for statement in _TABLES.values():
        await connection.execute(statement)
    # Tables that were never looked at are taken to have ten pages; empty partitions are to count as empty.
    await connection.execute("analyze")
    await connection.execute(
        """
        update pg_class c
        set reltuples = c.reltuples * $1
        where c.relnamespace = 'public'::regnamespace and c.relkind in ('r', 'i') and c.reltuples > 0
        """,
        BELIEVED_ROWS / ROWS,
    )
