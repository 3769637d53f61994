"""What passes is tried again: a server or storage that is away for a while, and a window of a rate limit."""

import random
import time
from collections.abc import Callable, Generator
from dataclasses import dataclass
from http import HTTPStatus
from typing import Any

from mediarpc_client.errors import InternalServerError, RateLimitExceeded, ServiceUnavailable
from mediarpc_client.failure import MediaRpcError, MediaTransportError

PATIENCE_SECONDS = 120.0  # after the first failure of a step
FIRST_DELAY_SECONDS = 0.5
LONGEST_DELAY_SECONDS = 10.0
PASSING_STATUSES = frozenset({HTTPStatus.REQUEST_TIMEOUT, HTTPStatus.TOO_MANY_REQUESTS})


@dataclass(frozen=True, slots=True)
class Pause:
    """Wait."""

    seconds: float


def persistent(steps: Callable[[], Generator[Any, Any, Any]]) -> Generator[Any, Any, Any]:
    """The steps, begun anew after what passes, until they are done or patience ends."""
    gives_up_at: float | None = None
    delay = FIRST_DELAY_SECONDS
    while True:
        try:
            return (yield from steps())
        except (MediaRpcError, MediaTransportError) as error:
            seconds = _seconds_after(error, delay)
            gives_up_at = gives_up_at or time.monotonic() + PATIENCE_SECONDS
            if seconds is None or time.monotonic() + seconds > gives_up_at:
                raise
        yield Pause(seconds)
        delay = min(2 * delay, LONGEST_DELAY_SECONDS)


def _seconds_after(error: MediaRpcError | MediaTransportError, delay: float) -> float | None:
    """How long to wait before another try; None when another try would fail, too."""
    if isinstance(error, RateLimitExceeded):
        return float(error.details.get("retryAfter", delay))
    if isinstance(error, ServiceUnavailable | InternalServerError) or _is_passing(error):
        return delay * random.uniform(0.5, 1)  # noqa: S311 - so that not all come back at once
    return None


def _is_passing(error: Exception) -> bool:
    if not isinstance(error, MediaTransportError):
        return False
    status = error.status
    return status is None or status >= HTTPStatus.INTERNAL_SERVER_ERROR or status in PASSING_STATUSES
