"""Whether reading ten times as much takes some ten times as long, and not a hundred times."""

import time
from collections.abc import Callable
from contextlib import suppress
from typing import Any

from contracts.errors import RpcError
from rpc.json import ParseError
from rpc.trpc.shape import Refused
from storage.playlists import PlaylistDamaged

SMALL_BYTES = 60_000
SMALL_HEAD_BYTES = 6000  # a request's head has 64 KiB at the most
TENFOLD_AT_MOST = 30  # linear is 10, quadratic 100
MEASURABLE_SECONDS = 0.002
TRIES = 3
REFUSALS = (ParseError, RpcError, Refused, PlaylistDamaged)

Made = Callable[[int], Any]


def is_linear(read: Callable[[Any], object], made: Made, small: int = SMALL_BYTES) -> bool:
    """Whether what is made ten times as large takes no more than some ten times as long to read, or to refuse.

    A machine that is busy meanwhile may make one look longer, so that it is tried three times before that is said.
    """
    few, many = made(small), made(10 * small)
    return any(_is_within(_seconds(read, few), _seconds(read, many)) for _ in range(TRIES))


def _is_within(once: float, tenfold: float) -> bool:
    return tenfold < TENFOLD_AT_MOST * max(once, MEASURABLE_SECONDS)


def _seconds(read: Callable[[Any], object], made: Any) -> float:
    """The processor time of one reading."""
    began = time.thread_time()
    with suppress(*REFUSALS):
        read(made)
    return time.thread_time() - began
