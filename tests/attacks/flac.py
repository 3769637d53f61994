"""Audio files and videos of FLAC of which each frame names a sample rate of its own (RFC 9639, 9.1)."""

import io
import struct
from collections.abc import Iterable, Iterator
from fractions import Fraction
from functools import cache
from typing import Any

import av
from av.audio.stream import AudioStream

from tests.videos import clip

SAMPLES = 16  # in a frame, the fewest that there may be
RATE = 48_000
OTHERS = (47_999, 47_997)


def audio_file_of(rates: Iterable[int]) -> bytes:
    """FLAC in Ogg, one frame of each rate after the other."""
    written = io.BytesIO()
    with av.open(written, "w", format="ogg") as target:
        for packet in _packets(_stream(target), rates):
            target.mux(packet)
    return written.getvalue()


def clip_with(rates: Iterable[int]) -> bytes:
    """An MP4 with such sound."""
    written = io.BytesIO()
    with (
        av.open(io.BytesIO(clip("mp4", 1.0, (64, 48))), "r") as source,
        av.open(written, "w", format="mp4") as target,
    ):
        moving = target.add_stream_from_template(source.streams.video[0])
        packets = _packets(_stream(target), rates)
        for packet in source.demux(video=0):
            if packet.size:
                packet.stream = moving
                target.mux(packet)
        for packet in packets:
            target.mux(packet)
    return written.getvalue()


def alternating(changes: int, frames_each: int) -> list[int]:
    """So many changes between two rates."""
    return [OTHERS[number % 2] for number in range(changes + 1) for _ in range(frames_each)]


def _stream(target: av.container.OutputContainer) -> AudioStream:
    stream = target.add_stream("flac", rate=RATE, layout="mono")
    assert isinstance(stream, AudioStream)
    stream.codec_context.open()
    return stream


def _packets(stream: AudioStream, rates: Iterable[int]) -> Iterator["av.Packet[Any]"]:
    for number, rate in enumerate(rates):
        packet: av.Packet[Any] = av.Packet(_frame(rate))
        packet.stream, packet.time_base = stream, Fraction(1, RATE)
        packet.pts = packet.dts = number * SAMPLES
        packet.duration = SAMPLES
        yield packet


@cache
def _frame(rate: int) -> bytes:
    """Silence on one channel, in 16 bits."""
    head = struct.pack(">HBBBBH", 0xFFF8, 0x6D, 0x08, 0, SAMPLES - 1, rate)
    body = head + bytes([_remainder(head, 0x07, 8)]) + bytes(3)
    return body + _remainder(body, 0x8005, 16).to_bytes(2)


def _remainder(body: bytes, polynomial: int, bits: int) -> int:
    """The CRC of FLAC's heads (8 bits) and frames (16)."""
    rest, top = 0, 1 << bits - 1
    for byte in body:
        rest ^= byte << bits - 8
        for _ in range(8):
            rest = (rest << 1 ^ (polynomial if rest & top else 0)) & (1 << bits) - 1
    return rest
