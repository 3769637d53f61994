"""Whether a database can be worked with: it answers, takes writes, and has every migration."""

from enum import StrEnum

from psycopg.errors import ReadOnlySqlTransaction

from contracts.errors import ServiceUnavailable
from sql.database import Database
from sql.migrate import missing
from sql.rows import MigrationRow


class State(StrEnum):
    """What `/readyz` says of the database."""

    READY = "ok"
    UNREACHABLE = "unreachable"
    READ_ONLY = "read-only"
    MIGRATIONS_MISSING = "migrations missing: run mediarpc migrate"


async def readiness(db: Database) -> State:
    """Ready, or what keeps the database from being worked with."""
    try:
        if await missing(db):
            return State.MIGRATIONS_MISSING
        await db.one(MigrationRow, "prove_writable")
    except ServiceUnavailable as outage:
        return State.READ_ONLY if isinstance(outage.__cause__, ReadOnlySqlTransaction) else State.UNREACHABLE
    return State.READY
