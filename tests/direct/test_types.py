"""The type of bytes that come through the server: what they are, as far as that can be told when it must be."""

import pytest

from contracts.errors import InvalidFileType
from tests.boxes import box, ftyp, track
from tests.media_files import HTML
from tests.pieces import MIB
from tests.videos import clip

SOUND_AT_THE_END = ftyp(b"mp42") + box(b"mdat", bytes(9 * MIB)) + box(b"moov", track(1, b"soun"))
VIDEO_AT_THE_END = box(b"mdat", bytes(9 * MIB)) + box(b"moov", track(1, b"vide"))


async def test_a_video_is_taken_for_what_it_is(upload):
    media = await upload(clip("mov", 0.2), contentType="video/mp4")

    assert media.mime_type == "video/quicktime"


@pytest.mark.parametrize(
    ("body", "declared"), [(SOUND_AT_THE_END, "audio/x-m4a"), (VIDEO_AT_THE_END, "video/quicktime")]
)
async def test_tracks_may_come_last(upload, body, declared):
    """Until then it is taken for what it was declared as."""
    media = await upload(body, contentType=declared)

    assert (media.status, media.size) == ("processing", len(body))


@pytest.mark.parametrize(
    ("body", "declared"),
    [(SOUND_AT_THE_END, "video/mp4"), (VIDEO_AT_THE_END, "audio/mp4"), (HTML + bytes(9 * MIB), "image/png")],
)
async def test_what_they_say_is_held_against_what_was_declared(upload, objects, run_pending, body, declared):
    with pytest.raises(InvalidFileType):
        await upload(body, contentType=declared)
    await run_pending()

    assert await objects() == []
