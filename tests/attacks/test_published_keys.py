"""Masses of tokens of unknown keys, while their issuer answers, fails or hangs: nobody else's session suffers."""

import asyncio
import json
import time
from collections.abc import Callable, Iterator

import pytest

from contracts.errors import InvalidToken, RpcError, ServiceUnavailable
from rpc import jwks as published_keys
from rpc.auth import AuthConfig, Authenticator, Caller
from rpc.origin import Origins
from tests.tokens import Publisher, jwks, publishing, signed

STRANGERS = 200


@pytest.fixture
def publisher() -> Iterator[Publisher]:
    with publishing() as published:
        yield published


@pytest.fixture
def now() -> list[float]:
    """The clock of the authenticator shows the last of these."""
    return [time.time()]


@pytest.fixture
def authenticator(publisher: Publisher, now: list[float]) -> Authenticator:
    config = AuthConfig(jwks_url=publisher.url)
    return Authenticator(config, introspection=None, origins=Origins(), clock=lambda: now[-1])


@pytest.fixture
def pass_by(now: list[float]) -> Callable[[float], None]:
    return lambda seconds: now.append(now[-1] + seconds)


async def outcome(authenticator: Authenticator, user: str, *, kid: str = "rsa") -> Caller | type[RpcError]:
    """Of a session that nobody has seen yet."""
    try:
        return await authenticator.caller_by(signed("rsa", kid=kid, sub=user))
    except RpcError as error:
        return type(error)


async def strangers(authenticator: Authenticator) -> set[Caller | type[RpcError]]:
    return set(await asyncio.gather(*(outcome(authenticator, "eve", kid=f"no-{n}") for n in range(STRANGERS))))


@pytest.mark.parametrize("age", [60, 200, 400, 4000], ids=lambda age: f"keys of {age} s")
async def test_new_sessions_and_threads_wait_for_no_stranger(authenticator, publisher, pass_by, age):
    """While the issuer hangs, and many send tokens of keys that it might have published meanwhile."""
    assert await outcome(authenticator, "ada") == Caller("ada")
    publisher.status = 500
    pass_by(age)
    await outcome(authenticator, "ada")
    pass_by(60)
    publisher.answers.clear()
    waiting = asyncio.create_task(strangers(authenticator))
    await asyncio.sleep(0.1)

    begun = time.monotonic()
    good = [await outcome(authenticator, f"user-{n}") for n in range(10)]
    await asyncio.gather(*(asyncio.to_thread(time.monotonic) for _ in range(10)))

    assert time.monotonic() - begun < 1
    assert good == [Caller(f"user-{n}") for n in range(10)]
    assert not waiting.done()
    publisher.answers.set()
    assert await waiting == {ServiceUnavailable}


async def test_strangers_cause_one_look_in_half_a_minute(authenticator, publisher, pass_by, monkeypatch):
    """Whatever comes of it; until then each is answered at once what was found."""
    monkeypatch.setattr(published_keys, "TIMEOUT_SECONDS", 0.2)
    assert await outcome(authenticator, "ada") == Caller("ada")
    assert (await strangers(authenticator), publisher.asked) == ({InvalidToken}, 1)

    publisher.answers.clear()
    for looks in (2, 3):
        pass_by(30)
        for _ in range(3):
            assert await strangers(authenticator) == {ServiceUnavailable}
        assert publisher.asked == looks
    publisher.answers.set()
    pass_by(30)
    assert (await strangers(authenticator), publisher.asked) == ({InvalidToken}, 4)


async def test_a_new_key_is_seen_within_half_a_minute(authenticator, publisher, pass_by):
    """Its first token is a reason to look, unless that was just done."""
    publisher.body = json.dumps({"keys": [key for key in jwks()["keys"] if key["kid"] != "rsa"]}).encode()
    assert await outcome(authenticator, "ada") is InvalidToken
    publisher.body = json.dumps(jwks()).encode()
    pass_by(29)
    assert await outcome(authenticator, "ada") is InvalidToken
    pass_by(6)
    assert await outcome(authenticator, "ada") == Caller("ada")


async def test_keys_are_looked_at_again_while_they_serve(authenticator, publisher, pass_by):
    """Nobody waits for it; of those that nobody has used for long, the next one does."""
    assert await outcome(authenticator, "ada") == Caller("ada")
    pass_by(149)
    assert (await outcome(authenticator, "ben"), publisher.asked) == (Caller("ben"), 1)
    pass_by(1)
    publisher.answers.clear()
    assert await outcome(authenticator, "cyd") == Caller("cyd")
    publisher.answers.set()


async def test_a_key_that_is_withdrawn_opens_no_session_after_five_minutes(authenticator, publisher, pass_by):
    assert await outcome(authenticator, "ada") == Caller("ada")
    publisher.body = json.dumps({"keys": [key for key in jwks()["keys"] if key["kid"] != "rsa"]}).encode()
    pass_by(300)
    assert [await outcome(authenticator, user) for user in ("ada", "ben")] == [InvalidToken, InvalidToken]


async def test_an_outage_of_the_issuer_ends_no_session_of_a_known_key(authenticator, publisher, pass_by):
    """And keeps nobody with one from beginning a session."""
    assert await outcome(authenticator, "ada") == Caller("ada")
    publisher.status = 503
    for _ in range(10):
        pass_by(301)
        assert [await outcome(authenticator, user) for user in ("ada", "ben")] == [Caller("ada"), Caller("ben")]


async def test_who_starts_before_the_issuer_finds_it_soon(authenticator, publisher, pass_by):
    publisher.status = 503
    assert await outcome(authenticator, "ada") is ServiceUnavailable
    publisher.status = 200
    pass_by(1)
    assert await outcome(authenticator, "ada") == Caller("ada")
