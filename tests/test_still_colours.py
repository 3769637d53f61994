"""The colours of images that tell them without a profile: they come out as a browser shows them."""

import io
import struct
import subprocess
from collections.abc import Callable
from pathlib import Path
from tempfile import mkdtemp
from typing import Any

import imageio_ffmpeg
import pillow_heif
import pytest
from PIL import Image, ImageDraw

from processing.image.process import process
from processing.protocol import Outcome, Task
from tests.images import chunk, encoded

PATCHES = ((200, 40, 40), (40, 180, 60), (40, 60, 200), (128, 128, 128))
# As Chromium shows the patches, stored in P3, in linear light, and so on.
IN_P3 = ((218, 0, 26), (0, 183, 30), (34, 61, 208), (128, 128, 128))
IN_P3_GAMMA = ((220, 0, 18), (0, 185, 23), (28, 58, 209), (129, 129, 129))
IN_BT2020 = ((249, 0, 27), (0, 190, 14), (0, 59, 210), (128, 128, 128))
OF_A_STUDIO = ((197, 28, 28), (28, 176, 49), (28, 49, 197), (121, 121, 121))
LINEAR = ((229, 110, 110), (110, 219, 133), (110, 133, 229), (188, 188, 188))
BRIGHTER = ((210, 53, 53), (53, 193, 77), (53, 77, 210), (146, 146, 146))
CLOSE = 4
P3_POINTS = chunk(b"cHRM", struct.pack(">8I", 31270, 32900, 68000, 32000, 26500, 69000, 15000, 6000))
NO_POINTS = chunk(b"cHRM", bytes(32))
Colours = tuple[tuple[int, int, int], ...]


def patches(mode: str = "RGB") -> Image.Image:
    image = Image.new("RGB", (400, 100))
    for place, colour in enumerate(PATCHES):
        ImageDraw.Draw(image).rectangle((place * 100, 0, place * 100 + 99, 99), fill=colour)
    return image.convert(mode)


def png(*chunks: bytes, mode: str = "RGB") -> bytes:
    body = encoded(patches(mode), "PNG")
    return body[:33] + b"".join(chunks) + body[33:]


def gama(value: int) -> bytes:
    return chunk(b"gAMA", struct.pack(">I", value))


def cicp(primaries: int, transfer: int) -> bytes:
    return chunk(b"cICP", bytes([primaries, transfer, 0, 1]))


@pytest.fixture
def made(tmp_path) -> Callable[[bytes, str], Outcome]:
    """Process an image."""

    def make(body: bytes, mime_type: str) -> Outcome:
        source, folder = tmp_path / "source", Path(mkdtemp(dir=tmp_path))
        source.write_bytes(body)
        return process(Task(source=source, mime_type=mime_type, folder=folder))

    return make


def assert_shown(outcome: Outcome, expected: Colours, close: int = CLOSE) -> None:
    """In every rendition."""
    for file in outcome.files:
        for place, (seen, colour) in enumerate(zip(colours_in(file.path), expected, strict=True)):
            assert seen == pytest.approx(colour, abs=close), (file.name, place)


