"""What becomes of a completed media: renditions that everybody may see, or a reason why there are none."""

import asyncio
import io
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from uuid import uuid4

import psycopg
import pytest
from PIL import Image

from contracts.errors import (
    MediaNotFound,
    MediaProcessed,
    RenditionNotFound,
    ServiceUnavailable,
    StorageLimitExceeded,
    UploadPending,
)
from contracts.renditions import OF_IMAGES
from jobs.job import Bench
from jobs.process import ATTEMPTS, process_media
from jobs.purge import tidy
from jobs.sweep import sweep
from jobs.worker import forget_ended, open_queue, run_jobs
from processing import processors
from rpc.auth import Caller
from server.resources import open_resources
from sql.migrate import migrate
from sql.rows import MediaRow
from tests.deployment import new_settings
from tests.images import capture_exif, difference, encoded, oriented, scene
from tests.media_files import photo
from tests.services import database_before, drift

READY_BEFORE = """
insert into media (
    id, owner_id, user_id, state, type, filename, mime_type, size_bytes, staging_key, original_key, url_expires_at,
    url_ends_at, created_at, updated_at
) values (
    %(id)s, 'ada', 'ada', 'ready', 'image', 'photo.jpg', 'image/jpeg', %(size)s, 'k', %(key)s, now() - interval '2m',
    now() - interval '1m', now() - interval '1h', now() - interval '1h'
)
"""
YEAR = "public, max-age=31536000, immutable"
SIZES = [(150, 94), (300, 188), (600, 375), (1200, 750), (1600, 1000)]


@pytest.fixture
def seen(resources):
    """The bytes of a rendition, as they stand in the public bucket, and the picture that they are."""

    async def read(made):
        key = made.url.removeprefix(f"{resources.public_url}/")
        body = await resources.store.public.read(key, 0, made.size + 1)
        return body, Image.open(io.BytesIO(body))

    return read


@pytest.fixture
def bench(resources):
    """What a job works with."""
    return Bench(db=resources.db, store=resources.store, now=datetime.now(UTC))


@pytest.fixture
def events(call):
    """What happened to a media: type, stage, progress."""

    async def read(media_id):
        found = (await call("media.pollEvents", mediaId=str(media_id), waitSeconds=0)).events
        return [(event.type.value, event.data.stage, event.data.progress) for event in found]

    return read


@pytest.fixture
def jobs(database_url):
    """The jobs in the queue: name, state, attempts."""

    def read():
        with psycopg.connect(database_url) as connection:
            return connection.execute(
                "select task_name, status::text, attempts from procrastinate_jobs order by id"
            ).fetchall()

    return read


@pytest.fixture
def waits_end(database_url):
    """Let every job that waits for its next attempt begin now."""

    def end():
        with psycopg.connect(database_url, autocommit=True) as connection:
            connection.execute("update procrastinate_jobs set scheduled_at = null")

    return end


@pytest.fixture
def capture(database_url):
    """What is kept privately of a media."""

    def read(media_id):
        with psycopg.connect(database_url) as connection:
            ((kept,),) = connection.execute("select capture from media where id = %s", [media_id]).fetchall()
        return kept

    return read


async def test_renditions_are_public_files_of_the_fixed_sizes(ready_media, seen):
    media = await ready_media(encoded(scene(1600, 1000)))

    assert media.status == "ready"
    assert [made.name for made in media.renditions] == list(OF_IMAGES)
    assert [(made.width, made.height) for made in media.renditions] == SIZES
    for made in media.renditions:
        body, picture = await seen(made)
        assert (len(body), made.mime_type, picture.format, picture.size) == (
            made.size,
            "image/webp",
            "WEBP",
            (made.width, made.height),
        )
        assert difference(picture, scene(1600, 1000).resize(picture.size)) < 3


