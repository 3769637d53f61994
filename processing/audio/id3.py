"""ID3v2, the tags before an MP3 (https://id3.org/id3v2.4.0-structure): no more of them than anybody has use for.

FFmpeg holds each tag against all others, which takes a minute for a hundred thousand.
"""

from io import BytesIO
from pathlib import Path
from typing import BinaryIO

MOST_FRAMES = 500
HEADER_BYTES = 10
# The bytes of a frame's header, where in it the frame's length stands, and how many bits of each byte count.
FRAMES = {2: (6, slice(3, 6), 8), 3: (10, slice(4, 8), 8), 4: (10, slice(4, 8), 7)}


def with_few_tags(source: Path) -> BinaryIO | None:
    """The file with padding in place of all frames but the first five hundred; None when it has no more."""
    with source.open("rb") as file:
        surplus = _surplus(file)
    if surplus is None:
        return None
    body = bytearray(source.read_bytes())
    begin, end = (min(place, len(body)) for place in surplus)
    body[begin:end] = bytes(end - begin)
    return BytesIO(body)


def _surplus(file: BinaryIO) -> tuple[int, int] | None:
    """Where the frames begin that are too many, and where the tag ends."""
    head = file.read(HEADER_BYTES)
    if not head.startswith(b"ID3") or len(head) < HEADER_BYTES or head[3] not in FRAMES:
        return None
    length, size, bits = FRAMES[head[3]]
    at, end = HEADER_BYTES, HEADER_BYTES + _number(head[6:], 7)
    for _ in range(MOST_FRAMES):
        file.seek(at)
        frame = file.read(length)
        if at >= end or not frame.strip(b"\0"):
            return None
        at += length + _number(frame[size], bits)
    return (at, end) if at < end else None


def _number(digits: bytes, bits: int) -> int:
    number = 0
    for digit in digits:
        number = number << bits | digit
    return number
