"""Connections that are opened to be kept: they end, and everybody else is answered meanwhile."""

import asyncio
from collections.abc import AsyncIterator, Callable, Iterable
from contextlib import AsyncExitStack, suppress
from typing import Any
from urllib.parse import urlsplit

import psutil
import pytest
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import PlainTextResponse, StreamingResponse
from starlette.routing import Route

from rpc import body
from rpc.body import Arriving, Bodies, BodyTooSlow
from rpc.content import ContentStalled
from server import connections
from server.connections import MAX_SLOW, MAX_WAITING, ConnectionLimits
from tests.on_a_socket import free_listener, served_on

MIB = 1024 * 1024
DEADLINE_SECONDS = 60
GET = b"GET /healthz HTTP/1.1\r\nhost: x\r\n\r\n"
VIDEO = b"GET /video HTTP/1.1\r\nhost: x\r\n\r\n"
SLOW = b"GET /slow HTTP/1.1\r\nhost: x\r\n\r\n"
CLOSING = b"\r\nconnection: close\r\n\r\n"
POST = b"POST /rpc HTTP/1.1\r\nhost: x\r\ncontent-length: 1000000\r\n\r\n"

Connected = tuple[asyncio.StreamReader, asyncio.StreamWriter]


async def healthz(_request: Request) -> PlainTextResponse:
    return PlainTextResponse("ok")


async def clip(_request: Request) -> StreamingResponse:
    async def pieces() -> AsyncIterator[bytes]:
        for _ in range(64):
            yield bytes(MIB)

    return StreamingResponse(pieces())


async def slow(_request: Request) -> PlainTextResponse:
    await asyncio.sleep(2)
    return PlainTextResponse("slowly")


async def rpc(request: Request) -> PlainTextResponse:
    try:
        await request.app.state.bodies.read(request)
    except BodyTooSlow:
        return PlainTextResponse("slow", status_code=408, headers=body.CLOSE)
    return PlainTextResponse("read")


APP = Starlette(
    routes=[
        Route("/healthz", healthz),
        Route("/video", clip),
        Route("/slow", slow),
        Route("/rpc", rpc, methods=["POST"]),
    ]
)
APP.state.bodies = Bodies(max_bytes=MIB)


@pytest.fixture(autouse=True)
def hasty(monkeypatch):
    """Deadlines that a test can wait for."""
    monkeypatch.setattr(connections, "HEAD_SECONDS", 1.0)
    monkeypatch.setattr(connections, "CHECK_SECONDS", 0.05)
    monkeypatch.setattr(body, "IDLE_SECONDS", 1.0)


@pytest.fixture
def limits() -> ConnectionLimits:
    return ConnectionLimits(in_all=1000, of_each=300)


@pytest.fixture
async def url(limits):
    async with served_on(free_listener(), APP, limits) as origin:
        yield origin


@pytest.fixture
async def connect(url):
    """Open connections, from whichever of this machine's addresses, and send something on each."""
    async with AsyncExitStack() as stack:

        async def open_them(count: int, begin: bytes, source: str = "127.0.0.1") -> list[Connected]:
            place = urlsplit(url)
            opened = await asyncio.gather(
                *(asyncio.open_connection(place.hostname, place.port, local_addr=(source, 0)) for _ in range(count))
            )
            for _, writer in opened:
                stack.callback(writer.close)
                writer.write(begin)
            return opened

        yield open_them


async def statuses(opened: Iterable[Connected]) -> list[bytes]:
    """The status of each answer, empty where there was none before the connection ended."""
    return [(await said(reader))[9:12] for reader, _ in opened]


async def said(reader: asyncio.StreamReader) -> bytes:
    """All that comes until the connection ends."""
    with suppress(ConnectionError):
        async with asyncio.timeout(DEADLINE_SECONDS):
            return await reader.read()
    return b""


async def trickle(opened: list[Connected], byte: bytes = b"x") -> None:
    """A byte on each now and then, for as long as that is taken."""
    while True:
        for _, writer in opened:
            writer.write(byte)
        await asyncio.sleep(0.1)


async def until(holds: Callable[[], bool]) -> None:
    """Wait until it does."""
    async with asyncio.timeout(DEADLINE_SECONDS):
        while not holds():  # noqa: ASYNC110 - what is waited for is the network's
            await asyncio.sleep(0.05)


