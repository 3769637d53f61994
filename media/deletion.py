"""The end of media, and of all that a user has: tombstones, whose objects a job takes away."""

from datetime import datetime, timedelta

from contracts.owners import key_of_user
from media.queue import PURGE_MEDIA, enqueue
from sql.database import Database
from sql.rows import MediaIdRow

BATCH_MEDIA = 500
# How long the objects of a deleted media may take to go, before storage is looked at again.
PURGE_TIME = timedelta(minutes=15)


async def purge_user(db: Database, user_id: str, now: datetime) -> int:
    """Delete every media of a user, begun uploads too, and forget the rest that is known; how many media they were.

    Some hundred media go in each transaction, each with its job. Whoever dies in the middle leaves the rest as it was,
    and a repetition goes on with it.
    """
    owner_id, deleted = key_of_user(user_id), 0
    while some := await _delete_some(db, owner_id, now):
        deleted += some
    for statement in (
        "forget_profile_image",
        "forget_idempotency_keys",
        "forget_rate_windows",
        "forget_turns",
        "forget_quota",
    ):
        async with db.transaction() as tx:
            await tx.run(statement, owner_id=owner_id, user_id=user_id)
    await db.run("forget_usage", owner_id=owner_id)
    return deleted


async def _delete_some(db: Database, owner_id: str, now: datetime) -> int:
    async with db.transaction() as tx:
        deleted = await tx.many(
            MediaIdRow, "delete_some_media", owner_id=owner_id, limit=BATCH_MEDIA, now=now, look_at=now + PURGE_TIME
        )
        await enqueue(tx, PURGE_MEDIA, *(media.id for media in deleted))
    return len(deleted)
