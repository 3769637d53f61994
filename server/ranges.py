"""The one range of bytes that a request asks for (RFC 9110, section 14.2).

Whoever asks for several at once is answered the whole, as 15.3.7 allows: no player does, and each costs a read.
"""

import re

_SINGLE_RANGE = re.compile(r"bytes=(?P<first>[0-9]{0,18})-(?P<last>[0-9]{0,18})", re.IGNORECASE)
_ANY_SIZE = 10**18


def part_of(size: int, asked: str | None) -> range | None:
    """The bytes of so many that a Range asks for: an empty range when there are none, None when it is not looked at."""
    found = _SINGLE_RANGE.fullmatch((asked or "").strip())
    if not found:
        return None
    first, last = found["first"], found["last"]
    if first and last and int(last) < int(first):
        return None
    if first:
        return range(int(first), min(int(last) + 1, size) if last else size)
    return range(max(size - int(last), 0), size) if last else None


def is_one_range(asked: str) -> bool:
    """Whether a Range is looked at, whatever it is asked of."""
    return part_of(_ANY_SIZE, asked) is not None