@pytest.fixture
async def trickling():
    """Have bytes trickle until the test ends."""
    tasks = []
    yield lambda opened: tasks.append(asyncio.create_task(trickle(opened)))
    for task in tasks:
        task.cancel()


@pytest.mark.parametrize("begin", [b"", b"GET /healthz HTTP/1.1\r\nx: "], ids=["nothing", "half a head"])
async def test_a_head_that_does_not_come_is_not_waited_for(connect, begin):
    """Others are answered meanwhile."""
    opened = await connect(250, begin)
    (other,) = await connect(1, GET)
    assert (await other[0].readline()).startswith(b"HTTP/1.1 200")

    assert await statuses(opened) == [b"408"] * 250


async def test_a_head_that_trickles_is_late_too(connect, trickling):
    opened = await connect(50, b"GET /healthz HTTP/1.1\r\nx: ")
    trickling(opened)

    assert set(await statuses(opened)) <= {b"408", b""}


async def test_the_second_head_of_a_connection_is_due_as_well(connect, trickling):
    opened = await connect(20, GET + b"GET /healthz HTTP/1.1\r\nx: ")
    assert {await reader.readline() for reader, _ in opened} == {b"HTTP/1.1 200 OK\r\n"}
    trickling(opened)

    await statuses(opened)


async def test_an_answer_is_not_cut_by_a_late_head_behind_its_request(connect):
    """What stands behind a request may be the beginning of another, or nothing: the answer leaves whole."""
    ((reader, writer),) = await connect(1, b"GET /slow HTTP/1.1\r\nhost: x\r\n\r\n")
    await asyncio.sleep(0.2)
    writer.write(b"\r\nGET /he")

    answer = await said(reader)

    assert answer.index(b"slowly") < answer.index(b"HTTP/1.1 408")


async def test_a_body_that_trickles_is_refused_and_its_connection_ends(connect, trickling):
    opened = await connect(50, POST)
    trickling(opened)

    assert set(await statuses(opened)) <= {b"408", b""}


async def test_a_body_that_nobody_reads_keeps_no_connection(connect, trickling):
    """Its answer has left, and what trickles in is no request."""
    opened = await connect(20, GET.replace(b"\r\n\r\n", b"\r\ncontent-length: 1000\r\n\r\n"))
    assert {await reader.readline() for reader, _ in opened} == {b"HTTP/1.1 200 OK\r\n"}
    trickling(opened)

    await statuses(opened)


@pytest.fixture
def few_large(monkeypatch):
    """Have so many large bodies at once."""

    def have(count):
        monkeypatch.setattr(body, "FEWEST_LARGE", count)
        monkeypatch.setattr(body, "LARGE_BYTES", 0)
        APP.state.bodies = Bodies(max_bytes=MIB)

    yield have
    monkeypatch.undo()
    APP.state.bodies = Bodies(max_bytes=MIB)


async def test_a_body_that_stands_still_is_given_up_however_much_of_it_has_come(connect):
    opened = await connect(50, POST + bytes(999_000))

    assert set(await statuses(opened)) <= {b"408", b""}


async def test_large_bodies_wait_for_each_other_and_small_ones_for_none(connect, few_large):
    """Two stand still and are given up; the one behind them is read then."""
    few_large(2)
    held = await connect(2, POST + bytes(500_000))
    await asyncio.sleep(0.2)
    (large,) = await connect(1, POST + bytes(1_000_000))
    (small,) = await connect(1, POST.replace(b"1000000", b"60000") + bytes(60_000))

    assert (await small[0].readline()).startswith(b"HTTP/1.1 200")
    with pytest.raises(TimeoutError):
        async with asyncio.timeout(0.2):
            await large[0].readline()
    assert set(await statuses(held)) == {b"408"}
    assert (await large[0].readline()).startswith((b"HTTP/1.1 200", b"HTTP/1.1 408"))


async def test_requests_that_are_sent_at_once_are_answered_in_their_order(connect):
    ((reader, _),) = await connect(1, SLOW + GET * (MAX_WAITING - 1) + SLOW.replace(b"\r\n\r\n", CLOSING))

    answers = await said(reader)

    assert answers.count(b"HTTP/1.1 200") == MAX_WAITING + 1
    assert answers.startswith(b"HTTP/1.1 200")
    assert answers.endswith(b"slowly")


