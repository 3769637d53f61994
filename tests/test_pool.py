"""The pool of connections, when the one who waits for a connection, or gives it back, is told to stop."""

import asyncio
import contextlib

import pytest

from sql.pool import create_pool


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


async def test_a_connection_comes_back_although_its_holder_is_cancelled_meanwhile(database_url):
    """Giving it back may have to wait for the pool's lock, and a cancellation there must not lose it."""
    async with create_pool(database_url, size=2) as pool:
        await pool.wait()
        held = await pool.getconn()
        async with pool._lock:  # as another who gets or gives a connection holds it
            giving = asyncio.create_task(pool.putconn(held))
            await asyncio.sleep(0.05)
            giving.cancel()
            await asyncio.wait([giving])
        async with asyncio.timeout(30):
            again = [await pool.getconn(), await pool.getconn()]
        for connection in again:
            await pool.putconn(connection)
    assert giving.cancelled()
    assert held in again
