"""What bytes say that they are: a file is told by its content, whatever it is called or was declared as.

A reader asks for ranges of the file, and is sent them by whoever has it: `detect` for a file at hand,
`media.completion` for an object in storage. Containers are told by what is in them: video or sound by their tracks,
wherever these stand.
"""

import os
from typing import BinaryIO

from processing.detect.boxes import BEGINNINGS, in_boxes
from processing.detect.ebml import EBML, in_ebml
from processing.detect.frames import in_frames
from processing.detect.ogg import in_pages
from processing.detect.reading import WINDOW_BYTES, Reader, read_from, sparing

__all__ = ["WINDOW_BYTES", "detect", "sniff"]

WAVES = frozenset({b"RIFF", b"RF64", b"BW64"})


def sniff(size_bytes: int, head: bytes = b"") -> Reader[str | None]:
    """The content type of a file of that size, None when it shows none that is accepted; `head` is known already.

    It asks for a bounded number of ranges of WINDOW_BYTES; what it would have to look for beyond them is not found.
    """
    return sparing(_content_type(size_bytes), size_bytes, head)


def detect(file: BinaryIO) -> str | None:
    """The content type of a file at hand."""
    return read_from(file, sniff(file.seek(0, os.SEEK_END)))


def _content_type(size: int) -> Reader[str | None]:
    head = yield 0, 16
    if image := _image(head):
        return image
    if head[:4] in WAVES:
        return "audio/wav" if head[8:12] == b"WAVE" else None
    if head[4:8] in BEGINNINGS:
        return (yield from in_boxes(size))
    if head.startswith(EBML):
        return (yield from in_ebml(size))
    if head.startswith(b"OggS"):
        return (yield from in_pages(size))
    return (yield from in_frames(size))


def _image(head: bytes) -> str | None:
    if head.startswith(b"\xff\xd8\xff"):
        return "image/jpeg"
    if head.startswith(b"\x89PNG\r\n\x1a\n") and head[12:] == b"IHDR":
        return "image/png"
    if head.startswith((b"GIF87a", b"GIF89a")):
        return "image/gif"
    if head.startswith(b"RIFF") and head[8:15] == b"WEBPVP8":
        return "image/webp"
    return None
