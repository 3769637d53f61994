"""Images of a high dynamic range in that of every screen, brought there as videos are."""

from collections.abc import Iterator

from av.video.frame import VideoFrame
from av.video.reformatter import ColorPrimaries, ColorRange, ColorTrc, VideoReformatter

from processing.image.colours import HighRange
from processing.image.libvips import Image
from processing.video.frame import image_of

SCALED = frozenset(map(int, ColorPrimaries))  # primaries that FFmpeg's scaler knows
ROWS = 512  # at a time
ALIGNED = 32  # pixels, so that a row is as long in a frame as in an image


def tone_mapped(image: Image, meaning: HighRange) -> Image:
    """The image in 8-bit sRGB; its opacity stays."""
    deep = image.colourspace("rgb16")
    opacity = (deep[3] / 257).cast("uchar") if deep.hasalpha() else None
    width, height = deep.width, deep.height
    deep = deep[:3].embed(0, 0, -(-width // ALIGNED) * ALIGNED, height, extend="copy")
    shown = Image.arrayjoin(list(_strips(deep, meaning)), across=1).crop(0, 0, width, height)
    return shown if opacity is None else shown.bandjoin(opacity).copy(interpretation="srgb")


def _strips(deep: Image, meaning: HighRange) -> Iterator[Image]:
    convert = VideoReformatter()  # which keeps what it has reckoned
    primaries = meaning.primaries if meaning.primaries in SCALED else ColorPrimaries.BT709
    for top in range(0, deep.height, ROWS):
        strip = deep.crop(0, top, deep.width, min(ROWS, deep.height - top))
        frame = VideoFrame(strip.width, strip.height, "rgb48le")
        frame.planes[0].update(strip.write_to_memory())
        frame.color_primaries, frame.color_trc, frame.color_range = primaries, meaning.transfer, ColorRange.JPEG
        yield image_of(
            convert.reformat(
                frame, format="rgb24", dst_color_primaries=ColorPrimaries.BT709, dst_color_trc=ColorTrc.IEC61966_2_1
            )
        )
