"""Generated requests from our own contracts, and raw bytes: every answer is of its dialect, none tells internals."""

import json
import os
from collections.abc import AsyncIterator
from typing import Any

import httpx
import pytest

from tests.at_once import at_once
from tests.generator import FormGenerator, Generator
from tests.sample_content import CONTENT
from tests.sample_procedures import serving
from tests.sampling import ALL, sample, seed

REQUESTS = 20_000 if sample() == ALL else 2_000
SEED = int(os.environ.get("FUZZ_SEED") or seed())
BATCH = 50
AT_ONCE = 8
pytestmark = pytest.mark.exhaustive(walk=True)
INTERNALS = (
    "Traceback",
    "psycopg",
    "postgresql://",
    "site-packages",
    ".py\\",
    ".py:",
    "pydantic",
    "a secret for tests",
)
FORBIDDEN_CODES = {1900, -32603}


def check_jsonrpc(answer: Any) -> None:
    assert answer["jsonrpc"] == "2.0"
    assert "id" in answer
    assert ("result" in answer) != ("error" in answer)
    check_error(answer.get("error"))


def check_envelope(answer: Any) -> None:
    assert set(answer["metadata"]) == {"timestamp", "requestId"}
    assert answer["success"] is ("data" in answer) is not ("error" in answer)
    check_error(answer.get("error"))


def check_trpc(status: int, body: bytes) -> None:
    answers = json.loads(body)
    for answer in answers if isinstance(answers, list) else [answers]:
        assert set(answer) in ({"result"}, {"error"})
        if "error" in answer:
            data = answer["error"]["data"]
            assert type(answer["error"]["code"]) is int
            assert isinstance(answer["error"]["message"], str)
            assert data["rpcCode"] != 1900
            assert isinstance(answers, list) or data["httpStatus"] == status


def check_error(error: Any) -> None:
    if error is not None:
        assert type(error["code"]) is int
        assert isinstance(error["message"], str)
        assert {error["code"], error.get("data", {}).get("rpcCode")}.isdisjoint(FORBIDDEN_CODES), error


def check_discreet(sent: Any, status: int, body: bytes) -> tuple[Any, ...]:
    """One HTTP answer: no failure of ours, no internals."""
    context = (SEED, sent[:2000], status, body[:2000])
    assert status < 500, context
    assert not any(word in body.decode() for word in INTERNALS), context
    return context


def check(sent: bytes, status: int, body: bytes) -> None:
    """One HTTP answer has the shape of a dialect."""
    context = check_discreet(sent, status, body)
    if status == 204:
        assert body == b"", context
        return
    answers = json.loads(body)
    for answer in answers if isinstance(answers, list) else [answers]:
        try:
            if "jsonrpc" in answer:
                check_jsonrpc(answer)
            if "success" in answer or "jsonrpc" not in answer:
                check_envelope(answer)
        except (AssertionError, KeyError) as error:
            raise AssertionError(context) from error


@pytest.fixture
async def generator(completed_media, pending_upload):
    print(f"FUZZ_SEED={SEED}")
    ids = [str((await completed_media()).id), str((await pending_upload()).media_id)]
    return Generator(SEED, [*ids, "00000000-0000-0000-0000-000000000000", "no-id"])


@pytest.mark.parametrize("dialect", ["jsonrpc", "envelope"])
async def test_whatever_is_sent_is_answered_in_kind(http, bearer, generator, ready_media, dialect):
    """A fifth of the JSON-RPC calls come singly, the others in batches; afterwards an upload works as ever."""
    headers = {**bearer("fuzz", plan="premium"), "content-type": "application/json"}

    understood = 0

    async def send(body: bytes) -> None:
        nonlocal understood
        answer = await http.post("/rpc", content=body, headers=headers)
        check(body, answer.status_code, answer.content)
        understood += answer.content.count(b'"requestId"') + answer.content.count(b'"result"')

    if dialect == "envelope":
        bodies = [generator.raw(generator.envelope()) for _ in range(REQUESTS)]
    else:
        singles = REQUESTS // 5
        bodies = [generator.raw(generator.jsonrpc()) for _ in range(singles)]
        for _ in range((REQUESTS - singles) // BATCH):
            bodies.append(generator.raw([generator.jsonrpc() for _ in range(BATCH)]))
    for start in range(0, len(bodies), AT_ONCE):
        await at_once(*(send(body) for body in bodies[start : start + AT_ONCE]))

    assert understood > REQUESTS * 0.8
    assert (await ready_media()).status == "ready"


async def test_whatever_is_sent_to_trpc_is_answered_in_kind(http, bearer, generator, ready_media):
    """Single calls and batches, by every verb; afterwards an upload works as ever."""
    headers = {**bearer("fuzz", plan="premium"), "content-type": "application/json"}
    understood = 0

    async def send(method: str, target: str, body: bytes) -> None:
        nonlocal understood
        answer = await http.request(method, target, content=body, headers=headers)
        context = check_discreet(f"{method} {target} {body!r}", answer.status_code, answer.content)
        try:
            check_trpc(answer.status_code, answer.content)
        except (AssertionError, KeyError, ValueError) as error:
            raise AssertionError(context) from error
        understood += answer.content.count(b'"requestId"') + answer.content.count(b'"result"')

    for _ in range(REQUESTS // AT_ONCE):
        await at_once(*(send(*generator.trpc()) for _ in range(AT_ONCE)))

    assert understood > REQUESTS * 0.8
    assert (await ready_media()).status == "ready"


async def test_whatever_is_sent_as_a_form_is_answered_in_kind():
    """A form is taken, or refused for what it is; how it is cut into pieces changes nothing."""
    print(f"FUZZ_SEED={SEED}")
    generator, statuses = FormGenerator(SEED), []

    async def pieces(body: list[bytes]) -> AsyncIterator[bytes]:
        for piece in body:
            yield piece

    async with serving(CONTENT) as client:
        for _ in range(REQUESTS):
            kind, body = generator.form()
            headers = {b"content-type": kind.encode("latin-1")}
            answer = await client.post("/rpc/content.keep", content=pieces(body), headers=headers)
            whole = await client.post("/rpc/content.keep", content=b"".join(body), headers=headers)
            context = check_discreet(f"{kind} {b''.join(body)!r}", answer.status_code, answer.content)
            assert told(answer) == told(whole), context
            check_trpc(answer.status_code, answer.content)
            statuses.append(answer.status_code)

    assert set(statuses) == {200, 400}
    assert statuses.count(200) > REQUESTS // 10


def told(answer: httpx.Response) -> Any:
    """The result, or that there is none: of two faults one may be seen first, or the other."""
    return answer.json().get("result", answer.status_code)
