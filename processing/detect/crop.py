"""The part of a video's frames that its container has displayed.

Of MP4 and QuickTime that is the clean aperture (ISO/IEC 14496-12, 12.1.4), of Matroska what is not cropped (RFC 9559,
5.1.4.1.28.8).
"""

import struct
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path

from processing.detect.boxes import Box, boxes_between, handler_of, number_of, parts_of
from processing.detect.ebml import EBML, SEGMENT, TRACK, TRACKS, Element, elements_between, find
from processing.detect.reading import Reader, read_from, sparing

TABLES = (b"mdia", b"minf", b"stbl")
ENTRY_BYTES = 78  # of a sample entry of video, before the boxes in it
APERTURE = struct.Struct(">8i")
VIDEO = 0xE0
NUMBER_BYTES = 8
LEFT, RIGHT, TOP, BOTTOM = 0x54CC, 0x54DD, 0x54BB, 0x54AA


@dataclass(frozen=True, slots=True)
class Crop:
    """How many pixels of a frame's edges are not displayed."""

    left: int
    right: int
    top: int
    bottom: int

    def within(self, width: int, height: int) -> "Crop | None":
        """The same for frames of this size; None where it would leave nothing, or all."""
        edges = (self.left, self.right, self.top, self.bottom)
        is_sound = min(edges) >= 0 and self.left + self.right < width and self.top + self.bottom < height
        return self if is_sound and any(edges) else None

    @property
    def filter(self) -> str:
        """That of FFmpeg that leaves what is displayed; colours that pixels share move its edges."""
        left, right, top, bottom = self.left, self.right, self.top, self.bottom
        return f"crop=iw-{left + right}:ih-{top + bottom}:{left}:{top}"


def crop_of(source: Path, track: int, width: int, height: int) -> Crop | None:
    """That of the first video, whose frames have this size; None where all is displayed.

    `track` is its id in MP4 and QuickTime, where others may hold images of chapters.
    """
    size = source.stat().st_size
    with source.open("rb") as file:
        crop = read_from(file, sparing(_crop(size, track, width, height), size, b""))
    return crop.within(width, height) if crop else None


def _crop(size: int, track: int, width: int, height: int) -> Reader[Crop | None]:
    if (yield 0, 4) == EBML:
        return (yield from _of_matroska(size))
    aperture = yield from _aperture(size, track)
    return _around(aperture, width, height) if aperture else None


def _aperture(size: int, track: int) -> Reader[bytes | None]:
    """The values of the track's `clap`."""
    found = yield from boxes_between(0, size, until=b"moov")
    moov = found[-1] if found and found[-1].kind == b"moov" else None
    for box in (yield from boxes_between(moov.start, moov.end)) if moov else []:
        if box.kind == b"trak":
            parts = yield from parts_of(box)
            if (yield from number_of(parts)) == track and (yield from handler_of(parts)) == b"vide":
                return (yield from _of_entry(parts))
    return None


def _of_entry(parts: dict[bytes, Box]) -> Reader[bytes | None]:
    for name in TABLES:
        parts = (yield from parts_of(parts[name])) if name in parts else {}
    if b"stsd" not in parts:
        return None
    table = parts[b"stsd"]
    entries = yield from boxes_between(table.start + 8, table.end)
    inner = (yield from parts_of(entries[0], skip=ENTRY_BYTES)) if entries else {}
    return (yield inner[b"clap"].start, APERTURE.size) if b"clap" in inner else None


def _around(aperture: bytes, width: int, height: int) -> Crop | None:
    """The edges around an aperture: its size, and how far its centre is from that of the frames."""
    try:
        values = APERTURE.unpack(aperture)
        inner_width, inner_height, right_of, below = (Fraction(*values[at : at + 2]) for at in range(0, 8, 2))
    except (struct.error, ZeroDivisionError):
        return None
    left, top = (width - inner_width) / 2 + right_of, (height - inner_height) / 2 + below
    return Crop(round(left), round(width - inner_width - left), round(top), round(height - inner_height - top))


def _of_matroska(size: int) -> Reader[Crop | None]:
    segment = yield from find(0, size, SEGMENT)
    listed = (yield from find(segment.start, segment.end, TRACKS)) if segment else None
    for entry in (yield from elements_between(listed.start, listed.end)) if listed else []:
        if entry.number == TRACK and (video := (yield from find(entry.start, entry.end, VIDEO))):
            return (yield from _edges(video))
    return None


def _edges(video: Element) -> Reader[Crop]:
    left, right = (yield from _value(video, LEFT)), (yield from _value(video, RIGHT))
    return Crop(left, right, (yield from _value(video, TOP)), (yield from _value(video, BOTTOM)))


def _value(parent: Element, number: int) -> Reader[int]:
    found = yield from find(parent.start, parent.end, number)
    return int.from_bytes((yield found.start, min(found.end - found.start, NUMBER_BYTES))) if found else 0
