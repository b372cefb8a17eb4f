"""
Which environment a database belongs to, written in the database itself.

A copy of production carries the word along: whatever was started for another environment refuses it, until it was
made harmless (see `deidentify`).
"""

import asyncpg

from healthprotocol.foundation.ids import INSTALLATION


class EnvironmentDiffers(Exception):
    """The database belongs to another environment than this process; the message says which, and what to do."""


async def require_environment(url: str, environment: str, *, claims: bool) -> None:
    """
    Return when the database at `url` is of `environment`, or of none yet.

    With `claims` a database of none becomes one of `environment`: it is new, or of a release before there was the word.
    Raises EnvironmentDiffers.
    """
    connection = await asyncpg.connect(url, timeout=5)
    try:
        found = await environment_of(connection)
        if found is None and claims:
            found = await _claim(connection, environment)
    finally:
        await connection.close()
    if found not in {None, environment}:
        raise EnvironmentDiffers(
            f"this database is the {found} one, and HP_ENVIRONMENT is {environment}: {remedy(found, environment)}"
        )


def remedy(found: str | None, wanted: str) -> str:
    """Return what to do about a database of the environment `found` where `wanted` is meant."""
    return (
        f"start with HP_ENVIRONMENT={found}, name the database of {wanted}, or make a copy harmless first: "
        f"healthprotocol config adopt --environment {wanted} --deidentify"
    )


async def environment_of(connection: "asyncpg.Connection[asyncpg.Record]") -> str | None:
    """Return which environment the database belongs to, None when it does not say."""
    if not await _has_table(connection):
        return None
    await connection.execute("select set_config('app.organisation', $1, false)", str(INSTALLATION))
    return await connection.fetchval("select environment from installation where organisation_id = $1", INSTALLATION)


async def _claim(connection: "asyncpg.Connection[asyncpg.Record]", environment: str) -> str | None:
    if not await _has_table(connection):
        return None
    # Two that start at once agree on the one that was faster.
    await connection.execute(
        """
        insert into installation (organisation_id, environment, bound_at)
        values ($1, $2, now())
        on conflict (organisation_id) do nothing
        """,
        INSTALLATION,
        environment,
    )
    return await environment_of(connection)


async def _has_table(connection: "asyncpg.Connection[asyncpg.Record]") -> bool:
    return bool(await connection.fetchval("select to_regclass('public.installation') is not null"))
