"""tRPC v11: queries, mutations and batches, each status, header and edge (trpc.io/docs/rpc)."""

import asyncio
import json
from collections.abc import AsyncIterator
from typing import Any
from urllib.parse import quote, unquote

import httpx
import pytest

from rpc.auth import AuthConfig
from rpc.trpc.request import MAX_PARAMETERS
from tests.sample_procedures import SAMPLES, SUBSCRIPTIONS, recorders, serving, settled, signals

MAX_CALLS = 8
MAX_BYTES = 2048
DATA = {"result": {"data": {"values": ["hello", 5]}}}
JSON = {"content-type": "application/json"}


@pytest.fixture
def ran() -> list[Any]:
    """What the audio file procedures were given."""
    return []


@pytest.fixture
async def client(ran: list[Any]) -> AsyncIterator[httpx.AsyncClient]:
    procedures = (*SAMPLES, *SUBSCRIPTIONS, *recorders(ran), *signals())
    async with serving(procedures, max_batch_calls=MAX_CALLS, max_body_bytes=MAX_BYTES) as served:
        yield served


def error(message: str, number: int, key: str, status: int, path: str | None, code: int, **details: Any) -> Any:
    """An error as it stands on the wire, its request id settled."""
    data = {"code": key, "httpStatus": status, "rpcCode": code, "requestId": "<id>"}
    if path is not None:
        data["path"] = path
    return {"error": {"message": message, "code": number, "data": {**data, **details}}}


def not_found(path: str) -> Any:
    return error(f'No procedure found on path "{path}"', -32004, "NOT_FOUND", 404, path, 1300)


def bad_request(message: str, path: str | None = None) -> Any:
    return error(message, -32600, "BAD_REQUEST", 400, path, 1200)


def url(path: str, given: Any = ..., **query: str) -> str:
    """A URL as tRPC's clients write it."""
    members = [f"{name}={value}" for name, value in query.items()]
    members += [] if given is ... else [f"input={quote(json.dumps(given), safe='')}"]
    return f"/rpc/{path}?{'&'.join(members)}" if members else f"/rpc/{path}"


async def test_a_query_is_a_get_with_its_input_in_the_url(client: httpx.AsyncClient) -> None:
    answer = await client.get(url("subtract", {"minuend": 5, "subtrahend": 3}))

    assert (answer.status_code, answer.json()) == (200, {"result": {"data": {"value": 2}}})
    assert answer.headers["content-type"] == "application/json"
    assert answer.headers["vary"] == "trpc-accept, accept, Authorization, Cookie"


@pytest.mark.parametrize("content_type", [None, "application/json", "text/plain"])
async def test_a_get_needs_no_content_type(client: httpx.AsyncClient, content_type: str | None) -> None:
    answer = await client.get(url("get_data"), headers={"content-type": content_type} if content_type else {})

    assert (answer.status_code, answer.json()) == (200, DATA)


async def test_an_input_of_null_and_none_at_all_are_the_same(client: httpx.AsyncClient) -> None:
    assert (await client.get(url("get_data", None))).json() == DATA
    assert (await client.post(url("get_data"), content=b"", headers=JSON)).json() == DATA


@pytest.mark.parametrize("name", ["a", "input"])
async def test_a_url_of_more_parameters_than_clients_send_is_refused(client: httpx.AsyncClient, name: str) -> None:
    """Before they are read, which takes longer than the rest of such a call."""
    fewest = f"{url('get_data')}?" + f"{name}=null&" * (MAX_PARAMETERS - 1)

    assert (await client.get(fewest)).status_code == 200
    answer = await client.get(fewest + "&")
    assert answer.status_code == 400
    assert answer.json()["error"]["message"] == "The URL has more than 100 parameters"


async def test_a_mutation_is_a_post_with_its_input_as_body(client: httpx.AsyncClient, ran: list[Any]) -> None:
    answer = await client.post(url("notify_hello"), json={"value": 7})

    assert (answer.status_code, answer.json()) == (200, {"result": {"data": {"value": None}}})
    assert ran == [7]


async def test_a_query_may_come_as_a_post(client: httpx.AsyncClient) -> None:
    """As clients send it with `methodOverride`."""
    answer = await client.post(url("subtract"), json={"minuend": 5, "subtrahend": 3})

    assert (answer.status_code, answer.json()) == (200, {"result": {"data": {"value": 2}}})


