"""JPEGs that were cut off behind their last pixel."""

from pathlib import Path

SOS, EOI = b"\xff\xda", b"\xff\xd9"  # start of scan, end of image (ITU-T T.81, B.1.1.3)


def ended(source: Path) -> bytes | None:
    """All of a JPEG, and the end that it lacks; None where it has one.

    Neither marker can stand within a scan, where the byte ff is followed by others (B.1.1.5).
    """
    body = source.read_bytes()
    if EOI in body[max(0, body.rfind(SOS)) :]:
        return None
    return body.removesuffix(b"\xff") + EOI
