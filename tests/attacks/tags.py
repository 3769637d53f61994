"""Audio files and videos with as many tags as one likes, no two alike, in each container."""

import struct
from collections.abc import Callable

from tests.audio_files import audio_file
from tests.videos import clip

OF_THREE_LETTERS, SYNCSAFE = 2, 4  # versions of ID3v2
UNKNOWN_SIZE = b"\x01" + b"\xff" * 7  # of an element of Matroska, in eight bytes
SEGMENT, CLUSTER = b"\x18\x53\x80\x67", b"\x1f\x43\xb6\x75"
TAGS, TAG, TARGETS, SIMPLE_TAG, TAG_NAME, TAG_STRING = (
    b"\x12\x54\xc3\x67", b"\x73\x73", b"\x63\xc0", b"\x67\xc8", b"\x45\xa3", b"\x44\x87",
)  # fmt: skip


def mp3(count: int, version: int = 4) -> bytes:
    """ID3v2.2, 2.3 or 2.4: a title and an artist, then frames of the user's own."""
    title, artist, own = (b"TT2", b"TP1", b"TXX") if version == OF_THREE_LETTERS else (b"TIT2", b"TPE1", b"TXXX")
    frames = [_frame(version, title, b"Harbour"), _frame(version, artist, b"The Gulls")]
    frames += [_frame(version, own, b"k%07d\0v" % number) for number in range(count)]
    tag = b"".join(frames)
    return b"ID3%c\0\0" % version + _syncsafe(len(tag)) + tag + audio_file("mp3", tags=())


def wav(count: int) -> bytes:
    """A list of INFO before the sound."""
    body = audio_file("wav", tags=())
    sound = body.index(b"data")
    chunks = b"".join(_letters(number) + struct.pack("<I", 2) + b"v\0" for number in range(count))
    info = b"LIST" + struct.pack("<I", 4 + len(chunks)) + b"INFO" + chunks
    return body[:4] + struct.pack("<I", len(body) + len(info) - 8) + body[8:sound] + info + body[sound:]


def ogg(count: int) -> bytes:
    """Short audio files one after the other, each with up to five thousand Vorbis comments of its own."""
    each = min(count, 5000)
    tags = tuple((f"k{number:07}", "v") for number in range(each))
    return audio_file("ogg", seconds=0.1, tags=tags) * (count // each)


def m4a(count: int) -> bytes:
    """Free-form items of iTunes."""
    return _with_items(audio_file("m4a", tags=()), count)


def mp4(count: int) -> bytes:
    """The same in a video."""
    return _with_items(clip("mp4"), count)


def mov(count: int) -> bytes:
    """Keys of QuickTime, with their values."""
    keys = b"".join(_atom(b"mdta", b"k%07d" % number) for number in range(count))
    values = b"".join(_atom(struct.pack(">I", 1 + number), _value()) for number in range(count))
    handler = _atom(b"hdlr", bytes(8) + b"mdta" + bytes(13))
    listed = _atom(b"keys", bytes(4) + struct.pack(">I", count) + keys)
    return _in_moov(clip("mov"), _atom(b"meta", handler + listed + _atom(b"ilst", values)))


def webm(count: int) -> bytes:
    """Tags before the first cluster."""
    body = clip("webm")
    tags = b"".join(
        _element(SIMPLE_TAG, _element(TAG_NAME, b"K%07d" % number) + _element(TAG_STRING, b"v"))
        for number in range(count)
    )
    segment, cluster = body.index(SEGMENT) + len(SEGMENT), body.index(CLUSTER)
    told = _element(TAGS, _element(TAG, _element(TARGETS, b"") + tags))
    return body[:segment] + UNKNOWN_SIZE + body[segment + len(UNKNOWN_SIZE) : cluster] + told + body[cluster:]


AUDIOS: dict[str, tuple[Callable[[int], bytes], str]] = {
    "wav": (wav, "audio/wav"),
    "ogg": (ogg, "audio/ogg"),
    "m4a": (m4a, "audio/mp4"),
}
VIDEOS: dict[str, tuple[Callable[[int], bytes], str]] = {
    "mp4": (mp4, "video/mp4"),
    "mov": (mov, "video/quicktime"),
    "webm": (webm, "video/webm"),
}


def _frame(version: int, kind: bytes, text: bytes) -> bytes:
    told = b"\0" + text
    if version == OF_THREE_LETTERS:
        return kind + len(told).to_bytes(3) + told
    return kind + (_syncsafe(len(told)) if version == SYNCSAFE else len(told).to_bytes(4)) + b"\0\0" + told


def _syncsafe(number: int) -> bytes:
    return bytes(number >> shift & 0x7F for shift in (21, 14, 7, 0))


def _letters(number: int) -> bytes:
    return bytes(65 + number // 26**place % 26 for place in range(4))


def _with_items(body: bytes, count: int) -> bytes:
    mean = _atom(b"mean", b"\0\0\0\0com.apple.iTunes")
    items = b"".join(
        _atom(b"----", mean + _atom(b"name", b"\0\0\0\0k%07d" % number) + _value()) for number in range(count)
    )
    handler = _atom(b"hdlr", bytes(8) + b"mdirappl" + bytes(9))
    return _in_moov(body, _atom(b"udta", _atom(b"meta", bytes(4) + handler + _atom(b"ilst", items))))


def _value() -> bytes:
    return _atom(b"data", struct.pack(">II", 1, 0) + b"v")


def _atom(kind: bytes, body: bytes) -> bytes:
    return struct.pack(">I", 8 + len(body)) + kind + body


def _in_moov(body: bytes, atom: bytes) -> bytes:
    """With one more atom at the end of the last one, `moov`."""
    at = body.rindex(b"moov") - 4
    size = int.from_bytes(body[at : at + 4])
    assert at + size == len(body)
    return body[:at] + struct.pack(">I", size + len(atom)) + body[at + 4 :] + atom


def _element(kind: bytes, body: bytes) -> bytes:
    return kind + struct.pack(">Q", len(body) | 1 << 56) + body
