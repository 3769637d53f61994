"""Bytes through the server: stored as they arrive, reserved as they do, and nothing is left of what breaks off."""

import asyncio
import hashlib
import json
from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from contracts.errors import (
    DigestDiffers,
    FileTooLarge,
    IdempotencyKeyTaken,
    InvalidFileType,
    RateLimitExceeded,
    SizeDiffers,
    StorageLimitExceeded,
    UploadExpired,
    UploadNotFound,
    UploadPending,
    ValidationFailed,
)
from contracts.media import Media
from contracts.plans import Plan
from jobs.sweep import sweep
from rpc.content import ContentBrokenOff
from rpc.limits import RateLimits
from tests.media_files import HTML, padded, photo, video
from tests.pieces import CLIP, MIB, broken_off, pieces


@pytest.mark.parametrize("size", [2241, 8 * MIB, 8 * MIB + 1, len(CLIP)])
async def test_what_is_stored_is_what_was_sent(upload, original, size):
    """In one piece or in several parts; the type is that of the bytes, and so is the name without another."""
    body = CLIP[:size]
    media = await upload(body)
    assert (media.status, media.size, media.mime_type, media.filename) == (
        "processing",
        size,
        "video/mp4",
        "upload.mp4",
    )
    assert await original(media.id) == body


@pytest.mark.parametrize("size", [2241, len(CLIP)], ids=["in one piece", "in parts"])
async def test_deleted_bytes_can_be_used_again_a_minute_after_they_came(upload, call, resources, run_pending, size):
    """Nobody has a URL that could bring more; what the server itself has sent is in storage by then."""
    media = await upload(CLIP[:size])
    await call("media.deleteMedia", mediaId=str(media.id))
    await run_pending()
    assert (await call("media.getStorageUsage")).reserved == size

    a_minute_later = datetime.now(UTC) + timedelta(seconds=61)
    await sweep(resources.db, a_minute_later)
    await run_pending(a_minute_later)
    assert (await call("media.getStorageUsage")).reserved == 0


async def test_an_image_has_its_dimensions_and_its_own_name(upload):
    """The file's name, unless the input names another."""
    media = await upload(photo(), told={"filename": "Göteborg.jpg", "content_type": "image/jpeg; charset=binary"})
    assert (media.width, media.height, media.filename) == (64, 48, "Göteborg.jpg")
    assert (await upload(photo(), filename="b.jpg", told={"filename": "a.jpg"})).filename == "b.jpg"


async def test_declared_facts_are_held_to(upload, cleaned, call):
    """Size and digest, when they are declared; whatever differs leaves nothing."""
    right = {"size": len(CLIP), "sha256": hashlib.sha256(CLIP).hexdigest(), "contentType": "video/mp4"}
    kept = await upload(CLIP, **right)
    for wrong, error in (
        ({"size": len(CLIP) - 1}, SizeDiffers),
        ({"size": len(CLIP) + 1}, SizeDiffers),
        ({"sha256": "0" * 64}, DigestDiffers),
        ({"contentType": "video/webm"}, InvalidFileType),
        ({"contentType": "image/jpeg"}, FileTooLarge),
    ):
        with pytest.raises(error):
            await upload(CLIP, **{**right, **wrong})
    assert len(await cleaned()) == 1
    usage = await call("media.getStorageUsage")
    assert (usage.used, usage.reserved) == (kept.size, 0)


async def test_what_is_more_than_declared_is_not_read(upload, cleaned):
    """Refused at the first part that goes beyond, however much would follow."""
    read = list[int]()

    async def counted() -> AsyncIterator[bytes]:
        async for piece in pieces(CLIP, of=MIB):
            read.append(len(piece))
            yield piece

    for size, most in ((MIB, 10 * MIB), (9 * MIB, 18 * MIB)):
        read.clear()
        with pytest.raises(SizeDiffers):
            await upload(counted(), filename="a.mp4", size=size)
        assert sum(read) <= most
    assert await cleaned() == []


@pytest.mark.parametrize("body", [HTML, b"x", b"\0" * 9 * MIB], ids=["html", "one byte", "zeroes"])
async def test_bytes_of_no_accepted_type_are_refused(upload, objects, call, body):
    """As soon as the first part has come; nothing is reserved or stored."""
    with pytest.raises(InvalidFileType):
        await upload(body, filename="a.jpg")
    assert await objects() == []
    assert (await call("media.getStorageUsage")).reserved == 0


async def test_no_bytes_are_no_file(upload):
    with pytest.raises(ValidationFailed, match="The file is empty"):
        await upload(b"")


async def test_a_name_that_is_none_is_refused(upload):
    """The file's own name is checked like the input's."""
    for name in ("../a.jpg", "a/b.jpg", "x" * 256, "a\nb.jpg"):
        with pytest.raises(ValidationFailed):
            await upload(photo(), told={"filename": name})


