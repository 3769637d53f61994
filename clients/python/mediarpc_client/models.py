"""What is asked and answered. Written by `mediarpc python`."""

from datetime import datetime
from typing import Any, Literal

from mediarpc_client.wire import Model

DownloadName = Literal[
    "original",
    "neutral",
]
EventType = Literal[
    "upload.started",
    "upload.progress",
    "media.processing",
    "media.progress",
    "media.ready",
    "media.failed",
    "media.deleted",
]
MediaState = Literal[
    "pending",
    "processing",
    "ready",
    "failed",
    "deleted",
]
MediaType = Literal[
    "image",
    "video",
    "audio",
]
Plan = Literal[
    "free",
    "basic",
    "pro",
    "premium",
]
Purpose = Literal[
    "post",
    "profile",
]
Stage = Literal[
    "downloading",
    "scanning",
    "rendering",
    "encoding",
    "publishing",
]


class AudioTags(Model):
    """What an audio file says of itself."""

    title: str | None = None
    artist: str | None = None
    album: str | None = None


class Owner(Model):
    """A user, or something else that has media: an event, a team, named as the host application names it."""

    type: str
    id: str


class AuditRecord(Model):
    """One change: the user who asked for it, by which procedure, in which request, and what with.

    `userId` is empty for what was done by a command of this server. `input` leaves out what stands beside it, and
    has lists by their lengths.
    """

    id: str
    at: datetime
    user_id: str
    procedure: str
    request_id: str
    owner: Owner
    media_id: str | None
    input: dict[str, Any]


class AuditPage(Model):
    """Newest first; `nextCursor` is null on the last page."""

    items: list[AuditRecord]
    next_cursor: str | None


class DeletedPostMedia(Model):
    """How many media were deleted by this call; their bytes leave storage in the background."""

    deleted: int


class Refusal(Model):
    """Why one of several media was not deleted: a number and its sentence of the error table."""

    code: int
    message: str


class Deletion(Model):
    """What came of one deletion."""

    media_id: str
    success: bool
    error: Refusal | None


class Deletions(Model):
    """What came of each deletion, in the order asked."""

    results: list[Deletion]


class DownloadUrl(Model):
    """A signed GET, good until `expiresAt`. Whoever asks again before long gets the same."""

    url: str
    expires_at: datetime


class Rendition(Model):
    """One published form of a media."""

    name: str
    url: str
    mime_type: str
    size: int
    width: int | None
    height: int | None
    duration: float | None


class MediaError(Model):
    """Why a media failed: a stable word and a sentence."""

    code: str
    reason: str


class Media(Model):
    """A media as its owner sees it. Sizes in bytes, width and height in pixels as displayed, duration in seconds.

    `userId` is the user who uploaded it.
    """

    id: str
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
    metadata: dict[str, Any]
    error: MediaError | None
    created_at: datetime
    updated_at: datetime


class FoundMedia(Model):
    """One media, and the last event of its owner that it knows of: watch from there, and nothing is missed."""

    media: Media
    last_event_id: str


class FoundPostMedia(Model):
    """The media of a post, in their order, and the last event of their owner that they know of."""

    items: list[Media]
    last_event_id: str


class ManyMedia(Model):
    """The media that were asked for, in this order; null for what is not there."""

    items: list[Media | None]


class MediaAnswer(Model):
    """One media."""

    media: Media


class MediaEventData(Model):
    """The media as the event left it. Size in bytes.

    `uploadedBytes` of an upload in progress; `stage` and `progress` (percent) of a media that is worked at.
    """

    status: MediaState
    type: MediaType
    size: int
    uploaded_bytes: int | None
    stage: Stage | None
    progress: int | None
    error: MediaError | None


class MediaEvent(Model):
    """One change of one media; ids rise in the order in which an owner's changes took effect."""

    id: str
    type: EventType
    media_id: str
    owner_type: str
    owner_id: str
    at: datetime
    data: MediaEventData


class MediaEvents(Model):
    """Events in order, none when nothing happened in time; `lastEventId` is the next call's `since`."""

    events: list[MediaEvent]
    last_event_id: str


class MediaPage(Model):
    """Newest first; `nextCursor` is null on the last page. `lastEventId` is the last event that the page knows of.

    A page of a search may hold less than asked for, or nothing, and yet not be the last.
    """

    items: list[Media]
    next_cursor: str | None
    last_event_id: str


