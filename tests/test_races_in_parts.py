"""Everything at once: parts that arrive, completions, cancellations and sweeps, and a quota that all of them share."""

import asyncio
import hashlib
from collections import Counter
from collections.abc import AsyncIterator
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

import httpx
import pytest

from contracts.errors import RpcError
from jobs.job import JobContext
from jobs.purge import purge_media
from jobs.sweep import settle_media, sweep
from procedures import PROCEDURES
from rpc.content import Content
from rpc.dispatch import context_of, validate
from storage.calls import ObjectsRemain
from tests.at_once import at_once
from tests.callers import SERVICE
from tests.media_files import padded, photo, video
from tests.test_races import FREE, sample

pytestmark = pytest.mark.usefixtures("unhurried")

MIB = 1024**2
PHOTO = photo()
UPLOAD = {"filename": "a.jpg", "contentType": "image/jpeg", "size": len(PHOTO)}
TABLE = {procedure.name: procedure for procedure in PROCEDURES}
# What may become of a call about an upload that others complete, cancel and delete meanwhile.
OVERTAKEN = {"ok", "UploadCompleted", "UploadNotFound", "UploadExpired", "PartsMissing", "MediaNotFound"}


async def outcome(work: Any) -> str:
    """`ok`, or the name of the error."""
    try:
        await work
    except RpcError as refused:
        return type(refused).__name__
    return "ok"


@pytest.fixture
def bring(resources, ada):
    """Call a procedure with content, which arrives in pieces."""

    async def run(name: str, body: bytes, **params: Any) -> Any:
        async def pieces() -> AsyncIterator[bytes]:
            for start in range(0, len(body), MIB):
                yield body[start : start + MIB]
                await asyncio.sleep(0)

        told = validate(TABLE[name], params)
        context = context_of(resources, TABLE[name], told, caller=ada, request_id="req_test", now=datetime.now(UTC))
        return await TABLE[name].run(context, told, Content(pieces()))

    return run


@pytest.fixture
def cleared(resources, run_pending):
    """Let jobs and sweeps go on until long after every upload has ended."""

    async def clear() -> None:
        await run_pending()
        for days in (1, 2):
            later = datetime.now(UTC) + timedelta(days=days, minutes=20)
            await sweep(resources.db, later)
            for _ in range(2):
                await run_pending(later)

    return clear


@pytest.fixture
def signed(call):
    """Begin an upload of one part; its id and the part's URL."""

    async def begin() -> tuple[str, Any]:
        media_id = str((await call("media.initiateMultipartUpload", **UPLOAD)).media_id)
        (part,) = (await call("media.signParts", mediaId=media_id, partNumbers=[1])).parts
        return media_id, part

    return begin


async def test_whoever_comes_first_decides_and_nothing_is_left_of_the_rest(
    call, bring, client, resources, signed, cleared, objects, open_at_the_store
):
    """Twenty uploads, each sent, sent through the server, completed, cancelled and swept at the same moment."""
    uploads = await at_once(*(signed() for _ in range(20)))
    past = JobContext(db=resources.db, store=resources.store, now=datetime.now(UTC) + timedelta(minutes=17))

    async def put(part: Any) -> None:
        with suppress(httpx.TransportError):  # the store may hang up on what it refuses
            await client.put(part.upload_url, content=PHOTO, headers=part.headers)

    async def live(media_id: str, part: Any) -> list[str]:
        told = {"mediaId": media_id}
        return await at_once(
            outcome(put(part)),
            outcome(bring("media.uploadPart", PHOTO, **told, partNumber=1)),
            outcome(call("media.completeMultipartUpload", **told)),
            outcome(call("media.signParts", **told, partNumbers=[1])),
            outcome(call("media.cancelUpload", **told)),
            outcome(settle_media.run(past, UUID(media_id))),
            outcome(call("media.completeUpload", **told)),
        )

    answers = [name for told in await at_once(*(live(*upload) for upload in uploads)) for name in told]
    assert set(answers) <= OVERTAKEN
    await cleared()

    page = await call("media.listMedia", limit=100)
    usage = await call("media.getStorageUsage")
    assert {item.status for item in page.items} <= {"ready"}
    assert (usage.used, usage.reserved) == (len(page.items) * len(PHOTO), 0)
    assert len(await objects()) == len(page.items)
    assert await open_at_the_store() == []


async def test_a_part_whose_upload_ends_at_the_store_first_is_told_what_became_of_it(
    call, bring, resources, signed, monkeypatch
):
    """Assembled, but not completed yet: UploadCompleted. Lost by the store: it is begun anew, and the part is there."""
    store, ends = resources.store.multipart, list[Any]()
    write_part = store.write_part

    async def after_its_end(key: str, upload_id: str, *args: Any) -> None:
        if ends:
            await ends.pop()(key, upload_id)
        await write_part(key, upload_id, *args)

    async def assembled(key: str, upload_id: str) -> None:
        await store.assemble(key, upload_id, await store.parts(key, upload_id))

    monkeypatch.setattr(store, "write_part", after_its_end)
    media_id, _ = await signed()
    ends.append(store.abort)
    assert await outcome(bring("media.uploadPart", PHOTO, mediaId=media_id, partNumber=1)) == "ok"
    assert (await call("media.getUploadStatus", mediaId=media_id)).missing_parts == []
    ends.append(assembled)
    assert await outcome(bring("media.uploadPart", PHOTO, mediaId=media_id, partNumber=1)) == "UploadCompleted"
    assert (await call("media.completeUpload", mediaId=media_id)).media.status == "processing"


