"""No call of anybody holds the event loop for longer than 50 ms of its time, whatever it asks for."""

import asyncio
import json
import time

import pytest

from tests.attacks.test_shares import many_segments
from tests.attacks.test_siege import ESCAPES
from tests.steps import Steps, steps

__all__ = ["steps"]

MIB = 1024 * 1024
BATCH = 100
NOBODYS = "00000000-0000-4000-8000-000000000000"


@pytest.fixture
def send(http, bearer):
    """Send a body to the endpoint as ada; the answer."""

    async def post(body, **headers):
        content = body if isinstance(body, bytes) else json.dumps(body).encode()
        return await http.post(
            "/rpc", content=content, headers={"content-type": "application/json"} | bearer() | headers
        )

    return post


def call_of(name, **params):
    return {"jsonrpc": "2.0", "id": 1, "method": name, "params": params}


def batch_of(name, **params):
    return [{**call_of(name, **params), "id": number} for number in range(BATCH)]


BODIES = {
    "a string of escapes behind many brackets": ESCAPES,
    "a mebibyte of one string": json.dumps(call_of("media.listMedia", search="a" * MIB)).encode()[:MIB],
    "many unknown members": call_of("media.getSupportedFormats", **{f"m{number}": 0 for number in range(1_000)}),
    "too many members": call_of("media.getSupportedFormats", **{f"m{number}": 0 for number in range(40_000)}),
    "a long list": call_of("media.deleteMany", mediaIds=["x"] * 40_000),
    "part numbers that are none": call_of("media.signParts", mediaId=NOBODYS, partNumbers=["x"] * 10_000),
    "parts that are none": call_of("media.completeMultipartUpload", mediaId=NOBODYS, parts=[{}] * 10_000),
    "a part of many members": call_of(
        "media.completeMultipartUpload", mediaId=NOBODYS, parts=[{f"m{number}": 1 for number in range(48_000)}]
    ),
    "ten thousand parts": call_of(
        "media.completeMultipartUpload",
        mediaId=NOBODYS,
        parts=[{"partNumber": n + 1, "etag": "e"} for n in range(10_000)],
    ),
    "a batch of reads": batch_of("media.getStorageUsage"),
    "a batch of formats": batch_of("media.getSupportedFormats"),
    "a batch of documents": batch_of("rpc.discover"),
    "the document": call_of("rpc.discover"),
    "a batch of methods that are not there": batch_of("x" * 5_000),
    "a batch of uploads": batch_of("media.initiateUpload", filename="p.jpg", contentType="image/jpeg", size=1),
    "a batch of bad uploads": batch_of("media.initiateUpload", filename="p" * 9_000, contentType="x" * 90, size=-1),
    "numbers as large as there are": b"[" + b"1e308," * 50_000 + b"1]",
    "numbers as small as there are": b"[" + b"5e-324," * 50_000 + b"1]",
    "more values than any body has": b"[" + b"1," * 500_000 + b"1]",
    "numbers between two others": b"[" + (b"9007199254740993." + b"0" * 700 + b"1,") * 1_300 + b"1]",
}


@pytest.mark.parametrize("body", BODIES.values(), ids=BODIES)
async def test_no_body_holds_the_loop(send, steps, body):
    for _ in range(2):
        assert (await send(body)).status_code in {200, 400, 413}


async def test_pages_of_a_hundred_hold_nobody_up(send, steps):
    for _ in range(2):
        await send(batch_of("media.initiateUpload", filename="p.jpg", contentType="image/jpeg", size=1))

    assert (await send(batch_of("media.listMedia", limit=100))).status_code == 200


async def test_an_image_of_millions_of_segments_holds_nobody_up(send, steps, arrived_upload):
    ticket = await arrived_upload(many_segments(9 * MIB))

    assert (await send(call_of("media.completeUpload", mediaId=str(ticket.media_id)))).status_code == 200


async def test_a_step_that_is_too_long_is_seen():
    """And laid to its call; what others do in between is not."""
    seen = Steps()

    async def call(name, seconds):
        await asyncio.sleep(0)
        ends_at = time.thread_time() + seconds
        while time.thread_time() < ends_at:
            pass

    timed = seen.timed(call, lambda name, _seconds: name)
    await asyncio.gather(timed("short", 0.0), timed("long", 0.06))

    assert list(seen.too_long) == ["long"]
