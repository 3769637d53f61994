"""The log of what happened to a caller's media: input and output of `media.watch`."""

from enum import StrEnum
from typing import Annotated, Literal

from pydantic import AfterValidator, Field, StrictInt, StrictStr, ValidationInfo, WithJsonSchema
from pydantic.alias_generators import to_camel
from pydantic_core import PydanticCustomError

from contracts.formats import MediaType
from contracts.media import MAX_WAIT_SECONDS, MediaError, MediaId, MediaState, WaitSeconds
from contracts.owners import NamedOwner
from contracts.processing import Stage
from contracts.wire import EVENT_ID, Event, Timestamp, Wire

MAX_EVENT_ID = 2**63 - 1
MAX_EVENT_ID_DIGITS = 19
MAX_EVENTS = 200
START = "start"
EVERYBODY = "*"


class EventType(StrEnum):
    """What happened."""

    # The same words stand in the CHECK of sql/migrations/0002_events.sql.
    UPLOAD_STARTED = "upload.started"
    UPLOAD_PROGRESS = "upload.progress"
    MEDIA_PROCESSING = "media.processing"
    MEDIA_PROGRESS = "media.progress"
    MEDIA_READY = "media.ready"
    MEDIA_FAILED = "media.failed"
    MEDIA_DELETED = "media.deleted"


def _is_number(text: str) -> bool:
    return len(text) <= MAX_EVENT_ID_DIGITS and text.isascii() and text.isdecimal() and int(text) <= MAX_EVENT_ID


def _event_id(value: str, info: ValidationInfo) -> str:
    numbers = value.split(".", 2)
    if len(numbers) > 2 or not all(_is_number(number) for number in numbers):  # noqa: PLR2004 - transaction and event
        facts = {"field": to_camel(info.field_name or "")}
        raise PydanticCustomError("event_id", "{field} must be the id of an earlier event", facts)
    return value


def _since(value: str, info: ValidationInfo) -> str:
    return value if value == START else _event_id(value, info)


EventId = Annotated[StrictStr, AfterValidator(_event_id), EVENT_ID]
Since = Annotated[
    StrictStr,
    AfterValidator(_since),
    WithJsonSchema({"anyOf": [{"const": START, "type": "string"}, {"type": "string", "x-ts-brand": "EventId"}]}),
]


class WatchMedia(Wire):
    """Input of `media.watch`: every media of the caller, or one; what happens from now on, or after `since`.

    `since` is the id of an event, or "start" for the whole log; `lastEventId`, with which a client connects again,
    counts before it. With the scope `service`, the owner "*" is everybody, whose events have ids of their own.
    """

    media_id: MediaId | None = None
    last_event_id: EventId | None = None
    since: Since | None = None
    owner: NamedOwner | Literal["*"] | None = None


class PollEvents(Wire):
    """Input of `media.pollEvents`: what `media.watch` tells, for callers without streams."""

    media_id: MediaId | None = None
    since: Since | None = None
    wait_seconds: WaitSeconds = MAX_WAIT_SECONDS
    limit: Annotated[StrictInt, Field(ge=1, le=MAX_EVENTS)] = MAX_EVENTS
    owner: NamedOwner | Literal["*"] | None = None


class MediaEventData(Wire):
    """The media as the event left it. Size in bytes.

    `uploadedBytes` of an upload in progress; `stage` and `progress` (percent) of a media that is worked at.
    """

    status: MediaState
    type: MediaType
    size: int
    uploaded_bytes: int | None = None
    stage: Stage | None = None
    progress: int | None = None
    error: MediaError | None = None


class MediaEvent(Event):
    """One change of one media; ids rise in the order in which an owner's changes took effect."""

    type: EventType
    media_id: MediaId
    owner_type: str
    owner_id: str
    at: Timestamp
    data: MediaEventData


class MediaEvents(Wire):
    """Events in order, none when nothing happened in time; `lastEventId` is the next call's `since`."""

    events: list[MediaEvent]
    last_event_id: EventId
