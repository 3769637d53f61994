"""How much of a process one caller has at a time: calls take turns, streams are counted."""

import asyncio
from collections import Counter
from collections.abc import Awaitable, Iterator
from contextlib import AbstractAsyncContextManager, contextmanager, nullcontext
from typing import TypeVar
from weakref import WeakValueDictionary

from contracts.errors import RateLimitExceeded

Answer = TypeVar("Answer")

STREAM_RETRY_SECONDS = 30
BATCHES_OF_NOBODY = 2


class Turns:
    """So many calls under way and so many open streams of each caller; one more call waits, one more stream may not.

    Batches whose requests name no caller take turns together: what they may call is answered at once.
    """

    def __init__(self, *, calls: int, streams: int) -> None:
        self._calls = calls
        self._streams = streams
        self._under_way: WeakValueDictionary[str, asyncio.Semaphore] = WeakValueDictionary()
        self._open = Counter[str]()
        self._of_nobody = asyncio.Semaphore(BATCHES_OF_NOBODY)

    def of(self, caller_id: str) -> asyncio.Semaphore:
        """The turns of a caller's calls: enter it for one."""
        turns = self._under_way.get(caller_id)
        if turns is None:
            turns = self._under_way[caller_id] = asyncio.Semaphore(self._calls)
        return turns

    def of_batch(self, *, names_caller: bool) -> AbstractAsyncContextManager[None]:
        """The turn of a batch: enter it for all of its calls."""
        return nullcontext() if names_caller else self._of_nobody

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


async def within(turn: AbstractAsyncContextManager[None], call: Awaitable[Answer]) -> Answer:
    """What a call answers in its turn."""
    async with turn:
        return await call
