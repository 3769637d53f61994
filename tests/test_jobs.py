"""What happens after the answer, and without a client."""

from datetime import UTC, datetime, timedelta

import psycopg
import pytest

from contracts.errors import InvalidFileType, MediaNotFound, UploadExpired, UploadIncomplete, UploadNotFound
from contracts.media import MediaState
from jobs import JOBS
from jobs.job import JobContext
from jobs.process import process_media
from jobs.sweep import settle_media, sweep
from jobs.worker import open_queue, rescue_stalled
from media.completion import publish_put
from media.queue import PURGE_MEDIA, QUEUE, enqueue
from sql.rows import MediaRow
from tests.at_once import at_once
from tests.media_files import HTML, padded, photo


@pytest.fixture
def job_context(resources):
    """What a job works with, at a time."""

    def at(now=None):
        return JobContext(db=resources.db, store=resources.store, now=now or datetime.now(UTC))

    return at


@pytest.fixture
def row(resources):
    """A media as its row stands."""

    async def read(media_id):
        return await resources.db.one(MediaRow, "read_media", id=media_id)

    return read


@pytest.fixture
def swept(resources, run_pending):
    """Sweep at a time and run what came of it; how many rows were due."""

    async def run(now):
        due = await sweep(resources.db, now)
        await run_pending(now)
        await run_pending(now)
        return due

    return run


@pytest.fixture
def waiting(database_url):
    """The jobs in the queue: name, media id, state."""

    def read():
        with psycopg.connect(database_url) as connection:
            return connection.execute(
                "select task_name, args->>'media_id', status::text from procrastinate_jobs order by id"
            ).fetchall()

    return read


async def test_completion_enqueues_its_job(completed_media, waiting):
    """Media, event and job are there together."""
    media = await completed_media()

    assert waiting() == [("process_media", str(media.id), "todo")]


async def test_the_job_makes_the_media_ready_and_leaves_the_original_alone(ready_media, row, objects, waiting):
    media = await ready_media()

    assert media.status == MediaState.READY
    assert await objects() == [(await row(media.id)).original_key]
    assert waiting() == []


async def test_a_job_that_runs_twice_changes_nothing(ready_media, job_context, objects):
    media = await ready_media()
    before = await objects()

    assert await process_media.run(job_context(), media.id) == "ready"
    assert await objects() == before


async def test_a_job_of_a_deleted_media_makes_nothing(completed_media, call, job_context):
    media = await completed_media()
    await call("media.deleteMedia", mediaId=str(media.id))

    assert await process_media.run(job_context(), media.id) == "deleted"


async def test_deleting_gives_the_bytes_back_and_keeps_what_a_url_could_bring(ready_media, call, objects, run_pending):
    """Used falls at once, the object goes with the job, the reservation stays until the URL has ended."""
    media = await ready_media()
    await call("media.deleteMedia", mediaId=str(media.id))

    usage = await call("media.getStorageUsage")
    assert (usage.used, usage.reserved) == (0, media.size)
    await run_pending()
    assert await objects() == []
    assert (await call("media.getStorageUsage")).reserved == media.size


async def test_a_tombstone_goes_when_its_url_has_ended(ready_media, call, swept, row, run_pending, after_the_url):
    media = await ready_media()
    await call("media.deleteMedia", mediaId=str(media.id))
    await run_pending()
    assert (await row(media.id)).state == MediaState.DELETED

    assert await swept(after_the_url) == 1

    assert await row(media.id) is None
    usage = await call("media.getStorageUsage")
    assert (usage.used, usage.reserved) == (0, 0)


async def test_deleting_twice_is_the_same_answer_even_when_the_row_is_gone(
    ready_media, call, swept, run_pending, after_the_url
):
    media = await ready_media()
    for _ in range(2):
        assert (await call("media.deleteMedia", mediaId=str(media.id))).success is True
    await run_pending()
    await swept(after_the_url)

    assert (await call("media.deleteMedia", mediaId=str(media.id))).success is True
    with pytest.raises(MediaNotFound):
        await call("media.getMedia", mediaId=str(media.id))