async def test_the_quota_holds_while_bytes_arrive(upload, cleaned, call, ada):
    """Without a declared size the refusal comes with the part that is too much, and everything goes."""
    free = replace(ada, plan=Plan.FREE)
    read = 0

    async def endless() -> AsyncIterator[bytes]:
        nonlocal read
        yield padded(video(), MIB)
        while True:
            read += 1
            yield b"\0" * MIB

    with pytest.raises(StorageLimitExceeded):
        await upload(endless(), caller=free)
    assert read < 60
    assert await cleaned() == []
    assert (await call("media.getStorageUsage", caller=free)).reserved == 0


async def test_a_declared_size_over_the_quota_is_refused_before_anything_is_read(upload, ada):
    """So is a size over the ceiling of its type."""
    unread = broken_off(b"")
    with pytest.raises(StorageLimitExceeded):
        await upload(unread, size=51 * MIB, caller=replace(ada, plan=Plan.FREE))
    with pytest.raises(FileTooLarge):
        await upload(unread, size=501 * MIB, contentType="video/mp4")


async def test_an_image_has_the_ceiling_of_images(upload, cleaned):
    """Found out while it arrives."""
    with pytest.raises(FileTooLarge):
        await upload(padded(photo(), 10 * MIB + 1))
    assert await cleaned() == []
    assert (await upload(padded(photo(), 10 * MIB))).size == 10 * MIB


@pytest.mark.parametrize("size", [1, 8 * MIB, 8 * MIB + 1, 17 * MIB])
async def test_what_breaks_off_leaves_nothing(upload, cleaned, call, size):
    """Wherever the client leaves: no object, no open upload, no row, no byte of the quota."""
    with pytest.raises(ContentBrokenOff):
        await upload(broken_off(CLIP[:size]))
    assert await cleaned() == []
    assert (await call("media.getStorageUsage")).reserved == 0
    assert (await call("media.listMedia", status="pending")).items == []


async def test_a_call_that_is_cancelled_leaves_nothing(upload, cleaned, call):
    """As when the process is told to stop."""
    stored = asyncio.Event()

    async def stuck() -> AsyncIterator[bytes]:
        for start in range(0, 17 * MIB, MIB):
            yield CLIP[start : start + MIB]
        stored.set()
        await asyncio.sleep(3600)

    task = asyncio.create_task(upload(stuck()))
    await stored.wait()
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert await cleaned() == []
    assert (await call("media.getStorageUsage")).reserved == 0


async def test_what_a_dead_process_left_is_never_taken_for_whole(resources, upload, call, cleaned):
    """Parts that storage has of an upload whose server died are cleared, however complete they look."""
    begun = asyncio.Event()

    async def stuck() -> AsyncIterator[bytes]:
        yield CLIP[: 17 * MIB]
        begun.set()
        await asyncio.sleep(3600)

    task = asyncio.create_task(upload(stuck()))
    await begun.wait()
    (row,) = (await call("media.listMedia", status="pending")).items
    with pytest.raises(UploadNotFound):
        await call("media.completeUpload", mediaId=str(row.id))
    assert (await call("media.listUploads")).items == []

    await sweep(resources.db, datetime.now(UTC) + timedelta(minutes=31))
    assert await cleaned() == []
    task.cancel()
    with pytest.raises((asyncio.CancelledError, UploadExpired)):
        await task


async def test_a_cancelled_upload_ends(upload, call, cleaned):
    """media.cancelUpload stops what is still arriving."""

    async def slow() -> AsyncIterator[bytes]:
        for start in range(0, 17 * MIB, MIB):
            yield CLIP[start : start + MIB]
        (pending,) = (await call("media.listMedia", status="pending")).items
        await call("media.cancelUpload", mediaId=str(pending.id))
        yield CLIP[17 * MIB :]

    with pytest.raises(UploadExpired):
        await upload(slow())
    assert await cleaned() == []


async def test_what_comes_after_everything_was_taken_away_is_taken_away_too(
    upload, call, resources, run_pending, objects, open_at_the_store
):
    """Cancelled, swept and forgotten while its client was silent, it stores no part that nobody would look for."""

    async def slow() -> AsyncIterator[bytes]:
        yield CLIP[: 8 * MIB]
        (pending,) = (await call("media.listMedia", status="pending")).items
        await call("media.cancelUpload", mediaId=str(pending.id))
        later = datetime.now(UTC) + timedelta(minutes=31)
        await run_pending(later)
        await sweep(resources.db, later)
        await run_pending(later)
        assert (await call("media.getStorageUsage")).reserved == 0
        yield CLIP[8 * MIB :]

    with pytest.raises(UploadExpired):
        await upload(slow())
    assert (await objects(), await open_at_the_store()) == ([], [])


