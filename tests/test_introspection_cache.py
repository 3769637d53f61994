"""How often the authorization server is asked: how long an answer is good, and who waits for whose."""

import asyncio
from contextlib import asynccontextmanager
from typing import Any

import pytest

from contracts.errors import InvalidToken, RpcError, ServiceUnavailable, SessionExpired
from rpc import auth, refusals
from rpc.auth import AuthConfig, Authenticator, Caller
from rpc.introspection import open_introspection
from rpc.origin import Origins
from tests.authorization_server import authorization_server
from tests.introspected import ADA, INVALID, OPAQUE, UNAVAILABLE, ask, introspected
from tests.tokens import SECRET, token


@pytest.fixture
async def server():
    """An authorization server that knows ada's session."""
    async with authorization_server() as running:
        running.tokens[OPAQUE] = {"sub": "ada"}
        yield running


@asynccontextmanager
async def authenticating(url: str, now: list[float], **config: Any):
    """An authenticator whose clock shows the last of `now`."""
    async with open_introspection(url) as introspection:
        yield Authenticator(AuthConfig(**config), introspection=introspection, origins=Origins(), clock=lambda: now[-1])


async def outcome(authenticator: Authenticator, credential: str = OPAQUE) -> Caller | type[RpcError]:
    try:
        return await authenticator.caller_by(credential)
    except RpcError as error:
        return type(error)


async def test_an_answer_is_good_for_a_minute(server):
    """Then the server is asked again, and believed when it says otherwise."""
    now = [1000.0]
    async with authenticating(server.url, now) as authenticator:
        for at in (1000.0, 1030.0, 1059.9):
            now.append(at)
            assert await outcome(authenticator) == Caller("ada")
        assert len(server.asked) == 1
        server.tokens.clear()
        assert await outcome(authenticator) == Caller("ada")
        now.append(1060.0)
        assert await outcome(authenticator) is InvalidToken
        assert len(server.asked) == 2


async def test_an_answer_is_never_good_beyond_exp(server):
    """After it the server decides, within the seconds by which clocks may differ; then it is expired anyway."""
    server.tokens[OPAQUE] = {"sub": "ada", "exp": 1020}
    now = [1000.0]
    async with authenticating(server.url, now) as authenticator:
        for at, caller, asked in (
            (1000.0, Caller("ada"), 1),
            (1019.9, Caller("ada"), 1),
            (1020.0, Caller("ada"), 2),
            (1021.0, Caller("ada"), 3),
            (1029.9, Caller("ada"), 4),
            (1030.0, SessionExpired, 5),
        ):
            now.append(at)
            assert (await outcome(authenticator), len(server.asked)) == (caller, asked)
        server.tokens.clear()
        now.append(1040.0)
        assert await outcome(authenticator) is InvalidToken


async def test_the_minute_begins_when_the_question_was_asked(server):
    """An answer that took its time is not good for longer."""
    now = [1000.0]
    server.answering.clear()
    async with authenticating(server.url, now) as authenticator:
        asking = asyncio.create_task(outcome(authenticator))
        await server.arrived.acquire()
        now.append(1002.0)
        server.answering.set()
        assert await asking == Caller("ada")
        now.append(1060.0)
        await outcome(authenticator)
    assert len(server.asked) == 2


async def test_a_refusal_is_good_for_five_seconds(server):
    """Then the server is asked again: a token that has become active is accepted."""
    now = [1000.0]
    async with authenticating(server.url, now) as authenticator:
        for at in (1000.0, 1000.1, 1004.9):
            now.append(at)
            assert (await outcome(authenticator, "new"), len(server.asked)) == (InvalidToken, 1)
        server.tokens["new"] = {"sub": "grace"}
        assert await outcome(authenticator, "new") is InvalidToken
        now.append(1005.0)
        assert await outcome(authenticator, "new") == Caller("grace")


