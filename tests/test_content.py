"""Procedures that take bytes, over real connections: what they are given, and what of clients that misbehave."""

import asyncio
import hashlib
import json
import socket
import struct
import uuid
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, suppress
from dataclasses import replace
from typing import Any
from urllib.parse import quote, urlsplit

import httpx
import pytest

from contracts.wire import NoInput
from rpc.app import AppConfig
from rpc.auth import AuthConfig
from rpc.content import Content
from rpc.context import Context
from rpc.limits import RateLimits
from rpc.procedure import mutation
from server.resources import app_config
from sql.rows import MediaRow
from tests import logs
from tests.processes import TLS
from tests.sample_content import CONTENT, FORM, RAW, form, part, recording, told
from tests.sample_procedures import SAMPLES, Null, Number, listening, serving, settled
from tests.tokens import SECRET, token

MIB = 1024 * 1024
AUTH = AuthConfig(jwt_secret=SECRET, cookie="session")
TAKES_BYTES = (
    "content.keep takes bytes: send multipart/form-data or application/octet-stream to /rpc/content.keep, "
    "in a request of its own"
)
RESET = struct.pack("ii", 1, 0)


@pytest.fixture
async def url() -> AsyncIterator[str]:
    async with listening((*CONTENT, *SAMPLES), config=AppConfig(auth=AUTH)) as served:
        yield served


@pytest.fixture
async def client() -> AsyncIterator[httpx.AsyncClient]:
    async with httpx.AsyncClient(timeout=20, verify=TLS) as outside:
        yield outside


@asynccontextmanager
async def connected(url: str) -> AsyncIterator[tuple[asyncio.StreamReader, asyncio.StreamWriter]]:
    async with asyncio.timeout(30):
        reader, writer = await asyncio.open_connection(urlsplit(url).hostname, urlsplit(url).port)
        try:
            yield reader, writer
        finally:
            writer.close()


def head(procedure: str, *headers: str, kind: str = "application/octet-stream") -> bytes:
    """A request up to its body."""
    lines = [f"POST /rpc/{procedure} HTTP/1.1", "host: x", f"content-type: {kind}", *headers]
    return "\r\n".join([*lines, "", ""]).encode()


async def answered(url: str, *pieces: bytes) -> tuple[int, dict[str, str], bytes]:
    """Status, headers and body of what a server says to bytes; the connection stays open for its part."""
    async with connected(url) as (reader, writer):
        writer.writelines(pieces)
        return await read_answer(reader)


async def read_answer(reader: asyncio.StreamReader) -> tuple[int, dict[str, str], bytes]:
    status, *lines = (await reader.readuntil(b"\r\n\r\n")).decode().splitlines()
    headers = dict(line.split(": ", 1) for line in lines if line)
    return int(status.split()[1]), headers, await reader.readexactly(int(headers["content-length"]))


def error_of(body: bytes) -> tuple[int, str]:
    error = json.loads(body)["error"]
    return error["data"]["rpcCode"], error["message"]


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
        ("?input=[]", "Input should be a valid dictionary or instance of Described"),
        ('?input={"pages":"1"}', "pages: Input should be a valid integer"),
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
        async with listening([recording(happened)]) as url, connected(url) as (_, writer):
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
        async with listening([recording(happened)]) as url, connected(url) as (_, writer):
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
        async with listening([recording(happened)], config=config) as url:
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
    async with listening([recording(happened)]) as url:
        request = head("content.record", "content-length: 5") + b"hello and more\r\n\r\n"
        status, _, body = await answered(url, request)

    assert (status, body) == (400, b"Invalid HTTP request received.")
    assert b"".join(each for each in told(happened) if isinstance(each, bytes)) in {b"", b"hello"}


REFUSED = [
    pytest.param("content.refuse", (), (400, 1300), id="by the procedure"),
    pytest.param("content.mine", (), (401, 1000), id="without a caller"),
    pytest.param("content.mine", ("authorization: Bearer x",), (401, 1003), id="by a bad token"),
    pytest.param(
        "content.mine", (f"cookie: session={token()}", "origin: https://evil.example"), (403, 1100), id="foreign page"
    ),
    pytest.param("content.keep?input={", (), (400, 1200), id="by its input"),
]


