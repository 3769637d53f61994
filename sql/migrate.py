"""Bring a database to the newest schema: the job queue's migrations first, then ours, each once, in order of name."""

from collections.abc import Iterator
from importlib.resources import files
from pathlib import Path
from typing import LiteralString

import psycopg
from procrastinate.schema import SchemaManager

from sql import QUERIES
from sql.database import Database, translated
from sql.rows import MigrationRow

# Any number will do, as long as every process that migrates takes the same.
_LOCK = 6_021_023

_TABLE = "create table if not exists migrations (name text primary key, applied_at timestamptz not null default now())"


def migrations() -> Iterator[tuple[str, LiteralString]]:
    """Name and text of every migration, in the order in which they are applied."""
    for path in sorted(Path(SchemaManager.get_migrations_path()).glob("*.sql")):
        yield f"procrastinate/{path.name}", path.read_text(encoding="utf-8")
    for entry in sorted(files("sql").joinpath("migrations").iterdir(), key=lambda file: file.name):
        if entry.name.endswith(".sql"):
            yield entry.name, entry.read_text(encoding="utf-8")


async def missing(db: Database) -> set[str]:
    """The names of the migrations that a database lacks; ServiceUnavailable when it does not answer."""
    try:
        applied = {row.name for row in await db.many(MigrationRow, "read_migrations")}
    except psycopg.errors.UndefinedTable:
        applied = set()
    return {name for name, _ in migrations()} - applied


def migrate(url: str, *, connect_timeout: int = 10) -> list[str]:
    """Apply what is missing, each migration in a transaction of its own; the names applied.

    Processes that migrate at once wait for each other. Safe to run again. Raises ServiceUnavailable.
    """
    with translated(), psycopg.connect(url, autocommit=True, connect_timeout=connect_timeout) as connection:
        connection.execute("select pg_advisory_lock(%s)", [_LOCK])
        connection.execute(_TABLE)
        rows = connection.execute(QUERIES["read_migrations"].text).fetchall()
        lacking = [(name, text) for name, text in migrations() if (name,) not in rows]
        for name, text in lacking:
            with connection.transaction():
                connection.execute(text)
                connection.execute("insert into migrations (name) values (%s)", [name])
        return [name for name, _ in lacking]
