"""An audio file, and what is heard of it as far as it can be decoded."""

import math
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import av
from av.audio.frame import AudioFrame
from av.audio.layout import AudioLayout
from av.audio.stream import AudioStream
from av.container import InputContainer

from processing.failures import ProcessingFailed, Reason
from processing.ffmpeg import Patience, open_container, refusing
from processing.protocol import Tags

DECODERS = frozenset({
    "mp3", "mp3float", "aac", "alac", "vorbis", "opus", "libopus", "flac", "pcm_u8", "pcm_s16le", "pcm_s24le",
    "pcm_s32le", "pcm_f32le", "pcm_f64le", "pcm_alaw", "pcm_mulaw", "adpcm_ms", "adpcm_ima_wav",
})  # fmt: skip
MAX_SECONDS = 4 * 3600
MAX_DAMAGED_PACKETS = 1000
MAX_TAG_CHARACTERS = 200
MOST_PLACED = 8  # channels that have places without being told of: 7.1
AGREEING = 0.05  # a decoder leaves out what an encoder put before the sound


class LastsLonger(Exception):
    """An audio file lasts longer than is wanted of this run: so many seconds at least."""

    def __init__(self, seconds: float) -> None:
        super().__init__(seconds)
        self.seconds = seconds


@dataclass(slots=True)
class Sound:
    """An open audio file, what its header says of it, and how many bytes have been heard in how many seconds.

    `told` is in bits a second. It `is_incomplete` when there is more to hear than can be read.
    """

    container: InputContainer
    patience: Patience
    stream: AudioStream
    codec: str
    tags: Tags | None
    duration: int
    size: int = 0
    seconds: float = 0.0
    is_incomplete: bool = False

    @property
    def bitrate(self) -> int | None:
        """Bits a second of what has been heard; those that the header tells, where that is about as much."""
        heard = round(8 * self.size / self.seconds) if self.seconds else 0
        return (self.duration if abs(self.duration - heard) <= AGREEING * heard else heard) or None

    def frames(self, most_seconds: float | None = None) -> Iterator[AudioFrame]:
        """What is heard, as far as it can be decoded; ProcessingFailed when nothing can, or when there is no end.

        LastsLonger when there are `most_seconds` of it or more, by its header or by what is heard.
        """
        longest, duration = most_seconds or math.inf, (self.container.duration or 0) / av.time_base
        if duration >= longest:
            raise LastsLonger(min(duration, MAX_SECONDS))
        damaged = 0
        for packet in self.patience.with_each(self._packets()):
            try:
                frames = packet.decode()
            except av.error.InvalidDataError:
                damaged += 1
                if damaged > MAX_DAMAGED_PACKETS:
                    raise ProcessingFailed(Reason.AUDIO_DAMAGED) from None
                continue
            self.size += packet.size
            for frame in frames:
                self.seconds += frame.samples / frame.sample_rate
                if self.seconds > MAX_SECONDS:
                    raise ProcessingFailed(Reason.AUDIO_TOO_LONG)
                if self.seconds >= longest:
                    raise LastsLonger(self.seconds)
                yield frame
        if not self.seconds:
            raise ProcessingFailed(Reason.AUDIO_DAMAGED)

    def _packets(self) -> Iterator["av.Packet[AudioStream]"]:
        """All that FFmpeg reads; of an Ogg whose links have other channels than the first, that one alone."""
        try:
            yield from self.container.demux(self.stream)
        except av.error.PatchWelcomeError:
            if not self.seconds:
                raise
            self.is_incomplete = True


def downmix(layout: AudioLayout) -> str | None:
    """The filter that makes two channels of more than there are places for; None where FFmpeg knows how."""
    channels = layout.nb_channels
    if channels <= MOST_PLACED or layout.name != f"{channels} channels":
        return None
    left, right = ("+".join(f"c{number}" for number in range(side, channels, 2)) for side in (0, 1))
    return f"pan=stereo|c0<{left}|c1<{right}"


@contextmanager
def open_sound(source: Path, mime_type: str) -> Iterator[Sound]:
    """The first audio file of a file; ProcessingFailed when there is none that can be decoded."""
    with refusing(Reason.AUDIO_DAMAGED), open_container(source, mime_type) as (container, patience):
        if not container.streams.audio:
            raise ProcessingFailed(Reason.AUDIO_DAMAGED, "no audio")
        stream = container.streams.audio[0]
        codec = stream.codec_context
        if codec is None or codec.name not in DECODERS:
            raise ProcessingFailed(Reason.FORMAT_UNSUPPORTED, getattr(codec, "name", "unknown codec"))
        codec.thread_count = 1
        yield Sound(
            container,
            patience,
            stream,
            codec.codec.canonical_name,
            _tags(container, stream),
            stream.bit_rate or container.bit_rate,
        )


def _tags(container: InputContainer, stream: AudioStream) -> Tags | None:
    tags: dict[str, Any] = {name.lower(): value for name, value in {**stream.metadata, **container.metadata}.items()}
    kept = {name: _tag(tags.get(name)) for name in ("title", "artist", "album")}
    return Tags(**kept) if any(kept.values()) else None


def _tag(value: str | None) -> str | None:
    """A tag as it can be shown: on one line, not endlessly long."""
    printable = "".join(character if character.isprintable() else " " for character in value or "")
    return " ".join(printable.split())[:MAX_TAG_CHARACTERS] or None