@pytest.mark.parametrize(("procedure", "headers", "refusal"), REFUSED)
async def test_a_refusal_does_not_wait_for_the_content(
    url: str, procedure: str, headers: tuple[str, ...], refusal: tuple[int, int]
) -> None:
    """Nothing of it has been sent."""
    status, headers_told, body = await answered(url, head(procedure, "content-length: 500000000", *headers))

    assert (status, error_of(body)[0]) == ((404, 1300) if refusal[1] == 1300 else refusal)
    assert headers_told["connection"] == "close"


async def test_a_form_s_fields_are_checked_before_its_file_is_read(url: str) -> None:
    begin = part("pages", "x") + part("file", "the first bytes")
    status, _, body = await answered(
        url, head("content.keep", "content-length: 500000000", kind=FORM["content-type"]), begin
    )

    assert (status, error_of(body)) == (400, (1200, "pages: Input should be a valid integer"))


async def test_a_caller_is_named_before_the_form_is_read(url: str) -> None:
    status, _, body = await answered(
        url, head("content.mine", "content-length: 500000000", kind=FORM["content-type"]), b"no form"
    )

    assert (status, error_of(body)) == (401, (1000, "Authentication required"))


async def test_who_waits_to_be_told_to_send_is_told_so_or_refused(url: str) -> None:
    """`Expect: 100-continue` saves a client from sending what nobody reads."""
    expecting = ("content-length: 5", "expect: 100-continue")
    async with connected(url) as (reader, writer):
        writer.write(head("content.keep", *expecting))
        assert await reader.readuntil(b"\r\n\r\n") == b"HTTP/1.1 100 Continue\r\n\r\n"
        writer.write(b"hello")
        assert (await read_answer(reader))[0] == 200
    assert (await answered(url, head("content.refuse", *expecting)))[0] == 404


async def test_a_refused_body_is_not_read_to_its_end(url: str) -> None:
    """The client, who listens while it sends, finds the answer and then the connection's end."""
    async with connected(url) as (reader, writer):
        writer.write(head("content.refuse", "content-length: 500000000"))
        listening_to_it = asyncio.create_task(read_answer(reader))
        sent = 0
        with suppress(ConnectionError):
            while sent < 476:
                writer.write(b"x" * MIB)
                await writer.drain()
                sent += 1
        status, _, body = await listening_to_it

    assert (status, error_of(body)) == (404, (1300, "Media not found"))
    assert sent < 128


@pytest.mark.parametrize("mebibytes", [1, 20, 500])
async def test_a_client_that_sends_before_it_listens_finds_the_answer(url: str, mebibytes: int) -> None:
    """It is given time to send what is not too much; on more it sees its connection break, and then the answer."""

    def post() -> httpx.Response:
        pieces = (b"x" * MIB for _ in range(mebibytes))
        return httpx.post(f"{url}/rpc/content.refuse", content=pieces, headers=RAW, timeout=20)

    answer = await asyncio.to_thread(post)

    assert (answer.status_code, error_of(answer.content)) == (404, (1300, "Media not found"))


async def test_a_caller_is_named_by_token_or_cookie(url: str, client: httpx.AsyncClient) -> None:
    """A form is what a page of another site could send, so a cookie needs an origin that is trusted."""
    named: list[dict[str, str]] = [
        {"authorization": f"Bearer {token()}"},
        {"cookie": f"session={token()}", "origin": url},
        {"cookie": f"session={token()}", "sec-fetch-site": "same-origin"},
    ]
    for headers in named:
        answer = await client.post(f"{url}/rpc/content.mine", content=form(part("file", "x")), headers=FORM | headers)
        assert answer.json()["result"]["data"]["size"] == 1
    foreign = {"cookie": f"session={token()}"}
    answer = await client.post(f"{url}/rpc/content.mine", content=form(part("file", "x")), headers=FORM | foreign)
    assert (answer.status_code, error_of(answer.content)[0]) == (403, 1100)


