"""After deletion: take every object of a media out of storage, prove it, then drop the row."""

from datetime import datetime, timedelta
from uuid import UUID

from contracts.media import MediaState
from contracts.owners import key_of_user
from jobs.job import JobContext, enqueue, job
from jobs.parts import stored_parts
from sql.database import Database
from sql.rows import MediaIdRow, MediaRow, Transfer
from storage.keys import belongs_to, prefixes, public_prefix
from storage.multipart import UploadGone
from storage.s3 import ObjectStore

BATCH_MEDIA = 500
# How long the objects of a deleted media may take to go, before storage is looked at again.
PURGE_TIME = timedelta(minutes=15)


@job
async def purge_media(ctx: JobContext, media_id: UUID) -> str:
    """Remove all objects of a deleted media; its tombstone goes once its URL can bring no more bytes.

    Until then the tombstone keeps the bytes reserved, but not those of parts that storage has dropped, and stays due
    for the sweeper, which comes back here.
    """
    media = await tidy(ctx, media_id)
    if media is None or media.state != MediaState.DELETED:
        return "gone"
    await release_parts(ctx.db, ctx.store, media)
    async with ctx.db.transaction() as tx:
        removed = await tx.one(MediaIdRow, "remove_tombstone", id=media.id, now=ctx.now)
        if removed is not None:
            await tx.run("forget_usage", owner_id=media.owner_id)
    return "purged" if removed else "waits for its URL to end"


async def purge_user(db: Database, user_id: str, now: datetime) -> int:
    """Delete every media of a user, begun uploads too, and forget the rest that is known; how many media they were.

    Some hundred media go in each transaction, each with its job. Whoever dies in the middle leaves the rest as it was,
    and a repetition goes on with it.
    """
    owner_id, deleted = key_of_user(user_id), 0
    while some := await _delete_some(db, owner_id, now):
        deleted += some
    for what in (
        "forget_profile_image",
        "forget_idempotency_keys",
        "forget_rate_windows",
        "forget_turns",
        "forget_quota",
    ):
        async with db.transaction() as tx:
            await tx.run(what, owner_id=owner_id, user_id=user_id)
    await db.run("forget_usage", owner_id=owner_id)
    return deleted


async def _delete_some(db: Database, owner_id: str, now: datetime) -> int:
    async with db.transaction() as tx:
        deleted = await tx.many(
            MediaIdRow, "delete_some_media", owner_id=owner_id, limit=BATCH_MEDIA, now=now, look_at=now + PURGE_TIME
        )
        await enqueue(tx, purge_media, *(media.id for media in deleted))
    return len(deleted)


async def tidy(ctx: JobContext, media_id: UUID) -> MediaRow | None:
    """Leave of a media in storage what its row names, and prove that the rest is gone; the row, None without one.

    What is public is listed before the row is read: what another attempt publishes meanwhile is in the row, or was not
    there yet. While there is one, nothing public goes.
    """
    public = await ctx.store.public.keys_under(public_prefix(media_id))
    media = await ctx.db.one(MediaRow, "read_media", id=media_id)
    if media is not None:
        await remove_objects(ctx.store, media)
    if media is None or media.state != MediaState.PROCESSING:
        await ctx.store.public.remove(key for key in public if not _is_published(media, key))
    return media


async def remove_objects(store: ObjectStore, media: MediaRow) -> None:
    """Remove every private object of a media but a living one's original, and every upload that could make one."""
    kept = None if media.state == MediaState.DELETED else media.original_key
    if media.transfer != Transfer.PUT:
        await store.multipart.abort_all(media.staging_key)
    known = {media.staging_key, media.original_key}
    for prefix in prefixes(media.owner_id, media.id, media.purpose):
        known.update(await store.keys_under(prefix))
    await store.remove(key for key in known if key is not None and key != kept)


async def release_parts(db: Database, store: ObjectStore, media: MediaRow) -> None:
    """Free the bytes of a deleted upload in parts if storage no longer knows it: then none of its URLs brings more."""
    if media.transfer == Transfer.PARTS and media.multipart_id and not await _is_open(store, media):
        await db.run("release_parts", id=media.id, multipart_id=media.multipart_id)


async def _is_open(store: ObjectStore, media: MediaRow) -> bool:
    """Whether storage knows an upload, or has kept a part that was on its way when the upload was dropped."""
    try:
        return bool(await stored_parts(store, media))
    except UploadGone:
        return False


def _is_published(media: MediaRow | None, key: str) -> bool:
    """Whether a row names an object, or names the playlist that does."""
    if media is None or media.state == MediaState.DELETED:
        return False
    return any(belongs_to(key, made["key"]) for made in media.renditions)
