"""How the pool's connections to PostgreSQL are made: limits, codecs, sockets that notice a dead peer, PgBouncer."""

import contextlib
import socket
from collections.abc import Callable
from functools import partial
from typing import Any

import asyncpg
import msgspec

from healthprotocol.foundation.db.pool.control import Rule, rule_of
from healthprotocol.foundation.db.pool.engine import Pool
from healthprotocol.foundation.db.pool.limits import PoolLimits
from healthprotocol.foundation.db.pool.opening import ask_share
from healthprotocol.foundation.db.pool.statistics import Figures

# Prepared statements cost the server memory on every connection; a house has a few hundred shapes of statement.
STATEMENTS = 256
_OPEN_SECONDS = 5.0
# A peer that is gone without a word is noticed in ten seconds, sending or waiting.
_SILENCE_SECONDS = 10


class Server(msgspec.Struct, frozen=True, kw_only=True):
    """
    Where the database is. `is_pooled` says that `url` is a PgBouncer that lends a server for one transaction.

    `direct_url` is where one listens, None: at `url`. `processes` is how many share what PostgreSQL grants, None: the
    pool's own limits are all that bounds it.
    """

    url: str
    direct_url: str | None = None
    is_pooled: bool = False
    processes: int | None = None


async def open_pool(
    where: str | Server,
    *,
    size: int,
    statement_timeout_seconds: float,
    limits: PoolLimits | None = None,
    observe: Callable[[Figures], None] | None = None,
) -> Pool:
    """
    Return a pool that lends at most `size` connections at once, each with limits on statements, locks and idleness.

    Raises what the first connection raises.
    """
    pool = make_pool(
        where, size=size, statement_timeout_seconds=statement_timeout_seconds, limits=limits, observe=observe
    )
    await pool.open()
    return pool


def make_pool(
    where: str | Server,
    *,
    size: int,
    statement_timeout_seconds: float,
    limits: PoolLimits | None = None,
    observe: Callable[[Figures], None] | None = None,
) -> Pool:
    """Return the same pool, not opened yet."""
    server = Server(url=where) if isinstance(where, str) else where
    limits = limits or PoolLimits()
    # Who brings no rule of her own is given the one of as many processes as share the server.
    rule = rule_of(server.processes or 1) if limits.rule == Rule() else limits.rule
    limits = msgspec.structs.replace(limits, most=size, rule=rule)
    connect = partial(_connect, statement_timeout_seconds=statement_timeout_seconds)
    pool = Pool(
        # Behind a pooler nothing is prepared: the next transaction may be on another server.
        partial(connect, server.url, statements=0 if server.is_pooled else STATEMENTS),
        limits,
        # What a pooler grants is its own matter; PostgreSQL's limits are between those two.
        share=partial(ask_share, processes=server.processes) if server.processes and not server.is_pooled else None,
        observe=observe,
        apart=partial(connect, server.direct_url or server.url, statements=STATEMENTS),
    )
    if server.is_pooled:
        # A pooler refuses them at connecting, and would leave them to others if they were set for the session.
        named = _limits(statement_timeout_seconds)
        pool.begin_with = "".join(f"; set local {name} = {value}" for name, value in named.items())
    return pool


async def _connect(
    url: str, *, statement_timeout_seconds: float, statements: int
) -> "asyncpg.Connection[asyncpg.Record]":
    settings = {"application_name": "healthprotocol", "timezone": "UTC"}
    if statements:
        settings |= _limits(statement_timeout_seconds)
    connection = await asyncpg.connect(
        url, timeout=_OPEN_SECONDS, statement_cache_size=statements, server_settings=settings
    )
    _notice_dead_peers(connection)
    # Behind a pooler only a transaction is sure to be all on one server; elsewhere it costs what a loan costs.
    async with connection.transaction() if not statements else contextlib.nullcontext():
        for type_name in ("json", "jsonb"):
            await connection.set_type_codec(
                type_name, schema="pg_catalog", encoder=_encode_json, decoder=msgspec.json.decode, format="text"
            )
    return connection


def _limits(statement_timeout_seconds: float) -> dict[str, str]:
    return {
        "statement_timeout": str(int(statement_timeout_seconds * 1000)),
        "lock_timeout": "4000",
        "idle_in_transaction_session_timeout": "60000",
    }


def _encode_json(value: object) -> str:
    return msgspec.json.encode(value).decode()


def _notice_dead_peers(connection: Any) -> None:
    transport = connection._transport  # noqa: SLF001 - asyncpg has no other way to its socket
    found: socket.socket | None = transport.get_extra_info("socket")
    if found is None or found.family == socket.AF_UNIX:
        return
    # Not every system knows all of them.
    with contextlib.suppress(OSError, AttributeError):
        found.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
        found.setsockopt(socket.IPPROTO_TCP, socket.TCP_KEEPIDLE, _SILENCE_SECONDS // 2)
        found.setsockopt(socket.IPPROTO_TCP, socket.TCP_KEEPINTVL, 2)
        found.setsockopt(socket.IPPROTO_TCP, socket.TCP_KEEPCNT, 3)
        found.setsockopt(socket.IPPROTO_TCP, socket.TCP_USER_TIMEOUT, _SILENCE_SECONDS * 1000)
