"""Bytes through the server, for callers that cannot reach storage: `media.upload`.

They go to storage part by part as they arrive. What has arrived of a part waits in a file, so memory stays flat.
"""

import asyncio
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from typing import BinaryIO

from pydantic import TypeAdapter, ValidationError
from uuid_utils.compat import uuid7

from contracts.content import Upload
from contracts.errors import (
    DigestDiffers,
    FileTooLarge,
    ForeignOwner,
    IdempotencyKeyTaken,
    InvalidFileType,
    ServiceUnavailable,
    SizeDiffers,
    StorageLimitExceeded,
    UploadExpired,
    UploadIncomplete,
    UploadPending,
)
from contracts.formats import FORMATS, TOLD_BY_TRACKS, Format, canonical
from contracts.media import Filename, InitiateUpload, MediaAnswer, MediaState
from contracts.multipart import DEFAULT_PART_BYTES
from media.cleanup import remove_objects
from media.completion import publish_upload, refuse_upload
from media.parts import is_assembled
from procedures.media.answer import answer
from procedures.media.outcome import outcome
from procedures.media.releases import with_releases
from procedures.media.reservation import OVER_LIMIT, UploadDraft, known_id, reserve
from procedures.media.spooled_upload import SpooledUpload, waiting_room
from procedures.media.usage import held_bytes, read_usage
from processing.detect import detect
from rpc.content import Content, unreadable
from rpc.context import Context
from rpc.procedure import mutation
from sql.rows import MediaRow, Transfer
from storage.keys import original_key
from storage.multipart import PartsChanged, UploadGone

PART_BYTES = DEFAULT_PART_BYTES
# From so many the type is known, and what reserves nothing yet takes no more of this machine's disk than has room.
DETECTABLE_BYTES = 1024 * 1024
# Until a part has come whole; who is slower has left, as far as anybody else can tell.
LEASE = timedelta(minutes=30)
# How long after the server has given up bytes of its own may still reach storage.
AFTERMATH = timedelta(seconds=60)
NAME = "media.upload"

_FILENAME: TypeAdapter[str] = TypeAdapter(Filename)


@mutation(
    NAME,
    counts_itself=True,
    raises=(
        ForeignOwner,
        FileTooLarge,
        *OVER_LIMIT,
        InvalidFileType,
        SizeDiffers,
        DigestDiffers,
        IdempotencyKeyTaken,
        UploadPending,
        UploadExpired,
    ),
)
async def upload(ctx: Context, params: Upload, content: Content) -> MediaAnswer:
    """Store bytes as they arrive, reserve room for them as they do, and answer the verified media.

    Raises FileTooLarge and StorageLimitExceeded as soon as it is so, MediaLimitExceeded, PendingUploadLimitExceeded,
    InvalidFileType, SizeDiffers and DigestDiffers, and leaves nothing then, nor when the client breaks off. With an
    idempotency key a repetition answers the media of the first call: IdempotencyKeyTaken for another input,
    UploadPending while that call is under way.
    """
    most = min(PART_BYTES, max(DETECTABLE_BYTES, await _admit(ctx, params) + 1))
    spooled = SpooledUpload(content)
    async with ctx.resources.arrivals.of(ctx.caller.id):
        with waiting_room() as file:
            is_whole = await spooled.fill(file, most) < most
            initiated = await _initiated(ctx, params, content, spooled, file, is_whole=is_whole)
            media = await _reserve(ctx, params, initiated, spooled)
            if media.state == MediaState.PENDING:
                media = await _publish_or_delete(ctx, params, media, spooled, file)
    return answer(ctx, await outcome(ctx, media, params.wait_seconds))