@pytest.mark.parametrize(
    ("method", "path", "kind", "allow"),
    [
        pytest.param("GET", "update", "mutation", "POST", id="mutation-by-get"),
        pytest.param("PUT", "update", "mutation", "POST", id="mutation-by-put"),
        pytest.param("DELETE", "get_data", "query", "GET, POST", id="query-by-delete"),
    ],
)
async def test_a_wrong_verb_is_405_and_runs_nothing(
    client: httpx.AsyncClient, ran: list[Any], method: str, path: str, kind: str, allow: str
) -> None:
    answer = await client.request(method, url(path), headers=JSON)

    message = f'Unsupported {method}-request to {kind} procedure at path "{path}"'
    assert answer.status_code == 405
    assert settled(answer.json()) == error(message, -32005, "METHOD_NOT_SUPPORTED", 405, path, 1200)
    assert answer.headers["allow"] == allow
    assert ran == []


async def test_head_is_answered_nothing(client: httpx.AsyncClient) -> None:
    answer = await client.head(url("get_data"))

    assert (answer.status_code, answer.content) == (204, b"")


OTHER_TYPES = [
    ("POST", "", "Missing content-type header"),
    ("POST", "text/plain", 'Unsupported content-type "text/plain"'),
    ("POST", "application/x-www-form-urlencoded", 'Unsupported content-type "application/x-www-form-urlencoded"'),
    ("POST", "multipart/form-data; boundary=x", 'Unsupported content-type "multipart/form-data"'),
    ("POST", "application/octet-stream", 'Unsupported content-type "application/octet-stream"'),
    ("OPTIONS", "", "Missing content-type header"),
]


async def test_another_content_type_is_415_for_the_whole_request(
    subtests: pytest.Subtests, client: httpx.AsyncClient
) -> None:
    for method, content_type, message in OTHER_TYPES:
        with subtests.test(method=method, content_type=content_type):
            answer = await client.request(
                method, url("notify_hello,nobody", batch="1"), content=b"{}", headers={"content-type": content_type}
            )

            assert answer.status_code == 415
            assert settled(answer.json()) == error(message, -32015, "UNSUPPORTED_MEDIA_TYPE", 415, None, 1200)
            assert answer.headers["content-type"] == "application/json"


async def test_a_content_type_may_have_parameters_and_capitals(client: httpx.AsyncClient, ran: list[Any]) -> None:
    headers = {"content-type": "Application/JSON; charset=utf-8"}
    assert (await client.post(url("notify_hello"), content=b'{"value": 7}', headers=headers)).status_code == 200
    assert ran == [7]


@pytest.mark.parametrize("content_type", ["multipart/form-data; boundary=x", "application/octet-stream"])
async def test_bytes_come_by_post_only(client: httpx.AsyncClient, content_type: str) -> None:
    answer = await client.get(url("get_data"), headers={"content-type": content_type})

    assert answer.status_code == 405
    assert answer.json()["error"]["code"] == -32005
    assert answer.headers["allow"] == "POST"


async def test_an_unknown_path_is_404(subtests: pytest.Subtests, client: httpx.AsyncClient) -> None:
    """Without `batch=1` a comma is part of a name."""
    for path in ("nobody", "a/b", "get_data,get_data", "rpc.x", "get_data/", "__proto__"):
        with subtests.test(path=path):
            answer = await client.get(url(path))

            assert (answer.status_code, settled(answer.json())) == (404, not_found(path))


@pytest.mark.parametrize("escaped", ["%0A", "get_data%0A", "a%0D%0Ab", "%00"])
async def test_a_name_may_be_any_text(client: httpx.AsyncClient, escaped: str) -> None:
    answer = await client.get(f"/rpc/{escaped}")

    assert (answer.status_code, settled(answer.json())) == (404, not_found(unquote(escaped)))


async def test_a_path_is_unescaped_once(client: httpx.AsyncClient) -> None:
    assert (await client.get("/rpc/get%5Fdata")).json() == DATA
    assert (await client.get("/rpc/get_data%2Cget_data?batch=1")).json() == [DATA, DATA]
    assert (await client.get("/rpc/get%255Fdata")).status_code == 404


@pytest.mark.parametrize("path", ["get_data%zz", "%", "%ff"])
async def test_a_broken_escape_is_400(client: httpx.AsyncClient, path: str) -> None:
    answer = await client.send(raw_request(client, "GET", f"/rpc/{path}"))

    assert (answer.status_code, settled(answer.json())) == (400, bad_request("The URL has a broken escape"))


