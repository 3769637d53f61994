"""Matroska and WebM: an element is its number, its size, and what it holds."""

from dataclasses import dataclass

from processing.detect.reading import Reader

EBML = b"\x1a\x45\xdf\xa3"
DOC_TYPE, SEGMENT, TRACKS, TRACK, TRACK_TYPE, CODEC = 0x4282, 0x18538067, 0x1654AE6B, 0xAE, 0x83, 0x86
VIDEO, SOUND = b"\1", b"\2"
# Those of WebM, and what Chromium's MediaRecorder writes beside them, which it then calls Matroska.
CODECS = frozenset({
    b"V_VP8", b"V_VP9", b"V_AV1", b"A_VORBIS", b"A_OPUS",
    b"V_MPEG4/ISO/AVC", b"V_MPEGH/ISO/HEVC", b"A_AAC", b"A_PCM/FLOAT/IEEE",
})  # fmt: skip
MAX_NUMBER_BYTES = 4
MAX_TEXT_BYTES = 32


@dataclass(frozen=True, slots=True)
class Element:
    """The number of an element, and where its content starts and ends."""

    number: int
    start: int
    end: int


def in_ebml(size: int) -> Reader[str | None]:
    """WebM by its name, or Matroska of which browsers make and play all tracks; video or sound by the tracks."""
    header = yield from _element(0, size)
    if header is None:
        return None
    doc_type = yield from _text(header, DOC_TYPE)
    tracks = yield from _tracks(header.end, size)
    kinds = {kind for kind, _ in tracks}
    if doc_type == b"matroska" and not (kinds & {VIDEO, SOUND} and _is_webm(tracks)):
        return None
    if doc_type not in {b"webm", b"matroska"}:
        return None
    return "audio/webm" if SOUND in kinds and VIDEO not in kinds else "video/webm"


def _is_webm(tracks: list[tuple[bytes, bytes]]) -> bool:
    return all(codec in CODECS for kind, codec in tracks if kind in {VIDEO, SOUND})


def _tracks(start: int, end: int) -> Reader[list[tuple[bytes, bytes]]]:
    """The kind and the codec of each track."""
    segment = yield from find(start, end, SEGMENT)
    listed = (yield from find(segment.start, segment.end, TRACKS)) if segment else None
    tracks = (yield from elements_between(listed.start, listed.end)) if listed else []
    found = []
    for track in tracks:
        if track.number == TRACK:
            kind = yield from _text(track, TRACK_TYPE)
            found.append((kind, (yield from _text(track, CODEC))))
    return found


def _text(parent: Element, number: int) -> Reader[bytes]:
    """What an element holds that stands in another; it may be filled up with zeros."""
    found = yield from find(parent.start, parent.end, number)
    if found is None:
        return b""
    return (yield found.start, min(found.end - found.start, MAX_TEXT_BYTES)).strip(b"\0")


def find(start: int, end: int, number: int) -> Reader[Element | None]:
    """The first element of a number among those that follow each other from `start` on."""
    elements = yield from elements_between(start, end, until=number)
    return elements[-1] if elements and elements[-1].number == number else None


def elements_between(start: int, end: int, until: int = 0) -> Reader[list[Element]]:
    """The elements that follow each other from `start` on, none after the first of number `until`."""
    found: list[Element] = []
    while start < end and (element := (yield from _element(start, end))):
        found.append(element)
        if element.number == until:
            break
        start = element.end
    return found


def _element(offset: int, end: int) -> Reader[Element | None]:
    """The element at an offset, as much of it as there is; one of unknown size goes to the end of its parent."""
    head = yield offset, 12
    number = _coded(head)
    size = _coded(head[len(number) :])
    if not 1 <= len(number) <= MAX_NUMBER_BYTES or not size:
        return None
    marker = 1 << 7 * len(size)
    length = int.from_bytes(size) - marker
    start = offset + len(number) + len(size)
    return Element(int.from_bytes(number), start, end if length == marker - 1 else min(start + length, end))


def _coded(data: bytes) -> bytes:
    """A number with its marker, whose first bit that is set tells how many bytes it has; nothing when it is cut."""
    length = 9 - data[0].bit_length() if data else 0
    return data[:length] if length <= min(8, len(data)) else b""
