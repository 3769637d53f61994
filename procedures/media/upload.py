"""From a reservation to a verified media: `media.initiateUpload`, `media.completeUpload`, `media.cancelUpload`."""

from datetime import datetime, timedelta
from uuid import UUID

from uuid_utils.compat import uuid7

from contracts.errors import (
    DigestDiffers,
    FileTooLarge,
    ForeignOwner,
    IdempotencyKeyTaken,
    InvalidFileType,
    MediaNotFound,
    RateLimitExceeded,
    SizeDiffers,
    StorageLimitExceeded,
    UploadCompleted,
    UploadExpired,
    UploadIncomplete,
    UploadNotFound,
)
from contracts.formats import FORMATS
from contracts.media import (
    CompleteUpload,
    InitiateUpload,
    MediaAnswer,
    MediaReference,
    MediaState,
    Success,
    UploadTicket,
)
from jobs.job import enqueue
from jobs.publish import complete_upload as publish_upload
from jobs.purge import purge_media
from jobs.sweep import IDEMPOTENCY_KEY_LIFETIME
from procedures.media.answer import answer
from rpc.context import Context
from rpc.procedure import mutation
from sql.rows import DeletionRow, MediaRow, ReservationRow, Transfer
from storage.keys import staging_key


@mutation(
    "media.initiateUpload",
    counts_itself=True,
    raises=(ForeignOwner, FileTooLarge, StorageLimitExceeded, IdempotencyKeyTaken),
)
async def initiate_upload(ctx: Context, params: InitiateUpload) -> UploadTicket:
    """Reserve room for one object and sign the PUT that fills it.

    With an idempotency key, the same input finds the same upload again, with a fresh URL. Raises FileTooLarge over the
    type's ceiling, StorageLimitExceeded when the quota has no room, RateLimitExceeded, IdempotencyKeyTaken and
    ForeignOwner.
    """
    accepted = FORMATS[params.content_type]
    if params.size > accepted.max_bytes:
        raise FileTooLarge(size=params.size, max_size=accepted.max_bytes, content_type=accepted.content_type)
    reservation = await _reserve(ctx, params)
    match reservation.outcome:
        case "limited":
            raise RateLimitExceeded(**reservation.facts or {})
        case "over quota":
            raise StorageLimitExceeded(**reservation.facts or {})
        case "taken":
            raise IdempotencyKeyTaken
        case "known":
            return await _extend(ctx, params, reservation.id)
    assert reservation.id is not None
    key = staging_key(ctx.owner(params.owner), reservation.id, params.filename, params.purpose)
    return _ticket(ctx, params, media_id=reservation.id, key=key, expires_at=_expiry(ctx))


@mutation(
    "media.completeUpload",
    raises=(UploadNotFound, UploadIncomplete, UploadExpired, SizeDiffers, DigestDiffers, InvalidFileType),
)
async def complete_upload(ctx: Context, params: CompleteUpload) -> MediaAnswer:
    """Verify the bytes, publish them at a write-once key, and answer the media. Twice is the same answer.

    Raises UploadNotFound, UploadIncomplete (not sent yet) or UploadExpired (not sent in time), SizeDiffers and
    DigestDiffers (send again), InvalidFileType (refused; initiate anew).
    """
    if params.upload_id not in {None, params.media_id}:
        raise UploadNotFound
    upload = await _find_upload(ctx, params.media_id)
    if upload.state != MediaState.PENDING:
        return answer(ctx, upload)
    try:
        media = await publish_upload(ctx.db, ctx.store, upload, ctx.now)
    except UploadIncomplete:
        upload = await _find_upload(ctx, params.media_id)
        if upload.state != MediaState.PENDING:
            return answer(ctx, upload)
        if upload.url_expires_at <= ctx.now:
            raise UploadExpired from None
        raise
    return answer(ctx, media or await _find_upload(ctx, params.media_id))


