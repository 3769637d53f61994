"""Uploads in parts: begun, signed for again and again, resumed from anywhere, completed from what storage has."""

import asyncio
import hashlib
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from typing import Any

import httpx
import pytest

from contracts.errors import (
    DigestDiffers,
    FileTooLarge,
    IdempotencyKeyTaken,
    InvalidFileType,
    PartDiffers,
    PartsMissing,
    PartUnknown,
    StorageLimitExceeded,
    UploadCompleted,
    UploadExpired,
    UploadNotFound,
    ValidationFailed,
)
from contracts.media import Media
from contracts.multipart import MultipartTicket, SignedPart
from contracts.plans import Plan
from jobs.sweep import sweep
from procedures.media.multipart import part_bytes
from procedures.media.progress import eta_seconds
from storage.multipart import Part
from tests.at_once import at_once
from tests.media_files import HTML, padded, video

PART = 5 * 1024**2
SIZE = 2 * PART + 1000
WHOLE = padded(video(), SIZE)
DAY = timedelta(days=1)


@dataclass(frozen=True)
class Upload:
    """One upload in parts, and what its sender does."""

    ticket: MultipartTicket
    body: bytes
    call: Callable[..., Awaitable[Any]]
    client: httpx.AsyncClient

    @property
    def id(self) -> str:
        return str(self.ticket.media_id)

    def bytes_of(self, number: int) -> bytes:
        start = (number - 1) * self.ticket.part_size
        return self.body[start : start + self.ticket.part_size]

    async def sign(self, *numbers: int, **params: Any) -> list[SignedPart]:
        parts: list[SignedPart] = (
            await self.call("media.signParts", mediaId=self.id, partNumbers=list(numbers), **params)
        ).parts
        return parts

    async def put(self, part: SignedPart, body: bytes | None = None) -> httpx.Response:
        body = self.bytes_of(part.part_number) if body is None else body
        return await self.client.request(part.method, part.upload_url, content=body, headers=part.headers)

    async def is_refused(self, part: SignedPart, body: bytes) -> bool:
        """Whether storage does not take these bytes: it says so, or hangs up on them."""
        try:
            return (await self.put(part, body)).status_code in {400, 403, 404}
        except httpx.TransportError:
            return True

    async def send(self, *numbers: int) -> None:
        for part in await self.sign(*numbers):
            assert (await self.put(part)).status_code == 200

    async def complete(self, **params: Any) -> Media:
        media: Media = (await self.call("media.completeMultipartUpload", mediaId=self.id, **params)).media
        return media

    async def status(self) -> Any:
        return await self.call("media.getUploadStatus", mediaId=self.id)


@pytest.fixture
def ada(ada):
    """A user whose plan has room for videos."""
    return replace(ada, plan=Plan.PRO)


@pytest.fixture
def begin(call, client):
    """Begin an upload of these bytes in parts; nothing is sent."""

    async def initiate(body: bytes = WHOLE, **params: Any) -> Upload:
        told = {"filename": "walk.mp4", "contentType": "video/mp4", "size": len(body), "partSize": PART, **params}
        return Upload(await call("media.initiateMultipartUpload", **told), body, call, client)

    return initiate


@pytest.fixture
def arrived(begin):
    """An upload whose parts are all there."""

    async def arrive(body: bytes = WHOLE, **params: Any) -> Upload:
        upload: Upload = await begin(body, **params)
        await upload.send(*range(1, upload.ticket.total_parts + 1))
        return upload

    return arrive


async def test_a_file_arrives_in_parts(begin, call, client):
    """The ticket names equal parts, storage takes them by their URLs, and what is downloaded is what was sent."""
    upload = await begin()
    assert (upload.ticket.part_size, upload.ticket.total_parts) == (PART, 3)
    assert upload.ticket.upload_id == upload.ticket.media_id

    parts = await upload.sign(1, 2, 3)
    assert [(part.part_number, part.size, part.method) for part in parts] == [
        (1, PART, "PUT"), (2, PART, "PUT"), (3, 1000, "PUT"),
    ]  # fmt: skip
    for part in parts:
        assert (await upload.put(part)).status_code == 200
    media = await upload.complete()

    assert (media.status, media.size, media.mime_type) == ("processing", SIZE, "video/mp4")
    url = (await call("media.getDownloadUrl", mediaId=upload.id)).url
    assert hashlib.sha256((await client.get(url)).content).digest() == hashlib.sha256(WHOLE).digest()


