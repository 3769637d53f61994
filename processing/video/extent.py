"""How much there is of a video. Its packets are read and not decoded: a header may lack the answer, or lie."""

from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from typing import Any

import av
from av.video.frame import VideoFrame
from av.video.stream import VideoStream

from processing.failures import ProcessingFailed, Reason
from processing.protocol import Policy
from processing.video.video import MICROSECONDS, MOST_PIXELS, Video

MOST_FRAMES = 1000  # a second; what is more is no rate of a video
AGREEING = 0.01  # a header's rate is finer than a clock of milliseconds, if it is about as much


@dataclass(slots=True)
class Extent:
    """How many seconds there are of a video, how many frames, in how many bytes, and when the first and last begin."""

    seconds: float = 0.0
    frames: int = 0
    size: int = 0
    first: float | None = None
    last: float = 0.0

    @property
    def bitrate(self) -> int | None:
        """Bits of the video track a second."""
        return round(8 * self.size / self.seconds) if self.seconds else None

    @property
    def fps(self) -> float | None:
        """Frames a second, on average; None of a single one."""
        between = self.last - (self.first or 0.0)
        return (self.frames - 1) / between if self.frames > 1 and between > 0 else None

    def see(self, packet: "av.Packet[Any]", begin: float) -> None:
        """Go on with a packet of the video track."""
        if not packet.size or packet.is_discard:
            return
        self.frames += 1
        self.size += packet.size
        if packet.pts is not None:
            timestamp = float(packet.pts * packet.time_base) - begin
            self.first = timestamp if self.first is None else min(self.first, timestamp)
            self.last = max(self.last, timestamp)


def measured(video: Video, policy: Policy) -> Extent:
    """How much there is of a video just opened; ProcessingFailed when that is longer than videos may be."""
    begin, extent = (video.container.start_time or 0) / MICROSECONDS, Extent()
    for packet in _packets(video):
        extent.seconds = max(extent.seconds, _end(packet) - begin)
        if packet.stream is video.stream:
            video.passes_over(packet)
            extent.see(packet, begin)
        if extent.seconds > policy.video_seconds:
            raise ProcessingFailed(Reason.VIDEO_TOO_LONG)
    return extent


def rate_of(stream: VideoStream, extent: Extent) -> float | None:
    """Frames a second: what the header tells where it agrees with its frames, and what these tell where it does not.

    None of a single frame: what FFmpeg answers then was never set.
    """
    if extent.frames <= 1:
        return None
    average, counted = float(stream.average_rate or 0), extent.fps
    rate = round(average if counted is None or abs(average - counted) <= AGREEING * counted else counted, 3)
    return rate if 0 < rate <= MOST_FRAMES else None


def require_work(extent: Extent, frame: VideoFrame, policy: Policy) -> None:
    """ProcessingFailed for a video that has more pixels, over all its frames, than the longest may have."""
    if extent.frames * frame.width * frame.height > policy.video_seconds * MOST_PIXELS:
        raise ProcessingFailed(Reason.VIDEO_TOO_LARGE, "too many pixels over all its frames")


def _packets(video: Video) -> Iterator["av.Packet[Any]"]:
    """Those of video track and sound, as far as they can be read."""
    streams = (video.stream, video.sound) if video.sound else (video.stream,)
    with suppress(av.error.FFmpegError):
        yield from video.patience.with_each(video.container.demux(*streams))


def _end(packet: "av.Packet[Any]") -> float:
    if packet.pts is None or packet.is_discard:
        return 0.0
    return float((packet.pts + (packet.duration or 0)) * packet.time_base)
