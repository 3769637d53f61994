"""JSON-RPC 2.0 over HTTP, single requests: what is answered, byte for byte but for request ids and times.

Each case begins with its number in our list of the specification's demands; batches are in test_jsonrpc_batch.py.
"""

import json
from collections.abc import AsyncIterator
from typing import Any

import httpx
import pytest

from tests.sample_procedures import SAMPLES, post, recorders, serving, settled

PARSE_ERROR = {"code": -32700, "message": "Parse error"}
INVALID_REQUEST = {"code": -32600, "message": "Invalid Request"}
METHOD_NOT_FOUND = {"code": -32601, "message": "Method not found"}
INTERNAL_ERROR = {"code": -32603, "message": "Internal error", "data": {"rpcCode": 1900, "requestId": "<id>"}}
METADATA = {"timestamp": "<now>", "requestId": "<id>"}
NOTHING = None


@pytest.fixture
def ran() -> list[Any]:
    """What the recording procedures were given."""
    return []


@pytest.fixture
async def client(ran: list[Any]) -> AsyncIterator[httpx.AsyncClient]:
    async with serving((*SAMPLES, *recorders(ran))) as served:
        yield served


def request(method: Any, params: Any = ..., **members: Any) -> dict[str, Any]:
    told = {} if params is ... else {"params": params}
    return {"jsonrpc": "2.0", "method": method, **told, **members}


def result(value: Any, id_: Any) -> dict[str, Any]:
    return {"jsonrpc": "2.0", "result": value, "id": id_}


def error(told: dict[str, Any], id_: Any = None) -> dict[str, Any]:
    return {"jsonrpc": "2.0", "error": told, "id": id_}


def superset(told: dict[str, Any]) -> dict[str, Any]:
    """An error in which no dialect could be told: it reads as JSON-RPC and as an envelope."""
    return {**error(told), "success": False, "metadata": METADATA}


SUBTRACT = {"minuend": 42, "subtrahend": 23}
MALFORMED = '{"jsonrpc": "2.0", "method": "foobar, "params": "bar", "baz]'
LARGE = 2**64 + 1
DEEP = 2000

ANSWERED = [
    pytest.param(request("subtract", [42, 23], id=1), result({"value": 19}, 1), id="01-positional"),
    pytest.param(request("subtract", [23, 42], id=2), result({"value": -19}, 2), id="01-positional-swapped"),
    pytest.param(request("subtract", SUBTRACT, id=3), result({"value": 19}, 3), id="02-named"),
    pytest.param(
        request("subtract", dict(reversed(SUBTRACT.items())), id=4), result({"value": 19}, 4), id="02-named-swapped"
    ),
    pytest.param(request("foobar", id="1"), error(METHOD_NOT_FOUND, "1"), id="04-unknown-method"),
    pytest.param(request(1, "bar"), error(INVALID_REQUEST), id="06-method-is-a-number"),
    pytest.param({**request("subtract", SUBTRACT, id=1), "jsonrpc": "1.0"}, error(INVALID_REQUEST), id="16-version-1"),
    pytest.param(
        {**request("subtract", SUBTRACT, id=1), "jsonrpc": 2.0}, error(INVALID_REQUEST), id="16-version-is-a-number"
    ),
    pytest.param({"method": "subtract", "params": SUBTRACT, "id": 1}, error(INVALID_REQUEST), id="16-no-version"),
    pytest.param({"jsonrpc": "2.0"}, error(INVALID_REQUEST), id="16-version-alone"),
    pytest.param(request("", id=1), error(METHOD_NOT_FOUND, 1), id="17-empty-method"),
    pytest.param(request(None, id=1), error(INVALID_REQUEST), id="17-method-null"),
    pytest.param(request({}, id=1), error(INVALID_REQUEST), id="17-method-is-an-object"),
    pytest.param(request("get_data", id=True), error(INVALID_REQUEST), id="18-id-true"),
    pytest.param(request("get_data", id=False), error(INVALID_REQUEST), id="18-id-false"),
    pytest.param(request("get_data", id={}), error(INVALID_REQUEST), id="18-id-is-an-object"),
    pytest.param(request("get_data", id=[]), error(INVALID_REQUEST), id="18-id-is-an-array"),
    pytest.param(request("get_data", None, id=1), error(INVALID_REQUEST), id="19-params-null"),
    pytest.param(request("get_data", "x", id=1), error(INVALID_REQUEST), id="19-params-is-a-string"),
    pytest.param(request("get_data", 1, id=1), error(INVALID_REQUEST), id="19-params-is-a-number"),
    pytest.param(request("get_data", id=1), result({"values": ["hello", 5]}, 1), id="19-params-absent"),
    pytest.param(request("get_data", [], id=1), result({"values": ["hello", 5]}, 1), id="19-params-empty-array"),
    pytest.param(request("get_data", {}, id=1), result({"values": ["hello", 5]}, 1), id="19-params-empty-object"),
    pytest.param(request("boom", id=1), error(INTERNAL_ERROR, 1), id="21-procedure-raises"),
    pytest.param(request("boom.chained", id=1), error(INTERNAL_ERROR, 1), id="21-procedure-raises-from"),
    pytest.param(request("no_model", id=1), error(INTERNAL_ERROR, 1), id="22-procedure-answers-no-model"),
    pytest.param(request("surrogate", id=1), error(INTERNAL_ERROR, 1), id="22-answer-is-not-json"),
    pytest.param(
        request("over_quota", id=1),
        error(
            {
                "code": 1600,
                "message": "Storage quota exceeded",
                "data": {
                    "rpcCode": 1600,
                    "requestId": "<id>",
                    "details": {"used": 1, "reserved": 2, "quota": 3, "available": 0, "required": 4},
                },
            },
            1,
        ),
        id="22-own-error-keeps-its-code",
    ),
    pytest.param(request("nothing", id=1), result({"value": None}, 1), id="24-null"),
    pytest.param(
        request("subtract", SUBTRACT, id=1, jsonRPC="x", extra=[1]), result({"value": 19}, 1), id="25-unknown-member"
    ),
    pytest.param(request("rpc.foo", id=1), error(METHOD_NOT_FOUND, 1), id="31-reserved-name"),
]

