"""Videos of a high dynamic range, as phones make them: they look as they should on screens of everybody's."""

import subprocess
from functools import cache
from pathlib import Path

import av
import imageio_ffmpeg
import pytest
from PIL import Image, ImageDraw

from processing.protocol import Task
from processing.video.poster import process
from tests.images import difference
from tests.played import laddered, mp4, named
from tests.videos import MIME_TYPES

SIZE = (640, 360)
COLOURS = ((191, 191, 191), (191, 191, 0), (0, 191, 191), (0, 191, 0), (191, 0, 191), (191, 0, 0), (0, 0, 191))
BT709 = 1
CLOSE, FAR = 36, 45  # of 255, in the channel that differs most


def bars() -> Image.Image:
    """Colours beside each other, as every screen can show them."""
    image = Image.new("RGB", SIZE)
    width = SIZE[0] / len(COLOURS)
    for place, colour in enumerate(COLOURS):
        ImageDraw.Draw(image).rectangle((place * width, 0, (place + 1) * width, SIZE[1]), fill=colour)
    return image


@cache
def clip(transfer: str) -> bytes:
    """The bars for a second, in ten bits of BT.2020; white is as bright as paper (203 cd/m2, ITU-R BT.2408)."""
    in_light = (
        "scale=out_color_matrix=bt709:out_range=tv,format=yuv444p"
        ",setparams=color_primaries=bt709:color_trc=bt709:colorspace=bt709:range=tv"
        ",zscale=t=linear:npl=203,format=gbrpf32le"
    )
    in_range = f"zscale=p=bt2020,zscale=t={transfer}:m=2020_ncl:r=limited:npl=203,format=yuv420p10le"
    return subprocess.run(
        [
            *(imageio_ffmpeg.get_ffmpeg_exe(), "-loglevel", "error", "-f", "rawvideo", "-pix_fmt", "rgb24"),
            *("-s", "{}x{}".format(*SIZE), "-r", "10", "-i", "pipe:0"),
            *("-vf", f"{in_light},{in_range}"),
            *("-c:v", "libx265", "-preset", "ultrafast", "-crf", "10", "-x265-params", "log-level=none"),
            *("-color_trc", transfer, "-color_primaries", "bt2020", "-colorspace", "bt2020nc"),
            *("-f", "mp4", "-movflags", "frag_keyframe+empty_moov", "pipe:1"),
        ],
        input=bars().tobytes() * 10,
        stdout=subprocess.PIPE,
        check=True,
    ).stdout


@pytest.fixture(params=["arib-std-b67", "smpte2084"], ids=["HLG", "PQ"])
def hdr(request) -> bytes:
    return clip(request.param)


def as_it_is(path: Path) -> Image.Image:
    """Its first frame, by who does not look what its values mean."""
    with av.open(str(path)) as container:
        frame = next(container.decode(video=0))
        frame.color_trc = frame.color_primaries = BT709
        shown: Image.Image = frame.to_image()
        return shown


def test_the_poster_has_the_colours_of_the_scene(tmp_path, hdr):
    source = tmp_path / "video.mp4"
    source.write_bytes(hdr)

    outcome = process(Task(source=source, mime_type=MIME_TYPES["mp4"], folder=tmp_path))

    assert difference(as_it_is(source), bars()) > FAR
    assert difference(Image.open(named(outcome, "poster").path), bars()) < CLOSE


def test_what_plays_has_the_colours_of_the_scene(tmp_path, hdr):
    outcome = laddered(tmp_path, hdr)

    with av.open(str(named(outcome, "mp4-360p").path)) as container:
        told = container.streams.video[0].codec_context
        assert (told.color_trc, told.color_primaries, told.colorspace) == (BT709, BT709, BT709)
        assert told.pix_fmt == "yuv420p"
    assert difference(mp4(outcome).images(0)[0], bars()) < CLOSE
