"""JSON-RPC 2.0 over HTTP, batches. Each case begins with its number in our list of the specification's demands."""

import json
from collections.abc import AsyncIterator
from typing import Any

import httpx
import pytest

from tests.sample_procedures import SAMPLES, post, recorders, serving, settled, signals
from tests.test_jsonrpc import method_not_found

INVALID_REQUEST = {"jsonrpc": "2.0", "error": {"code": -32600, "message": "Invalid Request"}, "id": None}
MAX_CALLS = 8


@pytest.fixture
def ran() -> list[Any]:
    """What the audio file procedures were given."""
    return []


@pytest.fixture
async def client(ran: list[Any]) -> AsyncIterator[httpx.AsyncClient]:
    async with serving((*SAMPLES, *recorders(ran), *signals()), max_batch_calls=MAX_CALLS) as served:
        yield served


def request(method: str, params: Any = (), **members: Any) -> dict[str, Any]:
    return {"jsonrpc": "2.0", "method": method, "params": params, **members}


def result(value: Any, id_: Any) -> dict[str, Any]:
    return {"jsonrpc": "2.0", "result": value, "id": id_}


def not_found(name: str, id_: Any) -> dict[str, Any]:
    return {"jsonrpc": "2.0", "error": method_not_found(name), "id": id_}


MIXED = [
    request("sum", [1, 2, 4], id="1"),
    request("notify_hello", [7]),
    request("subtract", [42, 23], id="2"),
    {"foo": "boo"},
    request("foo.get", {"name": "myself"}, id="5"),
    request("get_data", id="9"),
]
MIXED_ANSWER = [
    result({"value": 7}, "1"),
    result({"value": 19}, "2"),
    INVALID_REQUEST,
    not_found("foo.get", "5"),
    result({"values": ["hello", 5]}, "9"),
]


BATCHES = {
    "08-empty": ([], INVALID_REQUEST),
    "09-one-number": ([1], [INVALID_REQUEST]),
    "10-three-numbers": ([1, 2, 3], [INVALID_REQUEST] * 3),
    "11-mixed": (MIXED, MIXED_ANSWER),
    "13-array": ([[]], [INVALID_REQUEST]),
    "13-null": ([None], [INVALID_REQUEST]),
    "13-object": ([{}], [INVALID_REQUEST]),
    "13-batch-in-a-batch": ([MIXED], [INVALID_REQUEST]),
    "26-duplicate-ids": (
        [request("sum", [1, 2, 3], id=1), request("sum", [2, 2, 2], id=1), request("sum", [3, 3, 3], id=1)],
        [result({"value": 6}, 1), result({"value": 6}, 1), result({"value": 9}, 1)],
    ),
    "envelope-that-says-jsonrpc": (
        [{"procedure": "get_data", "input": {}, "jsonrpc": "2.0"}, request("get_data", id=1)],
        [INVALID_REQUEST, result({"values": ["hello", 5]}, 1)],
    ),
    "30-as-long-as-allowed": (
        [request("notify_hello", [1])] * (MAX_CALLS - 1) + [request("sum", [1, 2, 3], id=1)],
        [result({"value": 6}, 1)],
    ),
}


async def test_a_batch_gets_a_response_for_each_request(subtests: pytest.Subtests, client: httpx.AsyncClient) -> None:
    """In the order of the requests, always with HTTP 200; bad members do not spoil good ones."""
    for case, (sent, expected) in BATCHES.items():
        with subtests.test(case, sent=sent):
            answer = await post(client, json.dumps(sent))
            assert answer.status_code == 200
            assert answer.headers["content-type"] == "application/json"
            assert settled(answer.json()) == expected


async def test_a_batch_of_notifications_is_answered_with_nothing(client: httpx.AsyncClient, ran: list[Any]) -> None:
    """Case 12: no empty array, and each of them runs."""
    answer = await post(client, json.dumps([request("notify_hello", [7]), request("update", [1, 2, 3, 4, 5])]))
    assert (answer.status_code, answer.content) == (204, b"")
    assert sorted(ran, key=str) == [7, [1, 2, 3, 4, 5]]


async def test_a_notification_in_a_mixed_batch_runs(client: httpx.AsyncClient, ran: list[Any]) -> None:
    await post(client, json.dumps(MIXED))
    assert ran == [7]


async def test_a_batch_over_the_limit_is_refused_whole(client: httpx.AsyncClient, ran: list[Any]) -> None:
    """Case 30: one Invalid Request, and nothing runs."""
    answer = await post(client, json.dumps([request("notify_hello", [1])] * MAX_CALLS + [request("get_data", id=1)]))
    assert answer.status_code == 200
    assert answer.json() == INVALID_REQUEST
    assert ran == []


async def test_members_run_side_by_side_and_answers_keep_their_order(client: httpx.AsyncClient) -> None:
    """The first member ends only when the second has run, and is answered first all the same."""
    answer = await post(client, json.dumps([request("wait", id=1), request("signal", id=2)]))
    assert answer.json() == [result({"value": "waited"}, 1), result({"value": "signalled"}, 2)]


async def test_every_member_has_a_request_id_of_its_own(client: httpx.AsyncClient) -> None:
    answer = await post(client, json.dumps([request("boom", id=1), request("boom", id=2)]))
    first, second = answer.json()
    assert first["error"]["data"]["requestId"] != second["error"]["data"]["requestId"]
    assert settled(first)["error"]["data"] == {"rpcCode": 1900, "requestId": "<id>"}


async def test_one_failing_member_leaves_the_others_alone(client: httpx.AsyncClient) -> None:
    """Even an answer that cannot be written as JSON is only its own member's failure."""
    answer = await post(
        client, json.dumps([request("surrogate", id=1), request("boom", id=2), request("get_data", id=3)])
    )
    assert answer.status_code == 200
    assert [member.get("error", {}).get("code") for member in answer.json()] == [-32603, -32603, None]
    assert answer.json()[2] == result({"values": ["hello", 5]}, 3)
