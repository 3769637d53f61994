"""An authorization server that answers about tokens (RFC 7662), and what it was asked."""

import asyncio
import json
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import parse_qs

from aiohttp import web
from multidict import CIMultiDict

from server.embedded import free_port


@dataclass
class Asked:
    """One request."""

    path: str
    headers: CIMultiDict[str]
    form: dict[str, list[str]]

    @property
    def token(self) -> str:
        """The token that was asked about."""
        return self.form["token"][0]


@dataclass
class AuthorizationServer:
    """Tokens that are active, each with what is told of it; `status` and `body` take the place of every answer.

    It never answers about a token at which it `hesitates`.
    """

    url: str
    tokens: dict[str, dict[str, Any]] = field(default_factory=dict)
    status: int = 200
    body: bytes | None = None
    headers: dict[str, str] = field(default_factory=dict)
    asked: list[Asked] = field(default_factory=list)
    arrived: asyncio.Semaphore = field(default_factory=lambda: asyncio.Semaphore(0))
    answering: asyncio.Event = field(default_factory=asyncio.Event)
    hesitates: Callable[[str], bool] = lambda _token: False

    async def introspect(self, request: web.Request) -> web.Response:
        asked = Asked(request.path, CIMultiDict(request.headers), parse_qs(await request.text(), strict_parsing=True))
        self.asked.append(asked)
        self.arrived.release()
        await self.answering.wait()
        token = asked.token
        if self.hesitates(token):
            await asyncio.Event().wait()
        told = {"active": True, **self.tokens[token]} if token in self.tokens else {"active": False}
        body = json.dumps(told).encode() if self.body is None else self.body
        return web.Response(status=self.status, body=body, headers=self.headers)


@asynccontextmanager
async def authorization_server(port: int | None = None) -> AsyncIterator[AuthorizationServer]:
    """A server on this machine, which knows no token yet."""
    port = port or free_port()
    server = AuthorizationServer(f"http://127.0.0.1:{port}/introspect/")
    server.answering.set()
    app = web.Application()
    app.router.add_route("*", "/{path:.*}", server.introspect)
    runner = web.AppRunner(app, shutdown_timeout=1)
    await runner.setup()
    try:
        await web.TCPSite(runner, "127.0.0.1", port).start()
        yield server
    finally:
        await runner.cleanup()


@asynccontextmanager
async def raw_server(
    answer: Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]],
) -> AsyncIterator[str]:
    """The URL of a server that answers each connection so, until the client leaves."""
    connections: list[asyncio.Task[Any] | None] = []

    async def connected(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        connections.append(asyncio.current_task())
        with suppress(ConnectionError, asyncio.IncompleteReadError):
            await answer(reader, writer)
        writer.close()
        with suppress(ConnectionError):
            await writer.wait_closed()

    async with await asyncio.start_server(connected, "127.0.0.1", 0) as server:
        yield f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}/"
        await asyncio.gather(*(connection for connection in connections if connection))
