"""Checkers of the database's own catalogue: what every table, column, index and function must say and be."""

from typing import Any, TypeAlias

import asyncpg

from tests.architecture.findings import Findings

Connection: TypeAlias = "asyncpg.Connection[Any]"

# Tables without a tenant, each with the reason why none belongs there.
WITHOUT_TENANT = {
    "public.alembic_version": "the schema's own version",
    "public.schema_revision": "what was applied to the schema",
    "public.schema_step": "how far a migration is",
    "public.schema_kept": "where the rows of an undone migration are",
    "pgqueuer.pgqueuer": "jobs of all tenants: a payload holds ids only, and its handler opens the tenant",
    "pgqueuer.pgqueuer_log": "what became of jobs",
    "pgqueuer.pgqueuer_schedules": "what recurs",
    "pgqueuer.pgqueuer_statistics": "finished jobs, counted",
}

# Functions that run with the rights of their owner, read by a person; a new one is read before it is added.
DEFINERS = {
    "public.hp_organisations",
    "public.ensure_month_partitions",
    "public.hp_cache_epochs",
    "public.hp_protocols_with_words",
    "public.hp_protocols_tagged",
    "public.hp_audit_of_shown",
    "public.hp_running_rollouts",
}

_OURS = "n.nspname not in ('pg_catalog', 'information_schema') and n.nspname not like 'pg\\_%'"

_TABLES = f"""
select n.nspname || '.' || c.relname as name, c.relkind::text as kind, c.relrowsecurity as secured,
       c.relforcerowsecurity as forced, obj_description(c.oid, 'pg_class') as comment, c.oid,
       c.relispartition as is_partition, c.reloptions as options,
       has_table_privilege('hp_app', c.oid, 'select, insert, update, delete') as reached,
       exists (select from pg_attribute a where a.attrelid = c.oid and a.attname = 'organisation_id') as has_tenant
from pg_class c
join pg_namespace n on n.oid = c.relnamespace
where c.relkind in ('r', 'p', 'v', 'm') and {_OURS}
  and not exists (select from pg_depend d where d.objid = c.oid and d.deptype = 'e')
order by 1
"""

_COLUMNS = """
select a.attname as name, format_type(a.atttypid, a.atttypmod) as type, col_description(a.attrelid, a.attnum) as comment
from pg_attribute a
where a.attrelid = $1 and a.attnum > 0 and not a.attisdropped
order by a.attnum
"""

_POLICIES = """
select polname as name, polcmd::text as command, polroles::text as roles,
       polqual is not null as hides, polwithcheck is not null as checks
from pg_policy where polrelid = $1
"""

_UNIQUE = """
select i.indexrelid::regclass::text as name, i.indisprimary as is_primary,
       (select attname from pg_attribute a where a.attrelid = i.indrelid and a.attnum = i.indkey[0]) as first_column
from pg_index i where i.indrelid = $1 and i.indisunique
"""

_FOREIGN = """
select conname as name,
       exists (
         select from unnest(conkey) k join pg_attribute a on a.attrelid = conrelid and a.attnum = k
         where a.attname = 'organisation_id'
       ) as names_tenant
from pg_constraint where contype = 'f' and conrelid = $1
"""

_DEFINERS = f"""
select n.nspname || '.' || p.proname as name, p.proconfig as settings,
       has_function_privilege('public', p.oid, 'execute') as open_to_all
from pg_proc p join pg_namespace n on n.oid = p.pronamespace
where p.prosecdef and {_OURS}
  and not exists (select from pg_depend d where d.objid = p.oid and d.deptype = 'e')
"""

_ROLE = """
select r.rolname as name, r.rolsuper as is_superuser, r.rolbypassrls as bypasses, r.rolcreaterole as makes_roles,
       r.rolcreatedb as makes_databases,
       exists (
         select from pg_class c where pg_has_role(current_user, c.relowner, 'member')
       ) as owns
from pg_roles r where pg_has_role(current_user, r.oid, 'member')
"""


