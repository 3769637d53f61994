"""The database as the rest of the code sees it: named queries in, rows out, driver errors translated.

A `Database` runs each statement on its own (one round trip); `transaction()` gives a `Transaction` with the same verbs.
"""

import asyncio
import json
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import AbstractAsyncContextManager, asynccontextmanager, contextmanager, nullcontext
from typing import Any, TypeVar

import psycopg
from psycopg.rows import class_row
from psycopg_pool import AsyncConnectionPool, PoolTimeout

from contracts.errors import RpcError, ServiceUnavailable, StorageLimitExceeded
from sql import QUERIES

Row = TypeVar("Row")
Connection = psycopg.AsyncConnection[Any]


class Pool(AsyncConnectionPool[Connection]):
    """A pool in which a cancelled wait for a connection stays cancelled.

    The pool waits by asyncio.wait_for, which in Python 3.11 forgets a cancellation that comes as the wait ends.
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


CONNECT_TIMEOUT_SECONDS = 5
CHECKOUT_TIMEOUT_SECONDS = 5.0
STATEMENT_TIMEOUT_SECONDS = 15

# The constraints whose violation is the caller's doing, each with the error that says so.
RULES: dict[str, Callable[..., RpcError]] = {"storage_usage_within_quota": StorageLimitExceeded}


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


class Statements:
    """The verbs, over any way to get at a connection."""

    def __init__(self, connection: Callable[[], AbstractAsyncContextManager[Connection]]) -> None:
        self.connection = connection

    async def one(self, row: type[Row], name: str, **parameters: Any) -> Row | None:
        """The row that the query answers, or None."""
        with translated():
            async with self.connection() as connection, connection.cursor(row_factory=class_row(row)) as cursor:
                await cursor.execute(QUERIES[name].text, parameters)
                return await cursor.fetchone()

    async def many(self, row: type[Row], name: str, **parameters: Any) -> list[Row]:
        """The rows that the query answers."""
        with translated():
            async with self.connection() as connection, connection.cursor(row_factory=class_row(row)) as cursor:
                await cursor.execute(QUERIES[name].text, parameters)
                return await cursor.fetchall()

    async def run(self, name: str, **parameters: Any) -> None:
        """Run a query that answers nothing."""
        with translated():
            async with self.connection() as connection:
                await connection.execute(QUERIES[name].text, parameters)


class Transaction(Statements):
    """Statements that take effect together, or not at all."""

    def __init__(self, connection: Connection) -> None:
        super().__init__(lambda: nullcontext(connection))
        self.open_connection = connection


class Database(Statements):
    """Statements that each take effect on their own, and transactions."""

    def __init__(self, pool: Pool) -> None:
        super().__init__(pool.connection)
        self.pool = pool

    @asynccontextmanager
    async def transaction(self) -> AsyncIterator[Transaction]:
        """Statements and enqueued jobs that commit together; no network call belongs inside."""
        with translated():
            async with self.pool.connection() as connection, connection.transaction():
                yield Transaction(connection)
