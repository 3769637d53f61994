"""What others notice of an attack: how long they wait, what they are answered, and how much memory it takes."""

import http.client
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http import HTTPStatus
from urllib.parse import urlsplit

import psutil

ASKED_EVERY_SECONDS = 0.05
OTHER_ADDRESS = "127.0.0.2"
LONGEST_WAIT_SECONDS = 1.0
MOST_GROWTH_BYTES = 100 * 1024 * 1024
STORAGE_USAGE = b'{"jsonrpc":"2.0","id":1,"method":"media.getStorageUsage"}'

Request = tuple[str, str, bytes | None, dict[str, str]]


@dataclass
class Watched:
    """The server while it is attacked: the seconds that others waited, and every status that they were answered."""

    process: psutil.Process
    waits: list[float] = field(default_factory=list)
    statuses: set[int] = field(default_factory=set)
    most_bytes: int = 0

    def look(self) -> None:
        self.most_bytes = max(self.most_bytes, self.process.memory_info().rss)


@contextmanager
def watched(process: int, origin: str, token: str) -> Iterator[Watched]:
    """Ask as another user, again and again, until the block ends; fails when they were held up, or the server grew."""
    seen, stop = Watched(psutil.Process(process)), threading.Event()
    before = seen.process.memory_info().rss
    headers = {"authorization": f"Bearer {token}", "content-type": "application/json"}
    requests: tuple[Request, ...] = (("GET", "/healthz", None, {}), ("POST", "/rpc", STORAGE_USAGE, headers))
    asking = [threading.Thread(target=_ask, args=(origin, request, seen, stop)) for request in requests]
    for thread in asking:
        thread.start()
    try:
        yield seen
    finally:
        stop.set()
        for thread in asking:
            thread.join()
    assert seen.statuses == {HTTPStatus.OK}
    *others, _, _ = sorted(seen.waits)  # whatever else this machine is at may hold up one or two
    assert max(others) < LONGEST_WAIT_SECONDS, others[-5:]
    assert seen.most_bytes - before < MOST_GROWTH_BYTES


def _ask(origin: str, request: Request, seen: Watched, stop: threading.Event) -> None:
    method, path, body, headers = request
    connection = http.client.HTTPConnection(urlsplit(origin).netloc, timeout=60, source_address=(OTHER_ADDRESS, 0))
    while not stop.wait(ASKED_EVERY_SECONDS):
        began = time.monotonic()
        connection.request(method, path, body, headers)
        answer = connection.getresponse()
        answer.read()
        seen.waits.append(time.monotonic() - began)
        seen.statuses.add(answer.status)
        seen.look()
    connection.close()
