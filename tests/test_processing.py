"""How far the processing of a media is: told, failed with a reason, tried again, cancelled, begun anew."""

from dataclasses import replace

import psycopg
import pytest

from contracts.errors import (
    MediaNotFound,
    MediaProcessed,
    RateLimitExceeded,
    ServiceUnavailable,
    UploadPending,
)
from contracts.renditions import OF_IMAGES
from jobs.process import ATTEMPTS_IN_SHORT_LANES, PROCESSING_ATTEMPTS, process_media
from processing import registry as processors
from rpc.auth import Caller
from tests.media_files import photo


@pytest.fixture
def rendered_once() -> None:
    """Every job asks a child of its own: what it makes is the subject here."""


@pytest.fixture
def events(call):
    """What happened to a media: type, stage, progress."""

    async def read(media_id):
        found = (await call("media.pollEvents", mediaId=str(media_id), since="start", waitSeconds=0)).events
        return [(event.type.value, event.data.stage, event.data.progress) for event in found]

    return read


@pytest.fixture
def waits_end(database_url):
    """Let every job that waits for its next attempt begin now."""

    def end():
        with psycopg.connect(database_url, autocommit=True) as connection:
            connection.execute("update procrastinate_jobs set scheduled_at = null")

    return end


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
    """A run that takes too long may have been the machine's fault; but others wait in its lane."""
    images, *_ = processors.PROCESSORS
    hurried = replace(images, limits=replace(images.limits, wall_seconds=0.01))
    monkeypatch.setattr(processors, "PROCESSORS", (hurried,))
    media = await completed_media()

    for attempt in range(1, ATTEMPTS_IN_SHORT_LANES):
        await run_pending()
        told = await call("media.getProcessingStatus", mediaId=str(media.id))
        assert (told.status, told.attempts, told.error) == ("processing", attempt, None)
        assert jobs() == [("process_media", "todo", attempt)]
        waits_end()
    await run_pending()

    told = await call("media.getProcessingStatus", mediaId=str(media.id))
    assert (told.status, told.attempts, told.error.code) == ("failed", ATTEMPTS_IN_SHORT_LANES, "timed_out")
    assert jobs() == []


async def test_outages_use_up_none_of_the_attempts(
    completed_media, call, run_pending, monkeypatch, resources, waits_end
):
    media = await completed_media()
    with monkeypatch.context() as outage:
        outage.setattr(resources.store.public, "name", "no-such-bucket")
        for _ in range(PROCESSING_ATTEMPTS + 1):
            await run_pending()
            waits_end()
    images, *_ = processors.PROCESSORS
    hurried = replace(images, limits=replace(images.limits, wall_seconds=0.01))
    monkeypatch.setattr(processors, "PROCESSORS", (hurried,))

    for expected in (*["processing"] * (ATTEMPTS_IN_SHORT_LANES - 1), "failed"):
        await run_pending()
        assert (await call("media.getMedia", mediaId=str(media.id))).media.status == expected
        waits_end()


async def test_an_outage_of_storage_is_waited_out(
    completed_media, call, run_pending, monkeypatch, resources, waits_end
):
    media = await completed_media()
    with monkeypatch.context() as outage:
        outage.setattr(resources.store.public, "name", "no-such-bucket")
        for _ in range(PROCESSING_ATTEMPTS + 1):
            await run_pending()
            waits_end()
        assert (await call("media.getMedia", mediaId=str(media.id))).media.status == "processing"

    await run_pending()

    assert (await call("media.getMedia", mediaId=str(media.id))).media.status == "ready"


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


async def test_a_media_is_begun_anew_three_times_an_hour(completed_media, call, jobs):
    """A fourth time is refused, and leaves it as it was; another media has its own three."""
    for media in (await completed_media(), await completed_media()):
        for _ in range(3):
            await call("media.cancelProcessing", mediaId=str(media.id))
            await call("media.retryProcessing", mediaId=str(media.id))
        await call("media.cancelProcessing", mediaId=str(media.id))

        with pytest.raises(RateLimitExceeded) as refused:
            await call("media.retryProcessing", mediaId=str(media.id))
        assert 0 < refused.value.retry_after <= 3600 + 60
        assert (await call("media.getMedia", mediaId=str(media.id))).media.status == "failed"
    assert jobs() == []


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


async def test_a_job_raises_what_storage_did_so_that_it_is_repeated(
    completed_media, resources, job_context, monkeypatch
):
    media = await completed_media()
    monkeypatch.setattr(resources.store, "name", "no-such-bucket")

    with pytest.raises(ServiceUnavailable):
        await process_media.run(job_context, media.id)


async def test_a_media_whose_original_storage_has_lost_fails(
    completed_media, call, resources, run_pending, objects, waits_end
):
    """It is not looked for without end."""
    media = await completed_media()
    await resources.store.remove(await objects())
    for _ in range(PROCESSING_ATTEMPTS):
        await run_pending()
        waits_end()

    told = await call("media.getProcessingStatus", mediaId=str(media.id))
    assert (told.status, told.attempts, told.error.code) == ("failed", PROCESSING_ATTEMPTS, "original_missing")
