"""After deletion: take every object of a media out of storage, prove it, then drop the row."""

from uuid import UUID

from contracts.media import MediaState
from jobs.job import JobContext, job
from media.cleanup import release_parts, tidy
from sql.rows import MediaIdRow


@job
async def purge_media(ctx: JobContext, media_id: UUID) -> str:
    """Remove all objects of a deleted media; its tombstone goes once its URL can bring no more bytes.

    Until then the tombstone keeps the bytes reserved, but not those of parts that storage has dropped, and stays due
    for the sweeper, which comes back here.
    """
    media = await tidy(ctx.db, ctx.store, media_id)
    if media is None or media.state != MediaState.DELETED:
        return "gone"
    await release_parts(ctx.db, ctx.store, media)
    async with ctx.db.transaction() as tx:
        removed = await tx.one(MediaIdRow, "remove_tombstone", id=media.id, now=ctx.now)
        if removed is not None:
            await tx.run("forget_usage", owner_id=media.owner_id)
    return "purged" if removed else "waits for its URL to end"
