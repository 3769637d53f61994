"""Audio files of every kind, made when they are asked for: a tone that grows louder, with tags."""

import io
import math
from array import array
from fractions import Fraction
from functools import cache

import av
from av.audio.frame import AudioFrame
from av.audio.stream import AudioStream

CODECS = {
    "mp3": ("mp3", "libmp3lame"),
    "wav": ("wav", "pcm_s16le"),
    "ogg": ("ogg", "libopus"),
    "m4a": ("ipod", "aac"),
    "flac in ogg": ("ogg", "flac"),
    "flac": ("flac", "flac"),
    "aac": ("adts", "aac"),
    "webm": ("webm", "libopus"),
}
MIME_TYPES = {
    "mp3": "audio/mpeg",
    "wav": "audio/wav",
    "ogg": "audio/ogg",
    "m4a": "audio/mp4",
    "flac in ogg": "audio/ogg",
    "flac": "audio/flac",
    "aac": "audio/aac",
    "webm": "audio/webm",
}
OPTIONS = {"aac": {"write_id3v2": "1"}}
TAGS = {
    "title": "Harbour",
    "artist": "The Gulls",
    "album": "Low tide",
    "comment": "recorded at 33.8568 S 151.2153 E",
    "composer": "secret-7781",
}


@cache
def audio_file(
    kind: str,
    seconds: float = 2.0,
    rate: int = 48_000,
    layout: str = "stereo",
    tags: tuple[tuple[str, str], ...] = tuple(TAGS.items()),
) -> bytes:
    """A tone of 440 Hz from silence to full loudness, on all channels."""
    container, codec = CODECS[kind]
    written = io.BytesIO()
    with av.open(written, "w", format=container, options=OPTIONS.get(kind, {})) as target:
        target.metadata.update(tags)
        stream = target.add_stream(codec, rate=rate, layout=layout)
        assert isinstance(stream, AudioStream)
        sent = 0
        for samples in _tone(seconds, rate):
            frame = _frame(samples, layout, rate)
            frame.pts, frame.time_base = sent, Fraction(1, rate)
            sent += len(samples)
            target.mux(stream.encode(frame))
        target.mux(stream.encode(None))
    return written.getvalue()


def _tone(seconds: float, rate: int) -> list[list[int]]:
    total = int(seconds * rate)
    loud = [round(32_000 * at / total * math.sin(at / rate * 440 * 2 * math.pi)) for at in range(total)]
    return [loud[at : at + 960] for at in range(0, total, 960)]


def _frame(samples: list[int], layout: str, rate: int) -> AudioFrame:
    frame = AudioFrame(format="s16", layout=layout, samples=len(samples))
    frame.sample_rate = rate
    frame.planes[0].update(_padded(array("h", [value for value in samples for _ in frame.layout.channels]), frame))
    return frame


def _padded(samples: "array[int]", frame: AudioFrame) -> bytes:
    return samples.tobytes().ljust(frame.planes[0].buffer_size, b"\0")
