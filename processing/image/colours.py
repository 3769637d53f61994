"""What the values of an image mean where no ICC profile says so: by code points (ITU-T H.273), or as a PNG tells."""

import struct
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

from processing.image.icc_profile import GAMMAS, PRIMARIES, Space
from processing.image.libvips import BLOB, Image, in_srgb

PQ, HLG = 16, 18
BT709, SRGB = 1, 13  # primaries, and a transfer
OF_CAMERAS = frozenset({1, 6, 14, 15})  # transfers
# As browsers show those: by the curve of a screen, and in a PNG by that of a studio's (ITU-R BT.1886).
STUDIO_GAMMA = 2.4
USUAL_GAMMA, EXACTLY = 1 / 2.2, 0.0005
GAMMA_RANGE = (0.1, 10)
SIGNATURE_BYTES = 8
MAX_CHUNKS = 1000
COLOURED = frozenset({b"cICP", b"iCCP", b"sRGB", b"gAMA", b"cHRM"})
CHUNK_BYTES, CICP_BYTES = 32, 4


@dataclass(frozen=True, slots=True)
class HighRange:
    """Code points of colours that have a high dynamic range."""

    primaries: int
    transfer: int


Meaning = Space | HighRange


def as_shown(image: Image, meaning: Meaning | None) -> Image:
    """The image in 8-bit sRGB."""
    if isinstance(meaning, HighRange):
        from processing.image.tone_mapping import tone_mapped  # noqa: PLC0415 - no other image needs it

        return tone_mapped(image, meaning)
    return in_srgb(_told(image, meaning) if meaning else image)


def _told(image: Image, space: Space) -> Image:
    if image.bands < 3:  # noqa: PLR2004 - grey, for which it would be no profile
        image = image.colourspace("rgb16" if image.format == "ushort" else "srgb")
    tagged = image.copy()
    tagged.set_type(BLOB, "icc-profile-data", space.profile())
    return tagged


def of_points(primaries: int, transfer: int, *, camera_gamma: float | None = None) -> Meaning | None:
    """That of code points; None for those of sRGB, and for what is unknown."""
    if transfer in {PQ, HLG}:
        return HighRange(primaries, transfer)
    gamma = camera_gamma if transfer in OF_CAMERAS else GAMMAS.get(transfer)
    if gamma is None and primaries == BT709:
        return None
    return Space(*PRIMARIES[primaries], gamma=gamma) if primaries in PRIMARIES else None


def of_png(source: Path) -> Meaning | None:
    """What a PNG tells, the first of these: code points, a profile, sRGB, gamma (PNG, third edition, 4.3)."""
    with source.open("rb") as opened:
        opened.seek(SIGNATURE_BYTES)
        chunks = dict(_chunks(opened))
    if len(points := chunks.get(b"cICP", b"")) == CICP_BYTES:
        return of_points(points[0], points[1], camera_gamma=STUDIO_GAMMA)
    if b"iCCP" in chunks or b"sRGB" in chunks or b"gAMA" not in chunks:
        return None
    return _of_gamma(chunks[b"gAMA"], chunks.get(b"cHRM"))


def _chunks(opened: BinaryIO) -> Iterator[tuple[bytes, bytes]]:
    """Those before the pixels that tell of colours."""
    for _ in range(MAX_CHUNKS):
        size, name = struct.unpack(">I4s", opened.read(8).ljust(8, b"\0"))
        if name in {b"IDAT", bytes(4)}:
            return
        begin = opened.tell()
        if name in COLOURED:
            yield name, opened.read(min(size, CHUNK_BYTES))
        opened.seek(begin + size + 4)


def _of_gamma(gama: bytes, chrm: bytes | None) -> Space | None:
    try:
        gamma = int.from_bytes(gama[:4], "big") / 100_000
        if not GAMMA_RANGE[0] < gamma < GAMMA_RANGE[1]:
            return None
        if chrm is None:
            return None if abs(gamma - USUAL_GAMMA) < EXACTLY else Space(*PRIMARIES[BT709], gamma=1 / gamma)
        white, red, green, blue = ((x / 100_000, y / 100_000) for x, y in struct.iter_unpack(">II", chrm))
        space = Space(red, green, blue, white, 1 / gamma)
        space.profile()
    except (struct.error, ValueError, ZeroDivisionError):
        return None
    return space
