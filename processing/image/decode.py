"""Images: their headers, held against limits, and the ways from there to pixels that are upright and sRGB."""

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

from processing.failures import ProcessingFailed, Reason
from processing.image.colours import HighRange, Meaning, as_shown, of_png
from processing.image.jpeg import ended, has_many_scans
from processing.image.libvips import LOADERS, Image, field, refusing_damage, upright
from processing.image.source_image import SourceImage, in_one_pass

HEIC = frozenset({"image/heic", "image/heif"})
AVIF = "image/avif"
PNG = frozenset({"image/png", "image/apng"})
ANIMATED = frozenset({"image/gif", "image/webp"})
TURNED = frozenset({5, 6, 7, 8})  # EXIF orientations that exchange width and height

MAX_BYTES = 32 * 1024 * 1024
MAX_PIXELS = 100_000_000  # of one frame
MAX_ANIMATED_PIXELS = 150_000_000  # of all frames together
MAX_ANIMATED_SIDE = 16383  # of a frame: a WebP has no longer ones
MAX_FRAMES = 1000


@dataclass(frozen=True, slots=True)
class File:
    """Two ways to decode a file, all of it or shrunken, and from what fault on that fails."""

    opened: Callable[..., Image]
    thumbnail: Callable[..., Image]
    fail_on: str


def open_image(source: Path, mime_type: str) -> SourceImage:
    """Read the header and hold it against the limits, before any pixel is decoded."""
    if source.stat().st_size > MAX_BYTES:
        raise ProcessingFailed(Reason.IMAGE_TOO_LARGE)
    source_image = _open_heic(source) if mime_type in HEIC else _open(source, mime_type)
    if source_image.frames > MAX_FRAMES:
        raise ProcessingFailed(Reason.IMAGE_TOO_MANY_FRAMES)
    if not _has_accepted_size(source_image):
        raise ProcessingFailed(Reason.IMAGE_TOO_LARGE)
    return source_image


def _has_accepted_size(source_image: SourceImage) -> bool:
    pixels = source_image.width * source_image.height
    if source_image.frames == 1:
        return pixels <= MAX_PIXELS
    longer = max(source_image.width, source_image.height)
    return pixels * source_image.frames <= MAX_ANIMATED_PIXELS and longer <= MAX_ANIMATED_SIDE


def _open(source: Path, mime_type: str) -> SourceImage:
    file = _file(source, mime_type)
    with refusing_damage():
        header = file.opened(access="sequential")
    loader, _ = LOADERS[mime_type]
    if field(header, "vips-loader", "").removesuffix("_buffer") != loader:
        raise ProcessingFailed(Reason.FORMAT_MISMATCH, f"{field(header, 'vips-loader', '')} would read {mime_type}")
    frames = field(header, "n-pages", 1) if mime_type in ANIMATED else 1
    orientation = field(header, "orientation", 1)
    # Rows that are turned are needed in another order than they come.
    access = "sequential" if orientation == 1 else "random"
    pages = {"n": -1} if frames > 1 else {}

    meaning = _meaning(source, mime_type)

    def whole() -> Image:
        return as_shown(upright(file.opened(access=access, fail_on=file.fail_on, **pages)), meaning)

    def within(side: int, crop: str) -> Image:
        shrunk = file.thumbnail(side, height=side, crop=crop, size="down", fail_on=file.fail_on)
        # libvips has converted CMYK by now.
        return shrunk if header.interpretation == "cmyk" else as_shown(shrunk, meaning)

    source_image = SourceImage(
        format=mime_type.removeprefix("image/"),
        width=header.height if orientation in TURNED else header.width,
        height=header.width if orientation in TURNED else header.height,
        frames=frames,
        exif=field(header, "exif-data", b""),
        whole=whole,
        within=within,
    )
    return in_one_pass(source_image) if isinstance(meaning, HighRange) else source_image


def _file(source: Path, mime_type: str) -> File:
    """A file as it is, or with the end that it lacks: then whatever the decoder misses is damage."""
    if mime_type == AVIF:
        return _avif(source)
    whole = _ended(source) if mime_type == "image/jpeg" else None
    if whole is None:
        return File(partial(Image.new_from_file, source), partial(Image.thumbnail, source), "error")
    return File(partial(Image.new_from_buffer, whole, ""), partial(Image.thumbnail_buffer, whole), "warning")


def _ended(source: Path) -> bytes | None:
    body = source.read_bytes()
    if has_many_scans(body):
        raise ProcessingFailed(Reason.IMAGE_DAMAGED, "too many scans")
    return ended(body)


def _avif(source: Path) -> File:
    """By its decoder: libvips finds it by two of its brands alone, and leaves its colours premultiplied."""
    from processing.image.heic import is_premultiplied  # noqa: PLC0415 - no other file needs its decoder

    premultiplied = is_premultiplied(source)

    def opened(**options: Any) -> Image:
        image = Image.heifload(str(source), **options)
        return image.unpremultiply().cast(image.format) if premultiplied else image

    def shrunk(side: int, *, fail_on: str, **options: Any) -> Image:
        return opened(fail_on=fail_on).thumbnail_image(side, **options)

    return File(opened, shrunk, "error")


def _meaning(source: Path, mime_type: str) -> Meaning | None:
    if mime_type in PNG:
        return of_png(source)
    if mime_type == AVIF:
        from processing.image.heic import meaning_of_avif  # noqa: PLC0415 - no other file needs its decoder

        return meaning_of_avif(source)
    return None


def _open_heic(source: Path) -> SourceImage:
    from processing.image.heic import open_heic  # noqa: PLC0415 - no other file needs its decoder

    return open_heic(source)
