"""What uploads in parts weigh, and how they end without their client."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from contracts.errors import (
    FileTooLarge,
    IdempotencyKeyTaken,
    StorageLimitExceeded,
    UploadNotFound,
)
from contracts.plans import Plan
from jobs.sweep import sweep
from tests.at_once import at_once
from tests.in_parts.uploads import DAY, PART, SIZE


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
    """Its parts are aborted, and late ones find no upload; its bytes are free once no URL is good any more."""
    upload = await begin()
    (first, second) = await upload.sign(1, 2)
    await upload.put(first)
    await call("media.cancelUpload", mediaId=upload.id)
    await run_pending()
    assert await upload.is_refused(second, upload.bytes_of(2))
    with pytest.raises(UploadNotFound):
        await upload.status()

    await sweep(resources.db, after_the_url)
    await run_pending(after_the_url)
    assert (await objects(), (await call("media.getStorageUsage")).reserved) == ([], 0)
    assert await rows_in_parts(resources) == []


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
