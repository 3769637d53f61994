"""One caller, or none, against a server: everybody else is answered as ever.

Each attack is ten times what once held a server up, or what it took to be noticed.
"""

import json
import socket
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, suppress
from typing import Any
from urllib.parse import urlsplit

import httpx
import pytest

from tests.attacks.watching import watched
from tests.processes import Site

ESCAPES = b"[" * 600 + b'"' + b'\\"' * 480_000
DISCOVER = {"jsonrpc": "2.0", "id": 1, "method": "rpc.discover"}
MIB = 1024 * 1024


class Attacker:
    """Somebody with as many connections as an attack takes."""

    def __init__(self, site: Site, client: httpx.Client) -> None:
        self.site = site
        self._client = client

    def post(self, body: Any, *, times: int) -> list[httpx.Response]:
        """The answers to the same request, sent so often, many at a time."""
        content = body if isinstance(body, bytes) else json.dumps(body).encode()
        headers = {"content-type": "application/json"}
        with ThreadPoolExecutor(4) as threads:
            sent = [
                threads.submit(self._client.post, self.site.origin + "/rpc", content=content, headers=headers)
                for _ in range(times)
            ]
        return [answer.result() for answer in sent]

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


@pytest.fixture
def attacker(deployment, user) -> Iterator[Attacker]:
    with httpx.Client(timeout=60) as client:
        yield Attacker(deployment.site(user), client)


@pytest.mark.parametrize("attack", [escapes, documents, unknown_members, unfinished_heads, unread_answers])
def test_others_are_answered_as_ever(deployment, attacker, attack):
    """None of them waits over a second, and the server does not grow."""
    served = deployment.served
    with watched(served.running.pid, served.origin, deployment.token("somebody-else")):
        attack(attacker)
