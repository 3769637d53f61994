"""The calls of a batch run side by side, and end together."""

import asyncio

import pytest

from rpc.batch import side_by_side


async def test_the_answers_come_in_the_order_of_the_calls():
    """Whichever is there first."""
    first = asyncio.Event()

    async def waits() -> str:
        await first.wait()
        return "first"

    async def lets_go() -> str:
        first.set()
        return "second"

    assert await side_by_side([waits(), lets_go()]) == ["first", "second"]


async def test_a_batch_that_is_cancelled_has_ended_all_its_calls():
    """Also what a call still does when it is told."""
    begun, ended = asyncio.Barrier(4), []

    async def call(number: int) -> None:
        await begun.wait()
        try:
            await asyncio.Event().wait()
        finally:
            await asyncio.sleep(0)
            ended.append(number)

    batch = asyncio.create_task(side_by_side([call(number) for number in range(3)]))
    await begun.wait()
    await asyncio.sleep(0)
    batch.cancel()
    with pytest.raises(asyncio.CancelledError):
        await batch
    assert sorted(ended) == [0, 1, 2]
