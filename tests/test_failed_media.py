"""What has failed and never was ready: kept for a day, to be begun anew, and then gone."""

import asyncio
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import psycopg
import pytest

from contracts.errors import MediaNotFound
from jobs.job import JobContext
from jobs.sweep import settle_media, sweep
from sql.rows import MediaRow
from tests.media_files import photo

BROKEN = photo()[:600]
DAY = timedelta(hours=24)


@pytest.fixture
def swept(resources, run_pending):
    """Sweep at a time and run what comes of it."""

    async def run(now, **told):
        await sweep(resources.db, now)
        for _ in range(2):
            await run_pending(now, **told)

    return run


@pytest.fixture
def failed_media(ready_media):
    """Upload an image that cannot be decoded, and let it fail."""

    async def fail(**params):
        media = await ready_media(BROKEN, **params)
        assert media.status == "failed"
        return media

    return fail


@pytest.fixture
def status(call):
    async def read(media):
        return (await call("media.getMedia", mediaId=str(media.id))).media.status

    return read


async def test_it_goes_after_a_day(failed_media, call, swept, objects, status, after_the_url):
    """Row, bytes in storage, and what they weighed."""
    media = await failed_media()
    await swept(after_the_url)
    await swept(media.updated_at + DAY - timedelta(seconds=1))
    assert (await status(media), len(await objects())) == ("failed", 1)
    assert (await call("media.getStorageUsage")).used == media.size

    await swept(media.updated_at + DAY)

    with pytest.raises(MediaNotFound):
        await call("media.getMedia", mediaId=str(media.id))
    assert await objects() == []
    usage = await call("media.getStorageUsage")
    assert (usage.used, usage.reserved) == (0, 0)


async def test_its_client_is_told(failed_media, call, swept):
    """Of the deletion by an event that says why it had failed; whatever it then asks, as of any deleted media."""
    media = await failed_media(idempotencyKey="k")
    await swept(media.updated_at + DAY)

    told = (await call("media.pollEvents", mediaId=str(media.id), since="start", waitSeconds=0)).events
    assert (told[-1].type, told[-1].data.error.code) == ("media.deleted", media.error.code)
    assert (await call("media.deleteMedia", mediaId=str(media.id))).success
    for name in ("getMedia", "retryProcessing", "getProcessingStatus", "getDownloadUrl"):
        with pytest.raises(MediaNotFound):
            await call(f"media.{name}", mediaId=str(media.id))
    assert (await failed_media(idempotencyKey="k")).id != media.id


async def test_it_leaves_its_post(completed_media, call, run_pending, swept):
    media = await completed_media(BROKEN)
    await call("media.attachToPost", postId="p", mediaIds=[str(media.id)])
    await run_pending()
    (shown,) = (await call("media.listPostMedia", postId="p")).items
    assert shown.status == "failed"

    await swept(shown.updated_at + DAY)

    assert (await call("media.listPostMedia", postId="p")).items == []


async def test_begun_anew_in_time_it_stays(completed_media, call, run_pending, swept, status):
    """As what is ready does."""
    media = await completed_media()
    await call("media.cancelProcessing", mediaId=str(media.id))
    await call("media.retryProcessing", mediaId=str(media.id))
    await run_pending()

    for hours in (1, 25, 50):
        await swept(media.updated_at + timedelta(hours=hours))
    assert await status(media) == "ready"


async def test_failing_anew_it_has_another_day(failed_media, call, run_pending, swept, status):
    media = await failed_media()
    later = media.updated_at + DAY - timedelta(minutes=5)
    await call("media.retryProcessing", mediaId=str(media.id), now=later)
    await run_pending(later)

    await swept(later + timedelta(hours=23))
    assert await status(media) == "failed"
    await swept(later + DAY)
    with pytest.raises(MediaNotFound):
        await status(media)


async def test_begun_anew_and_taken_away_at_once_it_is_one_of_both(failed_media, call, resources, run_pending, status):
    """Whichever comes first; storage and row agree."""
    for _ in range(4):
        media = await failed_media()
        late = JobContext(db=resources.db, store=resources.store, now=media.updated_at + DAY)

        async def begin_anew(media=media, now=late.now):
            try:
                return (await call("media.retryProcessing", mediaId=str(media.id), now=now)).media.status
            except MediaNotFound:
                return "deleted"

        begun, settled = await asyncio.gather(begin_anew(), settle_media.run(late, media.id))
        assert (begun, settled) in {("processing", "kept"), ("processing", "being processed"), ("deleted", "deleted")}
        await run_pending(late.now)
        row = await resources.db.one(MediaRow, "read_media", id=media.id)
        assert (row.state if row else "deleted") == ("failed" if begun == "processing" else "deleted")


async def test_how_long_that_is_operators_say(failed_media, swept, status):
    media = await failed_media()

    await swept(media.updated_at + DAY, failed_kept=timedelta(hours=48))
    assert await status(media) == "failed"
    await swept(media.updated_at + 2 * DAY, failed_kept=timedelta(hours=48))
    with pytest.raises(MediaNotFound):
        await status(media)


class TestWorker:
    """`mediarpc worker`, by its settings."""

    @pytest.fixture
    def settings(self, settings):
        return replace(settings, upload_url_ttl_seconds=1, upload_grace_seconds=0)

    async def test_a_worker_takes_it_away(self, failed_media, start, call, database_url):
        media = await failed_media()
        with psycopg.connect(database_url, autocommit=True) as connection:
            connection.execute("update media set updated_at = now() - interval '3 hours', sweep_at = url_ends_at")
        with start(FAILED_MEDIA_TTL_HOURS="3", SWEEP_INTERVAL_SECONDS="1") as worker:
            worker.wait_for("purged")

        with pytest.raises(MediaNotFound):
            await call("media.getMedia", mediaId=str(media.id), now=datetime.now(UTC))
