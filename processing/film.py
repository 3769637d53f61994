"""A film, and a still of it, upright."""

from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import av
from av.audio.stream import AudioStream
from av.container import InputContainer
from av.stream import Disposition
from av.video.frame import VideoFrame
from av.video.reformatter import ColorPrimaries, ColorTrc
from av.video.stream import VideoStream

from processing.failures import ProcessingFailed, Reason
from processing.ffmpeg import Patience, open_container, refusing
from processing.libvips import Image
from processing.records import Policy
from processing.sound import DECODERS as DECODERS_OF_SOUND

DECODERS = frozenset({"h264", "hevc", "vp8", "vp9", "av1", "libdav1d", "mpeg4", "prores", "mjpeg"})
SOUND_DECODERS = DECODERS_OF_SOUND | {"ac3", "eac3", "mp2", "mp2float", "amrnb", "pcm_s16be", "pcm_s24be", "pcm_s32be"}
MICROSECONDS = 1_000_000
MOST_STRETCHED = 8
MOST_FRAMES = 1000  # a second; headers of films whose frames come as they like tell more
MOST_PIXELS = 4096 * 2304 * 60  # a second, if it were as long as films may be
STILL_PIXELS = 4 * MOST_PIXELS  # that are decoded to reach one frame; keyframes are seconds apart
# How much light a value means, where that is more than a screen of everybody's gives (ITU-R BT.2100).
HIGH_RANGES = frozenset({ColorTrc.SMPTE2084, ColorTrc.ARIB_STD_B67})
# How libvips turns a picture by so many degrees, clockwise.
TURNS = {90: "d90", 180: "d180", 270: "d270"}


@dataclass(frozen=True, slots=True)
class Film:
    """An open film, and what its header says of it: seconds, bits and frames a second.

    A pixel is `stretch` times as wide as it is high.
    """

    container: InputContainer
    patience: Patience
    stream: VideoStream
    duration: float
    codec: str
    bitrate: int | None
    fps: float | None
    sound: AudioStream | None
    stretch: float

    @property
    def is_hdr(self) -> bool:
        """Whether it has a high dynamic range, which most screens and players have not: PQ or HLG."""
        return self.stream.codec_context.color_trc in HIGH_RANGES

    def still(self, part: float) -> VideoFrame:
        """The first frame that can be decoded from this part of the film on, or the first of all.

        Where there is no keyframe for long, it is one before, as far as `STILL_PIXELS` lead.
        """
        for start in (part * self.duration, 0.0):
            self.container.seek(int(start * MICROSECONDS), backward=True)
            frame = self._first_from(start)
            if frame is not None:
                return frame
        raise ProcessingFailed(Reason.VIDEO_DAMAGED, "no frame")

    def _first_from(self, start: float) -> VideoFrame | None:
        last, left = None, STILL_PIXELS
        for packet in self.patience.with_each(self.container.demux(self.stream)):
            for frame in _decoded(packet):
                last = frame
                if frame.time is None or frame.time >= start:
                    return frame
            shown = last or self.stream
            left -= shown.width * shown.height
            if left < 0 and last:
                break
        return last


def _decoded(packet: "av.Packet[VideoStream]") -> list[VideoFrame]:
    try:
        return [frame for frame in packet.decode() if isinstance(frame, VideoFrame)]
    except av.error.InvalidDataError:
        return []


def turn_of(frame: VideoFrame) -> int:
    """By how many degrees a frame has to be turned clockwise to be upright."""
    return -frame.rotation % 360


def displayed(film: Film, frame: VideoFrame) -> tuple[int, int]:
    """Width and height of a frame as it is displayed, in square pixels."""
    width, height = max(1, round(frame.width * film.stretch)), frame.height
    return (height, width) if turn_of(frame) % 180 else (width, height)


def upright(film: Film, frame: VideoFrame) -> Image:
    """A frame as a picture in sRGB, turned and stretched as it is displayed."""
    plane = _rgb(film, frame).planes[0]
    rows = memoryview(plane)
    width = frame.width * 3
    body = b"".join(rows[at : at + width] for at in range(0, plane.line_size * frame.height, plane.line_size))
    picture = Image.new_from_memory(body, frame.width, frame.height, 3, "uchar").copy(interpretation="srgb")
    turn = TURNS.get(turn_of(frame))
    if turn:
        picture = picture.rot(turn)
    width, height = displayed(film, frame)
    same = (width, height) == (picture.width, picture.height)
    return picture if same else picture.thumbnail_image(width, height=height, size="force")


def _rgb(film: Film, frame: VideoFrame) -> VideoFrame:
    if not film.is_hdr:
        return frame.reformat(format="rgb24")
    return frame.reformat(format="rgb24", dst_color_primaries=ColorPrimaries.BT709, dst_color_trc=ColorTrc.IEC61966_2_1)


