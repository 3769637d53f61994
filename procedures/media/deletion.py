"""What goes: `media.deleteMedia`, `media.deleteMany`."""

from collections.abc import Collection
from uuid import UUID

from contracts.errors import MediaNotFound
from contracts.media import Deletion, Deletions, MediaReference, MediaReferences, Refusal, Success
from media.deletion import PURGE_TIME
from media.queue import PURGE_MEDIA, enqueue
from rpc.budget import ITEM_BYTES
from rpc.context import Context
from rpc.procedure import mutation
from sql.database import Transaction
from sql.rows import MediaIdRow, MediaRow


@mutation("media.deleteMedia", raises=(MediaNotFound,))
async def delete_media(ctx: Context, params: MediaReference) -> Success:
    """Give the bytes back at once and take the objects out of storage in the background. Idempotent.

    What a signed URL could still bring stays reserved until its end. Raises MediaNotFound.
    """
    async with ctx.db.transaction() as tx:
        deleted = await _soft_delete(ctx, tx, [params.media_id])
        if not deleted and await missing(ctx, tx, [params.media_id]):
            raise MediaNotFound
    return Success()


@mutation("media.deleteMany", most_bytes=lambda _ctx, params: len(params.media_ids) * ITEM_BYTES)
async def delete_many(ctx: Context, params: MediaReferences) -> Deletions:
    """Delete each of these media as `media.deleteMedia` would, all of them at once; what came of each, in their order.

    What is not found hinders nothing else. Idempotent.
    """
    asked = set(params.media_ids)
    async with ctx.db.transaction() as tx:
        deleted = await _soft_delete(ctx, tx, asked)
        unknown = await missing(ctx, tx, asked.difference(deleted))
    return Deletions(results=[_deletion(media_id, found=media_id not in unknown) for media_id in params.media_ids])


async def missing(ctx: Context, tx: Transaction, media_ids: Collection[UUID]) -> set[UUID]:
    """Those of these ids that the caller may not touch, or that nobody has; deleted media are not missing."""
    if not media_ids:
        return set()
    rows = await tx.many(MediaIdRow, "find_missing", ids=list(media_ids), owners=ctx.owners)
    return {row.id for row in rows}


async def _soft_delete(ctx: Context, tx: Transaction, media_ids: Collection[UUID]) -> list[UUID]:
    """Leave tombstones and have their objects purged; the ids of what was not deleted before."""
    rows = await tx.many(
        MediaRow, "delete_media", ids=list(media_ids), owners=ctx.owners, now=ctx.now, look_at=ctx.now + PURGE_TIME
    )
    deleted = [row.id for row in rows]
    tx.changed(deleted)
    await enqueue(tx, PURGE_MEDIA, *deleted)
    return deleted


def _deletion(media_id: UUID, *, found: bool) -> Deletion:
    refusal = None if found else Refusal(code=MediaNotFound.code, message=MediaNotFound().message)
    return Deletion(media_id=media_id, success=found, error=refusal)
