"""Images that mean harm: each is refused for what it is, or handled, in bounded time and memory."""

import os
import zlib
from collections.abc import Awaitable, Callable
from pathlib import Path

import pytest

from processing.failures import ProcessingFailed, Reason
from processing.image.process import process
from processing.protocol import Outcome, Task
from processing.registry import MIB, Limits
from processing.sandbox.child import processed
from tests import images
from tests.images import MIME_TYPES, animation, chunk, encoded, png, scene
from tests.media_files import HTML, SVG

# Far less than an image may use: what is refused by its header needs none of it.
LITTLE = Limits(memory_bytes=512 * MIB, cpu_seconds=10, wall_seconds=60, file_bytes=64 * MIB)
# A ZIP file with nothing in it, which most readers find at the end of any other.
ZIP = b"PK\x05\x06" + bytes(18)
MVG = b"push graphic-context\nviewbox 0 0 640 480\nfill 'url(https://127.0.0.1/)'\npop graphic-context"

Tried = Callable[..., Awaitable[Reason | Outcome]]


@pytest.fixture
def tried(tmp_path) -> Tried:
    """Process bytes in a child; the outcome, or why there is none."""

    async def attempt(body: bytes, mime_type: str, limits: Limits = LITTLE) -> Reason | Outcome:
        source = tmp_path / "source"
        source.write_bytes(body)
        try:
            async with processed(source, mime_type, limits=limits) as outcome:
                assert not any(_holds_a_payload(file.path) for file in outcome.files)
                return outcome
        except ProcessingFailed as failed:
            return failed.reason

    return attempt


def _holds_a_payload(path: Path) -> bool:
    made = path.read_bytes()
    return any(payload in made for payload in (b"PK\x05\x06", b"<script", b"<?php", b"<svg"))


BOMBS = {
    "a PNG header of 64250 x 64250": (png(64250, 64250), "image/png", Reason.IMAGE_TOO_LARGE),
    "a JPEG header of 64250 x 64250": (images.huge_jpeg(), "image/jpeg", Reason.IMAGE_TOO_LARGE),
    "a GIF header of 65535 x 65535": (images.huge_gif(), "image/gif", Reason.IMAGE_TOO_LARGE),
    "an AVIF header of 64250 x 64250": (images.huge_in_boxes("AVIF"), "image/avif", Reason.IMAGE_TOO_LARGE),
    "a HEIC header of 64250 x 64250": (images.huge_in_boxes("HEIF"), "image/heic", Reason.IMAGE_TOO_LARGE),
    "a PNG of 100 megapixels with one row": (png(9999, 9999), "image/png", Reason.IMAGE_DAMAGED),
    "an AVIF of 81 megapixels that has 4096": (
        images.huge_in_boxes("AVIF", 9000, 9000),
        "image/avif",
        Reason.IMAGE_DAMAGED,
    ),
    "400,000 frames of a GIF": (images.many_frames(400_000), "image/gif", Reason.IMAGE_TOO_MANY_FRAMES),
    "more bytes than an image may have": (bytes(33 * MIB), "image/png", Reason.IMAGE_TOO_LARGE),
    "a GIF of 100 megapixels": (images.huge_gif(9999, 9999), "image/gif", Reason.OUT_OF_MEMORY),
}


@pytest.mark.parametrize("bomb", BOMBS)
async def test_bombs_are_refused(tried, bomb):
    body, mime_type, reason = BOMBS[bomb]

    assert await tried(body, mime_type) == reason


@pytest.mark.parametrize("name", [b"zTXt", b"iCCP"])
async def test_chunks_that_unpack_to_200_mb_change_nothing(tried, name):
    found = await tried(png(1, 1, chunk(name, b"a\0\0" + zlib.compress(bytes(200_000_000), 9))), "image/png")

    assert isinstance(found, Outcome)
    assert (found.facts.width, found.facts.height) == (1, 1)


