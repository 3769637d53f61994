"""From a reservation to a verified media: `media.initiateUpload`, `media.completeUpload`, `media.cancelUpload`."""

from asyncio import timeout
from contextlib import suppress
from uuid import UUID

from uuid_utils.compat import uuid7

from contracts.errors import (
    DigestDiffers,
    FileTooLarge,
    ForeignOwner,
    IdempotencyKeyTaken,
    InvalidFileType,
    MediaNotFound,
    PartDiffers,
    PartsMissing,
    ServiceUnavailable,
    SizeDiffers,
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
from media.cleanup import release_parts, remove_objects
from media.completion import publish_upload
from media.queue import PURGE_MEDIA, enqueue
from procedures.media.answer import answer
from procedures.media.outcome import outcome
from procedures.media.reservation import (
    OVER_LIMIT,
    UploadDraft,
    extend,
    find_upload,
    known_id,
    reserve,
    reserved_key,
    url_expiry,
)
from rpc.context import Context
from rpc.procedure import mutation
from sql.rows import DeletionRow, MediaRow, Transfer
from storage.calls import ObjectsRemain
from storage.keys import staging_key

# How long a cancellation waits for storage.
RELEASE_SECONDS = 3


@mutation(
    "media.initiateUpload",
    counts_itself=True,
    raises=(ForeignOwner, FileTooLarge, *OVER_LIMIT, IdempotencyKeyTaken),
)
async def initiate_upload(ctx: Context, params: InitiateUpload) -> UploadTicket:
    """Reserve room for one object and sign the PUT that fills it.

    With an idempotency key, the same input finds the same upload again, with a fresh URL. Raises FileTooLarge over the
    type's ceiling, StorageLimitExceeded when the quota has no room, MediaLimitExceeded and PendingUploadLimitExceeded
    when the owner has too many, RateLimitExceeded, IdempotencyKeyTaken and ForeignOwner.
    """
    draft = draft_put(ctx, params, "media.initiateUpload")
    reservation = await reserve(ctx, params, draft)
    known = known_id(reservation)
    if known:
        upload = await extend(ctx, known)
        return sign_put(ctx, params, media_id=upload.id, key=upload.staging_key)
    return sign_put(ctx, params, media_id=draft.media_id, key=reserved_key(reservation, draft))


@mutation(
    "media.completeUpload",
    raises=(
        UploadNotFound,
        UploadIncomplete,
        PartsMissing,
        PartDiffers,
        UploadExpired,
        SizeDiffers,
        DigestDiffers,
        InvalidFileType,
    ),
)
async def complete_upload(ctx: Context, params: CompleteUpload) -> MediaAnswer:
    """Verify the bytes, publish them at a write-once key, and answer the media. Idempotent.

    With `waitSeconds` the media is answered once it is ready or failed, or as it is when the time is over.

    Raises UploadNotFound, UploadIncomplete or PartsMissing (not sent yet) or UploadExpired (not sent in time),
    SizeDiffers, DigestDiffers and PartDiffers (send again), InvalidFileType (refused; initiate anew).
    """
    if params.upload_id not in {None, params.media_id}:
        raise UploadNotFound
    media = await find_upload(ctx, params.media_id)
    if media.state == MediaState.PENDING:
        media = await _published(ctx, media)
    return answer(ctx, await outcome(ctx, media, params.wait_seconds))


@mutation("media.cancelUpload", raises=(UploadCompleted, MediaNotFound))
async def cancel_upload(ctx: Context, params: MediaReference) -> Success:
    """Give up an upload that is not completed. Idempotent.

    An upload in parts is free at once when storage has dropped it. What a signed PUT could still bring stays reserved
    until its end, for everything but the same file. Raises UploadCompleted and MediaNotFound.
    """
    cancelled = await _cancel(ctx, params)
    if cancelled is not None:
        await _clean_up(ctx, cancelled)
    return Success()


async def _cancel(ctx: Context, params: MediaReference) -> MediaRow | None:
    """Soft-delete an upload; None when it was deleted before."""
    async with ctx.db.transaction() as tx:
        cancelled = await tx.one(MediaRow, "cancel_upload", id=params.media_id, owners=ctx.owners, now=ctx.now)
        if cancelled is not None and cancelled.transfer != Transfer.PUT:
            await enqueue(tx, PURGE_MEDIA, cancelled.id)
        if cancelled is not None:
            return cancelled
        if await tx.one(MediaRow, "find_media", id=params.media_id, owners=ctx.owners):
            raise UploadCompleted
        if not await tx.one(DeletionRow, "find_deletion", id=params.media_id, owners=ctx.owners):
            raise MediaNotFound
    return None


async def _clean_up(ctx: Context, cancelled: MediaRow) -> None:
    """Have storage drop what has come now, if it answers soon; else a worker does.

    No job does so of a single PUT: the same file may be begun again in its place at once, with its key, and a late
    job would take the new bytes. The sweep looks again when the URL has ended.
    """
    try:
        async with timeout(RELEASE_SECONDS):
            await remove_objects(ctx.store, cancelled)
            await release_parts(ctx.db, ctx.store, cancelled)
    except (ServiceUnavailable, ObjectsRemain, TimeoutError):
        if cancelled.transfer == Transfer.PUT:
            with suppress(ServiceUnavailable):
                async with ctx.db.transaction() as tx:
                    await enqueue(tx, PURGE_MEDIA, cancelled.id)


async def _published(ctx: Context, upload: MediaRow) -> MediaRow:
    """The media that a pending upload becomes, by this call or by one beside it."""
    try:
        media = await ctx.resources.completions.share(
            upload.id, lambda: publish_upload(ctx.db, ctx.store, upload, ctx.now)
        )
    except (UploadIncomplete, PartsMissing):
        found = await find_upload(ctx, upload.id)
        if found.state != MediaState.PENDING:
            return found
        if found.expires_at <= ctx.now:
            raise UploadExpired from None
        raise
    return media or await find_upload(ctx, upload.id)


def draft_put(ctx: Context, params: InitiateUpload, procedure: str, *, counted: bool = False) -> UploadDraft:
    """What is to be reserved for an upload by one PUT, in a call that is counted already, or by the reservation.

    Raises FileTooLarge and ForeignOwner.
    """
    ctx.resources.ceilings.check_put(FORMATS[params.content_type], params.size)
    owner, media_id = ctx.owner(params.owner), uuid7()
    key = staging_key(owner, media_id, params.filename, params.purpose)
    return UploadDraft(
        media_id=media_id, owner=owner, procedure=procedure, transfer=Transfer.PUT, key=key, counted=counted
    )


def sign_put(ctx: Context, params: InitiateUpload, *, media_id: UUID, key: str) -> UploadTicket:
    """The ticket of an upload: its PUT, signed now."""
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
        expires_at=url_expiry(ctx),
    )
