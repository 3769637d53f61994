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


@pytest.mark.parametrize(
    ("sent", "status", "expected"),
    [
        pytest.param({"input": {}}, 400, failure(1200, "Missing or invalid 'procedure' field"), id="06-no-procedure"),
        pytest.param({}, 400, failure(1200, "Missing or invalid 'procedure' field"), id="06-empty-object"),
        pytest.param(
            {"procedure": ""}, 400, failure(1200, "Missing or invalid 'procedure' field"), id="12-empty-procedure"
        ),
        pytest.param(
            {"procedure": 1}, 400, failure(1200, "Missing or invalid 'procedure' field"), id="12-procedure-is-a-number"
        ),
        pytest.param(
            {"procedure": None, "method": "sum"},
            400,
            failure(1200, "Missing or invalid 'procedure' field"),
            id="12-procedure-null-beside-method",
        ),
        pytest.param(
            {"procedure": "unknown.it"}, 400, failure(1300, "Procedure 'unknown.it' not found"), id="05-unknown"
        ),
        pytest.param({"procedure": "whoami"}, 401, failure(1000, "Authentication required"), id="26-no-caller"),
        pytest.param({"procedure": "boom"}, 500, failure(1900, "Internal server error"), id="08-no-stack"),
        pytest.param({"procedure": "no_model"}, 500, failure(1900, "Internal server error"), id="answer-is-no-model"),
        pytest.param({"procedure": "surrogate"}, 500, failure(1900, "Internal server error"), id="answer-is-not-json"),
        pytest.param(
            {"procedure": "over_quota"},
            400,
            failure(1600, "Storage quota exceeded", used=1, reserved=2, quota=3, available=0, required=4),
            id="23-facts-are-details",
        ),
    ],
)
async def test_a_failure_is_an_error_with_metadata(
    client: httpx.AsyncClient, sent: dict[str, Any], status: int, expected: dict[str, Any]
) -> None:
    """Code, sentence and, when there are facts, details; never a stack."""
    answer = await post(client, json.dumps(sent))
    assert answer.status_code == status
    assert answer.headers["content-type"] == "application/json"
    assert settled(answer.json()) == expected


async def test_input_that_does_not_fit_is_told_field_by_field(client: httpx.AsyncClient) -> None:
    """The message is the first issue's; details have all of them, also by field."""
    answer = await send(client, "subtract", input={"minuend": "4", "more": 1})
    assert answer.status_code == 400
    sentences = {
        "minuend": "minuend: Input should be a valid integer",
        "subtrahend": "subtrahend: Field required",
        "more": "more: Extra inputs are not permitted",
    }
    kinds = {"minuend": "int_type", "subtrahend": "missing", "more": "extra_forbidden"}
    assert settled(answer.json()) == failure(
        1200,
        sentences["minuend"],
        field="minuend",
        errors=[{"path": [name], "code": kinds[name], "message": sentences[name]} for name in sentences],
        fieldErrors={name: [sentence] for name, sentence in sentences.items()},
    )


@pytest.mark.parametrize(
    "members",
    [{"input": ""}, {"input": 0}, {"input": None}, {"input": False}, {"input": []}, {"input": {}}, {}],
    ids=["empty-string", "zero", "null", "false", "empty-array", "empty-object", "absent"],
)
async def test_falsy_input_is_no_input(client: httpx.AsyncClient, members: dict[str, Any]) -> None:
    """A procedure without input runs, one with input names its first missing field."""
    assert (await send(client, "get_data", **members)).json()["data"] == {"values": ["hello", 5]}
    refused = await send(client, "subtract", **members)
    assert refused.status_code == 400
    assert refused.json()["error"]["code"] == 1200
    assert refused.json()["error"]["message"] == "minuend: Field required"


@pytest.mark.parametrize("value", [1, "x", True, [1], {"unknown": 1}], ids=str)
async def test_input_of_another_kind_is_refused(client: httpx.AsyncClient, value: Any) -> None:
    answer = await send(client, "get_data", input=value)
    assert answer.status_code == 400
    assert answer.json()["error"]["code"] == 1200


@pytest.mark.parametrize("code", list(ErrorCode), ids=lambda code: f"{int(code)}-{code.name}")
async def test_the_band_of_a_code_sets_the_status(client: httpx.AsyncClient, code: ErrorCode) -> None:
    """Every code of the table, whoever raises it."""
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


@pytest.mark.parametrize(
    ("body", "content_type", "status"),
    [
        pytest.param("not-valid-json", "application/json", 400, id="04-not-json"),
        pytest.param("{}", "text/plain", 415, id="03-text"),
        pytest.param('"x"', "application/json", 400, id="scalar"),
        pytest.param('{"procedure":"unknown"}', "application/json", 400, id="05-unknown"),
        pytest.param('{"procedure":"whoami"}', "application/json", 401, id="26-no-caller"),
        pytest.param('{"procedure":"boom"}', "application/json", 500, id="08-internal"),
        pytest.param('{"procedure":"get_data","input":"' + "x" * 2**20 + '"}', "application/json", 413, id="too-large"),
    ],
)
async def test_a_client_can_read_json_whatever_the_status(
    client: httpx.AsyncClient, body: str, content_type: str, status: int
) -> None:
    """Cases 7, 9 and 11 hold for every refusal, also for those made before a call was recognised."""
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
