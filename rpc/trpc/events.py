"""A subscription as a stream of server-sent events, as tRPC's httpSubscriptionLink reads it."""

import asyncio
from collections.abc import AsyncGenerator
from contextlib import aclosing
from typing import Any

from rpc.dispatch import CallOutcome
from rpc.json import encode
from rpc.trpc.shape import Answer, error_shape

HEADERS = {"cache-control": "no-cache, no-transform", "x-accel-buffering": "no"}
# A client that hears nothing for so long, not even a ping, connects again.
SILENCE_MILLISECONDS = 45_000
# Then a client connects again, and is authenticated again.
MAX_SECONDS = 3600
# After a failure with code -32603 a client tries again, after any other it gives up.
_FAILURE = "serialized-error"


async def events(outcomes: AsyncGenerator[CallOutcome, None], path: str) -> AsyncGenerator[bytes, None]:
    """The events that outcomes make; a stream that ends without `return` is resumed by its client."""
    clock = asyncio.get_running_loop().time
    ends_at = clock() + MAX_SECONDS
    yield _CONNECTED
    async with aclosing(outcomes):
        async for outcome in outcomes:
            yield _told(outcome, path)
            if outcome.error is not None or clock() > ends_at:
                return
    yield _event(name="return")


async def refused(answer: Answer) -> AsyncGenerator[bytes, None]:
    """The stream of a subscription that does not begin."""
    yield _CONNECTED
    yield _event(answer.body["error"], name=_FAILURE)


def _told(outcome: CallOutcome, path: str) -> bytes:
    if outcome.error is not None:
        return _event(error_shape(outcome.error, outcome.request_id, path), name=_FAILURE)
    if outcome.value is None:
        return _event(name="ping")
    return _event(outcome.value, id_=outcome.event_id)


def _event(data: Any = None, *, name: str | None = None, id_: str | None = None) -> bytes:
    """One event; its data line is there even when there is no data, or browsers would drop it."""
    text = b"" if data is None else encode(data)
    named = f"event: {name}\n".encode() if name else b""
    identified = f"id: {id_}\n".encode() if id_ else b""
    return named + b"data: " + text + b"\n" + identified + b"\n"


_CONNECTED = _event({"reconnectAfterInactivityMs": SILENCE_MILLISECONDS}, name="connected")
