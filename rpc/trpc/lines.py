"""A batch whose results leave as they come: JSON Lines, as tRPC's httpBatchStreamLink reads them.

The head announces a promise for each call; each line that follows settles one: `[number, 0, [[answer]]]`.
"""

import asyncio
from collections.abc import AsyncGenerator, Coroutine, Iterable
from typing import Any

from rpc.json import encode
from rpc.trpc.shape import Answer

_FULFILLED = 0


async def lines(calls: Iterable[Coroutine[Any, Any, Answer]]) -> AsyncGenerator[bytes, None]:
    """The head at once, then a line for each call as it is done; whoever stops reading cancels the rest."""
    numbered = list(enumerate(calls))
    yield _line({str(number): [[0], [None, 0, number]] for number, _ in numbered})
    running = [asyncio.create_task(_numbered(number, call)) for number, call in numbered]
    try:
        for done in asyncio.as_completed(running):
            number, answer = await done
            yield _line([number, _FULFILLED, [[answer.body]]])
    finally:
        for task in running:
            task.cancel()


async def _numbered(number: int, call: Coroutine[Any, Any, Answer]) -> tuple[int, Answer]:
    return number, await call


def _line(value: Any) -> bytes:
    return encode(value) + b"\n"
