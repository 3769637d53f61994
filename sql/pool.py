"""Connections to Postgres: lent for as long as the server answers in time, and not again once it has gone.

What one connection meets is taken for all: when the server went away, or takes no writes any more, the idle ones are
closed with it, so that no statement after the first has to find out.

One caller has half of them at the most, whatever its statements take, so that others find one.
"""

import asyncio
import os
import select
import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any
from weakref import WeakSet, WeakValueDictionary

import psycopg
from psycopg_pool import AsyncConnectionPool, PoolTimeout

from sql.outages import NoAnswer, is_of_the_server, is_outage

CONNECT_TIMEOUT_SECONDS = 5
CHECKOUT_TIMEOUT_SECONDS = 5.0
RECONNECT_SECONDS = 5.0  # then the next who wants a connection has it tried anew, at once
STATEMENT_TIMEOUT_SECONDS = 15  # then the server gives up
ANSWER_TIMEOUT_SECONDS = 20.0  # then we do, on a server that does not answer at all
CLOSE_TIMEOUT_SECONDS = 1.0  # for connections that are just being made
VAIN_SECONDS = 0.5  # when the process is about to end, and the server has not answered already
CANCEL_TIMEOUT_SECONDS = 1.0  # how long it may take to tell the server that nobody waits for a statement any more


class Connection(psycopg.AsyncConnection[Any]):
    """A connection that does not wait long for a server to take a cancellation."""

    async def cancel_safe(self, *, timeout: float = CANCEL_TIMEOUT_SECONDS) -> None:  # noqa: ASYNC109 - the signature is the driver's
        """Ask the server to cancel the statement under way."""
        await super().cancel_safe(timeout=min(timeout, CANCEL_TIMEOUT_SECONDS))