async def test_a_call_beyond_the_limit_is_refused_before_its_content_is_read(resources, bearer, settings) -> None:
    """The first statement counts, so a procedure has one before it reads."""
    begun: list[str] = []

    @mutation("content.counted")
    async def counted(ctx: Context, _params: NoInput, content: Content) -> Null:
        await ctx.db.one(MediaRow, "find_media", id=uuid.uuid4(), owners=ctx.owners)
        begun.append(ctx.caller.id)
        async for _ in content:
            pass
        return Null()

    limited = replace(resources, limits=RateLimits.parse("content.counted=1/60"))
    headers = [f"{name}: {value}" for name, value in bearer().items()]
    async with listening([counted], resources=limited, config=app_config(settings)) as url:
        first = await answered(url, head("content.counted", "content-length: 5", *headers), b"hello")
        second = await answered(url, head("content.counted", "content-length: 5", *headers))

    assert (first[0], second[0], error_of(second[2])[0]) == (200, 429, 1500)
    assert int(second[1]["retry-after"]) in range(1, 63)
    assert begun == ["ada"]


JSON = {"content-type": "application/json"}
CALLED_OTHERWISE: list[Any] = [
    pytest.param("/rpc/content.keep", {}, lambda told: told["error"], id="trpc"),
    pytest.param("/rpc/content.keep?batch=1", {"0": {}}, lambda told: told[0]["error"], id="trpc batch"),
    pytest.param(
        "/rpc",
        {"jsonrpc": "2.0", "id": 1, "method": "content.keep", "params": {}},
        lambda told: told["error"],
        id="jsonrpc",
    ),
    pytest.param("/rpc", {"procedure": "content.keep", "input": {}}, lambda told: told["error"], id="envelope"),
]


@pytest.mark.parametrize(("path", "document", "error"), CALLED_OTHERWISE)
async def test_a_call_without_bytes_is_told_how_to_bring_them(
    path: str, document: Any, error: Callable[[Any], Any]
) -> None:
    async with serving(CONTENT) as client:
        answer = await client.post(path, json=document)

    told = error(answer.json())
    assert told["message"] == TAKES_BYTES
    assert 1200 in (told.get("code"), told.get("data", {}).get("rpcCode"))


async def test_an_endpoint_elsewhere_is_told_so() -> None:
    async with serving(CONTENT, rpc_path="/api/rpc") as client:
        answer = await client.post("/api/rpc/content.keep", json={})

    assert " to /api/rpc/content.keep, " in answer.json()["error"]["message"]


@pytest.mark.parametrize(
    ("method", "path", "headers", "status", "message"),
    [
        ("POST", "get_data", FORM, 415, 'Unsupported content-type "multipart/form-data"'),
        ("POST", "get_data", RAW, 415, 'Unsupported content-type "application/octet-stream"'),
        ("POST", "no_such", FORM, 415, 'Unsupported content-type "multipart/form-data"'),
        ("POST", "content.keep?batch=1", RAW, 415, 'Unsupported content-type "application/octet-stream"'),
        ("POST", "content.keep", {}, 415, "Missing content-type header"),
        ("POST", "content.keep", {"content-type": "image/png"}, 415, 'Unsupported content-type "image/png"'),
        ("PUT", "content.keep", RAW, 405, "Only POST requests are supported for application/octet-stream requests"),
        ("GET", "content.keep", {}, 405, 'Unsupported GET-request to mutation procedure at path "content.keep"'),
        ("POST", "content.keep/%zz", RAW, 400, "The URL has a broken escape"),
    ],
)
async def test_what_else_is_sent_is_answered_as_ever(
    url: str, client: httpx.AsyncClient, method: str, path: str, headers: dict[str, str], status: int, message: str
) -> None:
    """A media type makes a call with content only where a procedure takes one."""
    answer = await client.request(method, f"{url}/rpc/{path}", content=b"x", headers=headers)

    assert (answer.status_code, answer.json()["error"]["message"]) == (status, message)


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