async def test_an_upload_that_was_extended_in_time_is_not_deleted(call, signed, resources, cleared, open_at_the_store):
    """At the end of thirty uploads a sweep and a signing meet: whoever was given a URL has an upload."""
    uploads = await at_once(*(signed() for _ in range(30)))
    end = datetime.now(UTC) + timedelta(days=1)
    ended = JobContext(db=resources.db, store=resources.store, now=end + timedelta(seconds=1))
    before = end - timedelta(minutes=1)

    async def meet(media_id: str, delay_seconds: float) -> tuple[str, str]:
        async def sign() -> None:
            await asyncio.sleep(delay_seconds)
            await call("media.signParts", now=before, mediaId=media_id, partNumbers=[1])

        told, _ = await at_once(outcome(sign()), outcome(settle_media.run(ended, UUID(media_id))))
        return told, await outcome(call("media.getUploadStatus", mediaId=media_id))

    met = await at_once(*(meet(media_id, number / 1000) for number, (media_id, _) in enumerate(uploads)))
    assert set(met) <= {("ok", "ok"), ("UploadExpired", "UploadNotFound"), ("UploadNotFound", "UploadNotFound")}
    await cleared()
    assert await open_at_the_store() == []


async def test_who_completes_what_is_taken_away_meanwhile_is_told_so(
    call, bring, client, resources, cleared, objects, open_at_the_store
):
    """Forty uploads, in parts and through the server, are purged at every moment of their completion, in turn."""
    await call("media.setPlan", caller=SERVICE, userId="ada", plan="pro")
    past = JobContext(db=resources.db, store=resources.store, now=datetime.now(UTC) + timedelta(minutes=17))
    body = padded(video(), 5 * MIB)
    facts = {"contentType": "video/mp4", "size": len(body), "sha256": hashlib.sha256(body).hexdigest()}

    async def purge(media_id: str, delay_seconds: float) -> None:
        await asyncio.sleep(delay_seconds)
        if await outcome(call("media.cancelUpload", mediaId=media_id)) == "ok":
            with suppress(ObjectsRemain):  # the job would come back
                await purge_media.run(past, UUID(media_id))

    async def in_parts(delay_seconds: float) -> str:
        media_id = str((await call("media.initiateMultipartUpload", filename="a.mp4", **facts)).media_id)
        (part,) = (await call("media.signParts", mediaId=media_id, partNumbers=[1])).parts
        (await client.put(part.upload_url, content=body, headers=part.headers)).raise_for_status()
        completing = outcome(call("media.completeMultipartUpload", mediaId=media_id))
        told, _ = await at_once(completing, purge(media_id, delay_seconds))
        return str(told)

    async def through_the_server(delay_seconds: float) -> str:
        uploading = asyncio.create_task(outcome(bring("media.upload", body, filename=str(delay_seconds), **facts)))
        while not uploading.done():
            pending = (await call("media.listMedia", status="pending", search=str(delay_seconds))).items
            if pending:
                await purge(str(pending[0].id), delay_seconds)
                break
        return await uploading

    for number in range(20):
        assert await in_parts(number / 400) in {"ok", "UploadNotFound"}
        assert await through_the_server(number / 400) in {"ok", "UploadExpired"}

    await cleared()
    assert len(await objects()) == len((await call("media.listMedia", limit=100)).items)
    assert await open_at_the_store() == []


async def test_uploads_of_every_kind_fit_to_the_byte(call, bring, database_url, cleared, objects, open_at_the_store):
    """Single, in parts and through the server, they share one quota: what fits is let in, and not one byte more."""
    size, samples = MIB, list[tuple[int, int]]()
    facts = {"filename": "a.mp4", "contentType": "video/mp4", "size": size}
    await call("media.initiateUpload", **{**facts, "size": FREE - 10 * size - 5})
    sampling = asyncio.create_task(sample(database_url, samples))

    def begin(number: int) -> Any:
        match number % 3:
            case 0:
                return call("media.initiateUpload", **facts)
            case 1:
                return call("media.initiateMultipartUpload", **facts)
        return bring("media.upload", padded(video(), size))

    told = Counter(await at_once(*(outcome(begin(number)) for number in range(60))))
    usage = await call("media.getStorageUsage")
    # What grows as it comes and no longer fits goes again.
    large = Counter(await at_once(*(outcome(bring("media.upload", padded(video(), 9 * MIB))) for _ in range(5))))
    sampling.cancel()
    await asyncio.wait([sampling])

    assert told == {"ok": 10, "StorageLimitExceeded": 50}
    assert usage.used + usage.reserved == FREE - 5
    assert large == {"StorageLimitExceeded": 5}
    assert max(total for total, _ in samples) == FREE - 5
    await cleared()
    left = await call("media.getStorageUsage")
    assert (left.used, left.reserved) == (usage.used, 0)
    assert (len(await objects()) * size, await open_at_the_store()) == (usage.used, [])


async def test_uploads_that_grow_never_pass_the_quota(call, bring, database_url, cleared, objects, open_at_the_store):
    """Six of 17 MiB of unknown size into 50: each part asks for its room, and those that get none leave nothing."""
    samples = list[tuple[int, int]]()
    sampling = asyncio.create_task(sample(database_url, samples))
    told = await at_once(*(outcome(bring("media.upload", padded(video(), 17 * MIB))) for _ in range(6)))
    sampling.cancel()
    await asyncio.wait([sampling])

    assert set(told) <= {"ok", "StorageLimitExceeded"}
    assert max(total for total, _ in samples) <= FREE
    await cleared()
    usage = await call("media.getStorageUsage")
    assert (usage.used, usage.reserved) == (told.count("ok") * 17 * MIB, 0)
    assert (len(await objects()), await open_at_the_store()) == (told.count("ok"), [])
