"""JPEGs that were cut off behind their last pixel, and those of scans without end."""

import re

SOS, EOI = b"\xff\xda", b"\xff\xd9"  # start of scan, end of image (ITU-T T.81, B.1.1.3)
# What has a length, and EOI; decoders pass over the rest, as between a scan's bytes.
MARKER = re.compile(rb"\xff[\xc0-\xcf\xd9-\xfe]")
MOST_SCANS = 100  # encoders write up to some ten; each leads a decoder through all blocks of the image


def ended(body: bytes) -> bytes | None:
    """All of a JPEG, and the end that it lacks; None where it has one.

    Neither marker can stand within a scan, where the byte ff is followed by others (B.1.1.5).
    """
    if EOI in body[max(0, body.rfind(SOS)) :]:
        return None
    return body.removesuffix(b"\xff") + EOI


def has_many_scans(body: bytes) -> bool:
    """Whether a JPEG has more scans than are decoded. What stands in its segments and behind its end is not counted."""
    return scans_at_most(body) > MOST_SCANS and _has_many_scans(body)


def scans_at_most(body: bytes) -> int:
    """No fewer than there are; as many in a frame of Motion JPEG, whose decoder may begin behind any byte."""
    return body.count(SOS)


def _has_many_scans(body: bytes) -> bool:
    scans, place = 0, 0
    while scans <= MOST_SCANS and (marker := MARKER.search(body, place)):
        if marker[0] == EOI:
            break
        scans += marker[0] == SOS
        place = marker.end() + int.from_bytes(body[marker.end() : marker.end() + 2])
    return scans > MOST_SCANS
