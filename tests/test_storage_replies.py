"""Every call of a store that dies in the middle of a reply: no part of an answer is taken for all of it."""

import asyncio
import contextlib
import hashlib
import io
import re
import uuid
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import Any

import pytest

from contracts.errors import ServiceUnavailable
from storage import s3
from storage.bucket import ObjectFacts, ObjectMissing
from storage.conditions import Conditions
from storage.multipart import Part, UploadGone
from storage.s3 import ObjectStore, StoreConfig
from tests.dying import dying_before
from tests.services import Servers, every_store

BOUND_SECONDS = 120
BODY = b"0123456789"
ETAG = '"781e5e245d69b566979b86e28d23f2c7"'
NEVER_BEGUN = "00000000-0000-0000-0000-000000000000"


@dataclass(frozen=True)
class Stored:
    """An object, and an upload of the same bytes in one part."""

    key: str
    etag: str
    upload_key: str
    upload_id: str
    parts: list[Part]


Call = Callable[[ObjectStore, Stored], Awaitable[Any]]


async def first_copy(store: ObjectStore, there: Stored) -> None:
    store.conditions = None
    await store.copy(there.key, f"{there.key}-copy", etag=there.etag, content_type="image/jpeg")


CALLS: dict[str, Call] = {
    "check": lambda store, _: store.check(),
    "create_buckets": lambda store, _: store.create_buckets(),
    "head": lambda store, there: store.head(there.key),
    "head of nothing": lambda store, there: store.head(f"{there.key}-nothing"),
    "write": lambda store, there: store.write(there.key, io.BytesIO(BODY), size_bytes=10, content_type="image/png"),
    "read": lambda store, there: store.read(there.key, 2, 3),
    "read past the end": lambda store, there: store.read(there.key, 50, 5),
    "sha256": lambda store, there: store.sha256(there.key),
    "copy": lambda store, there: store.copy(there.key, f"{there.key}-copy", etag=there.etag, content_type="image/jpeg"),
    "first copy": first_copy,
    "keys_under": lambda store, there: store.keys_under(there.key),
    "keys_under nothing": lambda store, there: store.keys_under(f"{there.key}-nothing"),
    "remove": lambda store, there: store.remove([there.key]),
    "begin": lambda store, there: store.multipart.begin(there.key, content_type="video/mp4", token="t-1"),
    "parts": lambda store, there: store.multipart.parts(there.upload_key, there.upload_id),
    "parts of nothing": lambda store, there: store.multipart.parts(there.upload_key, NEVER_BEGUN),
    "write_part": lambda store, there: store.multipart.write_part(
        there.upload_key, there.upload_id, 1, io.BytesIO(BODY), 10
    ),
    "assemble": lambda store, there: store.multipart.assemble(there.upload_key, there.upload_id, there.parts),
    "abort": lambda store, there: store.multipart.abort(there.upload_key, there.upload_id),
    "abort_all": lambda store, there: store.multipart.abort_all(there.upload_key),
}


def true_answer(name: str, there: Stored) -> Any:
    """What a call says when its reply comes whole; an upload's id may be any."""
    answers = {
        "head": ObjectFacts(10, there.etag, "t-0"),
        "head of nothing": ObjectMissing,
        "read": b"234",
        "read past the end": b"",
        "sha256": hashlib.sha256(BODY).hexdigest(),
        "keys_under": [there.key],
        "keys_under nothing": [],
        "begin": str,
        "parts": there.parts,
        "parts of nothing": UploadGone,
    }
    return answers.get(name)


@pytest.fixture(params=every_store())
def config(request, servers: Servers) -> StoreConfig:
    """A fresh bucket of one server."""
    for server in servers.stores:
        if server.name == request.param:
            return server.config(f"replies-{uuid.uuid4().hex[:20]}")
    pytest.skip(servers.missing[request.param])


@pytest.fixture
async def store(config):
    opened = ObjectStore(config)
    await opened.create_buckets()
    yield opened
    opened.close()


