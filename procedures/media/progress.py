"""How far uploads are, so that anybody who may can go on with them: `media.getUploadStatus`, `media.listUploads`."""

from datetime import UTC, datetime, timedelta
from functools import partial
from math import ceil
from uuid import UUID

from contracts.errors import ForeignOwner, ServiceUnavailable, UploadNotFound
from contracts.media import MediaReference, MediaState
from contracts.multipart import ListUploads, StoredPart, UnfinishedUpload, UploadPage, UploadStatus
from media.parts import is_assembled, missing_parts, stored_parts, total_parts
from procedures.media.answer import last_event
from procedures.media.reservation import find_upload
from rpc.context import Context
from rpc.procedure import query
from sql.database import Database
from sql.rows import ListedRow, MediaRow, Transfer
from storage.bucket import ObjectMissing
from storage.multipart import Part, UploadGone

RATE_WINDOW = timedelta(seconds=60)


@query("media.getUploadStatus", raises=(UploadNotFound,))
async def get_upload_status(ctx: Context, params: MediaReference) -> UploadStatus:
    """Say how far an upload is and what is missing, as storage has it. Raises UploadNotFound."""
    upload = await find_upload(ctx, params.media_id)
    in_parts = upload.transfer == Transfer.PARTS
    parts = await _parts(ctx, upload) if in_parts and upload.state == MediaState.PENDING else None
    missing = missing_parts(upload, parts) if parts is not None else []
    uploaded = await _uploaded_bytes(ctx, upload, parts)
    if parts is not None:
        await _note(ctx.db, upload, uploaded, ctx.now)
    return UploadStatus(
        media_id=upload.id,
        upload_id=upload.id,
        status=upload.state,
        filename=upload.filename,
        content_type=upload.mime_type,
        uploaded_bytes=uploaded,
        total_bytes=upload.size_bytes,
        progress=round(uploaded / upload.size_bytes * 100, 2),
        sha256=upload.sha256,
        part_size=upload.part_bytes,
        total_parts=total_parts(upload) if in_parts else None,
        parts=[StoredPart(part_number=part.number, size=part.size_bytes) for part in parts or ()],
        missing_parts=missing,
        next_part=missing[0] if missing else None,
        eta_seconds=eta_seconds(parts or [], upload.size_bytes - uploaded, ctx.now),
        expires_at=upload.expires_at,
    )


@query("media.listUploads", raises=(ForeignOwner,))
async def list_uploads(ctx: Context, params: ListUploads) -> UploadPage:
    """Answer a page of an owner's unfinished uploads, newest first. Raises ForeignOwner."""
    rows = await ctx.db.many(
        ListedRow,
        "list_uploads",
        owner_id=ctx.owner(params.owner),
        before=params.cursor,
        limit=params.limit + 1,
        now=ctx.now,
    )
    page = rows[: params.limit]
    more = len(rows) > params.limit
    return UploadPage(
        items=[_unfinished(row) for row in page if row.is_found],
        next_cursor=page[-1].id if more else None,
        last_event_id=last_event(rows),
    )


async def note_progress(ctx: Context, owner: str, media_id: UUID | None) -> bool:
    """Tell the log how far the uploads in parts are that an owner is sending: whether there are any.

    What storage does not tell now, it will tell later. However many ask, a process looks at an upload once at a time.
    """
    now = datetime.now(UTC)
    sending = await ctx.db.many(MediaRow, "list_sending", owner_id=owner, media_id=media_id, now=now)
    for upload in sending:
        await ctx.resources.looks.share(upload.id, partial(_look, ctx, upload, now))
    return bool(sending)


async def _look(ctx: Context, upload: MediaRow, now: datetime) -> bool:
    """Whether storage has told how far an upload is."""
    try:
        await _note(ctx.db, upload, _bytes_of(await stored_parts(ctx.store, upload), upload), now)
    except (UploadGone, ServiceUnavailable):
        return False
    return True


def eta_seconds(parts: list[Part], left_bytes: int, now: datetime) -> int | None:
    """How long the rest takes at the rate of the last minute's parts; None when they show no rate."""
    if left_bytes == 0:
        return 0
    by_age = sorted(parts, key=lambda part: part.modified_at)
    lately = [part for part in by_age if now - part.modified_at <= RATE_WINDOW]
    if len(lately) <= 1:
        return None
    took = (lately[-1].modified_at - lately[0].modified_at).total_seconds()
    arrived = sum(part.size_bytes for part in lately[1:])
    return ceil(left_bytes * took / arrived) if took > 0 else None


async def _note(db: Database, upload: MediaRow, stored_bytes: int, now: datetime) -> None:
    """Tell the log how far an upload is, unless it knows."""
    if stored_bytes > upload.uploaded_bytes:
        await db.run("note_progress", id=upload.id, uploaded_bytes=stored_bytes, now=now)


async def _parts(ctx: Context, upload: MediaRow) -> list[Part] | None:
    """The parts of a pending upload, None when they are one object already."""
    try:
        return await stored_parts(ctx.store, upload)
    except UploadGone:
        return None if await is_assembled(ctx.store, upload) else []


async def _uploaded_bytes(ctx: Context, upload: MediaRow, parts: list[Part] | None) -> int:
    if parts is not None:
        return _bytes_of(parts, upload)
    if upload.state != MediaState.PENDING or upload.transfer == Transfer.PARTS:
        return upload.size_bytes
    try:
        return min(upload.size_bytes, (await ctx.store.head(upload.staging_key)).size_bytes)
    except ObjectMissing:
        return 0


def _bytes_of(parts: list[Part], upload: MediaRow) -> int:
    return min(upload.size_bytes, sum(part.size_bytes for part in parts))


def _unfinished(row: MediaRow) -> UnfinishedUpload:
    return UnfinishedUpload(
        media_id=row.id,
        upload_id=row.id,
        filename=row.filename,
        content_type=row.mime_type,
        size=row.size_bytes,
        part_size=row.part_bytes,
        total_parts=total_parts(row) if row.part_bytes else None,
        uploaded_bytes=row.uploaded_bytes,
        expires_at=row.expires_at,
        created_at=row.created_at,
    )
