"""Small files of every kind, made when they are asked for."""

import io
from functools import cache

from PIL import Image

from tests.videos import clip


@cache
def photo(width: int = 64, height: int = 48, kind: str = "JPEG", orientation: int = 1) -> bytes:
    """An image with noise in it, so that two sizes never have the same bytes."""
    image = Image.effect_noise((width, height), 60).convert("RGB")
    exif = Image.Exif()
    exif[0x0112] = orientation
    written = io.BytesIO()
    image.save(written, kind, exif=exif.tobytes()) if kind != "GIF" else image.save(written, kind)
    return written.getvalue()


def video() -> bytes:
    """A video of one frame."""
    return clip("mp4", 0.1, (64, 48))


def padded(body: bytes, size: int) -> bytes:
    """The same file made `size` bytes long; JPEG readers ignore what follows the image."""
    return body + b"\0" * (size - len(body))


HTML = b"<!doctype html><html><script>alert(document.domain)</script></html>"
SVG = b'<svg xmlns="http://www.w3.org/2000/svg"><script>alert(1)</script></svg>'
