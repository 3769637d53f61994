"""What happens to an owner's media, as it happens: `media.watch`, and `media.pollEvents` for callers without streams.

Storage tells nobody when a part arrives, so whoever waits looks there now and then, and puts what is new into the log.
"""

import time
from collections.abc import AsyncIterator

from contracts.errors import ForeignOwner, MediaNotFound
from contracts.events import EVERYBODY, MediaEvent, MediaEvents, PollEvents, WatchMedia
from procedures.media.logs import Feed, Log, OwnerLog, place_of
from rpc.context import Context
from rpc.procedure import query, subscription
from sql.rows import OwnerRow

PAGE = 200
LOOK_SECONDS = 15


@subscription("media.watch", raises=(ForeignOwner, MediaNotFound))
async def watch(ctx: Context, params: WatchMedia) -> AsyncIterator[MediaEvent | None]:
    """Answer an owner's events as they happen, in the order of the changes.

    First those of the log after `lastEventId` or `since` where it is given. Raises ForeignOwner, and MediaNotFound for
    a media that never was the caller's.
    """
    log = await _log(ctx, params, after=params.last_event_id or params.since)
    async with ctx.resources.notifier.subscribe(log.owner) as subscription:
        while True:
            events = await log.read(PAGE)
            for event in events:
                yield event
            if len(events) < PAGE and not await log.grows(subscription, within=LOOK_SECONDS):
                yield None


@query("media.pollEvents", raises=(ForeignOwner, MediaNotFound))
async def poll_events(ctx: Context, params: PollEvents) -> MediaEvents:
    """Answer the events after `since`, or wait up to `waitSeconds` for the next ones; none when nothing happens.

    Without `since` they are those from now on, and `lastEventId` says where that is.

    Raises ForeignOwner, and MediaNotFound for a media that never was the caller's.
    """
    log = await _log(ctx, params, after=params.since)
    async with ctx.resources.notifier.subscribe(log.owner) as subscription:
        until = time.monotonic() + params.wait_seconds
        events = await log.read(params.limit)
        while not events and await log.grows(subscription, within=until - time.monotonic()):
            events = await log.read(params.limit)
    return MediaEvents(events=events, last_event_id=log.last_event_id)


async def _log(ctx: Context, params: WatchMedia | PollEvents, *, after: str | None) -> Log:
    """The log of the owner who is named, or of a media's, when it is that owner's; everybody's for a service."""
    owner = _owner(ctx, params)
    if params.media_id is not None:
        owners = ctx.owners if owner is None or params.owner is None else [owner]
        found = await ctx.db.one(OwnerRow, "find_owner", owners=owners, media_id=params.media_id)
        if found is None:
            raise MediaNotFound
        return OwnerLog(ctx, found.owner_id, place_of(after, numbers=1), params.media_id)
    if owner is None:
        return Feed(ctx, None, place_of(after, numbers=2))
    return OwnerLog(ctx, owner, place_of(after, numbers=1), None)


def _owner(ctx: Context, params: WatchMedia | PollEvents) -> str | None:
    """The key of the owner that a call names, None for everybody; ForeignOwner when that may not be."""
    if not isinstance(params.owner, str):
        return ctx.owner(params.owner)
    if ctx.owners is not None:
        raise ForeignOwner(owner=EVERYBODY)
    return None
