"""Tokens that were refused, for some seconds: to send one again and again costs nobody anything."""

from collections.abc import Callable
from copy import copy
from hashlib import sha256

from contracts.errors import InvalidToken, SessionExpired

REFUSED_SECONDS = 5  # a session that begins with a token that was refused waits for so long
MAX_REFUSED = 10_000

Refusal = InvalidToken | SessionExpired


class Refusals:
    """Digests of tokens, each with its error; when there are too many, the first goes."""

    def __init__(self, clock: Callable[[], float]) -> None:
        self._clock = clock
        self._refused: dict[bytes, tuple[Refusal, float]] = {}

    def require_none(self, token: str) -> None:
        """Raises what a token was refused with, a few seconds ago."""
        error, until = self._refused.get(_digest(token), (None, 0.0))
        if error is not None and self._clock() < until:
            raise copy(error)  # without the trace, which holds the token

    def note(self, token: str, error: Refusal) -> None:
        """Refuse a token so for the next seconds."""
        digest = _digest(token)
        self._refused.pop(digest, None)
        if len(self._refused) >= MAX_REFUSED:
            del self._refused[next(iter(self._refused))]
        self._refused[digest] = (copy(error), self._clock() + REFUSED_SECONDS)


def _digest(token: str) -> bytes:
    return sha256(token.encode(errors="surrogatepass")).digest()
