"""What a child hands over, looked at before anybody else sees it: its decoder has read a stranger's bytes.

Only headers are read, and nothing is decoded: of a file in pieces, the list of its pieces.
"""

import struct
from collections.abc import Iterator
from pathlib import Path
from typing import Annotated, BinaryIO, Literal

import msgspec
from msgspec import Meta, Struct

from contracts.renditions import FULL, OF_HLS, OF_VIDEO, PEAKS, PLAYLIST_TYPE, POSTER, THUMBNAILS, WAVEFORM
from processing.image.dimensions import dimensions
from processing.protocol import File

WEBP, AAC, MP4, JSON = "image/webp", "audio/mp4", "video/mp4", "application/json"
TYPES = {
    **dict.fromkeys((*(f"thumb{size}" for size in THUMBNAILS), FULL, POSTER, WAVEFORM), frozenset({WEBP})),
    **dict.fromkeys((name for name in OF_VIDEO if name.startswith("mp4-")), frozenset({MP4})),
    **dict.fromkeys(OF_HLS, frozenset({PLAYLIST_TYPE})),
    FULL: frozenset({WEBP, AAC}),
    PEAKS: frozenset({JSON}),
}
SUFFIXES = {WEBP: ".webp", AAC: ".m4a", MP4: ".mp4", JSON: ".json", PLAYLIST_TYPE: ".m3u8"}

# A WebP's pieces, without those that tell of where and by whom an image was taken (EXIF, XMP).
WEBP_CHUNKS = frozenset({b"VP8 ", b"VP8L", b"VP8X", b"ALPH", b"ANIM", b"ANMF"})
# Those of an MP4 and of its segments, at the top level (ISO/IEC 14496-12).
MP4_BOXES = frozenset({b"ftyp", b"styp", b"moov", b"moof", b"mdat", b"sidx", b"free", b"mfra"})
MP4_BEGINNINGS = frozenset({b"ftyp", b"styp", b"moof"})
MAX_PIECES = 100_000
HEAD_BYTES = 4096
PEAKS_BYTES = 64 * 1024


class Peaks(Struct, forbid_unknown_fields=True):
    """The loudness of an audio file, as `waveform.write_peaks` writes it."""

    version: Literal[2]
    channels: Literal[1]
    sample_rate: Literal[8000]
    samples_per_pixel: Annotated[int, Meta(gt=0)]
    bits: Literal[8]
    length: Annotated[int, Meta(gt=0)]
    data: list[Annotated[int, Meta(ge=-128, le=127)]]


def is_rendition(file: File) -> bool:
    """Whether a file has the type of its name, by its header, of the size that was said, and nothing besides.

    A playlist is judged by its segments; what it names is for whoever publishes it.
    """
    if file.mime_type not in TYPES.get(file.name, ()) or file.path.suffix != SUFFIXES[file.mime_type]:
        return False
    try:
        if file.mime_type == WEBP:
            return _is_webp(file)
        if file.mime_type == JSON:
            return _is_peaks(file.path)
        return all(_is_mp4(path) for path in (file.segments if file.variant else [file.path]))
    except (OSError, struct.error, msgspec.DecodeError):
        return False


def _is_webp(file: File) -> bool:
    with file.path.open("rb") as opened:
        kind, size, form = struct.unpack("<4sI4s", opened.read(12))
        if (kind, form, size + 8) != (b"RIFF", b"WEBP", file.size):
            return False
        if not all(name in WEBP_CHUNKS for name in _chunks(opened, file.size)):
            return False
        opened.seek(0)
        return dimensions(opened.read(HEAD_BYTES)) == (file.width, file.height)


def _chunks(opened: BinaryIO, end: int) -> Iterator[bytes]:
    """The names of the pieces up to the end; an empty one where they do not reach exactly that."""
    for _ in range(MAX_PIECES):
        at = opened.tell()
        if at == end:
            return
        name, size = struct.unpack("<4sI", opened.read(8))
        yield name
        opened.seek(at + 8 + size + size % 2)
    yield b""


def _is_mp4(path: Path) -> bool:
    with path.open("rb") as opened:
        names = list(_boxes(opened, path.stat().st_size))
    return bool(names) and names[0] in MP4_BEGINNINGS and MP4_BOXES.issuperset(names)


def _boxes(opened: BinaryIO, end: int) -> Iterator[bytes]:
    """The names of the boxes up to the end; an empty one where they do not reach exactly that."""
    for _ in range(MAX_PIECES):
        at = opened.tell()
        if at == end:
            return
        size, name = struct.unpack(">I4s", opened.read(8))
        header = 8
        if size == 1:
            (size,), header = struct.unpack(">Q", opened.read(8)), 16
        if size < header or at + size > end:
            break
        yield name
        opened.seek(at + size)
    yield b""


def _is_peaks(path: Path) -> bool:
    with path.open("rb") as opened:
        peaks = msgspec.json.decode(opened.read(PEAKS_BYTES + 1), type=Peaks)
    return len(peaks.data) == 2 * peaks.length
