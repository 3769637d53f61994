"""Room for an upload, and the upload that it was made for."""

from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from contracts.errors import (
    DigestDiffers,
    IdempotencyKeyTaken,
    InvalidFileType,
    MediaLimitExceeded,
    PendingUploadLimitExceeded,
    RateLimitExceeded,
    RpcError,
    StorageLimitExceeded,
    UploadNotFound,
)
from contracts.formats import FORMATS
from contracts.media import IDEMPOTENCY_KEYS_KEPT, InitiateUpload, MediaState
from procedures.media.releases import with_releases
from rpc.context import Context
from sql.database import RULES
from sql.rows import MediaRow, ReservationRow, Transfer

# Why an owner gets no more: for the bytes, for the number of media, for that of pending uploads.
OVER_LIMIT = (StorageLimitExceeded, MediaLimitExceeded, PendingUploadLimitExceeded)
# Outcomes by which nothing is reserved.
REFUSALS: dict[str, Callable[..., RpcError]] = {
    **RULES,
    "limited": RateLimitExceeded,
    "over quota": StorageLimitExceeded,
    "taken": IdempotencyKeyTaken,
}


@dataclass(frozen=True, slots=True, kw_only=True)
class UploadDraft:
    """What is to be reserved for one upload beside what the caller says of it."""

    media_id: UUID
    owner: str
    procedure: str
    transfer: Transfer
    key: str
    part_bytes: int | None = None
    upload_expires_at: datetime | None = None
    counted: bool = False


async def reserve(ctx: Context, params: InitiateUpload, draft: UploadDraft) -> ReservationRow:
    """Add a pending upload to its owner's reserved bytes, or find the earlier one that the idempotency key names.

    Raises RateLimitExceeded, one of OVER_LIMIT, or IdempotencyKeyTaken, and nothing is reserved.
    """
    reservation = await ctx.db.shared(ReservationRow, "reserve_upload", **_row(ctx, params, draft))
    refusal = refusal_of_reservation(reservation)
    if refusal is not None:
        raise await with_releases(ctx, draft.owner, refusal)
    return reservation


async def reserve_all(ctx: Context, asked: Sequence[tuple[InitiateUpload, UploadDraft]]) -> list[ReservationRow]:
    """The same for several uploads of one call, in their order and by one statement; what came of each.

    Raises RateLimitExceeded, and nothing is reserved.
    """
    return await ctx.db.batch(ReservationRow, "reserve_upload", [_row(ctx, params, draft) for params, draft in asked])


def refusal_of_reservation(reservation: ReservationRow) -> RpcError | None:
    """Why nothing was reserved; None where something was, or where the key has found an upload."""
    refusal = REFUSALS.get(reservation.outcome)
    return None if refusal is None else refusal(**reservation.facts or {})


def known_id(reservation: ReservationRow) -> UUID | None:
    """The upload that the idempotency key has found; None for one that is new."""
    return reservation.id if reservation.outcome == "known" else None


def reserved_key(reservation: ReservationRow, draft: UploadDraft) -> str:
    """The key of a new upload: as planned, or that of the cancelled one whose place it takes."""
    return str((reservation.facts or {}).get("staging_key", draft.key))


async def extend(ctx: Context, media_id: UUID, *, upload_expires_at: datetime | None = None) -> MediaRow:
    """Extend an upload that its key found; IdempotencyKeyTaken when it was deleted meanwhile."""
    rows = await extend_all(ctx, [media_id], upload_expires_at=upload_expires_at)
    if not rows:
        raise IdempotencyKeyTaken
    return rows[0]


async def extend_all(
    ctx: Context, media_ids: Collection[UUID], *, upload_expires_at: datetime | None = None
) -> list[MediaRow]:
    """The same for several uploads; those that are left."""
    return await ctx.db.many(
        MediaRow,
        "extend_uploads",
        ids=list(media_ids),
        url_expires_at=url_expiry(ctx),
        url_ends_at=url_end(ctx),
        upload_expires_at=upload_expires_at,
    )


async def find_upload(ctx: Context, media_id: UUID) -> MediaRow:
    """The upload with this id, if the caller may touch it; a refused one raises again what it was refused for."""
    upload = await ctx.db.one(MediaRow, "find_upload", id=media_id, owners=ctx.owners)
    if upload is None or (upload.transfer == Transfer.CONTENT and upload.state == MediaState.PENDING):
        raise UploadNotFound
    if upload.state == MediaState.DELETED:
        raise refusal_of(upload) or UploadNotFound
    return upload


def refusal_of(upload: MediaRow) -> RpcError | None:
    """What an upload was refused for, None when it was not."""
    if upload.error_reason is None:
        return None
    if upload.error_code == DigestDiffers.code.name:
        return DigestDiffers()
    return InvalidFileType(declared=upload.mime_type, reason=upload.error_reason)


def url_expiry(ctx: Context) -> datetime:
    """Until when a URL that is signed now is good."""
    return ctx.now + timedelta(seconds=ctx.resources.uploads.url_ttl_seconds)


def url_end(ctx: Context) -> datetime:
    """From when on no byte can arrive any more through a URL that is signed now."""
    return url_expiry(ctx) + timedelta(seconds=ctx.resources.uploads.grace_seconds)


def _row(ctx: Context, params: InitiateUpload, draft: UploadDraft) -> dict[str, Any]:
    limit = None if draft.counted else ctx.resources.limits.of(draft.procedure)
    return {
        "procedure": draft.procedure,
        "request_id": ctx.request_id,
        "id": draft.media_id,
        "owner_id": draft.owner,
        "user_id": ctx.caller.id,
        "quota_bytes": ctx.quota_of(draft.owner),
        "free_quota_bytes": ctx.resources.plans.free,
        "renditions_count": ctx.resources.renditions_count,
        "max_media": ctx.resources.owner_limits.media,
        "max_pending": ctx.resources.owner_limits.pending_uploads,
        "type": FORMATS[params.content_type].type,
        "purpose": params.purpose,
        "filename": params.filename,
        "mime_type": params.content_type,
        "size_bytes": params.size,
        "sha256": params.sha256,
        "staging_key": draft.key,
        "url_expires_at": url_expiry(ctx),
        "url_ends_at": url_end(ctx),
        "sweep_at": url_end(ctx),
        "transfer": draft.transfer,
        "part_bytes": draft.part_bytes,
        "upload_expires_at": draft.upload_expires_at,
        "idempotency_key": params.idempotency_key,
        "key_from": ctx.now - IDEMPOTENCY_KEYS_KEPT,
        "limit_calls": limit and limit.calls,
        "limit_seconds": limit and limit.seconds,
        "now": ctx.now,
    }
