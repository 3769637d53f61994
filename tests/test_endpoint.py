"""`POST /rpc` before any dialect is told: methods, content types, limits, and bodies meant to hurt."""

import json
from collections.abc import AsyncIterator
from typing import Any

import httpx
import pytest

from rpc.app import AppConfig, create_app
from rpc.auth import AuthConfig
from tests.sample_procedures import UNUSED, post, recorders, serving, settled

METADATA = {"timestamp": "<now>", "requestId": "<id>"}
LIMIT = 2048
MIB = 1024 * 1024
DEEP = 100_000


@pytest.fixture
async def client() -> AsyncIterator[httpx.AsyncClient]:
    async with serving() as served:
        yield served


@pytest.fixture
def ran() -> list[Any]:
    """What the audio file procedures were given."""
    return []


@pytest.fixture
async def limited(ran: list[Any]) -> AsyncIterator[httpx.AsyncClient]:
    """A client of an application that takes bodies of `LIMIT` bytes."""
    async with serving(recorders(ran), max_body_bytes=LIMIT) as served:
        yield served


def refused(code: int, message: str) -> dict[str, Any]:
    """What a request is answered in which no dialect could be told."""
    return {
        "jsonrpc": "2.0",
        "id": None,
        "success": False,
        "error": {"code": code, "message": message},
        "metadata": METADATA,
    }


def notification(size: int) -> bytes:
    """A call of `notify_hello` that is `size` bytes long."""
    call = b'{"jsonrpc":"2.0","method":"notify_hello","params":[1]}'
    return call + b" " * (size - len(call))


async def in_chunks(body: bytes) -> AsyncIterator[bytes]:
    for start in range(0, len(body), 100):
        yield body[start : start + 100]


async def test_only_post_is_allowed(subtests: pytest.Subtests, client: httpx.AsyncClient) -> None:
    """Even with a good body."""
    for method in ("GET", "PUT", "PATCH", "DELETE", "OPTIONS"):
        with subtests.test(method=method):
            body = b'{"procedure":"get_data"}'
            answer = await client.request(method, "/rpc", content=body, headers={"content-type": "application/json"})
            assert answer.status_code == 405
            assert answer.headers["allow"] == "POST"
            assert answer.headers["content-type"] == "application/json"
            assert answer.json() == {"error": "Method Not Allowed", "message": "Only POST requests are allowed"}


async def test_head_is_no_post_either(client: httpx.AsyncClient) -> None:
    answer = await client.head("/rpc")
    assert (answer.status_code, answer.headers["allow"]) == (405, "POST")


NAMES_OF_JSON = [
    "application/json",
    "application/json; charset=utf-8",
    "Application/JSON;charset=UTF-8",
    "application/json-rpc",
    "application/jsonrequest",
]


async def test_json_is_accepted_under_each_of_its_names(subtests: pytest.Subtests, client: httpx.AsyncClient) -> None:
    for content_type in NAMES_OF_JSON:
        with subtests.test(content_type=content_type):
            answer = await client.post(
                "/rpc", content='{"procedure":"get_data"}', headers={"content-type": content_type}
            )
            assert answer.status_code == 200
            assert answer.json()["data"] == {"values": ["hello", 5]}


UNSUPPORTED = [
    None,
    "",
    "text/plain",
    "application/x-www-form-urlencoded",
    "multipart/form-data; boundary=x",
    "application/jsonx",
    "text/plain; application/json",
    "application/json, text/plain",
]


async def test_any_other_content_type_is_unsupported(subtests: pytest.Subtests, client: httpx.AsyncClient) -> None:
    """A browser sends these across origins without asking first."""
    for content_type in UNSUPPORTED:
        with subtests.test(content_type=content_type):
            headers = {} if content_type is None else {"content-type": content_type}
            answer = await client.post("/rpc", content='{"procedure":"get_data"}', headers=headers)
            assert answer.status_code == 415
            assert settled(answer.json()) == refused(1200, "Content-Type must be application/json")


