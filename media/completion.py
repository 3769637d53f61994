"""How an upload becomes a media, whether its client says so or the sweeper finds it.

The signed URL of a PUT writes to the staging key and stays valid after completion, so nothing that is verified there
would stay verified. The staged object is therefore copied first, to a key that nobody was ever given and that no other
attempt shares; what is checked is the copy. Parts are assembled at such a key. Verified bytes and served bytes are the
same object.
"""

import asyncio
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime

from contracts.errors import DigestDiffers, InvalidFileType, SizeDiffers, UploadIncomplete
from contracts.formats import FORMATS, MediaType
from contracts.sizes import MIB
from contracts.wire import iso_milliseconds
from media.parts import assemble
from media.queue import PURGE_MEDIA, enqueue
from media.turns import enqueue_processing
from processing.detect import WINDOW_BYTES, sniff
from processing.image.dimensions import dimensions
from sql.database import Database, Transaction
from sql.rows import MediaRow, Transfer
from storage.bucket import ObjectChanged, ObjectMissing
from storage.keys import original_key
from storage.s3 import ObjectStore

# An image's header is nearly always in the first 64 KiB; large colour profiles push it further down.
HEADER_BYTES = (64 * 1024, MIB)  # what stands behind that is for the worker to find
COPIES = 3


@dataclass(frozen=True, slots=True)
class Published:
    """Verified bytes at their write-once key, the type that they are of, and the pixels of an image as displayed."""

    key: str
    detected_type: str
    width: int | None
    height: int | None


async def publish_upload(db: Database, store: ObjectStore, upload: MediaRow, now: datetime) -> MediaRow | None:
    """Publish a pending upload, then state, event and job in one transaction; None when it was pending no more.

    Raises UploadIncomplete, PartsMissing, PartDiffers, SizeDiffers and DigestDiffers, which leave it pending, and
    InvalidFileType, which deletes it; so do the last two when its parts are an object already. Dying in between leaves
    at most a copy that the next attempt does not use and the sweeper removes.
    """
    by_put = upload.transfer == Transfer.PUT
    try:
        published = await (publish_put(store, upload) if by_put else _assembled(store, upload))
    except InvalidFileType as mismatch:
        await refuse_upload(db, upload, now, code=mismatch.code.name, reason=mismatch.reason)
        raise
    except (SizeDiffers, DigestDiffers) as mismatch:
        if not by_put:
            await refuse_upload(db, upload, now, code=mismatch.code.name, reason=mismatch.message)
        raise
    async with db.transaction() as tx:
        media = await tx.one(
            MediaRow,
            "complete_upload",
            id=upload.id,
            original_key=published.key,
            detected_type=published.detected_type,
            width=published.width,
            height=published.height,
            now=now,
        )
        if media is not None:
            await enqueue_processing(tx, media)
    if media is None and by_put:
        await store.remove([published.key])
    return media


async def refuse_upload(
    db: Database, upload: MediaRow, now: datetime, *, code: str | None = None, reason: str | None = None
) -> MediaRow | None:
    """Soft-delete a pending upload, with the reason if there is one; None when it was pending no more."""
    async with db.transaction() as tx:
        deleted = await tx.one(MediaRow, "refuse_upload", id=upload.id, now=now, error_code=code, error_reason=reason)
        return await _leave_tombstone(tx, deleted)


async def soft_delete_ended_upload(db: Database, upload: MediaRow, now: datetime) -> MediaRow | None:
    """Soft-delete a pending upload that has ended; None when it was extended meanwhile, or is pending no more."""
    async with db.transaction() as tx:
        return await _leave_tombstone(tx, await tx.one(MediaRow, "soft_delete_ended_upload", id=upload.id, now=now))


async def _leave_tombstone(tx: Transaction, deleted: MediaRow | None) -> MediaRow | None:
    """Have everything of a deleted upload taken away.

    What came through the server cannot be gone on with: its idempotency key is free, so that the same call begins anew.
    """
    if deleted is None:
        return None
    await enqueue(tx, PURGE_MEDIA, deleted.id)
    if deleted.transfer == Transfer.CONTENT:
        await tx.run("free_idempotency_key", id=deleted.id)
    return deleted


