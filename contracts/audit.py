"""Who changed what, when, and in which request: input and output of `media.listAudit`."""

from typing import Annotated, Any

from pydantic import AfterValidator, Field, StrictInt, StrictStr
from pydantic_core import PydanticCustomError

from contracts.media import MAX_PAGE, Direction, MediaId
from contracts.owners import NamedOwner, Owner
from contracts.wire import Timestamp, Wire

MAX_ID_DIGITS = 18


def _record_id(value: str) -> str:
    if len(value) > MAX_ID_DIGITS or not (value.isascii() and value.isdecimal()):
        raise PydanticCustomError("cursor", "cursor must be the nextCursor of an earlier page")
    return value


RecordId = Annotated[StrictStr, AfterValidator(_record_id)]


class ListAudit(Wire):
    """Input of `media.listAudit`: every record, or those of one owner, one media, or both."""

    limit: Annotated[StrictInt, Field(ge=1, le=MAX_PAGE)] = 20
    cursor: RecordId | None = None
    direction: Direction = "forward"
    owner: NamedOwner | None = None
    media_id: MediaId | None = None


class AuditRecord(Wire):
    """One change: the user who asked for it, by which procedure, in which request, and what with.

    `userId` is empty for what was done by a command of this server. `input` leaves out what stands beside it, and has
    lists by their lengths.
    """

    id: str
    at: Timestamp
    user_id: str
    procedure: str
    request_id: str
    owner: Owner
    media_id: MediaId | None
    input: dict[str, Any]


class AuditPage(Wire):
    """Newest first; `nextCursor` is null on the last page."""

    items: list[AuditRecord]
    next_cursor: str | None
