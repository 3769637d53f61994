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
INTERNAL_ERROR = {"code": -32603, "message": "Internal error", "data": {"rpcCode": 1900, "requestId": "<id>"}}
METADATA = {"timestamp": "<now>", "requestId": "<id>"}
NOTHING = None


@pytest.fixture
def ran() -> list[Any]:
    """What the audio file procedures were given."""
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


def method_not_found(name: str) -> dict[str, Any]:
    """The error that names a method that there is not."""
    data = {"rpcCode": 1300, "requestId": "<id>", "method": name}
    return {"code": -32601, "message": "Method not found", "data": data}


def error(told: dict[str, Any], id_: Any = None) -> dict[str, Any]:
    return {"jsonrpc": "2.0", "error": told, "id": id_}


def superset(told: dict[str, Any]) -> dict[str, Any]:
    """An error in which no dialect could be told: it reads as JSON-RPC and as an envelope."""
    return {**error(told), "success": False, "metadata": METADATA}


SUBTRACT = {"minuend": 42, "subtrahend": 23}
MALFORMED = '{"jsonrpc": "2.0", "method": "foobar, "params": "bar", "baz]'
LARGE = 2**64 + 1
DEEP = 2000

ANSWERED = {
    "01-positional": (request("subtract", [42, 23], id=1), result({"value": 19}, 1)),
    "01-positional-swapped": (request("subtract", [23, 42], id=2), result({"value": -19}, 2)),
    "02-named": (request("subtract", SUBTRACT, id=3), result({"value": 19}, 3)),
    "02-named-swapped": (request("subtract", dict(reversed(SUBTRACT.items())), id=4), result({"value": 19}, 4)),
    "04-unknown-method": (request("foobar", id="1"), error(method_not_found("foobar"), "1")),
    "06-method-is-a-number": (request(1, "bar"), error(INVALID_REQUEST)),
    "16-version-1": ({**request("subtract", SUBTRACT, id=1), "jsonrpc": "1.0"}, error(INVALID_REQUEST)),
    "16-version-is-a-number": ({**request("subtract", SUBTRACT, id=1), "jsonrpc": 2.0}, error(INVALID_REQUEST)),
    "16-no-version": ({"method": "subtract", "params": SUBTRACT, "id": 1}, error(INVALID_REQUEST)),
    "16-version-alone": ({"jsonrpc": "2.0"}, error(INVALID_REQUEST)),
    "17-empty-method": (request("", id=1), error(method_not_found(""), 1)),
    "17-method-null": (request(None, id=1), error(INVALID_REQUEST)),
    "17-method-is-an-object": (request({}, id=1), error(INVALID_REQUEST)),
    "18-id-true": (request("get_data", id=True), error(INVALID_REQUEST)),
    "18-id-false": (request("get_data", id=False), error(INVALID_REQUEST)),
    "18-id-is-an-object": (request("get_data", id={}), error(INVALID_REQUEST)),
    "18-id-is-an-array": (request("get_data", id=[]), error(INVALID_REQUEST)),
    "19-params-null": (request("get_data", None, id=1), error(INVALID_REQUEST)),
    "19-params-is-a-string": (request("get_data", "x", id=1), error(INVALID_REQUEST)),
    "19-params-is-a-number": (request("get_data", 1, id=1), error(INVALID_REQUEST)),
    "19-params-absent": (request("get_data", id=1), result({"values": ["hello", 5]}, 1)),
    "19-params-empty-array": (request("get_data", [], id=1), result({"values": ["hello", 5]}, 1)),
    "19-params-empty-object": (request("get_data", {}, id=1), result({"values": ["hello", 5]}, 1)),
    "21-procedure-raises": (request("boom", id=1), error(INTERNAL_ERROR, 1)),
    "21-procedure-raises-from": (request("boom.chained", id=1), error(INTERNAL_ERROR, 1)),
    "22-procedure-answers-no-model": (request("no_model", id=1), error(INTERNAL_ERROR, 1)),
    "22-answer-is-not-json": (request("surrogate", id=1), error(INTERNAL_ERROR, 1)),
    "22-own-error-keeps-its-code": (
        request("over_quota", id=1),
        error(
            {
                "code": 1600,
                "message": "Storage quota exceeded",
                "data": {
                    "rpcCode": 1600,
                    "requestId": "<id>",
                    "details": {"used": 1, "reserved": 2, "quota": 3, "available": 0, "required": 4, "releases": []},
                },
            },
            1,
        ),
    ),
    "24-null": (request("nothing", id=1), result({"value": None}, 1)),
    "25-unknown-member": (request("subtract", SUBTRACT, id=1, jsonRPC="x", extra=[1]), result({"value": 19}, 1)),
    "31-reserved-name": (request("rpc.foo", id=1), error(method_not_found("rpc.foo"), 1)),
}

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