async def publish_put(store: ObjectStore, upload: MediaRow) -> Published:
    """Copy the staged bytes to a write-once key and verify them there; a copy that fails is removed again."""
    try:
        key = await _copy(store, upload)
        try:
            return await _verify(store, upload, key)
        except (SizeDiffers, InvalidFileType, DigestDiffers):
            await store.remove([key])
            raise
    except ObjectMissing:
        # Never sent; or sent and completed by another call, whose job cleans up.
        raise _incomplete(upload) from None


async def _assembled(store: ObjectStore, upload: MediaRow) -> Published:
    """Make one object of the parts, and verify it where it stands: nobody can change it any more."""
    if upload.transfer == Transfer.PARTS:
        await assemble(store, upload)
    try:
        return await _verify(store, upload, upload.staging_key)
    except ObjectMissing:
        # Cancelled by another call, whose job has taken it away.
        raise _incomplete(upload) from None


def _incomplete(upload: MediaRow) -> UploadIncomplete:
    return UploadIncomplete(media_id=str(upload.id), expires_at=iso_milliseconds(upload.url_expires_at))


async def _copy(store: ObjectStore, upload: MediaRow) -> str:
    """Copy what is staged to a fresh key, and when that changes meanwhile, what is staged then; the key."""
    for _ in range(COPIES):
        staged = await store.head(upload.staging_key)
        _check_size(upload, staged.size_bytes)
        key = original_key(upload.owner_id, upload.id, upload.filename, upload.purpose)
        with suppress(ObjectChanged):
            await store.copy(upload.staging_key, key, etag=staged.etag, content_type=upload.mime_type)
            return key
    raise ObjectMissing


async def _verify(store: ObjectStore, upload: MediaRow, key: str) -> Published:
    _check_size(upload, (await store.head(key)).size_bytes)
    head = await store.read(key, 0, HEADER_BYTES[0] if upload.type == MediaType.IMAGE else WINDOW_BYTES)
    detected = await _accepted_type(store, upload, key, head)
    # The store may keep a declared checksum without ever having computed it, so the bytes are read back.
    if upload.sha256 is not None and await store.sha256(key) != upload.sha256:
        raise DigestDiffers
    width, height = await _pixels(store, upload, key, head)
    return Published(key, detected, width, height)


def _check_size(upload: MediaRow, size_bytes: int) -> None:
    if size_bytes != upload.size_bytes:
        raise SizeDiffers(declared=upload.size_bytes, actual=size_bytes)


async def _accepted_type(store: ObjectStore, upload: MediaRow, key: str, head: bytes) -> str:
    """What the bytes are; InvalidFileType when they are not what was declared, nor what the same decoder reads."""
    detected = await _content_type(store, upload, key, head)
    if detected is None or detected not in FORMATS[upload.mime_type].taken_as:
        raise InvalidFileType.shown(upload.mime_type, detected)
    return detected


async def _content_type(store: ObjectStore, upload: MediaRow, key: str, head: bytes) -> str | None:
    """What the bytes show, read where its container has it."""
    reader = sniff(upload.size_bytes, head)
    try:
        start, length = next(reader)
        while True:
            start, length = reader.send(await store.read(key, start, length))
    except StopIteration as found:
        return found.value  # type: ignore[no-any-return]


async def _pixels(store: ObjectStore, upload: MediaRow, key: str, head: bytes) -> tuple[int, int] | tuple[None, None]:
    if upload.type != MediaType.IMAGE:
        return None, None
    found = await asyncio.to_thread(dimensions, head)
    if found is None and len(head) < upload.size_bytes:
        head = await store.read(key, 0, HEADER_BYTES[1])
        found = await asyncio.to_thread(dimensions, head)
    return found or (None, None)
