"""A recording, opened by FFmpeg's libraries as what its bytes show that it is, and as nothing else.

A container may name other files and servers; only the one that was given is read, by the demuxer of its type.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import av
from av.audio.frame import AudioFrame
from av.audio.stream import AudioStream
from av.container import InputContainer

from processing.failures import ProcessingFailed, Reason, tells_of_memory
from processing.records import Tags

# The demuxer of each type.
DEMUXERS = {
    "audio/mpeg": "mp3",
    "audio/wav": "wav",
    "audio/x-wav": "wav",
    "audio/ogg": "ogg",
    "audio/mp4": "mov",
}
DECODERS = frozenset({
    "mp3", "mp3float", "aac", "alac", "vorbis", "opus", "libopus", "flac", "pcm_u8", "pcm_s16le", "pcm_s24le",
    "pcm_s32le", "pcm_f32le", "pcm_f64le", "pcm_alaw", "pcm_mulaw", "adpcm_ms", "adpcm_ima_wav",
})  # fmt: skip
MAX_SECONDS = 4 * 3600
MAX_DAMAGED_PACKETS = 1000
MAX_TAG_CHARACTERS = 200
# Nothing but the file itself is opened, whatever stands in it.
OPTIONS = {"protocol_whitelist": "file", "enable_drefs": "0", "use_absolute_path": "0"}


@dataclass(frozen=True, slots=True)
class Sound:
    """An open recording, and what its header says of it. Bits a second."""

    container: InputContainer
    stream: AudioStream
    codec: str
    bitrate: int | None
    tags: Tags | None

    def frames(self) -> Iterator[AudioFrame]:
        """What is heard, as far as it can be decoded; ProcessingFailed when nothing can, or when there is no end."""
        heard, damaged = 0.0, 0
        for packet in self.container.demux(self.stream):
            try:
                frames = packet.decode()
            except av.error.InvalidDataError:
                damaged += 1
                if damaged > MAX_DAMAGED_PACKETS:
                    raise ProcessingFailed(Reason.AUDIO_DAMAGED) from None
                continue
            for frame in frames:
                heard += frame.samples / frame.sample_rate
                if heard > MAX_SECONDS:
                    raise ProcessingFailed(Reason.AUDIO_TOO_LONG)
                yield frame
        if not heard:
            raise ProcessingFailed(Reason.AUDIO_DAMAGED)


@contextmanager
def open_sound(source: Path, mime_type: str) -> Iterator[Sound]:
    """The first recording of a file; ProcessingFailed when there is none that can be decoded."""
    with (
        refusing_damage(),
        av.open(str(source), format=DEMUXERS[mime_type], options=OPTIONS, metadata_errors="replace") as container,
    ):
        if not container.streams.audio:
            raise ProcessingFailed(Reason.AUDIO_DAMAGED, "no audio")
        stream = container.streams.audio[0]
        codec = stream.codec_context
        if codec is None or codec.name not in DECODERS:
            raise ProcessingFailed(Reason.FORMAT_UNSUPPORTED, getattr(codec, "name", "unknown codec"))
        codec.thread_count = 1
        bitrate = stream.bit_rate or container.bit_rate or None
        yield Sound(container, stream, codec.codec.canonical_name, bitrate, _tags(container, stream))


@contextmanager
def refusing_damage() -> Iterator[None]:
    """What FFmpeg's libraries cannot read is damaged, unless they lacked memory."""
    try:
        yield
    except (av.error.FFmpegError, ValueError) as error:
        lacking = isinstance(error, MemoryError) or tells_of_memory(str(error))
        raise ProcessingFailed(Reason.OUT_OF_MEMORY if lacking else Reason.AUDIO_DAMAGED, str(error)) from error


def _tags(container: InputContainer, stream: AudioStream) -> Tags | None:
    said: dict[str, Any] = {name.lower(): told for name, told in {**stream.metadata, **container.metadata}.items()}
    kept = {name: _tag(said.get(name)) for name in ("title", "artist", "album")}
    return Tags(**kept) if any(kept.values()) else None


def _tag(told: str | None) -> str | None:
    """A tag as it can be shown: on one line, not endlessly long."""
    shown = "".join(character if character.isprintable() else " " for character in told or "")
    return " ".join(shown.split())[:MAX_TAG_CHARACTERS] or None
