"""What a call leaves in the log: one canonical line, no credential, and of an exception only kind and place."""

import json
import re
from collections.abc import Callable
from typing import Any

import httpx
import pytest

from rpc.auth import AuthConfig
from tests import logs, media_files
from tests.sample_procedures import post, serving, settled
from tests.tokens import SECRET, token

REQUEST_ID = r"req_\d{13}_[0-9a-f]{9}"
JSONRPC = {"jsonrpc": "2.0", "id": 1}


async def logged(*documents: Any, credential: str | None = None) -> tuple[list[Any], list[Any]]:
    """The log's events and the replies to requests of their own."""
    headers = {"authorization": f"Bearer {credential}"} if credential else {}
    with logs.events() as events:
        async with serving(auth=AuthConfig(jwt_secret=SECRET)) as client:
            replies = [await post(client, json.dumps(document), **headers) for document in documents]
    return events, [reply.json() if reply.content else None for reply in replies]


@pytest.mark.parametrize(
    ("document", "facts"),
    [
        pytest.param({"procedure": "whoami"}, {"procedure": "whoami", "dialect": "envelope"}, id="envelope"),
        pytest.param({**JSONRPC, "method": "whoami"}, {"procedure": "whoami", "dialect": "jsonrpc"}, id="jsonrpc"),
        pytest.param(
            {"jsonrpc": "2.0", "method": "whoami"}, {"procedure": "whoami", "dialect": "jsonrpc"}, id="notification"
        ),
        pytest.param([{**JSONRPC, "method": "whoami"}], {"procedure": "whoami", "dialect": "jsonrpc"}, id="batch"),
    ],
)
async def test_a_call_is_one_line(document: Any, facts: dict[str, Any]) -> None:
    """Procedure, dialect, caller, outcome, milliseconds, request id, and nothing else."""
    events, _ = await logged(document, credential=token())
    (line,) = events
    milliseconds, request_id = line.pop("milliseconds"), line.pop("request_id")
    assert line == {"event": "call", "log_level": "info", **facts, "caller": "ada", "outcome": "ok"}
    assert isinstance(milliseconds, float)
    assert milliseconds >= 0
    assert re.fullmatch(REQUEST_ID, request_id)


@pytest.mark.parametrize(
    ("document", "credential", "outcome", "caller"),
    [
        pytest.param({"procedure": "get_data"}, None, "ok", None, id="public"),
        pytest.param({"procedure": "get_data"}, "garbage", "ok", None, id="public-with-a-token-it-does-not-read"),
        pytest.param({"procedure": "whoami", "input": {"x": 1}}, "good", 1200, "ada", id="bad-input"),
        pytest.param({"procedure": "over_quota"}, None, 1600, None, id="own-error"),
        pytest.param({"jsonrpc": "2.0", "method": "over_quota"}, None, 1600, None, id="failing-notification"),
    ],
)
async def test_the_outcome_is_ok_or_the_code(
    document: Any, credential: str | None, outcome: Any, caller: str | None
) -> None:
    events, _ = await logged(document, credential=token() if credential == "good" else credential)
    (line,) = events
    assert (line["outcome"], line["caller"], line["log_level"]) == (outcome, caller, "info")


@pytest.mark.parametrize(
    ("document", "credential", "outcome"),
    [
        pytest.param({"procedure": "whoami"}, None, 1000, id="no-caller"),
        pytest.param({"procedure": "whoami"}, "garbage", 1003, id="bad-token"),
        pytest.param({**JSONRPC, "method": "foo.get"}, None, 1300, id="unknown-procedure"),
    ],
)
async def test_a_call_that_is_refused_at_the_door_is_a_line_too(
    document: Any, credential: str | None, outcome: int
) -> None:
    events, _ = await logged(document, credential=credential)
    assert [(line["event"], line["outcome"], line.get("caller")) for line in events] == [("call", outcome, None)]


async def test_the_line_and_the_reply_have_one_request_id() -> None:
    """So a caller's report leads to its line."""
    events, replies = await logged(
        {"procedure": "get_data"}, {"procedure": "over_quota"}, {**JSONRPC, "method": "over_quota"}
    )
    ids = [reply["metadata"]["requestId"] for reply in replies[:2]] + [replies[2]["error"]["data"]["requestId"]]
    assert [line["request_id"] for line in events] == ids
    assert len(set(ids)) == 3


