"""An application on a socket of this machine, within the test's own process."""

import asyncio
import contextlib
import socket
from collections.abc import AsyncIterator

from starlette.types import ASGIApp

from server.connections import ConnectionLimits
from server.http import listen, serve_http


def free_listener() -> socket.socket:
    """A socket that listens on a free port."""
    return listen("127.0.0.1", 0)


def origin_of(listener: socket.socket) -> str:
    """Where callers reach what is served on a socket."""
    return f"http://127.0.0.1:{listener.getsockname()[1]}"


@contextlib.asynccontextmanager
async def served_on(
    listener: socket.socket, app: ASGIApp, limits: ConnectionLimits | None = None
) -> AsyncIterator[str]:
    """The origin of an application that is served as in production, until the end of the block."""
    serving = asyncio.create_task(serve_http(app, listener, limits or ConnectionLimits(in_all=4096, of_each=512)))
    try:
        yield origin_of(listener)
    finally:
        serving.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await serving
