"""Films of every kind, made when they are asked for: a scene that moves, with a tone."""

import io
from fractions import Fraction
from functools import cache

import av
from av.video.frame import VideoFrame
from av.video.stream import VideoStream
from PIL import Image

from tests.images import scene

KINDS = {"mp4": ("mp4", "libx264"), "mov": ("mov", "libx264"), "webm": ("webm", "libvpx")}
MIME_TYPES = {"mp4": "video/mp4", "mov": "video/quicktime", "webm": "video/webm"}


@cache
def film(
    kind: str = "mp4",
    seconds: float = 2.0,
    size: tuple[int, int] = (320, 240),
    *,
    fps: int = 10,
    sound: bool = True,
    codec: str | None = None,
    tags: tuple[tuple[str, str], ...] = (),
) -> bytes:
    """The scene, brighter from frame to frame."""
    container, usual = KINDS[kind]
    written = io.BytesIO()
    with av.open(written, "w", format=container) as target:
        target.metadata.update(tags)
        moving = target.add_stream(codec or usual, rate=fps)
        assert isinstance(moving, VideoStream)
        moving.width, moving.height, moving.pix_fmt = *size, "yuv420p"
        for number in range(round(seconds * fps)):
            shade = number / max(1, seconds * fps)
            picture = Image.blend(scene(*size), Image.new("RGB", size, "white"), shade / 4)
            frame = VideoFrame.from_image(picture)
            frame.pts, frame.time_base = number, Fraction(1, fps)
            target.mux(moving.encode(frame))
        target.mux(moving.encode(None))
    return written.getvalue()
