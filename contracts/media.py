"""Inputs and outputs of the `media.*` procedures, and the states that a media goes through."""

import re
import unicodedata
from datetime import timedelta
from enum import StrEnum
from typing import Annotated, Any, Literal
from uuid import UUID

from pydantic import AfterValidator, BeforeValidator, Field, StrictBool, StrictInt, StrictStr, WithJsonSchema
from pydantic_core import PydanticCustomError

from contracts.formats import FORMATS, MediaType, canonical
from contracts.metadata import Metadata
from contracts.owners import NamedOwner
from contracts.wire import LastEventId, Timestamp, Wire

MAX_FILENAME_CHARACTERS = 255
MAX_PAGE = 100
MAX_IDS = 100
MAX_WAIT_SECONDS = 25


class MediaState(StrEnum):
    """Where a media is in its life."""

    # The same words stand in the CHECK of sql/migrations/0001_media.sql.
    PENDING = "pending"  # initiated; -> processing when its bytes are verified, -> deleted
    PROCESSING = "processing"  # verified and published; -> ready, failed, deleted
    READY = "ready"  # -> deleted
    FAILED = "failed"  # -> processing by a retry, -> deleted
    DELETED = "deleted"  # a tombstone until storage is proven clean, then the row goes


class Purpose(StrEnum):
    """What a media is for."""

    POST = "post"
    PROFILE = "profile"


def _uuid(value: Any) -> UUID | None:
    try:
        return UUID(value) if isinstance(value, str) and len(value) == len(str(UUID(int=0))) else None
    except ValueError:
        return None


def _media_id(value: Any) -> UUID:
    media_id = value if isinstance(value, UUID) else _uuid(value)
    if media_id is None:
        raise PydanticCustomError("media_id", "Invalid media ID format")
    return media_id


def _cursor(value: Any) -> UUID:
    cursor = value if isinstance(value, UUID) else _uuid(value)
    if cursor is None:
        raise PydanticCustomError("cursor", "cursor must be the nextCursor of an earlier page")
    return cursor


def _direction(value: str) -> str:
    if value == "backward":
        raise PydanticCustomError(
            "direction",
            "direction must be forward: a page tells the cursor of the next one, and none of the one before",
        )
    return value


def _filename(given: str) -> str:
    name = given.translate(_BIDI_CONTROLS)
    if not name:
        raise PydanticCustomError("filename", "Filename is required")
    if len(name) > MAX_FILENAME_CHARACTERS:
        raise PydanticCustomError("filename", "Filename must be at most 255 characters")
    if name in {".", ".."} or "/" in name or "\\" in name:
        raise PydanticCustomError("filename", "Filename must be a name, not a path")
    if _has_controls(name):
        raise PydanticCustomError("filename", "Filename must not contain control characters")
    return name


# Embeddings, overrides and isolates show a name in another order than its characters have: "gpj.exe" as "exe.jpg".
# Systems put them around names in a script from right to left, so they are dropped.
_BIDI_CONTROLS = dict.fromkeys([*range(0x202A, 0x202F), *range(0x2066, 0x206A)])


def _has_controls(text: str) -> bool:
    return any(unicodedata.category(character) == "Cc" for character in text)


def _search(text: str) -> str:
    if _has_controls(text):
        raise PydanticCustomError("search", "search must not contain control characters")
    return text.translate(_BIDI_CONTROLS) or text


def _post_id(value: str) -> str:
    if not value.isprintable():
        raise PydanticCustomError("post_id", "postId must be printable")
    return value


def _content_type(value: str) -> str:
    content_type = canonical(value)
    if content_type is None:
        raise PydanticCustomError("content_type", f"Invalid content type. Allowed types: {', '.join(FORMATS)}")
    return content_type


def _sha256(value: str) -> str:
    if not re.fullmatch(r"[0-9a-f]{64}", value):
        raise PydanticCustomError("sha256", "sha256 must be 64 lower-case hex digits")
    return value


def _idempotency_key(value: str) -> str:
    if not value.isprintable():
        raise PydanticCustomError("idempotency_key", "idempotencyKey must be printable")
    return value


MediaId = Annotated[
    UUID,
    BeforeValidator(_media_id),
    WithJsonSchema({"type": "string", "format": "uuid", "x-ts-brand": "MediaId"}),
]
Cursor = Annotated[UUID, BeforeValidator(_cursor), WithJsonSchema({"type": "string", "x-ts-brand": "Cursor"})]
# What tRPC sends of an infinite query.
Direction = Annotated[Literal["forward", "backward"], AfterValidator(_direction)]
Filename = Annotated[StrictStr, AfterValidator(_filename)]
ContentType = Annotated[StrictStr, AfterValidator(_content_type)]
Sha256 = Annotated[StrictStr, AfterValidator(_sha256)]
IdempotencyKey = Annotated[StrictStr, Field(min_length=1, max_length=255), AfterValidator(_idempotency_key)]
IDEMPOTENCY_KEYS_KEPT = timedelta(hours=24)
MediaIds = Annotated[list[MediaId], Field(min_length=1, max_length=MAX_IDS)]
PostId = Annotated[StrictStr, Field(min_length=1, max_length=64), AfterValidator(_post_id)]
Search = Annotated[StrictStr, Field(min_length=1, max_length=MAX_FILENAME_CHARACTERS), AfterValidator(_search)]
ByteCount = Annotated[StrictInt, Field(gt=0, lt=2**53)]
WaitSeconds = Annotated[StrictInt, Field(ge=0, le=MAX_WAIT_SECONDS)]