def colours_in(path: Path, mode: str = "RGB") -> list[Any]:
    """The colours in the midst of the patches."""
    image = Image.open(path).convert(mode)
    places = [(image.width * (2 * place + 1) // 8, image.height // 2) for place in range(len(PATCHES))]
    return [image.getpixel(place) for place in places]


PNGS: dict[str, tuple[bytes, Colours]] = {
    "nothing": (png(), PATCHES),
    "code points of sRGB": (png(cicp(1, 13)), PATCHES),
    "code points of P3": (png(cicp(12, 13)), IN_P3),
    "code points of a studio": (png(cicp(1, 1)), OF_A_STUDIO),
    "code points that nobody knows": (png(cicp(200, 13)), PATCHES),
    "code points that are cut off": (png(chunk(b"cICP", b"\x0c"), gama(100_000)), LINEAR),
    "code points before a gamma": (png(cicp(12, 13), gama(100_000)), IN_P3),
    "a gamma": (png(gama(100_000)), LINEAR),
    "another gamma": (png(gama(55_556)), BRIGHTER),
    "the usual gamma": (png(gama(45_455)), PATCHES),
    "no gamma": (png(gama(0)), PATCHES),
    "sRGB before a gamma": (png(chunk(b"sRGB", b"\0"), gama(100_000)), PATCHES),
    "gamma and chromaticities": (png(gama(45_455), P3_POINTS), IN_P3_GAMMA),
    "chromaticities alone": (png(P3_POINTS), PATCHES),
    "chromaticities that are none": (png(gama(45_455), NO_POINTS), PATCHES),
    "a gamma, in grey": (png(gama(100_000), mode="L"), ((159,) * 3, (185,) * 3, (143,) * 3, (188,) * 3)),
}


@pytest.mark.parametrize("told", PNGS)
def test_a_png_is_shown_in_the_colours_that_it_tells(made, told):
    body, expected = PNGS[told]

    assert_shown(made(body, "image/png"), expected)


@pytest.mark.parametrize("transfer", [16, 18])
def test_primaries_that_nobody_knows_are_those_of_a_screen_in_a_high_range_too(made, tmp_path, transfer):
    unknown, usual = (made(png(cicp(primaries, transfer)), "image/png") for primaries in (200, 1))

    assert [file.path.read_bytes() for file in unknown.files] == [file.path.read_bytes() for file in usual.files]


def still(tmp_path: Path, filters: str, kind: str) -> bytes:
    """The patches as an AVIF or HEIC whose container tells code points."""
    source, target = tmp_path / "patches.png", tmp_path / f"still.{kind}"
    patches().save(source)
    ffmpeg = [imageio_ffmpeg.get_ffmpeg_exe(), "-loglevel", "error", "-y", "-i", source, "-vf", filters]
    subprocess.run(
        [*ffmpeg, "-c:v", "libaom-av1", "-still-picture", "1", "-cpu-used", "8", "-crf", "6", target], check=True
    )
    return target.read_bytes()


AVIFS = {
    "sRGB": ("bt709", "bt709", "iec61966-2-1", PATCHES),
    "a camera's": ("bt709", "bt709", "bt709", PATCHES),
    "P3": ("bt709", "smpte432", "iec61966-2-1", IN_P3),
    "BT.2020": ("bt2020nc", "bt2020", "bt2020-10", IN_BT2020),
}


def avif(tmp_path: Path, kind: str) -> bytes:
    matrix, primaries, transfer, _ = AVIFS[kind]
    meant = f"setparams=color_primaries={primaries}:color_trc={transfer}:colorspace={matrix}:range=pc"
    return still(tmp_path, f"scale=out_color_matrix={matrix}:out_range=pc,format=yuv444p,{meant}", "avif")


@pytest.mark.parametrize(("kind", "mime_type"), [("AVIF", "image/avif"), ("HEIF", "image/heic")])
def test_colours_that_are_multiplied_by_their_alpha_are_shown_as_they_were(made, kind, mime_type):
    """In every rendition, those that keep the alpha and those that do not."""
    see_through = patches().convert("RGBA")
    see_through.putalpha(128)
    bodies = []
    for premultiplied in (False, True):
        buffer = io.BytesIO()
        if kind == "AVIF":
            see_through.save(buffer, kind, quality=100, subsampling="4:4:4", alpha_premultiplied=premultiplied)
        else:
            mode = "RGBa" if premultiplied else "RGBA"
            pixels = see_through.convert(mode).tobytes()
            pillow_heif.encode(mode, see_through.size, pixels, buffer, quality=-1)
        bodies.append(buffer.getvalue())
    assert [b"prem" in body for body in bodies] == [False, True]

    straight, multiplied = (made(body, mime_type) for body in bodies)
    for one, other in zip(straight.files, multiplied.files, strict=True):
        for seen, expected in zip(colours_in(other.path, "RGBA"), colours_in(one.path, "RGBA"), strict=True):
            assert seen == pytest.approx(expected, abs=6), one.name


@pytest.mark.parametrize("kind", AVIFS)
def test_an_avif_is_shown_in_the_colours_that_it_tells(made, tmp_path, kind):
    *_, expected = AVIFS[kind]

    assert_shown(made(avif(tmp_path, kind), "image/avif"), expected, close=6)


@pytest.mark.parametrize(("transfer", "close"), [("smpte2084", 12), ("arib-std-b67", 36)])
def test_a_still_of_a_high_range_is_shown_as_a_video_is(made, tmp_path, transfer, close):
    in_range = f"zscale=tin=iec61966-2-1:pin=709:min=gbr:t={transfer}:p=2020:m=2020_ncl:npl=203:r=full"
    body = still(tmp_path, f"format=gbrp,{in_range},format=yuv444p10le", "avif")

    assert_shown(made(body, "image/avif"), PATCHES, close)


def test_a_heic_is_shown_in_the_colours_that_it_tells(made):
    points = {"color_primaries": 12, "transfer_characteristics": 13, "matrix_coefficients": 6, "full_range_flag": 1}
    body = encoded(patches(), "HEIF", save_nclx_profile=True, chroma=444, **points)

    assert_shown(made(body, "image/heic"), IN_P3, close=8)
