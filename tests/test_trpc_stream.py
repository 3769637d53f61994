"""Streamed batches and subscriptions of tRPC v11, as they stand on the wire."""

import asyncio
import json
from collections.abc import AsyncIterator
from typing import Any

import httpx
import pytest

from contracts.wire import NoInput
from rpc.app import AppConfig
from rpc.auth import AuthConfig
from rpc.context import Context
from rpc.procedure import query, subscription
from tests.processes import TLS
from tests.sample_procedures import SAMPLES, SUBSCRIPTIONS, Counted, Text, listening, settled, signals
from tests.tokens import SECRET, token

LINES = {"trpc-accept": "application/jsonl"}
CONNECTED = ("connected", {"reconnectAfterInactivityMs": 45000}, None)


@pytest.fixture
async def url() -> AsyncIterator[str]:
    async with listening((*SAMPLES, *SUBSCRIPTIONS, *signals())) as served:
        yield f"{served}/rpc"


@pytest.fixture
async def client() -> AsyncIterator[httpx.AsyncClient]:
    async with httpx.AsyncClient(timeout=20, verify=TLS) as outside:
        yield outside


async def lines_of(answer: httpx.Response) -> list[Any]:
    assert answer.content.endswith(b"\n")
    return [json.loads(line) for line in answer.content.splitlines()]


async def test_a_streamed_batch_is_a_head_and_a_line_for_each_call(client: httpx.AsyncClient, url: str) -> None:
    answer = await client.get(f"{url}/get_data,nobody?batch=1", headers=LINES)

    head, *lines = await lines_of(answer)
    assert answer.status_code == 200
    assert answer.headers["content-type"] == "application/jsonl"
    assert answer.headers["vary"] == "trpc-accept, accept, Authorization, Cookie"
    assert head == {"0": [[0], [None, 0, 0]], "1": [[0], [None, 0, 1]]}
    settled_lines = {number: (status, value) for number, status, [[value]] in lines}
    assert settled_lines[0] == (0, {"result": {"data": {"values": ["hello", 5]}}})
    assert settled_lines[1][1]["error"]["data"]["rpcCode"] == 1300


async def test_each_result_leaves_as_it_is_done(client: httpx.AsyncClient, url: str) -> None:
    """The first call of the batch can end only by a request that is sent when the second's result has been read."""
    async with asyncio.timeout(20), client.stream("GET", f"{url}/wait,get_data?batch=1", headers=LINES) as answer:
        lines = answer.aiter_lines()
        await anext(lines)
        assert json.loads(await anext(lines))[0] == 1
        await client.get(f"{url}/signal")
        assert json.loads(await anext(lines)) == [0, 0, [[{"result": {"data": {"value": "waited"}}}]]]


@pytest.mark.parametrize("headers", [LINES, {"accept": "application/jsonl"}], ids=["trpc-accept", "accept"])
async def test_lines_need_a_batch(client: httpx.AsyncClient, url: str, headers: dict[str, str]) -> None:
    answer = await client.get(f"{url}/get_data", headers=headers)

    assert answer.status_code == 400
    message = "Streaming requests must be batched (you can do a batch of 1)"
    assert settled(answer.json())["error"]["message"] == message


async def test_a_client_that_leaves_stops_what_it_asked_for() -> None:
    """A streamed call is cancelled in mid-run when its reader hangs up."""
    begun, stopped = asyncio.Event(), asyncio.Event()

    @query("slow", public=True)
    async def slow(_ctx: Context, _params: Text) -> Text:
        begun.set()
        try:
            await asyncio.sleep(60)
        finally:
            stopped.set()
        return Text(value="never")

    async with asyncio.timeout(20), listening([slow]) as served:
        async with httpx.AsyncClient() as client:
            target = f'{served}/rpc/slow?batch=1&input={{"0":{{"value":"x"}}}}'
            async with client.stream("GET", target, headers=LINES) as answer:
                await anext(answer.aiter_lines())
                await begun.wait()
        await stopped.wait()


def events_of(text: str) -> list[tuple[str | None, Any, str | None]]:
    """Name, data and id of each event of a stream."""
    return [event_of(block) for block in text.split("\n\n")[:-1]]


def event_of(block: str) -> tuple[str | None, Any, str | None]:
    members = dict(line.split(": ", 1) for line in block.splitlines())
    return members.get("event"), json.loads(members["data"] or "null"), members.get("id")


def counted(*numbers: int) -> list[Any]:
    return [(None, {"id": str(number), "count": number}, str(number)) for number in numbers]


async def test_a_subscription_is_an_event_stream(client: httpx.AsyncClient, url: str) -> None:
    answer = await client.get(f"{url}/count")

    assert answer.status_code == 200
    assert answer.headers["content-type"].partition(";")[0] == "text/event-stream"
    assert answer.headers["cache-control"] == "no-cache, no-transform"
    assert answer.headers["x-accel-buffering"] == "no"
    assert events_of(answer.text) == [CONNECTED, *counted(1, 2, 3), ("return", None, None)]