async def test_the_memory_of_refusals_is_bounded(server, monkeypatch):
    """The token that was refused first goes first; how long a token is makes no difference."""
    monkeypatch.setattr(refusals, "MAX_REFUSED", 2)
    async with authenticating(server.url, [1000.0]) as authenticator:
        for name in "abcbca":
            assert await outcome(authenticator, name * 8000) is InvalidToken
        assert {len(digest) for digest in authenticator._refusals._refused} == {32}
    assert [asked.token[0] for asked in server.asked] == ["a", "b", "c", "a"]


async def test_a_remembered_answer_outlives_an_outage_by_its_minute(server):
    now = [1000.0]
    async with authenticating(server.url, now) as authenticator:
        await outcome(authenticator)
        server.status = 503
        now.append(1059.0)
        assert await outcome(authenticator) == Caller("ada")
        now.append(1060.0)
        assert await outcome(authenticator) is ServiceUnavailable
        server.status = 200
        assert await outcome(authenticator) == Caller("ada")


async def test_the_cache_is_bounded(server, monkeypatch):
    """The answer that was got first goes first."""
    monkeypatch.setattr(auth, "MAX_REMEMBERED_TOKENS", 2)
    server.tokens.update({name: {"sub": name} for name in "abc"})
    async with authenticating(server.url, [1000.0]) as authenticator:
        for name in "abcbca":
            assert await outcome(authenticator, name) == Caller(name)
        assert sorted(authenticator._verified) == ["a", "c"]
    assert [asked.token for asked in server.asked] == ["a", "b", "c", "a"]


@pytest.mark.parametrize(
    ("credential", "status", "expected"),
    [(OPAQUE, 200, ADA), ("unknown", 200, INVALID), (OPAQUE, 503, UNAVAILABLE)],
    ids=["active", "inactive", "outage"],
)
async def test_calls_at_the_same_time_ask_once_for_one_token(server, credential, status, expected):
    """Whatever comes of it, for all of them; another token is asked about beside it."""
    server.status = status
    server.answering.clear()
    headers = {"authorization": f"Bearer {credential}"}
    async with introspected(server.url) as client, asyncio.TaskGroup() as group:
        calls = [group.create_task(ask(client, headers)) for _ in range(20)]
        other = group.create_task(ask(client, {"authorization": "Bearer other"}))
        await server.arrived.acquire()
        await server.arrived.acquire()
        server.answering.set()
    assert [await call for call in calls] == [expected] * 20
    assert (await other)[0] != 200
    assert sorted(asked.token for asked in server.asked) == sorted([credential, "other"])


async def test_a_caller_that_leaves_takes_nobody_along(server):
    """The others that wait for the same token get their answer."""
    server.answering.clear()
    async with authenticating(server.url, [1000.0]) as authenticator:
        first = asyncio.create_task(authenticator.caller_by(OPAQUE))
        await server.arrived.acquire()
        second = asyncio.create_task(authenticator.caller_by(OPAQUE))
        await asyncio.sleep(0)
        first.cancel()
        server.answering.set()
        assert await second == Caller("ada")
        with pytest.raises(asyncio.CancelledError):
            await first
    assert len(server.asked) == 1


async def test_a_batch_is_introspected_once(server):
    batch = [{"jsonrpc": "2.0", "method": "whoami", "id": number} for number in range(5)]
    async with introspected(server.url) as client:
        answer = await client.post("/rpc", json=batch, headers={"authorization": f"Bearer {OPAQUE}"})
    assert [member["result"]["id"] for member in answer.json()] == ["ada"] * 5
    assert len(server.asked) == 1


async def test_the_loop_goes_on_while_the_server_is_asked(server):
    """Another call is answered meanwhile."""
    server.answering.clear()
    async with introspected(server.url, jwt_secret=SECRET) as client, asyncio.TaskGroup() as group:
        waiting = group.create_task(ask(client, {"authorization": f"Bearer {OPAQUE}"}))
        await server.arrived.acquire()
        assert await ask(client, {"authorization": f"Bearer {token()}"}) == ADA
        assert not waiting.done()
        server.answering.set()
    assert await waiting == ADA
