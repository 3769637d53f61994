"""How a file is read whose bytes are elsewhere: a generator asks for ranges and is sent their bytes."""

from collections.abc import Generator
from typing import BinaryIO, TypeAlias, TypeVar

T = TypeVar("T")
# Asks for `(start, length)`, is sent these bytes, fewer at the end of the file, and returns what it found.
Reader: TypeAlias = Generator[tuple[int, int], bytes, T]

WINDOW_BYTES = 16 * 1024
MAX_WINDOWS = 32
MAX_LOOKS = 8192


def sparing(reader: Reader[T], size_bytes: int, head: bytes) -> Reader[T]:
    """The same reader over few and larger ranges. Behind so many, or so many looks, it is shown nothing more."""
    start, held, windows = 0, head, 0
    looks = 0
    try:
        offset, length = next(reader)
        while True:
            looks += 1
            if not _holds(start, held, offset, min(offset + length, size_bytes)) and windows < MAX_WINDOWS:
                windows += 1
                start, held = offset, (yield offset, max(length, WINDOW_BYTES))
            shown = held[offset - start : offset - start + length] if offset >= start and looks <= MAX_LOOKS else b""
            offset, length = reader.send(shown)
    except StopIteration as found:
        return found.value  # type: ignore[no-any-return]


def read_from(file: BinaryIO, reader: Reader[T]) -> T:
    """What a reader finds in a file at hand."""
    try:
        start, length = next(reader)
        while True:
            file.seek(start)
            start, length = reader.send(file.read(length))
    except StopIteration as found:
        return found.value  # type: ignore[no-any-return]


def _holds(start: int, held: bytes, offset: int, end: int) -> bool:
    """Whether nothing has to be read; of what stands behind the end of the file there is nothing."""
    return end <= offset or (start <= offset and end <= start + len(held))
