"""Large bodies, and many at once, through a server that stays small."""

import asyncio
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import Any

import httpx
import psutil
import pytest

from contracts.plans import Plan
from server.token import sign_token
from tests.at_once import at_once
from tests.media_files import padded, video
from tests.pieces import MIB, pieces
from tests.processes import MEDIARPC, running


@pytest.fixture
def server(resources, settings, configured, tmp_path):
    """A `mediarpc serve`, its URL and a token."""
    with running([MEDIARPC, "serve"], tmp_path, **configured, RATE_LIMITS="off") as serve:
        serve.wait_for("mediarpc serves on")
        yield serve, f"http://127.0.0.1:{configured['PORT']}/rpc", sign_token(settings, user="ada", plan=Plan.PREMIUM)


def resident(pid: int) -> int:
    process = psutil.Process(pid)
    return sum(one.memory_info().rss for one in [process, *process.children(recursive=True)])


async def peak_during(pid: int, work: Callable[[], Any]) -> int:
    """The most memory that a process has while something is done, beyond what it had before, in bytes."""
    before = peak = resident(pid)
    task = asyncio.create_task(work())
    while not task.done():
        peak = max(peak, resident(pid))
        await asyncio.wait([task], timeout=0.05)
    await task
    return peak - before


async def test_five_hundred_megabytes_leave_the_server_small(server, tmp_path: Path):
    """32 MB at most on top, for one body of 500 MB and for fifty slow ones at once."""
    serve, url, token = server
    headers = {"authorization": f"Bearer {token}", "content-type": "application/octet-stream"}

    async with httpx.AsyncClient(headers=headers, timeout=120) as http:

        async def send(chunks: AsyncIterator[bytes]) -> None:
            answer = await http.post(f"{url}/media.upload", content=chunks)
            assert answer.status_code == 200, answer.text

        async def large() -> AsyncIterator[bytes]:
            yield padded(video(), MIB)
            for _ in range(499):
                yield bytes(MIB)

        async def slow() -> AsyncIterator[bytes]:
            yield padded(video(), MIB)
            for _ in range(8):
                await asyncio.sleep(0.2)
                yield bytes(128 * 1024)

        await send(pieces(padded(video(), 9 * MIB)))
        one = await peak_during(serve.pid, lambda: send(large()))
        fifty = await peak_during(serve.pid, lambda: at_once(*(send(slow()) for _ in range(50))))
        assert max(one, fifty) < 32_000_000
