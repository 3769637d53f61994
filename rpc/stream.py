"""A response that is written as it comes, until it is whole or its reader leaves."""

import asyncio
from collections.abc import AsyncGenerator
from contextlib import aclosing

from starlette.responses import StreamingResponse
from starlette.types import Receive, Scope, Send


class Stream(StreamingResponse):
    """Starlette's streaming response, but that a reader who leaves cancels the body once, and waits for its end.

    Starlette cancels again at every turn of the event loop until the body has ended: a body that must wait to give
    back a database connection would then lose it.
    """

    body_iterator: AsyncGenerator[bytes, None]

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:  # noqa: ARG002 - the signature is ASGI's
        """Write the body; whatever it was waiting for when the reader left is over by the return."""
        writing = asyncio.create_task(self._write(send))
        leaving = asyncio.create_task(self.listen_for_disconnect(receive))
        try:
            await asyncio.wait([writing, leaving], return_when=asyncio.FIRST_COMPLETED)
        finally:
            writing.cancel()
            leaving.cancel()
            await asyncio.wait([writing, leaving])
        if not writing.cancelled():
            writing.result()

    async def _write(self, send: Send) -> None:
        async with aclosing(self.body_iterator):
            await self.stream_response(send)
