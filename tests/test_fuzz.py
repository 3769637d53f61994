"""Generated requests from our own contracts, and raw bytes: every answer is of its dialect, none tells internals."""

import json
import os
import random
from typing import Any

import pytest

from procedures import PROCEDURES
from tests.at_once import at_once

REQUESTS = int(os.environ.get("FUZZ_REQUESTS") or (20_000 if os.environ.get("CI") == "true" else 2_000))
SEED = int(os.environ.get("FUZZ_SEED") or random.SystemRandom().randrange(2**32))
BATCH = 50
AT_ONCE = 8
TEXTS = [
    "",
    " ",
    "\0",
    "a" * 300,
    "é\u202ex",
    "\U0001f4f7",
    "../../etc",
    "'; drop table media; --",
    "%s%n",
    "null",
]
NUMBERS: list[Any] = [0, -1, 1, 2**53, 2**63, 10**400, -(10**400), 0.5, 1e308, -0.0]
INTERNALS = (
    "Traceback",
    "psycopg",
    "postgresql://",
    "site-packages",
    ".py\\",
    ".py:",
    "pydantic",
    "a secret for tests",
)
FORBIDDEN_CODES = {1900, -32603}


class Generator:
    """Requests from a seed, about the media that it was told."""

    def __init__(self, seed: int, media_ids: list[str]) -> None:
        self.random = random.Random(seed)
        self.media_ids = media_ids

    def value(self, depth: int = 0) -> Any:
        """Any JSON value."""
        pick = self.random.choice
        kinds = [lambda: pick(TEXTS), lambda: pick(NUMBERS), lambda: pick([None, True, False])]
        if depth < 3:
            kinds += [lambda: [self.value(depth + 1)] * pick([0, 1, 3]), lambda: {pick(TEXTS): self.value(depth + 1)}]
            kinds += [lambda: nested(100)]
        return pick(kinds)()

    def fitting(self, name: str, schema: dict[str, Any]) -> Any:
        """A value that a member's schema takes, or nearly so."""
        pick = self.random.choice
        known = {
            "contentType": ["image/jpeg", "video/mp4", "IMAGE/PNG; q=1", "text/html"],
            "filename": ["a.jpg", "é.png", *TEXTS],
            "size": [1, 1000, 10**7, *NUMBERS],
            "sha256": ["0" * 64, None],
            "idempotencyKey": ["k", "é", None],
        }
        if name in known:
            return pick(known[name])
        if "Id" in name or name == "cursor":
            return pick(self.media_ids)
        options = schema.get("anyOf", [schema])
        return pick([*options[0].get("enum", []), 5, "post", None])

    def params(self, procedure: Any) -> Any:
        """An input from the procedure's contract: as it is, or with something wrong."""
        schema = SCHEMAS[procedure.name].get("properties", {})
        params = {name: self.fitting(name, told) for name, told in schema.items() if self.random.random() < 0.9}
        roll = self.random.random()
        if roll < 0.3 and params:
            params[self.random.choice(list(params))] = self.value()
        elif roll < 0.4:
            params[self.random.choice(TEXTS)] = self.value()
        elif roll < 0.5:
            return self.value()
        return params

    def name_and_params(self) -> tuple[Any, Any]:
        procedure = self.random.choice(PROCEDURES)
        name = procedure.name if self.random.random() < 0.95 else self.value()
        return name, self.params(procedure)

    def jsonrpc(self) -> Any:
        name, params = self.name_and_params()
        return self.spoiled(
            {"jsonrpc": "2.0", "id": self.random.choice([1, "a", 0.5]), "method": name, "params": params}
        )

    def envelope(self) -> Any:
        name, params = self.name_and_params()
        return self.spoiled({"procedure": name, "input": params, "context": self.random.choice([None, {}])})

    def spoiled(self, document: dict[str, Any]) -> Any:
        """The document, now and then without a member or with another one."""
        if self.random.random() < 0.05:
            document.pop(self.random.choice(list(document)))
        if self.random.random() < 0.05:
            document[self.random.choice([*document, *TEXTS])] = self.value()
        return document

    def raw(self, document: Any) -> bytes:
        """The document's bytes, now and then cut, changed or replaced."""
        body = json.dumps(document).encode()
        roll = self.random.random()
        if roll < 0.01:
            return body[: self.random.randrange(len(body))]
        if roll < 0.02:
            place = self.random.randrange(len(body))
            return body[:place] + self.random.randbytes(3) + body[place + 1 :]
        if roll < 0.03:
            return self.random.choice(
                [
                    b"",
                    b"[" * 50_000,
                    b"\xff\xfe",
                    b"\xef\xbb\xbf{}",
                    b"NaN",
                    b'{"procedure":"\\ud800"}',
                    self.random.randbytes(40),
                ]
            )
        return body


