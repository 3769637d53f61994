"""An authorization server in trouble: what is no answer, what the caller is told, and what the log shows."""

import asyncio
import gzip
import json

import pytest

from server.embedded import free_port
from tests import logs
from tests.authorization_server import authorization_server, raw_server
from tests.introspected import ADA, OPAQUE, UNAVAILABLE, ask, introspected, whoami
from tests.sample_procedures import HANG_SECONDS


@pytest.fixture
async def server():
    """An authorization server that knows ada's session."""
    async with authorization_server() as running:
        running.tokens[OPAQUE] = {"sub": "ada"}
        yield running


NO_ANSWER: dict[str, tuple[int, bytes | None, dict[str, str], str]] = {
    "credentials-refused": (401, b'{"error":"invalid_client"}', {}, "status 401"),
    "error": (500, b"{}", {}, "status 500"),
    "good-answer-with-another-status": (201, b'{"active":true,"sub":"ada"}', {}, "status 201"),
    "empty": (200, b"", {}, "answer is not JSON"),
    "page": (200, b"<html>maintenance</html>", {}, "answer is not JSON"),
    "no-text": (200, b"\xff\xfe\xff", {}, "answer is not JSON"),
    "nested": (200, b'{"active":true,"sub":' + b"[" * 30_000, {}, "answer is not JSON"),
    "compressed-unasked": (
        200,
        gzip.compress(b'{"active":true,"sub":"ada"}'),
        {"content-encoding": "gzip"},
        "answer is not JSON",
    ),
    "list": (200, b"[true]", {}, "answer has no active"),
    "no-active": (200, b'{"sub":"ada"}', {}, "answer has no active"),
    "active-is-text": (200, b'{"active":"true","sub":"ada"}', {}, "answer has no active"),
    "active-is-a-number": (200, b'{"active":1,"sub":"ada"}', {}, "answer has no active"),
    "active-is-null": (200, b'{"active":null,"sub":"ada"}', {}, "answer has no active"),
    "65-kib": (200, b'{"active":true,"sub":"ada"}' + b" " * 65 * 1024, {}, "answer too large"),
}


async def test_what_is_no_answer_is_an_outage(subtests, server):
    """Nobody is told to log in again; the log tells why, and nothing of the token."""
    for case, (status, body, headers, reason) in NO_ANSWER.items():
        with subtests.test(case, status=status, body=body):
            server.status, server.body, server.headers = status, body, headers
            with logs.rendered() as log:
                assert await whoami(OPAQUE, server.url) == UNAVAILABLE
            lines = [json.loads(line) for line in log.getvalue().splitlines()]
            assert [line["reason"] for line in lines if line["event"] == "introspection failed"] == [reason]
            assert OPAQUE[:6] not in log.getvalue()


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
async def test_a_redirect_is_not_followed(server, status):
    """Wherever it leads, the token does not go there."""
    async with authorization_server() as other:
        other.tokens[OPAQUE] = {"sub": "mallory"}
        server.status, server.headers = status, {"location": other.url}
        assert await whoami(OPAQUE, server.url) == UNAVAILABLE
        assert other.asked == []


async def test_a_server_that_is_down_is_named_and_asked_again_when_it_is_back():
    """An outage is not remembered."""
    port = free_port()
    async with introspected(f"http://127.0.0.1:{port}/introspect/") as client:
        headers = {"authorization": f"Bearer {OPAQUE}"}
        assert await ask(client, headers) == UNAVAILABLE
        async with authorization_server(port) as server:
            server.tokens[OPAQUE] = {"sub": "ada"}
            assert await ask(client, headers) == ADA


async def test_a_server_that_does_not_answer_in_time_is_named(server):
    """The call ends all the same."""
    server.answering.clear()
    with logs.rendered() as log:
        async with asyncio.timeout(HANG_SECONDS):
            assert await whoami(OPAQUE, server.url) == UNAVAILABLE
    assert '"reason":"TimeoutError"' in log.getvalue()
    server.answering.set()


async def test_a_server_that_sends_its_answer_byte_by_byte_is_named():
    """The time is that of the whole answer, not that between two bytes."""

    async def dribble(_reader, writer):
        writer.write(b"HTTP/1.1 200 OK\r\ncontent-length: 1000\r\n\r\n")
        while True:
            writer.write(b" ")
            await writer.drain()
            await asyncio.sleep(0.1)

    async with raw_server(dribble) as url, asyncio.timeout(HANG_SECONDS):
        assert await whoami(OPAQUE, url) == UNAVAILABLE


async def test_a_connection_that_the_server_closed_meanwhile_is_no_outage():
    """It was kept for the next token, and the server does not keep it so long."""
    answers = 0

    async def answer_the_first(reader, writer):
        nonlocal answers
        await reader.readuntil(b"token=")
        writer.write(b'HTTP/1.1 200 OK\r\ncontent-length: 27\r\n\r\n{"active":true,"sub":"ada"}')
        answers += 1
        await reader.readuntil(b"token=")

    async with raw_server(answer_the_first) as url, introspected(url) as client:
        for credential in ("first", "second"):
            assert await ask(client, {"authorization": f"Bearer {credential}"}) == ADA
    assert answers == 2


async def test_a_server_that_closes_every_connection_is_asked_twice_and_named():
    """Not for ever."""
    connections = 0

    async def hang_up(reader, _writer):
        nonlocal connections
        connections += 1
        await reader.readuntil(b"token=")

    async with raw_server(hang_up) as url:
        assert await whoami(OPAQUE, url) == UNAVAILABLE
    assert connections == 2


async def test_a_server_in_trouble_does_not_show_in_reply_or_log():
    port = free_port()
    with logs.rendered() as log:
        _, told = await whoami(OPAQUE, f"http://127.0.0.1:{port}/introspect")
    assert logs.calls(log)[0]["outcome"] == 1903
    for secret in (str(port), 'introspect"', OPAQUE):
        assert secret not in log.getvalue()
        assert secret not in json.dumps(told)


@pytest.mark.parametrize("credential", [OPAQUE, "unknown-token"], ids=["active", "inactive"])
async def test_nothing_of_a_token_is_logged(server, credential):
    """At any level."""
    with logs.rendered("DEBUG") as log:
        await whoami(credential, server.url)
    assert len(logs.calls(log)) == 1
    assert credential[:6] not in log.getvalue()
