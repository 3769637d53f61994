"""The `media.*` procedures, in the order of an upload's life."""

from datetime import timedelta
from uuid import UUID

from uuid_utils.compat import uuid7

from contracts.errors import (
    FileTooLarge,
    InvalidFileType,
    MediaNotFound,
    RenditionNotFound,
    UploadExpired,
    UploadIncomplete,
    UploadNotFound,
    UploadPending,
)
from contracts.formats import FORMATS, MediaType
from contracts.media import (
    MAX_FILENAME_CHARACTERS,
    CompleteUpload,
    DownloadUrl,
    GetDownloadUrl,
    InitiateUpload,
    ListMedia,
    Media,
    MediaAnswer,
    MediaError,
    MediaPage,
    MediaReference,
    MediaState,
    StorageUsage,
    Success,
    SupportedFormat,
    SupportedFormats,
    UploadTicket,
)
from contracts.wire import NoInput
from jobs.job import enqueue
from jobs.publish import complete_upload as publish_upload
from jobs.purge import purge_media
from rpc.context import Context
from rpc.procedure import procedure
from sql.rows import DeletionRow, MediaRow, UsageRow
from storage.keys import staging_key

DOWNLOAD_TTL_SECONDS = 900


@procedure("media.getSupportedFormats", public=True)
async def get_supported_formats(_ctx: Context, _params: NoInput) -> SupportedFormats:
    """Say which content types and sizes `media.initiateUpload` accepts."""
    formats = [
        SupportedFormat(
            content_type=accepted.content_type,
            type=accepted.type,
            extensions=list(accepted.extensions),
            max_size=accepted.max_bytes,
        )
        for accepted in FORMATS.values()
    ]
    return SupportedFormats(formats=formats, renditions=[], max_filename_characters=MAX_FILENAME_CHARACTERS)


@procedure("media.initiateUpload")
async def initiate_upload(ctx: Context, params: InitiateUpload) -> UploadTicket:
    """Reserve room for one object and sign the PUT that fills it.

    Raises FileTooLarge over the type's ceiling, StorageLimitExceeded when the quota has no room.
    """
    accepted = FORMATS[params.content_type]
    if params.size > accepted.max_bytes:
        raise FileTooLarge(size=params.size, max_size=accepted.max_bytes, content_type=accepted.content_type)
    media_id: UUID = uuid7()
    policy = ctx.resources.uploads
    expires_at = ctx.now + timedelta(seconds=policy.url_ttl_seconds)
    upload = await ctx.db.one(
        MediaRow,
        "reserve_upload",
        id=media_id,
        owner_id=ctx.caller.id,
        quota_bytes=ctx.caller.quota_bytes,
        type=accepted.type,
        purpose=params.purpose,
        filename=params.filename,
        mime_type=accepted.content_type,
        size_bytes=params.size,
        sha256=params.sha256,
        staging_key=staging_key(ctx.caller.id, media_id, params.filename),
        url_expires_at=expires_at,
        url_ends_at=expires_at + timedelta(seconds=policy.grace_seconds),
        now=ctx.now,
    )
    assert upload is not None
    return _ticket(ctx, upload)


@procedure("media.completeUpload")
async def complete_upload(ctx: Context, params: CompleteUpload) -> MediaAnswer:
    """Verify the bytes, publish them at a write-once key, and answer the media. Twice is the same answer.

    Raises UploadNotFound, UploadIncomplete (not sent yet) or UploadExpired (not sent in time), SizeDiffers and
    DigestDiffers (send again), InvalidFileType (refused; initiate anew).
    """
    if params.upload_id not in {None, params.media_id}:
        raise UploadNotFound
    upload = await _find_upload(ctx, params.media_id)
    if upload.state != MediaState.PENDING:
        return _answer(ctx, upload)
    try:
        media = await publish_upload(ctx.db, ctx.store, upload, ctx.now)
    except UploadIncomplete:
        upload = await _find_upload(ctx, params.media_id)
        if upload.state != MediaState.PENDING:
            return _answer(ctx, upload)
        if upload.url_expires_at <= ctx.now:
            raise UploadExpired from None
        raise
    return _answer(ctx, media or await _find_upload(ctx, params.media_id))


@procedure("media.getMedia")
async def get_media(ctx: Context, params: MediaReference) -> MediaAnswer:
    """Answer one media of the caller; MediaNotFound for unknown, deleted and other people's ids alike."""
    return _answer(ctx, await _find_media(ctx, params.media_id))


@procedure("media.listMedia")
async def list_media(ctx: Context, params: ListMedia) -> MediaPage:
    """Answer a page of the caller's media, newest first; unfinished uploads only with `status: "pending"`."""
    rows = await ctx.db.many(
        MediaRow,
        "list_media",
        owner_id=ctx.caller.id,
        before=params.cursor,
        type=params.type,
        state=params.status,
        limit=params.limit + 1,
    )
    page = rows[: params.limit]
    more = len(rows) > params.limit
    return MediaPage(items=[_media(ctx, row) for row in page], next_cursor=page[-1].id if more else None)