async def _admit(ctx: Context, params: Upload) -> int:
    """Count the call, and refuse what cannot become anything before it is read; how many bytes have room."""
    owner, limit = ctx.owner(params.owner), ctx.resources.limits.of(NAME)
    if limit:
        await ctx.db.run(
            "count_call",
            caller_id=ctx.caller.id,
            procedure=NAME,
            limit_calls=limit.calls,
            limit_seconds=limit.seconds,
            now=ctx.now,
        )
    if params.content_type and params.size:
        ctx.resources.ceilings.check_multipart(FORMATS[params.content_type], params.size)
    usage = await read_usage(ctx, owner)
    available, required = usage.quota_bytes - held_bytes(ctx, usage) - usage.reserved_bytes, params.size or 1
    if available < required:
        refusal = StorageLimitExceeded(
            used=usage.used_bytes,
            reserved=usage.reserved_bytes,
            quota=usage.quota_bytes,
            available=max(0, available),
            required=required,
        )
        raise await with_releases(ctx, owner, refusal)
    return available


async def _initiated(
    ctx: Context, params: Upload, content: Content, spooled: SpooledUpload, file: BinaryIO, *, is_whole: bool
) -> InitiateUpload:
    """The upload that what has arrived is the beginning of, or all of it."""
    if not spooled.size_bytes:
        raise unreadable("file", "The file is empty")
    accepted = _format(params, content, await asyncio.to_thread(detect, file), is_whole=is_whole)
    size = params.size or spooled.size_bytes
    _check_room(ctx, params, accepted, spooled)
    ctx.resources.ceilings.check_multipart(accepted, size)
    return InitiateUpload(
        filename=params.filename or _filename(content, accepted),
        content_type=accepted.content_type,
        size=size,
        purpose=params.purpose,
        idempotency_key=params.idempotency_key,
        owner=params.owner,
    )


async def _reserve(ctx: Context, params: Upload, initiated: InitiateUpload, spooled: SpooledUpload) -> MediaRow:
    """The row of a new upload, which is pending, or that of the completed one that the idempotency key finds."""
    owner, media_id = ctx.owner(params.owner), uuid7()
    draft = UploadDraft(
        media_id=media_id,
        owner=owner,
        procedure=NAME,
        transfer=Transfer.CONTENT,
        key=original_key(owner, media_id, initiated.filename, initiated.purpose),
        counted=True,
    )
    known = known_id(await reserve(ctx, initiated, draft))
    row = await ctx.db.one(MediaRow, "read_media", id=known or media_id)
    if row is None or (not known and row.state != MediaState.PENDING):
        raise UploadExpired
    if known and row.state == MediaState.PENDING:
        raise UploadPending(media_id=str(row.id))
    if known and await _size(params, spooled) not in {None, row.size_bytes}:
        raise IdempotencyKeyTaken
    return row


async def _size(params: Upload, spooled: SpooledUpload) -> int | None:
    """How many bytes it will be altogether, None when nobody knows yet."""
    return params.size or (None if await spooled.has_more() else spooled.size_bytes)


async def _publish_or_delete(
    ctx: Context, params: Upload, row: MediaRow, spooled: SpooledUpload, file: BinaryIO
) -> MediaRow:
    try:
        return await _publish(ctx, params, row, spooled, file)
    except BaseException:
        await asyncio.shield(_soft_delete(ctx, row))
        raise


async def _publish(ctx: Context, params: Upload, row: MediaRow, spooled: SpooledUpload, file: BinaryIO) -> MediaRow:
    """Store what comes, and verify it; UploadExpired when somebody else has deleted the upload meanwhile."""
    stored = await _store(ctx, params, row, spooled, file)
    try:
        media = await publish_upload(ctx.db, ctx.store, stored, datetime.now(UTC))
    except UploadIncomplete:
        media = None
    if media is None:
        raise UploadExpired
    return media


async def _store(ctx: Context, params: Upload, row: MediaRow, spooled: SpooledUpload, file: BinaryIO) -> MediaRow:
    """Send what is in the file, and then part by part what comes, to the row's key; the row as it is then."""
    await spooled.fill(file, PART_BYTES - spooled.size_bytes, start=spooled.size_bytes)
    _check_room(ctx, params, FORMATS[row.mime_type], spooled)
    row = await _grow(ctx, row, spooled)
    if await spooled.has_more():
        return await _store_in_parts(ctx, params, row, spooled, file)
    _check(params, spooled)
    await ctx.store.write(row.staging_key, file, size_bytes=spooled.size_bytes, content_type=row.mime_type)
    return row


