"""Calls that are made at once."""

import asyncio
from collections.abc import Coroutine
from typing import Any


async def at_once(*calls: Coroutine[Any, Any, Any]) -> list[Any]:
    """Every answer, in order; when one call fails the others are ended with it, so that none outlives its test."""
    async with asyncio.TaskGroup() as group:
        tasks = [group.create_task(call) for call in calls]
    return [task.result() for task in tasks]
