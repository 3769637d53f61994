"""What happens without a client: uploads that nobody completed, media that failed, tombstones, late bytes.

A row says itself when storage has to be looked at for it (`sweep_at`). One pass takes the rows that are due, puts
their next look off, and enqueues a `settle_media` for each; so any number of workers may sweep at once, and a row whose
settling fails for good comes back by itself.
"""

from datetime import datetime, timedelta
from uuid import UUID

from contracts.errors import DigestDiffers, InvalidFileType, PartDiffers, PartsMissing, SizeDiffers, UploadIncomplete
from contracts.media import MediaState
from contracts.processing import INFECTED
from jobs.job import JobContext, job
from jobs.process import enqueue_lost
from jobs.purge import purge_media
from media.cleanup import tidy
from media.completion import publish_upload, soft_delete_ended_upload
from media.deletion import PURGE_TIME
from media.queue import PURGE_MEDIA, SETTLE_MEDIA, enqueue
from sql.database import Database
from sql.rows import MediaIdRow, MediaRow, Transfer

LEASE = timedelta(minutes=10)
BATCH_ROWS = 500

# What is wrong with an upload that will never be completed.
_UNFINISHED = (UploadIncomplete, PartsMissing, PartDiffers, SizeDiffers, DigestDiffers, InvalidFileType)


async def sweep(db: Database, now: datetime) -> int:
    """One pass: enqueue a settling for every row that is due; how many rows."""
    swept = 0
    while True:
        async with db.transaction() as tx:
            due = await tx.many(MediaIdRow, "lease_due_media", now=now, leased_until=now + LEASE, limit=BATCH_ROWS)
            await enqueue(tx, SETTLE_MEDIA, *(row.id for row in due))
        swept += len(due)
        if len(due) < BATCH_ROWS:
            return swept


@job
async def settle_media(ctx: JobContext, media_id: UUID) -> str:
    """Look at storage for one media whose URL has ended, and leave it as it has to be."""
    media = await ctx.db.one(MediaRow, "read_media", id=media_id)
    if media is None:
        return "gone"
    if ctx.now < media.url_ends_at and media.state != MediaState.DELETED:
        return "too early"
    if media.state == MediaState.PENDING:
        return await _finish_or_delete(ctx, media)
    if media.state == MediaState.DELETED:
        return await purge_media.run(ctx, media_id)
    if media.state == MediaState.PROCESSING:
        return "processed again" if await enqueue_lost(ctx, media) else "being processed"
    return await _settle(ctx, media)


async def _finish_or_delete(ctx: JobContext, upload: MediaRow) -> str:
    """Finish an upload whose bytes are right, as if its client had called; soft-delete any other that has ended.

    Of what comes through a server, only that server knows whether it is whole.
    """
    if upload.transfer == Transfer.CONTENT:
        return await _soft_delete(ctx, upload)
    try:
        await publish_upload(ctx.db, ctx.store, upload, ctx.now)
    except _UNFINISHED:
        if await ctx.db.one(MediaIdRow, "await_parts", id=upload.id, now=ctx.now):
            return "waits for its parts"
        return await _soft_delete(ctx, upload)
    return "completed"


async def _soft_delete(ctx: JobContext, upload: MediaRow) -> str:
    return "cleared" if await soft_delete_ended_upload(ctx.db, upload, ctx.now) else "goes on"


async def _settle(ctx: JobContext, media: MediaRow) -> str:
    await tidy(ctx.db, ctx.store, media.id)
    if await ctx.db.one(MediaIdRow, "settle_media", id=media.id, now=ctx.now):
        return "settled"
    return await _keep_or_delete(ctx, media)


async def _keep_or_delete(ctx: JobContext, failed: MediaRow) -> str:
    """Keep what failed for as long as it may be begun anew, and malware in quarantine; then have it taken away."""
    kept = ctx.quarantine if failed.error_code == INFECTED else ctx.failed_kept
    async with ctx.db.transaction() as tx:
        if await tx.one(
            MediaIdRow, "soft_delete_failed", id=failed.id, kept=kept, now=ctx.now, look_at=ctx.now + PURGE_TIME
        ):
            await enqueue(tx, PURGE_MEDIA, failed.id)
            return "deleted"
    await ctx.db.run("keep_failed", id=failed.id, kept=kept)
    return "kept"
