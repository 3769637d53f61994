"""A request's body and what it says it is: whole, up to a limit, or chunk by chunk as it arrives."""

import asyncio
from typing import Self

from starlette.requests import Request
from starlette.types import Receive

from rpc.content import ContentBrokenOff, ContentStalled

MAX_LENGTH_DIGITS = 18


class BodyTooLarge(ValueError):
    """The request's body is over the limit."""


def media_type(request: Request) -> str:
    """The content type without its parameters, in lower case; empty when there is none."""
    return request.headers.get("content-type", "").partition(";")[0].strip().lower()


async def read_body(request: Request, *, max_bytes: int) -> bytes:
    """The body; BodyTooLarge as soon as it is known to be over the limit."""
    declared = request.headers.get("content-length", "0")
    if len(declared) > MAX_LENGTH_DIGITS or (declared.isdecimal() and int(declared) > max_bytes):
        raise BodyTooLarge
    body = bytearray()
    async for chunk in request.stream():
        body += chunk
        if len(body) > max_bytes:
            raise BodyTooLarge
    return bytes(body)


class Arriving:
    """A body in the chunks in which it arrives; the server reads on when one is asked for."""

    def __init__(self, receive: Receive, *, idle_seconds: float) -> None:
        self.is_whole = False
        self._receive = receive
        self._idle_seconds = idle_seconds

    def __aiter__(self) -> Self:
        return self

    async def __anext__(self) -> bytes:
        """The next chunk; ContentBrokenOff when the client has left, ContentStalled when it is silent for long."""
        while not self.is_whole:
            try:
                async with asyncio.timeout(self._idle_seconds):
                    message = await self._receive()
            except TimeoutError:
                raise ContentStalled(idle_seconds=self._idle_seconds) from None
            if message["type"] == "http.disconnect":
                raise ContentBrokenOff
            self.is_whole = not message.get("more_body", False)
            if message.get("body"):
                return bytes(message["body"])
        raise StopAsyncIteration
