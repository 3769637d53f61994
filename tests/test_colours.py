"""The colours of videos: those that were filmed, in the poster and every quality, which tell them in full."""

import subprocess
from functools import cache
from pathlib import Path

import av
import imageio_ffmpeg
import pytest
from PIL import Image, ImageDraw

from processing.protocol import Outcome, Task
from processing.video.poster import process
from tests.played import laddered, named
from tests.videos import MIME_TYPES

PATCHES = ((200, 40, 40), (40, 180, 60), (40, 60, 200), (128, 128, 128))
BT709, TV = 1, 1
CLOSE = 8  # of 255, in the channel that differs most
CURVE = "iec61966-2-1"  # of a screen, by which browsers reckon
UNTOLD = "format=yuv444p,setparams=colorspace=unknown:color_primaries=unknown:color_trc=unknown:range=unknown"
# Size, matrix and primaries, and whether its frames tell them.
VIDEOS = {
    "HD that tells nothing": ((1280, 720), "709", "709", False),
    "upright HD that tells nothing": ((404, 720), "709", "709", False),
    "SD that tells nothing": ((640, 480), "170m", "709", False),
    "SD of odd sides": ((641, 481), "170m", "709", False),
    "SD that tells of HD": ((640, 480), "709", "709", True),
    "HD that tells of SD": ((1280, 720), "170m", "709", True),
    "P3": ((1280, 720), "709", "smpte432", True),
    "BT.2020": ((1280, 720), "2020_ncl", "2020", True),
}


@cache
def clip(size: tuple[int, int], matrix: str, primaries: str, told: bool) -> bytes:
    """The patches beside each other for a second."""
    image = Image.new("RGB", size)
    for place, colour in enumerate(PATCHES):
        ImageDraw.Draw(image).rectangle((place * size[0] / 4, 0, (place + 1) * size[0] / 4, size[1]), fill=colour)
    meant = "format=yuv444p,setparams=color_trc=bt709"
    values = f"format=gbrp,zscale=tin={CURVE}:pin=709:min=gbr:t={CURVE}:p={primaries}:m={matrix}:r=limited"
    return subprocess.run(
        [
            *(imageio_ffmpeg.get_ffmpeg_exe(), "-loglevel", "error", "-f", "rawvideo", "-pix_fmt", "rgb24"),
            *("-s", "{}x{}".format(*size), "-r", "10", "-i", "pipe:0", "-vf", f"{values},{meant if told else UNTOLD}"),
            *("-c:v", "libx264", "-preset", "ultrafast", "-crf", "8"),
            *("-f", "mp4", "-movflags", "frag_keyframe+empty_moov", "pipe:1"),
        ],
        input=image.tobytes() * 10,
        stdout=subprocess.PIPE,
        check=True,
    ).stdout


def poster(folder: Path, body: bytes) -> Image.Image:
    source = folder / "video.mp4"
    source.write_bytes(body)
    outcome = process(Task(source=source, mime_type=MIME_TYPES["mp4"], folder=folder))
    return Image.open(named(outcome, "poster").path)


def qualities(outcome: Outcome) -> list[Path]:
    return [file.path for file in outcome.files if file.name.startswith("mp4-")]


def assert_filmed(image: Image.Image) -> None:
    for place, colour in enumerate(PATCHES):
        seen = image.convert("RGB").getpixel((image.width * (2 * place + 1) // 8, image.height // 2))
        assert seen == pytest.approx(colour, abs=CLOSE), place


@pytest.mark.parametrize("kind", VIDEOS)
def test_poster_and_qualities_have_the_colours_that_were_filmed(tmp_path, kind):
    body = clip(*VIDEOS[kind])

    assert_filmed(poster(tmp_path, body))
    for quality in qualities(laddered(tmp_path / "played", body)):
        with av.open(str(quality)) as container:
            frame = next(container.decode(video=0))
            told = container.streams.video[0].codec_context
            assert (told.colorspace, told.color_primaries, told.color_trc, told.color_range) == (*[BT709] * 3, TV)
        assert_filmed(frame.to_image())
