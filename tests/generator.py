"""Requests made from a seed out of our own contracts, many of them spoiled."""

import json
import random
from itertools import pairwise
from typing import Any
from urllib.parse import quote

from procedures import PROCEDURES
from rpc.procedure import ProcedureKind

LONGEST_IN_A_URL = 8_000
WAIT = "waitSeconds"  # a call that takes it waits for 25 s when it is told nothing
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
FIELDS = {"pageTitle": "a", "pages": "3", "ratio": "0.5", "isDraft": "true", "tags": "[]", "note": "é"}
CALLABLE = [procedure for procedure in PROCEDURES if procedure.kind is not ProcedureKind.SUBSCRIPTION]


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
            WAIT: [0, 0, -1, 26, "1", None, 0.5],
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
        wanted = [name for name in schema if name == WAIT or self.random.random() < 0.9]
        params = {name: self.fitting(name, schema[name]) for name in wanted}
        roll = self.random.random()
        if roll < 0.3 and params:
            params[self.random.choice(list(params))] = self.value()
        elif roll < 0.4:
            params[self.random.choice(TEXTS)] = self.value()
        elif roll < 0.5 and WAIT not in schema:
            return self.value()
        return params

    def name_and_params(self) -> tuple[Any, Any]:
        procedure = self.random.choice(CALLABLE)
        name = procedure.name if self.random.random() < 0.95 else self.value()
        return name, self.params(procedure)

    def jsonrpc(self) -> Any:
        name, params = self.name_and_params()
        document = {"jsonrpc": "2.0", "id": self.random.choice([1, "a", 0.5]), "method": name, "params": params}
        return self.spoiled(document, params)

    def envelope(self) -> Any:
        name, params = self.name_and_params()
        return self.spoiled({"procedure": name, "input": params, "context": self.random.choice([None, {}])}, params)

    def trpc(self) -> tuple[str, str, bytes]:
        """Method, target and body of a single call or a batch; now and then a wrong verb or a broken query string."""
        number = self.random.choice([0, 1, 1, 2, 5])
        calls = [self.name_and_params() for _ in range(max(number, 1))]
        path = quote(",".join(name if isinstance(name, str) else json.dumps(name)[:50] for name, _ in calls), safe=",")
        inputs: Any = {str(place): params for place, (_, params) in enumerate(calls)} if number else calls[0][1]
        method = self.random.choice(["GET", "POST", "POST", "POST", "PUT"])
        batch = f"batch={self.random.choice(['1'] * 20 + ['2', ''])}" if number else ""
        raw = self.raw(inputs)
        if method == "GET" and len(raw) < LONGEST_IN_A_URL:
            return method, f"/rpc/{path}?{batch}&input={quote(raw)}", b""
        return method, f"/rpc/{path}?{batch}", raw

    def spoiled(self, document: dict[str, Any], params: Any) -> Any:
        """The document, now and then without a member or with another one, unless it would wait then."""
        if isinstance(params, dict) and WAIT in params:
            return document
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


class FormGenerator:
    """Forms from a seed, most of them spoiled somewhere, in pieces."""

    def __init__(self, seed: int) -> None:
        self.random = random.Random(seed)

    def form(self) -> tuple[str, list[bytes]]:
        """A content type, and the body as it comes."""
        pick = self.random.choice
        parts = [self.part() for _ in range(pick([0, 0, 1, 1, 2, 3]))] + [self.file()] * pick([0, 1, 1, 1, 1, 1, 2])
        if self.random.random() < 0.1:
            self.random.shuffle(parts)
        body = b"".join(parts) + b"--form--" + pick([*[b"\r\n"] * 8, b"", b"\n", b"\r\nx", b"--form--\r\n"])
        boundary = pick(["form"] * 20 + ["other", "", "form--", "b" * 300, "\xff", '"form'])
        return f"multipart/form-data; boundary={boundary}", self.pieces(self.spoiled(body))

    def part(self) -> bytes:
        pick = self.random.choice
        name, text = pick([*FIELDS.items()])
        roll = self.random.random()
        if roll < 0.05:
            name = pick([*TEXTS, "file"])
        elif roll < 0.1:
            text = pick([*FIELDS.values(), *TEXTS])
        return self.headed(name, "", text.encode())

    def file(self) -> bytes:
        pick = self.random.choice
        named = pick(["filename=a", 'filename="é"', "filename*=UTF-8''%e9", "filename*0*=x''a; filename*1=b", "x"])
        content = self.random.randbytes(pick([0, 1, 100, 3000])) + pick([b"", b"\r\n--", b"\r\n--for", b"\r\r\n"])
        return self.headed("file", f"; {named}", content)

    def headed(self, name: str, more: str, body: bytes) -> bytes:
        pick = self.random.choice
        kind = pick(
            [*[""] * 20, "Content-Type: text/html\r\n", "A: b\r\n" * 9, "no header\r\n", f"X: {'y' * 9000}\r\n"]
        )
        return f'--form\r\nContent-Disposition: form-data; name="{name}"{more}\r\n{kind}\r\n'.encode() + body + b"\r\n"

    def spoiled(self, body: bytes) -> bytes:
        """The body, now and then cut, changed or doubled."""
        place = self.random.randrange(len(body))
        return self.random.choice(
            [
                *[body] * 8,
                body[:place],
                body[:place] + self.random.randbytes(3) + body[place + 1 :],
                body[:place] + self.random.choice([b"\r\n", b"\r\n--form", b"\0", b'"', b"-"]) + body[place:],
                body[:place] + body,
            ]
        )

    def pieces(self, body: bytes) -> list[bytes]:
        """The body, cut at some places of it; a fifth of them byte for byte from somewhere on."""
        cuts = {self.random.randrange(len(body) + 1) for _ in range(self.random.choice([0, 1, 3, 10]))}
        if self.random.random() < 0.2:
            start = self.random.randrange(len(body) + 1)
            cuts |= set(range(start, min(start + 100, len(body))))
        return [body[start:end] for start, end in pairwise([0, *sorted(cuts - {0, len(body)}), len(body)])]


def nested(depth: int) -> Any:
    value: Any = []
    for _ in range(depth):
        value = [value]
    return value


SCHEMAS = {procedure.name: procedure.input.model_json_schema(by_alias=True) for procedure in PROCEDURES}
