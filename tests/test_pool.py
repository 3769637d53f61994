"""The pool of connections, when the one who waits for a connection is told to stop."""

import asyncio
import contextlib

import pytest

from sql.database import create_pool


@pytest.mark.parametrize("turns", range(12), ids=lambda turns: f"{turns} turns later")
async def test_a_cancelled_wait_for_a_connection_stays_cancelled(database_url, turns):
    """A task that is cancelled just as it gets its connection ends; swallowing that would keep a worker running."""
    async with create_pool(database_url, size=2) as pool:
        await pool.wait()
        held = [await pool.getconn(), await pool.getconn()]

        async def work() -> None:
            async with pool.connection():
                await asyncio.sleep(3600)

        waiting = asyncio.create_task(work())
        await asyncio.sleep(0.05)
        await pool.putconn(held.pop())
        for _ in range(turns):
            await asyncio.sleep(0)
        waiting.cancel()
        done, _ = await asyncio.wait([waiting], timeout=5)
        waiting.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await waiting
        await pool.putconn(held.pop())
    assert done == {waiting}