async def test_bytes_sent_after_deletion_are_found_and_removed(
    arrived_upload, put, call, run_pending, objects, swept, after_the_url
):
    """A signed URL cannot be revoked, so the sweeper looks again when it has ended."""
    ticket = await arrived_upload()
    await call("media.deleteMedia", mediaId=str(ticket.media_id))
    await run_pending()
    assert (await put(ticket, photo())).status_code == 200
    assert len(await objects()) == 1

    await swept(after_the_url)

    assert await objects() == []
    assert (await call("media.getStorageUsage")).reserved == 0


async def test_bytes_sent_after_completion_change_nothing(
    pending_upload, put, call, run_pending, original, objects, row, swept, after_the_url
):
    """What is served is what was verified, and the late bytes go."""
    body, other = photo(70, 50), padded(photo(60, 50), len(photo(70, 50)))
    ticket = await pending_upload(body)
    await put(ticket, body)
    media = (await call("media.completeUpload", mediaId=str(ticket.media_id))).media
    await run_pending()

    assert (await put(ticket, other)).status_code == 200
    assert await original(media.id) == body
    await swept(after_the_url)

    assert await objects() == [(await row(media.id)).original_key]
    assert await original(media.id) == body
    assert (await row(media.id)).sweep_at is None


async def test_bytes_swapped_during_completion_are_not_published(
    arrived_upload, put, resources, row, monkeypatch, client
):
    """Whatever is swapped in while an upload is being published, the verified copy is what counts."""
    body, other = photo(70, 50), padded(HTML, len(photo(70, 50)))
    ticket = await arrived_upload(body)
    copy = resources.store.copy

    async def swapped_first(source, target, **told):
        assert (await put(ticket, other)).status_code == 200
        await copy(source, target, **told)

    monkeypatch.setattr(resources.store, "copy", swapped_first)
    with pytest.raises(InvalidFileType):
        await publish_put(resources.store, await row(ticket.media_id))

    async def swapped_after(source, target, **told):
        await copy(source, target, **told)
        assert (await put(ticket, other)).status_code == 200

    assert (await put(ticket, body)).status_code == 200
    monkeypatch.setattr(resources.store, "copy", swapped_after)
    published = await publish_put(resources.store, await row(ticket.media_id))
    assert await resources.store.read(published.key, 0, len(body)) == body


async def test_an_upload_that_arrived_is_finished_without_its_client(
    arrived_upload, call, swept, objects, after_the_url
):
    """The client died after its last byte; the media becomes ready all the same."""
    ticket = await arrived_upload()

    assert await swept(datetime.now(UTC)) == 0
    assert await swept(after_the_url) == 1

    media = (await call("media.getMedia", mediaId=str(ticket.media_id))).media
    assert (media.status, media.width, media.height) == (MediaState.READY, 64, 48)
    assert len(await objects()) == 1


async def test_an_upload_that_never_arrived_is_cleared(pending_upload, call, swept, row, after_the_url):
    """Its reservation is freed only after the URL and its grace have ended."""
    ticket = await pending_upload()

    assert await swept(ticket.expires_at + timedelta(seconds=59)) == 0
    assert (await call("media.getStorageUsage")).reserved > 0
    assert await swept(after_the_url) == 1

    assert await row(ticket.media_id) is None
    assert (await call("media.getStorageUsage")).reserved == 0
    with pytest.raises(UploadNotFound):
        await call("media.completeUpload", mediaId=str(ticket.media_id))


async def test_an_upload_of_another_type_is_cleared(arrived_upload, swept, row, objects, after_the_url):
    ticket = await arrived_upload(HTML, contentType="image/png")

    await swept(after_the_url)

    assert await row(ticket.media_id) is None
    assert await objects() == []


