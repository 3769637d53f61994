"""A film, and a still of it, upright."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

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
STILL_PIXELS = 4 * 4096 * 2304 * 60  # that are decoded to reach one frame; keyframes are seconds apart
# How much light a value means, where that is more than a screen of everybody's gives (ITU-R BT.2100).
HIGH_RANGES = frozenset({ColorTrc.SMPTE2084, ColorTrc.ARIB_STD_B67})
# How libvips turns a picture by so many degrees, clockwise.
TURNS = {90: "d90", 180: "d180", 270: "d270"}


@dataclass(frozen=True, slots=True)
class Film:
    """An open film. A pixel is `stretch` times as wide as it is high."""

    container: InputContainer
    patience: Patience
    stream: VideoStream
    codec: str
    sound: AudioStream | None
    stretch: float

    @property
    def is_hdr(self) -> bool:
        """Whether it has a high dynamic range, which most screens and players have not: PQ or HLG."""
        return self.stream.codec_context.color_trc in HIGH_RANGES

    def still(self, at: float) -> VideoFrame:
        """The first frame that can be decoded from this second of the film on, or the first of all.

        Where there is no keyframe for long, it is one before, as far as `STILL_PIXELS` lead.
        """
        for start in (at, 0.0):
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
            codec=stream.codec_context.codec.canonical_name,
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


def require_size(shown: VideoStream | VideoFrame, policy: Policy) -> None:
    """ProcessingFailed for what is larger than films may be: by its header, or by its frames whatever that says."""
    if max(shown.width, shown.height) > policy.video_side:
        raise ProcessingFailed(Reason.VIDEO_TOO_LARGE)