IDS = {
    "18-empty": "",
    "18-text": "a\u0000\U0001f600",
    "18-zero": 0,
    "18-minus-one": -1,
    "18-fraction": 1.5,
    "18-beyond-double": 2**53 + 1,
    "18-beyond-64-bits": LARGE,
    "18-below-64-bits": -LARGE,
    "18-thousand-digits": 10**1000 + 7,
    "18-null": None,
}

UNPARSABLE = [
    pytest.param(MALFORMED, id="05-malformed"),
    pytest.param(
        '[{"jsonrpc": "2.0", "method": "sum", "params": [1,2,4], "id": "1"},{"jsonrpc"', id="07-cut-off-batch"
    ),
    pytest.param("", id="15-empty"),
    pytest.param(" \n", id="15-blank"),
    pytest.param('{"jsonrpc":"2.0","method":"get_data","id":NaN}', id="28-nan"),
    pytest.param('{"jsonrpc":"2.0","method":"get_data","id":-Infinity}', id="28-infinity"),
    pytest.param('{"jsonrpc":"2.0","method":"get_data","id":1e999}', id="28-beyond-a-double"),
    pytest.param('\ufeff{"jsonrpc":"2.0","method":"get_data","id":1}', id="28-byte-order-mark"),
    pytest.param(b'{"jsonrpc":"2.0","method":"get_data","id":"\xff"}', id="28-invalid-utf-8"),
    pytest.param('{"jsonrpc":"2.0","method":"get_data","id":1}'.encode("utf-16"), id="28-utf-16"),
    pytest.param(r'{"jsonrpc":"2.0","method":"get_data","id":"\ud800"}', id="28-lone-surrogate"),
    pytest.param('{"jsonrpc":"2.0","method":"get_data","id":1,}', id="28-trailing-comma"),
    pytest.param("[" * DEEP, id="29-nested"),
    pytest.param("[" * DEEP + "]" * DEEP, id="29-nested-and-closed"),
]

BAD_PARAMS = [
    pytest.param({"minuend": 1}, ["subtrahend"], id="20-missing"),
    pytest.param([1], ["subtrahend"], id="20-too-few"),
    pytest.param({"minuend": 1, "subtrahend": 2, "more": 3}, ["more"], id="20-extra"),
    pytest.param({"minuend": 1, "subtrahent": 2}, ["subtrahend", "subtrahent"], id="20-misspelt"),
    pytest.param({"minuend": 1, "Subtrahend": 2}, ["subtrahend", "Subtrahend"], id="20-wrong-case"),
    pytest.param({"minuend": 1, "subtrahend": "2"}, ["subtrahend"], id="20-wrong-type"),
    pytest.param([1, 2, 3], [""], id="20-too-many"),
]


@pytest.mark.parametrize(("sent", "expected"), ANSWERED)
async def test_a_request_gets_exactly_one_response(
    client: httpx.AsyncClient, sent: dict[str, Any], expected: dict[str, Any]
) -> None:
    """A response is HTTP 200 whatever became of the call; errors quote nothing that was sent or raised."""
    answer = await post(client, json.dumps(sent))
    assert answer.status_code == 200
    assert answer.headers["content-type"] == "application/json"
    assert settled(answer.json()) == expected
    assert "secret" not in answer.text