@contextmanager
def open_film(source: Path, mime_type: str) -> Iterator[Film]:
    """The first moving picture of a file; ProcessingFailed when there is none that can be decoded."""
    with refusing(Reason.VIDEO_DAMAGED), open_container(source, mime_type) as (container, patience):
        moving = [stream for stream in container.streams.video if not stream.disposition & Disposition.attached_pic]
        if not moving:
            raise ProcessingFailed(Reason.VIDEO_DAMAGED, "no moving picture")
        stream = moving[0]
        if stream.codec_context is None or stream.codec_context.name not in DECODERS:
            raise ProcessingFailed(Reason.FORMAT_UNSUPPORTED, "a codec that is not decoded")
        yield Film(
            container,
            patience,
            stream,
            duration=_seconds(container, stream),
            codec=stream.codec_context.codec.canonical_name,
            bitrate=stream.bit_rate or container.bit_rate or None,
            fps=_rate(stream),
            sound=_sound(container),
            stretch=_stretch(stream),
        )


def _sound(container: InputContainer) -> AudioStream | None:
    """The first sound that can be decoded; a film with no other has none to lose."""
    heard = [stream for stream in container.streams.audio if _is_heard(stream)]
    if container.streams.audio and not heard:
        raise ProcessingFailed(Reason.FORMAT_UNSUPPORTED, "a sound that is not decoded")
    return heard[0] if heard else None


def _is_heard(stream: AudioStream) -> bool:
    return stream.codec_context is not None and stream.codec_context.name in SOUND_DECODERS


def _stretch(stream: VideoStream) -> float:
    told = float(stream.sample_aspect_ratio or 1)
    return told if 1 / MOST_STRETCHED < told < MOST_STRETCHED else 1.0


def require_bounds(film: Film, policy: Policy) -> None:
    """ProcessingFailed for a film that is longer or larger than films may be."""
    if film.duration > policy.video_seconds:
        raise ProcessingFailed(Reason.VIDEO_TOO_LONG)
    _require_size(film.stream, policy)


def bounded(frame: VideoFrame, policy: Policy) -> VideoFrame:
    """A frame that is no larger than films may be, whatever its header says; ProcessingFailed for another."""
    _require_size(frame, policy)
    return frame


def _require_size(shown: VideoStream | VideoFrame, policy: Policy) -> None:
    if max(shown.width, shown.height) > policy.video_side:
        raise ProcessingFailed(Reason.VIDEO_TOO_LARGE)


@dataclass(frozen=True, slots=True)
class Extent:
    """How many seconds there are of a film, and how many frames."""

    seconds: float
    frames: int


def measured(film: Film, policy: Policy) -> Extent:
    """How much there is of a film just opened, whatever its header says; its packets are read, not decoded."""
    begin, end, frames = (film.container.start_time or 0) / MICROSECONDS, 0.0, 0
    for packet in _packets(film):
        end = max(end, _end(packet) - begin)
        frames += packet.stream is film.stream and packet.size > 0
        if end > policy.video_seconds + 1:
            raise ProcessingFailed(Reason.VIDEO_TOO_LONG, "longer than its header says")
    return Extent(end, frames)


def require_work(extent: Extent, frame: VideoFrame, policy: Policy) -> None:
    """ProcessingFailed for a film that has more pixels, over all its frames, than the longest may have."""
    if extent.frames * frame.width * frame.height > policy.video_seconds * MOST_PIXELS:
        raise ProcessingFailed(Reason.VIDEO_TOO_LARGE, "too many pixels over all its frames")


def _packets(film: Film) -> Iterator["av.Packet[Any]"]:
    """Those of picture and sound, as far as they can be read."""
    streams = (film.stream, film.sound) if film.sound else (film.stream,)
    with suppress(av.error.FFmpegError):
        yield from film.patience.with_each(film.container.demux(*streams))


def _end(packet: "av.Packet[Any]") -> float:
    if packet.pts is None or packet.is_discard:
        return 0.0
    return float((packet.pts + (packet.duration or 0)) * packet.time_base)


def _rate(stream: VideoStream) -> float | None:
    """Frames a second, where a header tells what can be."""
    told = round(float(stream.average_rate or 0), 3)
    return told if 0 < told <= MOST_FRAMES else None


def _seconds(container: InputContainer, stream: VideoStream) -> float:
    if container.duration:
        return float(container.duration) / MICROSECONDS
    if stream.duration and stream.time_base:
        return float(stream.duration * stream.time_base)
    raise ProcessingFailed(Reason.VIDEO_DAMAGED, "no duration")
