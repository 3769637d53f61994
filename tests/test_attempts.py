"""Several attempts at one media: what each leaves in storage, and which of them counts."""

import asyncio
from dataclasses import replace
from datetime import UTC, datetime
from uuid import uuid4

import psycopg
import pytest

from contracts.renditions import OF_IMAGES
from jobs.job import JobContext
from jobs.process import process_media
from jobs.sweep import sweep
from jobs.worker import open_queue, run_jobs
from media.cleanup import tidy
from sql.rows import MediaRow


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
        await process_media.run(JobContext(db=resources.db, store=resources.store, now=datetime.now(UTC)), media.id)
    resources.store.public.publish = publish
    assert await public() == sorted(sent)

    await run_pending()

    shown = (await call("media.getMedia", mediaId=str(media.id))).media
    assert sorted(f"{resources.addresses.base_url}/{key}" for key in await public()) == sorted(
        made.url for made in shown.renditions
    )


async def test_what_is_published_while_another_attempt_tidies_up_stays(
    completed_media, call, run_pending, resources, job_context, public
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
    await tidy(job_context.db, job_context.store, media.id)

    shown = (await call("media.getMedia", mediaId=str(media.id))).media
    assert shown.status == "ready"
    assert len(await public()) == len(shown.renditions) == len(OF_IMAGES)


async def test_nothing_goes_while_another_attempt_publishes(completed_media, call, resources, job_context, public):
    media = await completed_media()
    await call("media.cancelProcessing", mediaId=str(media.id))
    await call("media.retryProcessing", mediaId=str(media.id))
    key = f"{media.id}/0a1b2c3d/full.webp"
    await asyncio.to_thread(
        resources.store._client.put_object, Bucket=resources.store.public.name, Key=key, Body=b"half of it"
    )

    await tidy(job_context.db, job_context.store, media.id)

    assert await public() == [key]


async def test_an_overtaken_run_publishes_nothing(completed_media, call, resources, job_context, public):
    """Another has taken away what it wrote: its worker stood still while its media was cancelled and begun anew."""
    media = await completed_media()
    publish = resources.store.public.publish
    half_way, go_on = asyncio.Event(), asyncio.Event()

    async def stand_still(key, source):
        await publish(key, source)
        half_way.set()
        await go_on.wait()

    resources.store.public.publish = stand_still
    overtaken = asyncio.ensure_future(process_media.run(job_context, media.id))
    await half_way.wait()
    resources.store.public.publish = publish
    await call("media.cancelProcessing", mediaId=str(media.id))
    await process_media.run(job_context, media.id)
    assert await public() == []
    await call("media.retryProcessing", mediaId=str(media.id))
    go_on.set()

    assert await overtaken == "processing"
    assert await process_media.run(job_context, media.id) == "ready"
    shown = (await call("media.getMedia", mediaId=str(media.id))).media
    assert len(await public()) == len(shown.renditions) == len(OF_IMAGES)


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


async def test_what_is_rendered_when_its_row_has_gone_leaves_nothing(ready_media, resources, job_context, public):
    await ready_media()
    gone = uuid4()
    key = f"{gone}/0a1b2c3d/full.webp"
    await asyncio.to_thread(
        resources.store._client.put_object, Bucket=resources.store.public.name, Key=key, Body=b"late"
    )

    assert await process_media.run(job_context, gone) == "gone"

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
    completed_media, resources, job_context, after_the_url, jobs
):
    await completed_media()
    await sweep(resources.db, after_the_url)
    async with open_queue(resources.db.pool):
        await run_jobs(lambda: replace(job_context, now=after_the_url), wait=False, queues=["default"])

    assert jobs() == [("process_media", "todo", 0)]
