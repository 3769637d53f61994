"""The server's own limits, below any application."""

import asyncio
from urllib.parse import urlsplit

import httpx
import pytest

from tests.sample_procedures import SAMPLES, listening

MIB = 1024 * 1024
POST = b"POST /rpc/get_data HTTP/1.1\r\nhost: x\r\ncontent-type: application/json\r\ntransfer-encoding: chunked\r\n\r\n"


async def sent_before_hanging_up(url: str, begin: bytes, more: bytes) -> int:
    """How many MiB of `more` a server took before it hung up."""
    _, writer = await asyncio.open_connection(urlsplit(url).hostname, urlsplit(url).port)
    writer.write(begin)
    sent = 0
    try:
        while sent < 64:
            writer.write(more * (MIB // len(more)))
            await writer.drain()
            sent += 1
    except ConnectionError:
        pass
    finally:
        writer.close()
    return sent


@pytest.mark.parametrize(
    ("begin", "more"),
    [
        pytest.param(b"GET /rpc/get_data?x=", b"x", id="url"),
        pytest.param(b"GET /rpc/get_data HTTP/1.1\r\nx: ", b"x", id="header"),
        pytest.param(b"GET /rpc/get_data HTTP/1.1\r\n", b"x: y\r\n", id="headers"),
        pytest.param(POST + b"0\r\n", b"x: y\r\n", id="trailers"),
        pytest.param(POST + b"1;", b"x", id="chunk-extension"),
    ],
)
async def test_a_request_that_never_gets_to_the_point_is_hung_up_on(begin: bytes, more: bytes) -> None:
    """Long before its memory is full; what the network keeps on the way counts as sent."""
    async with asyncio.timeout(30), listening(SAMPLES) as url:
        assert await sent_before_hanging_up(url, begin, more) < 32


async def test_a_body_may_be_as_large_as_the_setting_says() -> None:
    """It is counted by the application, in whatever pieces it comes."""
    pieces = (b" " * 60_000 for _ in range(17))

    async def body():
        for piece in pieces:
            yield piece

    async with listening(SAMPLES) as url, httpx.AsyncClient() as client:
        answer = await client.post(f"{url}/rpc/get_data", content=body(), headers={"content-type": "application/json"})

    assert answer.json()["error"]["message"] == "The input is not JSON"


@pytest.mark.parametrize(("length", "status"), [(60_000, b"200"), (70_000, b"400")])
async def test_a_url_is_read_up_to_sixty_four_kilobytes(length: int, status: bytes) -> None:
    async with listening(SAMPLES) as url:
        reader, writer = await asyncio.open_connection(urlsplit(url).hostname, urlsplit(url).port)
        writer.write(b"GET /rpc/get_data?x=" + b"a" * length + b" HTTP/1.1\r\nhost: x\r\n\r\n")
        assert (await reader.readline()).split()[1] == status
        writer.close()
        await writer.wait_closed()
