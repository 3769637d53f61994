"""Idempotency keys on initiate, and cancelling: what is repeated has one effect."""

import asyncio
from datetime import UTC, datetime, timedelta

import psycopg
import pytest

from contracts.errors import IdempotencyKeyTaken, MediaNotFound, UploadCompleted, UploadNotFound, ValidationFailed
from contracts.media import MediaState
from jobs.retention import Retention, forget
from jobs.sweep import sweep
from rpc.auth import Caller
from server.resources import open_resources
from tests.at_once import at_once
from tests.locks import until_waiting
from tests.media_files import photo


async def test_the_same_key_and_input_are_the_same_media(pending_upload, call):
    """With a fresh URL each time, and room reserved once."""
    first = await pending_upload(idempotencyKey="k")
    later = datetime.now(UTC) + timedelta(minutes=5)
    again = await pending_upload(idempotencyKey="k", now=later)

    assert again.media_id == first.media_id
    assert again.expires_at == later + timedelta(minutes=15)
    assert again.upload_url != first.upload_url
    assert (await call("media.getStorageUsage")).reserved == len(photo())


async def test_a_fresh_url_fills_the_same_upload(pending_upload, put, call):
    await pending_upload(idempotencyKey="k")
    again = await pending_upload(idempotencyKey="k")

    assert (await put(again, photo())).status_code == 200
    assert (await call("media.completeUpload", mediaId=str(again.media_id))).media.id == again.media_id


@pytest.mark.usefixtures("unhurried")
async def test_fifty_at_once_with_one_key_are_one_media(pending_upload, call):
    tickets = await at_once(*(pending_upload(idempotencyKey="k") for _ in range(50)))

    assert len({ticket.media_id for ticket in tickets}) == 1
    assert (await call("media.getStorageUsage")).reserved == len(photo())


async def test_a_key_holds_across_a_restart(pending_upload, settings, resources, call):
    first = await pending_upload(idempotencyKey="k")
    await resources.db.pool.close()

    async with open_resources(settings) as fresh:
        object.__setattr__(resources, "db", fresh.db)
        assert (await pending_upload(idempotencyKey="k")).media_id == first.media_id


@pytest.mark.parametrize(
    "other",
    [
        {"filename": "b.jpg"},
        {"size": 5},
        {"contentType": "image/png"},
        {"purpose": "profile"},
        {"sha256": "0" * 64},
    ],
    ids=lambda other: next(iter(other)),
)
async def test_another_input_under_the_same_key_is_a_conflict(pending_upload, other, call):
    await pending_upload(idempotencyKey="k")
    with pytest.raises(IdempotencyKeyTaken):
        await pending_upload(idempotencyKey="k", **other)

    assert (await call("media.getStorageUsage")).reserved == len(photo())


async def test_keys_are_the_callers_own(pending_upload):
    mine = await pending_upload(idempotencyKey="k")

    assert (await pending_upload(idempotencyKey="k", caller=Caller("ben"))).media_id != mine.media_id


async def test_a_key_of_a_cancelled_upload_is_taken(pending_upload, call):
    ticket = await pending_upload(idempotencyKey="k")
    await call("media.cancelUpload", mediaId=str(ticket.media_id))

    with pytest.raises(IdempotencyKeyTaken):
        await pending_upload(idempotencyKey="k")


async def test_a_key_of_a_completed_upload_finds_its_media(completed_media, pending_upload, call):
    media = await completed_media(idempotencyKey="k")

    assert (await pending_upload(idempotencyKey="k")).media_id == media.id
    assert (await call("media.completeUpload", mediaId=str(media.id))).media.status == MediaState.PROCESSING


async def test_keys_age_out(pending_upload, resources, database_url):
    """After a day a key names a new upload, and old keys are forgotten."""
    first = await pending_upload(idempotencyKey="k")
    tomorrow = datetime.now(UTC) + timedelta(hours=24, minutes=1)

    second = await pending_upload(idempotencyKey="k", now=tomorrow)
    assert second.media_id != first.media_id

    await forget(resources.db, Retention(), tomorrow + timedelta(hours=24))
    with psycopg.connect(database_url) as connection:
        assert connection.execute("select count(*) from idempotency_keys").fetchone() == (0,)


async def test_a_key_that_cannot_be_is_invalid_input(subtests, pending_upload):
    for key in ("", "x" * 256, "a\0b", "a\nb", 5):
        with subtests.test(key=key), pytest.raises(ValidationFailed):
            await pending_upload(idempotencyKey=key)


async def test_cancelling_keeps_what_the_url_could_bring_reserved(
    arrived_upload, put, call, run_pending, objects, resources, after_the_url
):
    """The object goes at once, the bytes of a late PUT with the sweep after the URL's end, and the room with them."""
    ticket = await arrived_upload()
    await call("media.cancelUpload", mediaId=str(ticket.media_id))
    await run_pending()
    assert await objects() == []
    assert (await call("media.getStorageUsage")).reserved == len(photo())

    assert (await put(ticket, photo())).status_code == 200
    await sweep(resources.db, after_the_url)
    await run_pending(after_the_url)

    assert await objects() == []
    assert (await call("media.getStorageUsage")).reserved == 0


async def test_a_cancelled_upload_is_not_completed(pending_upload, call):
    ticket = await pending_upload()
    await call("media.cancelUpload", mediaId=str(ticket.media_id))

    with pytest.raises(UploadNotFound):
        await call("media.completeUpload", mediaId=str(ticket.media_id))


async def test_a_completed_upload_is_not_cancelled(ready_media, call):
    media = await ready_media()
    with pytest.raises(UploadCompleted, match="use deleteMedia"):
        await call("media.cancelUpload", mediaId=str(media.id))

    assert (await call("media.getMedia", mediaId=str(media.id))).media.status == MediaState.READY


async def test_somebody_elses_upload_is_not_cancelled(pending_upload, call):
    ticket = await pending_upload()
    with pytest.raises(MediaNotFound):
        await call("media.cancelUpload", mediaId=str(ticket.media_id), caller=Caller("ben"))

    assert (await call("media.getMedia", mediaId=str(ticket.media_id))).media.status == MediaState.PENDING


async def test_a_tombstone_that_goes_waits_for_its_owner_before_it_takes_its_key(pending_upload, call, database_url):
    """An initiate takes up an old key while it holds its owner; the other way round each would wait for the other."""
    ticket = await pending_upload(idempotencyKey="k")
    await call("media.cancelUpload", mediaId=str(ticket.media_id))
    hold_owner = "select from storage_usage where owner_id = 'ada' for no key update"
    take_key = "select from idempotency_keys where user_id = 'ada' for update nowait"
    async with (
        await psycopg.AsyncConnection.connect(database_url) as initiate,
        await psycopg.AsyncConnection.connect(database_url) as purge,
    ):
        await initiate.execute(hold_owner)
        purging = asyncio.create_task(purge.execute("delete from media where id = %s", [ticket.media_id]))
        await until_waiting(1, initiate)
        await initiate.execute(take_key)
        await initiate.commit()
        await purging
