"""Load on one server for some seconds: by wrk where it is installed, else by a small loader of its own.

Both keep every connection busy with one request at a time, and give each request the next caller's token.
"""

import asyncio
import itertools
import json
import os
import shutil
import statistics
import subprocess
import tempfile
import time
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import cast

import httptools
import uvloop

from bench.servers import BenchError, Server

HTTP_OK = 200
SPARE_SECONDS = 30.0


@dataclass(frozen=True, slots=True)
class Work:
    """One request, and how many calls of a procedure it holds."""

    path: str
    body: str = ""
    calls: int = 1

    @property
    def method(self) -> str:
        """POST where there is something to send."""
        return "POST" if self.body else "GET"


@dataclass(frozen=True, slots=True)
class Run:
    """What came of some seconds of load; times are those of whole requests."""

    calls: int
    seconds: float
    p50_ms: float
    p99_ms: float

    @property
    def rate(self) -> float:
        """Calls per second."""
        return self.calls / self.seconds

    def facts(self) -> dict[str, float]:
        """The run as numbers by name."""
        return {**asdict(self), "rate": self.rate}


def load(server: Server, work: Work, tokens: Sequence[str], *, connections: int, seconds: float) -> Run:
    """Keep a server busy; BenchError when a request fails."""
    answered, took, p50, p99, failed = (_wrk if shutil.which("wrk") else _loader)(
        server, work, tokens, connections, seconds
    )
    if failed or not answered:
        raise BenchError(f"{server.name}: {failed} of {answered} requests to {work.path} failed")
    return Run(calls=answered * work.calls, seconds=took, p50_ms=p50, p99_ms=p99)


Result = tuple[int, float, float, float, int]


def _wrk(server: Server, work: Work, tokens: Sequence[str], connections: int, seconds: float) -> Result:
    with tempfile.TemporaryDirectory(prefix="mediarpc-bench-") as folder:
        tokens_file, body_file = Path(folder, "tokens"), Path(folder, "body")
        tokens_file.write_text("\n".join(tokens), encoding="utf-8")
        body_file.write_text(work.body, encoding="utf-8")
        told = subprocess.run(  # noqa: S603 - the command is our own
            [
                str(shutil.which("wrk")), "--threads", "1", "--connections", str(connections),
                "--duration", f"{round(seconds)}s", "--script", str(Path(__file__).with_name("wrk.lua")),
                f"http://127.0.0.1:{server.port}",
            ],
            env={
                **os.environ, "BENCH_TOKENS": str(tokens_file), "BENCH_BODY": str(body_file),
                "BENCH_METHOD": work.method, "BENCH_PATH": work.path,
            },
            capture_output=True, text=True, check=False, timeout=seconds + SPARE_SECONDS,
        )  # fmt: skip
    found = told.stdout.rpartition("RESULT ")[2]
    if told.returncode or not found.startswith("{"):
        raise BenchError(f"wrk failed: {told.stdout}{told.stderr}")
    result = json.loads(found)
    return result["requests"], result["seconds"], result["p50_ms"], result["p99_ms"], result["failed"]


def _loader(server: Server, work: Work, tokens: Sequence[str], connections: int, seconds: float) -> Result:
    return uvloop.run(_keep_busy(server, work, tokens, connections, seconds))


async def _keep_busy(server: Server, work: Work, tokens: Sequence[str], connections: int, seconds: float) -> Result:
    loop = asyncio.get_running_loop()
    requests = itertools.cycle([_request(server, work, token) for token in tokens])
    began = time.perf_counter()
    callers = [Connection(requests, began + seconds) for _ in range(connections)]
    for caller in callers:
        await loop.create_connection(lambda caller=caller: caller, "127.0.0.1", server.port)  # type: ignore[misc]
    await asyncio.wait_for(asyncio.gather(*(caller.over for caller in callers)), seconds + SPARE_SECONDS)
    took = time.perf_counter() - began
    times = sorted(itertools.chain.from_iterable(caller.times for caller in callers))
    failed = sum(caller.failed for caller in callers)
    hundredths = statistics.quantiles(times, n=100)
    return len(times), took, hundredths[49] * 1000, hundredths[98] * 1000, failed


def _request(server: Server, work: Work, token: str) -> bytes:
    body = work.body.encode()
    head = (
        f"{work.method} {work.path} HTTP/1.1\r\nhost: 127.0.0.1:{server.port}\r\nauthorization: Bearer {token}\r\n"
        "content-type: application/json\r\n"
    )
    if body:
        head += f"content-length: {len(body)}\r\n"
    return head.encode() + b"\r\n" + body


class Connection(asyncio.Protocol):
    """One connection that sends the next request when the last is answered, until its time is over."""

    def __init__(self, requests: Iterator[bytes], until: float) -> None:
        self.times: list[float] = []
        self.failed = 0
        self.over: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._requests = requests
        self._until = until
        self._sent = 0.0
        self._parser = httptools.HttpResponseParser(self)

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Send the first."""
        # uvloop's transports do not inherit what they are.
        self._transport = cast("asyncio.Transport", transport)
        self._send()

    def data_received(self, data: bytes) -> None:
        """Read on."""
        self._parser.feed_data(data)

    def on_message_complete(self) -> None:
        """Note the time, and go on."""
        now = time.perf_counter()
        self.times.append(now - self._sent)
        self.failed += self._parser.get_status_code() != HTTP_OK
        if now < self._until:
            self._parser = httptools.HttpResponseParser(self)
            self._send()
        else:
            self._transport.close()

    def connection_lost(self, exc: Exception | None) -> None:
        """An answer that is still to come has failed."""
        self.failed += exc is not None or time.perf_counter() < self._until
        if not self.over.done():
            self.over.set_result(None)

    def _send(self) -> None:
        self._sent = time.perf_counter()
        self._transport.write(next(self._requests))
