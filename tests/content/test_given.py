"""Procedures that take bytes, over real connections: what they are given."""

import asyncio
import hashlib
import json
from contextlib import suppress
from urllib.parse import quote

import httpx
import pytest

from contracts.wire import NoInput
from rpc.content import Content
from rpc.context import Context
from rpc.procedure import mutation
from tests.raw_requests import answered, connected, error_of, head, read_answer
from tests.sample_content import RAW
from tests.sample_procedures import Number, listening

MIB = 1024 * 1024


async def test_a_raw_body_is_the_content_and_the_input_stands_in_the_url(url: str, client: httpx.AsyncClient) -> None:
    params = quote('{"pageTitle":"A","pages":3}')
    body = b"\0\r\n--" * MIB

    answer = await client.post(
        f"{url}/rpc/content.keep?input={params}",
        content=body,
        headers={**RAW, "content-disposition": "attachment; filename=a.bin; filename*=UTF-8''na%C3%AFve.bin"},
    )

    kept = answer.json()["result"]["data"]
    assert (kept["described"]["pageTitle"], kept["described"]["pages"]) == ("A", 3)
    assert {name: kept[name] for name in ("filename", "contentType", "length", "size", "sha256")} == {
        "filename": "naïve.bin",
        "contentType": None,
        "length": 5 * MIB,
        "size": 5 * MIB,
        "sha256": hashlib.sha256(body).hexdigest(),
    }


@pytest.mark.parametrize("query", ["", "?input=", "?input=null", "?input=%7B%7D"])
async def test_no_input_is_an_empty_one(url: str, client: httpx.AsyncClient, query: str) -> None:
    answer = await client.post(f"{url}/rpc/content.keep{query}", content=b"x", headers=RAW)

    assert answer.json()["result"]["data"]["described"]["pages"] == 1


@pytest.mark.parametrize(
    ("query", "message"),
    [
        ("?input=%7B", "The input is not JSON"),
        ("?input=[]", "The input must be an object"),
        ('?input={"pages":"1"}', "pages must be a whole number"),
    ],
)
async def test_an_input_in_the_url_is_checked_like_any_other(
    url: str, client: httpx.AsyncClient, query: str, message: str
) -> None:
    answer = await client.post(f"{url}/rpc/content.keep{query}", content=b"x", headers=RAW)

    assert (answer.status_code, error_of(answer.content)) == (400, (1200, message))


async def test_an_empty_body_is_an_empty_content(url: str, client: httpx.AsyncClient) -> None:
    answer = await client.post(f"{url}/rpc/content.keep", content=b"", headers=RAW)

    kept = answer.json()["result"]["data"]
    assert (kept["length"], kept["size"]) == (0, 0)


async def test_a_body_of_unknown_length_is_read_to_its_end(url: str) -> None:
    chunks = b"5\r\nhello\r\n6;x=y\r\n world\r\n0\r\n\r\n"
    status, _, body = await answered(url, head("content.keep", "transfer-encoding: chunked"), chunks)

    kept = json.loads(body)["result"]["data"]
    assert (status, kept["length"], kept["size"]) == (200, None, 11)
    assert kept["sha256"] == hashlib.sha256(b"hello world").hexdigest()


async def test_a_body_of_two_lengths_is_none(url: str) -> None:
    request = head("content.keep", "content-length: 5", "transfer-encoding: chunked") + b"0\r\n\r\n"

    assert (await answered(url, request))[::2] == (400, b"Invalid HTTP request received.")


async def test_a_connection_goes_on_after_a_content_was_read(url: str) -> None:
    request = head("content.keep", "content-length: 5") + b"hello"
    async with connected(url) as (reader, writer):
        writer.write(request + request)
        answers = [await read_answer(reader) for _ in range(2)]

    assert [(status, headers.get("connection")) for status, headers, _ in answers] == [(200, None)] * 2


async def test_nothing_is_read_ahead_of_the_procedure(client: httpx.AsyncClient) -> None:
    """What it has not asked for waits at the client, whose writes then wait too."""
    taken: list[bytes] = []
    begun, goes_on = asyncio.Event(), asyncio.Event()

    @mutation("content.slow", public=True)
    async def slow(_ctx: Context, _params: NoInput, content: Content) -> Number:
        taken.append(await anext(content))
        begun.set()
        await goes_on.wait()
        return Number(value=len(taken[0]) + sum([len(chunk) async for chunk in content]))

    async with listening([slow]) as url, connected(url) as (reader, writer):
        writer.write(head("content.slow", f"content-length: {64 * MIB}"))
        writer.transport.set_write_buffer_limits(0)
        sent = 0
        with suppress(TimeoutError):
            while sent < 64:
                writer.write(b"x" * MIB)
                sent += 1
                await asyncio.wait_for(writer.drain(), 1)
        assert sent < 32
        goes_on.set()
        writer.write(b"x" * MIB * (64 - sent))
        _, _, body = await read_answer(reader)

    assert json.loads(body) == {"result": {"data": {"value": 64 * MIB}}}
    assert len(taken[0]) < MIB


async def test_fifty_contents_arrive_at_once(url: str) -> None:
    """Each in small pieces, whose connections take turns."""

    async def slowly(number: int) -> bytes:
        async with connected(url) as (reader, writer):
            writer.write(head("content.keep", "content-length: 1000"))
            for _ in range(10):
                writer.write(bytes([number]) * 100)
                await writer.drain()
                await asyncio.sleep(0.01)
            return (await read_answer(reader))[2]

    bodies = await asyncio.gather(*(slowly(number) for number in range(50)))

    digests = [json.loads(body)["result"]["data"]["sha256"] for body in bodies]
    assert digests == [hashlib.sha256(bytes([number]) * 1000).hexdigest() for number in range(50)]
