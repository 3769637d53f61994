"""How much of a process one caller has at a time: calls wait for each other, streams are counted."""

import asyncio
from collections import Counter
from collections.abc import Awaitable, Iterator
from contextlib import AbstractAsyncContextManager, contextmanager, nullcontext
from typing import TypeVar
from weakref import WeakValueDictionary

from contracts.errors import RateLimitExceeded

Answer = TypeVar("Answer")

STREAM_RETRY_SECONDS = 30
ANONYMOUS_BATCHES = 2


class ConcurrencyLimits:
    """So many calls under way and so many open streams of each caller; one more call waits, one more stream may not.

    Batches whose requests name no caller wait for each other: what they may call is answered at once.
    """

    def __init__(self, *, calls: int, streams: int) -> None:
        self._calls = calls
        self._streams = streams
        self._under_way: WeakValueDictionary[str, asyncio.Semaphore] = WeakValueDictionary()
        self._open = Counter[str]()
        self._anonymous = asyncio.Semaphore(ANONYMOUS_BATCHES)

    def calls_of(self, caller_id: str) -> asyncio.Semaphore:
        """The slots of a caller's calls: enter it for one."""
        slots = self._under_way.get(caller_id)
        if slots is None:
            slots = self._under_way[caller_id] = asyncio.Semaphore(self._calls)
        return slots

    def batch_of(self, *, names_caller: bool) -> AbstractAsyncContextManager[None]:
        """The slot of a batch: enter it for all of its calls."""
        return nullcontext() if names_caller else self._anonymous

    @contextmanager
    def stream(self, caller_id: str) -> Iterator[None]:
        """Count a stream for as long as it is open; RateLimitExceeded when there are too many."""
        if self._open[caller_id] >= self._streams:
            raise RateLimitExceeded(retry_after=STREAM_RETRY_SECONDS)
        self._open[caller_id] += 1
        try:
            yield
        finally:
            self._open[caller_id] -= 1
            if not self._open[caller_id]:
                del self._open[caller_id]


async def within(slot: AbstractAsyncContextManager[None], call: Awaitable[Answer]) -> Answer:
    """What a call answers once it has the slot."""
    async with slot:
        return await call
