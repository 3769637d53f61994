"""HEIC, through pillow-heif: the wheel of libvips has no HEVC decoder."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pillow_heif

from processing.failures import ProcessingFailed, Reason
from processing.image.colours import HighRange, Meaning, as_shown, of_points
from processing.image.libvips import BLOB, Image
from processing.image.source_image import SourceImage, in_one_pass

# How pillow-heif names what it decoded.
BANDS = {
    "L": (1, "uchar", "b-w"),
    "LA": (2, "uchar", "b-w"),
    "RGB": (3, "uchar", "srgb"),
    "RGBA": (4, "uchar", "srgb"),
    "RGBa": (4, "uchar", "srgb"),
    "L;16": (1, "ushort", "grey16"),
    "LA;16": (2, "ushort", "grey16"),
    "RGB;16": (3, "ushort", "rgb16"),
    "RGBA;16": (4, "ushort", "rgb16"),
    "RGBa;16": (4, "ushort", "rgb16"),
}

pillow_heif.options.DECODE_THREADS = 1
pillow_heif.options.THUMBNAILS = False
pillow_heif.options.DEPTH_IMAGES = False
pillow_heif.options.AUX_IMAGES = False


def open_heic(source: Path) -> SourceImage:
    """Read the header of the primary image."""
    with _refusing_damage():
        primary = pillow_heif.open_heif(source)
        meaning = _meaning(primary)
        if isinstance(meaning, HighRange):
            primary = pillow_heif.open_heif(source, convert_hdr_to_8bit=False)

    def decoded() -> Image:
        # libheif has turned it as its container says; by the standard, that of EXIF does not count.
        with _refusing_damage():
            pixels = primary.data
        bands, format_, interpretation = BANDS[primary.mode]
        image = Image.new_from_memory(pixels, *primary.size, bands, format_).copy(interpretation=interpretation)
        if profile := primary.info.get("icc_profile"):
            image.set_type(BLOB, "icc-profile-data", profile)
        return image.unpremultiply() if primary.premultiplied_alpha else image

    def within(side: int, crop: str) -> Image:
        return as_shown(decoded().thumbnail_image(side, height=side, crop=crop, size="down"), meaning)

    source_image = SourceImage(
        format="heic",
        width=primary.size[0],
        height=primary.size[1],
        frames=1,
        exif=primary.info["exif"] or b"",
        whole=lambda: as_shown(decoded(), meaning),
        within=within,
    )
    return in_one_pass(source_image) if isinstance(meaning, HighRange) else source_image


def meaning_of_avif(source: Path) -> Meaning | None:
    """What the code points of an AVIF mean, as far as its header can be read."""
    primary = _header(source)
    return _meaning(primary) if primary else None


def is_premultiplied(source: Path) -> bool:
    """Whether an AVIF holds colours that are multiplied by their alpha, as far as its header can be read."""
    primary = _header(source)
    return bool(primary and primary.premultiplied_alpha)


def _header(source: Path) -> pillow_heif.HeifFile | None:
    try:
        return pillow_heif.open_heif(source)
    except (ValueError, RuntimeError, EOFError, SyntaxError):
        return None


def _meaning(primary: pillow_heif.HeifFile) -> Meaning | None:
    points = primary.info.get("nclx_profile")
    if points is None or primary.info.get("icc_profile"):
        return None
    return of_points(points["color_primaries"], points["transfer_characteristics"])


@contextmanager
def _refusing_damage() -> Iterator[None]:
    try:
        yield
    except (ValueError, RuntimeError, EOFError, SyntaxError) as error:
        raise ProcessingFailed(Reason.IMAGE_DAMAGED, str(error).strip()) from error
    except MemoryError as error:
        raise ProcessingFailed(Reason.OUT_OF_MEMORY) from error
