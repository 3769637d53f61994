"""Clients that leave in the middle of a content, say nothing for long, or send more than they announced."""

import asyncio
import json
import socket
import struct
from typing import Any

import pytest

from rpc.app import AppConfig
from tests import logs
from tests.raw_requests import answered, connected, head
from tests.sample_content import AUTH, FORM, audio_file, part, told
from tests.sample_procedures import listening, settled

RESET = struct.pack("ii", 1, 0)


@pytest.mark.parametrize("how", ["close", "reset"])
@pytest.mark.parametrize(
    "begin",
    [
        head("content.record", "content-length: 100") + b"hello",
        head("content.record", "transfer-encoding: chunked") + b"5\r\nhello\r\n",
        head("content.record", "content-length: 1000", kind=FORM["content-type"]) + part("file", "hello")[:-2],
    ],
    ids=["length", "chunked", "form"],
)
async def test_a_procedure_is_told_that_its_client_has_left(begin: bytes, how: str) -> None:
    """It can undo what it began; the log has one line, and no failure."""
    happened: asyncio.Queue[Any] = asyncio.Queue()
    with logs.events() as lines:
        async with listening([audio_file(happened)]) as url, connected(url) as (_, writer):
            writer.write(begin)
            assert await happened.get() == b"hello"
            if how == "reset":
                writer.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, RESET)

    assert told(happened) == ["ContentBrokenOff"]
    assert [(line["event"], line["procedure"], line["outcome"]) for line in lines] == [
        ("call", "content.record", "broken off")
    ]


async def test_a_client_that_leaves_among_the_fields_is_logged_the_same() -> None:
    happened: asyncio.Queue[Any] = asyncio.Queue()
    with logs.events() as lines:
        async with listening([audio_file(happened)]) as url, connected(url) as (_, writer):
            writer.write(head("content.record", "content-length: 1000", kind=FORM["content-type"]))
            writer.write(part("note", "hello"))
            await writer.drain()

    assert told(happened) == []
    assert [(line["event"], line["outcome"]) for line in lines] == [("call", "broken off")]


async def test_a_client_that_says_nothing_for_long_is_answered_that() -> None:
    """The procedure is told as of one that has left; the client may begin again."""
    happened: asyncio.Queue[Any] = asyncio.Queue()
    config = AppConfig(auth=AUTH, content_idle_seconds=0.2)
    with logs.events() as lines:
        async with listening([audio_file(happened)], config=config) as url:
            status, headers, body = await answered(url, head("content.record", "content-length: 100"), b"hello")

    assert (status, headers["connection"]) == (400, "close")
    assert settled(json.loads(body)) == {
        "error": {
            "message": "The content broke off: nothing came for 0.2 seconds",
            "code": -32600,
            "data": {
                "code": "BAD_REQUEST",
                "httpStatus": 400,
                "rpcCode": 1201,
                "requestId": "<id>",
                "path": "content.record",
                "details": {"idleSeconds": 0.2},
            },
        }
    }
    assert told(happened) == [b"hello", "ContentStalled"]
    assert [(line["event"], line["outcome"]) for line in lines] == [("call", 1201)]


async def test_what_is_sent_behind_the_announced_length_is_not_the_content_s() -> None:
    """It would be the next request, and is none."""
    happened: asyncio.Queue[Any] = asyncio.Queue()
    async with listening([audio_file(happened)]) as url:
        request = head("content.record", "content-length: 5") + b"hello and more\r\n\r\n"
        status, _, body = await answered(url, request)

    assert (status, body) == (400, b"Invalid HTTP request received.")
    assert b"".join(each for each in told(happened) if isinstance(each, bytes)) in {b"", b"hello"}
