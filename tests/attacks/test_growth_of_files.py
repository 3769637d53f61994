"""The same of files: what strangers upload, and what a child hands over that one of them took over."""

import struct
from functools import partial
from io import BytesIO
from pathlib import Path

import pytest

from processing.detect import detect
from processing.image.dimensions import dimensions
from processing.image.exif import read_exif
from processing.inspection import is_rendition
from processing.protocol import File
from processing.sandbox.child import _read
from storage.playlists import read_own, signed
from tests.attacks.growth import Made, is_linear

# How files begin that some reader of headers knows; more follows.
BEGINNINGS = {
    "JPEG": b"\xff\xd8\xff\xe0\0\2", "PNG": b"\x89PNG\r\n\x1a\n", "GIF": b"GIF89a", "BMP": b"BM", "ICO": b"\0\0\1\0",
    "WebP": b"RIFF\xff\xff\xff\xffWEBP", "AVIF": b"\0\0\0\x18ftypavif", "HEIC": b"\0\0\0\x18ftypheic",
    "TIFF": b"II*\0\x08\0\0\0", "TIFF of Motorola": b"MM\0*\0\0\0\x08", "JPEG 2000": b"\0\0\0\x0cjP  \r\n\x87\n",
    "SVG": b"<?xml", "SVG without a head": b"<svg ", "PNM": b"P6\n", "PSD": b"8BPS", "ZIP": b"PK\3\4", "ID3": b"ID3\4",
    "Ogg": b"OggS", "Matroska": b"\x1a\x45\xdf\xa3", "WAV": b"RIFF\xff\xff\xff\xffWAVE", "nothing": b"",
}  # fmt: skip
FILLINGS = {
    "segments": b"\xff\xe1\0\x02", "zeros": b"\0", "ones": b"\xff", "spaces": b" ", "lines": b"#\n", "numbers": b"1 ",
    "elements": b"<a ", "boxes": b"\0\0\0\x08free", "chunks": b"abcd\0\0\0\0", "large chunks": b"\0\0\0\0abcd\0\0\0\0",
}  # fmt: skip