async def test_a_row_is_swept_by_one_of_many(pending_upload, resources, after_the_url):
    """Sweeps that run at once share the rows between them."""
    for _ in range(5):
        await pending_upload()

    due = await at_once(*(sweep(resources.db, after_the_url) for _ in range(4)))

    assert sum(due) == 5


async def test_a_row_whose_settling_was_lost_comes_back(pending_upload, resources, after_the_url):
    await pending_upload()

    assert await sweep(resources.db, after_the_url) == 1
    assert await sweep(resources.db, after_the_url + timedelta(minutes=9)) == 0
    assert await sweep(resources.db, after_the_url + timedelta(minutes=11)) == 1


async def test_settling_too_early_touches_nothing(arrived_upload, job_context, objects):
    """A worker whose clock is ahead of the sweeper's does no harm."""
    ticket = await arrived_upload()

    assert await settle_media.run(job_context(), ticket.media_id) == "too early"
    assert len(await objects()) == 1


@pytest.mark.usefixtures("unhurried")
async def test_completion_and_deletion_at_once_leave_no_object(
    arrived_upload, call, run_pending, swept, objects, row, after_the_url
):
    """Whoever is quicker, the end is the same: the media is deleted and storage is clean."""
    tickets = [await arrived_upload() for _ in range(8)]

    async def complete(ticket):
        try:
            await call("media.completeUpload", mediaId=str(ticket.media_id))
        except (UploadNotFound, UploadIncomplete, UploadExpired):
            return

    await at_once(
        *(complete(ticket) for ticket in tickets),
        *(call("media.deleteMedia", mediaId=str(ticket.media_id)) for ticket in tickets),
    )
    await run_pending()
    await swept(after_the_url)

    assert await objects() == []
    assert [await row(ticket.media_id) for ticket in tickets] == [None] * 8
    assert (await call("media.getStorageUsage")).reserved == 0


async def test_an_enqueued_job_is_gone_with_its_transaction(ready_media, resources, waiting):
    media = await ready_media()

    async def enqueue_and_fail():
        async with resources.db.transaction() as tx:
            await enqueue(tx, PURGE_MEDIA, media.id)
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        await enqueue_and_fail()
    assert waiting() == []


async def test_a_job_that_fails_is_tried_again(completed_media, resources, run_pending, waiting, monkeypatch):
    """Storage that is down for a while delays the purge, and loses nothing."""
    media = await completed_media()
    await run_pending()
    monkeypatch.setattr(resources.store, "name", "no-such-bucket")
    async with resources.db.transaction() as tx:
        await tx.many(
            MediaRow, "delete_media", ids=[media.id], owners=["ada"], now=datetime.now(UTC), look_at=datetime.now(UTC)
        )
        await enqueue(tx, PURGE_MEDIA, media.id)
    await run_pending()

    assert waiting() == [("purge_media", str(media.id), "todo")]


async def test_the_job_of_a_dead_worker_goes_to_a_living_one(
    completed_media, resources, run_pending, database_url, row
):
    """A worker that was killed in the middle of a job leaves it to the others."""
    media = await completed_media()
    with psycopg.connect(database_url, autocommit=True) as connection:
        worker = connection.execute(
            "insert into procrastinate_workers (last_heartbeat) values (now() - interval '5 min') returning id"
        ).fetchone()
        connection.execute("update procrastinate_jobs set status = 'doing', worker_id = %s", worker)
    await run_pending()
    assert (await row(media.id)).state == MediaState.PROCESSING

    async with open_queue(resources.db.pool):
        await rescue_stalled()
    await run_pending()

    assert (await row(media.id)).state == MediaState.READY


def test_every_job_is_listed():
    """The queue knows exactly the jobs of the table of contents."""
    assert {job.name for job in JOBS} == {name for name in QUEUE.tasks if "builtin" not in name}