UNPARSABLE = {
    "05-malformed": MALFORMED,
    "07-cut-off-batch": '[{"jsonrpc": "2.0", "method": "sum", "params": [1,2,4], "id": "1"},{"jsonrpc"',
    "15-empty": "",
    "15-blank": " \n",
    "28-nan": '{"jsonrpc":"2.0","method":"get_data","id":NaN}',
    "28-infinity": '{"jsonrpc":"2.0","method":"get_data","id":-Infinity}',
    "28-beyond-a-double": '{"jsonrpc":"2.0","method":"get_data","id":1e999}',
    "28-byte-order-mark": '\ufeff{"jsonrpc":"2.0","method":"get_data","id":1}',
    "28-invalid-utf-8": b'{"jsonrpc":"2.0","method":"get_data","id":"\xff"}',
    "28-utf-16": '{"jsonrpc":"2.0","method":"get_data","id":1}'.encode("utf-16"),
    "28-lone-surrogate": r'{"jsonrpc":"2.0","method":"get_data","id":"\ud800"}',
    "28-trailing-comma": '{"jsonrpc":"2.0","method":"get_data","id":1,}',
    "29-nested": "[" * DEEP,
    "29-nested-and-closed": "[" * DEEP + "]" * DEEP,
}

BAD_PARAMS = {
    "20-missing": ({"minuend": 1}, ["subtrahend"]),
    "20-too-few": ([1], ["subtrahend"]),
    "20-extra": ({"minuend": 1, "subtrahend": 2, "more": 3}, ["more"]),
    "20-misspelt": ({"minuend": 1, "subtrahent": 2}, ["subtrahend", "subtrahent"]),
    "20-wrong-case": ({"minuend": 1, "Subtrahend": 2}, ["subtrahend", "Subtrahend"]),
    "20-wrong-type": ({"minuend": 1, "subtrahend": "2"}, ["subtrahend"]),
    "20-too-many": ([1, 2, 3], [""]),
}


async def test_a_request_gets_exactly_one_response(subtests: pytest.Subtests, client: httpx.AsyncClient) -> None:
    """A response is HTTP 200 whatever became of the call; errors quote nothing that was sent or raised."""
    for case, (sent, expected) in ANSWERED.items():
        with subtests.test(case, sent=sent):
            answer = await post(client, json.dumps(sent))
            assert answer.status_code == 200
            assert answer.headers["content-type"] == "application/json"
            assert settled(answer.json()) == expected
            assert "secret" not in answer.text


async def test_an_id_is_echoed_exactly(subtests: pytest.Subtests, client: httpx.AsyncClient) -> None:
    """Integers of any size come back digit by digit; a null id is a request's, not a notification's."""
    for case, id_ in IDS.items():
        with subtests.test(case, id=id_):
            answer = await post(client, json.dumps(request("subtract", SUBTRACT, id=id_)))
            assert answer.status_code == 200
            assert answer.json() == {"jsonrpc": "2.0", "result": {"value": 19}, "id": id_}
            assert type(answer.json()["id"]) is type(id_)


async def test_what_is_not_json_is_a_parse_error(subtests: pytest.Subtests, client: httpx.AsyncClient) -> None:
    """Whatever the dialect was meant to be, one body with HTTP 400 says it in both."""
    for case, body in UNPARSABLE.items():
        with subtests.test(case, body=body):
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


async def test_params_that_do_not_fit_are_named_as_details(
    subtests: pytest.Subtests, client: httpx.AsyncClient
) -> None:
    """-32602 with the first issue's sentence, and every issue under `data.details`."""
    for case, (params, fields) in BAD_PARAMS.items():
        with subtests.test(case, params=params):
            answer = await post(client, json.dumps(request("subtract", params, id=7)))
            assert answer.status_code == 200
            told = settled(answer.json())
            details = told["error"]["data"].pop("details")
            data, message = {"rpcCode": 1200, "requestId": "<id>"}, details["errors"][0]["message"]
            assert told == error({"code": -32602, "message": message, "data": data}, 7)
            assert details["field"] == fields[0]
            assert list(details["fieldErrors"]) == fields
            assert [".".join(issue["path"]) for issue in details["errors"]] == fields


async def test_an_issue_is_told_with_its_path_code_and_sentence(client: httpx.AsyncClient) -> None:
    answer = await post(client, json.dumps(request("subtract", {"minuend": 1}, id=1)))
    sentence = "subtrahend is missing"
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
