"""A request's body and what it says it is: whole, up to a limit, or chunk by chunk as it arrives."""

import asyncio
from contextlib import AsyncExitStack
from typing import Self

from starlette.requests import Request
from starlette.types import Message, Receive

from rpc.content import ContentBrokenOff, ContentStalled

MAX_LENGTH_DIGITS = 18
IDLE_SECONDS = 10.0  # without anything of a body that is read whole
SLOWEST_LARGE_BYTES = 8 * 1024  # a second, of such a body
SMALL_BYTES = 64 * 1024  # which a connection holds in any case
LARGE_BYTES, FEWEST_LARGE = 64 * 1024 * 1024, 4  # of all larger ones together, and how many there may be in any case
SLOWEST_BYTES = 1024  # a second, of a body that is taken piece by piece
TOO_SLOW = "The request body arrives too slowly"
CLOSE = {"connection": "close"}  # what still comes on it is no request


class BodyTooLarge(ValueError):
    """The request's body is over the limit."""


class BodyTooSlow(ValueError):
    """The request's body does not arrive."""


def media_type(request: Request) -> str:
    """The content type without its parameters, in lower case; empty when there is none."""
    return request.headers.get("content-type", "").partition(";")[0].strip().lower()


class Bodies:
    """Bodies that are read whole: none over the limit, and no more large ones at once than there is memory for."""

    def __init__(self, *, max_bytes: int) -> None:
        self.max_bytes = max_bytes
        self._large = asyncio.Semaphore(max(FEWEST_LARGE, LARGE_BYTES // max_bytes))

    async def read(self, request: Request) -> bytes:
        """The body; BodyTooLarge as soon as it is known to be over the limit, BodyTooSlow when it takes too long."""
        declared = request.headers.get("content-length", "0")
        if len(declared) > MAX_LENGTH_DIGITS or (declared.isdecimal() and int(declared) > self.max_bytes):
            raise BodyTooLarge
        async with AsyncExitStack() as place:
            try:
                return await self._read(request, place)
            except TimeoutError:
                raise BodyTooSlow from None

    async def _read(self, request: Request, place: AsyncExitStack) -> bytes:
        body, clock = bytearray(), asyncio.get_running_loop().time
        start, is_large = clock(), False
        async with asyncio.timeout(IDLE_SECONDS) as patience:
            async for chunk in request.stream():
                body += chunk
                if len(body) > self.max_bytes:
                    raise BodyTooLarge
                if len(body) > SMALL_BYTES and not is_large:
                    is_large = True
                    await place.enter_async_context(self._large)
                patience.reschedule(min(clock(), start + len(body) / SLOWEST_LARGE_BYTES) + IDLE_SECONDS)
        return bytes(body)


class Arriving:
    """A body in the chunks in which it arrives; the server reads on when one is asked for.

    It is waited for no longer than `idle_seconds` at a time, and in all as long as the slowest accepted client takes.
    """

    def __init__(self, receive: Receive, *, idle_seconds: float) -> None:
        self.is_whole = False
        self._receive = receive
        self._idle_seconds = idle_seconds
        self._patience_seconds = idle_seconds

    def __aiter__(self) -> Self:
        return self

    async def __anext__(self) -> bytes:
        """The next chunk; ContentBrokenOff when the client has left, ContentStalled when it is silent for long."""
        while not self.is_whole:
            message = await self._next()
            if message["type"] == "http.disconnect":
                raise ContentBrokenOff
            self.is_whole = not message.get("more_body", False)
            if message.get("body"):
                self._patience_seconds += len(message["body"]) / SLOWEST_BYTES
                return bytes(message["body"])
        raise StopAsyncIteration

    async def _next(self) -> Message:
        clock = asyncio.get_running_loop().time
        start = clock()
        try:
            async with asyncio.timeout(min(self._idle_seconds, self._patience_seconds)):
                return await self._receive()
        except TimeoutError:
            raise ContentStalled(idle_seconds=self._idle_seconds) from None
        finally:
            self._patience_seconds -= clock() - start