async def test_a_batch_is_a_line_per_call() -> None:
    """What is no request is no call."""
    batch = [{**JSONRPC, "method": name} for name in ("get_data", "foo", "boom")] + [1]
    events, _ = await logged(batch)
    calls = [line for line in events if line["event"] == "call"]
    assert sorted((line["procedure"], line["outcome"]) for line in calls) == [
        ("boom", 1900),
        ("foo", 1300),
        ("get_data", "ok"),
    ]
    assert len({line["request_id"] for line in calls}) == 3


async def test_a_long_name_is_cut_in_the_log() -> None:
    events, _ = await logged({"procedure": "x" * 5000})
    assert [line["procedure"] for line in events] == ["x" * 100]


async def test_a_name_cannot_forge_a_line() -> None:
    """A newline in a name stays inside its line."""
    with logs.rendered() as log:
        async with serving() as client:
            await post(client, json.dumps({"procedure": 'x\n{"event":"call","outcome":"ok"}'}))
    (line,) = logs.calls(log)
    assert (line["procedure"], line["outcome"]) == ('x\n{"event":"call","outcome":"ok"}', 1300)


@pytest.mark.parametrize("name", ["boom", "boom.chained", "no_model"])
async def test_the_unforeseen_is_answered_as_internal_error(name: str) -> None:
    """1900 in the envelope, -32603 in JSON-RPC, with the request id under which the log has it."""
    events, (envelope, jsonrpc) = await logged({"procedure": name}, {**JSONRPC, "method": name})
    assert settled(envelope) == {
        "success": False,
        "error": {"code": 1900, "message": "Internal server error"},
        "metadata": {"timestamp": "<now>", "requestId": "<id>"},
    }
    assert settled(jsonrpc) == {
        "jsonrpc": "2.0",
        "error": {"code": -32603, "message": "Internal error", "data": {"rpcCode": 1900, "requestId": "<id>"}},
        "id": 1,
    }
    ids = [envelope["metadata"]["requestId"], jsonrpc["error"]["data"]["requestId"]]
    assert [(line["event"], line["log_level"], line["request_id"]) for line in events] == [
        ("unforeseen", "error", ids[0]),
        ("call", "info", ids[0]),
        ("unforeseen", "error", ids[1]),
        ("call", "info", ids[1]),
    ]
    assert [line["outcome"] for line in events if line["event"] == "call"] == [1900, 1900]


async def test_the_log_has_kind_and_place_of_the_unforeseen_but_not_its_text() -> None:
    """An exception's text may hold a secret; so may that of its cause."""
    with logs.rendered() as log:
        async with serving() as client:
            await post(client, b'{"procedure":"boom.chained"}')
    lines = [json.loads(line) for line in log.getvalue().splitlines()]
    (unforeseen,) = [line for line in lines if line["event"] == "unforeseen"]
    assert unforeseen["level"] == "error"
    assert (unforeseen["exception"], unforeseen["cause"]) == ("RuntimeError", "ValueError")
    assert re.fullmatch(r".*sample_procedures\.py:\d+ boom_chained", unforeseen["trace"][-1])
    assert re.fullmatch(REQUEST_ID, unforeseen["request_id"])
    assert "secret" not in log.getvalue()
    assert "Traceback" not in log.getvalue()


async def test_neither_token_nor_signature_is_in_the_log(
    http: httpx.AsyncClient, bearer: Callable[..., dict[str, str]]
) -> None:
    """Of the calls of an upload from its beginning to its end."""
    headers = bearer()
    body = media_files.photo()
    photo = {"filename": "private-name.jpg", "contentType": "image/jpeg", "size": len(body)}
    with logs.rendered() as log:
        initiated = await http.post("/rpc", json={"procedure": "media.initiateUpload", "input": photo}, headers=headers)
        ticket = initiated.json()["data"]
        for name in ("media.completeUpload", "media.getMedia", "media.getDownloadUrl", "media.deleteMedia"):
            await http.post("/rpc", json={"procedure": name, "input": {"mediaId": ticket["mediaId"]}}, headers=headers)
    assert [line["outcome"] for line in logs.calls(log)] == ["ok", 1400, "ok", 1400, "ok"]
    assert [line["caller"] for line in logs.calls(log)] == ["ada"] * 5
    written = log.getvalue()
    signature = re.search(r"X-Amz-Signature=(\w+)", ticket["uploadUrl"])
    assert signature
    secrets = [signature[1], "X-Amz-", "Bearer", "private-name", *headers["authorization"].split()[1].split(".")]
    assert [secret for secret in secrets if secret in written] == []
