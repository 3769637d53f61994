"""Batches of envelopes: an array answers by position, `{batch: [...]}` by id."""

import asyncio
import json
from collections.abc import AsyncIterator
from typing import Any

import httpx
import pytest

from tests.sample_procedures import SAMPLES, post, serving, signals

MAX_CALLS = 4
DATA = {"values": ["hello", 5]}
GET_DATA = {"procedure": "get_data"}


@pytest.fixture
async def client() -> AsyncIterator[httpx.AsyncClient]:
    async with serving((*SAMPLES, *signals()), max_batch_calls=MAX_CALLS) as served:
        yield served


def subtract(minuend: int, subtrahend: Any, **members: Any) -> dict[str, Any]:
    return {"procedure": "subtract", "input": {"minuend": minuend, "subtrahend": subtrahend}, **members}


def bare(body: dict[str, Any]) -> dict[str, Any]:
    """A body without what differs from call to call: its metadata, an error's details."""
    told = {name: value for name, value in body.items() if name != "metadata"}
    if "error" in told:
        told["error"] = told["error"]["code"]
    return told


async def test_an_array_of_envelopes_is_answered_by_position(client: httpx.AsyncClient) -> None:
    """One that fails stands in its place, and the status is that of the array: 200."""
    answer = await post(client, json.dumps([subtract(5, 3), subtract(5, "x"), {"procedure": "nobody"}, GET_DATA]))

    assert answer.status_code == 200
    assert [bare(body) for body in answer.json()] == [
        {"success": True, "data": {"value": 2}},
        {"success": False, "error": 1200},
        {"success": False, "error": 1300},
        {"success": True, "data": DATA},
    ]
    assert len({body["metadata"]["requestId"] for body in answer.json()}) == 4


async def test_each_member_of_an_array_tells_its_own_dialect(client: httpx.AsyncClient) -> None:
    """A notification has no answer, so those after it move up."""
    request = {"jsonrpc": "2.0", "method": "get_data", "id": "a"}
    notification = {"jsonrpc": "2.0", "method": "get_data"}
    answer = await post(client, json.dumps([request, GET_DATA, notification, {"procedure": 7}]))

    first, second, third = answer.json()
    assert first == {"jsonrpc": "2.0", "result": DATA, "id": "a"}
    assert bare(second) == {"success": True, "data": DATA}
    assert bare(third) == {"success": False, "error": 1200}


async def test_a_batch_is_answered_by_id(client: httpx.AsyncClient) -> None:
    """Each result carries its call's own id, null where there was none, and every call stands for itself."""
    batch = [subtract(5, 3, id="a"), subtract(5, "x", id=2), GET_DATA, 7]
    answer = await post(client, json.dumps({"batch": batch}))

    assert answer.status_code == 200
    assert list(answer.json()) == ["results"]
    assert [bare(body) for body in answer.json()["results"]] == [
        {"id": "a", "success": True, "data": {"value": 2}},
        {"id": 2, "success": False, "error": 1200},
        {"id": None, "success": True, "data": DATA},
        {"id": None, "success": False, "error": 1200},
    ]


async def test_what_is_no_batch_is_refused_as_a_whole(subtests: pytest.Subtests, client: httpx.AsyncClient) -> None:
    batches: list[Any] = [[], [GET_DATA] * (MAX_CALLS + 1), {}, None, "get_data"]
    for batch in batches:
        with subtests.test(batch=batch):
            answer = await post(client, json.dumps({"batch": batch}))

            assert answer.status_code == 400
            assert bare(answer.json()) == {"success": False, "error": 1200}
            assert answer.json()["error"]["message"] == "'batch' must be an array of 1 to 4 calls"


@pytest.mark.parametrize("wrap", [list, lambda calls: {"batch": calls}], ids=["array", "batch"])
async def test_the_calls_of_a_batch_run_side_by_side(client: httpx.AsyncClient, wrap: Any) -> None:
    """The first ends only when the second, which comes after it, has begun."""
    async with asyncio.timeout(30):
        answer = await post(client, json.dumps(wrap([{"procedure": "wait"}, {"procedure": "signal"}])))

    bodies = answer.json() if isinstance(answer.json(), list) else answer.json()["results"]
    assert [body["success"] for body in bodies] == [True, True]


async def test_a_batch_of_envelopes_needs_a_caller_where_its_calls_do(client: httpx.AsyncClient) -> None:
    answer = await post(client, json.dumps([{"procedure": "whoami"}, GET_DATA]))

    assert [bare(body) for body in answer.json()] == [
        {"success": False, "error": 1000},
        {"success": True, "data": DATA},
    ]