NO_IMAGES = {
    "nothing": b"",
    "one byte": b"\xff",
    "HTML": HTML,
    "SVG": SVG,
    "SVG behind a declaration": b'<?xml version="1.0"?>' + SVG,
    "MVG": MVG,
    "PDF": b"%PDF-1.7\n1 0 obj<</Type/Catalog>>endobj\ntrailer<</Root 1 0 R>>\n%%EOF",
    "ZIP": ZIP,
    "PPM": b"P6\n1 1\n255\n\0\0\0",
    "TIFF": encoded(scene(32, 32), "TIFF"),
    "BMP": encoded(scene(32, 32), "BMP"),
    "CSV": b"1,2,3\n4,5,6\n",
    "noise behind a JPEG's first bytes": b"\xff\xd8\xff\xe0" + os.urandom(4096),
}


@pytest.mark.parametrize("kind", NO_IMAGES)
@pytest.mark.parametrize("mime_type", ["image/jpeg", "image/heic"])
def test_what_is_no_image_is_damaged(tmp_path, kind, mime_type):
    """Whatever its name said; no other decoder than that of the type is asked."""
    assert _reason(tmp_path, NO_IMAGES[kind], mime_type) == Reason.IMAGE_DAMAGED


@pytest.mark.parametrize("kind", MIME_TYPES)
async def test_of_a_polyglot_only_the_image_is_left(tried, kind):
    payload = HTML + b"<?php system($_GET[0]); ?>" * 50 + ZIP

    found = await tried(encoded(scene(120, 90), kind) + payload, MIME_TYPES[kind])

    assert isinstance(found, Outcome)
    assert (found.facts.width, found.facts.height) == (120, 90)


async def test_a_zip_in_a_chunk_of_a_png_is_dropped(tried):
    assert isinstance(await tried(png(8, 8, chunk(b"puNK", ZIP), rows=8), "image/png"), Outcome)


async def test_a_page_in_the_comment_of_a_jpeg_is_dropped(tried):
    assert isinstance(await tried(encoded(scene(64, 64), comment=HTML), "image/jpeg"), Outcome)


async def test_a_type_without_processor_is_not_supported(tried):
    assert await tried(SVG, "image/svg+xml") == Reason.FORMAT_UNSUPPORTED


@pytest.mark.exhaustive
@pytest.mark.parametrize("tenths", range(10))
@pytest.mark.parametrize("kind", MIME_TYPES)
def test_a_truncated_image_is_damaged(tmp_path, kind, tenths):
    body = encoded(scene(), kind)

    assert _reason(tmp_path, body[: len(body) * tenths // 10], MIME_TYPES[kind]) == Reason.IMAGE_DAMAGED


@pytest.mark.parametrize("tenths", range(10))
def test_a_truncated_progressive_image_is_damaged(tmp_path, tenths):
    body = encoded(scene(), "JPEG", progressive=True)

    assert _reason(tmp_path, body[: len(body) * tenths // 10], "image/jpeg") == Reason.IMAGE_DAMAGED


@pytest.mark.parametrize(("tenths", "frames"), [(1, None), (2, None), (4, 2), (6, 3), (8, 4)])
def test_of_a_truncated_gif_the_whole_frames_are_left(tmp_path, tenths, frames):
    """As browsers show it. Without a whole frame it is damaged."""
    body = animation("GIF")

    found = _tried_here(tmp_path, body[: len(body) * tenths // 10], "image/gif")

    assert (found.facts.shown.frames if isinstance(found, Outcome) else None) == frames


@pytest.mark.parametrize("tenths", range(10))
def test_a_truncated_animation_in_webp_is_damaged(tmp_path, tenths):
    body = animation("WEBP")

    assert _reason(tmp_path, body[: len(body) * tenths // 10], "image/webp") == Reason.IMAGE_DAMAGED


def _tried_here(folder: Path, body: bytes, mime_type: str) -> Reason | Outcome:
    source = folder / "source"
    source.write_bytes(body)
    try:
        return process(Task(source=source, mime_type=mime_type, folder=folder))
    except ProcessingFailed as failed:
        return failed.reason


def _reason(folder: Path, body: bytes, mime_type: str) -> Reason:
    found = _tried_here(folder, body, mime_type)
    assert isinstance(found, Reason)
    return found
