"""Videos of which a part is displayed: the clean aperture of MP4 and QuickTime, and what Matroska does not crop."""

import struct
import subprocess
from collections.abc import Iterator
from pathlib import Path

import av
import imageio_ffmpeg
import pytest
from PIL import Image

from processing.detect.crop import Crop, crop_of
from processing.protocol import Task
from processing.video.poster import process
from tests.played import laddered, named
from tests.videos import MIME_TYPES

FFMPEG = [imageio_ffmpeg.get_ffmpeg_exe(), "-loglevel", "error", "-y"]
WIDTH, HEIGHT = 320, 240
SHOWN = Crop(left=80, right=40, top=80, bottom=60)
INSIDE = (WIDTH - SHOWN.left - SHOWN.right, HEIGHT - SHOWN.top - SHOWN.bottom)
RED = (200, 40, 40)
CLOSE = 12  # of 255, beside an edge that is encoded
APERTURE = (
    *(INSIDE[0], 1, INSIDE[1], 1),
    *(20, 1, 10, 1),
)  # its size, and how far its centre is from that of the frame


def encode(path: Path, codec: str) -> bytes:
    """Red where it is displayed, and white around that."""
    box = f"drawbox=x={SHOWN.left}:y={SHOWN.top}:w={INSIDE[0]}:h={INSIDE[1]}:color=0xC82828:t=fill"
    source = ["-f", "lavfi", "-i", f"color=white:size={WIDTH}x{HEIGHT}:rate=10:duration=1,{box}"]
    subprocess.run([*FFMPEG, *source, "-c:v", codec, "-pix_fmt", "yuv420p", path], check=True)
    return path.read_bytes()


def with_aperture(body: bytes, entry: bytes, values: tuple[int, ...] = APERTURE) -> bytes:
    """The same MP4, whose first sample entry tells a clean aperture at its end."""
    clap = struct.pack(">I4s8i", 40, b"clap", *values)
    held, start, end = bytearray(body), 0, len(body)
    for name in (b"moov", b"trak", b"mdia", b"minf", b"stbl", b"stsd", entry):
        start = next(at for at in boxes(held, start, end) if held[at + 4 : at + 8] == name)
        size = int.from_bytes(held[start : start + 4])
        end = start + size
        held[start : start + 4] = (size + len(clap)).to_bytes(4)
        start += {b"stsd": 16, entry: 86}.get(name, 8)
    return bytes(held[:end] + clap + held[end:])


def boxes(body: bytearray, start: int, end: int) -> Iterator[int]:
    while start < end:
        yield start
        start += int.from_bytes(body[start : start + 4])


@pytest.fixture
def mp4(tmp_path) -> Path:
    path: Path = tmp_path / "cropped.mp4"
    path.write_bytes(with_aperture(encode(tmp_path / "whole.mp4", "libx264"), b"avc1"))
    return path


@pytest.fixture
def webm(tmp_path) -> Path:
    """FFmpeg writes the aperture of an MP4 as the crop of a WebM."""
    source: Path = tmp_path / "cropped.vp9.mp4"
    path: Path = tmp_path / "cropped.webm"
    source.write_bytes(with_aperture(encode(tmp_path / "whole.vp9.mp4", "libvpx-vp9"), b"vp09"))
    subprocess.run([*FFMPEG, "-i", source, "-c", "copy", path], check=True)
    return path


def assert_red(image: Image.Image) -> None:
    assert image.size == INSIDE
    for place in ((3, 3), (INSIDE[0] - 4, INSIDE[1] - 4), (3, INSIDE[1] - 4), (INSIDE[0] - 4, 3)):
        assert image.convert("RGB").getpixel(place) == pytest.approx(RED, abs=CLOSE)


@pytest.mark.parametrize("kind", ["mp4", "webm"])
def test_only_what_is_displayed_is_in_the_poster_and_in_every_quality(request, tmp_path, kind):
    source: Path = request.getfixturevalue(kind)
    outcome = process(Task(source=source, mime_type=MIME_TYPES[kind], folder=tmp_path))

    assert (outcome.facts.width, outcome.facts.height) == INSIDE
    assert_red(Image.open(named(outcome, "poster").path))
    quality = named(laddered(tmp_path / "played", source.read_bytes(), kind), "mp4-360p")
    with av.open(str(quality.path)) as played:
        assert_red(next(played.decode(video=0)).to_image())


@pytest.mark.parametrize(
    "values",
    [
        (WIDTH, 1, HEIGHT, 1, 0, 1, 0, 1),
        (2 * WIDTH, 1, HEIGHT, 1, 0, 1, 0, 1),
        (0, 1, HEIGHT, 1, 0, 1, 0, 1),
        (INSIDE[0], 0, INSIDE[1], 1, 0, 1, 0, 1),
        (INSIDE[0], 1, INSIDE[1], 1, WIDTH, 1, 0, 1),
        (-1, 1, -1, 1, 0, 1, 0, 1),
    ],
    ids=["all", "more than all", "nothing", "a fraction of zero", "beside the frame", "below zero"],
)
def test_an_aperture_that_leaves_all_or_nothing_is_none(tmp_path, values):
    source = tmp_path / "odd.mp4"
    source.write_bytes(with_aperture(encode(tmp_path / "whole.mp4", "libx264"), b"avc1", values))

    assert crop_of(source, 1, WIDTH, HEIGHT) is None


def test_the_aperture_is_that_of_the_track_that_is_shown(mp4):
    assert crop_of(mp4, 1, WIDTH, HEIGHT) == SHOWN
    assert crop_of(mp4, 2, WIDTH, HEIGHT) is None


def test_the_lines_that_are_displayed_decide_the_colours_that_nobody_tells(tmp_path):
    source, size = tmp_path / "high.mp4", (640, 736)
    color = ["-f", "lavfi", "-i", f"color=0xC82828:size={size[0]}x{size[1]}:rate=10:duration=0.5"]
    subprocess.run([*FFMPEG, *color, "-c:v", "libx264", "-pix_fmt", "yuv420p", source], check=True)
    body = with_aperture(source.read_bytes(), b"avc1", (size[0], 1, 700, 1, 0, 1, 0, 1))

    quality = named(laddered(tmp_path / "played", body, "mp4"), "mp4-360p")
    with av.open(str(quality.path)) as played:
        frame = next(played.decode(video=0))
        pixel = frame.reformat(format="rgb24", src_colorspace=frame.colorspace).to_image().getpixel((180, 200))

    assert pixel == pytest.approx(RED, abs=4)
