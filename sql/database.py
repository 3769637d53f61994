"""The database as the rest of the code sees it: named queries in, rows out, driver errors translated.

A `Database` runs each statement on its own (one round trip); `transaction()` gives a `Transaction` with the same verbs.
"""

import asyncio
import json
import os
import socket
import sys
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator, Sequence
from contextlib import AbstractAsyncContextManager, asynccontextmanager, contextmanager, nullcontext
from functools import partial
from typing import Any, TypeVar
from uuid import UUID

import msgspec
import psycopg
from psycopg.rows import class_row
from psycopg_pool import AsyncConnectionPool, PoolTimeout

from contracts.errors import (
    AttachedElsewhere,
    MediaNotFound,
    MediaUnusable,
    NoImage,
    OtherPurpose,
    PostFull,
    RateLimitExceeded,
    RpcError,
    ServiceUnavailable,
    SeveralOwners,
    StorageLimitExceeded,
)
from sql import QUERIES
from sql.rows import MediaRow
from sql.shared import Parameters, Shared

Row = TypeVar("Row")
Connection = psycopg.AsyncConnection[Any]


class Pool(AsyncConnectionPool[Connection]):
    """A pool of whose connections a cancellation loses none, and which stays one.

    The pool waits by asyncio.wait_for, which in Python 3.11 forgets a cancellation that comes as the wait ends. A
    connection on its way back belongs to nobody, and whoever is told to stop there would leave it so.
    """

    async def getconn(self, timeout: float | None = None) -> Connection:  # noqa: ASYNC109 - the signature is the pool's
        """A connection; whoever was cancelled meanwhile gets CancelledError, and the pool keeps the connection."""
        task = asyncio.current_task()
        cancelled = task.cancelling() if task else 0
        connection = await super().getconn(timeout)
        if task is not None and task.cancelling() > cancelled:
            await self.putconn(connection)
            raise asyncio.CancelledError
        return connection

    async def putconn(self, conn: Connection) -> None:
        """Give a connection back, even when the giver is cancelled meanwhile."""
        await asyncio.shield(super().putconn(conn))


CONNECT_TIMEOUT_SECONDS = 5
CHECKOUT_TIMEOUT_SECONDS = 5.0
CHANGES = frozenset({"INSERT", "UPDATE", "DELETE"})
STATEMENT_TIMEOUT_SECONDS = 15  # then the server gives up
ANSWER_TIMEOUT_SECONDS = 20  # then we do, on a server that does not answer at all

# The constraints whose violation is the caller's doing, each with the error that says so.
RULES: dict[str, Callable[..., RpcError]] = {
    "storage_usage_within_quota": StorageLimitExceeded,
    "rate_windows_have_room": RateLimitExceeded,
    "media_is_there": MediaNotFound,
    "media_serves_its_purpose": OtherPurpose,
    "media_is_usable": MediaUnusable,
    "media_belongs_to_one_post": AttachedElsewhere,
    "post_belongs_to_one_owner": SeveralOwners,
    "post_has_room": PostFull,
    "profile_image_is_an_image": NoImage,
}


def create_pool(url: str, *, size: int) -> Pool:
    """A closed pool of up to `size` connections, each in autocommit."""
    return Pool(
        url,
        open=False,
        min_size=min(2, size),
        max_size=size,
        timeout=CHECKOUT_TIMEOUT_SECONDS,
        configure=_autocommit,
        kwargs={
            "connect_timeout": CONNECT_TIMEOUT_SECONDS,
            "tcp_user_timeout": STATEMENT_TIMEOUT_SECONDS * 1000,
            "keepalives_idle": STATEMENT_TIMEOUT_SECONDS,
            "options": f"-c statement_timeout={STATEMENT_TIMEOUT_SECONDS}s -c timezone=UTC",
            "prepare_threshold": 1,
        },
    )


async def _autocommit(connection: Connection) -> None:
    await connection.set_autocommit(True)


@contextmanager
def translated() -> Iterator[None]:
    """Raise the error that the caller is told, in place of the driver's."""
    try:
        yield
    except psycopg.errors.IntegrityError as violation:
        rule = RULES.get(violation.diag.constraint_name or "")
        if rule is None:
            raise
        raise rule(**json.loads(violation.diag.message_detail or "{}")) from violation
    except (psycopg.OperationalError, PoolTimeout) as outage:
        raise ServiceUnavailable(service="database") from outage


@contextmanager
def answered_in_time(connection: Connection) -> Iterator[None]:
    """Hang up on a server that has not answered in time, which ends the wait with an error of the driver."""
    timer = asyncio.get_running_loop().call_later(ANSWER_TIMEOUT_SECONDS, _hang_up, connection)
    try:
        yield
    finally:
        timer.cancel()


def _hang_up(connection: Connection) -> None:
    with socket.socket(fileno=os.dup(connection.fileno())) as line:
        line.shutdown(socket.SHUT_RDWR)


@contextmanager
def preparing_nothing(connection: Connection) -> Iterator[None]:
    """Run what is prepared already as it is, everything else unprepared.

    When a pipeline fails, the driver takes what was to be prepared in it for prepared, which the server has never seen.
    """
    threshold, connection.prepare_threshold = connection.prepare_threshold, sys.maxsize
    try:
        yield
    finally:
        connection.prepare_threshold = threshold


