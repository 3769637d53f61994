"""Calls that went to an address where nothing is called: each dialect is told so in its own words."""

from collections.abc import AsyncIterator
from typing import Any

import httpx
import pytest

from rpc.app import AppConfig
from rpc.auth import AuthConfig
from tests.sample_procedures import serving, settled

SENTENCE = (
    "Nothing is called at this address. POST JSON-RPC and envelopes to /rpc, without a slash behind it,"
    " and call tRPC at /rpc/{procedure}."
)
CALL = {"jsonrpc": "2.0", "id": 5, "method": "get_data"}
AS_JSONRPC = {"code": 1300, "message": SENTENCE, "data": {"rpcCode": 1300, "requestId": "<id>"}}
AS_ENVELOPE = {
    "success": False,
    "error": {"code": 1300, "message": SENTENCE},
    "metadata": {"timestamp": "<now>", "requestId": "<id>"},
}
PATHS = ["/rpc/", "/rpc/v1", "/rpc/rpc", "/jsonrpc", "/api/rpc", "/rpc.", "/v1/rpc/"]


@pytest.fixture
async def client() -> AsyncIterator[httpx.AsyncClient]:
    async with serving(config=AppConfig(auth=AuthConfig(), max_body_bytes=1000)) as served:
        yield served


def as_trpc(path: str) -> dict[str, Any]:
    data = {"code": "NOT_FOUND", "httpStatus": 404, "rpcCode": 1300, "requestId": "<id>", "path": path}
    return {"error": {"message": SENTENCE, "code": -32004, "data": data}}


@pytest.mark.parametrize("path", PATHS)
@pytest.mark.parametrize(
    ("asked", "told"),
    [
        (CALL, {"jsonrpc": "2.0", "error": AS_JSONRPC, "id": 5}),
        ([CALL, CALL], {"jsonrpc": "2.0", "error": AS_JSONRPC, "id": None}),
        ({"method": "get_data"}, {"jsonrpc": "2.0", "error": AS_JSONRPC, "id": None}),
        ({"procedure": "get_data"}, AS_ENVELOPE),
        ([{"procedure": "get_data"}], AS_ENVELOPE),
        ({"batch": [{"id": "a", "procedure": "get_data"}]}, AS_ENVELOPE),
    ],
    ids=["jsonrpc", "jsonrpc batch", "almost jsonrpc", "envelope", "envelopes", "envelope batch"],
)
async def test_a_wrong_path_is_told_in_the_dialect_of_the_call(
    client: httpx.AsyncClient, path: str, asked: Any, told: Any
) -> None:
    answer = await client.post(path, json=asked)
    assert (answer.status_code, settled(answer.json())) == (404, told)


@pytest.mark.parametrize(
    ("path", "told"),
    [
        ("/rpc/", as_trpc("")),
        ("/trpc/get_data", as_trpc("get_data")),
        ("/api/trpc/get_data?input=5", as_trpc("get_data")),
        ("/trpc/get_data,nobody?batch=1&input=%7B%7D", [as_trpc("get_data"), as_trpc("nobody")]),
    ],
)
@pytest.mark.parametrize("method", ["GET", "POST"])
async def test_trpc_is_told_call_by_call(client: httpx.AsyncClient, method: str, path: str, told: Any) -> None:
    answer = await client.request(method, path)
    assert (answer.status_code, settled(answer.json())) == (404, told)


@pytest.mark.parametrize(
    ("method", "path", "body"),
    [
        ("GET", "/favicon.ico", b""),
        ("POST", "/other", b"{}"),
        ("POST", "/other", b"{"),
        ("POST", "/other", b'"' + b"a" * 2000 + b'"'),
        ("PUT", "/other", b'{"jsonrpc": "2.0"}'),
    ],
)
async def test_who_speaks_no_dialect_is_told_in_plain_text(
    client: httpx.AsyncClient, method: str, path: str, body: bytes
) -> None:
    answer = await client.request(method, path, content=body, headers={"content-type": "application/json"})
    assert (answer.status_code, answer.text) == (404, SENTENCE + "\n")
    assert answer.headers["content-type"] == "text/plain; charset=utf-8"


async def test_a_path_with_a_slash_too_many_is_not_called(client: httpx.AsyncClient) -> None:
    """Whatever comes in a call that names itself, its answer is the refusal."""
    answer = await client.post("/rpc/", json={**CALL, "id": "x"})
    assert (answer.json()["id"], "result" in answer.json()) == ("x", False)
