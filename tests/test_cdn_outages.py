"""`/cdn` before a store that is down, slow, or not itself."""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass, field, replace

import httpx
import pytest

from server import storage_proxy
from storage.s3 import StoreConfig
from tests.cdn import cdn_site
from tests.services import Servers

BODY = b"twelve bytes"
ETAG = '"c91fa94e14cf2fa5474beceff788c0dc"'
ENDLESS = 2**40
CLIENTS = 150
BOUND_SECONDS = 30


@dataclass
class StandIn:
    """A socket in a store's place. Every object has `size` bytes; what a GET brings is a test's to say."""

    size: int = len(BODY)
    body: bytes = BODY
    told: dict[str, str] = field(default_factory=dict)
    silent: str = ""
    heads: list[str] = field(default_factory=list)
    unanswered: asyncio.Queue[str] = field(default_factory=asyncio.Queue)
    left: asyncio.Event = field(default_factory=asyncio.Event)

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Answer one connection until its end."""
        with contextlib.suppress(ConnectionError, asyncio.IncompleteReadError), contextlib.closing(writer):
            while True:
                head = (await reader.readuntil(b"\r\n\r\n")).decode()
                self.heads.append(head)
                await self._answer(head.partition(" ")[0], reader, writer)

    async def _answer(self, method: str, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        if method == self.silent:
            self.unanswered.put_nowait(method)
            await reader.read()
        told = {"content-length": str(self.size), "etag": ETAG, "last-modified": "Sat, 21 Nov 2026 08:00:00 GMT"}
        told |= self.told if method == "GET" else {}
        lines = "".join(f"{name}: {value}\r\n" for name, value in told.items())
        writer.write(f"HTTP/1.1 200 OK\r\n{lines}\r\n".encode())
        if method == "GET":
            writer.write(self.body)
            await self._stream(writer)
        await writer.drain()

    async def _stream(self, writer: asyncio.StreamWriter) -> None:
        try:
            while self.size == ENDLESS:
                writer.write(b"x" * 65_536)
                await writer.drain()
        finally:
            self.left.set()
        writer.close()


@pytest.fixture
def store() -> StandIn:
    return StandIn()


@pytest.fixture
async def endpoint(store) -> AsyncIterator[str]:
    async with await asyncio.start_server(store.serve, "127.0.0.1", 0) as server:
        yield f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"


@pytest.fixture
def config(servers: Servers, endpoint: str) -> StoreConfig:
    return replace(servers.stores[0].config("media"), endpoint=endpoint)


@pytest.fixture
def patience() -> float:
    """After how many seconds of silence the store is given up."""
    return 60


@pytest.fixture
async def url(config, patience, monkeypatch) -> AsyncIterator[str]:
    """Where an object is."""
    monkeypatch.setattr(storage_proxy, "IDLE_TIMEOUT_SECONDS", patience)
    async with cdn_site(config) as origin:
        yield f"{origin}/cdn/a.mp4"


Fetch = Callable[..., Awaitable[httpx.Response]]


@pytest.fixture
def fetch(url, client) -> Fetch:
    """Ask for the object, with headers."""

    async def send(method: str = "GET", **headers: str) -> httpx.Response:
        named = {name.replace("_", "-"): value for name, value in headers.items()}
        answer: httpx.Response = await client.request(method, url, headers=named)
        return answer

    return send


async def test_an_object_is_served_while_the_store_is_itself(fetch):
    answer = await fetch()
    assert (answer.status_code, answer.content) == (200, BODY)


@pytest.mark.parametrize("endpoint", ["http://127.0.0.1:1"], ids=["nobody listens"])
async def test_a_store_that_is_down_is_a_bad_gateway(fetch):
    """In a sentence, which no cache keeps."""
    for method, text in (("GET", "storage did not answer\n"), ("HEAD", "")):
        answer = await fetch(method)
        assert (answer.status_code, answer.text, answer.headers["cache-control"]) == (502, text, "no-store")


@pytest.mark.parametrize("patience", [0.2])
@pytest.mark.parametrize("silent", ["HEAD", "GET"])
async def test_a_store_that_says_nothing_is_given_up(store, fetch, silent):
    store.silent = silent
    answer = await fetch()
    assert (answer.status_code, answer.text) == (502, "storage did not answer\n")


@pytest.mark.parametrize(
    "told",
    [{"content-length": "13"}, {"content-length": "11"}, {"etag": '"another"'}],
    ids=["longer", "shorter", "another object"],
)
async def test_other_bytes_than_were_promised_are_not_sent(store, fetch, told):
    """The object was replaced between two questions."""
    store.told = told
    assert (await fetch()).status_code == 502


async def test_the_whole_is_not_sent_as_a_part(store, fetch):
    """A store that does not look at Range answers more than it was asked for."""
    assert (await fetch(range="bytes=0-3")).status_code == 502
    assert "bytes=0-3" in store.heads[-1]


async def test_a_part_may_be_told_as_the_whole(store, fetch):
    """The embedded store answers 200 with exactly the bytes that were asked for."""
    store.told, store.body = {"content-length": "4", "content-range": "bytes 0-3/12"}, BODY[:4]
    answer = await fetch(range="bytes=0-3")
    assert (answer.status_code, answer.content, answer.headers["content-range"]) == (206, b"twel", "bytes 0-3/12")


async def test_a_body_that_breaks_off_is_seen_to_break_off(store, fetch):
    """A client is never left with a piece that looks whole."""
    store.body = BODY[:5]
    with pytest.raises(httpx.RemoteProtocolError, match="received 5 bytes, expected 12"):
        await fetch()


async def test_the_store_is_sent_nothing_of_the_clients(store, fetch):
    """Neither credentials nor conditions."""
    await fetch(cookie="session=secret", authorization="Bearer secret", x_amz_meta_a="b", if_none_match='"a"')
    assert [head.partition(" ")[0] for head in store.heads] == ["HEAD", "GET"]
    for head in store.heads:
        assert [line.partition(":")[0].lower() for line in head.split("\r\n")[1:] if line] == ["host"]


async def test_a_client_that_leaves_ends_the_reading(store, client, url):
    """Nothing more is taken from the store for somebody who has gone."""
    store.size = ENDLESS
    async with client.stream("GET", url) as answer:
        assert len(await anext(answer.aiter_raw())) > 0
        assert not store.left.is_set()
    await asyncio.wait_for(store.left.wait(), BOUND_SECONDS)


async def test_a_client_that_leaves_while_it_stands_still_ends_the_reading(store, client, url):
    """Also when the server was waiting for the client, and not for the store."""
    store.size = ENDLESS
    async with client.stream("GET", url):
        await asyncio.sleep(1)
        assert not store.left.is_set()
    await asyncio.wait_for(store.left.wait(), BOUND_SECONDS)


async def test_clients_that_stand_still_keep_nobody_waiting(store, url, fetch):
    """However many do. The server that serves them is given its ten seconds to end."""
    store.silent = "GET"
    async with httpx.AsyncClient(timeout=BOUND_SECONDS, limits=httpx.Limits(max_connections=None)) as many:
        waiting = [asyncio.create_task(many.get(url)) for _ in range(CLIENTS)]
        async with asyncio.timeout(BOUND_SECONDS):
            for _ in range(CLIENTS):
                await store.unanswered.get()
        assert (await fetch("HEAD")).status_code == 200
        for task in waiting:
            task.cancel()
        await asyncio.gather(*waiting, return_exceptions=True)