@pytest.fixture
async def dying(config):
    assert config.endpoint
    async with dying_before(config.endpoint) as way:
        yield way


@pytest.fixture
def dying_store(config, dying, monkeypatch):
    """A client that asks once."""
    monkeypatch.setattr(s3, "REQUEST_ATTEMPTS", 1)
    opened = ObjectStore(replace(config, endpoint=dying.endpoint))
    opened.conditions = Conditions(of_source=True, of_target=False)
    yield opened
    opened.close()


@pytest.fixture
def prepared(store):
    """Store an object with a token, and an upload of one part."""

    async def prepare() -> Stored:
        key, upload_key = (f"{uuid.uuid4().hex}/k" for _ in range(2))
        store._client.put_object(Bucket=store.name, Key=key, Body=BODY, Metadata={"mediarpc-token": "t-0"})
        upload_id = await store.multipart.begin(upload_key, content_type="video/mp4", token="t-1")
        await store.multipart.write_part(upload_key, upload_id, 1, io.BytesIO(BODY), 10)
        parts = await store.multipart.parts(upload_key, upload_id)
        return Stored(key, (await store.head(key)).etag, upload_key, upload_id, parts)

    return prepare


async def outcome(call: Awaitable[Any]) -> Any:
    """What is answered, or the class of what is raised."""
    try:
        return await call
    except (ServiceUnavailable, ObjectMissing, UploadGone) as error:
        return type(error)


def ends_of(replies: bytes) -> list[int]:
    """Where replies may end: within every line, and on both sides of each empty one."""
    lines = [match.span() for match in re.finditer(rb"[^\n]*\n|[^\n]+$", replies)]
    within = {start + (end - start) // 2 for start, end in lines}
    around = {place for start, end in lines if replies[start:end] == b"\r\n" for place in (start, end)}
    return sorted((within | around) - {len(replies)})


@pytest.mark.exhaustive
@pytest.mark.parametrize("name", CALLS)
async def test_a_part_of_a_reply_is_no_answer(name, dying, dying_store, prepared):
    """Wherever the store dies, storage is out; the answer is the true one only when all of it has come."""
    async with asyncio.timeout(BOUND_SECONDS):
        there = await prepared()
        dying.live()
        answer, right = await outcome(CALLS[name](dying_store, there)), true_answer(name, there)
        assert type(answer) is str if right is str else answer == right

        ends = ends_of(dying.replies)
        assert len(ends) > 10
        told = {}
        for end in ends:
            there = await prepared()
            dying.live(end)
            told[end] = await outcome(CALLS[name](dying_store, there))
    assert told == dict.fromkeys(ends, ServiceUnavailable)


REFUSAL = b'<?xml version="1.0"?><Error><Code>InternalError</Code><Message>We are sorry.</Message></Error>'


@pytest.mark.exhaustive
@pytest.mark.parametrize("body", [b"", b" \n \n", REFUSAL], ids=["nothing", "blank", "a refusal"])
@pytest.mark.parametrize("name", ["copy", "begin", "assemble", "parts", "abort_all", "keys_under"])
async def test_a_success_that_says_nothing_is_none(name, body, config, dying_store):
    """S3 may say 200 before it knows: what comes then must be the answer."""

    async def succeed(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with contextlib.closing(writer):
            head = (await reader.readuntil(b"\r\n\r\n")).decode().lower()
            await reader.readexactly(int(head.partition("content-length: ")[2].partition("\r\n")[0] or 0))
            writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\nConnection: close\r\n\r\n%b" % (len(body), body))
            await writer.drain()

    async with await asyncio.start_server(succeed, "127.0.0.1", 0) as server:
        endpoint = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"
        opened = ObjectStore(replace(config, endpoint=endpoint))
        opened.conditions = Conditions(of_source=False, of_target=False)
        nothing = Stored("k", ETAG, "k", NEVER_BEGUN, [Part(1, 10, ETAG, datetime.now(UTC))])
        assert await outcome(CALLS[name](opened, nothing)) is ServiceUnavailable
        opened.close()
