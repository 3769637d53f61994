"""After deletion: take every object of a media out of storage, prove it, then drop the row."""

from uuid import UUID

from contracts.media import MediaState
from jobs.job import Bench, job
from sql.rows import MediaIdRow, MediaRow, Transfer
from storage.keys import prefixes
from storage.s3 import ObjectStore


@job
async def purge_media(bench: Bench, media_id: UUID) -> str:
    """Remove all objects of a deleted media; its tombstone goes once its URL can bring no more bytes.

    Until then the tombstone keeps the bytes reserved and stays due for the sweeper, which comes back here.
    """
    media = await bench.db.one(MediaRow, "read_media", id=media_id)
    if media is None or media.state != MediaState.DELETED:
        return "gone"
    await remove_objects(bench.store, media)
    removed = await bench.db.one(MediaIdRow, "remove_tombstone", id=media.id, now=bench.now)
    return "purged" if removed else "waits for its URL to end"


async def remove_objects(store: ObjectStore, media: MediaRow, *, keep: str | None = None) -> None:
    """Remove every object of a media but `keep`, and every upload that could make one, and prove that they are gone."""
    if media.transfer != Transfer.PUT:
        await store.multipart.abort_all(media.staging_key)
    known = {media.staging_key, media.original_key}
    for prefix in prefixes(media.owner_id, media.id, media.purpose):
        known.update(await store.keys_under(prefix))
    await store.remove(key for key in known if key is not None and key != keep)