async def test_who_sends_masses_of_requests_at_once_loses_the_connection(connect):
    """They are not even read: each would be kept until those before it are answered."""
    before = psutil.Process().memory_info().rss
    opened = await connect(50, SLOW + b"GET / HTTP/1.1\r\n\r\n" * 14_000)

    assert set(await statuses(opened)) == {b""}
    assert psutil.Process().memory_info().rss - before < 50 * MIB


async def test_a_slow_client_may_take_as_long_as_its_bytes(connect):
    """A body is waited for as long as it comes."""
    ((reader, writer),) = await connect(1, POST.replace(b"1000000", b"40960"))
    for _ in range(20):
        writer.write(bytes(2048))
        await asyncio.sleep(0.1)

    assert (await reader.readline()).startswith(b"HTTP/1.1 200")


async def test_a_content_that_trickles_is_given_up():
    """Byte by byte none of its pauses is long, but all of them together are."""

    async def receive() -> dict[str, Any]:
        await asyncio.sleep(0.05)
        return {"type": "http.request", "body": b"x", "more_body": True}

    async with asyncio.timeout(DEADLINE_SECONDS):
        with pytest.raises(ContentStalled):
            async for _ in Arriving(receive, idle_seconds=0.5):
                pass


async def test_an_address_has_its_share_of_connections(connect, limits, monkeypatch):
    """One more is refused, another address's is not, and one that has ended makes room."""
    monkeypatch.setattr(connections, "HEAD_SECONDS", DEADLINE_SECONDS)
    opened = await connect(300, b"GET ")
    await until(lambda: limits._count == 300)
    (refused,) = await connect(1, GET)
    assert (await said(refused[0]))[9:12] == b"503"

    (other,) = await connect(1, GET, "127.0.0.2")
    assert (await other[0].readline()).startswith(b"HTTP/1.1 200")
    for _, writer in opened:
        writer.close()
    await until(lambda: limits._count <= 1)
    (again,) = await connect(1, GET)
    assert (await again[0].readline()).startswith(b"HTTP/1.1 200")


async def test_who_leaves_keeps_its_place_until_its_call_ends(connect, limits, monkeypatch):
    """So nobody has more calls under way than connections, by closing them."""
    monkeypatch.setattr(limits, "_of_each", 2)
    for _, writer in await connect(2, SLOW):
        await until(lambda: limits._count == 2)
        writer.close()
    await asyncio.sleep(0.3)
    (refused,) = await connect(1, GET)
    assert (await said(refused[0]))[9:12] == b"503"

    await until(lambda: limits._count == 0)
    (again,) = await connect(1, GET)
    assert (await again[0].readline()).startswith(b"HTTP/1.1 200")


async def test_there_are_no_more_connections_than_the_setting_says(connect, limits, monkeypatch):
    monkeypatch.setattr(connections, "HEAD_SECONDS", DEADLINE_SECONDS)
    for address in range(2, 6):
        await connect(250, b"GET ", f"127.0.0.{address}")
    await until(lambda: limits._count == 1000)
    (refused,) = await connect(1, GET)

    assert (await said(refused[0]))[9:12] == b"503"


async def test_an_answer_of_which_nothing_is_taken_is_given_up(connect, monkeypatch):
    """One that is taken slowly is not."""
    monkeypatch.setattr(connections, "STALL_SECONDS", 1.0)
    (idle,), (slow,) = await connect(1, VIDEO), await connect(1, VIDEO)
    taken = 0
    for _ in range(30):
        taken += len(await slow[0].readexactly(MIB))
        await asyncio.sleep(0.1)

    assert len(await said(idle[0])) < 64 * MIB
    assert taken + len(await said(slow[0])) > 64 * MIB


async def test_of_those_who_take_nothing_only_so_many_are_waited_for(connect, limits):
    """The one that goes is of the address that has most of them."""
    (other,) = await connect(1, VIDEO, "127.0.0.2")
    await until(lambda: len(limits._slow) == 1)
    await connect(2 * MAX_SLOW, VIDEO)
    await until(lambda: limits._count == MAX_SLOW)

    assert len(limits._slow) == MAX_SLOW
    assert len(await said(other[0])) > 64 * MIB
