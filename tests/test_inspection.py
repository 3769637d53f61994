"""What a child hands over is published only when it is what it is said to be.

That what it really makes is taken is shown wherever a photo, an audio file or a video becomes ready.
"""

import json
import struct
from dataclasses import replace
from pathlib import Path

import pytest

from contracts.renditions import FULL, PEAKS, PLAYLIST_TYPE
from processing.image.libvips import Image
from processing.inspection import is_rendition
from processing.protocol import File, Variant
from tests.audio_files import audio_file
from tests.images import chunk

VARIABLES = b"DATABASE_URL=postgresql://secret@db/media\0S3_SECRET_ACCESS_KEY=secret"
VARIANT = Variant(bandwidth=1, average_bandwidth=1, codecs="avc1.64001f", frame_rate=None)
PEAK = {"version": 2, "channels": 1, "sample_rate": 8000, "samples_per_pixel": 128, "bits": 8, "length": 1}
KINDS = {"peaks": ("json", "application/json"), "mp4-360p": ("mp4", "video/mp4"), "hls-360p": ("m3u8", PLAYLIST_TYPE)}


@pytest.fixture
def image(tmp_path: Path) -> File:
    """A WebP with transparency, which has several pieces, as a child writes it."""
    path = tmp_path / "full.webp"
    Image.black(40, 31, bands=4).copy(interpretation="srgb").webpsave(str(path), keep="none")
    return of_size(File(name=FULL, path=path, mime_type="image/webp", size=0, width=40, height=31))


@pytest.fixture
def sound(tmp_path: Path) -> File:
    path = tmp_path / "full.m4a"
    path.write_bytes(audio_file("m4a", seconds=0.2))
    return of_size(File(name=FULL, path=path, mime_type="audio/mp4", size=0, duration=0.2))


def of_size(file: File) -> File:
    return replace(file, size=file.path.stat().st_size)


def holding(file: File, body: bytes) -> File:
    """The same with other bytes."""
    file.path.write_bytes(body)
    return of_size(file)


def test_what_is_what_it_is_said_to_be_is_taken(image, sound):
    assert is_rendition(image)
    assert is_rendition(sound)


@pytest.mark.parametrize("name", ["full", "thumb300", "peaks", "mp4-360p", "hls-360p"])
def test_variables_are_no_rendition(tmp_path, name):
    """A decoder that was taken over hands over what it has read."""
    suffix, mime_type = KINDS.get(name, ("webp", "image/webp"))
    file = File(name=name, path=tmp_path / f"{name}.{suffix}", mime_type=mime_type, size=0, width=9, height=9)
    (tmp_path / f"{name}-00000.m4s").write_bytes(VARIABLES)

    assert not is_rendition(replace(holding(file, VARIABLES), variant=VARIANT if suffix == "m3u8" else None))


@pytest.mark.parametrize("body", [b"", b"RIFF", b"\0" * 11, struct.pack("<4sI4s", b"RIFF", 4, b"WEBP")])
def test_a_beginning_is_no_image(image, body):
    assert not is_rendition(holding(image, body))


def test_nothing_follows_an_image_and_nothing_is_hidden_in_it(image):
    """Neither behind its end, nor in a piece that holds no pixels: where it was taken, and by whom."""
    whole = image.path.read_bytes()
    pieces = [b"EXIF", b"XMP ", b"ICCP", b"note"]
    hidden = [whole + name + struct.pack("<I", len(VARIABLES) + 1) + VARIABLES + b"\0" for name in pieces]
    resized = [body[:4] + struct.pack("<I", len(body) - 8) + body[8:] for body in hidden]

    for body in (whole + b"\0", whole[:-1], *hidden, *resized):
        assert not is_rendition(holding(image, body))
    assert is_rendition(holding(image, whole))


@pytest.mark.parametrize(
    "lie", [{"width": 41}, {"height": 30}, {"name": "peaks"}, {"name": "secret"}, {"mime_type": "image/png"}]
)
def test_a_lie_about_an_image_is_found_out(image, lie):
    assert not is_rendition(replace(image, **lie))


def test_a_name_has_the_end_of_its_type(image):
    """The end of a key decides what a store says of an object."""
    page = image.path.rename(image.path.with_suffix(".html"))

    assert not is_rendition(replace(image, path=page))


def box(name: bytes, body: bytes = b"") -> bytes:
    return struct.pack(">I4s", len(body) + 8, name) + body


@pytest.mark.parametrize(
    "body",
    [
        b"",
        box(b"moov"),
        box(b"ftyp") + box(b"uuid", VARIABLES),
        box(b"ftyp") + box(b"mdat")[:-1],
        box(b"ftyp") + struct.pack(">I4s", 7, b"mdat"),
        box(b"ftyp") + struct.pack(">I4s", 0, b"mdat"),
        box(b"ftyp") + struct.pack(">I4sQ", 1, b"mdat", 2**63),
        box(b"ftyp") * 100_001,
    ],
)
def test_what_is_no_mp4_is_not_taken(sound, body):
    assert not is_rendition(holding(sound, body))


@pytest.mark.parametrize(
    "changed",
    [{"comment": "secret"}, {"data": [0, 128]}, {"data": [0]}, {"data": "secret"}, {"version": 3}, {"length": 2}],
)
def test_peaks_are_numbers_and_nothing_else(tmp_path, changed):
    file = File(name=PEAKS, path=tmp_path / "peaks.json", mime_type="application/json", size=0)
    peaks = {**PEAK, "data": [-1, 1]}

    assert is_rendition(holding(file, json.dumps(peaks).encode()))
    assert not is_rendition(holding(file, json.dumps({**peaks, **changed}).encode()))


def test_each_segment_of_a_playlist_is_looked_at(tmp_path):
    playlist = File(name="hls-360p", path=tmp_path / "hls-360p.m3u8", mime_type=PLAYLIST_TYPE, size=0, variant=VARIANT)
    playlist.path.write_text("#EXTM3U")
    (tmp_path / "hls-360p-init.mp4").write_bytes(box(b"ftyp") + box(b"moov"))
    segment = tmp_path / "hls-360p-00000.m4s"
    segment.write_bytes(box(b"styp") + box(b"moof") + box(b"mdat"))
    assert is_rendition(playlist)

    segment.write_bytes(VARIABLES)
    assert not is_rendition(playlist)
    segment.write_bytes(chunk(b"IHDR", b""))
    assert not is_rendition(playlist)
