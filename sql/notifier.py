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

log: structlog.typing.FilteringBoundLogger = structlog.get_logger("mediarpc.notifier")


class Subscription:
    """Notifications of an owner's log, or of all owners'."""

    def __init__(self) -> None:
        self._event = asyncio.Event()
        self._is_closed = False

    def notify(self) -> None:
        """Wake whoever waits."""
        self._event.set()

    def close(self) -> None:
        """Wake whoever waits, for the last time."""
        self._is_closed = True
        self._event.set()

    async def wait(self, *, within: float | None) -> bool:
        """Wait for a notification, so many seconds at most, or for ever: whether there was one.

        Raises ServiceUnavailable once it is closed.
        """
        try:
            async with asyncio.timeout(within):
                await self._event.wait()
        except TimeoutError:
            return False
        if self._is_closed:
            raise ServiceUnavailable(service="server")
        self._event.clear()
        return True


class Notifier:
    """Notifies subscribers whenever an owner's log has grown; it listens from the first subscription on.

    Who subscribes to no owner by name is notified of all of them.
    """

    def __init__(self, url: str) -> None:
        self._url = url
        self._subscriptions: defaultdict[str | None, set[Subscription]] = defaultdict(set)
        self._listening: asyncio.Task[None] | None = None
        self._connection: Connection | None = None
        self._is_closed = False

    @asynccontextmanager
    async def subscribe(self, owner_id: str | None) -> AsyncIterator[Subscription]:
        """A subscription to an owner's log, until the end of the block."""
        subscription = Subscription()
        if self._is_closed:
            subscription.close()
        self._subscriptions[owner_id].add(subscription)
        if self._listening is None or self._listening.done():
            self._listening = asyncio.create_task(self._listen())
        try:
            yield subscription
        finally:
            self._subscriptions[owner_id].discard(subscription)
            if not self._subscriptions[owner_id]:
                del self._subscriptions[owner_id]

    def close(self) -> None:
        """Close all subscriptions, also those to come: this process is about to end, and callers find another one."""
        self._is_closed = True
        for subscriptions in self._subscriptions.values():
            for subscription in subscriptions:
                subscription.close()

    async def aclose(self) -> None:
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
                await self._forward()
            except psycopg.Error as outage:
                log.warning("the notifier's connection broke", exc_info=outage)
            self._notify(*self._subscriptions)
            await asyncio.sleep(RECONNECT_SECONDS)

    async def _forward(self) -> None:
        async with await Connection.connect(
            self._url, autocommit=True, connect_timeout=CONNECT_TIMEOUT_SECONDS
        ) as connection:
            self._connection = connection
            await connection.execute(f"listen {CHANNEL}")
            self._notify(*self._subscriptions)
            async for notice in connection.notifies():
                self._notify(notice.payload, None)

    def _notify(self, *owner_ids: str | None) -> None:
        for owner_id in owner_ids:
            for subscription in self._subscriptions.get(owner_id, ()):
                subscription.notify()
