"""Types by the names that browsers and systems have for them: each means one, and that is what is signed and told."""

import pytest

from contracts.errors import InvalidFileType
from contracts.formats import FORMATS, canonical
from tests import audio_files
from tests.audio_files import audio_file
from tests.boxes import branded
from tests.images import animation
from tests.videos import clip

ALIASES = {
    "audio/x-m4a": "audio/mp4",
    "audio/m4a": "audio/mp4",
    "image/apng": "image/png",
    "image/x-png": "image/png",
    "image/jpg": "image/jpeg",
    "image/pjpeg": "image/jpeg",
    "image/heic-sequence": "image/heic",
    "image/heif-sequence": "image/heif",
    "audio/mp3": "audio/mpeg",
    "audio/x-mpeg": "audio/mpeg",
    "audio/x-wav": "audio/wav",
    "audio/wave": "audio/wav",
    "audio/vnd.wave": "audio/wav",
    "audio/x-aac": "audio/aac",
    "audio/x-flac": "audio/flac",
    "audio/opus": "audio/ogg",
    "application/ogg": "audio/ogg",
    "video/x-m4v": "video/mp4",
    "video/x-matroska": "video/webm",
    'Video/X-Matroska;codecs="avc1,opus"': "video/webm",
    "AUDIO/WEBM; codecs=opus": "audio/webm",
    "image/JPEG ": "image/jpeg",
}


@pytest.mark.parametrize(("alias", "content_type"), ALIASES.items())
async def test_an_alias_is_the_same_type(pending_upload, call, alias, content_type):
    ticket = await pending_upload(contentType=alias)

    assert ticket.headers == {"content-type": content_type}
    assert (await call("media.getUploadStatus", mediaId=str(ticket.media_id))).content_type == content_type


def test_every_name_means_one_type():
    """No alias is a type of its own, nor one of two; the same holds for extensions."""
    for names in ("aliases", "extensions"):
        told = [name for known in FORMATS.values() for name in getattr(known, names)]
        assert len(told) == len(set(told))
        assert not FORMATS.keys() & set(told)
    assert canonical("image/tiff") is None


async def test_aliases_are_told(call):
    told = (await call("media.getSupportedFormats", caller=None)).formats

    assert {alias: known.content_type for known in told for alias in known.aliases}.items() >= {
        alias: content_type for alias, content_type in ALIASES.items() if alias.islower() and ";" not in alias
    }.items()


@pytest.mark.parametrize("kind", ["flac", "aac", "webm"])
async def test_more_sounds_are_heard(ready_media, kind):
    media = await ready_media(audio_file(kind), filename=f"gulls.{kind}", contentType=audio_files.MIME_TYPES[kind])

    assert (media.status, media.type, media.mime_type) == ("ready", "audio", audio_files.MIME_TYPES[kind])
    assert {made.name for made in media.renditions} == {"full", "waveform", "peaks"}


async def test_sound_by_any_brand_and_alias_is_heard(ready_media):
    media = await ready_media(branded(audio_file("m4a"), b"mp42"), filename="a.m4a", contentType="audio/x-m4a")

    assert (media.status, media.mime_type) == ("ready", "audio/mp4")


async def test_an_animated_png_by_its_own_name_is_shown(ready_media):
    media = await ready_media(animation("PNG"), filename="a.png", contentType="image/apng")

    assert (media.status, media.mime_type, media.metadata["format"]) == ("ready", "image/png", "png")


@pytest.mark.parametrize(
    ("kind", "declared", "shown"), [("mov", "video/mp4", "video/quicktime"), ("mp4", "video/quicktime", "video/mp4")]
)
async def test_a_file_by_another_name_of_its_decoder_is_taken_for_what_it_is(
    arrived_upload, call, client, kind, declared, shown
):
    """MP4 and QuickTime are told apart by their brand alone; a repetition of what began it finds it all the same."""
    told = {"filename": "a.mp4", "contentType": declared, "idempotencyKey": "k"}
    body = clip(kind, 0.2)
    ticket = await arrived_upload(body, **told)

    media = (await call("media.completeUpload", mediaId=str(ticket.media_id))).media

    assert (media.status, media.mime_type) == ("processing", shown)
    url = (await call("media.getDownloadUrl", mediaId=str(media.id))).url
    assert (await client.get(url)).headers["content-type"] == shown
    assert (await call("media.initiateUpload", size=len(body), **told)).media_id == media.id


@pytest.mark.parametrize(
    ("body", "declared", "shown"),
    [
        (clip("mp4", 0.2), "audio/mp4", "video/mp4"),
        (audio_file("m4a"), "video/mp4", "audio/mp4"),
        (audio_file("webm"), "video/webm", "audio/webm"),
        (audio_file("aac"), "audio/mpeg", "audio/aac"),
    ],
)
async def test_sound_is_no_video_whatever_it_was_declared_as(arrived_upload, call, body, declared, shown):
    ticket = await arrived_upload(body, contentType=declared)

    with pytest.raises(InvalidFileType) as refused:
        await call("media.completeUpload", mediaId=str(ticket.media_id))
    assert refused.value.reason == f"The bytes show {shown}"