@pytest.mark.parametrize("chunked", [False, True], ids=["with-length", "chunked"])
async def test_a_body_of_the_limit_is_taken(limited: httpx.AsyncClient, ran: list[Any], chunked: bool) -> None:
    body = notification(LIMIT)
    answer = await post(limited, in_chunks(body) if chunked else body)
    assert (answer.status_code, ran) == (204, [1])


@pytest.mark.parametrize("chunked", [False, True], ids=["with-length", "chunked"])
async def test_a_body_over_the_limit_is_refused(limited: httpx.AsyncClient, ran: list[Any], chunked: bool) -> None:
    """One byte over, and nothing runs."""
    body = notification(LIMIT + 1)
    answer = await post(limited, in_chunks(body) if chunked else body)
    assert answer.status_code == 413
    assert settled(answer.json()) == refused(1200, "Request body exceeds 2048 bytes")
    assert ran == []


async def test_a_body_without_end_is_read_no_further_than_the_limit(limited: httpx.AsyncClient) -> None:
    """Without Content-Length, what has arrived is counted."""
    sent: list[int] = []

    async def endless() -> AsyncIterator[bytes]:
        while True:
            sent.append(1000)
            yield b"[" * 1000

    answer = await post(limited, endless())
    assert answer.status_code == 413
    assert sum(sent) == 3000


async def test_a_declared_length_over_the_limit_is_refused_unread(limited: httpx.AsyncClient) -> None:
    read: list[bytes] = []

    async def body() -> AsyncIterator[bytes]:
        read.append(b"[")
        yield read[-1]

    answer = await post(limited, body(), **{"content-length": str(LIMIT + 1)})
    assert (answer.status_code, read) == (413, [])


async def test_a_declared_length_of_any_number_of_digits_is_refused(limited: httpx.AsyncClient) -> None:
    answer = await post(limited, b"{}", **{"content-length": "9" * 5000})
    assert answer.status_code == 413


async def test_a_client_that_goes_away_while_sending_is_nobodys_error() -> None:
    """Nothing is raised, and nothing runs."""
    ran: list[Any] = []
    events = iter([{"type": "http.request", "body": notification(100)[:50], "more_body": True}])
    answers: list[Any] = []

    async def receive() -> Any:
        return next(events, {"type": "http.disconnect"})

    async def send(event: Any) -> None:
        answers.append(event)

    headers = [(b"content-type", b"application/json")]
    scope = {"type": "http", "method": "POST", "path": "/rpc", "query_string": b"", "headers": headers}
    await create_app(UNUSED, recorders(ran), AppConfig(auth=AuthConfig()))(scope, receive, send)
    assert ran == []
    assert [event["status"] for event in answers if "status" in event] == [400]


HURTFUL = {
    "nested-arrays": b"[" * DEEP,
    "nested-objects": b'{"a":' * DEEP,
    "nested-arrays-closed": b"[" * DEEP + b"]" * DEEP,
    "nested-objects-closed": b'{"a":' * DEEP + b"1" + b"}" * DEEP,
    "nested-input": b'{"procedure":"get_data","input":' + b"[" * DEEP + b"]" * DEEP + b"}",
    "invalid-utf-8": b'{"procedure":"\xff\xfe"}',
    "invalid-utf-8-in-a-name": b'{"\xc3\x28":1}',
    "surrogate-in-utf-8": b'{"procedure":"get_data","input":"\xed\xa0\x80"}',
    "lone-high-surrogate": rb'{"procedure":"get_data","input":"\ud800"}',
    "lone-low-surrogate": rb'{"procedure":"get_data","input":"\udc00x"}',
    "nan": b'{"procedure":"get_data","input":NaN}',
    "infinity": b'{"procedure":"get_data","input":Infinity}',
    "minus-infinity": b'{"procedure":"get_data","input":-Infinity}',
    "beyond-a-double": b'{"procedure":"get_data","input":1e999}',
    "five-thousand-digits": b'{"procedure":"get_data","input":' + b"9" * 5000 + b"}",
    "byte-order-mark": b'\xef\xbb\xbf{"procedure":"get_data"}',
    "trailing-comma": b'{"procedure":"get_data",}',
    "trailing-text": b'{"procedure":"get_data"} x',
    "two-documents": b'{"procedure":"get_data"}{}',
    "single-quotes": b"{'procedure':'get_data'}",
    "control-character": b'{"procedure":"get\x00data"}',
    "zeros": b"\x00" * 1000,
    "empty": b"",
}