LAST_SEEN = [
    ("", {"last-event-id": "1"}),
    ("?lastEventId=1", {}),
    ("?Last-Event-Id=1", {}),
    ('?input={"lastEventId":"1"}', {}),
    ('?input={"upTo":3}&lastEventId=1', {}),
    ("?input=null&lastEventId=1", {}),
    ('?input={"lastEventId":"9"}', {"last-event-id": "1"}),
]


async def test_a_subscription_goes_on_after_the_last_event_seen(
    subtests: pytest.Subtests, client: httpx.AsyncClient, url: str
) -> None:
    for query_string, headers in LAST_SEEN:
        with subtests.test(query_string=query_string, headers=headers):
            answer = await client.get(f"{url}/count{query_string}", headers=headers)

            assert events_of(answer.text) == [CONNECTED, *counted(2, 3), ("return", None, None)]


@pytest.mark.parametrize("id_", ["", "1\ndata: 2", "1\r", "\0"])
async def test_an_id_that_no_event_stream_can_carry_is_never_sent(client: httpx.AsyncClient, id_: str) -> None:
    @subscription("named", public=True)
    async def named(_ctx: Context, _params: NoInput) -> AsyncIterator[Counted | None]:
        yield Counted(id=id_, count=1)

    async with listening((*SAMPLES, named)) as served:
        answer = await client.get(f"{served}/rpc/named")

    connected, (name, shape, _) = events_of(answer.text)
    assert connected == CONNECTED
    assert (name, shape["data"]["rpcCode"]) == ("serialized-error", 1900)


async def test_silence_is_broken_by_pings(client: httpx.AsyncClient, url: str) -> None:
    answer = await client.get(f'{url}/count?input={{"upTo":1,"then":"ping"}}')

    assert events_of(answer.text) == [CONNECTED, *counted(1), ("ping", None, None), ("return", None, None)]


WRONG = {
    "bad-input": ("GET", 'count?input={"upTo":"x"}', -32600, "BAD_REQUEST", 1200),
    "no-json": ("GET", "count?input={", -32600, "BAD_REQUEST", 1200),
    "primitive": ("GET", "count?input=7", -32600, "BAD_REQUEST", 1200),
    "bad-id": ("GET", "count?lastEventId=x", -32004, "NOT_FOUND", 1300),
    "no-caller": ("GET", "mine", -32001, "UNAUTHORIZED", 1000),
    "wrong-verb": ("PUT", "count", -32005, "METHOD_NOT_SUPPORTED", 1200),
    "bug": ("GET", 'count?input={"upTo":0,"then":"fail"}', -32603, "INTERNAL_SERVER_ERROR", 1900),
}


async def test_what_goes_wrong_with_a_subscription_is_told_in_its_stream(
    subtests: pytest.Subtests, client: httpx.AsyncClient, url: str
) -> None:
    for case, (method, path, code, key, rpc_code) in WRONG.items():
        with subtests.test(case, method=method, path=path):
            answer = await client.request(method, f"{url}/{path}", headers={"content-type": "application/json"})

            assert answer.status_code == 200
            connected, (name, shape, _) = events_of(answer.text)
            assert connected == CONNECTED
            assert name == "serialized-error"
            assert (shape["code"], shape["data"]["code"], shape["data"]["rpcCode"]) == (code, key, rpc_code)
            assert "secret" not in answer.text


async def test_an_error_comes_after_what_was_told_before_it(client: httpx.AsyncClient, url: str) -> None:
    answer = await client.get(f'{url}/count?input={{"upTo":2,"then":"fail"}}')

    assert events_of(answer.text)[:3] == [CONNECTED, *counted(1, 2)]
    assert [name for name, _, _ in events_of(answer.text)] == ["connected", None, None, "serialized-error"]


async def test_connection_params_must_be_an_object_of_strings(
    subtests: pytest.Subtests, client: httpx.AsyncClient, url: str
) -> None:
    for params in ("{", "[]", "7", '{"token":7}', '"x"'):
        with subtests.test(params=params):
            answer = await client.get(f"{url}/count", params={"connectionParams": params})

            assert answer.status_code == 400
            assert (answer.json()["error"]["code"], answer.json()["error"]["data"]["code"]) == (-32700, "PARSE_ERROR")


async def test_a_token_may_come_in_the_connection_params(client: httpx.AsyncClient) -> None:
    """It names the caller where no header does, and only of a subscription."""
    params = {"connectionParams": json.dumps({"token": token(sub="ada")})}
    config = AppConfig(auth=AuthConfig(jwt_secret=SECRET))
    async with listening((*SAMPLES, *SUBSCRIPTIONS), config=config) as served:
        stream = await client.get(f"{served}/rpc/mine", params=params)
        other = {"authorization": f"Bearer {token(sub='eve')}"}
        header = await client.get(f"{served}/rpc/mine", params=params, headers=other)
        single = await client.get(f"{served}/rpc/whoami", params=params)
        nothing = await client.get(f"{served}/rpc/mine", params={"connectionParams": "null"})

    assert events_of(stream.text)[1] == (None, {"id": "ada", "count": 1}, "ada")
    assert events_of(header.text)[1] == (None, {"id": "eve", "count": 1}, "eve")
    assert single.status_code == 401
    assert events_of(nothing.text)[1][1]["data"]["rpcCode"] == 1000
