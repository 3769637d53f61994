"""Progressive JPEGs of as many scans as one likes, and videos of such; they say what another could in a few."""

import io
import struct
from fractions import Fraction

import av
from av.video.stream import VideoStream

from tests.images import scene

TO_THE_LAST_BAND = b"\xe0"  # the one symbol of the table for coefficients: 2**14 blocks and more have none
MOST_BLOCKS = 2**15 - 1


def progressive(scans: int, side: int = 64) -> bytes:
    """A grey square."""
    blocks = ((side + 7) // 8) ** 2
    return b"".join(
        (
            b"\xff\xd8",
            _segment(0xDB, b"\0" + b"\1" * 64),
            _segment(0xC2, struct.pack(">BHHB", 8, side, side, 1) + b"\1\x11\0"),
            _segment(0xC4, b"\0\1" + bytes(15) + b"\0"),
            _segment(0xC4, b"\x10\1" + bytes(15) + TO_THE_LAST_BAND),
            _segment(0xDA, b"\1\1\0\0\0\0") + bytes((blocks + 7) // 8),
            (_segment(0xDA, b"\1\1\0\1\x3f\0") + _empty(blocks)) * (scans - 1),
            b"\xff\xd9",
        )
    )


def baseline(*, segment: bytes = b"", behind: bytes = b"") -> bytes:
    """An ordinary one, with something in a segment and behind its end."""
    written = io.BytesIO()
    scene(64, 64).save(written, "JPEG")
    body = written.getvalue()
    return body[:2] + _segment(0xE5, segment) + body[2:] + behind


def video_of(image: bytes, frames: int = 2, side: int = 64) -> bytes:
    """Motion JPEG in QuickTime, one image a second."""
    written = io.BytesIO()
    with av.open(written, "w", format="mov") as target:
        stream = target.add_stream("mjpeg", rate=1)
        assert isinstance(stream, VideoStream)
        stream.width, stream.height, stream.pix_fmt = side, side, "yuvj420p"
        for number in range(frames):
            packet = av.Packet(image)
            packet.stream, packet.time_base = stream, Fraction(1)
            packet.pts = packet.dts = number
            packet.duration, packet.is_keyframe = 1, True
            target.mux(packet)
    return written.getvalue()


def _segment(marker: int, content: bytes) -> bytes:
    return struct.pack(">BBH", 0xFF, marker, len(content) + 2) + content


def _empty(blocks: int) -> bytes:
    """A scan that says nothing of so many blocks: each run is a bit of its symbol and fourteen of its length."""
    bits = "011111111111111" * -(-blocks // MOST_BLOCKS)
    bits += "1" * (-len(bits) % 8)
    return int(bits, 2).to_bytes(len(bits) // 8).replace(b"\xff", b"\xff\0")