async def test_a_body_that_is_not_json_is_a_parse_error(subtests: pytest.Subtests, client: httpx.AsyncClient) -> None:
    """One body says so in both dialects; the server stays as it was."""
    for case, body in HURTFUL.items():
        with subtests.test(case, body=body):
            answer = await post(client, body)
            assert answer.status_code == 400
            assert settled(answer.json()) == refused(-32700, "Parse error")
            assert (await post(client, b'{"procedure":"get_data"}')).status_code == 200


STRANGE = {
    "nested-500-deep": (b'{"procedure":"get_data","input":' + b"[" * 500 + b"]" * 500 + b"}", 400),
    "nul": (rb'{"procedure":"\u0000","input":{"\u0000":"\u0000"}}', 400),
    "four-thousand-digits": (b'{"procedure":"subtract","input":{"minuend":' + b"9" * 4000 + b"}}", 400),
    "large-floats": (b'{"procedure":"subtract","input":{"minuend":1e308,"subtrahend":-1e308}}', 400),
    "dunder": (b'{"procedure":"__class__"}', 400),
    "python-names": (b'{"procedure":"get_data","input":{"self":1,"__init__":2}}', 400),
    "params": (b'{"jsonrpc":"2.0","method":"subtract","params":{"self":1,"authenticate":2},"id":1}', 200),
    "method-dunder": (b'{"jsonrpc":"2.0","method":"__class__","params":[1],"id":1}', 200),
}


async def test_strange_json_is_refused_in_order(subtests: pytest.Subtests, client: httpx.AsyncClient) -> None:
    for case, (body, status) in STRANGE.items():
        with subtests.test(case, body=body):
            answer = await post(client, body)
            assert answer.status_code == status
            assert answer.json()["error"]["code"] in {1200, 1300, -32601, -32602}


async def test_a_mebibyte_of_text_is_refused_as_an_unknown_name(client: httpx.AsyncClient) -> None:
    """A body of exactly the default limit is read; only the beginning of the name is repeated."""
    body = b'{"procedure":"%s"}' % (b"x" * (MIB - 16))
    assert len(body) == MIB
    answer = await post(client, body)
    assert answer.status_code == 400
    assert answer.json()["error"] == {"code": 1300, "message": f"Procedure '{'x' * 100}' not found"}
    assert (await post(client, body + b" ")).status_code == 413


async def test_a_mebibyte_of_text_as_id_comes_back(client: httpx.AsyncClient) -> None:
    id_ = "\U0001f600" * (MIB // 4 - 20)
    answer = await post(client, json.dumps({"jsonrpc": "2.0", "method": "get_data", "id": id_}, ensure_ascii=False))
    assert answer.status_code == 200
    assert answer.json()["id"] == id_


@pytest.mark.parametrize(
    ("method", "path", "body"),
    [
        ("POST", "/rpc", '{"jsonrpc": "2.0", "id": 1, "method": "subtract", "params": [42, 23]}'),
        ("POST", "/rpc", '{"procedure": "no.such"}'),
        ("POST", "/rpc", "{"),
        ("GET", "/rpc", None),
        ("GET", "/rpc/subtract", None),
        ("GET", "/rpc/no.such", None),
    ],
    ids=["an answer", "a refusal", "no JSON", "no method of ours", "tRPC", "no procedure"],
)
async def test_what_a_caller_is_answered_is_kept_by_no_cache(client, method, path, body):
    """Nor taken for what it is not; whoever caches all the same is told what it depends on."""
    answer = await client.request(method, path, content=body, headers={"content-type": "application/json"})
    assert answer.headers["cache-control"] == "no-store"
    assert answer.headers["x-content-type-options"] == "nosniff"
    assert {"Authorization", "Cookie"} <= set(answer.headers["vary"].split(", "))