class Pool(AsyncConnectionPool[Connection]):
    """A pool of whose connections a cancellation loses none, and which stays one.

    The pool waits by asyncio.wait_for, which in Python 3.11 forgets a cancellation that comes as the wait ends. A
    connection on its way back belongs to nobody, and whoever is told to stop there would leave it so.
    """

    def __init__(self, url: str, *, answer_timeout: float, **options: Any) -> None:
        super().__init__(url, **options)
        self.answer_timeout = answer_timeout
        self._is_hurried = False
        self._lent: dict[Connection, asyncio.TimerHandle] = {}
        self._unanswered: WeakSet[Connection] = WeakSet()
        self._doubted: WeakSet[Connection] = WeakSet()
        self._shares: WeakValueDictionary[str, Share] = WeakValueDictionary()

    def share_of(self, caller_id: str) -> "Share":
        """What a caller may have of it."""
        share = self._shares.get(caller_id)
        if share is None:
            share = self._shares[caller_id] = Share(self, max(1, self.max_size // 2))
        return share

    @asynccontextmanager
    async def connection(
        self,
        timeout: float | None = None,  # noqa: ASYNC109 - the signature is the pool's
        *,
        answer_timeout: float | None = None,
    ) -> AsyncIterator[Connection]:
        """A connection for as long as the server answers in time; an outage that comes up meanwhile closes it.

        Raises PoolTimeout when there is none, and NoAnswer for a server that was hung up on.
        """
        async with super().connection(timeout) as connection:
            self._hang_up_in(answer_timeout or self.answer_timeout, connection)
            try:
                yield connection
            except psycopg.Error as error:
                is_late = connection in self._unanswered
                if is_of_the_server(error) and not (is_late and answer_timeout):  # it may be in time for others
                    await self.doubt(connection)
                if is_outage(error):
                    await connection.close()
                if is_late:
                    raise NoAnswer from error
                raise
            finally:
                self._lent.pop(connection).cancel()

    async def getconn(self, timeout: float | None = None) -> Connection:  # noqa: ASYNC109 - the signature is the pool's
        """A connection that the server has not closed; whoever was cancelled meanwhile gets CancelledError."""
        connection = await self._getconn(timeout)
        if has_ended(connection):
            await connection.close()
            await self.putconn(connection)
            await self.doubt(connection)
            connection = await self._getconn(timeout)
        return connection

    async def putconn(self, conn: Connection) -> None:
        """Give a connection back, even when the giver is cancelled meanwhile."""
        await asyncio.shield(super().putconn(conn))

    async def doubt(self, connection: Connection) -> None:
        """Close all that are as old as this one: the idle ones now, the lent ones when they come back."""
        if connection not in self._doubted:
            await self.drain()
            self._doubted = WeakSet(self._lent)

    def hurry(self, seconds: float) -> None:
        """From now on wait so long for a connection or an answer, and no longer: the process is about to end.

        Once that was in vain, it is hardly waited for again.
        """
        self.timeout = self.answer_timeout = seconds
        self._is_hurried = True
        for connection in self._lent:
            self._hang_up_in(seconds, connection)

    async def close(self, timeout: float = CLOSE_TIMEOUT_SECONDS) -> None:  # noqa: ASYNC109 - the same
        """Close it, without waiting long for connections to a server that does not answer."""
        await super().close(timeout)

    async def _getconn(self, timeout: float | None) -> Connection:  # noqa: ASYNC109 - the same
        task = asyncio.current_task()
        cancelled = task.cancelling() if task else 0
        connection = await super().getconn(timeout)
        if task is not None and task.cancelling() > cancelled:
            await self.putconn(connection)
            raise asyncio.CancelledError
        return connection

    def _hang_up_in(self, seconds: float, connection: Connection) -> None:
        if connection in self._lent:
            self._lent[connection].cancel()
        self._lent[connection] = asyncio.get_running_loop().call_later(seconds, self._hang_up, connection)

    def _hang_up(self, connection: Connection) -> None:
        self._unanswered.add(connection)
        if self._is_hurried:
            self.timeout = self.answer_timeout = VAIN_SECONDS
        hang_up(connection)


class Share:
    """So many connections of a pool at a time; one more is lent when one of them has come back."""

    def __init__(self, pool: Pool, size: int) -> None:
        self._pool = pool
        self._turns = asyncio.Semaphore(size)

    @asynccontextmanager
    async def connection(self) -> AsyncIterator[Connection]:
        """A connection of the pool; PoolTimeout as well when none of the share comes back in time."""
        await self._turn()
        try:
            async with self._pool.connection() as connection:
                yield connection
        finally:
            self._turns.release()

    async def _turn(self) -> None:
        patience = self._pool.timeout if self._turns.locked() else None
        try:
            async with asyncio.timeout(patience):
                await self._turns.acquire()
        except TimeoutError:
            raise PoolTimeout("its caller has all of its share") from None


def create_pool(url: str, *, size: int) -> Pool:
    """A closed pool of up to `size` connections, each in autocommit."""
    return Pool(
        url,
        open=False,
        connection_class=Connection,
        min_size=min(2, size),
        max_size=size,
        timeout=CHECKOUT_TIMEOUT_SECONDS,
        answer_timeout=ANSWER_TIMEOUT_SECONDS,
        reconnect_timeout=RECONNECT_SECONDS,
        configure=_autocommit,
        kwargs={
            "connect_timeout": CONNECT_TIMEOUT_SECONDS,
            "tcp_user_timeout": STATEMENT_TIMEOUT_SECONDS * 1000,
            "keepalives_idle": STATEMENT_TIMEOUT_SECONDS,
            "options": f"-c statement_timeout={STATEMENT_TIMEOUT_SECONDS}s -c timezone=UTC",
            "prepare_threshold": 1,
        },
    )


def has_ended(connection: Connection) -> bool:
    """Whether the server has hung up, or says that it will: an idle connection has nothing else to tell.

    It is seen on this side, without a round trip: what has not been sent on such a connection provably did not run.
    """
    line = select.poll()
    line.register(connection.fileno(), select.POLLIN)
    return bool(line.poll(0))


def hang_up(connection: Connection) -> None:
    """End a wait for the server, by an error of the driver."""
    if not connection.closed:
        with socket.socket(fileno=os.dup(connection.fileno())) as line:
            line.shutdown(socket.SHUT_RDWR)


async def _autocommit(connection: Connection) -> None:
    await connection.set_autocommit(True)
