"""The logs that can be read from any event on: an owner's, one media's, and those of all owners as one."""

import asyncio
from abc import ABC, abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass
from uuid import UUID

from contracts.errors import ValidationFailed
from contracts.events import START, MediaEvent
from contracts.owners import named
from procedures.media.progress import note_progress
from rpc.context import Context
from sql.notifier import Subscription
from sql.rows import EventRow, LastEventRow, SettledEventRow

PROGRESS_SECONDS = 2
SETTLE_SECONDS = 1

Place = tuple[int, ...]


@dataclass(slots=True)
class Log(ABC):
    """The events after a place; after None, from now on. `owner` is whose they are, None when everybody's."""

    ctx: Context
    owner: str | None
    after: Place | None

    @property
    def last_event_id(self) -> str:
        """The id of the event that was read last."""
        return _id_of(self.after or ())

    async def read(self, limit: int) -> list[MediaEvent]:
        """The next events of the log, oldest first; none at its end, which is where now is."""
        if self.after is None:
            self.after = await self._end()
            return []
        rows = await self._rows(self.after, limit)
        self.after = rows[-1].place if rows else self.after
        return [_shown(row) for row in rows]

    @abstractmethod
    async def grows(self, subscription: Subscription, *, within: float) -> bool:
        """Wait for more, so many seconds at most: whether the log has grown."""

    @abstractmethod
    async def _end(self) -> Place: ...

    @abstractmethod
    async def _rows(self, after: Place, limit: int) -> Sequence[EventRow]: ...


@dataclass(slots=True)
class OwnerLog(Log):
    """One owner's events, or those of one media, in the order of their ids."""

    owner: str
    media_id: UUID | None

    async def grows(self, subscription: Subscription, *, within: float) -> bool:
        """Wait for more, with an eye on what is being sent."""
        if within <= 0:
            return False
        try:
            async with asyncio.timeout(within):
                while True:
                    sending = await note_progress(self.ctx, self.owner, self.media_id)
                    if await subscription.wait(within=PROGRESS_SECONDS if sending else None):
                        return True
        except TimeoutError:
            return False

    async def _end(self) -> Place:
        last = await self.ctx.db.one(LastEventRow, "read_last_event", owner_id=self.owner)
        return (0 if last is None else last.last_event_id,)

    async def _rows(self, after: Place, limit: int) -> list[EventRow]:
        page = {"owner_id": self.owner, "after": after[0], "limit": limit}
        if self.media_id is None:
            return await self.ctx.db.many(EventRow, "read_events", **page)
        return await self.ctx.db.many(EventRow, "read_events_of_media", media_id=self.media_id, **page)


@dataclass(slots=True)
class Feed(Log):
    """Everybody's events, each as soon as no transaction is open any more that may bring one before it.

    Nobody is notified when the last such transaction ends, so whoever waits looks by itself, too.
    """

    async def grows(self, subscription: Subscription, *, within: float) -> bool:
        """Wait for an event that can be told."""
        try:
            async with asyncio.timeout(max(within, 0)):
                while not await self._rows(self.after or (0, 0), 1):
                    await subscription.wait(within=SETTLE_SECONDS)
                return True
        except TimeoutError:
            return False

    async def _end(self) -> Place:
        last = await self.ctx.db.one(SettledEventRow, "read_last_settled_event")
        return (0, 0) if last is None else last.place

    async def _rows(self, after: Place, limit: int) -> list[SettledEventRow]:
        xid, last = after
        return await self.ctx.db.many(SettledEventRow, "read_settled_events", xid=xid, after=last, limit=limit)


def place_of(event_id: str | None, *, numbers: int) -> Place | None:
    """The place after an event, in so many numbers; None is now. ValidationFailed for an event of another log."""
    if event_id is None:
        return None
    place = (0,) * numbers if event_id == START else tuple(int(part) for part in event_id.split("."))
    if len(place) != numbers:
        raise ValidationFailed.of("event_id", "The event must be one of the same log: of an owner, or of all owners")
    return place


def _id_of(place: Place) -> str:
    return ".".join(str(number) for number in place)


def _shown(row: EventRow) -> MediaEvent:
    owner_type, owner_id = named(row.owner_id)
    return MediaEvent(
        id=_id_of(row.place),
        type=row.type,
        media_id=row.media_id,
        owner_type=owner_type,
        owner_id=owner_id,
        at=row.at,
        data=row.data,
    )
