"""What connections may cost: how many there are, how long a request's head takes to arrive, and an answer to leave.

uvicorn keeps what comes and what goes for as long as a client likes. Here each has a bound, and a client that reaches
one loses its own connection, nobody else's.
"""

import asyncio
from collections import Counter
from collections.abc import Collection
from typing import Any

from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

from rpc.peers import peer_of

MAX_HEAD_BYTES = 64 * 1024
HEAD_SECONDS = 10.0
STALL_SECONDS = 30.0  # in which a client takes nothing of its answer
CHECK_SECONDS = 2.0
MAX_WAITING = 16  # requests of a connection that wait for the answer before theirs; who sends more loses it
MAX_SLOW = 64  # connections whose clients are slow to take what they asked for: each holds up to an answer
REFUSAL = b"HTTP/1.1 503 Service Unavailable\r\ncontent-length: 0\r\nretry-after: 10\r\nconnection: close\r\n\r\n"
TOO_LATE = b"HTTP/1.1 408 Request Timeout\r\ncontent-length: 0\r\nconnection: close\r\n\r\n"


class ConnectionLimits:
    """How many connections there may be, in all and of each peer, and who of them is slow to read."""

    def __init__(self, *, in_all: int, of_each: int) -> None:
        self._in_all = in_all
        self._of_each = of_each
        self._open: dict[str, int] = {}
        self._count = 0
        self._slow: dict[Connection, None] = {}

    def enter(self, connection: "Connection") -> bool:
        """Whether there is room for one more of this peer; it leaves in any case."""
        self._count += 1
        self._open[connection.peer] = self._open.get(connection.peer, 0) + 1
        return self._count <= self._in_all and self._open[connection.peer] <= self._of_each

    def leave(self, connection: "Connection") -> None:
        """Make room."""
        self._count -= 1
        self._open[connection.peer] -= 1
        if not self._open[connection.peer]:
            del self._open[connection.peer]
        self._slow.pop(connection, None)

    def note_slow(self, connection: "Connection") -> None:
        """Note a client that is slow to read; when there are too many, one goes, of the peer that has most of them."""
        self._slow[connection] = None
        if len(self._slow) > MAX_SLOW:
            ((peer, _),) = Counter(slow.peer for slow in self._slow).most_common(1)
            slowest = next(slow for slow in self._slow if slow.peer == peer)
            del self._slow[slowest]
            slowest.hang_up()

    def note_caught_up(self, connection: "Connection") -> None:
        """Note that a client has caught up."""
        self._slow.pop(connection, None)


class TooManyWaiting(Exception):
    """More requests have come on a connection than are kept waiting."""


class Connection(HttpToolsProtocol):
    """uvicorn's protocol, with bounds."""

    def __init__(self, limits: ConnectionLimits, *arguments: Any, **named: Any) -> None:
        super().__init__(*arguments, **named)
        self.peer = ""
        self._limits = limits
        self._unfinished_bytes = 0
        self._head_due: float | None = self.loop.time() + HEAD_SECONDS
        self._unsent_bytes = 0
        self._unsent_since = 0.0
        self._answering: Any = None
        self._requests = 0
        self._is_lost = False

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        """Take a place, or be refused."""
        super().connection_made(transport)
        self.peer = peer_of(self.client and self.client[0])
        if not self._limits.enter(self):
            self._end(REFUSAL)

    def connection_lost(self, exc: Exception | None) -> None:
        """Give the place back, once nothing is under way for it any more: a call goes on whose client has left."""
        self._is_lost = True
        self._disconnect()
        super().connection_lost(exc)
        if not self._requests:
            self._limits.leave(self)

    def data_received(self, data: bytes) -> None:
        """Read on, as long as heads end, in time and in bounds."""
        if self.transport.is_closing():
            return
        self._unfinished_bytes += len(data)
        if self._head_due is None and self._is_between_requests():
            self._head_due = self.loop.time() + HEAD_SECONDS
        super().data_received(data)
        if self._unfinished_bytes > MAX_HEAD_BYTES and not self.transport.is_closing():
            self.send_400_response("Request head too large.")

    def on_message_begin(self) -> None:
        """A request begins; the parser stops when too many wait that came before it."""
        if len(self.pipeline) >= MAX_WAITING:
            raise TooManyWaiting
        super().on_message_begin()

    def on_headers_complete(self) -> None:
        """The head is whole."""
        self._unfinished_bytes, self._head_due = 0, None
        super().on_headers_complete()

    def on_body(self, body: bytes) -> None:
        """Something of a body has come."""
        self._unfinished_bytes = 0
        super().on_body(body)

    def on_message_complete(self) -> None:
        """A request is whole."""
        self._unfinished_bytes = 0
        super().on_message_complete()

    def send_400_response(self, msg: str) -> None:
        """Refuse what is no request; one too many by the end of the connection, where others wait to be answered."""
        if len(self.pipeline) >= MAX_WAITING:
            self.hang_up()
        else:
            super().send_400_response(msg)

    def pause_writing(self) -> None:
        """Its client is slow to read."""
        super().pause_writing()
        self._limits.note_slow(self)

    def resume_writing(self) -> None:
        """Its client has caught up."""
        super().resume_writing()
        self._limits.note_caught_up(self)

    def _is_between_requests(self) -> bool:
        """Whether what comes is no part of a request that anybody reads."""
        return self.cycle is None or self.cycle.response_complete or not self.cycle.more_body

    def _is_answering(self) -> bool:
        return self._answering is not None and not self._answering.response_complete

    def check(self, now: float) -> None:
        """Hang up on a head that is late, and on an answer of which nothing is taken."""
        unsent_bytes = self.transport.get_write_buffer_size()
        if unsent_bytes != self._unsent_bytes:
            self._unsent_bytes, self._unsent_since = unsent_bytes, now
        elif unsent_bytes and now - self._unsent_since > STALL_SECONDS:
            self.hang_up()
        if self._head_due is not None and now > self._head_due and not self._is_answering():
            self._end(TOO_LATE)

    def hang_up(self) -> None:
        """End it at once."""
        self._disconnect()
        self.transport.abort()

    def _start_asgi_task(self, cycle: Any, app: Any) -> None:
        self._answering = cycle
        self._requests += 1
        super()._start_asgi_task(cycle, self._counting(app))

    def _counting(self, app: Any) -> Any:
        async def run(*arguments: Any) -> None:
            try:
                await app(*arguments)
            finally:
                self._requests -= 1
                if self._is_lost and not self._requests:
                    self._limits.leave(self)

        return run

    def _disconnect(self) -> None:
        """Have whoever answers write into nothing: of several requests that came at once, uvicorn tells the last."""
        if self._answering is not None:
            self._answering.disconnected = True
            self._answering.message_event.set()
        self.pipeline.clear()

    def _end(self, answer: bytes) -> None:
        self._head_due = None
        if not self.transport.is_closing():
            self.transport.write(answer)
            self.transport.close()


async def watch(connections: Collection[Any]) -> None:
    """Look after connections until cancelled."""
    clock = asyncio.get_running_loop().time
    while True:
        await asyncio.sleep(CHECK_SECONDS)
        for connection in tuple(connections):
            connection.check(clock())
