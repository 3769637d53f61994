"""A video that is open, and a frame of it."""

from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

import av
from av.audio.frame import AudioFrame
from av.audio.stream import AudioStream
from av.container import InputContainer
from av.stream import Disposition
from av.video.frame import VideoFrame
from av.video.stream import VideoStream

from processing.audio.audio import DECODERS as DECODERS_OF_SOUND
from processing.detect.crop import Crop, crop_of
from processing.failures import ProcessingFailed, Reason
from processing.ffmpeg import Patience, open_container, refusing
from processing.image.jpeg import MOST_SCANS, scans_at_most
from processing.protocol import Policy

DECODERS = frozenset({"h264", "hevc", "vp8", "vp9", "av1", "libdav1d", "mpeg4", "prores", "mjpeg"})
SOUND_DECODERS = DECODERS_OF_SOUND | {"ac3", "eac3", "mp2", "mp2float", "amrnb", "pcm_s16be", "pcm_s24be", "pcm_s32be"}
MICROSECONDS = 1_000_000
MOST_STRETCHED = 8
MOST_PIXELS = 4096 * 2304 * 60  # a second, if it were as long as videos may be
STILL_PIXELS = 4 * MOST_PIXELS  # that are decoded to reach one frame; keyframes are seconds apart


@dataclass(frozen=True, slots=True)
class Video:
    """An open video. A pixel is `sample_aspect_ratio` times as wide as it is high.

    `is_silenced` has sounds that nobody decodes. Of its frames, what `crop` leaves is displayed.
    """

    container: InputContainer
    patience: Patience
    stream: VideoStream
    codec: str
    sound: AudioStream | None
    is_silenced: bool
    sample_aspect_ratio: float
    crop: Crop | None

    def bound_frames(self, policy: Policy) -> None:
        """Have the decoder refuse frames of more pixels than the header may tell: a later one may be of any size."""
        self.stream.codec_context.options = {"max_pixels": str(policy.video_side**2)}

    def still(self, at: float) -> VideoFrame:
        """The first frame that can be decoded from this second of the video on, or the first of all.

        Where there is no keyframe for long, it is one before, as far as `STILL_PIXELS` lead.
        """
        for start in (at, 0.0):
            self.container.seek(int(start * MICROSECONDS), backward=True)
            frame = self._first_from(start)
            if frame is not None:
                return frame
        raise ProcessingFailed(Reason.VIDEO_DAMAGED, "no frame")

    def heard(self) -> Iterator[AudioFrame]:
        """All of its sound that can be decoded."""
        if self.sound is None:
            return
        self.sound.codec_context.thread_count = 1
        self.container.seek(0)
        with suppress(av.error.FFmpegError):
            for packet in self.patience.with_each(self.container.demux(self.sound)):
                with suppress(av.error.FFmpegError):
                    yield from packet.decode()

    def _first_from(self, start: float) -> VideoFrame | None:
        last, left = None, STILL_PIXELS
        for packet in self.patience.with_each(self.container.demux(self.stream)):
            passes = self.passes_over(packet)
            for frame in _decoded(packet):
                last = frame
                if frame.time is None or frame.time >= start:
                    return frame
            shown = last or self.stream
            left -= passes * shown.width * shown.height
            if left < 0 and last:
                break
        return last

    def passes_over(self, packet: "av.Packet[VideoStream]") -> int:
        """How often a decoder goes through the pixels of a packet; ProcessingFailed when that is without end."""
        scans = scans_at_most(bytes(packet)) if self.codec == "mjpeg" else 1
        if scans > MOST_SCANS:
            raise ProcessingFailed(Reason.VIDEO_DAMAGED, "too many scans")
        return max(1, scans)


def _decoded(packet: "av.Packet[VideoStream]") -> list[VideoFrame]:
    try:
        return [frame for frame in packet.decode() if isinstance(frame, VideoFrame)]
    except av.error.InvalidDataError:
        return []


@contextmanager
def open_video(source: Path, mime_type: str) -> Iterator[Video]:
    """The first video track of a file; ProcessingFailed when there is none that can be decoded."""
    with refusing(Reason.VIDEO_DAMAGED), open_container(source, mime_type) as (container, patience):
        moving = [stream for stream in container.streams.video if not stream.disposition & Disposition.attached_pic]
        if not moving:
            raise ProcessingFailed(Reason.VIDEO_DAMAGED, "no video track")
        stream = moving[0]
        if stream.codec_context is None or stream.codec_context.name not in DECODERS:
            raise ProcessingFailed(Reason.FORMAT_UNSUPPORTED, "a codec that is not decoded")
        sound = _sound(container)
        yield Video(
            container,
            patience,
            stream,
            codec=stream.codec_context.codec.canonical_name,
            sound=sound,
            is_silenced=sound is None and bool(container.streams.audio),
            sample_aspect_ratio=_sample_aspect_ratio(stream),
            crop=crop_of(source, stream.id, stream.width, stream.height),
        )


def _sound(container: InputContainer) -> AudioStream | None:
    """The first sound that can be decoded."""
    return next((stream for stream in container.streams.audio if _is_heard(stream)), None)


def _is_heard(stream: AudioStream) -> bool:
    return stream.codec_context is not None and stream.codec_context.name in SOUND_DECODERS


def _sample_aspect_ratio(stream: VideoStream) -> float:
    ratio = float(stream.sample_aspect_ratio or 1)
    return ratio if 1 / MOST_STRETCHED < ratio < MOST_STRETCHED else 1.0


def require_size(shown: VideoStream | VideoFrame, policy: Policy) -> None:
    """ProcessingFailed for what is larger than videos may be: by its header, or by its frames whatever that says."""
    if max(shown.width, shown.height) > policy.video_side:
        raise ProcessingFailed(Reason.VIDEO_TOO_LARGE)
