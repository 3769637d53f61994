"""A response that is written as it comes, when its reader leaves."""

import asyncio
from collections.abc import AsyncIterator

import httpx

from contracts.wire import Event, NoInput
from rpc.context import Context
from rpc.procedure import subscription
from tests.sample_procedures import SAMPLES, listening


class Nothing(Event):
    """An event that never comes."""


async def test_a_reader_who_leaves_in_the_middle_of_a_statement_costs_no_connection(resources):
    """The statement is ended, and the connection it ran on is as good as before."""
    begun, ended = asyncio.Event(), asyncio.Event()

    @subscription("slow", public=True)
    async def slow(ctx: Context, _params: NoInput) -> AsyncIterator[Nothing | None]:
        async with ctx.resources.db.pool.connection() as connection:
            begun.set()
            try:
                await connection.execute("select pg_sleep(10)")
            finally:
                ended.set()
        yield None

    async with (
        asyncio.timeout(20),
        listening((slow, *SAMPLES), resources=resources) as url,
        httpx.AsyncClient() as client,
    ):
        await resources.db.pool.wait()
        async with client.stream("GET", f"{url}/rpc/slow"):
            await begun.wait()
        await ended.wait()
        held = [await resources.db.pool.getconn() for _ in range(2)]

    for connection in held:
        await resources.db.pool.putconn(connection)
    assert "returns_bad" not in resources.db.pool.get_stats()