def raw_request(client: httpx.AsyncClient, method: str, target: str) -> httpx.Request:
    """A request whose path no library has mended."""
    request = client.build_request(method, "/rpc/x")
    request.url = request.url.copy_with(raw_path=target.encode())
    return request


@pytest.mark.parametrize("text", ["{", "%zz", "NaN", "'a'"])
async def test_an_input_that_is_no_json_is_400_for_each_call(client: httpx.AsyncClient, text: str) -> None:
    told = bad_request("The input is not JSON", "get_data")
    single = await client.get(f"/rpc/get_data?input={quote(text)}")
    batch = await client.get(f"/rpc/get_data,nobody,get_data?batch=1&input={quote(text)}")

    assert (single.status_code, settled(single.json())) == (400, told)
    assert batch.status_code == 207
    assert settled(batch.json()) == [told, not_found("nobody"), told]


async def test_input_that_does_not_fit_is_told_field_by_field(client: httpx.AsyncClient) -> None:
    answer = await client.get(url("subtract", {"minuend": 5, "subtrahend": "x"}))

    assert answer.status_code == 400
    data = answer.json()["error"]["data"]
    assert (data["code"], data["rpcCode"], data["path"]) == ("BAD_REQUEST", 1200, "subtract")
    assert data["details"]["field"] == "subtrahend"


async def test_an_error_carries_its_code_and_its_facts(client: httpx.AsyncClient) -> None:
    answer = await client.get(url("over_quota"))
    details = {"used": 1, "reserved": 2, "quota": 3, "available": 0, "required": 4, "releases": []}

    assert answer.status_code == 403
    assert settled(answer.json()) == error(
        "Storage quota exceeded", -32003, "FORBIDDEN", 403, "over_quota", 1600, details=details
    )


async def test_the_unforeseen_tells_nothing(client: httpx.AsyncClient) -> None:
    answer = await client.get(url("boom"))

    assert answer.status_code == 500
    assert settled(answer.json()) == error("Internal server error", -32603, "INTERNAL_SERVER_ERROR", 500, "boom", 1900)


CODES = [
    (1000, -32001, 401), (1002, -32001, 401), (1100, -32003, 403), (1200, -32600, 400), (1300, -32004, 404),
    (1400, -32009, 409), (1500, -32029, 429), (1600, -32003, 403), (1601, -32015, 415), (1602, -32013, 413),
    (1900, -32603, 500), (1903, -32603, 503),
]  # fmt: skip


async def test_each_code_has_its_number_and_status(subtests: pytest.Subtests, client: httpx.AsyncClient) -> None:
    for code, number, status in CODES:
        with subtests.test(code=code):
            answer = await client.get(url("fail", {"code": code}))

            assert answer.status_code == status
            shape = answer.json()["error"]
            assert (shape["code"], shape["data"]["httpStatus"], shape["data"]["rpcCode"]) == (number, status, code)


async def test_a_protected_procedure_needs_a_caller(client: httpx.AsyncClient) -> None:
    answer = await client.get(url("whoami"))

    assert answer.status_code == 401
    assert settled(answer.json()) == error("Authentication required", -32001, "UNAUTHORIZED", 401, "whoami", 1000)


async def test_a_batch_is_answered_by_position(client: httpx.AsyncClient) -> None:
    """Inputs that are not there are no input, keys that name no call are ignored."""
    inputs = {"0": {"minuend": 5, "subtrahend": 3}, "7": {"x": 1}}
    answer = await client.get(url("subtract,get_data", inputs, batch="1"))

    assert (answer.status_code, answer.json()) == (200, [{"result": {"data": {"value": 2}}}, DATA])


@pytest.mark.parametrize(
    ("path", "status"),
    [("get_data,get_data", 200), ("nobody,nobody", 404), ("get_data,nobody", 207), ("boom,nobody", 207)],
)
async def test_a_batch_has_the_status_that_all_share_or_207(client: httpx.AsyncClient, path: str, status: int) -> None:
    answer = await client.get(url(path, batch="1"))

    assert answer.status_code == status
    assert len(answer.json()) == 2


async def test_a_batch_that_is_limited_says_how_long_the_longest_wait_is(client: httpx.AsyncClient) -> None:
    inputs = {str(place): {"seconds": seconds} for place, seconds in enumerate([9, 30, 4])}
    answer = await client.get(url("limited,limited,limited", inputs, batch="1"))

    assert (answer.status_code, answer.headers["retry-after"]) == (429, "30")
    waits = [member["error"]["data"]["details"]["retryAfter"] for member in answer.json()]
    assert waits == [9, 30, 4]