@mutation("media.cancelUpload", raises=(UploadCompleted, MediaNotFound))
async def cancel_upload(ctx: Context, params: MediaReference) -> Success:
    """Give up an upload that is not completed. Twice is the same answer.

    What its signed URL could still bring stays reserved until its end. Raises UploadCompleted and MediaNotFound.
    """
    async with ctx.db.transaction() as tx:
        cancelled = await tx.one(MediaRow, "cancel_upload", id=params.media_id, owners=ctx.owners, now=ctx.now)
        if cancelled is not None:
            await enqueue(tx, purge_media, cancelled.id)
        elif await tx.one(MediaRow, "find_media", id=params.media_id, owners=ctx.owners):
            raise UploadCompleted
        elif not await tx.one(DeletionRow, "find_deletion", id=params.media_id, owners=ctx.owners):
            raise MediaNotFound
    return Success()


async def _reserve(ctx: Context, params: InitiateUpload) -> ReservationRow:
    media_id: UUID = uuid7()
    owner = ctx.owner(params.owner)
    limit = ctx.resources.limits.of("media.initiateUpload")
    return await ctx.db.shared(
        ReservationRow,
        "reserve_upload",
        procedure="media.initiateUpload",
        request_id=ctx.request_id,
        id=media_id,
        owner_id=owner,
        user_id=ctx.caller.id,
        quota_bytes=ctx.quota_of(owner),
        type=FORMATS[params.content_type].type,
        purpose=params.purpose,
        filename=params.filename,
        mime_type=params.content_type,
        size_bytes=params.size,
        sha256=params.sha256,
        staging_key=staging_key(owner, media_id, params.filename, params.purpose),
        url_expires_at=_expiry(ctx),
        url_ends_at=_end(ctx),
        sweep_at=_end(ctx),
        transfer=Transfer.PUT,
        idempotency_key=params.idempotency_key,
        key_from=ctx.now - IDEMPOTENCY_KEY_LIFETIME,
        limit_calls=limit and limit.calls,
        limit_seconds=limit and limit.seconds,
        now=ctx.now,
    )


async def _extend(ctx: Context, params: InitiateUpload, media_id: UUID | None) -> UploadTicket:
    """A fresh ticket of an upload that its idempotency key found."""
    upload = await ctx.db.one(
        MediaRow, "extend_upload", id=media_id, url_expires_at=_expiry(ctx), url_ends_at=_end(ctx)
    )
    if upload is None:
        raise IdempotencyKeyTaken
    return _ticket(ctx, params, media_id=upload.id, key=upload.staging_key, expires_at=_expiry(ctx))


async def _find_upload(ctx: Context, media_id: UUID) -> MediaRow:
    """The caller's upload; a refused one raises again what it was refused for."""
    upload = await ctx.db.one(MediaRow, "find_upload", id=media_id, owners=ctx.owners)
    if upload is None:
        raise UploadNotFound
    if upload.state == MediaState.DELETED:
        if upload.error_reason is not None:
            raise InvalidFileType(declared=upload.mime_type, reason=upload.error_reason)
        raise UploadNotFound
    return upload


def _expiry(ctx: Context) -> datetime:
    return ctx.now + timedelta(seconds=ctx.resources.uploads.url_ttl_seconds)


def _end(ctx: Context) -> datetime:
    return _expiry(ctx) + timedelta(seconds=ctx.resources.uploads.grace_seconds)


def _ticket(ctx: Context, params: InitiateUpload, *, media_id: UUID, key: str, expires_at: datetime) -> UploadTicket:
    url, headers = ctx.resources.presigner.put(
        key,
        size_bytes=params.size,
        content_type=params.content_type,
        sha256=params.sha256,
        now=ctx.now,
        ttl_seconds=ctx.resources.uploads.url_ttl_seconds,
    )
    return UploadTicket(
        upload_id=media_id,
        media_id=media_id,
        upload_url=url,
        method="PUT",
        headers=headers,
        expires_at=expires_at,
    )
