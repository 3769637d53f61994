"""What uploads in parts weigh, and how they end without their client."""

import asyncio
import contextlib
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import httpx
import pytest

from contracts.errors import (
    FileTooLarge,
    IdempotencyKeyTaken,
    StorageLimitExceeded,
    UploadNotFound,
)
from contracts.plans import Plan
from jobs.sweep import sweep
from procedures.media import upload as upload_procedures
from tests.at_once import at_once
from tests.in_parts.uploads import DAY, PART, SIZE
from tests.leftovers import open_uploads
from tests.media_files import padded, video


async def test_the_whole_size_is_reserved_from_the_beginning(begin, arrived, call):
    """And used when it is completed."""
    upload = await begin()
    usage = await call("media.getStorageUsage")
    assert (usage.used, usage.reserved) == (0, SIZE)
    await upload.send(1, 2, 3)
    await upload.complete()
    usage = await call("media.getStorageUsage")
    assert (usage.used, usage.reserved) == (SIZE, 0)


async def test_there_is_a_ceiling_and_a_quota(begin, ada):
    """A video has up to 500 MiB in parts, a photo no more than by one PUT; nothing passes the quota."""
    for content_type, size, ceiling in (
        ("video/mp4", 500 * 1024**2 + 1, 500 * 1024**2),
        ("image/png", 10 * 1024**2 + 1, 10 * 1024**2),
    ):
        with pytest.raises(FileTooLarge) as large:
            await begin(size=size, contentType=content_type)
        assert large.value.max_size == ceiling
    with pytest.raises(StorageLimitExceeded):
        await begin(size=500 * 1024**2, caller=replace(ada, plan=Plan.FREE))


async def test_a_key_names_one_upload(begin):
    """The same key and input find the same upload; another part size is another input."""
    one, two = await at_once(begin(idempotencyKey="k"), begin(idempotencyKey="k"))
    assert one.ticket.media_id == two.ticket.media_id
    assert one.ticket.total_parts == two.ticket.total_parts
    with pytest.raises(IdempotencyKeyTaken):
        await begin(idempotencyKey="k", partSize=PART + 1)


async def test_a_cancelled_upload_leaves_nothing(begin, call, run_pending, resources, objects, after_the_url):
    """Its parts are aborted, late ones find no upload, and its bytes are free when the cancellation is answered."""
    upload = await begin()
    (first, second) = await upload.sign(1, 2)
    await upload.put(first)
    await call("media.cancelUpload", mediaId=upload.id)
    assert (await call("media.getStorageUsage")).reserved == 0
    assert await upload.is_refused(second, upload.bytes_of(2))
    await run_pending()
    with pytest.raises(UploadNotFound):
        await upload.status()

    await sweep(resources.db, after_the_url)
    await run_pending(after_the_url)
    assert (await objects(), (await call("media.getStorageUsage")).reserved) == ([], 0)
    assert await rows_in_parts(resources) == []


async def test_the_same_file_can_be_sent_again_at_once(begin, arrived, call, ada, run_pending):
    """As often as one likes, though there is room for it once."""
    free = replace(ada, plan=Plan.FREE)
    body = padded(video(), 30 * 1024**2)
    for _ in range(3):
        upload = await begin(body, caller=free)
        await upload.put((await upload.sign(1))[0])
        await call("media.cancelUpload", mediaId=upload.id)
    upload = await arrived(body, caller=free)
    await upload.complete()
    await run_pending()
    assert (await call("media.getMedia", mediaId=upload.id)).media.status == "ready"


@pytest.mark.parametrize("name", ["media.deleteMedia", "media.cancelUpload"])
async def test_what_was_not_dropped_at_once_is_free_when_the_worker_has_dropped_it(
    arrived, call, run_pending, monkeypatch, name
):
    """A deletion leaves it to the worker, and so does a cancellation that storage does not answer in time."""
    monkeypatch.setattr(upload_procedures, "RELEASE_SECONDS", 0)
    upload = await arrived()
    await call(name, mediaId=upload.id)
    assert (await call("media.getStorageUsage")).reserved == SIZE
    await run_pending()
    assert (await call("media.getStorageUsage")).reserved == 0


async def test_a_part_that_is_on_its_way_when_its_upload_is_cancelled_comes_to_nothing(
    begin, call, objects, resources, database_url
):
    """Whatever storage answers its sender: nothing of it is there, and nothing is open."""
    upload = await begin()
    (part,) = await upload.sign(1)
    body, half = upload.bytes_of(1), asyncio.Event()

    async def slowly():
        yield body[: PART // 2]
        half.set()
        await asyncio.sleep(0.5)
        yield body[PART // 2 :]

    sending = asyncio.create_task(put_slowly(upload, part, slowly()))
    await half.wait()
    await call("media.cancelUpload", mediaId=upload.id)
    await sending
    assert await objects() == []
    assert await open_uploads(database_url, resources.store) == []
    assert (await call("media.getStorageUsage")).reserved == 0


async def put_slowly(upload, part, body) -> None:
    with contextlib.suppress(httpx.TransportError):
        await upload.client.put(part.upload_url, content=body, headers={**part.headers, "content-length": str(PART)})


async def rows_in_parts(resources) -> list[Any]:
    """The rows of uploads in parts, which go only when no upload is open at the store for them."""
    async with resources.db.pool.connection() as connection:
        found = await connection.execute("select id from media where transfer = 'parts'")
        rows: list[Any] = await found.fetchall()
    return rows


async def test_a_finished_upload_is_completed_without_its_client(arrived, resources, run_pending, call, after_the_url):
    """As soon as no URL is good any more, not only when the upload ends."""
    upload = await arrived()
    await sweep(resources.db, after_the_url)
    await run_pending(after_the_url)
    await run_pending()
    assert (await call("media.getMedia", mediaId=upload.id)).media.status == "ready"


async def test_an_unfinished_upload_waits_for_its_client_until_it_ends(
    begin, resources, run_pending, call, after_the_url
):
    """The sweep leaves it alone while it can be resumed, and then takes it away."""
    upload = await begin()
    await upload.send(1)
    await sweep(resources.db, after_the_url)
    await run_pending(after_the_url)
    assert (await upload.status()).missing_parts == [2, 3]

    ended = datetime.now(UTC) + DAY + timedelta(minutes=1)
    for _ in range(2):
        await sweep(resources.db, ended)
        await run_pending(ended)
        ended += timedelta(minutes=15)
    assert (await call("media.getStorageUsage")).reserved == 0
    assert await rows_in_parts(resources) == []
