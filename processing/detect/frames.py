"""Sound without a container: MP3, AAC in ADTS, and FLAC, behind tags of whatever number and kind."""

from dataclasses import dataclass

from processing.detect.reading import Reader

MPEG_2_5, MPEG_2, MPEG_1 = 0, 2, 3
KBITS = {
    MPEG_1: (32, 40, 48, 56, 64, 80, 96, 112, 128, 160, 192, 224, 256, 320),
    MPEG_2: (8, 16, 24, 32, 40, 48, 56, 64, 80, 96, 112, 128, 144, 160),
}
RATES = {
    MPEG_1: (44_100, 48_000, 32_000),
    MPEG_2: (22_050, 24_000, 16_000),
    MPEG_2_5: (11_025, 12_000, 8_000),
}
ADTS_RATES = range(13)
LAYER_3, ADTS = 0xFFE2, 0xFFF0
FRAME_HEADER_BYTES = 6
FRAMES = 4  # in a row, each where the one before it ends: chance has no such
STREAM_INFO = b"\0\0\0\x22"  # the first block of a FLAC, and its length
AFTER_SOUND = (b"TAG", b"ID3", b"APETAGEX", b"LYRICS")

TAG_HEADER_BYTES, APE_HEADER_BYTES = 10, 32
MAX_TAGS = 16
MAX_ZEROS = 64 * 1024
MAX_JUNK = 4096


@dataclass(frozen=True, slots=True)
class Frame:
    """The type that a frame's header shows, what all frames of an audio file have in common, and its bytes."""

    content_type: str
    shape: tuple[int, ...]
    length: int


def in_frames(size: int) -> Reader[str | None]:
    """What follows tags and zeros: FLAC, or frames in a row.

    Only behind a tag, or from a frame on, may they begin late: an archive holds such rows, too, and pages may.
    """
    start, is_tagged = yield from _after_tags()
    head = yield start, 8
    if head.startswith(b"fLaC"):
        return "audio/flac" if bytes([head[4] & 0x7F, *head[5:]]) == STREAM_INFO else None
    frame = _frame(head)
    if frame and (yield from _goes_on(start, size, least=1)):
        return frame.content_type
    return (yield from _begun_late(start, size)) if is_tagged or frame else None


def _after_tags() -> Reader[tuple[int, bool]]:
    """Where the tags and zeros end that stand before the sound, and whether there are tags."""
    start, is_tagged = 0, False
    for _ in range(MAX_TAGS):
        start = yield from _after_zeros(start)
        length = _tag_length((yield start, TAG_HEADER_BYTES + 6))
        if not length:
            break
        start, is_tagged = start + length, True
    return start, is_tagged


def _tag_length(head: bytes) -> int:
    """The bytes of the ID3v2 or APE tag that begins so, 0 when none does."""
    if head.startswith(b"ID3") and len(head) > TAG_HEADER_BYTES:
        footer = TAG_HEADER_BYTES if head[5] & 0x10 else 0
        return TAG_HEADER_BYTES + footer + sum((byte & 0x7F) << 7 * place for place, byte in enumerate(head[9:5:-1]))
    if head.startswith(b"APETAGEX"):
        return APE_HEADER_BYTES + int.from_bytes(head[12:16], "little")
    return 0


def _after_zeros(start: int) -> Reader[int]:
    for offset in range(start, start + MAX_ZEROS, MAX_JUNK):
        held = yield offset, MAX_JUNK
        if sound := held.lstrip(b"\0"):
            return offset + len(held) - len(sound)
    return start


def _begun_late(start: int, size: int) -> Reader[str | None]:
    """What goes on as sound from a little later: a tag may tell a wrong size, a first frame may be cut."""
    held = yield start, MAX_JUNK
    at = held.find(b"\xff")
    while at >= 0:
        frame = _frame(held[at : at + 8])
        if frame and (yield from _goes_on(start + at, size, least=2)):
            return frame.content_type
        at = held.find(b"\xff", at + 1)
    return None


def _goes_on(start: int, size: int, least: int) -> Reader[bool]:
    """Whether frames of one shape stand in a row, up to the end of the sound when there are only few."""
    shape = None
    for count in range(FRAMES):
        head = yield start, 8
        frame = _frame(head)
        if frame is None or shape not in {None, frame.shape}:
            return count >= least and (start >= size or head.startswith(AFTER_SOUND))
        shape = frame.shape
        start += frame.length
    return True


def _frame(head: bytes) -> Frame | None:
    if len(head) < FRAME_HEADER_BYTES:
        return None
    start = int.from_bytes(head[:2])
    if start & 0xFFF6 == ADTS:
        return _adts(head)
    return _mp3(head) if start & 0xFFE6 == LAYER_3 else None


def _mp3(head: bytes) -> Frame | None:
    """MPEG 1, 2 or 2.5, layer III."""
    version, bitrate, rate, padding = head[1] >> 3 & 3, head[2] >> 4, head[2] >> 2 & 3, head[2] >> 1 & 1
    if version not in RATES or bitrate in {0, 15} or rate not in range(3):
        return None
    kbits, factor = KBITS[version or MPEG_2][bitrate - 1], 144 if version == MPEG_1 else 72
    return Frame("audio/mpeg", (version, rate), factor * kbits * 1000 // RATES[version][rate] + padding)


def _adts(head: bytes) -> Frame | None:
    rate, length = head[2] >> 2 & 15, int.from_bytes(head[3:6]) >> 5 & 0x1FFF
    return (
        Frame("audio/aac", (head[1], head[2] >> 2), length)
        if rate in ADTS_RATES and length > FRAME_HEADER_BYTES
        else None
    )
