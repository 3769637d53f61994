"""The VRSS envelope: its shapes, its HTTP statuses, and what counts as input.

Numbers in the ids are those of our drop-in list: what the tests of existing callers assert.
"""

import json
from collections.abc import AsyncIterator
from typing import Any

import httpx
import pytest

from contracts.errors import ErrorCode
from tests.sample_procedures import post, serving, settled

METADATA = {"timestamp": "<now>", "requestId": "<id>"}
STATUS_OF_BAND = {10: 401, 11: 403, 12: 400, 13: 400, 14: 409, 15: 429, 16: 400, 19: 500, 99: 500}


@pytest.fixture
async def client() -> AsyncIterator[httpx.AsyncClient]:
    async with serving() as served:
        yield served


async def send(client: httpx.AsyncClient, procedure: Any, **members: Any) -> httpx.Response:
    return await post(client, json.dumps({"procedure": procedure, **members}))


def failure(code: int, message: str, **details: Any) -> dict[str, Any]:
    told: dict[str, Any] = {"code": code, "message": message}
    if details:
        told["details"] = details
    return {"success": False, "error": told, "metadata": METADATA}


async def test_a_success_is_data_with_metadata(client: httpx.AsyncClient) -> None:
    """Time in milliseconds and a request id come with every answer."""
    answer = await send(client, "subtract", input={"minuend": 42, "subtrahend": 23})
    assert answer.status_code == 200
    assert answer.headers["content-type"] == "application/json"
    assert settled(answer.json()) == {"success": True, "data": {"value": 19}, "metadata": METADATA}


FAILURES = {
    "06-no-procedure": ({"input": {}}, 400, failure(1200, "Missing or invalid 'procedure' field")),
    "06-empty-object": ({}, 400, failure(1200, "Missing or invalid 'procedure' field")),
    "12-empty-procedure": ({"procedure": ""}, 400, failure(1200, "Missing or invalid 'procedure' field")),
    "12-procedure-is-a-number": ({"procedure": 1}, 400, failure(1200, "Missing or invalid 'procedure' field")),
    "12-procedure-null-beside-method": (
        {"procedure": None, "method": "sum"},
        400,
        failure(1200, "Missing or invalid 'procedure' field"),
    ),
    "05-unknown": ({"procedure": "unknown.it"}, 400, failure(1300, "Procedure 'unknown.it' not found")),
    "26-no-caller": ({"procedure": "whoami"}, 401, failure(1000, "Authentication required")),
    "08-no-stack": ({"procedure": "boom"}, 500, failure(1900, "Internal server error")),
    "answer-is-no-model": ({"procedure": "no_model"}, 500, failure(1900, "Internal server error")),
    "answer-is-not-json": ({"procedure": "surrogate"}, 500, failure(1900, "Internal server error")),
    "23-facts-are-details": (
        {"procedure": "over_quota"},
        400,
        failure(1600, "Storage quota exceeded", used=1, reserved=2, quota=3, available=0, required=4, releases=[]),
    ),
}


async def test_a_failure_is_an_error_with_metadata(subtests: pytest.Subtests, client: httpx.AsyncClient) -> None:
    """Code, sentence and, when there are facts, details; never a stack."""
    for case, (sent, status, expected) in FAILURES.items():
        with subtests.test(case, sent=sent):
            answer = await post(client, json.dumps(sent))
            assert answer.status_code == status
            assert answer.headers["content-type"] == "application/json"
            assert settled(answer.json()) == expected


async def test_input_that_does_not_fit_is_told_field_by_field(client: httpx.AsyncClient) -> None:
    """The message is the first issue's; details have all of them, also by field."""
    answer = await send(client, "subtract", input={"minuend": "4", "more": 1})
    assert answer.status_code == 400
    sentences = {
        "minuend": "minuend must be a whole number",
        "subtrahend": "subtrahend is missing",
        "more": "more is not known",
    }
    kinds = {"minuend": "int_type", "subtrahend": "missing", "more": "extra_forbidden"}
    assert settled(answer.json()) == failure(
        1200,
        sentences["minuend"],
        field="minuend",
        errors=[{"path": [name], "code": kinds[name], "message": sentences[name]} for name in sentences],
        fieldErrors={name: [sentence] for name, sentence in sentences.items()},
    )


