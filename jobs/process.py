"""After completion: make the media ready, and leave nothing but its original in storage."""

from uuid import UUID

from contracts.media import MediaState
from jobs.job import Bench, job
from jobs.purge import remove_objects
from sql.rows import MediaRow


@job
async def process_media(bench: Bench, media_id: UUID) -> str:
    """Make a completed media ready; then the staged bytes, and copies of attempts that lost, go."""
    media = await bench.db.one(MediaRow, "mark_ready", id=media_id, now=bench.now) or await bench.db.one(
        MediaRow, "read_media", id=media_id
    )
    if media is None or media.state != MediaState.READY:
        return "gone"
    await remove_objects(bench.store, media, keep=media.original_key)
    return "ready"