class Statements:
    """The verbs, over any way to get at a connection."""

    def __init__(self, connection: Callable[[], AbstractAsyncContextManager[Connection]]) -> None:
        self.connection = connection

    async def one(self, row: type[Row], name: str, **parameters: Any) -> Row | None:
        """The row that the query answers, or None."""
        with translated():
            async with self.connection() as connection, connection.cursor(row_factory=class_row(row)) as cursor:
                await cursor.execute(QUERIES[name].text, parameters)
                found = await cursor.fetchone()
                self._note(cursor, [] if found is None else [found])
                return found

    async def many(self, row: type[Row], name: str, **parameters: Any) -> list[Row]:
        """The rows that the query answers."""
        with translated():
            async with self.connection() as connection, connection.cursor(row_factory=class_row(row)) as cursor:
                await cursor.execute(QUERIES[name].text, parameters)
                found = await cursor.fetchall()
                self._note(cursor, found)
                return found

    async def run(self, name: str, **parameters: Any) -> None:
        """Run a query that answers nothing."""
        with translated():
            async with self.connection() as connection:
                self._note(await connection.execute(QUERIES[name].text, parameters), [])

    def _note(self, cursor: psycopg.AsyncCursor[Any], rows: Sequence[Any]) -> None:
        """A statement has run, and answered these rows."""


class Transaction(Statements):
    """Statements that take effect together, or not at all."""

    def __init__(self, connection: Connection) -> None:
        super().__init__(lambda: nullcontext(connection))
        self.open_connection = connection

    def changed(self, media_ids: Sequence[UUID]) -> None:
        """Say which media a function of the database has changed, which its statement does not tell."""


class RecordedTransaction(Transaction):
    """A transaction that knows what it changed: whether any row at all, and which media, as its statements answer.

    A statement that changes media answers their rows, so that the record names those that were changed and no others.
    """

    def __init__(self, connection: Connection) -> None:
        super().__init__(connection)
        self.has_changed = False
        self.media_ids: list[UUID] = []

    def changed(self, media_ids: Sequence[UUID]) -> None:
        """Record these media, too."""
        self.has_changed = self.has_changed or bool(media_ids)
        self.media_ids += media_ids

    def _note(self, cursor: psycopg.AsyncCursor[Any], rows: Sequence[Any]) -> None:
        verb = (cursor.statusmessage or "").partition(" ")[0]
        if verb in CHANGES and cursor.rowcount > 0:
            self.has_changed = True
            self.media_ids += [row.id for row in rows if isinstance(row, MediaRow)]


class Database(Statements):
    """Statements that each take effect on their own, and transactions."""

    def __init__(self, pool: Pool) -> None:
        super().__init__(self._answering_connection)
        self.pool = pool
        self._shared: dict[str, Shared] = {}

    def shared(self, row: type[Row], name: str, **parameters: Any) -> Awaitable[Row]:
        """The row that a shared query answers to this call, run together with the calls that wait beside it.

        Calls of the same parameters are one and get one row, so those of a query that writes have an id of their own.
        """
        if name not in self._shared:
            self._shared[name] = Shared(partial(self._run_shared, row, name))
        return self._shared[name].one(parameters)

    def for_call(self, *, toll: Parameters | None, record: Parameters | None) -> "CallDatabase":
        """The same database for one call, which `count_call` counts and `append_audit` records by these."""
        return CallDatabase(self.pool, toll, record)

    @asynccontextmanager
    async def _answering_connection(self) -> AsyncIterator[Connection]:
        async with self.pool.connection() as connection:
            with answered_in_time(connection):
                yield connection

    async def _run_shared(self, row: type[Row], name: str, calls: Sequence[Parameters]) -> list[Row]:
        known: dict[tuple[Any, ...], int] = {}
        places = [known.setdefault(tuple(call.values()), len(known)) for call in calls]
        distinct = dict(zip(places, calls, strict=True))
        numbered = msgspec.json.encode([{"position": place, **call} for place, call in distinct.items()])
        with translated():
            async with self.connection() as connection:
                cursor = await connection.execute(QUERIES[name].text, {"calls": numbered.decode()})
                answers = [row(*columns) for _, *columns in sorted(await cursor.fetchall())]
        return [answers[place] for place in places]

    @asynccontextmanager
    async def transaction(self) -> AsyncIterator[Transaction]:
        """Statements and enqueued jobs that commit together; no network call belongs inside."""
        with translated():
            async with self._answering_connection() as connection, connection.transaction():
                yield Transaction(connection)


class CallDatabase(Database):
    """The database for one call that is counted, recorded, or both.

    A call whose rate is limited takes the count along with its first statement: they take effect together, and a full
    window raises RateLimitExceeded, and then the statement has not run. A call that changes something does so in a
    transaction, and the first one that does takes the record along: one for each media that it changed, or one alone.
    """

    def __init__(self, pool: Pool, toll: Parameters | None, record: Parameters | None) -> None:
        super().__init__(pool)
        self.connection = self._counting
        self._toll = toll
        self._record = record

    async def shared(self, row: type[Row], name: str, **parameters: Any) -> Row:
        """The row of this call alone, since its count is its own."""
        (answer,) = await self._run_shared(row, name, [parameters])
        return answer

    @asynccontextmanager
    async def transaction(self) -> AsyncIterator[Transaction]:
        """A transaction in which the call is counted first, and recorded last when something has changed."""
        async with super().transaction() as plain:
            tx = RecordedTransaction(plain.open_connection)
            if self._toll is not None:
                await tx.run("count_call", **self._take_toll())
            yield tx
            if self._record is not None and tx.has_changed:
                record, self._record = self._record, None
                await tx.run("append_audit", **record, media_ids=tx.media_ids)

    @asynccontextmanager
    async def _counting(self) -> AsyncIterator[Connection]:
        async with self._answering_connection() as connection:
            if self._toll is None:
                yield connection
                return
            async with connection.pipeline():
                await connection.execute(QUERIES["count_call"].text, self._take_toll())
                with preparing_nothing(connection):
                    yield connection

    def _take_toll(self) -> Parameters:
        toll, self._toll = self._toll or {}, None
        return toll
