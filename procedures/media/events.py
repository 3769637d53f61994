"""What happens to an owner's media, as it happens: `media.watch`, and `media.pollEvents` for callers without streams.

Storage tells nobody when a part arrives, so whoever waits looks there now and then, and puts what is new into the log.
"""

import asyncio
import time
from collections.abc import AsyncIterator
from dataclasses import dataclass
from uuid import UUID

from contracts.errors import ForeignOwner, MediaNotFound
from contracts.events import START, MediaEvent, MediaEvents, PollEvents, WatchMedia
from procedures.media.progress import note_progress
from rpc.context import Context
from rpc.procedure import query, subscription
from sql.bell import Ring
from sql.rows import EventRow, LastEventRow, OwnerRow

PAGE = 200
LOOK_SECONDS = 15
PROGRESS_SECONDS = 2


@dataclass(slots=True)
class Log:
    """One owner's events, or those of one media, after one of them; after None, from now on."""

    ctx: Context
    owner: str
    media_id: UUID | None
    after: int | None

    async def read(self, limit: int) -> list[MediaEvent]:
        """The next events of the log, oldest first; none at its end, which is where now is."""
        if self.after is None:
            self.after = await self._end()
            return []
        page = {"owner_id": self.owner, "after": self.after, "limit": limit}
        if self.media_id is None:
            rows = await self.ctx.db.many(EventRow, "read_events", **page)
        else:
            rows = await self.ctx.db.many(EventRow, "read_events_of_media", media_id=self.media_id, **page)
        self.after = rows[-1].id if rows else self.after
        return [_shown(row) for row in rows]

    async def _end(self) -> int:
        last = await self.ctx.db.one(LastEventRow, "read_last_event", owner_id=self.owner)
        return 0 if last is None else last.last_event_id

    async def grows(self, ring: Ring, *, within: float) -> bool:
        """Wait for more, so many seconds at most, with an eye on what is being sent: whether the log has grown."""
        if within <= 0:
            return False
        try:
            async with asyncio.timeout(within):
                while True:
                    sending = await note_progress(self.ctx, self.owner, self.media_id)
                    if await ring.heard(within=PROGRESS_SECONDS if sending else None):
                        return True
        except TimeoutError:
            return False


@subscription("media.watch", raises=(ForeignOwner, MediaNotFound))
async def watch(ctx: Context, params: WatchMedia) -> AsyncIterator[MediaEvent | None]:
    """Answer an owner's events as they happen, in the order of the changes.

    First those of the log after `lastEventId` or `since` where it is given. Raises ForeignOwner, and MediaNotFound for
    a media that never was the caller's.
    """
    log = await _log(ctx, params, after=params.last_event_id or params.since)
    async with ctx.resources.bell.of(log.owner) as ring:
        while True:
            events = await log.read(PAGE)
            for event in events:
                yield event
            if len(events) < PAGE and not await log.grows(ring, within=LOOK_SECONDS):
                yield None


@query("media.pollEvents", raises=(ForeignOwner, MediaNotFound))
async def poll_events(ctx: Context, params: PollEvents) -> MediaEvents:
    """Answer the events after `since`, or wait up to `waitSeconds` for the next ones; none when nothing happens.

    Without `since` they are those from now on, and `lastEventId` says where that is.

    Raises ForeignOwner, and MediaNotFound for a media that never was the caller's.
    """
    log = await _log(ctx, params, after=params.since)
    async with ctx.resources.bell.of(log.owner) as ring:
        until = time.monotonic() + params.wait_seconds
        events = await log.read(params.limit)
        while not events and await log.grows(ring, within=until - time.monotonic()):
            events = await log.read(params.limit)
    return MediaEvents(events=events, last_event_id=str(log.after))


async def _log(ctx: Context, params: WatchMedia | PollEvents, *, after: str | None) -> Log:
    """The log of the owner who is named, or of a media's, when it is that owner's."""
    owner = ctx.owner(params.owner)
    if params.media_id is None:
        return Log(ctx, owner, None, _place(after))
    owners = [owner] if params.owner else ctx.owners
    found = await ctx.db.one(OwnerRow, "find_owner", owners=owners, media_id=params.media_id)
    if found is None:
        raise MediaNotFound
    return Log(ctx, found.owner_id, params.media_id, _place(after))


def _place(after: str | None) -> int | None:
    """Where in the log that is: None is now."""
    if after is None:
        return None
    return 0 if after == START else int(after)


def _shown(row: EventRow) -> MediaEvent:
    return MediaEvent(id=str(row.id), type=row.type, media_id=row.media_id, at=row.at, data=row.data)
