"""Bring a database to the newest schema: the job queue's migrations first, then ours, each once, in order of name.

A lock that a migration waits for keeps everybody waiting who comes after it. So it gives up soon, lets them pass, and
tries again. Nothing is held from one transaction to the next: behind a pooler that may be another session.
"""

import sys
import time
from collections.abc import Callable, Iterator
from importlib.resources import files
from pathlib import Path
from typing import Any, LiteralString

import psycopg
from procrastinate.schema import SchemaManager
from psycopg.errors import DeadlockDetected, DuplicateFunction, DuplicateTable, LockNotAvailable

from sql import QUERIES
from sql.database import Database, translated
from sql.locks import Holder, watching
from sql.rows import MigrationRow

# Any number will do, as long as every process that migrates takes the same.
_LOCK = 6_021_023

LOCK_TIMEOUT_SECONDS = 2
LONGEST_PAUSE_SECONDS = 10.0
WAIT_SECONDS = 300.0

_TABLE = "create table if not exists migrations (name text primary key, applied_at timestamptz not null default now())"

# What a role may have set for its everyday work; which of them there are depends on the version.
_UNHURRIED = """
select set_config(name, '0', true)
  from pg_settings
 where name in ('statement_timeout', 'transaction_timeout', 'idle_in_transaction_session_timeout')
"""


class MigrationRefused(Exception):
    """A migration was not applied; the sentence says why."""


class LocksHeld(MigrationRefused):
    """Others held what it needs for too long; the sentence says who."""


class ObjectsExist(MigrationRefused):
    """The database has a table or a function of the same name, from elsewhere."""


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


def print_to_stderr(sentence: str) -> None:
    """Tell whoever runs the server."""
    print(f"mediarpc: {sentence}", file=sys.stderr, flush=True)


def migrate(
    url: str,
    *,
    connect_timeout: int = 10,
    wait_seconds: float = WAIT_SECONDS,
    tell: Callable[[str], None] = print_to_stderr,
) -> list[str]:
    """Apply what is missing, each migration in a transaction of its own; the names applied.

    Processes that migrate at once wait for each other. Safe to run again. `tell` hears who holds a lock that is needed;
    LocksHeld is raised when that took `wait_seconds` altogether. Raises ObjectsExist and ServiceUnavailable.
    """
    with (
        translated(),
        psycopg.connect(
            url,
            autocommit=True,
            connect_timeout=connect_timeout,
            application_name="mediarpc migrate",
            prepare_threshold=None,
        ) as connection,
    ):
        migrator = _Migrator(connection, url, wait_seconds, tell)
        applied = _applied(connection)
        lacking = [(name, text) for name, text in migrations() if name not in applied]
        return [name for name, text in lacking if migrator.apply(name, text)]


class _Migrator:
    """Applies migrations, and has patience for all of them together."""

    def __init__(
        self, connection: psycopg.Connection[Any], url: str, wait_seconds: float, tell: Callable[[str], None]
    ) -> None:
        self._connection = connection
        self._url = url
        self._wait_seconds = wait_seconds
        self._tell = tell
        self._waited = 0.0
        self._holders: list[Holder] = []

    def apply(self, name: str, text: LiteralString) -> bool:
        """Apply a migration unless another process has done so meanwhile: whether it did. Raises LocksHeld."""
        pause = 1.0
        while True:
            began = time.monotonic()
            try:
                return self._try(name, text)
            except (DuplicateTable, DuplicateFunction) as refused:
                raise ObjectsExist(
                    f"migration {name} was not applied: {refused.diag.message_primary}. The database is another "
                    "program's, or was made by mediarpc before its first release: take an empty one"
                ) from refused
            except (LockNotAvailable, DeadlockDetected) as refused:
                self._waited += time.monotonic() - began
                if self._waited >= self._wait_seconds:
                    raise LocksHeld(self._sentence(name)) from refused
            self._pause(min(pause, self._wait_seconds - self._waited))
            pause = min(2 * pause, LONGEST_PAUSE_SECONDS)

    def _try(self, name: str, text: LiteralString) -> bool:
        execute = self._connection.execute
        with watching(self._url, self._note) as watch, self._connection.transaction():
            execute(_UNHURRIED)
            execute("select set_config('lock_timeout', %s, true)", [f"{LOCK_TIMEOUT_SECONDS}s"])
            ((pid,),) = execute("select pg_backend_pid()").fetchall()
            watch(pid)
            execute("select pg_advisory_xact_lock(%s)", [_LOCK])
            execute(_TABLE)
            if name in _applied(self._connection):
                return False
            execute(text)
            execute("insert into migrations (name) values (%s)", [name])
        return True

    def _note(self, holders: list[Holder]) -> None:
        """Remember who holds what is waited for, and tell of each process once."""
        known = {holder.pid for holder in self._holders}
        for holder in holders:
            if holder.pid not in known:
                self._tell(f"waiting for a lock that {holder} holds")
        self._holders = holders or self._holders

    def _pause(self, seconds: float) -> None:
        time.sleep(seconds)
        self._waited += seconds

    def _sentence(self, name: str) -> str:
        who = " and ".join(map(str, self._holders)) or "another session"
        return (
            f"migration {name} was not applied: it waited {self._wait_seconds:g} s for a lock that {who} holds. "
            "Run mediarpc migrate again when that has ended, or have it wait longer with --wait"
        )


def _applied(connection: psycopg.Connection[Any]) -> set[str]:
    """The names of the migrations that a database has."""
    if connection.execute("select to_regclass('migrations')").fetchall() == [(None,)]:
        return set()
    return {name for (name,) in connection.execute(QUERIES["read_migrations"].text).fetchall()}