async def test_a_key_names_nothing_once_its_upload_has_broken_off(upload, cleaned):
    """The same call begins anew at once, and so does one whose bytes were refused."""
    with pytest.raises(ContentBrokenOff):
        await upload(broken_off(CLIP[: 9 * MIB]), filename="a.mp4", idempotencyKey="k")
    with pytest.raises(DigestDiffers):
        await upload(CLIP, filename="a.mp4", idempotencyKey="k", sha256="0" * 64)
    media = await upload(CLIP, filename="a.mp4", idempotencyKey="k")
    assert (await upload(CLIP, filename="a.mp4", idempotencyKey="k")).id == media.id
    assert len(await cleaned()) == 1


async def test_a_key_makes_a_repetition_safe(upload, cleaned):
    """The same key finds the media of the first call; another name is another input."""
    first = await upload(CLIP, filename="a.mp4", idempotencyKey="k")
    again = await upload(CLIP, filename="a.mp4", idempotencyKey="k")
    assert again.id == first.id
    with pytest.raises(IdempotencyKeyTaken):
        await upload(CLIP, filename="b.mp4", idempotencyKey="k")
    assert len(await cleaned()) == 1


async def test_a_key_is_not_good_for_a_file_of_another_size(upload, cleaned):
    """Declared or counted, as far as the size is known before everything has come."""
    await upload(photo(), filename="a.jpg", idempotencyKey="k")
    await upload(CLIP, filename="a.mp4", idempotencyKey="l")
    larger = photo() + b"more"
    for body, told in (
        (larger, {"filename": "a.jpg", "idempotencyKey": "k"}),
        (larger, {"filename": "a.jpg", "idempotencyKey": "k", "size": len(larger)}),
        (CLIP[:-1], {"filename": "a.mp4", "idempotencyKey": "l", "size": len(CLIP) - 1}),
        (CLIP[:MIB], {"filename": "a.mp4", "idempotencyKey": "l"}),
    ):
        with pytest.raises(IdempotencyKeyTaken):
            await upload(body, **told)
    assert len(await cleaned()) == 2


async def test_a_key_whose_upload_is_under_way_says_so(upload, call):
    """Of two at once one is stored; the other is told, or finds the finished one."""
    outcomes = await asyncio.gather(
        *(upload(CLIP, filename="a.mp4", idempotencyKey="k") for _ in range(2)), return_exceptions=True
    )
    stored = [outcome.id for outcome in outcomes if isinstance(outcome, Media)]
    assert len(set(stored)) == 1
    assert all(isinstance(outcome, Media | UploadPending) for outcome in outcomes)
    assert len((await call("media.listMedia")).items) == 1


async def test_uploads_at_once_never_pass_the_quota(upload, call, ada):
    """Twelve of 7 MiB into 50: seven at most, and not a byte more than fits."""
    free = replace(ada, plan=Plan.FREE)
    body = padded(video(), 7 * MIB)
    outcomes = await asyncio.gather(*(upload(body, caller=free) for _ in range(12)), return_exceptions=True)
    stored = [outcome for outcome in outcomes if isinstance(outcome, Media)]
    assert len(stored) == 7
    assert all(isinstance(outcome, Media | StorageLimitExceeded) for outcome in outcomes)
    assert (await call("media.getStorageUsage", caller=free)).used == 49 * MIB


class TestWithLimits:
    """Where callers are limited."""

    @pytest.fixture
    def settings(self, settings):
        return replace(settings, rate_limits=RateLimits.parse("media.upload=1/60"))

    async def test_a_call_too_many_reads_nothing(self, upload):
        """It is counted before the content is looked at, and once."""
        await upload(photo())
        with pytest.raises(RateLimitExceeded):
            await upload(broken_off(b""))


async def test_it_is_called_with_forms_and_with_bytes(http, bearer):
    """multipart/form-data with the file last, or application/octet-stream with the input in the URL."""
    form = await http.post(
        "/rpc/media.upload",
        data={"purpose": "profile", "size": str(len(photo()))},
        files={"file": ("a.jpg", photo(), "image/jpeg")},
        headers=bearer(),
    )
    media = form.json()["result"]["data"]["media"]
    assert (media["filename"], media["status"], media["size"]) == ("a.jpg", "processing", len(photo()))

    told = json.dumps({"filename": "b.jpg"})
    raw = await http.post(
        "/rpc/media.upload",
        params={"input": told},
        content=photo(),
        headers={**bearer(), "content-type": "application/octet-stream"},
    )
    assert raw.json()["result"]["data"]["media"]["filename"] == "b.jpg"

    refused = await http.post("/rpc/media.upload", files={"file": ("a.html", HTML)}, headers=bearer())
    assert (refused.status_code, refused.json()["error"]["data"]["rpcCode"]) == (415, 1601)