@pytest.mark.parametrize("id_", IDS.values(), ids=IDS.keys())
async def test_an_id_is_echoed_exactly(client: httpx.AsyncClient, id_: Any) -> None:
    """Integers of any size come back digit by digit; a null id is a request's, not a notification's."""
    answer = await post(client, json.dumps(request("subtract", SUBTRACT, id=id_)))
    assert answer.status_code == 200
    assert answer.json() == {"jsonrpc": "2.0", "result": {"value": 19}, "id": id_}
    assert type(answer.json()["id"]) is type(id_)


@pytest.mark.parametrize("body", UNPARSABLE)
async def test_what_is_not_json_is_a_parse_error(client: httpx.AsyncClient, body: str | bytes) -> None:
    """Whatever the dialect was meant to be, one body with HTTP 400 says it in both."""
    answer = await post(client, body)
    assert answer.status_code == 400
    assert settled(answer.json()) == superset(PARSE_ERROR)


@pytest.mark.parametrize("body", ["null", "1", '"x"', "true"], ids=["14-null", "14-number", "14-string", "14-true"])
async def test_a_top_level_scalar_is_an_invalid_request_in_both_dialects(client: httpx.AsyncClient, body: str) -> None:
    answer = await post(client, body)
    assert answer.status_code == 400
    assert settled(answer.json()) == superset(INVALID_REQUEST)


async def test_an_empty_object_is_an_envelope_without_a_procedure(client: httpx.AsyncClient) -> None:
    """Case 14's `{}` names no dialect, so it reads as an envelope."""
    answer = await post(client, "{}")
    assert answer.status_code == 400
    assert settled(answer.json()) == {
        "success": False,
        "error": {"code": 1200, "message": "Missing or invalid 'procedure' field"},
        "metadata": METADATA,
    }


@pytest.mark.parametrize(
    ("sent", "recorded"),
    [
        pytest.param(request("update", [1, 2, 3, 4, 5]), [[1, 2, 3, 4, 5]], id="03-known"),
        pytest.param(request("foobar"), [], id="03-unknown"),
        pytest.param(request("boom"), [], id="21-raises"),
        pytest.param(request("over_quota"), [], id="22-own-error"),
        pytest.param(request("update", [1]), [], id="23-invalid-params"),
        pytest.param(request("update", list(range(9))), [], id="23-too-many-params"),
    ],
)
async def test_a_notification_runs_and_is_answered_with_nothing(
    client: httpx.AsyncClient, ran: list[Any], sent: dict[str, Any], recorded: list[Any]
) -> None:
    answer = await post(client, json.dumps(sent))
    assert (answer.status_code, answer.content) == (204, b"")
    assert ran == recorded


@pytest.mark.parametrize(("params", "fields"), BAD_PARAMS)
async def test_params_that_do_not_fit_are_named_as_details(
    client: httpx.AsyncClient, params: Any, fields: list[str]
) -> None:
    """-32602 with the first issue's sentence, and every issue under `data.details`."""
    answer = await post(client, json.dumps(request("subtract", params, id=7)))
    assert answer.status_code == 200
    told = settled(answer.json())
    details = told["error"]["data"].pop("details")
    assert told == error(
        {"code": -32602, "message": details["errors"][0]["message"], "data": {"rpcCode": 1200, "requestId": "<id>"}}, 7
    )
    assert details["field"] == fields[0]
    assert list(details["fieldErrors"]) == fields
    assert [".".join(issue["path"]) for issue in details["errors"]] == fields


async def test_an_issue_is_told_with_its_path_code_and_sentence(client: httpx.AsyncClient) -> None:
    answer = await post(client, json.dumps(request("subtract", {"minuend": 1}, id=1)))
    sentence = "subtrahend: Field required"
    assert answer.json()["error"]["message"] == sentence
    assert answer.json()["error"]["data"]["details"] == {
        "field": "subtrahend",
        "errors": [{"path": ["subtrahend"], "code": "missing", "message": sentence}],
        "fieldErrors": {"subtrahend": [sentence]},
    }


async def test_of_two_members_with_one_name_the_last_counts(client: httpx.AsyncClient) -> None:
    """Case 27: duplicate keys."""
    answer = await post(client, '{"jsonrpc":"2.0","method":"foobar","method":"get_data","id":1,"id":2}')
    assert answer.json() == result({"values": ["hello", 5]}, 2)


async def test_the_content_type_of_json_rpc_is_accepted(client: httpx.AsyncClient) -> None:
    body = json.dumps(request("subtract", SUBTRACT, id=1))
    answer = await client.post("/rpc", content=body, headers={"content-type": "application/json-rpc"})
    assert answer.json() == result({"value": 19}, 1)
