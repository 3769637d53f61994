"""How large a file of each kind may be, where settings say so."""

from dataclasses import replace

import pytest

from contracts.errors import FileTooLarge
from contracts.sizes import KIB, MIB, bytes_of, size_of

BEGUN = {"filename": "a.jpg", "contentType": "image/jpeg"}


@pytest.fixture
def settings(settings):
    return replace(settings, max_image_bytes=KIB, max_video_bytes=2048 * MIB, max_multipart_audio_bytes=30 * MIB)


async def test_supported_formats_tell_the_ceilings_that_are_set(call):
    """In parts there may be as much as in one PUT at least."""
    answer = await call("media.getSupportedFormats", caller=None)
    assert {(known.type, known.max_size, known.max_multipart_size) for known in answer.formats} == {
        ("image", KIB, KIB),
        ("video", 2048 * MIB, 2048 * MIB),
        ("audio", 20 * MIB, 30 * MIB),
    }


@pytest.mark.parametrize("name", ["media.initiateUpload", "media.initiateMultipartUpload"])
async def test_a_ceiling_that_is_set_is_the_one_that_holds(call, name):
    await call(name, **BEGUN, size=KIB)
    with pytest.raises(FileTooLarge) as refused:
        await call(name, **BEGUN, size=KIB + 1)
    assert (refused.value.size, refused.value.max_size) == (KIB + 1, KIB)


@pytest.mark.parametrize("text", ["1", "1023", "1KiB", "10MiB", "1536KiB", "1GiB", "5TiB"])
def test_a_size_prints_as_it_is_written(text):
    assert size_of(bytes_of(text)) == text
