"""What becomes of an original: `media.getProcessingStatus`, `media.retryProcessing`, `media.cancelProcessing`."""

from datetime import timedelta

from contracts.errors import MediaInfected, MediaNotFound, MediaProcessed, RateLimitExceeded, UploadPending
from contracts.media import MediaAnswer, MediaReference, MediaState, Success
from contracts.processing import INFECTED, ProcessingStatus
from media.queue import PROCESS_MEDIA
from media.turns import enqueue_processing
from procedures.media.answer import answer, failure
from procedures.media.library import find_media
from rpc.context import Context
from rpc.limits import RateLimit
from rpc.procedure import mutation, query
from sql.database import Transaction
from sql.rows import MediaRow

RETRIES = RateLimit(calls=3, seconds=3600)  # of each media
# How long a job that was begun anew, or ended, may take to be seen, before storage is looked at again.
RETRY_TIME = timedelta(minutes=10)
CANCEL_TIME = timedelta(minutes=1)
CANCELLED = {"error_code": "cancelled", "error_reason": "Processing was cancelled."}


@query("media.getProcessingStatus", raises=(MediaNotFound,))
async def get_processing_status(ctx: Context, params: MediaReference) -> ProcessingStatus:
    """Answer how far the processing of a media is, in percent and words. Raises MediaNotFound."""
    media = await find_media(ctx, params.media_id)
    return ProcessingStatus(
        media_id=media.id,
        status=media.state,
        stage=media.stage,
        progress=media.progress,
        attempts=media.attempts,
        error=failure(media),
    )


@mutation("media.retryProcessing", raises=(MediaNotFound, UploadPending, MediaInfected, RateLimitExceeded))
async def retry_processing(ctx: Context, params: MediaReference) -> MediaAnswer:
    """Begin the processing of a failed media anew; of any other, answer it as it is. Idempotent.

    Raises MediaNotFound, UploadPending before completion, MediaInfected, and RateLimitExceeded for what was begun anew
    three times within the hour.
    """
    async with ctx.db.transaction() as tx:
        media = await tx.one(
            MediaRow,
            "retry_processing",
            id=params.media_id,
            owners=ctx.owners,
            now=ctx.now,
            look_at=ctx.now + RETRY_TIME,
        )
        if media is not None:
            await _count_retry(ctx, tx, media)
            await enqueue_processing(tx, media)
        else:
            media = await _find_completed(ctx, tx, params)
            if media.error_code == INFECTED:
                raise MediaInfected
    return answer(ctx, media)


async def _count_retry(ctx: Context, tx: Transaction, media: MediaRow) -> None:
    await tx.run(
        "count_call",
        caller_id=str(media.id),
        procedure="media.retryProcessing",
        limit_calls=RETRIES.calls,
        limit_seconds=RETRIES.seconds,
        now=ctx.now,
    )


@mutation("media.cancelProcessing", raises=(MediaNotFound, UploadPending, MediaProcessed))
async def cancel_processing(ctx: Context, params: MediaReference) -> Success:
    """End the processing of a media at once: it is `failed`, and can be begun anew. Idempotent.

    Raises MediaNotFound, UploadPending before completion, and MediaProcessed for what is ready.
    """
    asked = {"id": params.media_id, "owners": ctx.owners, "now": ctx.now, "look_at": ctx.now + CANCEL_TIME}
    async with ctx.db.transaction() as tx:
        if await tx.one(MediaRow, "cancel_processing", **asked, **CANCELLED):
            await tx.run("abort_jobs", id=params.media_id, task=PROCESS_MEDIA)
        elif (await _find_completed(ctx, tx, params)).state == MediaState.READY:
            raise MediaProcessed
    return Success()


async def _find_completed(ctx: Context, tx: Transaction, params: MediaReference) -> MediaRow:
    media = await find_media(ctx, params.media_id, within=tx)
    if media.state == MediaState.PENDING:
        raise UploadPending(media_id=str(media.id))
    return media
