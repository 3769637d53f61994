"""What streams cost: how early a streamed batch's first result is there, and what an idle subscriber holds."""

import asyncio
import time
from contextlib import AsyncExitStack
from urllib.parse import quote

import aiohttp
import psutil

from bench.servers import BenchError, Server

WATCHERS = 1000
LISTINGS = 20
SETTLE_SECONDS = 2.0
TIMEOUT = aiohttp.ClientTimeout(total=60)


def first_of_batch(server: Server, token: str) -> float:
    """When a quick query's result arrived, as a share of the time after which the last one of its batch did."""
    return asyncio.run(_first_of_batch(server, token))


async def _first_of_batch(server: Server, token: str) -> float:
    path = ",".join(["media.getSupportedFormats", *["media.listMedia"] * LISTINGS])
    url = f"http://127.0.0.1:{server.port}/rpc/{quote(path)}?batch=1"
    headers = {"authorization": f"Bearer {token}", "trpc-accept": "application/jsonl"}
    began = time.perf_counter()
    async with aiohttp.ClientSession(timeout=TIMEOUT) as client, client.get(url, headers=headers) as answer:
        arrived = [time.perf_counter() - began async for _ in answer.content]
    if len(arrived) != LISTINGS + 2:
        raise BenchError(f"a streamed batch of {LISTINGS + 1} calls had {len(arrived)} lines")
    return arrived[1] / arrived[-1]


def idle_watchers(server: Server, tokens: list[str]) -> float:
    """KiB of the server's process for each of many subscribers who wait for their first event."""
    return asyncio.run(_idle_watchers(server, tokens))


async def _idle_watchers(server: Server, tokens: list[str]) -> float:
    process = psutil.Process(server.pid)
    async with AsyncExitStack() as stack:
        connector = aiohttp.TCPConnector(limit=WATCHERS)
        client = await stack.enter_async_context(aiohttp.ClientSession(timeout=TIMEOUT, connector=connector))
        before = process.memory_info().rss
        for number in range(WATCHERS):
            await stack.enter_async_context(_watch(client, server, tokens[number % len(tokens)]))
        await asyncio.sleep(SETTLE_SECONDS)
        return (process.memory_info().rss - before) / 1024 / WATCHERS


def _watch(client: aiohttp.ClientSession, server: Server, token: str) -> "aiohttp.client._RequestContextManager":
    # After the last event that there can be, so that nobody is told the past.
    query = quote(f'{{"lastEventId":"{2**63 - 1}"}}')
    url = f"http://127.0.0.1:{server.port}/rpc/media.watch?input={query}"
    return client.get(url, headers={"authorization": f"Bearer {token}"})
