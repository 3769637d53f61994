"""HEIC, through pillow-heif: the wheel of libvips has no HEVC decoder."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pillow_heif

from processing.failures import ProcessingFailed, Reason
from processing.libvips import BLOB, Image, in_srgb
from processing.picture import Picture

# How pillow-heif names what it decoded.
BANDS = {"L": (1, "b-w"), "LA": (2, "b-w"), "RGB": (3, "srgb"), "RGBA": (4, "srgb"), "RGBa": (4, "srgb")}

pillow_heif.options.DECODE_THREADS = 1
pillow_heif.options.THUMBNAILS = False
pillow_heif.options.DEPTH_IMAGES = False
pillow_heif.options.AUX_IMAGES = False


def open_heic(source: Path) -> Picture:
    """Read the header of the primary image."""
    with _refusing_damage():
        primary = pillow_heif.open_heif(source)

    def decoded() -> Image:
        # libheif has turned it as its container says; by the standard, that of EXIF does not count.
        with _refusing_damage():
            pixels = primary.data
        bands, interpretation = BANDS[primary.mode]
        image = Image.new_from_memory(pixels, *primary.size, bands, "uchar").copy(interpretation=interpretation)
        if profile := primary.info.get("icc_profile"):
            image.set_type(BLOB, "icc-profile-data", profile)
        return image.unpremultiply() if primary.premultiplied_alpha else image

    return Picture(
        format="heic",
        width=primary.size[0],
        height=primary.size[1],
        frames=1,
        exif=primary.info["exif"] or b"",
        whole=lambda: in_srgb(decoded()),
        within=lambda side, crop: in_srgb(decoded().thumbnail_image(side, height=side, crop=crop, size="down")),
    )


@contextmanager
def _refusing_damage() -> Iterator[None]:
    try:
        yield
    except (ValueError, RuntimeError, EOFError, SyntaxError) as error:
        raise ProcessingFailed(Reason.IMAGE_DAMAGED, str(error).strip()) from error
    except MemoryError as error:
        raise ProcessingFailed(Reason.OUT_OF_MEMORY) from error
