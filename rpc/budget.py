"""What the answers of one request may take together, so that a few bytes do not ask for many."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from functools import cached_property

from contracts.errors import AnswersTooLarge

MAX_ANSWERS_BYTES = 1024 * 1024
MEDIA_BYTES = 10 * 1024  # one media with its renditions, and whatever else is no list
ITEM_BYTES = 2 * 1024  # one signed URL with its headers, or what came of one member of a list


class AnswerBudget:
    """The bytes of a request's answers; the first is given whatever it takes.

    A change is answered once it took effect, so room for its answer is kept from before it runs.
    """

    def __init__(self, calls: int = 1) -> None:
        self.calls = calls
        self._spent = 0
        self._kept = 0

    async def spend(self, size_bytes: int) -> None:
        """Count one more answer; AnswersTooLarge when it comes on top of others and is too much."""
        await self._require_room(size_bytes)
        self._spent += size_bytes

    def count(self, size_bytes: int) -> None:
        """Count an answer for which room was kept."""
        self._spent += size_bytes

    @asynccontextmanager
    async def room(self, most_bytes: int) -> AsyncIterator[None]:
        """Keep room for an answer of so many bytes at the most; AnswersTooLarge when there is none left."""
        await self._require_room(most_bytes)
        self._kept += most_bytes
        try:
            yield
        finally:
            self._kept -= most_bytes
            self._settled.set()
            self._settled.clear()

    async def _require_room(self, size_bytes: int) -> None:
        """Wait for those who have kept more than they need, then decide."""
        while self._kept and not self._has_room(size_bytes):
            await self._settled.wait()
        if not self._has_room(size_bytes):
            raise AnswersTooLarge(limit_bytes=MAX_ANSWERS_BYTES)

    def _has_room(self, size_bytes: int) -> bool:
        taken = self._spent + self._kept
        return not taken or taken + size_bytes <= MAX_ANSWERS_BYTES

    @cached_property
    def _settled(self) -> asyncio.Event:
        return asyncio.Event()
