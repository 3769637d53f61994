"""Facts of images, read from their headers in pure Python: no decoder sees the bytes."""

from io import BytesIO

import imagesize


def dimensions(head: bytes) -> tuple[int, int] | None:
    """Width and height in pixels as displayed (EXIF orientation applied); None when these first bytes tell none."""
    width, height = imagesize.get(BytesIO(head))
    return (width, height) if width > 0 and height > 0 else None
