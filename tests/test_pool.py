"""The pool of connections: what a caller has of it, and when one who waits, or gives one back, is told to stop."""

import asyncio
import contextlib
from typing import Any

import pytest
from psycopg_pool import PoolTimeout

from sql.pool import Share, create_pool


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


@pytest.mark.parametrize(("size", "share"), [(1, 1), (2, 1), (5, 2)])
async def test_a_caller_has_half_of_the_connections_and_others_have_the_rest(database_url, size, share):
    """One more is lent to it when one of them has come back; a pool of one is lent whole."""
    async with create_pool(database_url, size=size) as pool, contextlib.AsyncExitStack() as ada:
        held = [await ada.enter_async_context(pool.share_of("ada").connection()) for _ in range(share)]
        waiting = asyncio.create_task(_answer(pool.share_of("ada")))
        await asyncio.sleep(0)
        if size > share:
            assert await _answer(pool.share_of("grace")) == 1

        assert len(held) == share
        assert not waiting.done()
        await ada.aclose()
        assert await waiting == 1


async def test_who_waits_in_vain_for_a_turn_is_told_so_and_loses_none(database_url):
    """Neither in time nor cancelled does a wait take anything of the share along."""
    async with create_pool(database_url, size=2) as pool:
        share = pool.share_of("ada")
        async with share.connection():
            pool.timeout = 0.05
            with pytest.raises(PoolTimeout):
                await _answer(share)
            pool.timeout = 30
            waiting = asyncio.create_task(_answer(share))
            await asyncio.sleep(0)
            waiting.cancel()
        assert await _answer(share) == 1
        await asyncio.wait([waiting])
    assert waiting.cancelled()


async def _answer(share: Share) -> Any:
    async with share.connection() as connection:
        cursor = await connection.execute("select 1")
        (answer,) = await cursor.fetchone() or (None,)
        return answer