FALSY: dict[str, dict[str, Any]] = {
    "empty-string": {"input": ""},
    "zero": {"input": 0},
    "null": {"input": None},
    "false": {"input": False},
    "empty-array": {"input": []},
    "empty-object": {"input": {}},
    "absent": {},
}


async def test_falsy_input_is_no_input(subtests: pytest.Subtests, client: httpx.AsyncClient) -> None:
    """A procedure without input runs, one with input names its first missing field."""
    for case, members in FALSY.items():
        with subtests.test(case, members=members):
            assert (await send(client, "get_data", **members)).json()["data"] == {"values": ["hello", 5]}
            refused = await send(client, "subtract", **members)
            assert refused.status_code == 400
            assert refused.json()["error"]["code"] == 1200
            assert refused.json()["error"]["message"] == "minuend is missing"


async def test_input_of_another_kind_is_refused(subtests: pytest.Subtests, client: httpx.AsyncClient) -> None:
    for value in (1, "x", True, [1], {"unknown": 1}):
        with subtests.test(value=value):
            answer = await send(client, "get_data", input=value)
            assert answer.status_code == 400
            assert answer.json()["error"]["code"] == 1200


async def test_the_band_of_a_code_sets_the_status(subtests: pytest.Subtests, client: httpx.AsyncClient) -> None:
    """Every code of the table, whoever raises it."""
    for code in ErrorCode:
        with subtests.test(code=code):
            answer = await send(client, "fail", input={"code": int(code)})
            assert answer.status_code == STATUS_OF_BAND[code // 100]
            assert settled(answer.json()) == failure(int(code), code.sentence)


@pytest.mark.parametrize(
    "context",
    [{"correlationId": "c-1", "clientVersion": "1.0.0"}, {}, None, "text"],
    ids=["14-declared", "empty", "null", "text"],
)
async def test_a_context_is_accepted(client: httpx.AsyncClient, context: Any) -> None:
    answer = await send(client, "get_data", input={}, context=context)
    assert answer.status_code == 200
    assert answer.json()["success"] is True


async def test_two_requests_have_two_request_ids(client: httpx.AsyncClient) -> None:
    """Case 10, for successes and failures alike."""
    answers = [await send(client, name) for name in ("get_data", "get_data", "unknown", "", "")]
    assert len({answer.json()["metadata"]["requestId"] for answer in answers}) == 5


REFUSALS = {
    "04-not-json": ("not-valid-json", "application/json", 400),
    "03-text": ("{}", "text/plain", 415),
    "scalar": ('"x"', "application/json", 400),
    "05-unknown": ('{"procedure":"unknown"}', "application/json", 400),
    "26-no-caller": ('{"procedure":"whoami"}', "application/json", 401),
    "08-internal": ('{"procedure":"boom"}', "application/json", 500),
    "too-large": ('{"procedure":"get_data","input":"' + "x" * 2**20 + '"}', "application/json", 413),
}


async def test_a_client_can_read_json_whatever_the_status(subtests: pytest.Subtests, client: httpx.AsyncClient) -> None:
    """Cases 7, 9 and 11 hold for every refusal, also for those made before a call was recognised."""
    for case, (body, content_type, status) in REFUSALS.items():
        with subtests.test(case, body=body):
            answer = await client.post("/rpc", content=body, headers={"content-type": content_type})
            assert answer.status_code == status
            assert answer.headers["content-type"] == "application/json"
            told = settled(answer.json())
            assert told["success"] is False
            assert isinstance(told["error"]["code"], int)
            assert isinstance(told["error"]["message"], str)
            assert "stack" not in told["error"]
            assert told["metadata"] == METADATA


async def test_a_procedure_beside_a_method_makes_an_envelope(client: httpx.AsyncClient) -> None:
    """Only `jsonrpc` makes JSON-RPC of an object that names a procedure."""
    answer = await send(client, "get_data", method="boom", id=1)
    assert settled(answer.json()) == {"success": True, "data": {"values": ["hello", 5]}, "metadata": METADATA}


async def test_jsonrpc_beside_a_procedure_makes_json_rpc(client: httpx.AsyncClient) -> None:
    answer = await send(client, "boom", jsonrpc="2.0", method="get_data", id=1)
    assert answer.json() == {"jsonrpc": "2.0", "result": {"values": ["hello", 5]}, "id": 1}
