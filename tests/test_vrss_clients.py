"""The clients that VRSS's documents show, at the path that they call; and what its own tests ask of a server first."""

import uuid
from typing import Any

import httpx
import pytest

from tests.processes import TLS
from tests.sample_procedures import settled

INVALID = {"code": -32600, "message": "Invalid Request"}
USAGE = {
    "used": 0,
    "quota": 52_428_800,
    "limit": 52_428_800,
    "percentage": 0,
    "reserved": 2**20,
    "renditions": 0,
    "breakdown": {"image": 0, "video": 0, "audio": 0},
}


@pytest.fixture(scope="module")
def origin(deployment):
    """A server that is called where VRSS is."""
    with deployment.another_server(RPC_PATH="/api/rpc") as served:
        yield served.origin


@pytest.fixture(scope="module")
def told(web_app, deployment, origin) -> Any:
    """What both clients made of the answers, to a user whom no earlier run of this fixture has known."""
    assert web_app.compile("vrss.ts", types=["node"]) == ""
    return web_app.answer("vrss.js", base=origin, token=deployment.token(f"vrss-{uuid.uuid4()}"))


def test_the_client_of_the_envelope_is_answered(told):
    """`input` may be left out, and is what a procedure without one is called with."""
    assert told["initiated"] is True
    assert told["withoutInput"] == USAGE


@pytest.mark.parametrize(
    ("call", "code", "message", "details"),
    [
        (
            "tooLarge",
            1602,
            "File size exceeds maximum allowed for image/jpeg",
            {"size": 15 * 2**20, "maxSize": 10 * 2**20, "contentType": "image/jpeg"},
        ),
        ("unknown", 1300, "Procedure 'media.getEverything' not found", None),
        ("nobody", 1000, "Authentication required", None),
    ],
)
def test_the_client_of_the_envelope_throws_what_the_body_says(told, call, code, message, details):
    """It reads JSON whatever the HTTP status is."""
    thrown = told[call]
    assert (thrown["code"], thrown["message"], thrown.get("details")) == (code, message, details)


def test_a_method_without_its_protocol_is_refused_in_words_that_its_client_reads(told):
    """As an error, alone and at each position of a batch; HTTP 200 keeps the client from giving up before."""
    assert told["call"] == INVALID
    assert told["batch"] == [INVALID, INVALID]


def test_the_same_client_is_answered_once_it_says_jsonrpc(told):
    """Nothing else of it has to change."""
    assert told["asJsonRpc"] == USAGE


# The first questions of VRSS's own tests, numbered as in our drop-in list; tests/test_envelope.py has the others.


def post(origin: str, body: str, **headers: str) -> httpx.Response:
    headers = {"content-type": "application/json", **headers}
    return httpx.post(f"{origin}/api/rpc", content=body, headers=headers, timeout=30, verify=TLS)


def test_01_a_post_is_answered_in_json(origin):
    answer = post(origin, '{"procedure": "test.ping", "input": {}}')
    assert answer.status_code == 400
    assert "application/json" in answer.headers["content-type"]


def test_02_a_get_is_not_allowed(origin):
    answer = httpx.get(f"{origin}/api/rpc", timeout=30, verify=TLS)
    assert answer.status_code == 405
    assert answer.json() == {"error": "Method Not Allowed", "message": "Only POST requests are allowed"}


@pytest.mark.parametrize(
    ("body", "status", "code", "message"),
    [
        pytest.param("not-valid-json", 400, -32700, "Parse error", id="04-not-json"),
        pytest.param('{"procedure": "no.such"}', 400, 1300, "Procedure 'no.such' not found", id="05-13-unknown"),
        pytest.param('{"input": {}}', 400, 1200, "Missing or invalid 'procedure' field", id="06-12-no-procedure"),
    ],
)
def test_a_refusal_says_what_was_wrong_and_under_which_id(origin, body, status, code, message):
    """Cases 7 to 9: no stack, and the time and a request's id beside the error."""
    answer = post(origin, body)
    assert answer.status_code == status
    told = settled(answer.json())
    assert (told["success"], told["error"]) == (False, {"code": code, "message": message})
    assert told["metadata"] == {"timestamp": "<now>", "requestId": "<id>"}


def test_03_text_is_not_accepted(origin):
    answer = post(origin, "{}", **{"content-type": "text/plain"})
    assert (answer.status_code, answer.json()["error"]["code"]) == (415, 1200)


def test_10_every_request_has_an_id_of_its_own(origin):
    ids = {post(origin, '{"procedure": "no.such"}').json()["metadata"]["requestId"] for _ in range(2)}
    assert len(ids) == 2


def test_14_a_context_is_accepted(origin):
    context = '{"correlationId": "c-1", "clientVersion": "1.0.0"}'
    answer = post(origin, f'{{"procedure": "media.getSupportedFormats", "input": {{}}, "context": {context}}}')
    assert (answer.status_code, answer.json()["success"]) == (200, True)
