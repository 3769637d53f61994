"""Masses of bad tokens: nobody else's session suffers."""

import asyncio
from contextlib import suppress

import pytest

from contracts.errors import InvalidToken
from rpc import introspection
from rpc.auth import AuthConfig, Authenticator, Caller
from rpc.introspection import QUESTIONS_OF_A_PEER, open_introspection
from rpc.origin import Origins
from tests.authorization_server import authorization_server

BAD_TOKENS = 9000


@pytest.fixture
async def server():
    """An authorization server that never answers about a bad token."""
    async with authorization_server() as running:
        running.tokens.update({f"good-{number}": {"sub": f"user-{number}"} for number in range(6)})
        running.hesitates = lambda token: token.startswith("bad")
        yield running


async def test_who_sends_thousands_of_bad_tokens_waits_for_itself_alone(server, monkeypatch):
    """Six sessions are found good while nine thousand bad tokens wait for their verdicts."""
    monkeypatch.setattr(introspection, "TIMEOUT_SECONDS", 60)
    async with open_introspection(server.url) as asking:
        authenticator = Authenticator(AuthConfig(), introspection=asking, origins=Origins())
        bad = [asyncio.create_task(authenticator.caller_by(f"bad-{n}", "192.0.2.1")) for n in range(BAD_TOKENS)]
        for _ in range(QUESTIONS_OF_A_PEER):
            await server.arrived.acquire()

        good = await asyncio.gather(*(authenticator.caller_by(f"good-{n}", f"198.51.100.{n}") for n in range(6)))

        assert good == [Caller(f"user-{number}") for number in range(6)]
        assert len(server.asked) == QUESTIONS_OF_A_PEER + 6
        assert not any(call.done() for call in bad)
        for call in bad:
            call.cancel()
        await asyncio.wait(bad)


async def test_a_bad_token_that_comes_again_and_again_is_asked_about_once(server):
    server.hesitates = lambda _token: False
    async with open_introspection(server.url) as asking:
        authenticator = Authenticator(AuthConfig(), introspection=asking, origins=Origins())
        for _ in range(1000):
            with suppress(InvalidToken):
                await authenticator.caller_by("bad", "192.0.2.1")
    assert len(server.asked) == 1
