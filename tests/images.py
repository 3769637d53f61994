"""Images of every kind, made when they are asked for: sound, odd, damaged and hostile ones."""

import io
import struct
import zlib
from functools import cache

import pillow_heif
from PIL import Image, ImageChops, ImageDraw, ImageStat
from PIL.Image import Transpose

from processing.image.libvips import Image as Vips

# Corners that no turn or mirror leaves where they are.
CORNERS = {
    "top left": (200, 40, 40),
    "top right": (40, 160, 60),
    "bottom left": (50, 70, 190),
    "bottom right": (220, 200, 60),
}

# How an upright image is stored for each EXIF orientation.
STORED = {
    1: None,
    2: Transpose.FLIP_LEFT_RIGHT,
    3: Transpose.ROTATE_180,
    4: Transpose.FLIP_TOP_BOTTOM,
    5: Transpose.TRANSPOSE,
    6: Transpose.ROTATE_90,
    7: Transpose.TRANSVERSE,
    8: Transpose.ROTATE_270,
}

MIME_TYPES = {
    "JPEG": "image/jpeg",
    "PNG": "image/png",
    "WEBP": "image/webp",
    "GIF": "image/gif",
    "AVIF": "image/avif",
    "HEIF": "image/heic",
}


@cache
def scene(width: int = 480, height: int = 360, mode: str = "RGB") -> Image.Image:
    """An image with a gradient, a coloured square in each corner, and a disc."""
    middle = Image.merge(
        "RGB",
        [
            Image.linear_gradient("L").resize((width, height)),
            Image.radial_gradient("L").resize((width, height)),
            Image.new("L", (width, height), 128),
        ],
    )
    image = Image.blend(middle, Image.new("RGB", (width, height), (128, 128, 128)), 0.4)
    draw = ImageDraw.Draw(image)
    across, down = width // 4, height // 4
    for corner, colour in CORNERS.items():
        left, top = (width - across if "right" in corner else 0), (height - down if "bottom" in corner else 0)
        draw.rectangle((left, top, left + across, top + down), fill=colour)
    if mode.endswith("A"):
        opacity = Image.new("L", (width, height), 255)
        ImageDraw.Draw(opacity).rectangle((0, 0, across, down), fill=0)
        image.putalpha(opacity)
    return image.convert(mode)


def encoded(image: Image.Image, kind: str = "JPEG", **options: object) -> bytes:
    """The image as a file; as near to the original as the format allows, and quickly."""
    written = io.BytesIO()
    if kind == "HEIF":
        pillow_heif.from_pillow(image).save(written, **{"quality": 95, **options})
    else:
        how = {"JPEG": {"quality": 95}, "WEBP": {"quality": 95, "method": 0}, "AVIF": {"quality": 95, "speed": 10}}
        image.save(written, kind, **{**how.get(kind, {}), **options})
    return written.getvalue()


def oriented(orientation: int, kind: str = "JPEG") -> bytes:
    """The scene, stored turned, with the EXIF orientation that makes it upright again."""
    turn = STORED[orientation]
    stored = scene() if turn is None else scene().transpose(turn)
    exif = Image.Exif()
    exif[0x0112] = orientation
    return encoded(stored, kind, exif=exif.tobytes())


def capture_exif(offset: str | None = "+02:00") -> bytes:
    """What a camera writes: its make, the time, and the place, which is in Sydney."""
    exif = Image.Exif()
    exif[0x010F], exif[0x0110] = "Maker\0\0", "Model 7"
    details = exif.get_ifd(0x8769)
    details[0x9003], details[0xA434] = "2024:05:06 07:08:09", "50 mm"
    if offset:
        details[0x9011] = offset
    places = exif.get_ifd(0x8825)
    places[1], places[2], places[3], places[4] = "S", (33.0, 51.0, 24.9), "E", (151.0, 12.0, 33.6)
    places[5], places[6] = b"\x00", 58.0
    return exif.tobytes()


def animation(kind: str, frames: int = 5) -> bytes:
    """Frames of 100 ms each, every one of another brightness, for ever."""
    shown = [Image.new("RGB", (64, 48), (40 * number % 256, 30, 60)) for number in range(frames)]
    return encoded(shown[0], kind, save_all=True, append_images=shown[1:], duration=100, loop=0)


