"""What happens to a caller's media, as it happens: `media.watch`."""

from collections.abc import AsyncIterator

from contracts.errors import ForeignOwner, MediaNotFound
from contracts.events import MediaEvent, WatchMedia
from rpc.context import Context
from rpc.procedure import subscription
from sql.rows import EventRow

PAGE = 200
LOOK_SECONDS = 15


@subscription("media.watch", raises=(ForeignOwner, MediaNotFound))
async def watch(ctx: Context, params: WatchMedia) -> AsyncIterator[MediaEvent | None]:
    """Answer an owner's events, those of the log so far and then each as it happens, in the order of the changes.

    After `lastEventId` when it is given, else from the beginning. Raises ForeignOwner, and MediaNotFound for a media
    that never was the caller's.
    """
    owner = await _watched_owner(ctx, params)
    after = int(params.last_event_id or 0)
    async with ctx.resources.bell.of(owner) as ring:
        while True:
            rows = await _read_events(ctx, params, owner, after)
            for row in rows:
                yield shown(row)
                after = row.id
            if len(rows) < PAGE and not await ring.heard(within=LOOK_SECONDS):
                yield None


def shown(row: EventRow) -> MediaEvent:
    """One event of the log, as its owner sees it."""
    return MediaEvent(id=str(row.id), type=row.type, media_id=row.media_id, at=row.at, data=row.data)


async def _watched_owner(ctx: Context, params: WatchMedia) -> str:
    """Whose log is watched: the media's owner, or the one who is named."""
    if params.media_id is None:
        return ctx.owner(params.owner)
    event = await ctx.db.one(EventRow, "find_event", owners=ctx.owners, media_id=params.media_id)
    if event is None:
        raise MediaNotFound
    return event.owner_id


async def _read_events(ctx: Context, params: WatchMedia, owner: str, after: int) -> list[EventRow]:
    page = {"owner_id": owner, "after": after, "limit": PAGE}
    if params.media_id is None:
        return await ctx.db.many(EventRow, "read_events", **page)
    return await ctx.db.many(EventRow, "read_events_of_media", media_id=params.media_id, **page)