class InitiateUpload(Wire):
    """Input of `media.initiateUpload`."""

    filename: Filename
    content_type: ContentType
    size: ByteCount
    purpose: Purpose = Purpose.POST
    sha256: Sha256 | None = None
    idempotency_key: IdempotencyKey | None = None
    owner: NamedOwner | None = None


class UploadTicket(Wire):
    """Where and how to send the bytes: one request of `method` to `uploadUrl` with `headers`, before `expiresAt`."""

    upload_id: MediaId
    media_id: MediaId
    upload_url: str
    method: Literal["PUT"]
    headers: dict[str, str]
    expires_at: Timestamp


class CompleteUpload(Wire):
    """Input of `media.completeUpload`; `uploadId`, when given, is the one of the ticket.

    With `waitSeconds`, the answer comes as soon as the media is ready or failed, or when so many seconds are over.
    """

    media_id: MediaId
    upload_id: MediaId | None = None
    wait_seconds: WaitSeconds | None = None


class MediaReference(Wire):
    """Input of the procedures that take one media."""

    media_id: MediaId


class Rendition(Wire):
    """One published form of a media."""

    name: str
    url: str
    mime_type: str
    size: int
    width: int | None
    height: int | None
    duration: float | None


class MediaError(Wire):
    """Why a media failed: a stable word and a sentence."""

    code: str
    reason: str


class Media(Wire):
    """A media as its owner sees it. Sizes in bytes, width and height in pixels as displayed, duration in seconds.

    `userId` is the user who uploaded it.
    """

    id: MediaId
    owner_type: str
    owner_id: str
    user_id: str
    type: MediaType
    purpose: Purpose
    status: MediaState
    url: str | None
    thumbnail_url: str | None
    filename: str
    size: int
    mime_type: str
    width: int | None
    height: int | None
    duration: float | None
    renditions: list[Rendition]
    hls_url: str | None
    post_id: str | None
    metadata: Metadata
    error: MediaError | None
    created_at: Timestamp
    updated_at: Timestamp


class MediaAnswer(Wire):
    """One media."""

    media: Media


class FoundMedia(MediaAnswer):
    """One media, and the last event of its owner that it knows of: watch from there, and nothing is missed."""

    last_event_id: LastEventId


class ManyMedia(Wire):
    """The media that were asked for, in this order; null for what is not there."""

    items: list[Media | None]


class ListMedia(Wire):
    """Input of `media.listMedia`. Without `status`, unfinished uploads are left out.

    Profile images are left out, too, unless `purpose` asks for them alone, or for "any". `search` is a part of the
    filename as people type it, in upper or lower case.
    """

    limit: Annotated[StrictInt, Field(ge=1, le=MAX_PAGE)] = 20
    cursor: Cursor | None = None
    direction: Direction = "forward"
    type: MediaType | None = None
    status: Literal["pending", "processing", "ready", "failed"] | None = None
    purpose: Literal["post", "profile", "any"] = "post"
    post_id: PostId | None = None
    search: Search | None = None
    owner: NamedOwner | None = None


class MediaPage(Wire):
    """Newest first; `nextCursor` is null on the last page. `lastEventId` is the last event that the page knows of.

    A page of a search may hold less than asked for, or nothing, and yet not be the last.
    """

    items: list[Media]
    next_cursor: Cursor | None
    last_event_id: LastEventId


class DownloadName(StrEnum):
    """What a download is called: as it was uploaded, or by its id alone."""

    ORIGINAL = "original"
    NEUTRAL = "neutral"


class GetDownloadUrl(Wire):
    """Input of `media.getDownloadUrl`; without `rendition`, the original. `inline` asks to show it in a page."""

    media_id: MediaId
    rendition: Annotated[StrictStr, Field(min_length=1, max_length=64)] | None = None
    filename: DownloadName = DownloadName.ORIGINAL
    inline: StrictBool = False


class DownloadUrl(Wire):
    """A signed GET, good until `expiresAt`. Whoever asks again before long gets the same."""

    url: str
    expires_at: Timestamp


class Success(Wire):
    """The effect is there, now or from an earlier call."""

    success: Literal[True] = True


class MediaReferences(Wire):
    """Input of `media.getMany` and `media.deleteMany`."""

    media_ids: MediaIds


class Refusal(Wire):
    """Why one of several media was not deleted: a number and its sentence of the error table."""

    code: int
    message: str


class Deletion(Wire):
    """What came of one deletion."""

    media_id: MediaId
    success: bool
    error: Refusal | None


class Deletions(Wire):
    """What came of each deletion, in the order asked."""

    results: list[Deletion]


class OfOwner(Wire):
    """Input of what is asked of an owner as a whole: of the caller, when none is named."""

    owner: NamedOwner | None = None


class StorageUsage(Wire):
    """Bytes. `used`: completed originals; `reserved`: what signed URLs may still bring or tombstones still hold.

    `renditions`: what was made of them, which counts in `percentage` and against `quota` where the settings say so.
    `limit` is the quota too, as callers of VRSS know it.
    """

    used: int
    quota: int
    limit: int
    percentage: float
    reserved: int
    renditions: int
    breakdown: dict[MediaType, int]


class SupportedFormat(Wire):
    """One accepted content type and its ceilings in bytes: of one request, and of an upload in parts.

    `aliases` are other names that are taken for it, in upper or lower case, with or without parameters.
    """

    content_type: str
    aliases: list[str]
    type: MediaType
    extensions: list[str]
    max_size: int
    max_multipart_size: int


class SupportedFormats(Wire):
    """What `media.initiateUpload` accepts, and the names of the renditions that are made."""

    formats: list[SupportedFormat]
    renditions: list[str]
    max_filename_characters: int