class MultipartTicket(Model):
    """An upload in parts: each has `partSize` bytes, the last one what is left. It lives until `expiresAt`."""

    upload_id: str
    media_id: str
    part_size: int
    total_parts: int
    expires_at: datetime


class NewUpload(Model):
    """One of several uploads, as `media.initiateUpload` takes it."""

    filename: str
    content_type: str
    size: int
    purpose: Purpose | None = None
    sha256: str | None = None
    idempotency_key: str | None = None
    owner: Owner | str | None = None


class PartChecksum(Model):
    """The SHA-256 that the URL of a part is to be bound to."""

    part_number: int
    sha256: str


class PostMedia(Model):
    """The media of a post, in their order."""

    items: list[Media]


class ProcessingStatus(Model):
    """How far processing is. `progress` is percent and never falls; `stage` is null while nobody works at it.

    `attempts` are those since it began, or was begun anew.
    """

    media_id: str
    status: MediaState
    stage: Stage | None
    progress: int
    attempts: int
    error: MediaError | None


class ProfileImage(Model):
    """The profile image, null when there is none."""

    media: Media | None


class Purged(Model):
    """How many media were deleted by this call; their bytes leave storage in the background."""

    deleted: int


class SentPart(Model):
    """A part as its sender knows it; what is said of it must be so."""

    part_number: int
    etag: str | None = None
    size: int | None = None


class SignedPart(Model):
    """Where and how to send one part: one PUT of exactly `size` bytes with `headers`, before `expiresAt`."""

    part_number: int
    upload_url: str
    method: Literal["PUT"]
    headers: dict[str, str]
    size: int
    expires_at: datetime


class SignedParts(Model):
    """In the order in which they were asked for."""

    parts: list[SignedPart]


class StorageUsage(Model):
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


class StoredPart(Model):
    """A part that storage has."""

    part_number: int
    size: int


class Success(Model):
    """The effect is there, now or from an earlier call."""

    success: Literal[True]


class SupportedFormat(Model):
    """One accepted content type and its ceilings in bytes: of one request, and of an upload in parts.

    `aliases` are other names that are taken for it, in upper or lower case, with or without parameters.
    """

    content_type: str
    aliases: list[str]
    type: MediaType
    extensions: list[str]
    max_size: int
    max_multipart_size: int


class SupportedFormats(Model):
    """What `media.initiateUpload` accepts, and the names of the renditions that are made."""

    formats: list[SupportedFormat]
    renditions: list[str]
    max_filename_characters: int


class UnfinishedUpload(Model):
    """An upload that can be resumed; `uploadedBytes` as they were when somebody looked last."""

    media_id: str
    upload_id: str
    filename: str
    content_type: str
    size: int
    part_size: int | None
    total_parts: int | None
    uploaded_bytes: int
    expires_at: datetime
    created_at: datetime


class UploadTicket(Model):
    """Where and how to send the bytes: one request of `method` to `uploadUrl` with `headers`, before `expiresAt`."""

    upload_id: str
    media_id: str
    upload_url: str
    method: Literal["PUT"]
    headers: dict[str, str]
    expires_at: datetime


class UploadRefusal(Model):
    """Why one of several uploads was not begun: a number and its sentence of the error table, and its facts."""

    code: int
    message: str
    details: dict[str, Any] | None
    request_id: str


class UploadOutcome(Model):
    """What came of one upload: its ticket, or why it has none."""

    ticket: UploadTicket | None
    error: UploadRefusal | None


class UploadOutcomes(Model):
    """What came of each upload, in the order asked."""

    results: list[UploadOutcome]


class UploadPage(Model):
    """Newest first; `nextCursor` is null on the last page. `lastEventId` is the last event that the page knows of."""

    items: list[UnfinishedUpload]
    next_cursor: str | None
    last_event_id: str


class UploadStatus(Model):
    """How far an upload is, as storage says. `etaSeconds` by the rate of the last minute's parts, null without one.

    `partSize` and `totalParts` are null for an upload by one PUT. `nextPart` is the first of `missingParts`.
    `sha256` is what was declared.
    """

    media_id: str
    upload_id: str
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
    expires_at: datetime


class UploadedPart(Model):
    """A part that storage has now, and how much of the upload it has altogether."""

    part_number: int
    size: int
    uploaded_bytes: int
    total_bytes: int
    next_part: int | None
