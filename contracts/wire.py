"""How models look on the wire: camelCase, nothing unknown accepted, dates as JavaScript prints them."""

from datetime import UTC, datetime
from typing import Annotated

from pydantic import BaseModel, ConfigDict, PlainSerializer, StringConstraints, WithJsonSchema
from pydantic.alias_generators import to_camel


def iso_milliseconds(moment: datetime) -> str:
    """`2026-01-02T03:04:05.678Z`: UTC, always three decimals, as `Date.prototype.toISOString` writes it."""
    return moment.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


Timestamp = Annotated[
    datetime,
    PlainSerializer(iso_milliseconds, return_type=str),
    WithJsonSchema({"type": "string", "format": "date-time", "x-ts-brand": "ISODateTime"}),
]


class Wire(BaseModel):
    """A JSON object of the API."""

    model_config = ConfigDict(
        alias_generator=to_camel,
        populate_by_name=True,
        extra="forbid",
        frozen=True,
        hide_input_in_errors=True,
        json_schema_serialization_defaults_required=True,  # an answer has every member
    )


class NoInput(Wire):
    """The input of a procedure that takes none: `{}`, or nothing at all."""


# What an event stream can carry as an id.
ON_ONE_LINE = StringConstraints(pattern=r"^[^\x00\r\n]+$")
EVENT_ID = WithJsonSchema({"type": "string", "x-ts-brand": "EventId"})
# Where a log ended when something was read: whoever goes on there misses nothing of what comes after the read.
LastEventId = Annotated[str, EVENT_ID]


class Event(Wire):
    """One event of a subscription; whoever names the last `id` that was seen goes on after it."""

    id: Annotated[str, ON_ONE_LINE, EVENT_ID]