async def _store_in_parts(
    ctx: Context, params: Upload, row: MediaRow, spooled: SpooledUpload, file: BinaryIO
) -> MediaRow:
    multipart, key, number, size = ctx.store.multipart, row.staging_key, 1, spooled.size_bytes
    upload_id = await multipart.begin(key, content_type=row.mime_type, token=str(row.id))
    try:
        while size:
            await multipart.write_part(key, upload_id, number, file, size)
            number, size = number + 1, await spooled.fill(file, PART_BYTES)
            _check_room(ctx, params, FORMATS[row.mime_type], spooled)
            row = await _grow(ctx, row, spooled)
        _check(params, spooled)
        await multipart.assemble(key, upload_id, await multipart.parts(key, upload_id))
    except UploadGone:
        if not await is_assembled(ctx.store, row):
            raise UploadExpired from None
    except PartsChanged as changed:
        raise ServiceUnavailable(service="storage") from changed
    return row


async def _grow(ctx: Context, row: MediaRow, spooled: SpooledUpload) -> MediaRow:
    """Reserve room for all that has arrived, before storage gets it. Raises StorageLimitExceeded and UploadExpired."""
    now = datetime.now(UTC)
    try:
        grown = await ctx.db.one(
            MediaRow,
            "grow_upload",
            id=row.id,
            arrived_bytes=spooled.size_bytes,
            url_expires_at=now + AFTERMATH,
            sweep_at=now + LEASE,
            now=now,
        )
    except StorageLimitExceeded as refusal:
        raise await with_releases(ctx, row.owner_id, refusal) from None
    if grown is None:
        raise UploadExpired
    return grown


async def _soft_delete(ctx: Context, row: MediaRow) -> None:
    """Leave a tombstone, and the job that takes everything away; the sweep does so when the database is away.

    Whoever was deleted by another takes away what has come since, because the tombstone may be gone already.
    """
    with suppress(ServiceUnavailable):
        if await refuse_upload(ctx.db, row, datetime.now(UTC)):
            return
        found = await ctx.db.one(MediaRow, "read_media", id=row.id)
        if found is None or found.state == MediaState.DELETED:
            await remove_objects(ctx.store, row)


def _format(params: Upload, content: Content, detected: str | None, *, is_whole: bool) -> Format:
    """What the bytes are, if that is what was declared. Raises InvalidFileType.

    The tracks of a video may be told at its end: until that has come, it is taken for what was declared.
    """
    declared = params.content_type or canonical(content.content_type or "")
    if declared in TOLD_BY_TRACKS and not is_whole and detected in {None, *TOLD_BY_TRACKS}:
        return FORMATS[declared]
    if detected is None or (declared and detected not in FORMATS[declared].taken_as):
        raise InvalidFileType.shown(declared or content.content_type or "", detected)
    return FORMATS[detected]


def _filename(content: Content, accepted: Format) -> str:
    """The name that came with the file, or one that tells its type."""
    try:
        return _FILENAME.validate_python(content.filename or f"upload.{accepted.extensions[0]}")
    except ValidationError as invalid:
        raise unreadable("filename", invalid.errors()[0]["msg"]) from None


def _check_room(ctx: Context, params: Upload, accepted: Format, spooled: SpooledUpload) -> None:
    """Raise FileTooLarge or SizeDiffers when more has come than may."""
    ctx.resources.ceilings.check_multipart(accepted, spooled.size_bytes)
    if params.size and spooled.size_bytes > params.size:
        raise SizeDiffers(declared=params.size, actual=spooled.size_bytes)


def _check(params: Upload, spooled: SpooledUpload) -> None:
    """Raise SizeDiffers or DigestDiffers when another file was declared than has come."""
    if params.size not in {None, spooled.size_bytes}:
        raise SizeDiffers(declared=params.size or 0, actual=spooled.size_bytes)
    if params.sha256 not in {None, spooled.sha256}:
        raise DigestDiffers
