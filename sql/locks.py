"""Who holds the locks that a session waits for, for whoever runs the server: no statements, which may hold data."""

from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from datetime import datetime
from threading import Event

import psycopg
from psycopg.rows import class_row

from sql import QUERIES

LOOK_AFTER_SECONDS = 1.0  # of waiting
CONNECT_TIMEOUT_SECONDS = 5


@dataclass(frozen=True, slots=True)
class Holder:
    """A session, or a prepared transaction, as far as the database lets others see it."""

    pid: int
    application_name: str | None
    state: str | None
    xact_start: datetime | None

    def __str__(self) -> str:
        if not self.pid:
            return "a prepared transaction (see pg_prepared_xacts)"
        since = self.xact_start and f"since {self.xact_start:%Y-%m-%d %H:%M:%S %Z}"
        known = [fact for fact in (self.application_name, self.state, since) if fact]
        return f"process {self.pid} ({', '.join(known) or 'of which no more is to be seen'})"


@contextmanager
def watching(url: str, tell: Callable[[list[Holder]], None]) -> Iterator[Callable[[int], object]]:
    """Tell who keeps a session waiting that still waits after a second, by a look from another session.

    The block says which session it is, once it knows.
    """
    over = Event()

    def look(pid: int) -> None:
        if not over.wait(LOOK_AFTER_SECONDS):
            with suppress(psycopg.Error):  # whoever waits will fail by itself
                tell(holders(url, pid))

    with ThreadPoolExecutor(1) as threads:
        try:
            yield lambda pid: threads.submit(look, pid)
        finally:
            over.set()


def holders(url: str, pid: int) -> list[Holder]:
    """Those for whom a session waits."""
    with psycopg.connect(
        url, autocommit=True, connect_timeout=CONNECT_TIMEOUT_SECONDS, prepare_threshold=None
    ) as connection:
        cursor = connection.cursor(row_factory=class_row(Holder))
        return cursor.execute(QUERIES["list_lock_holders"].text, {"pid": pid}).fetchall()