async def test_a_rendition_stands_at_its_key_with_its_type_and_its_caching(ready_media, resources):
    made = (await ready_media()).renditions[0]
    key = made.url.removeprefix(f"{resources.public_url}/")

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
    media = await ready_media(photo(), filename="me at home.jpg")

    for made in media.renditions:
        assert "ada" not in made.url.partition("//")[2].partition("/")[2].partition("/")[2]
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


async def test_the_camera_is_kept_privately_and_the_place_is_not(ready_media, capture):
    media = await ready_media(encoded(scene(), exif=capture_exif()))

    kept = capture(media.id)
    assert (kept["make"], kept["location"]) == ("Maker", None)
    assert "Maker" not in media.model_dump_json()


async def test_the_place_is_kept_when_it_is_asked_for(completed_media, run_pending, capture):
    media = await completed_media(encoded(scene(), exif=capture_exif()))
    await run_pending(keep_location=True)

    assert capture(media.id)["location"]["latitude"] == pytest.approx(-33.856917)


async def test_progress_is_told_from_stage_to_stage(ready_media, events, call):
    media = await ready_media()

    assert await events(media.id) == [
        ("upload.started", None, None),
        ("media.processing", None, None),
        ("media.progress", "downloading", 0),
        ("media.progress", "rendering", 20),
        ("media.progress", "publishing", 80),
        ("media.ready", None, None),
    ]
    told = await call("media.getProcessingStatus", mediaId=str(media.id))
    assert (told.status, told.stage, told.progress, told.attempts, told.error) == ("ready", None, 100, 1, None)


async def test_the_status_of_what_waits_and_of_what_is_worked_at(completed_media, call, resources, run_pending):
    media = await completed_media()
    told = await call("media.getProcessingStatus", mediaId=str(media.id))
    assert (told.status, told.stage, told.progress, told.attempts) == ("processing", None, 0, 0)

    publish, seen = resources.store.public.publish, []

    async def looked_at(key, source):
        seen.append(await call("media.getProcessingStatus", mediaId=str(media.id)))
        await publish(key, source)

    resources.store.public.publish = looked_at
    await run_pending()

    assert {(told.status, told.stage, told.progress, told.attempts) for told in seen} == {
        ("processing", "publishing", 80, 1)
    }


