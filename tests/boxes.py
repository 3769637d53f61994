"""Boxes of ISO media files by hand, and files whose boxes are told otherwise than they were."""

import struct


def box(kind: bytes, *held: bytes) -> bytes:
    """A box that holds these."""
    body = b"".join(held)
    return struct.pack(">I4s", 8 + len(body), kind) + body


def ftyp(*brands: bytes) -> bytes:
    """The box that names a file by its brands, of which the first is the major one."""
    return box(b"ftyp", brands[0], bytes(4), *brands)


def branded(body: bytes, *brands: bytes) -> bytes:
    """A file by other brands, the last one repeated so that everything behind stands where it stood."""
    size = struct.unpack_from(">I", body)[0]
    return ftyp(*brands, *[brands[-1]] * ((size - 16) // 4 - len(brands))) + body[size:]


def track(number: int, handler: bytes, *chapters: int) -> bytes:
    """As much of a track as tells what it is; another one may hold its chapters."""
    told = box(b"tkhd", bytes(12), struct.pack(">I", number), bytes(68))
    named = box(b"mdia", box(b"mdhd", bytes(24)), box(b"hdlr", bytes(8), handler, bytes(13)))
    referred = box(b"tref", box(b"chap", struct.pack(f">{len(chapters)}I", *chapters))) if chapters else b""
    return box(b"trak", told, referred, named)
