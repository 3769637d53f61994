"""ISO base media files and QuickTime: MP4, HEIC, AVIF. A box is its size, its type, and what it holds."""

import re
import struct
from dataclasses import dataclass

from processing.detect.reading import Reader

# QuickTime need not begin with what names it.
UNNAMED = frozenset({b"mdat", b"moov", b"wide", b"skip", b"free", b"pnot"})
BEGINNINGS = UNNAMED | {b"ftyp"}

AVIF = frozenset({b"avif", b"avis"})
HEIC = frozenset({b"heic", b"heix", b"heim", b"heis", b"hevc", b"hevx", b"hevm", b"hevs"})
IMAGES = frozenset({b"mif1", b"mif2", b"msf1", b"miaf"})  # of whatever is in them
VIDEOS = re.compile(rb"iso[m2-9a-c]|mp4[12]|mp71|avc1|dash|cmf.|M4[VABP] |M4VH|[Ff]4[vVAB] |qt  |3g[2p].|MSNV|NDS.")
SOUNDS = frozenset({b"M4A ", b"M4B ", b"M4P ", b"F4A ", b"F4B "})
RAW = b"crx "  # a camera's, with the tracks of a video
HEADER_BYTES = 8
QUICKTIME = b"qt  "

MAX_BRANDS = 64
MAX_CHAPTER_TRACKS = 64


@dataclass(frozen=True, slots=True)
class Box:
    """The type of a box, and where its content starts and ends."""

    kind: bytes
    start: int
    end: int


def in_boxes(size: int) -> Reader[str | None]:
    """What a file of boxes is: an image by its brands, a video or a sound by its tracks."""
    brands = yield from _brands((yield from _box(0, size)))
    if image := (yield from _image(brands, size)):
        return image
    boxes = yield from boxes_between(0, size, until=b"moov")
    named = next((box for box in boxes if box.kind == b"ftyp"), None)
    brands = brands or (yield from _brands(named))
    if RAW in brands:
        return None
    return (yield from _audio(boxes[-1] if boxes else None, brands))


def _audio(last: Box | None, brands: list[bytes]) -> Reader[str | None]:
    """A video or a sound by the tracks of its last box, `moov`; by its brands alone when that is not there."""
    tracks = (yield from _tracks(last)) if last and last.kind == b"moov" else frozenset()
    is_quicktime = not brands or brands[0] == QUICKTIME
    if b"vide" in tracks or b"cmov" in tracks:
        return "video/quicktime" if is_quicktime else "video/mp4"
    if b"soun" in tracks:
        return "audio/mp4"
    return _by_brands(brands)


def _by_brands(brands: list[bytes]) -> str | None:
    """What a file would be that was cut off before its tracks."""
    if not any(map(VIDEOS.match, brands)):
        return None
    if brands[0] in SOUNDS:
        return "audio/mp4"
    return "video/quicktime" if brands[0] == QUICKTIME else "video/mp4"


def _tracks(moov: Box) -> Reader[frozenset[bytes]]:
    """What the tracks hold, but those that hold the chapters of others; `cmov` when they are compressed."""
    handlers, chapters = dict[int, bytes](), set[int]()
    boxes = yield from boxes_between(moov.start, moov.end)
    for track in boxes:
        if track.kind == b"trak":
            parts = yield from parts_of(track)
            handlers[(yield from number_of(parts))] = yield from handler_of(parts)
            chapters |= yield from _chapters(parts)
    compressed = {box.kind for box in boxes} & {b"cmov"}
    return frozenset(handler for number, handler in handlers.items() if number not in chapters) | compressed


def number_of(parts: dict[bytes, Box]) -> Reader[int]:
    """That of a track; one of its own below zero for each that tells none."""
    if b"tkhd" not in parts:
        return -len(parts)
    header = yield parts[b"tkhd"].start, 24
    start = 20 if header[:1] == b"\1" else 12
    return int.from_bytes(header[start : start + 4])


def handler_of(parts: dict[bytes, Box]) -> Reader[bytes]:
    """What a track holds: `vide`, `soun` or something else."""
    media = (yield from parts_of(parts[b"mdia"])) if b"mdia" in parts else {}
    return (yield media[b"hdlr"].start + 8, 4) if b"hdlr" in media else b""


def _chapters(parts: dict[bytes, Box]) -> Reader[set[int]]:
    references = (yield from parts_of(parts[b"tref"])) if b"tref" in parts else {}
    if b"chap" not in references:
        return set()
    named = references[b"chap"]
    numbers = yield named.start, min(named.end - named.start, 4 * MAX_CHAPTER_TRACKS)
    return {number for (number,) in struct.iter_unpack(">I", numbers[: len(numbers) // 4 * 4])}


def _brands(box: Box | None) -> Reader[list[bytes]]:
    """The major brand, then those that it is compatible with."""
    if box is None or box.kind != b"ftyp":
        return []
    held = yield box.start, min(box.end - box.start, 4 * MAX_BRANDS)
    return [held[:4], *(held[at : at + 4] for at in range(8, len(held), 4))]


def _image(brands: list[bytes], size: int) -> Reader[str | None]:
    """An image by the first brand that names a codec; by its items when none does. No video is one by the way."""
    if not brands or VIDEOS.match(brands[0]):
        return None
    for brand in brands:
        if brand in AVIF:
            return "image/avif"
        if brand in HEIC:
            return "image/heic"
    return (yield from _by_items(size)) if IMAGES.intersection(brands) else None


def _by_items(size: int) -> Reader[str]:
    meta = (yield from boxes_between(0, size, until=b"meta"))[-1]
    parts = (yield from parts_of(meta, skip=4)) if meta.kind == b"meta" else {}
    items = yield from _items(parts.get(b"iinf"))
    if b"av01" in items:
        return "image/avif"
    return "image/heic" if b"hvc1" in items else "image/heif"


def _items(listed: Box | None) -> Reader[set[bytes]]:
    """The types of the items that an image consists of."""
    found = set[bytes]()
    if listed is None:
        return found
    version = yield listed.start, 1
    for item in (yield from boxes_between(listed.start + (6 if version == b"\0" else 8), listed.end)):
        entry = yield item.start, 14
        found.add(entry[8:12] if entry[:1] == b"\2" else entry[10:14])
    return found


def parts_of(box: Box, skip: int = 0) -> Reader[dict[bytes, Box]]:
    """The boxes in a box by their types, of which these have one each."""
    return {part.kind: part for part in (yield from boxes_between(box.start + skip, box.end))}


def boxes_between(start: int, end: int, until: bytes = b"") -> Reader[list[Box]]:
    """The boxes that follow each other from `start` on, none after the first of type `until`."""
    found: list[Box] = []
    while start < end and (box := (yield from _box(start, end))):
        found.append(box)
        if box.kind == until:
            break
        start = box.end
    return found


def _box(offset: int, end: int) -> Reader[Box | None]:
    """The box at an offset, as much of it as there is; None where none is."""
    head = yield offset, 16
    size, kind, start = int.from_bytes(head[:4]), head[4:8], offset + 8
    if size == 1:
        size, start = int.from_bytes(head[8:]), offset + 16
    elif size == 0:
        size = end - offset
    if len(head) < HEADER_BYTES or offset + size < start:
        return None
    return Box(kind, start, min(offset + size, end))
