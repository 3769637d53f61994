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
REFUSALS = (ParseError, RpcError, Refused, PlaylistDamaged)

Made = Callable[[int], Any]


def is_linear(read: Callable[[Any], object], made: Made, small: int = SMALL_BYTES) -> bool:
    """Whether what is made ten times as large takes no more than some ten times as long to read, or to refuse."""
    once = max(_seconds(read, made(small)), MEASURABLE_SECONDS)
    return _seconds(read, made(10 * small)) < TENFOLD_AT_MOST * once


def _seconds(read: Callable[[Any], object], made: Any) -> float:
    """The processor time of one reading, the least of three."""
    taken = []
    for _ in range(3):
        began = time.thread_time()
        with suppress(*REFUSALS):
            read(made)
        taken.append(time.thread_time() - began)
    return min(taken)