async def test_an_image_that_cannot_be_decoded_fails_with_a_reason(ready_media, call, public, client, jobs, events):
    body = photo()[: len(photo()) // 2]
    media = await ready_media(body)

    assert (media.status, media.error.code) == ("failed", "image_damaged")
    assert media.error.reason == "The image is damaged or incomplete."
    assert (media.url, media.thumbnail_url, media.renditions) == (None, None, [])
    assert await public() == []
    assert jobs() == []
    assert (await events(media.id))[-1][0] == "media.failed"
    original = await call("media.getDownloadUrl", mediaId=str(media.id))
    assert (await client.get(original.url)).content == body


async def test_what_may_pass_is_tried_again_and_then_fails(
    completed_media, call, run_pending, monkeypatch, jobs, waits_end
):
    """A run that takes too long may have been the machine's fault."""
    images, *_ = processors.PROCESSORS
    hurried = replace(images, limits=replace(images.limits, wall_seconds=0.01))
    monkeypatch.setattr(processors, "PROCESSORS", (hurried,))
    media = await completed_media()

    for attempt in range(1, ATTEMPTS):
        await run_pending()
        told = await call("media.getProcessingStatus", mediaId=str(media.id))
        assert (told.status, told.attempts, told.error) == ("processing", attempt, None)
        assert jobs() == [("process_media", "todo", attempt)]
        waits_end()
    await run_pending()

    told = await call("media.getProcessingStatus", mediaId=str(media.id))
    assert (told.status, told.attempts, told.error.code) == ("failed", ATTEMPTS, "timed_out")
    assert jobs() == []


async def test_outages_use_up_none_of_the_attempts(
    completed_media, call, run_pending, monkeypatch, resources, waits_end
):
    media = await completed_media()
    with monkeypatch.context() as outage:
        outage.setattr(resources.store.public, "name", "no-such-bucket")
        for _ in range(ATTEMPTS + 1):
            await run_pending()
            waits_end()
    images, *_ = processors.PROCESSORS
    hurried = replace(images, limits=replace(images.limits, wall_seconds=0.01))
    monkeypatch.setattr(processors, "PROCESSORS", (hurried,))

    for expected in (*["processing"] * (ATTEMPTS - 1), "failed"):
        await run_pending()
        assert (await call("media.getMedia", mediaId=str(media.id))).media.status == expected
        waits_end()


async def test_an_outage_of_storage_is_waited_out(
    completed_media, call, run_pending, monkeypatch, resources, waits_end
):
    media = await completed_media()
    with monkeypatch.context() as outage:
        outage.setattr(resources.store.public, "name", "no-such-bucket")
        for _ in range(ATTEMPTS + 1):
            await run_pending()
            waits_end()
        assert (await call("media.getMedia", mediaId=str(media.id))).media.status == "processing"

    await run_pending()

    assert (await call("media.getMedia", mediaId=str(media.id))).media.status == "ready"


async def test_what_an_attempt_left_behind_goes_with_the_next(completed_media, run_pending, resources, public, call):
    media = await completed_media()
    publish, sent = resources.store.public.publish, []

    async def dying(key, source):
        await publish(key, source)
        sent.append(key)
        if len(sent) == 3:
            raise asyncio.CancelledError

    resources.store.public.publish = dying
    with pytest.raises(asyncio.CancelledError):
        await process_media.run(Bench(db=resources.db, store=resources.store, now=datetime.now(UTC)), media.id)
    resources.store.public.publish = publish
    assert await public() == sorted(sent)

    await run_pending()

    shown = (await call("media.getMedia", mediaId=str(media.id))).media
    assert sorted(f"{resources.public_url}/{key}" for key in await public()) == sorted(
        made.url for made in shown.renditions
    )


async def test_what_is_published_while_another_attempt_tidies_up_stays(
    completed_media, call, run_pending, resources, bench, public
):
    """Storage is listed first, and the row is read after: what has come in between is in the row."""
    media = await completed_media()
    await call("media.cancelProcessing", mediaId=str(media.id))
    keys_under = resources.store.public.keys_under

    async def listed_before_another_attempt(prefix):
        resources.store.public.keys_under = keys_under
        found = await keys_under(prefix)
        await call("media.retryProcessing", mediaId=str(media.id))
        await run_pending()
        return found

    resources.store.public.keys_under = listed_before_another_attempt
    await tidy(bench, media.id)

    shown = (await call("media.getMedia", mediaId=str(media.id))).media
    assert shown.status == "ready"
    assert len(await public()) == len(shown.renditions) == len(OF_IMAGES)


async def test_nothing_goes_while_another_attempt_publishes(completed_media, call, resources, bench, public):
    media = await completed_media()
    await call("media.cancelProcessing", mediaId=str(media.id))
    await call("media.retryProcessing", mediaId=str(media.id))
    key = f"{media.id}/0a1b2c3d/full.webp"
    await asyncio.to_thread(
        resources.store._client.put_object, Bucket=resources.store.public.name, Key=key, Body=b"half of it"
    )

    await tidy(bench, media.id)

    assert await public() == [key]


async def test_an_overtaken_run_publishes_nothing(completed_media, call, resources, bench, public):
    """Another has taken away what it wrote: its worker stood still while its media was cancelled and begun anew."""
    media = await completed_media()
    publish = resources.store.public.publish
    half_way, go_on = asyncio.Event(), asyncio.Event()

    async def stand_still(key, source):
        await publish(key, source)
        half_way.set()
        await go_on.wait()

    resources.store.public.publish = stand_still
    overtaken = asyncio.ensure_future(process_media.run(bench, media.id))
    await half_way.wait()
    resources.store.public.publish = publish
    await call("media.cancelProcessing", mediaId=str(media.id))
    await process_media.run(bench, media.id)
    assert await public() == []
    await call("media.retryProcessing", mediaId=str(media.id))
    go_on.set()

    assert await overtaken == "processing"
    assert await process_media.run(bench, media.id) == "ready"
    shown = (await call("media.getMedia", mediaId=str(media.id))).media
    assert len(await public()) == len(shown.renditions) == len(OF_IMAGES)


async def test_deletion_takes_the_renditions_along(ready_media, call, run_pending, public):
    media = await ready_media()
    await call("media.deleteMedia", mediaId=str(media.id))
    await run_pending()

    assert await public() == []


async def test_what_is_deleted_while_it_is_rendered_leaves_nothing(
    completed_media, call, run_pending, resources, public, objects, after_the_url
):
    media = await completed_media()
    publish = resources.store.public.publish

    async def too_late(key, source):
        resources.store.public.publish = publish
        await call("media.deleteMedia", mediaId=str(media.id))
        await run_pending()
        await publish(key, source)

    resources.store.public.publish = too_late
    await run_pending()
    assert (await public(), await objects()) == ([], [])

    await sweep(resources.db, after_the_url)
    await run_pending(after_the_url)
    assert await resources.db.one(MediaRow, "read_media", id=media.id) is None


async def test_what_is_rendered_when_its_row_has_gone_leaves_nothing(ready_media, resources, bench, public):
    await ready_media()
    gone = uuid4()
    key = f"{gone}/0a1b2c3d/full.webp"
    await asyncio.to_thread(
        resources.store._client.put_object, Bucket=resources.store.public.name, Key=key, Body=b"late"
    )

    assert await process_media.run(bench, gone) == "gone"

    assert key not in await public()
    assert len(await public()) == len(OF_IMAGES)


async def test_a_media_that_the_queue_has_forgotten_is_processed_by_the_next_sweep(
    completed_media, database_url, resources, run_pending, call, after_the_url
):
    media = await completed_media()
    with psycopg.connect(database_url, autocommit=True) as connection:
        connection.execute("delete from procrastinate_jobs")

    for _ in range(2):
        await sweep(resources.db, after_the_url)
        await run_pending(after_the_url)

    assert (await call("media.getMedia", mediaId=str(media.id))).media.status == "ready"


async def test_a_media_that_waits_for_its_job_is_not_processed_twice(
    completed_media, resources, bench, after_the_url, jobs
):
    await completed_media()
    await sweep(resources.db, after_the_url)
    async with open_queue(resources.db.pool):
        await run_jobs(lambda: replace(bench, now=after_the_url), wait=False, queues=["default"])

    assert jobs() == [("process_media", "todo", 0)]


async def test_cancelling_fails_a_media_and_takes_its_job_away(completed_media, call, jobs, events):
    media = await completed_media()

    for _ in range(2):
        assert (await call("media.cancelProcessing", mediaId=str(media.id))).success is True

    shown = (await call("media.getMedia", mediaId=str(media.id))).media
    assert (shown.status, shown.error.code, shown.error.reason) == ("failed", "cancelled", "Processing was cancelled.")
    assert jobs() == []
    assert [kind for kind, *_ in await events(media.id)] == ["upload.started", "media.processing", "media.failed"]


async def test_what_was_cancelled_can_be_begun_anew(completed_media, call, run_pending):
    media = await completed_media()
    await call("media.cancelProcessing", mediaId=str(media.id))

    for _ in range(2):
        begun = (await call("media.retryProcessing", mediaId=str(media.id))).media
        assert (begun.status, begun.error) == ("processing", None)
    await run_pending()

    shown = (await call("media.retryProcessing", mediaId=str(media.id))).media
    assert (shown.status, len(shown.renditions)) == ("ready", len(OF_IMAGES))


async def test_a_failed_media_that_is_begun_anew_fails_anew(ready_media, call, run_pending, events):
    media = await ready_media(photo()[:600])
    await call("media.retryProcessing", mediaId=str(media.id))
    await run_pending()

    assert [kind for kind, *_ in await events(media.id) if kind != "media.progress"] == [
        "upload.started",
        "media.processing",
        "media.failed",
        "media.processing",
        "media.failed",
    ]


async def test_what_is_ready_cannot_be_cancelled(ready_media, call):
    media = await ready_media()

    with pytest.raises(MediaProcessed):
        await call("media.cancelProcessing", mediaId=str(media.id))


@pytest.mark.parametrize("name", ["retryProcessing", "cancelProcessing"])
async def test_an_upload_is_not_processed_yet(pending_upload, call, name):
    ticket = await pending_upload()

    with pytest.raises(UploadPending):
        await call(f"media.{name}", mediaId=str(ticket.media_id))


@pytest.mark.parametrize("name", ["getProcessingStatus", "retryProcessing", "cancelProcessing"])
async def test_a_media_of_somebody_else_is_not_found(ready_media, call, name):
    media = await ready_media()

    with pytest.raises(MediaNotFound):
        await call(f"media.{name}", mediaId=str(media.id), caller=Caller("eve"))


async def test_published_renditions_never_change(ready_media, database_url):
    media = await ready_media()

    with psycopg.connect(database_url) as connection, pytest.raises(psycopg.errors.CheckViolation, match="published"):
        connection.execute("update media set renditions = '[]' where id = %s", [media.id])


async def test_a_job_raises_what_storage_did_so_that_it_is_repeated(completed_media, resources, bench, monkeypatch):
    media = await completed_media()
    monkeypatch.setattr(resources.store, "name", "no-such-bucket")

    with pytest.raises(ServiceUnavailable):
        await process_media.run(bench, media.id)


async def test_a_media_whose_original_storage_has_lost_fails(
    completed_media, call, resources, run_pending, objects, waits_end
):
    """It is not looked for without end."""
    media = await completed_media()
    await resources.store.remove(await objects())
    for _ in range(ATTEMPTS):
        await run_pending()
        waits_end()

    told = await call("media.getProcessingStatus", mediaId=str(media.id))
    assert (told.status, told.attempts, told.error.code) == ("failed", ATTEMPTS, "original_missing")


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


async def test_what_was_ready_before_there_were_renditions_gets_them(servers, store_server):
    """Its bytes are where they were; a sweep after the upgrade has it processed."""
    with database_before(servers, "0017") as url:
        settings = new_settings(url, store_server)
        async with open_resources(settings) as resources:
            await resources.store.create_buckets()
            key = f"users/ada/posts/{(media_id := uuid4())}_0a1b2c3d_photo.jpg"
            await resources.store.write(key, io.BytesIO(photo()), size_bytes=len(photo()), content_type="image/jpeg")
            with psycopg.connect(url, autocommit=True) as db:
                db.execute(READY_BEFORE, {"id": media_id, "key": key, "size": len(photo())})
            migrate(url)

            bench = Bench(db=resources.db, store=resources.store, now=datetime.now(UTC))
            async with open_queue(resources.db.pool):
                for _ in range(2):
                    await sweep(resources.db, bench.now)
                    await run_jobs(lambda: bench, wait=False)

            media = await resources.db.one(MediaRow, "read_media", id=media_id)
            assert media
            assert (media.state, [made["name"] for made in media.renditions]) == ("ready", list(OF_IMAGES))
        assert drift(url) == []


async def test_what_is_left_of_jobs_that_failed_goes_after_a_week(completed_media, resources, database_url, jobs):
    await completed_media()
    with psycopg.connect(database_url, autocommit=True) as connection:
        connection.execute("update procrastinate_jobs set status = 'doing'")
        connection.execute("update procrastinate_jobs set status = 'failed'")
        connection.execute("update procrastinate_events set at = now() - interval '167 hours'")
        async with open_queue(resources.db.pool):
            await forget_ended()
            assert jobs() == [("process_media", "failed", 0)]

            connection.execute("update procrastinate_events set at = now() - interval '169 hours'")
            await forget_ended()
    assert jobs() == []
