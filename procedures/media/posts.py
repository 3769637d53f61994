"""The media of a post: `media.attachToPost`, `detachFromPost`, `listPostMedia`, `deletePostMedia`.

Posts are the host application's, which says who may change one; here an owner's media stand under an id, in an order.
"""

from contracts.errors import (
    AttachedElsewhere,
    ForeignOwner,
    MediaNotFound,
    MediaUnusable,
    OtherPurpose,
    PostFull,
    SeveralOwners,
)
from contracts.media import Success
from contracts.posts import DeletedPostMedia, FoundPostMedia, MediaOfPost, PostMedia, PostReference
from media.deletion import PURGE_TIME
from media.queue import PURGE_MEDIA, enqueue
from procedures.media.answer import last_event, shown
from procedures.media.deletion import missing
from rpc.budget import MEDIA_BYTES
from rpc.context import Context
from rpc.procedure import mutation, query
from sql.rows import ListedRow, MediaIdRow, MediaRow


@mutation(
    "media.attachToPost",
    most_bytes=lambda ctx, _params: ctx.resources.post_media_limit * MEDIA_BYTES,
    raises=(MediaNotFound, OtherPurpose, MediaUnusable, AttachedElsewhere, SeveralOwners, PostFull),
)
async def attach_to_post(ctx: Context, params: MediaOfPost) -> PostMedia:
    """Put media at the end of a post, in this order, all or none; answer the whole post. Idempotent.

    Raises MediaNotFound, OtherPurpose for profile images, MediaUnusable for what is neither processing nor ready,
    AttachedElsewhere for what belongs to another post, SeveralOwners, and PostFull over the limit.
    """
    async with ctx.db.transaction() as tx:
        rows = await tx.many(
            MediaRow,
            "attach_to_post",
            post_id=params.post_id,
            ids=params.media_ids,
            owners=ctx.owners,
            limit=ctx.resources.post_media_limit,
            now=ctx.now,
        )
        tx.changed([row.id for row in rows if row.updated_at == ctx.now])
    return PostMedia(items=[shown(ctx, row) for row in rows])


@mutation("media.detachFromPost", raises=(MediaNotFound,))
async def detach_from_post(ctx: Context, params: MediaOfPost) -> Success:
    """Take media out of a post; what does not stand in it stays as it is. Idempotent.

    Raises MediaNotFound, and then nothing was detached.
    """
    asked = set(params.media_ids)
    async with ctx.db.transaction() as tx:
        rows = await tx.many(
            MediaIdRow,
            "detach_from_post",
            post_id=params.post_id,
            ids=params.media_ids,
            owners=ctx.owners,
            now=ctx.now,
        )
        detached = [row.id for row in rows]
        tx.changed(detached)
        if await missing(ctx, tx, asked.difference(detached)):
            raise MediaNotFound
    return Success()


@query("media.listPostMedia", raises=(ForeignOwner,))
async def list_post_media(ctx: Context, params: PostReference) -> FoundPostMedia:
    """Answer the media of an owner's post in their order; a post that nobody attached to has none.

    Raises ForeignOwner.
    """
    rows = await ctx.db.many(ListedRow, "list_post_media", owner_id=ctx.owner(params.owner), post_id=params.post_id)
    return FoundPostMedia(items=[shown(ctx, row) for row in rows if row.is_found], last_event_id=last_event(rows))


@mutation("media.deletePostMedia", raises=(ForeignOwner,))
async def delete_post_media(ctx: Context, params: PostReference) -> DeletedPostMedia:
    """Delete every media of an owner's post, as `media.deleteMedia` would, all of them at once. Raises ForeignOwner."""
    owner = ctx.owner(params.owner)
    async with ctx.db.transaction() as tx:
        rows = await tx.many(
            MediaRow,
            "delete_post_media",
            owner_id=owner,
            post_id=params.post_id,
            now=ctx.now,
            look_at=ctx.now + PURGE_TIME,
        )
        deleted = [row.id for row in rows]
        tx.changed(deleted)
        await enqueue(tx, PURGE_MEDIA, *deleted)
    return DeletedPostMedia(deleted=len(rows))