def vips(image: Image.Image) -> Vips:
    """The same image in libvips."""
    bands, interpretation = {"L": (1, "b-w"), "RGB": (3, "srgb"), "RGBA": (4, "srgb")}[image.mode]
    pixels = Vips.new_from_memory(image.tobytes(), image.width, image.height, bands, "uchar")
    return pixels.copy(interpretation=interpretation)


def difference(one: Image.Image, other: Image.Image) -> float:
    """How far two images of one size are apart: the mean difference of the channel that differs most, 0 to 255."""
    assert one.size == other.size
    mode = "RGBA" if "A" in one.getbands() or "A" in other.getbands() else "RGB"
    apart = ImageChops.difference(one.convert(mode), other.convert(mode))
    return max(ImageStat.Stat(apart).mean)


def likeness(one: Image.Image, other: Image.Image) -> float:
    """The SSIM of two images in grey: 1 when they are the same, near 0 when nothing of one is in the other.

    Wang, Bovik, Sheikh and Simoncelli, "Image quality assessment", 2004, with its windows and constants.
    """
    x, y = (vips(image.convert("L")).cast("float") for image in (one, other))
    luminance, contrast = (0.01 * 255) ** 2, (0.03 * 255) ** 2
    mean_x, mean_y = x.gaussblur(1.5), y.gaussblur(1.5)
    var_x, var_y = (x * x).gaussblur(1.5) - mean_x * mean_x, (y * y).gaussblur(1.5) - mean_y * mean_y
    both = (x * y).gaussblur(1.5) - mean_x * mean_y
    alike = (2 * mean_x * mean_y + luminance) * (2 * both + contrast)
    return float((alike / ((mean_x**2 + mean_y**2 + luminance) * (var_x + var_y + contrast))).avg())


def chunk(name: bytes, body: bytes) -> bytes:
    """A chunk of a PNG."""
    return struct.pack(">I", len(body)) + name + body + struct.pack(">I", zlib.crc32(name + body))


def png(width: int, height: int, *chunks: bytes, rows: int = 1) -> bytes:
    """A grey PNG of the size that its header says; only some rows of it are there."""
    header = chunk(b"IHDR", struct.pack(">IIBBBBB", width, height, 8, 0, 0, 0, 0))
    pixels = chunk(b"IDAT", zlib.compress(bytes(width + 1) * rows, 9))
    return b"\x89PNG\r\n\x1a\n" + header + b"".join(chunks) + pixels + chunk(b"IEND", b"")


def huge_jpeg(width: int = 64250, height: int = 64250) -> bytes:
    """A small JPEG whose header tells another size."""
    small = encoded(scene(32, 32))
    start = small.index(b"\xff\xc0")
    return small[: start + 5] + struct.pack(">HH", height, width) + small[start + 9 :]


def huge_gif(width: int = 65535, height: int = 65535) -> bytes:
    """A small GIF whose header and frame tell another size."""
    small = encoded(scene(32, 32), "GIF")
    size = struct.pack("<HH", width, height)
    at = small.index(b"\x2c\x00\x00\x00\x00\x20\x00\x20\x00")
    return small[:6] + size + small[10 : at + 5] + size + small[at + 9 :]


def many_frames(frames: int) -> bytes:
    """A GIF with this many frames of one pixel."""
    one = b"\x21\xf9\x04\x00\x00\x00\x00\x00\x2c\x00\x00\x00\x00\x01\x00\x01\x00\x00\x02\x02\x44\x01\x00"
    return b"GIF89a\x01\x00\x01\x00\x80\x00\x00" + b"\x00\x00\x00\xff\xff\xff" + one * frames + b"\x3b"


def huge_in_boxes(kind: str, width: int = 64250, height: int = 64250) -> bytes:
    """An AVIF or HEIC of which every box that tells a size tells another."""
    small = encoded(scene(64, 64), kind)
    size = b"ispe" + bytes(4)
    return small.replace(size + struct.pack(">II", 64, 64), size + struct.pack(">II", width, height))
