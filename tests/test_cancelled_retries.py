"""The same file once more, after the first try was cancelled: what that one holds is no reason to refuse the second."""

from datetime import UTC, datetime, timedelta
from typing import Any
from urllib.parse import urlsplit

import psycopg
import pytest

from contracts.errors import MediaNotFound, StorageLimitExceeded, UploadIncomplete, UploadNotFound
from jobs.sweep import sweep
from media.cleanup import remove_objects
from procedures.media import upload
from sql.rows import MediaRow, UsageRow
from tests.at_once import at_once
from tests.media_files import padded, video
from tests.test_races import FREE, outcomes, processes

__all__ = ["processes"]

MIB = 1024**2
CLIP = padded(video(), 30 * MIB)
OTHERS = bytes(30 * MIB)
PHONE = {"filename": "walk.mp4", "contentType": "video/mp4", "size": len(CLIP)}
PAST_THE_URL = timedelta(minutes=20)


@pytest.fixture
def begin(call):
    """Begin an upload of the clip by one PUT; its ticket."""

    async def initiate(**different: Any):
        return await call("media.initiateUpload", **{**PHONE, **different})

    return initiate


@pytest.fixture
def cancelled(begin, call):
    """Begin an upload of the clip and give it up; its ticket."""

    async def cancel(**different: Any):
        ticket = await begin(**different)
        await call("media.cancelUpload", mediaId=str(ticket.media_id))
        return ticket

    return cancel


@pytest.fixture
def complete(call):
    """Complete an upload; the media."""

    async def finish(ticket, name="media.completeUpload"):
        return (await call(name, mediaId=str(ticket.media_id))).media

    return finish


@pytest.mark.parametrize("cleaned", [False, True], ids=["at once", "after the worker came by"])
async def test_the_same_file_is_let_in_and_becomes_ready(
    cancelled, begin, put, complete, run_pending, call, objects, resources, cleaned
):
    """As a media of its own, in the room of the first, of which nothing is left when the URLs have ended."""
    first = await cancelled()
    await put(first, CLIP)
    if cleaned:
        await run_pending()
    second = await begin()
    assert second.media_id != first.media_id
    assert (await call("media.getStorageUsage")).reserved == len(CLIP)

    await put(second, CLIP)
    await complete(second)
    await run_pending()
    later = datetime.now(UTC) + PAST_THE_URL
    await sweep(resources.db, later)
    await run_pending(later)

    media = (await call("media.getMedia", mediaId=str(second.media_id))).media
    usage = await call("media.getStorageUsage")
    assert (media.status, usage.used, usage.reserved) == ("ready", len(CLIP), 0)
    assert len(await objects()) == 1


async def test_both_urls_write_the_same_object(cancelled, begin, put, objects):
    """So they bring no more than is reserved, however often an upload is begun and given up."""
    tickets = [await cancelled() for _ in range(5)]
    tickets.append(await begin())
    assert {urlsplit(ticket.upload_url).path for ticket in tickets} == {urlsplit(tickets[0].upload_url).path}
    for ticket in tickets:
        assert (await put(ticket, CLIP)).status_code == 200
    assert len(await objects()) == 1


async def test_the_first_url_changes_nothing_once_the_second_upload_is_complete(
    cancelled, begin, put, complete, call, client
):
    first = await cancelled()
    second = await begin()
    await put(second, CLIP)
    await complete(second)
    await put(first, OTHERS)
    url = (await call("media.getDownloadUrl", mediaId=str(second.media_id))).url
    assert (await client.get(url)).content == CLIP


@pytest.mark.parametrize(
    "different",
    [
        {"filename": "run.mp4"},
        {"size": len(CLIP) - 1},
        {"contentType": "video/webm"},
        {"sha256": "0" * 64},
        {"purpose": "profile", "contentType": "image/png", "size": 6 * MIB},
    ],
    ids=lambda different: next(iter(different)),
)
async def test_another_file_waits_for_the_bytes(cancelled, begin, call, different):
    """It would bring bytes beside those of the first try."""
    await cancelled()
    await call("media.initiateUpload", **{**PHONE, "size": 18 * MIB})
    with pytest.raises(StorageLimitExceeded) as refused:
        await begin(**different)
    assert [release["bytes"] for release in refused.value.releases] == [len(CLIP)]