async def test_a_batch_of_mutations_is_a_post(client: httpx.AsyncClient, ran: list[Any]) -> None:
    answer = await client.post(url("notify_hello,notify_hello", batch="1"), json={"0": {"value": 1}, "1": {"value": 2}})

    assert answer.status_code == 200
    assert sorted(ran) == [1, 2]


async def test_the_calls_of_a_batch_run_side_by_side(client: httpx.AsyncClient) -> None:
    """The first ends only when the second, which comes after it, has begun."""
    async with asyncio.timeout(30):
        answer = await client.get(url("wait,signal", batch="1"))

    assert [member["result"]["data"]["value"] for member in answer.json()] == ["waited", "signalled"]


@pytest.mark.parametrize("batch", ["2", "true", "", "01"])
async def test_only_batch_1_is_a_batch(client: httpx.AsyncClient, batch: str) -> None:
    answer = await client.get(url("get_data", batch=batch))

    assert (answer.status_code, answer.json()) == (200, DATA)


NO_BATCHES = {
    "too-long": (",".join(["get_data"] * (MAX_CALLS + 1)), {}, "Batch call exceeds maximum size"),
    "mixed-kinds": ("get_data,update", {}, "Cannot mix procedure types in call: query, mutation"),
    "array": ("get_data", [], '"input" needs to be an object when doing a batch call'),
    "number": ("get_data", 7, '"input" needs to be an object when doing a batch call'),
    "null": ("get_data", None, '"input" needs to be an object when doing a batch call'),
}


async def test_a_batch_that_is_none_is_refused_as_a_whole(subtests: pytest.Subtests, client: httpx.AsyncClient) -> None:
    """One object, not an array."""
    for case, (path, given, message) in NO_BATCHES.items():
        with subtests.test(case, path=path, given=given):
            answer = await client.get(url(path, given, batch="1"))

            assert (answer.status_code, settled(answer.json())) == (400, bad_request(message))


async def test_an_unknown_name_mixes_with_every_kind(client: httpx.AsyncClient) -> None:
    answer = await client.get(url("get_data,nobody", batch="1"))

    assert (answer.status_code, settled(answer.json())) == (207, [DATA, not_found("nobody")])


async def test_a_subscription_cannot_be_batched(client: httpx.AsyncClient) -> None:
    answer = await client.get(url("count", batch="1"))

    assert answer.status_code == 400
    assert settled(answer.json()) == [bad_request("Cannot batch subscription calls", "count")]


async def test_other_dialects_know_no_subscription(client: httpx.AsyncClient) -> None:
    answers = await client.post("/rpc", json=[{"jsonrpc": "2.0", "id": 1, "method": "count"}, {"procedure": "count"}])

    assert [answer["error"]["code"] for answer in answers.json()] == [-32601, 1300]


@pytest.mark.parametrize("method", ["GET", "POST"])
async def test_too_large_an_input_is_413(client: httpx.AsyncClient, method: str) -> None:
    large = {"minuend": 1, "x": "a" * MAX_BYTES}
    answer = (
        await client.get(url("subtract", large)) if method == "GET" else await client.post(url("subtract"), json=large)
    )

    assert answer.status_code == 413
    assert settled(answer.json()) == error(
        f"The input exceeds {MAX_BYTES} bytes", -32013, "PAYLOAD_TOO_LARGE", 413, None, 1200
    )


async def test_a_url_of_eight_kilobytes_is_read() -> None:
    async with serving() as client:
        answer = await client.get(url("subtract", {"minuend": 5, "subtrahend": 3}) + "&x=" + "a" * 8192)

    assert (answer.status_code, answer.json()) == (200, {"result": {"data": {"value": 2}}})


async def test_the_endpoint_may_stand_at_another_path() -> None:
    async with serving(rpc_path="/api/rpc") as client:
        assert (await client.get("/api/rpc/get_data")).json() == DATA
        assert (await client.post("/api/rpc", json={"procedure": "get_data"})).json()["success"] is True
        assert (await client.get("/rpc/get_data")).status_code == 404


async def test_a_bad_token_is_told_to_each_call_that_needs_a_caller() -> None:
    async with serving(auth=AuthConfig(jwt_secret="s" * 32)) as client:
        answer = await client.get(url("whoami,get_data", batch="1"), headers={"authorization": "Bearer no"})

    assert answer.status_code == 207
    assert [member.get("error", {}).get("data", {}).get("rpcCode") for member in answer.json()] == [1003, None]
