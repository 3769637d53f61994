"""Calls that are refused before their content is read, or because they bring none."""

import asyncio
import uuid
from collections.abc import Callable
from contextlib import suppress
from dataclasses import replace
from typing import Any

import httpx
import pytest

from contracts.wire import NoInput
from rpc.content import Content
from rpc.context import Context
from rpc.limits import RateLimits
from rpc.procedure import mutation
from server.resources import app_config
from sql.rows import MediaRow
from tests.raw_requests import answered, connected, error_of, head, read_answer
from tests.sample_content import CONTENT, FORM, RAW, TAKES_BYTES, form, part
from tests.sample_procedures import Null, listening, serving
from tests.tokens import token

MIB = 1024 * 1024


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

    assert (status, error_of(body)) == (400, (1200, "pages must be a whole number"))


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


OTHERS = [
    ("POST", "get_data", FORM, 415, 'Unsupported content-type "multipart/form-data"'),
    ("POST", "get_data", RAW, 415, 'Unsupported content-type "application/octet-stream"'),
    ("POST", "no_such", FORM, 415, 'Unsupported content-type "multipart/form-data"'),
    ("POST", "content.keep?batch=1", RAW, 415, 'Unsupported content-type "application/octet-stream"'),
    ("POST", "content.keep", {}, 415, "Missing content-type header"),
    ("POST", "content.keep", {"content-type": "image/png"}, 415, 'Unsupported content-type "image/png"'),
    ("PUT", "content.keep", RAW, 405, "Only POST requests are supported for application/octet-stream requests"),
    ("GET", "content.keep", {}, 405, 'Unsupported GET-request to mutation procedure at path "content.keep"'),
    ("POST", "content.keep/%zz", RAW, 400, "The URL has a broken escape"),
]


async def test_what_else_is_sent_is_answered_as_ever(
    subtests: pytest.Subtests, url: str, client: httpx.AsyncClient
) -> None:
    """A media type makes a call with content only where a procedure takes one."""
    for method, path, headers, status, message in OTHERS:
        with subtests.test(method=method, path=path, headers=headers):
            answer = await client.request(method, f"{url}/rpc/{path}", content=b"x", headers=headers)

            assert (answer.status_code, answer.json()["error"]["message"]) == (status, message)
