"""Work that is under way: whoever wants the same meanwhile shares its outcome."""

import asyncio
from collections.abc import Callable, Coroutine, Hashable
from typing import Any, Generic, TypeVar

Key = TypeVar("Key", bound=Hashable)
Outcome = TypeVar("Outcome")


class InFlight(Generic[Key, Outcome]):
    """Runs one piece of work for each key at a time, which goes on when those who wait for it are cancelled.

    Its outcome is good for those who come up to `keep_seconds` after its end, too, unless it failed.
    """

    def __init__(self, *, keep_seconds: float = 0.0) -> None:
        self._keep_seconds = keep_seconds
        self._running: dict[Key, asyncio.Task[Outcome]] = {}

    async def share(self, key: Key, begin: Callable[[], Coroutine[Any, Any, Outcome]]) -> Outcome:
        """What comes of the work for a key, begun here if it is not under way; raises what it raises."""
        return await asyncio.shield(self.start(key, begin))

    def start(self, key: Key, begin: Callable[[], Coroutine[Any, Any, Outcome]]) -> asyncio.Task[Outcome]:
        """The work for a key, begun here if it is not under way, for whoever does not wait for it."""
        running = self._running.get(key)
        if running is None:
            running = self._running[key] = asyncio.create_task(begin())
            running.add_done_callback(lambda ended: self._end(key, ended))
        return running

    def _end(self, key: Key, ended: asyncio.Task[Outcome]) -> None:
        failed = ended.cancelled() or ended.exception() is not None  # looked at: perhaps nobody waits any more
        if failed or not self._keep_seconds:
            del self._running[key]
        else:
            asyncio.get_running_loop().call_later(self._keep_seconds, self._running.pop, key)
