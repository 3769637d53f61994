"""Wakes those who wait for more of an owner's log: one connection that listens, for all of a process.

What it misses while the connection is away is not lost: whoever waits also looks by itself now and then.
"""

import asyncio
from collections import defaultdict
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress

import psycopg
import structlog

from contracts.errors import ServiceUnavailable
from sql.pool import Connection, hang_up

CHANNEL = "events"
CONNECT_TIMEOUT_SECONDS = 5
RECONNECT_SECONDS = 2

log: structlog.typing.FilteringBoundLogger = structlog.get_logger("mediarpc.bell")


class Ring:
    """What one of those who wait hears."""

    def __init__(self) -> None:
        self.rung = asyncio.Event()
        self.is_last = False

    def ring_last(self) -> None:
        """Ring, and be heard as the last ring."""
        self.is_last = True
        self.rung.set()

    async def heard(self, *, within: float | None) -> bool:
        """Wait for the bell, so many seconds at most, or for ever: whether it rang.

        ServiceUnavailable at the last ring.
        """
        try:
            async with asyncio.timeout(within):
                await self.rung.wait()
        except TimeoutError:
            return False
        if self.is_last:
            raise ServiceUnavailable(service="server")
        self.rung.clear()
        return True


class Bell:
    """Rings for an owner whenever that owner's log has grown; it listens once somebody has waited.

    Who waits for no owner by name waits for all of them.
    """

    def __init__(self, url: str) -> None:
        self._url = url
        self._waiting: defaultdict[str | None, set[Ring]] = defaultdict(set)
        self._listening: asyncio.Task[None] | None = None
        self._connection: Connection | None = None
        self._sends_home = False

    @asynccontextmanager
    async def of(self, owner_id: str | None) -> AsyncIterator[Ring]:
        """Wait for an owner's rings."""
        ring = Ring()
        if self._sends_home:
            ring.ring_last()
        self._waiting[owner_id].add(ring)
        if self._listening is None or self._listening.done():
            self._listening = asyncio.create_task(self._listen())
        try:
            yield ring
        finally:
            self._waiting[owner_id].discard(ring)
            if not self._waiting[owner_id]:
                del self._waiting[owner_id]

    def send_home(self) -> None:
        """Ring for the last time: this process is about to end, and whoever waits, or begins to, finds another one."""
        self._sends_home = True
        for rings in self._waiting.values():
            for ring in rings:
                ring.ring_last()

    async def close(self) -> None:
        """Stop listening, without a word to a server that may not answer."""
        if self._connection is not None:
            hang_up(self._connection)
        if self._listening is not None:
            self._listening.cancel()
            with suppress(asyncio.CancelledError):
                await self._listening

    async def _listen(self) -> None:
        while True:
            try:
                await self._pass_on()
            except psycopg.Error as outage:
                log.warning("the bell's connection broke", exc_info=outage)
            self._ring(*self._waiting)
            await asyncio.sleep(RECONNECT_SECONDS)

    async def _pass_on(self) -> None:
        async with await Connection.connect(
            self._url, autocommit=True, connect_timeout=CONNECT_TIMEOUT_SECONDS
        ) as connection:
            self._connection = connection
            await connection.execute(f"listen {CHANNEL}")
            self._ring(*self._waiting)
            async for notice in connection.notifies():
                self._ring(notice.payload, None)

    def _ring(self, *owner_ids: str | None) -> None:
        for owner_id in owner_ids:
            for ring in self._waiting.get(owner_id, ()):
                ring.rung.set()