@pytest.mark.parametrize(
    ("size", "wish", "chosen"),
    [
        (1, None, 8 * 1024**2),
        (500 * 1024**2, None, 8 * 1024**2),
        (500 * 1024**2, 64 * 1024**2, 64 * 1024**2),
        (100_000 * 1024**2, None, 10 * 1024**2),
        (100_000 * 1024**2 + 1, None, 11 * 1024**2),
        (100_000 * 1024**2, 5 * 1024**2, 10 * 1024**2),
    ],
)
def test_parts_are_as_large_as_ten_thousand_of_them_need(size, wish, chosen):
    """8 MiB or what is asked for, and whole mebibytes more where S3's number of parts would not do."""
    assert part_bytes(size, wish) == chosen
    assert -(-size // chosen) <= 10_000


async def test_parts_come_in_any_order_and_by_fresh_urls(begin):
    """The last one first, the first one by a URL that was signed a second time."""
    upload = await begin()
    (first,) = await upload.sign(1)
    (last,) = await upload.sign(3)
    (again,) = await upload.sign(1)
    (middle,) = await upload.sign(2)
    for part in (again, middle, last):
        assert (await upload.put(part)).status_code == 200
    assert first.part_number == again.part_number == 1
    assert (await upload.complete()).size == SIZE


async def test_a_part_has_its_exact_length(begin):
    """The URL of a part takes neither one byte less nor one more."""
    upload = await begin()
    (part,) = await upload.sign(1)
    for body in (upload.bytes_of(1)[:-1], upload.bytes_of(1) + b"x"):
        assert await upload.is_refused(part, body)
    assert (await upload.status()).missing_parts == [1, 2, 3]


async def test_a_status_tells_what_is_missing(begin):
    """Bytes, percent, parts, the next one, and when the upload ends."""
    upload = await begin()
    untouched = await upload.status()
    assert (untouched.uploaded_bytes, untouched.progress, untouched.missing_parts) == (0, 0.0, [1, 2, 3])

    await upload.send(1, 2)
    status = await upload.status()
    assert status.status == "pending"
    assert (status.filename, status.content_type) == ("walk.mp4", "video/mp4")
    assert (status.uploaded_bytes, status.total_bytes) == (2 * PART, SIZE)
    assert status.progress == 99.99
    assert [(part.part_number, part.size) for part in status.parts] == [(1, PART), (2, PART)]
    assert (status.missing_parts, status.next_part, status.total_parts, status.part_size) == ([3], 3, 3, PART)
    assert status.expires_at > datetime.now(UTC) + DAY - timedelta(minutes=1)

    await upload.send(3)
    await upload.complete()
    done = await upload.status()
    assert (done.status, done.progress, done.missing_parts, done.next_part) == ("processing", 100.0, [], None)
    assert done.eta_seconds == 0


async def test_a_list_tells_what_a_status_has_found(begin, call):
    """A list does not ask storage; what somebody has seen there is in it, and in the log."""
    upload = await begin()
    await upload.send(1)
    await upload.status()
    await upload.status()

    assert [item.uploaded_bytes for item in (await call("media.listUploads")).items] == [PART]
    events = (await call("media.pollEvents", since="0", waitSeconds=0)).events
    assert [(event.type, event.data.uploaded_bytes) for event in events] == [
        ("upload.started", None),
        ("upload.progress", PART),
    ]


@pytest.mark.parametrize(
    ("seconds_ago", "eta"),
    [
        ([30, 20, 10], 40),  # two parts in twenty seconds, and four are left
        ([50, 40, 10], 80),  # two in forty
        ([500, 400, 10], None),  # one of the last minute shows no rate
        ([500, 80, 70], None),  # nothing comes any more
        ([10, 10], None),  # at once
        ([10], None),
        ([], None),
    ],
)
def test_the_rest_takes_as_long_as_the_last_minute_tells(seconds_ago, eta):
    """The first of the parts only starts the clock."""
    now = datetime.now(UTC)
    parts = [
        Part(number, PART, f"etag {number}", now - timedelta(seconds=ago))
        for number, ago in enumerate(seconds_ago, start=1)
    ]
    assert eta_seconds(parts, 4 * PART, now) == eta


async def test_a_status_tells_of_one_put(pending_upload, arrived_upload, call):
    """An upload by one PUT is there or it is not."""
    pending, arrived = await pending_upload(), await arrived_upload()
    told = [await call("media.getUploadStatus", mediaId=str(ticket.media_id)) for ticket in (pending, arrived)]
    assert [(status.progress, status.total_parts, status.parts) for status in told] == [
        (0.0, None, []),
        (100.0, None, []),
    ]


async def test_unfinished_uploads_are_listed(begin, pending_upload, completed_media, call, ada):
    """Newest first, by pages; what is finished, cancelled or another's is not among them."""
    in_parts, by_put = await begin(), await pending_upload()
    await completed_media()
    cancelled = await begin()
    await call("media.cancelUpload", mediaId=cancelled.id)

    page = await call("media.listUploads")
    assert [upload.media_id for upload in page.items] == [by_put.media_id, in_parts.ticket.media_id]
    assert [(upload.total_parts, upload.part_size) for upload in page.items] == [(None, None), (3, PART)]
    assert page.next_cursor is None

    first = await call("media.listUploads", limit=1)
    rest = await call("media.listUploads", limit=1, cursor=str(first.next_cursor))
    assert [first.items[0].media_id, rest.items[0].media_id] == [by_put.media_id, in_parts.ticket.media_id]
    assert (await call("media.listUploads", caller=replace(ada, id="ben"))).items == []


async def test_anybody_of_the_owner_resumes_after_every_url_has_expired(begin, call, ada):
    """Hours later what is there stays, what is missing is signed anew, and the end is put off by a day."""
    upload = await begin()
    await upload.send(1)
    later = datetime.now(UTC) + timedelta(hours=23)

    (found,) = (await call("media.listUploads", now=later)).items
    status = await call("media.getUploadStatus", mediaId=str(found.media_id), now=later)
    assert status.missing_parts == [2, 3]
    await call("media.signParts", mediaId=upload.id, partNumbers=status.missing_parts, now=later)
    status = await call("media.getUploadStatus", mediaId=upload.id, now=later)
    assert abs(status.expires_at - (later + DAY)) < timedelta(milliseconds=1)

    await upload.send(2, 3)
    assert (await upload.complete()).status == "processing"


async def test_an_upload_ends_a_day_after_the_last_signing(begin, call):
    """Then nothing is signed any more."""
    upload = await begin()
    with pytest.raises(UploadExpired):
        await call("media.signParts", mediaId=upload.id, partNumbers=[1], now=datetime.now(UTC) + DAY)


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


@pytest.mark.parametrize("numbers", [[0], [-1], [10_001], [1, 1], [], ["1"], [1.5], [None], list(range(1, 10_002))])
async def test_part_numbers_that_are_none_are_refused(begin, numbers):
    """From 1 to 10,000, whole, each once."""
    upload = await begin()
    with pytest.raises(ValidationFailed):
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


async def test_a_part_that_is_sent_again_late_changes_nothing(arrived, served):
    """Neither between assembling and completion, nor after it, by a URL that is still good."""
    upload = await arrived()
    parts = await upload.sign(1, 3)
    media = await upload.complete()
    for part in parts:
        assert await upload.is_refused(part, b"x" * part.size)
    assert await served(media) == WHOLE


@pytest.fixture
def served(original):
    async def fetch(media: Media) -> bytes:
        body: bytes = await original(media.id)
        return body

    return fetch


async def test_a_lost_answer_of_the_assembling_is_found_out(arrived, resources, served):
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
    assert await served(await upload.complete()) == WHOLE


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
    """The first bytes decide; the object goes, and the same call says the same again."""
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


async def test_progress_is_told_to_those_who_wait(begin, call):
    """A long poll ends when parts have arrived, though they came by storage alone."""
    upload = await begin()
    started = await call("media.pollEvents", waitSeconds=0)
    assert [event.type for event in started.events] == ["upload.started"]

    waiting = asyncio.create_task(call("media.pollEvents", mediaId=upload.id, since=started.last_event_id))
    await upload.send(1, 2)
    told = await waiting
    (event,) = told.events[-1:]
    assert (event.type, event.data.size) == ("upload.progress", SIZE)
    assert event.data.uploaded_bytes in {PART, 2 * PART}


async def test_a_poll_without_events_ends_in_time(call):
    """It answers none, and the id that the next one goes on from."""
    polled = await call("media.pollEvents", since="41", waitSeconds=1)
    assert (polled.events, polled.last_event_id) == ([], "41")
