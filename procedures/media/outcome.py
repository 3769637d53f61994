"""What comes of a completed upload, for those who wait for it.

Whoever waits holds no connection: a notification of the owner's log wakes all, and they look at their media by one
statement.
"""

import time
from contextlib import suppress
from uuid import UUID

from contracts.errors import ServiceUnavailable
from contracts.media import MediaState
from procedures.media.reservation import find_upload
from rpc.context import Context
from sql.rows import MediaRow, ProcessingRow


async def outcome(ctx: Context, media: MediaRow, wait_seconds: int | None) -> MediaRow:
    """The media as soon as it is ready or failed; as it is when the time is over, or when this process is to end.

    Raises UploadNotFound for one that is deleted meanwhile.
    """
    seconds = ctx.resources.uploads.complete_wait_seconds if wait_seconds is None else wait_seconds
    if media.state != MediaState.PROCESSING or not seconds:
        return media
    with suppress(ServiceUnavailable):
        await _wait(ctx, media, until=time.monotonic() + seconds)
        return await find_upload(ctx, media.id)
    return media


async def _wait(ctx: Context, media: MediaRow, *, until: float) -> None:
    async with ctx.resources.notifier.subscribe(media.owner_id) as subscription:
        while (left := until - time.monotonic()) > 0 and await _is_processing(ctx, media.id):
            await subscription.wait(within=left)


async def _is_processing(ctx: Context, media_id: UUID) -> bool:
    return (await ctx.db.shared(ProcessingRow, "see_processing", id=media_id)).is_processing