@procedure("media.getDownloadUrl")
async def get_download_url(ctx: Context, params: GetDownloadUrl) -> DownloadUrl:
    """Sign a GET of the original, under its own name, as a download.

    Raises MediaNotFound, UploadPending before completion, RenditionNotFound for a rendition that is not there.
    """
    media = await _find_media(ctx, params.media_id)
    if media.original_key is None:
        raise UploadPending(media_id=str(media.id))
    if params.rendition is not None:
        raise RenditionNotFound(rendition=params.rendition)
    url = ctx.resources.presigner.get(
        media.original_key,
        filename=media.filename,
        content_type=media.mime_type,
        now=ctx.now,
        ttl_seconds=DOWNLOAD_TTL_SECONDS,
    )
    return DownloadUrl(url=url, expires_at=ctx.now + timedelta(seconds=DOWNLOAD_TTL_SECONDS))


@procedure("media.getStorageUsage")
async def get_storage_usage(ctx: Context, _params: NoInput) -> StorageUsage:
    """Answer what the caller uses of the quota, in bytes."""
    usage = await ctx.db.one(UsageRow, "read_usage", owner_id=ctx.caller.id, quota_bytes=ctx.caller.quota_bytes)
    assert usage is not None
    return StorageUsage(
        used=usage.used_bytes,
        limit=usage.quota_bytes,
        percentage=round(usage.used_bytes / usage.quota_bytes * 100, 2),
        reserved=usage.reserved_bytes,
        breakdown={
            MediaType.IMAGE: usage.image_bytes,
            MediaType.VIDEO: usage.video_bytes,
            MediaType.AUDIO: usage.audio_bytes,
        },
    )


@procedure("media.deleteMedia")
async def delete_media(ctx: Context, params: MediaReference) -> Success:
    """Give the bytes back at once and take the objects out of storage in the background. Twice is the same answer.

    What a signed URL could still bring stays reserved until its end. Raises MediaNotFound.
    """
    async with ctx.db.transaction() as tx:
        deleted = await tx.one(MediaRow, "delete_media", id=params.media_id, owner_id=ctx.caller.id, now=ctx.now)
        if deleted is not None:
            await enqueue(tx, purge_media, deleted.id)
        elif not await tx.one(DeletionRow, "find_deletion", id=params.media_id, owner_id=ctx.caller.id):
            raise MediaNotFound
    return Success()


async def _find_upload(ctx: Context, media_id: UUID) -> MediaRow:
    """The caller's upload; a refused one raises again what it was refused for."""
    upload = await ctx.db.one(MediaRow, "find_upload", id=media_id, owner_id=ctx.caller.id)
    if upload is None:
        raise UploadNotFound
    if upload.state == MediaState.DELETED:
        if upload.error_reason is not None:
            raise InvalidFileType(declared=upload.mime_type, reason=upload.error_reason)
        raise UploadNotFound
    return upload


async def _find_media(ctx: Context, media_id: UUID) -> MediaRow:
    media = await ctx.db.one(MediaRow, "find_media", id=media_id, owner_id=ctx.caller.id)
    if media is None:
        raise MediaNotFound
    return media


def _ticket(ctx: Context, upload: MediaRow) -> UploadTicket:
    url, headers = ctx.resources.presigner.put(
        upload.staging_key,
        size_bytes=upload.size_bytes,
        content_type=upload.mime_type,
        sha256=upload.sha256,
        now=upload.created_at,
        ttl_seconds=ctx.resources.uploads.url_ttl_seconds,
    )
    return UploadTicket(
        upload_id=upload.id,
        media_id=upload.id,
        upload_url=url,
        method="PUT",
        headers=headers,
        expires_at=upload.url_expires_at,
    )


def _answer(ctx: Context, row: MediaRow) -> MediaAnswer:
    return MediaAnswer(media=_media(ctx, row))


def _media(ctx: Context, row: MediaRow) -> Media:
    """A row as its owner sees it. Until renditions exist, `url` is a signed GET of the private original."""
    url = None
    if row.original_key is not None:
        url = ctx.resources.presigner.get(
            row.original_key,
            filename=row.filename,
            content_type=row.mime_type,
            now=ctx.now,
            ttl_seconds=DOWNLOAD_TTL_SECONDS,
            inline=True,
        )
    return Media(
        id=row.id,
        owner_id=row.owner_id,
        user_id=row.owner_id,
        type=row.type,
        status=row.state,
        url=url,
        thumbnail_url=None,
        filename=row.filename,
        size=row.size_bytes,
        mime_type=row.mime_type,
        width=row.width,
        height=row.height,
        duration=None,
        renditions=[],
        hls_url=None,
        post_id=None,
        metadata={},
        error=_error(row),
        created_at=row.created_at,
        updated_at=row.updated_at,
    )


def _error(row: MediaRow) -> MediaError | None:
    if row.error_code is None or row.error_reason is None:
        return None
    return MediaError(code=row.error_code, reason=row.error_reason)
