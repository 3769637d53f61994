"""What storage has of a media, and what of it is to go."""

from uuid import UUID

from contracts.media import MediaState
from media.parts import stored_parts
from sql.database import Database
from sql.rows import MediaRow, Transfer
from storage.keys import belongs_to, prefixes, public_prefix
from storage.multipart import UploadGone
from storage.s3 import ObjectStore


async def tidy(db: Database, store: ObjectStore, media_id: UUID) -> MediaRow | None:
    """Leave of a media in storage what its row names, and prove that the rest is gone; the row, None without one.

    What is public is listed before the row is read: what another attempt publishes meanwhile is in the row, or was not
    there yet. While there is one, nothing public goes.
    """
    public = await store.public.keys_under(public_prefix(media_id))
    media = await db.one(MediaRow, "read_media", id=media_id)
    if media is not None:
        await remove_objects(store, media)
    if media is None or media.state != MediaState.PROCESSING:
        await store.public.remove(key for key in public if not _is_published(media, key))
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
    return any(belongs_to(key, rendition["key"]) for rendition in media.renditions)
