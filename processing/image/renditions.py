"""WebP renditions of an image: thumbnails from one shrunken decode, and the full size from one whole decode."""

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from contracts.renditions import FULL, THUMBNAILS
from processing.image.libvips import Image, field
from processing.protocol import File

LARGEST_SIDE = 16383  # of a WebP

THUMBNAIL_QUALITY = 80
FULL_QUALITY = 85
THUMBNAIL_EFFORT = 4  # of 6: how long the encoder looks for a smaller file
FULL_EFFORT = 2  # a third of the time of 4, for 4 % more bytes
THREADS = 2


def thumbnails(largest: Image, folder: Path) -> list[File]:
    """The thumbnails, smallest first, of an image that has at most the size of the largest; none is larger than it."""

    def write(sized: tuple[int, Image]) -> File:
        size, image = sized
        return _write(f"thumb{size}", image, folder, THUMBNAIL_QUALITY, THUMBNAIL_EFFORT)

    with ThreadPoolExecutor(THREADS) as threads:
        return list(threads.map(write, _shrunken(largest)))[::-1]


def _shrunken(image: Image) -> Iterator[tuple[int, Image]]:
    """From the largest down, each made from the one before."""
    for size in reversed(THUMBNAILS):
        image = image.thumbnail_image(size, height=size, size="down").copy_memory()
        yield size, image


def full_size(image: Image, folder: Path, name: str = FULL) -> File:
    """The image with all its pixels and frames, but for sides that a WebP cannot have."""
    if max(image.width, field(image, "page-height", image.height)) > LARGEST_SIDE:
        image = image.thumbnail_image(LARGEST_SIDE, height=LARGEST_SIDE, size="down")
    return _write(name, image, folder, FULL_QUALITY, FULL_EFFORT)


def _write(name: str, image: Image, folder: Path, quality: int, effort: int) -> File:
    encoded = image.webpsave_buffer(Q=quality, effort=effort, keep="none")
    path = folder / f"{name}.webp"
    path.write_bytes(encoded)
    return File(
        name=name,
        path=path,
        mime_type="image/webp",
        size=len(encoded),
        width=image.width,
        height=field(image, "page-height", image.height),
    )