async def column_classes(connection: Connection) -> Findings:
    """Every table and column says its class; what is health or identity is bytes, because it is ciphertext."""
    found = Findings()
    for table in await connection.fetch(_TABLES):
        if table["is_partition"]:
            continue
        _require_class(found, table["name"], table["comment"])
        for column in await connection.fetch(_COLUMNS, table["oid"]):
            found.looked_at += 1
            name = f"{table['name']}.{column['name']}"
            kind = _require_class(found, name, column["comment"])
            if kind in {"health", "identity"} and column["type"] != "bytea":
                found.trespasses.append(f"{name} is {kind} and {column['type']}, not bytea")
            if kind == "operational" and column["name"].endswith("_ct"):
                found.trespasses.append(f"{name} is called ciphertext and classed operational")
    return found


async def row_security(connection: Connection) -> Findings:
    """Every tenant table has row-level security, forced, with a policy on reading and writing by tenant."""
    found = Findings()
    for table in await connection.fetch(_TABLES):
        name = table["name"]
        found.looked_at += 1
        if table["is_partition"] and not table["reached"]:
            # Rows come through the parent only, whose policies hold then.
            continue
        if table["kind"] in {"v", "m"}:
            if "security_invoker=true" not in (table["options"] or []):
                found.trespasses.append(f"{name} is a view without security_invoker")
        elif not table["has_tenant"]:
            if name not in WITHOUT_TENANT:
                found.trespasses.append(f"{name} has no organisation_id")
        elif not (table["secured"] and table["forced"]):
            found.trespasses.append(f"{name} lacks forced row-level security")
        else:
            policies = await connection.fetch(_POLICIES, table["oid"])
            # For all commands and all roles, with both halves: one that others may only add to for roles of their own.
            if not any(p["command"] == "*" and p["roles"] == "{0}" and p["hides"] and p["checks"] for p in policies):
                found.trespasses.append(f"{name} has no policy for all commands with both halves")
    return found


async def tenant_first(connection: Connection) -> Findings:
    """Keys and unique indexes begin with the tenant, foreign keys name it: neither tells of another tenant's rows."""
    found = Findings()
    for table in await connection.fetch(_TABLES):
        if not table["has_tenant"] or table["kind"] not in {"r", "p"}:
            continue
        found.looked_at += 1
        indexes = await connection.fetch(_UNIQUE, table["oid"])
        if not any(index["is_primary"] for index in indexes):
            found.trespasses.append(f"{table['name']} has no primary key")
        found.trespasses += [
            f"{index['name']} does not begin with organisation_id"
            for index in indexes
            if index["first_column"] != "organisation_id"
        ]
        found.trespasses += [
            f"{table['name']}.{key['name']} is a foreign key without organisation_id"
            for key in await connection.fetch(_FOREIGN, table["oid"])
            if not key["names_tenant"]
        ]
    return found


async def definers(connection: Connection) -> Findings:
    """Functions with their owner's rights are known, closed to the public, and have a search path of their own."""
    found = Findings()
    for function in await connection.fetch(_DEFINERS):
        found.looked_at += 1
        name = function["name"]
        if name not in DEFINERS:
            found.trespasses.append(f"{name} runs with its owner's rights and was not read")
        if function["open_to_all"]:
            found.trespasses.append(f"{name} may be called by everybody")
        if not any(setting.startswith("search_path=") for setting in function["settings"] or []):
            found.trespasses.append(f"{name} has no search path of its own")
    return found


async def application_role(connection: Connection) -> Findings:
    """What this connection is may not rule: no superuser, no way around row security, owner of nothing."""
    found = Findings()
    for role in await connection.fetch(_ROLE):
        found.looked_at += 1
        found.trespasses += [
            f"{role['name']}: {power}"
            for power in ("is_superuser", "bypasses", "makes_roles", "makes_databases", "owns")
            if role[power]
        ]
    return found


def _require_class(found: Findings, name: str, comment: str | None) -> str:
    kind, _, meaning = (comment or "").removeprefix("class=").partition(";")
    if not (comment or "").startswith("class=") or kind not in {"health", "identity", "operational"}:
        found.trespasses.append(f"{name} does not say its class")
    elif not meaning.strip():
        found.trespasses.append(f"{name} says its class and not what it is")
    return kind
