"""What everybody may see of a completed media: renditions, made anew, in the public bucket."""

import asyncio
import io
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import psycopg
import pytest
from PIL import Image

from contracts.errors import (
    RenditionNotFound,
    StorageLimitExceeded,
)
from contracts.renditions import OF_IMAGES
from processing.protocol import Policy
from rpc.auth import Caller
from tests.images import capture_exif, difference, encoded, oriented, scene
from tests.media_files import photo

YEAR = "public, max-age=31536000, immutable"
SIZES = [(150, 94), (300, 188), (600, 375), (1200, 750), (1600, 1000)]


@pytest.fixture
def rendered_once() -> None:
    """Every job asks a child of its own: what it makes is the subject here."""


@pytest.fixture
def seen(resources):
    """The bytes of a rendition, as they stand in the public bucket, and the image that they are."""

    async def read(made):
        key = made.url.removeprefix(f"{resources.addresses.base_url}/")
        body = await resources.store.public.read(key, 0, made.size + 1)
        return body, Image.open(io.BytesIO(body))

    return read


@pytest.fixture
def exif(database_url):
    """What is kept privately of a media."""

    def read(media_id):
        with psycopg.connect(database_url) as connection:
            ((kept,),) = connection.execute("select exif from media where id = %s", [media_id]).fetchall()
        return kept

    return read


async def test_renditions_are_public_files_of_the_fixed_sizes(ready_media, seen):
    media = await ready_media(encoded(scene(1600, 1000)))

    assert media.status == "ready"
    assert [made.name for made in media.renditions] == list(OF_IMAGES)
    assert [(made.width, made.height) for made in media.renditions] == SIZES
    for made in media.renditions:
        body, image = await seen(made)
        assert (len(body), made.mime_type, image.format, image.size) == (
            made.size,
            "image/webp",
            "WEBP",
            (made.width, made.height),
        )
        assert difference(image, scene(1600, 1000).resize(image.size)) < 3


async def test_a_rendition_stands_at_its_key_with_its_type_and_its_caching(ready_media, resources):
    made = (await ready_media()).renditions[0]
    key = made.url.removeprefix(f"{resources.addresses.base_url}/")

    head = await asyncio.to_thread(resources.store._client.head_object, Bucket=resources.store.public.name, Key=key)

    assert (head["ContentType"], head["CacheControl"], head["ContentLength"]) == ("image/webp", YEAR, made.size)


async def test_a_media_shows_its_full_size_and_a_thumbnail(ready_media, call, resources):
    media = await ready_media(oriented(6), filename="me at home.jpg")
    urls = {made.name: made.url for made in media.renditions}

    assert (media.url, media.thumbnail_url) == (urls["full"], urls["thumb300"])
    assert (media.width, media.height) == (480, 360)
    assert {"placeholder", "dominantColor", "format"} <= set(media.metadata)
    (listed,) = (await call("media.listMedia")).items
    assert listed == media


async def test_a_public_url_tells_neither_owner_nor_name(ready_media):
    """Letters that no id has: those of one are found by chance."""
    media = await ready_media(photo(), filename="me at home.jpg", caller=Caller("user-of-ours"))

    for made in media.renditions:
        assert "ours" not in made.url
        assert "home" not in made.url


async def test_nothing_of_the_original_becomes_public(ready_media, public, resources):
    body = photo()
    media = await ready_media(body)

    stood = [await resources.store.public.read(key, 0, 2 * len(body)) for key in await public()]
    assert len(stood) == len(media.renditions)
    assert body not in stood


async def test_thumbnails_of_a_profile_image_are_square(ready_media):
    media = await ready_media(encoded(scene(1600, 1000)), purpose="profile")

    assert [(made.width, made.height) for made in media.renditions] == [
        (150, 150),
        (300, 300),
        (600, 600),
        (1000, 1000),
        (1600, 1000),
    ]


async def test_a_rendition_is_downloaded_by_its_name(ready_media, call):
    media = await ready_media()

    found = await call("media.getDownloadUrl", mediaId=str(media.id), rendition="thumb150")
    assert found.url == media.renditions[0].url
    assert found.expires_at > datetime.now(UTC) + timedelta(minutes=15)
    with pytest.raises(RenditionNotFound):
        await call("media.getDownloadUrl", mediaId=str(media.id), rendition="mp4-360p")


async def test_the_camera_is_kept_privately_and_the_place_is_not(ready_media, exif):
    media = await ready_media(encoded(scene(), exif=capture_exif()))

    kept = exif(media.id)
    assert (kept["make"], kept["location"]) == ("Maker", None)
    assert "Maker" not in media.model_dump_json()


async def test_the_place_is_kept_when_it_is_asked_for(completed_media, run_pending, exif):
    media = await completed_media(encoded(scene(), exif=capture_exif()))
    await run_pending(policy=Policy(keep_location=True))

    assert exif(media.id)["location"]["latitude"] == pytest.approx(-33.856917)


async def test_deletion_takes_the_renditions_along(ready_media, call, run_pending, public):
    media = await ready_media()
    await call("media.deleteMedia", mediaId=str(media.id))
    await run_pending()

    assert await public() == []


async def test_published_renditions_never_change(ready_media, database_url):
    media = await ready_media()

    with psycopg.connect(database_url) as connection, pytest.raises(psycopg.errors.CheckViolation, match="published"):
        connection.execute("update media set renditions = '[]' where id = %s", [media.id])


async def test_renditions_weigh_in_a_ledger_of_their_own(ready_media, call):
    media = await ready_media()
    made = sum(rendition.size for rendition in media.renditions)

    usage = await call("media.getStorageUsage")
    assert (usage.used, usage.reserved, usage.renditions) == (media.size, 0, made)
    assert usage.percentage == round(media.size / usage.limit * 100, 2)

    await call("media.deleteMedia", mediaId=str(media.id))
    assert (await call("media.getStorageUsage")).renditions == 0


class TestWhereRenditionsCount:
    """With COUNT_RENDITIONS."""

    @pytest.fixture
    def settings(self, settings):
        return replace(settings, count_renditions=True)

    async def test_they_leave_less_room(self, ready_media, pending_upload, call):
        """To the byte, from the next upload on."""
        media = await ready_media()
        usage = await call("media.getStorageUsage")
        assert usage.percentage == round((media.size + usage.renditions) / usage.limit * 100, 2)

        clip = {"filename": "a.mp4", "contentType": "video/mp4"}
        room = usage.limit - usage.used - usage.renditions
        with pytest.raises(StorageLimitExceeded) as refused:
            await pending_upload(b"", **clip, size=room + 1)
        assert (refused.value.available, refused.value.used) == (room, media.size)
        await pending_upload(b"", **clip, size=room)

    async def test_an_image_gets_its_renditions_though_there_is_no_room_for_them(
        self, completed_media, pending_upload, run_pending, call
    ):
        media = await completed_media()
        await pending_upload(b"", filename="a.mp4", contentType="video/mp4", size=50 * 1024**2 - media.size)
        await run_pending()

        assert (await call("media.getMedia", mediaId=str(media.id))).media.status == "ready"
        usage = await call("media.getStorageUsage")
        assert usage.used + usage.reserved == usage.limit
        assert usage.renditions > 0
        with pytest.raises(StorageLimitExceeded) as refused:
            await pending_upload()
        assert refused.value.available == 0
