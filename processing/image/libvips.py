"""libvips, locked down: it decodes the five formats below and nothing else, and keeps nothing.

Whoever wants libvips imports it from here.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pyvips
from pyvips import Image

from processing.failures import ProcessingFailed, Reason, tells_of_memory

__all__ = ["BLOB", "LOADERS", "Image", "field", "in_srgb", "refusing_damage", "upright"]

# What decodes a type, and the class of it in libvips.
LOADERS = {
    "image/jpeg": ("jpegload", "VipsForeignLoadJpeg"),
    "image/png": ("pngload", "VipsForeignLoadPng"),
    "image/gif": ("gifload", "VipsForeignLoadNsgif"),
    "image/webp": ("webpload", "VipsForeignLoadWebp"),
    "image/avif": ("heifload", "VipsForeignLoadHeif"),
}

pyvips.block_untrusted_set(state=True)
pyvips.operation_block_set("VipsForeignLoad", state=True)
for _, decoder in LOADERS.values():
    pyvips.operation_block_set(decoder, state=False)
pyvips.cache_set_max(0)
pyvips.concurrency_set(1)  # threads for each pipeline

BLOB = pyvips.GValue.blob_type


def field(image: Image, name: str, default: Any) -> Any:
    """One field of a header, where it has it."""
    return image.get(name) if image.get_typeof(name) else default


def in_srgb(image: Image) -> Image:
    """The same colours in 8-bit sRGB, read by the profile that the image carries when it is one that fits."""
    is_cmyk = image.interpretation == "cmyk"
    if not is_cmyk and not image.get_typeof("icc-profile-data"):
        return image.colourspace("srgb")
    try:
        return image.icc_transform("srgb", embedded=True, input_profile="cmyk" if is_cmyk else "srgb", depth=8)
    except pyvips.Error:
        return image.colourspace("srgb")


def upright(image: Image) -> Image:
    """The image as its orientation says; of an animation, whose frames stand below each other, each frame."""
    height = field(image, "page-height", image.height)
    if height == image.height or field(image, "orientation", 1) == 1:
        return image.autorot()
    frames = [image.crop(0, top, image.width, height).copy() for top in range(0, image.height, height)]
    for frame in frames:
        frame.remove("page-height")
    upright_frames = [frame.autorot() for frame in frames]
    strip = Image.arrayjoin(upright_frames, across=1).copy()
    strip.set_type(pyvips.GValue.gint_type, "page-height", upright_frames[0].height)
    return strip


@contextmanager
def refusing_damage() -> Iterator[None]:
    """What libvips cannot decode is damaged, unless it lacked memory."""
    try:
        yield
    except pyvips.Error as error:
        detail = str(error).strip()
        raise ProcessingFailed(
            Reason.OUT_OF_MEMORY if tells_of_memory(detail) else Reason.IMAGE_DAMAGED, detail
        ) from error
