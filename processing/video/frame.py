"""A frame of a video as an image: upright, in square pixels, whole lines, and colours that every screen shows."""

import struct
from dataclasses import dataclass
from typing import Self, cast

from av.filter import Graph
from av.video.frame import VideoFrame
from av.video.reformatter import ColorPrimaries, ColorTrc

from processing.detect.crop import Crop
from processing.image.libvips import Image
from processing.video.colours import Colours, colours_of

WHOLE_LINES = "estdif"  # of one field, since a single frame has no others to look at
# What converts colours wants even sides.
BEFORE, AFTER = ("format=yuv444p10", "pad=iw+mod(iw\\,2):ih+mod(ih\\,2)"), "crop={}:{}:0:0"


@dataclass(frozen=True, slots=True)
class Placement:
    """How a frame is placed (ISO/IEC 14496-12, 6.2.2): its sides are exchanged or not, then each mirrored or not."""

    exchanged: bool = False
    across: bool = False
    down: bool = False

    @classmethod
    def of(cls, frame: VideoFrame) -> Self:
        """That of its display matrix, by its nearest quarter turn."""
        matrix = cast("bytes | None", frame.side_data.get("DISPLAYMATRIX"))
        if matrix is None:
            return cls()
        a, b, _, c, d, *_ = struct.unpack("=9i", matrix)
        exchanged = abs(b) + abs(c) > abs(a) + abs(d)
        return cls(exchanged, across=(c if exchanged else a) < 0, down=(b if exchanged else d) < 0)

    @property
    def turn(self) -> int:
        """By how many degrees it is turned clockwise, after it was mirrored from left to right if it was."""
        if self.exchanged:
            return 90 if self.across else 270
        return 180 if self.down else 0

    def apply(self, image: Image) -> Image:
        """The image as it is placed."""
        placed = image.rot("d90").flip("horizontal") if self.exchanged else image
        placed = placed.flip("horizontal") if self.across else placed
        return placed.flip("vertical") if self.down else placed


def cropped(frame: VideoFrame, crop: Crop | None) -> VideoFrame:
    """What is displayed of a frame."""
    return _filtered(frame, (crop.filter,)) if crop else frame


def displayed(frame: VideoFrame, sample_aspect_ratio: float) -> tuple[int, int]:
    """Width and height of a frame as it is displayed, in square pixels."""
    width, height = max(1, round(frame.width * sample_aspect_ratio)), frame.height
    return (height, width) if Placement.of(frame).exchanged else (width, height)


def upright(frame: VideoFrame, sample_aspect_ratio: float) -> Image:
    """A frame as an image in sRGB, placed and stretched as it is displayed."""
    placed = Placement.of(frame).apply(image_of(_rgb(frame)))
    width, height = displayed(frame, sample_aspect_ratio)
    same = (width, height) == (placed.width, placed.height)
    return placed if same else placed.thumbnail_image(width, height=height, size="force")


def image_of(frame: VideoFrame) -> Image:
    """A frame in rgb24 as an image."""
    plane = frame.planes[0]
    rows, width = memoryview(plane), frame.width * 3
    body = b"".join(rows[at : at + width] for at in range(0, plane.line_size * frame.height, plane.line_size))
    return Image.new_from_memory(body, frame.width, frame.height, 3, "uchar").copy(interpretation="srgb")


def _rgb(frame: VideoFrame) -> VideoFrame:
    colours = colours_of(frame)
    whole_lines = (WHOLE_LINES,) if frame.interlaced_frame else ()
    shown = _filtered(frame, (*whole_lines, colours.filter, *_conversion(colours, frame)))
    if not colours.are_high:
        return shown.reformat(format="rgb24")
    return shown.reformat(format="rgb24", dst_color_primaries=ColorPrimaries.BT709, dst_color_trc=ColorTrc.IEC61966_2_1)


def _conversion(colours: Colours, frame: VideoFrame) -> tuple[str, ...]:
    steps = colours.conversion
    return (*BEFORE, *steps, AFTER.format(frame.width, frame.height)) if steps else ()


def _filtered(frame: VideoFrame, steps: tuple[str, ...]) -> VideoFrame:
    graph = Graph()
    begin = graph.add_buffer(width=frame.width, height=frame.height, format=frame.format, time_base=frame.time_base)
    graph.link_nodes(begin, *(graph.add(*step.split("=", 1)) for step in steps), graph.add("buffersink")).configure()
    graph.push(frame)
    graph.push(None)
    shown = graph.pull()
    assert isinstance(shown, VideoFrame)
    return shown
