"""Videos of every kind, made when they are asked for: a scene that grows brighter."""

import io
import os
import struct
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from fractions import Fraction
from functools import cache
from pathlib import Path

import av
import imageio_ffmpeg
from av.video.frame import VideoFrame
from av.video.stream import VideoStream
from PIL import Image

from tests.images import scene

KINDS = {"mp4": ("mp4", "libx264"), "mov": ("mov", "libx264"), "webm": ("webm", "libvpx")}
MIME_TYPES = {"mp4": "video/mp4", "mov": "video/quicktime", "webm": "video/webm"}
PIXELS = {"mjpeg": "yuvj420p", "prores_ks": "yuv422p10le"}
QUICKLY = {
    "libx264": {"preset": "ultrafast"},
    "libx265": {"preset": "ultrafast", "x265-params": "log-level=none"},
    "libsvtav1": {"preset": "12", "svtav1-params": "lp=1"},
    "libvpx": {"deadline": "realtime", "cpu-used": "8"},
    "libvpx-vp9": {"deadline": "realtime", "cpu-used": "8"},
}
Matrix = tuple[int, int, int, int]
QUARTER_TURNS: dict[int, Matrix] = {
    0: (1, 0, 0, 1),
    90: (0, 1, -1, 0),
    180: (-1, 0, 0, -1),
    270: (0, -1, 1, 0),
}
# Those before which it is mirrored from left to right.
MIRRORS: dict[int, Matrix] = {
    0: (-1, 0, 0, 1),
    90: (0, -1, -1, 0),
    180: (1, 0, 0, -1),
    270: (0, 1, 1, 0),
}
CLOCK = 90_000  # ticks a second of videos whose frames come as they like


@cache
def clip(
    kind: str = "mp4",
    seconds: float = 2.0,
    size: tuple[int, int] = (320, 240),
    *,
    fps: int = 10,
    codec: str | None = None,
    tags: tuple[tuple[str, str], ...] = (),
    timestamps: tuple[float, ...] = (),
) -> bytes:
    """The scene, brighter from frame to frame; these come at even times, or at the timestamps that are told."""
    container, usual = KINDS[kind]
    chosen = codec or usual
    clock = CLOCK if timestamps else fps
    times = [round(timestamp * clock) for timestamp in timestamps] or list(range(round(seconds * fps)))
    written = io.BytesIO()
    with scheduled_as_ever(), av.open(written, "w", format=container) as target:
        target.metadata.update(tags)
        moving = target.add_stream(chosen, rate=fps, options=QUICKLY.get(chosen, {}))
        assert isinstance(moving, VideoStream)
        moving.width, moving.height, moving.pix_fmt = *size, PIXELS.get(chosen, "yuv420p")
        moving.codec_context.time_base = Fraction(1, clock)
        for number, time in enumerate(times):
            frame = VideoFrame.from_image(shown(number / len(times), size))
            frame.pts, frame.time_base = time, Fraction(1, clock)
            target.mux(moving.encode(frame))
        target.mux(moving.encode(None))
    return written.getvalue()


@contextmanager
def scheduled_as_ever() -> Iterator[None]:
    """SVT-AV1 has root's thread that calls it, and all that this starts later, run before everything else (FIFO 99)."""
    try:
        yield
    finally:
        os.sched_setscheduler(0, os.SCHED_OTHER, os.sched_param(0))


def shown(part: float, size: tuple[int, int] = (320, 240)) -> Image.Image:
    """What a video shows once a part of it is over."""
    return Image.blend(scene(*size), Image.new("RGB", size, "white"), part / 4)


def edited(body: bytes, *arguments: str, kind: str = "mp4", beside: dict[str, bytes] | None = None) -> bytes:
    """Another video that the ffmpeg program makes of one, and of the files beside it."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        for beside_name, content in {"source": body, **(beside or {})}.items():
            (folder / beside_name).write_bytes(content)
        ffmpeg = [imageio_ffmpeg.get_ffmpeg_exe(), "-nostdin", "-loglevel", "error", "-i", "source"]
        subprocess.run([*ffmpeg, *arguments, f"edited.{kind}"], cwd=folder, check=True)
        return (folder / f"edited.{kind}").read_bytes()


def beep(at: float, seconds: float) -> tuple[str, ...]:
    """For `edited`: silence, but for a tone of a tenth of a second."""
    tone = f"0.8*sin(2*PI*1000*t)*between(t,{at},{at}+0.1)"
    return ("-f", "lavfi", "-i", f"aevalsrc='{tone}':d={seconds}:s=48000")


def turned(body: bytes, degrees: int) -> bytes:
    """The same MP4, to be displayed turned clockwise: as phones write it."""
    return placed(body, QUARTER_TURNS[degrees])


def placed(body: bytes, matrix: Matrix) -> bytes:
    """The same MP4, to be displayed by this matrix (ISO 14496-12, 8.3.2)."""
    place = body.index(b"tkhd") + 44
    a, b, c, d = (one << 16 for one in matrix)
    told = struct.pack(">9i", a, b, 0, c, d, 0, 0, 0, 1 << 30)
    return body[:place] + told + body[place + len(told) :]


def said_to_last(body: bytes, seconds: float) -> bytes:
    """The same WebM, whose header tells another duration."""
    place = body.index(b"\x44\x89\x88") + 3
    return body[:place] + struct.pack(">d", seconds * 1000) + body[place + 8 :]


def unsaid(body: bytes) -> bytes:
    """The same WebM, as a browser's MediaRecorder writes it: its header tells no duration."""
    place = body.index(b"\x44\x89\x88")
    return body[:place] + b"\xec\x89" + body[place + 2 :]  # an element that says nothing (RFC 8794, 11.3.2)
