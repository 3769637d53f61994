"""How a photo was taken, from its EXIF, in pure Python. What cannot be read is left out."""

import math
from collections.abc import Mapping
from datetime import datetime
from typing import Any

from PIL import Image
from PIL.ExifTags import GPS, IFD, Base

from processing.protocol import Exif, Location

MAX_CHARACTERS = 100


def read_exif(exif: bytes, *, keep_location: bool) -> Exif:
    """What an EXIF block says; where, only when that is to be kept."""
    try:
        block = Image.Exif()
        block.load(exif)
        details = block.get_ifd(IFD.Exif)
        places = block.get_ifd(IFD.GPSInfo) if keep_location else {}
    except Exception:  # noqa: BLE001 - Pillow's reader raises whatever the bytes make it stumble over
        return Exif()
    return Exif(
        make=_text(block.get(Base.Make)),
        model=_text(block.get(Base.Model)),
        lens=_text(details.get(Base.LensModel)),
        captured_at=_time(details),
        location=_location(places),
    )


def _text(value: Any) -> str | None:
    if not isinstance(value, str):
        return None
    text = "".join(character for character in value.partition("\0")[0] if character.isprintable()).strip()
    return text[:MAX_CHARACTERS] or None


def _time(details: Mapping[int, Any]) -> str | None:
    taken_at = _text(details.get(Base.DateTimeOriginal)) or _text(details.get(Base.DateTimeDigitized)) or ""
    offset = _text(details.get(Base.OffsetTimeOriginal)) or ""
    for text, shape in ((taken_at + offset, "%Y:%m:%d %H:%M:%S%z"), (taken_at, "%Y:%m:%d %H:%M:%S")):
        try:
            return datetime.strptime(text, shape).isoformat()  # noqa: DTZ007 - few cameras know their offset
        except ValueError:
            continue
    return None


def _location(places: Mapping[int, Any]) -> Location | None:
    latitude = _degrees(places.get(GPS.GPSLatitude), places.get(GPS.GPSLatitudeRef), "S", 90)
    longitude = _degrees(places.get(GPS.GPSLongitude), places.get(GPS.GPSLongitudeRef), "W", 180)
    if latitude is None or longitude is None:
        return None
    height = _number(places.get(GPS.GPSAltitude))
    below = places.get(GPS.GPSAltitudeRef) in {1, b"\x01"}
    return Location(latitude=latitude, longitude=longitude, altitude=-height if height and below else height)


def _degrees(parts: Any, reference: Any, negative: str, most: int) -> float | None:
    numbers = [_number(part) for part in parts] if isinstance(parts, tuple) else []
    known = [number for number in numbers if number is not None]
    if len(known) != 3:  # noqa: PLR2004 - degrees, minutes, seconds
        return None
    degrees = known[0] + known[1] / 60 + known[2] / 3600
    signed = -degrees if reference == negative else degrees
    return round(signed, 6) if degrees <= most else None


def _number(value: Any) -> float | None:
    try:
        number = float(value)
    except (TypeError, ValueError, ZeroDivisionError):
        return None
    return number if math.isfinite(number) else None
