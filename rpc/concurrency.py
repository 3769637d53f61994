"""How much of a process one caller has at a time: calls wait for each other, streams are counted."""

import asyncio
from collections import Counter
from collections.abc import Awaitable, Hashable, Iterator
from contextlib import AbstractAsyncContextManager, contextmanager, nullcontext
from typing import Generic, TypeVar
from weakref import WeakValueDictionary

from contracts.errors import RateLimitExceeded

Answer = TypeVar("Answer")
Key = TypeVar("Key", bound=Hashable)

STREAM_RETRY_SECONDS = 30
ANONYMOUS_BATCHES = 2


class Slots(Generic[Key]):
    """So many at a time for each key; one more waits for its turn."""

    def __init__(self, each: int) -> None:
        self._each = each
        self._taken: WeakValueDictionary[Key, asyncio.Semaphore] = WeakValueDictionary()

    def of(self, key: Key) -> asyncio.Semaphore:
        """The slots of a key: enter it for one."""
        slots = self._taken.get(key)
        if slots is None:
            slots = self._taken[key] = asyncio.Semaphore(self._each)
        return slots


class ConcurrencyLimits:
    """So many calls under way and so many open streams of each caller; one more call waits, one more stream may not.

    Batches whose requests name no caller wait for each other: what they may call is answered at once.
    """

    def __init__(self, *, calls: int, streams: int) -> None:
        self._calls = Slots[str](calls)
        self._streams = streams
        self._open = Counter[str]()
        self._anonymous = asyncio.Semaphore(ANONYMOUS_BATCHES)

    def calls_of(self, caller_id: str) -> asyncio.Semaphore:
        """The slots of a caller's calls: enter it for one."""
        return self._calls.of(caller_id)

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
