"""What stands in for an image until it is loaded: a ThumbHash and its dominant colour."""

import base64
from collections import Counter

import thash

from processing.image.libvips import Image

SAMPLE = 32  # pixels of the longer side: more of them do not change the few waves that a ThumbHash holds
SHADES = 32  # of each channel count as one colour
OPAQUE = 128


def placeholder(image: Image) -> tuple[str, str]:
    """The ThumbHash of a small image, in base64, and its dominant colour as #rrggbb."""
    sample = image.thumbnail_image(SAMPLE, height=SAMPLE, size="down")
    sample = sample if sample.hasalpha() else sample.addalpha()
    pixels = bytes(sample.write_to_memory())
    thumb_hash = bytes(thash.rgba_to_thumb_hash(sample.width, sample.height, list(pixels)))
    return base64.b64encode(thumb_hash).decode(), _dominant(pixels)


def _dominant(rgba: bytes) -> str:
    """The mean of the colours that are most alike among those that show; black when none does."""
    colours = [tuple(rgba[at : at + 3]) for at in range(0, len(rgba), 4) if rgba[at + 3] >= OPAQUE]
    if not colours:
        return "#000000"
    shades = [tuple(channel // SHADES for channel in colour) for colour in colours]
    ((most, count),) = Counter(shades).most_common(1)
    alike = [colour for colour, shade in zip(colours, shades, strict=True) if shade == most]
    return "#" + "".join(f"{round(sum(channel) / count):02x}" for channel in zip(*alike, strict=True))
