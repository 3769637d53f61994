"""A proxy on a real socket that passes requests on, but for those that it was told to spoil."""

import json
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from enum import Enum, auto
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Event, Thread
from typing import Any
from urllib.parse import parse_qs, urlsplit

import httpx


class Cut(Enum):
    """Where the connection ends without an answer."""

    BEFORE = auto()  # nothing is passed on
    AFTER = auto()  # the request takes effect, its answer is lost
    HELD = auto()  # nothing is passed on, and the connection stays until the proxy lets go


# An HTTP status without a body, or the `error` of a JSON-RPC response.
Fault = Cut | int | dict[str, Any]
Answer = tuple[int, str, bytes]


@dataclass
class Proxy:
    """`POST` goes to `server`, everything else to `storage`; the first requests of a name meet its faults, one each.

    What is noted of a request is the params of a call, and the number of a part.
    """

    server: str
    storage: str
    origin: str = ""
    faults: dict[str, list[Fault | None]] = field(default_factory=dict)
    hides_etags: bool = False
    let_go: Event = field(default_factory=Event)
    requests: list[tuple[str, Any]] = field(default_factory=list)
    client: httpx.Client = field(default_factory=lambda: httpx.Client(verify=False, timeout=30))

    @property
    def names(self) -> list[str]:
        """What was asked for, in order: a procedure, or the method of a request to storage."""
        return [name for name, _ in self.requests]

    def inputs(self, name: str) -> list[Any]:
        """What was sent under a name."""
        return [body for asked, body in self.requests if asked == name]

    def answer(self, method: str, path: str, headers: dict[str, str], body: bytes) -> Answer | None:
        """Status, ETag and body, or nothing at all."""
        name, params = _asked(method, path, body)
        self.requests.append((name, params))
        planned = self.faults.get(name)
        fault = planned.pop(0) if planned else None
        if isinstance(fault, int):
            return fault, "", b""
        if isinstance(fault, dict):
            return 200, "", json.dumps({"jsonrpc": "2.0", "id": 1, "error": fault}).encode()
        if fault is Cut.HELD:
            self.let_go.wait()
        if fault in {Cut.BEFORE, Cut.HELD}:
            return None
        upstream = self.server if method == "POST" else self.storage
        answer = self.client.request(method, f"{upstream}{path}", headers=headers, content=body)
        etag = "" if self.hides_etags else answer.headers.get("etag", "")
        return None if fault is Cut.AFTER else (answer.status_code, etag, answer.content)


@contextmanager
def proxy_of(server: str, storage: str) -> Iterator[Proxy]:
    """A proxy on a free port."""
    proxy = Proxy(server, storage)
    with proxy.client, ThreadingHTTPServer(("127.0.0.1", 0), _handler(proxy)) as listening:
        proxy.origin = f"http://127.0.0.1:{listening.server_port}"
        thread = Thread(target=listening.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        try:
            yield proxy
        finally:
            proxy.let_go.set()
            listening.shutdown()
            thread.join()


def _asked(method: str, path: str, body: bytes) -> tuple[str, Any]:
    if method == "POST":
        document = json.loads(body)
        return document.get("method", method), document.get("params")
    asked = parse_qs(urlsplit(path).query)
    return method, int(asked["partNumber"][0]) if "partNumber" in asked else None


def _handler(proxy: Proxy) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        def _pass(self) -> None:
            length = int(self.headers.get("content-length", 0))
            body = self.rfile.read(length)
            answer = proxy.answer(self.command, self.path, dict(self.headers), body) if len(body) == length else None
            self.close_connection = True
            if answer is None:
                return
            status, etag, content = answer
            self.send_response(status)
            self.send_header("content-length", str(len(content)))
            if etag:
                self.send_header("etag", etag)
            self.end_headers()
            self.wfile.write(content)

        do_GET = do_POST = do_PUT = _pass  # noqa: N815 - the names that http.server calls

        def log_message(self, *_: object) -> None:
            """Say nothing."""

    return Handler
