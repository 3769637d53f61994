"""Uploads in parts: inputs and outputs of what begins, signs, resumes and completes them."""

from typing import Annotated, Any, Literal

from pydantic import AfterValidator, Field, StrictInt, StrictStr
from pydantic_core import PydanticCustomError

from contracts.media import (
    MAX_PAGE,
    ByteCount,
    Cursor,
    Direction,
    InitiateUpload,
    MediaId,
    MediaState,
    Sha256,
    WaitSeconds,
)
from contracts.owners import NamedOwner
from contracts.sizes import MIB
from contracts.wire import LastEventId, Timestamp, Wire

MAX_PARTS = 10_000  # S3's own limit
MIN_PART_BYTES = 5 * MIB  # S3's own limit, for every part but the last
DEFAULT_PART_BYTES = 8 * MIB


PartNumber = Annotated[StrictInt, Field(ge=1, le=MAX_PARTS)]


def _once_each(numbers: list[int]) -> list[int]:
    if len(set(numbers)) < len(numbers):
        raise PydanticCustomError("part_numbers", "A part number stands twice")
    return numbers


class InitiateMultipartUpload(InitiateUpload):
    """Input of `media.initiateMultipartUpload`; `partSize` is a wish, in bytes."""

    part_size: Annotated[StrictInt, Field(ge=MIN_PART_BYTES, lt=2**40)] | None = None


class MultipartTicket(Wire):
    """An upload in parts: each has `partSize` bytes, the last one what is left. It lives until `expiresAt`."""

    upload_id: MediaId
    media_id: MediaId
    part_size: int
    total_parts: int
    expires_at: Timestamp


class PartChecksum(Wire):
    """The SHA-256 that the URL of a part is to be bound to."""

    part_number: PartNumber
    sha256: Sha256


def _each_once(parts: list[Any]) -> list[Any]:
    _once_each([part.part_number for part in parts])
    return parts


Checksums = Annotated[list[PartChecksum], Field(max_length=MAX_PARTS, fail_fast=True), AfterValidator(_each_once)]


class SignParts(Wire):
    """Input of `media.signParts`: any parts, in any order, again and again."""

    media_id: MediaId
    part_numbers: Annotated[
        list[PartNumber], Field(min_length=1, max_length=MAX_PARTS, fail_fast=True), AfterValidator(_once_each)
    ]
    checksums: Checksums = Field(default_factory=list)


class SignedPart(Wire):
    """Where and how to send one part: one PUT of exactly `size` bytes with `headers`, before `expiresAt`."""

    part_number: int
    upload_url: str
    method: Literal["PUT"]
    headers: dict[str, str]
    size: int
    expires_at: Timestamp


class SignedParts(Wire):
    """In the order in which they were asked for."""

    parts: list[SignedPart]


class SentPart(Wire):
    """A part as its sender knows it; what is said of it must be so."""

    part_number: PartNumber
    etag: StrictStr | None = None
    size: ByteCount | None = None


SentParts = Annotated[list[SentPart], Field(max_length=MAX_PARTS, fail_fast=True), AfterValidator(_each_once)]


class CompleteMultipartUpload(Wire):
    """Input of `media.completeMultipartUpload`. Storage says which parts are there; `parts` are checked against it."""

    media_id: MediaId
    upload_id: MediaId | None = None
    parts: SentParts | None = None
    wait_seconds: WaitSeconds | None = None


class StoredPart(Wire):
    """A part that storage has."""

    part_number: int
    size: int


class UploadStatus(Wire):
    """How far an upload is, as storage says. `etaSeconds` by the rate of the last minute's parts, null without one.

    `partSize` and `totalParts` are null for an upload by one PUT. `nextPart` is the first of `missingParts`. `sha256`
    is what was declared.
    """

    media_id: MediaId
    upload_id: MediaId
    status: MediaState
    filename: str
    content_type: str
    uploaded_bytes: int
    total_bytes: int
    progress: float
    sha256: str | None
    part_size: int | None
    total_parts: int | None
    parts: list[StoredPart]
    missing_parts: list[int]
    next_part: int | None
    eta_seconds: int | None
    expires_at: Timestamp


class ListUploads(Wire):
    """Input of `media.listUploads`."""

    limit: Annotated[StrictInt, Field(ge=1, le=MAX_PAGE)] = 20
    cursor: Cursor | None = None
    direction: Direction = "forward"
    owner: NamedOwner | None = None


class UnfinishedUpload(Wire):
    """An upload that can be resumed; `uploadedBytes` as they were when somebody looked last."""

    media_id: MediaId
    upload_id: MediaId
    filename: str
    content_type: str
    size: int
    part_size: int | None
    total_parts: int | None
    uploaded_bytes: int
    expires_at: Timestamp
    created_at: Timestamp


class UploadPage(Wire):
    """Newest first; `nextCursor` is null on the last page. `lastEventId` is the last event that the page knows of."""

    items: list[UnfinishedUpload]
    next_cursor: Cursor | None
    last_event_id: LastEventId
