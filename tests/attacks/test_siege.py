"""One caller, or none, against a server: everybody else is answered as ever.

Each attack is ten times what once held a server up, or what it took to be noticed.
"""

import json
import socket
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, suppress
from functools import cache
from typing import Any
from urllib.parse import urlsplit

import httpx
import pytest

from tests.attacks.growth import Made
from tests.attacks.payloads import CONTENT_TYPES, COOKIES, FORMS, JSON_BODIES, QUERIES, TOKENS
from tests.attacks.watching import watched
from tests.processes import Site
from tests.sample_content import FORM

ESCAPES = b"[" * 600 + b'"' + b'\\"' * 480_000
DISCOVER = {"jsonrpc": "2.0", "id": 1, "method": "rpc.discover"}
MIB = 1024 * 1024
HEAD_BYTES = 60_000
LEAST_SECONDS = 2.0  # of each attack


class Attacker:
    """Somebody with as many connections as an attack takes."""

    def __init__(self, site: Site, client: httpx.Client) -> None:
        self.site = site
        self.client = client

    def post(self, body: Any, *, times: int) -> list[httpx.Response]:
        """The answers to the same request, sent so often, many at a time."""
        content = body if isinstance(body, bytes) else json.dumps(body).encode()
        with ThreadPoolExecutor(4) as threads:
            sent = [threads.submit(self.send, "/rpc", content) for _ in range(times)]
        return [answer.result() for answer in sent]

    def send(self, path: str, content: bytes, **headers: str) -> httpx.Response:
        """The answer to one request."""
        told = {"content-type": "application/json", **{name.replace("_", "-"): said for name, said in headers.items()}}
        return self.client.post(self.site.origin + path, content=content, headers=told)

    def connect(self, stack: ExitStack, count: int, begin: bytes) -> list[socket.socket]:
        """Connections on which so much is sent, and from which nothing is read."""
        place = urlsplit(self.site.origin)
        opened = []
        for _ in range(count):
            with suppress(ConnectionError):
                connection = stack.enter_context(socket.create_connection((place.hostname, place.port)))
                connection.sendall(begin)
                opened.append(connection)
        return opened


def escapes(attacker: Attacker) -> None:
    assert {answer.status_code for answer in attacker.post(ESCAPES, times=20)} == {400}


def documents(attacker: Attacker) -> None:
    assert {len(answer.content) < MIB for answer in attacker.post([DISCOVER] * 100, times=600)} == {True}


def unknown_members(attacker: Attacker) -> None:
    params = {f"m{number}": 0 for number in range(80_000)}
    body = {"jsonrpc": "2.0", "id": 1, "method": "media.getSupportedFormats", "params": params}
    assert {len(answer.content) < 10_000 for answer in attacker.post(body, times=10)} == {True}


def unfinished_heads(attacker: Attacker) -> None:
    with ExitStack() as stack:
        attacker.connect(stack, 7000, b"GET /healthz HTTP/1.1\r\nx: ")
        time.sleep(2)


def unread_answers(attacker: Attacker) -> None:
    body = json.dumps([DISCOVER] * 100).encode()
    head = f"POST /rpc HTTP/1.1\r\nhost: x\r\ncontent-type: application/json\r\ncontent-length: {len(body)}\r\n\r\n"
    with ExitStack() as stack:
        attacker.connect(stack, 600, (head.encode() + body) * 4)
        time.sleep(2)


@cache
def _large(payloads: tuple[Made, ...], size: int) -> list[bytes]:
    """Made once: whoever makes them holds up those who ask meanwhile."""
    return [made(size)[:size] for made in payloads]


def bodies(attacker: Attacker) -> None:
    for body in _large(tuple(JSON_BODIES.values()), MIB):
        assert attacker.send("/rpc", body).status_code in {200, 400}
        assert attacker.send("/rpc/media.getMedia", body).status_code in {400, 401}


def heads(attacker: Attacker) -> None:
    listing = json.dumps({"jsonrpc": "2.0", "id": 1, "method": "media.listMedia"}).encode()
    for cookies in COOKIES.values():
        assert attacker.send("/rpc", listing, cookie=cookies(HEAD_BYTES)).status_code == 200
    for tokens in TOKENS.values():
        assert attacker.send("/rpc", listing, authorization="Bearer " + tokens(HEAD_BYTES)).status_code == 200
    for query in QUERIES.values():
        asked = f"{attacker.site.origin}/rpc/media.getMedia?{query(HEAD_BYTES).decode()}"
        assert attacker.client.get(asked).status_code in {400, 401}


def forms(attacker: Attacker) -> None:
    authorized = {"authorization": f"Bearer {attacker.site.token}"}
    for form in _large(tuple(FORMS.values()), 4 * MIB):
        assert attacker.send("/rpc/media.upload", form, **authorized, content_type=FORM["content-type"])
    for told in CONTENT_TYPES.values():
        assert attacker.send("/rpc/media.upload", b"", **authorized, content_type=told(HEAD_BYTES)).is_error


ATTACKS = [escapes, documents, unknown_members, unfinished_heads, unread_answers, bodies, heads, forms]


@pytest.fixture
def attacker(deployment, user) -> Iterator[Attacker]:
    with httpx.Client(timeout=60) as client:
        yield Attacker(deployment.site(user), client)


@pytest.mark.parametrize("attack", ATTACKS)
def test_others_are_answered_as_ever(deployment, attacker, attack):
    """None of them waits over a second, nothing holds the event loop, and the server does not grow."""
    with watched(deployment.served.running.pid, deployment.served.origin, deployment.token("somebody-else")):
        until = time.monotonic() + LEAST_SECONDS
        while time.monotonic() < until:
            attack(attacker)
