"""A response that leaves before its request has arrived."""

import asyncio
from contextlib import suppress
from typing import Any

from starlette.responses import Response
from starlette.types import Receive, Scope, Send

LINGER_SECONDS = 5.0
MAX_DISCARDED_BYTES = 32 * 1024 * 1024


class EarlyResponse(Response):
    """The whole answer to a request whose body nobody will read; the connection ends with it, but not at once.

    A connection that is closed on bytes which still come is reset, and on its way the reset may overtake the answer.
    So for a while, and up to a limit, what comes is discarded: time for the client to see the answer, and to stop.
    """

    def __init__(self, *content: Any, **options: Any) -> None:
        super().__init__(*content, **options)
        self.headers["connection"] = "close"

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:  # noqa: ARG002 - the signature is ASGI's
        """Send the answer, then linger."""
        await send({"type": "http.response.start", "status": self.status_code, "headers": self.raw_headers})
        await send({"type": "http.response.body", "body": self.body, "more_body": True})
        with suppress(TimeoutError):
            async with asyncio.timeout(LINGER_SECONDS):
                await _discard(receive)
        await send({"type": "http.response.body", "body": b"", "more_body": False})


async def _discard(receive: Receive) -> None:
    discarded = 0
    while discarded < MAX_DISCARDED_BYTES:
        message = await receive()
        if not message.get("more_body", False):
            return
        discarded += len(message["body"])