FILES: dict[str, Made] = {
    "boxes": lambda size: b"\0\0\0\x10ftypmp42\0\0\0\0" + b"\0\0\0\x08free" * (size // 8),
    "boxes in boxes": lambda size: b"".join(left.to_bytes(4) + b"moov" for left in range(size, 8, -8)),
    "brands": lambda size: (size + 16).to_bytes(4) + b"ftyp" + b"abcd" * (size // 4),
    "elements": lambda size: b"\x1a\x45\xdf\xa3\x80\x18\x53\x80\x67\x01" + b"\xff" * 7 + b"\xec\x80" * (size // 2),
    "pages": lambda size: (b"OggS\0\2" + bytes(20) + b"\1\0") * (size // 28),
    "tags": lambda size: (b"ID3\4\0\0" + bytes(4)) * (size // 10),
    "frames that lead nowhere": lambda size: b"ID3\4\0\0\0\0\0\0" + b"\xff\xfb\x90\0" * (size // 4),
}


def _type_of(held: bytes) -> str | None:
    return detect(BytesIO(held))


@pytest.mark.parametrize("body", FILES.values(), ids=FILES)
def test_a_type_is_told_in_linear_time(body):
    assert is_linear(_type_of, body)


@pytest.mark.parametrize("read", [_type_of, dimensions], ids=["its type", "its size"])
def test_a_file_is_looked_at_in_linear_time(subtests, read):
    for kind, beginning in BEGINNINGS.items():
        for filling, repeated in FILLINGS.items():
            with subtests.test(kind=kind, filling=filling):
                assert is_linear(read, partial(_filled, beginning, repeated))


def _filled(beginning: bytes, repeated: bytes, size: int) -> bytes:
    return beginning + repeated * (size // len(repeated))


def _exif(entries: int, kind: int, size: int) -> bytes:
    """One folder of so many entries, each with a value of its own."""
    begin = 8 + 2 + 12 * entries + 4
    folder = b"".join(struct.pack(">HHII", number % 65_536, kind, size, begin) for number in range(entries))
    return b"Exif\0\0MM\0*\0\0\0\x08" + struct.pack(">H", entries) + folder + bytes(4) + bytes(size)


EXIF: dict[str, Made] = {
    "texts": lambda size: _exif(size // 12, 2, 4),
    "long texts": lambda size: _exif(size // 12, 2, 100),
    "numbers": lambda size: _exif(size // 12, 3, 1),
    "folders": lambda size: _exif(size // 12, 4, 1),
}


@pytest.mark.parametrize("exif", EXIF.values(), ids=EXIF)
def test_exif_is_read_in_linear_time(exif):
    assert is_linear(lambda block: read_exif(block, keep_location=True), exif)


@pytest.fixture
def handed_over(tmp_path: Path):
    """Judge bytes as a rendition."""

    def judge(name: str, mime_type: str, body: bytes) -> bool:
        suffix = {"image/webp": "webp", "video/mp4": "mp4", "application/json": "json"}[mime_type]
        path = tmp_path / f"{name}.{suffix}"
        path.write_bytes(body)
        return is_rendition(File(name=name, path=path, mime_type=mime_type, size=len(body), width=1, height=1))

    return judge


RENDITIONS: dict[str, tuple[str, str, Made]] = {
    "chunks of a WebP": (
        "full",
        "image/webp",
        lambda size: b"RIFF" + struct.pack("<I", size // 8 * 8 + 4) + b"WEBP" + b"VP8 \0\0\0\0" * (size // 8),
    ),
    "boxes of an MP4": ("mp4-360p", "video/mp4", lambda size: b"\0\0\0\x08ftyp" + b"\0\0\0\x08free" * (size // 8)),
    "peaks": ("peaks", "application/json", lambda size: b'{"version":2,"data":[' + b"0," * (size // 2)),
}


@pytest.mark.parametrize("kind", RENDITIONS)
def test_a_rendition_is_inspected_in_linear_time(handed_over, kind):
    name, mime_type, made = RENDITIONS[kind]

    assert is_linear(lambda body: handed_over(name, mime_type, body), made)


PLAYLISTS: dict[str, Made] = {
    "segments": lambda size: "#EXTM3U\n" + "#EXTINF:1,\na\n" * (size // 13),
    "streams": lambda size: "#EXTM3U\n" + "#EXT-X-STREAM-INF:BANDWIDTH=1\na\n" * (size // 32),
    "headers": lambda size: "#EXTM3U\n" + '#EXT-X-MAP:URI="a"\n#EXTINF:1,\na\n' * (size // 32),
    "quotes": lambda size: "#EXTM3U\n#EXT-X-STREAM-INF:" + "\"'" * (size // 2) + "\na\n",
    "attributes": lambda size: "#EXTM3U\n#EXT-X-STREAM-INF:" + "A=1," * (size // 4) + "\na\n",
    "a title": lambda size: "#EXTM3U\n#EXTINF:1," + "a" * size + "\na\n",
    "digits": lambda size: "#EXTM3U\n#EXTINF:" + "1" * size + ",\na\n",
    "lines": lambda size: "#EXTM3U\n" + "\n" * size,
    "names": lambda size: "#EXTM3U\n" + "a" * size,
    "folders": lambda size: "#EXTM3U\n" + "../00000000/" * (size // 12),
}


@pytest.mark.parametrize("playlist", PLAYLISTS.values(), ids=PLAYLISTS)
def test_a_playlist_is_read_and_signed_in_linear_time(playlist):
    assert is_linear(read_own, playlist)
    assert is_linear(lambda text: signed(text, str.upper), playlist)


LINES: dict[str, Made] = {
    "brackets": lambda size: b"[" * size,
    "files": lambda size: b'{"outcome":{"files":[' + b"{}," * (size // 3),
    "members": lambda size: b"{" + b'"a":1,' * (size // 6),
    "text": lambda size: b'{"detail":"' + b"\\u0000" * (size // 6),
}


@pytest.mark.parametrize("line", LINES.values(), ids=LINES)
def test_what_a_child_says_is_read_in_linear_time(line):
    assert is_linear(_read, line)