def nested(depth: int) -> Any:
    value: Any = []
    for _ in range(depth):
        value = [value]
    return value


SCHEMAS = {procedure.name: procedure.input.model_json_schema(by_alias=True) for procedure in PROCEDURES}


def check_jsonrpc(answer: Any) -> None:
    assert answer["jsonrpc"] == "2.0"
    assert "id" in answer
    assert ("result" in answer) != ("error" in answer)
    check_error(answer.get("error"))


def check_envelope(answer: Any) -> None:
    assert set(answer["metadata"]) == {"timestamp", "requestId"}
    assert answer["success"] is ("data" in answer) is not ("error" in answer)
    check_error(answer.get("error"))


def check_error(error: Any) -> None:
    if error is not None:
        assert type(error["code"]) is int
        assert isinstance(error["message"], str)
        assert {error["code"], error.get("data", {}).get("rpcCode")}.isdisjoint(FORBIDDEN_CODES), error


def check(sent: bytes, status: int, body: bytes) -> None:
    """One HTTP answer: no failure of ours, no internals, the shape of a dialect."""
    context = (SEED, sent[:2000], status, body[:2000])
    assert status < 500, context
    assert not any(word in body.decode() for word in INTERNALS), context
    if status == 204:
        assert body == b"", context
        return
    answers = json.loads(body)
    for answer in answers if isinstance(answers, list) else [answers]:
        try:
            if "jsonrpc" in answer:
                check_jsonrpc(answer)
            if "success" in answer or "jsonrpc" not in answer:
                check_envelope(answer)
        except (AssertionError, KeyError) as error:
            raise AssertionError(context) from error


@pytest.fixture
async def generator(completed_media, pending_upload):
    print(f"FUZZ_SEED={SEED}")
    ids = [str((await completed_media()).id), str((await pending_upload()).media_id)]
    return Generator(SEED, [*ids, "00000000-0000-0000-0000-000000000000", "no-id"])


@pytest.mark.parametrize("dialect", ["jsonrpc", "envelope"])
async def test_whatever_is_sent_is_answered_in_kind(http, bearer, generator, ready_media, dialect):
    """A fifth of the JSON-RPC calls come singly, the others in batches; afterwards an upload works as ever."""
    headers = {**bearer("fuzz", plan="premium"), "content-type": "application/json"}

    understood = 0

    async def send(body: bytes) -> None:
        nonlocal understood
        answer = await http.post("/rpc", content=body, headers=headers)
        check(body, answer.status_code, answer.content)
        understood += answer.content.count(b'"requestId"') + answer.content.count(b'"result"')

    if dialect == "envelope":
        bodies = [generator.raw(generator.envelope()) for _ in range(REQUESTS)]
    else:
        singles = REQUESTS // 5
        bodies = [generator.raw(generator.jsonrpc()) for _ in range(singles)]
        for _ in range((REQUESTS - singles) // BATCH):
            bodies.append(generator.raw([generator.jsonrpc() for _ in range(BATCH)]))
    for start in range(0, len(bodies), AT_ONCE):
        await at_once(*(send(body) for body in bodies[start : start + AT_ONCE]))

    assert understood > REQUESTS * 0.8
    assert (await ready_media()).status == "ready"