async def test_what_has_room_takes_nobodys_place(cancelled, begin):
    """So a first try is remembered for as long as anything of it may come."""
    first, second = await cancelled(size=MIB), await begin(size=MIB)
    assert urlsplit(first.upload_url).path != urlsplit(second.upload_url).path


async def test_a_plan_that_was_lowered_lets_nothing_in(cancelled, begin, call, resources):
    await call("media.initiateUpload", **{**PHONE, "size": 20 * MIB})
    await cancelled()
    await resources.db.one(UsageRow, "set_quota", owner_id="ada", quota_bytes=10 * MIB)
    with pytest.raises(StorageLimitExceeded):
        await begin()


async def test_the_first_one_stays_cancelled(cancelled, begin, call):
    """Repeated, its cancellation and its completion are answered as before, and the second goes on."""
    first, second = await cancelled(), await begin()
    for name in ("media.cancelUpload", "media.deleteMedia"):
        await call(name, mediaId=str(first.media_id))
    with pytest.raises(UploadNotFound):
        await call("media.completeUpload", mediaId=str(first.media_id))
    with pytest.raises(MediaNotFound):
        await call("media.getMedia", mediaId=str(first.media_id))
    page = await call("media.listUploads")
    assert [item.media_id for item in page.items] == [second.media_id]


async def test_a_worker_that_is_late_takes_no_more_than_what_is_unverified(
    cancelled, begin, put, complete, call, client, resources
):
    """It removes what the row named that it has read: the sender is told, sends again, and then nothing goes."""
    first = await cancelled()
    row = await resources.db.one(MediaRow, "read_media", id=first.media_id)
    second = await begin()
    await put(second, CLIP)
    await remove_objects(resources.store, row)
    with pytest.raises(UploadIncomplete):
        await complete(second)

    await put(second, CLIP)
    await complete(second)
    await remove_objects(resources.store, row)
    url = (await call("media.getDownloadUrl", mediaId=str(second.media_id))).url
    assert (await client.get(url)).content == CLIP


async def test_a_place_that_a_worker_is_about_to_empty_is_not_taken(cancelled, begin, run_pending, monkeypatch):
    """Storage that answers too late leaves the bytes to a worker: the room comes back once that has been there."""
    monkeypatch.setattr(upload, "RELEASE_SECONDS", 0)
    await cancelled()
    with pytest.raises(StorageLimitExceeded):
        await begin()
    await run_pending()
    await begin()


async def test_bytes_that_had_come_are_gone_once_the_cancellation_is_answered(begin, put, call, objects):
    """No worker has to come by, so none is late."""
    ticket = await begin()
    await put(ticket, CLIP)
    await call("media.cancelUpload", mediaId=str(ticket.media_id))
    assert await objects() == []


async def test_each_of_many_uploads_takes_the_place_of_one(cancelled, call, put, complete):
    """In one call: as many as were cancelled, and each has a key of its own."""
    first = [await cancelled(size=MIB) for _ in range(3)]
    await call("media.initiateUpload", **{**PHONE, "size": 47 * MIB})
    uploads = [{**PHONE, "size": MIB}] * 4
    results = (await call("media.initiateUploads", uploads=uploads)).results
    assert [outcome.error and outcome.error.code for outcome in results] == [None, None, None, 1600]
    keys = [urlsplit(outcome.ticket.upload_url).path for outcome in results[:3]]
    assert sorted(keys) == sorted(urlsplit(ticket.upload_url).path for ticket in first)
    body = padded(video(), MIB)
    for outcome in results[:3]:
        await put(outcome.ticket, body)
        await complete(outcome.ticket)


async def test_of_many_retries_at_once_one_takes_the_place(processes, database_url):
    """Over three processes, thirty times at once: nobody passes the quota."""
    size = FREE * 3 // 5
    async with processes() as call:
        begun = (await call("media.initiateUpload", **{**PHONE, "size": size}))["data"]
        await call("media.cancelUpload", mediaId=begun["mediaId"])
        answers = await at_once(*(call("media.initiateUpload", **{**PHONE, "size": size}) for _ in range(30)))
        usage = (await call("media.getStorageUsage"))["data"]
    assert outcomes(answers) == {"ok": 1, 1600: 29}
    assert usage["reserved"] == size
    with psycopg.connect(database_url) as connection:
        assert connection.execute("select media_count, pending_count from storage_usage").fetchall() == [(1, 1)]
