"""An owner's one profile image: `media.setProfileImage`, `media.getProfileImage`."""

from contracts.errors import ForeignOwner, MediaNotFound, MediaUnusable, NoImage, OtherPurpose
from contracts.media import MediaAnswer, MediaReference, MediaState, OfOwner
from contracts.posts import ProfileImage
from media.deletion import PURGE_TIME
from media.queue import PURGE_MEDIA, enqueue
from procedures.media.answer import answer, shown
from rpc.context import Context
from rpc.procedure import mutation, query
from sql.rows import MediaRow


@mutation("media.setProfileImage", raises=(MediaNotFound, OtherPurpose, MediaUnusable, NoImage))
async def set_profile_image(ctx: Context, params: MediaReference) -> MediaAnswer:
    """Make an image its owner's profile image, and delete the one that was. Idempotent.

    Raises MediaNotFound, OtherPurpose for what was not uploaded with the purpose `profile`, MediaUnusable for what is
    neither processing nor ready, and NoImage.
    """
    async with ctx.db.transaction() as tx:
        rows = await tx.many(
            MediaRow,
            "set_profile_image",
            id=params.media_id,
            owners=ctx.owners,
            now=ctx.now,
            look_at=ctx.now + PURGE_TIME,
        )
        tx.changed([row.id for row in rows if row.updated_at == ctx.now])
        await enqueue(tx, PURGE_MEDIA, *(row.id for row in rows if row.state == MediaState.DELETED))
    (image,) = (row for row in rows if row.state != MediaState.DELETED)
    return answer(ctx, image)


@query("media.getProfileImage", raises=(ForeignOwner,))
async def get_profile_image(ctx: Context, params: OfOwner) -> ProfileImage:
    """Answer an owner's profile image, null when there is none or it was deleted. Raises ForeignOwner."""
    row = await ctx.db.one(MediaRow, "find_profile_image", owner_id=ctx.owner(params.owner))
    return ProfileImage(media=None if row is None else shown(ctx, row))
