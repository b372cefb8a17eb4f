"""Who waits for what a transaction of a test holds."""

from healthprotocol.foundation.db.transaction import Transaction


async def is_waited_for(tx: Transaction) -> bool:
    """Tell whether another transaction waits for the end of this one."""
    return await tx.fetchval(
        "select exists (select from pg_locks where not granted and transactionid = pg_current_xact_id()::xid)"
    )
