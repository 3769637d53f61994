"""Completed from what storage has, once and for good."""

import hashlib

import httpx
import pytest

from contracts.errors import (
    DigestDiffers,
    InvalidFileType,
    PartDiffers,
    PartsMissing,
    PartUnknown,
    UploadCompleted,
    UploadNotFound,
    ValidationFailed,
)
from tests.at_once import at_once
from tests.in_parts.uploads import PART, SIZE, WHOLE
from tests.media_files import HTML, padded, video


async def test_holes_are_named(begin):
    """Completing tells the parts that are missing, and leaves the upload as it is."""
    upload = await begin()
    with pytest.raises(PartsMissing) as nothing:
        await upload.complete()
    assert nothing.value.missing_parts == [1, 2, 3]

    await upload.send(1, 3)
    with pytest.raises(PartsMissing) as refused:
        await upload.complete()
    assert (refused.value.media_id, refused.value.missing_parts) == (upload.id, [2])
    await upload.send(2)
    assert (await upload.complete()).status == "processing"


async def test_what_is_said_of_parts_must_be_so(arrived, begin):
    """Sizes and ETags are checked where they are given, and needed nowhere."""
    upload = await arrived()
    other = await arrived(padded(video(), SIZE + 1))
    etags = {part.part_number: (await upload.put(part)).headers["etag"] for part in await upload.sign(1)}

    with pytest.raises(PartDiffers) as short:
        await upload.complete(parts=[{"partNumber": 2, "size": PART - 1}])
    assert (short.value.part_number, short.value.declared, short.value.actual) == (2, PART - 1, PART)
    with pytest.raises(PartDiffers) as foreign:
        await upload.complete(parts=[{"partNumber": 1, "etag": '"0123456789abcdef0123456789abcdef"'}])
    assert foreign.value.part_number == 1
    with pytest.raises(PartUnknown):
        await upload.complete(parts=[{"partNumber": 4}])
    with pytest.raises(ValidationFailed):
        await upload.complete(parts=[{"partNumber": 1}, {"partNumber": 1}])

    said = [{"partNumber": 1, "etag": etags[1], "size": PART}, {"partNumber": 3, "size": 1000}]
    assert (await upload.complete(parts=said)).status == "processing"
    assert (await other.complete()).size == SIZE + 1


async def test_part_numbers_that_are_none_are_refused(subtests, begin):
    """From 1 to 10,000, whole, each once."""
    upload = await begin()
    for numbers in ([0], [-1], [10_001], [1, 1], [], ["1"], [1.5], [None], list(range(1, 10_002))):
        with subtests.test(numbers=numbers), pytest.raises(ValidationFailed):
            await upload.sign(*numbers)


async def test_a_part_that_the_upload_does_not_have_is_refused(begin, pending_upload, call):
    """It says how many there are; an upload by one PUT is no upload in parts."""
    upload = await begin()
    with pytest.raises(PartUnknown) as unknown:
        await upload.sign(1, 4)
    assert (unknown.value.part_number, unknown.value.total_parts) == (4, 3)
    by_put = await pending_upload()
    with pytest.raises(UploadNotFound):
        await call("media.signParts", mediaId=str(by_put.media_id), partNumbers=[1])


async def test_completed_is_completed(arrived, call):
    """Twice and fifty times at once are the same answer, by either name; nothing is signed any more."""
    upload = await arrived()
    answers = await at_once(*(upload.complete() for _ in range(50)))
    answers.append((await call("media.completeUpload", mediaId=upload.id)).media)
    assert {(media.id, media.status, media.updated_at) for media in answers} == {
        (upload.ticket.media_id, "processing", answers[0].updated_at)
    }
    with pytest.raises(UploadCompleted):
        await upload.sign(1)


async def test_a_part_that_is_sent_again_late_changes_nothing(arrived, original):
    """Neither between assembling and completion, nor after it, by a URL that is still good."""
    upload = await arrived()
    parts = await upload.sign(1, 3)
    media = await upload.complete()
    for part in parts:
        assert await upload.is_refused(part, b"x" * part.size)
    assert await original(media.id) == WHOLE


async def test_a_lost_answer_of_the_assembling_is_found_out(arrived, resources, original):
    """The store has assembled and said so to nobody: the object says it, and the upload completes."""
    upload = await arrived()
    async with resources.db.pool.connection() as connection:
        row = await (
            await connection.execute("select staging_key, multipart_id from media where id = %s", [upload.id])
        ).fetchone()
    assert row
    multipart = resources.store.multipart
    await multipart.assemble(row[0], row[1], await multipart.parts(row[0], row[1]))

    status = await upload.status()
    assert (status.progress, status.missing_parts) == (100.0, [])
    with pytest.raises(UploadCompleted):
        await upload.sign(1)
    assert await original((await upload.complete()).id) == WHOLE


async def test_an_upload_that_the_store_has_lost_begins_anew(begin, resources, call):
    """Aborted behind the server's back: nothing is there, everything is signed again, and it completes."""
    upload = await begin()
    await upload.send(1)
    async with resources.db.pool.connection() as connection:
        row = await (
            await connection.execute("select staging_key, multipart_id from media where id = %s", [upload.id])
        ).fetchone()
    assert row
    await resources.store.multipart.abort(row[0], row[1])

    with pytest.raises(PartsMissing):
        await upload.complete()
    assert (await upload.status()).missing_parts == [1, 2, 3]
    await upload.send(1, 2, 3)
    assert (await upload.complete()).size == SIZE


async def test_one_upload_at_the_store_is_begun_by_many_at_once(begin, resources):
    """Twenty signings at once begin it; one is kept, the others are aborted, and every URL is of the one."""
    upload = await begin()
    signed = await at_once(*(upload.sign(1) for _ in range(20)))
    begun = {httpx.URL(part.upload_url).params["uploadId"] for (part,) in signed}
    assert len(begun) == 1


async def test_a_wrong_type_is_refused_for_good(arrived, run_pending, objects):
    """The bytes decide; the object goes, and the same call says the same again."""
    upload = await arrived(padded(HTML, SIZE))
    for _ in range(2):
        with pytest.raises(InvalidFileType):
            await upload.complete()
    await run_pending()
    assert await objects() == []


async def test_a_wrong_digest_is_refused_for_good(arrived, run_pending, objects):
    """Parts that are one object cannot be mended."""
    upload = await arrived(sha256="0" * 64)
    for _ in range(2):
        with pytest.raises(DigestDiffers):
            await upload.complete()
    await run_pending()
    assert await objects() == []
    right = await arrived(sha256=hashlib.sha256(WHOLE).hexdigest())
    assert (await right.complete()).status == "processing"
