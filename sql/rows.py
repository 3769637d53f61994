"""Rows as they come from the database: frozen, every column by name. As structs they are made four times as fast."""

from datetime import datetime
from enum import StrEnum
from typing import Any
from uuid import UUID

from msgspec import Struct

from contracts.formats import MediaType
from contracts.media import MediaState, Purpose


class Transfer(StrEnum):
    """How the bytes of a media come."""

    # The same words stand in the CHECK of sql/migrations/0001_media.sql.
    PUT = "put"  # one PUT to a signed URL
    PARTS = "parts"  # a PUT to a signed URL for each part
    CONTENT = "content"  # through this server


class MediaRow(Struct, frozen=True, kw_only=True):
    """One row of `media`."""

    id: UUID
    owner_id: str
    user_id: str
    state: MediaState
    type: MediaType
    purpose: Purpose
    filename: str
    mime_type: str
    size_bytes: int
    sha256: str | None
    staging_key: str
    url_expires_at: datetime
    url_ends_at: datetime
    transfer: Transfer
    part_bytes: int | None
    multipart_id: str | None
    upload_expires_at: datetime | None
    uploaded_bytes: int
    original_key: str | None
    width: int | None
    height: int | None
    duration: float | None
    error_code: str | None
    error_reason: str | None
    created_at: datetime
    updated_at: datetime
    deleted_at: datetime | None
    sweep_at: datetime | None
    post_id: str | None
    post_position: int | None
    renditions: list[dict[str, Any]]
    metadata: dict[str, Any]
    stage: str | None
    progress: int
    attempts: int
    failures: int
    run: UUID | None
    detected_type: str | None

    @property
    def content_type(self) -> str:
        """What its bytes are as far as is known; until they have arrived, what was declared."""
        return self.detected_type or self.mime_type

    @property
    def expires_at(self) -> datetime:
        """Until when the bytes may be sent."""
        return self.upload_expires_at or self.url_expires_at


class FoundRow(MediaRow, frozen=True, kw_only=True):
    """A media, and where its owner's log ended when it was read."""

    last_event_id: int


class ListedRow(FoundRow, frozen=True, kw_only=True):
    """A media of a page, or the row without one that an empty page is.

    A search answers the last one that it looked at, too, found or not.
    """

    is_found: bool
    is_last: bool = False


class ReservationRow(Struct, frozen=True):
    """What came of one initiate: reserved, known or taken (its idempotency key), limited or over quota, with facts.

    What is reserved in place of a cancelled upload has the facts of that: its `staging_key`.
    """

    outcome: str
    facts: dict[str, Any] | None
    id: UUID | None


class UsageRow(Struct, frozen=True):
    """What an owner uses and may use, in bytes."""

    used_bytes: int
    reserved_bytes: int
    quota_bytes: int
    image_bytes: int
    video_bytes: int
    audio_bytes: int
    rendition_bytes: int


class MediaIdRow(Struct, frozen=True):
    """The id of a media row that a statement took or removed."""

    id: UUID


class ProcessingRow(Struct, frozen=True):
    """Whether a media is being processed."""

    is_processing: bool


class ReleaseRow(Struct, frozen=True):
    """How many bytes come back to an owner, and when."""

    at: datetime
    bytes: int


class TurnRow(Struct, frozen=True):
    """A turn in a lane of the queue, in seconds of its work."""

    turn: int


class OwnerRow(Struct, frozen=True):
    """Whose a media is, or was."""

    owner_id: str


class CountRow(Struct, frozen=True):
    """How many rows a statement removed."""

    rows: int


class DeletionRow(Struct, frozen=True):
    """A deletion that the log remembers."""

    media_id: UUID


class LastEventRow(Struct, frozen=True):
    """Where an owner's log ends: 0 before the first event."""

    last_event_id: int


class EventRow(Struct, frozen=True):
    """One event of the log."""

    id: int
    type: str
    media_id: UUID
    owner_id: str
    at: datetime
    data: dict[str, Any]

    @property
    def place(self) -> tuple[int, ...]:
        """Where it stands in its owner's log."""
        return (self.id,)


class SettledEventRow(EventRow, frozen=True):
    """One event of all owners' logs, which no event can come before any more."""

    xid: int

    @property
    def place(self) -> tuple[int, ...]:
        """Where it stands among the events of all owners."""
        return self.xid, self.id


class AuditRow(Struct, frozen=True):
    """One record of the audit."""

    id: int
    at: datetime
    user_id: str
    procedure: str
    request_id: str
    owner_id: str
    media_id: UUID | None
    input: dict[str, Any]


class MigrationRow(Struct, frozen=True):
    """A migration that the database has."""

    name: str


def columns(row: type[Struct]) -> str:
    """The column list of a row class, for `returning` and `select`."""
    return ", ".join(row.__struct_fields__)
