"""Many uploads that one call begins: `media.initiateUploads`."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import replace
from uuid import UUID

from contracts.errors import IdempotencyKeyTaken, RpcError, StorageLimitExceeded
from contracts.media import InitiateUpload, UploadTicket
from contracts.uploads import InitiateUploads, UploadOutcome, UploadOutcomes, UploadRefusal
from procedures.media.releases import with_releases
from procedures.media.reservation import UploadDraft, extend_all, refusal_of_reservation, reserve_all, reserved_key
from procedures.media.upload import draft_put, sign_put
from rpc.budget import ITEM_BYTES
from rpc.context import Context
from rpc.procedure import mutation
from sql.rows import MediaRow, ReservationRow

NAME = "media.initiateUploads"

TicketOrRefusal = UploadTicket | RpcError


@mutation(NAME, most_bytes=lambda _ctx, params: len(params.uploads) * ITEM_BYTES)
async def initiate_uploads(ctx: Context, params: InitiateUploads) -> UploadOutcomes:
    """Begin each of these uploads as `media.initiateUpload` would, in their order; what came of each.

    What is refused hinders nothing else, and the call counts once. Idempotent with a key for each: then the
    URLs are fresh.
    """
    drafts = [_draft(ctx, upload) for upload in params.uploads]
    drafted = [
        (upload, draft) for upload, draft in zip(params.uploads, drafts, strict=True) if not isinstance(draft, RpcError)
    ]
    started = iter(await _begin(ctx, drafted))
    outcomes = [draft if isinstance(draft, RpcError) else next(started) for draft in drafts]
    return UploadOutcomes(results=[_outcome(ctx, outcome) for outcome in outcomes])


def _draft(ctx: Context, upload: InitiateUpload) -> UploadDraft | RpcError:
    try:
        return draft_put(ctx, upload, NAME, counted=True)
    except RpcError as refusal:
        return refusal


async def _begin(ctx: Context, asked: Sequence[tuple[InitiateUpload, UploadDraft]]) -> list[TicketOrRefusal]:
    """Reserve room for as many as fit, by one statement; those that their keys find are extended."""
    reservations = await reserve_all(ctx, asked) if asked else []
    known = {reservation.id for reservation in reservations if reservation.outcome == "known" and reservation.id}
    extended = await _extend(ctx, known)
    outcomes = [
        _ticket(ctx, upload, draft, reservation, extended)
        for (upload, draft), reservation in zip(asked, reservations, strict=True)
    ]
    return await _with_releases(ctx, [draft.owner for _, draft in asked], outcomes)


async def _extend(ctx: Context, media_ids: Collection[UUID]) -> dict[UUID, MediaRow]:
    rows = await extend_all(ctx, media_ids) if media_ids else []
    return {row.id: row for row in rows}


async def _with_releases(
    ctx: Context, owners: Sequence[str], outcomes: Sequence[TicketOrRefusal]
) -> list[TicketOrRefusal]:
    """The same, in which refusals for want of room tell what comes back: it is read once for each owner."""
    full = {owner: one for owner, one in zip(owners, outcomes, strict=True) if isinstance(one, StorageLimitExceeded)}
    releases = {owner: (await with_releases(ctx, owner, refusal)).releases for owner, refusal in full.items()}
    return [
        replace(one, releases=releases[owner]) if isinstance(one, StorageLimitExceeded) else one
        for owner, one in zip(owners, outcomes, strict=True)
    ]


def _ticket(
    ctx: Context,
    upload: InitiateUpload,
    draft: UploadDraft,
    reservation: ReservationRow,
    extended: Mapping[UUID, MediaRow],
) -> TicketOrRefusal:
    refusal = refusal_of_reservation(reservation)
    if refusal is not None:
        return refusal
    if reservation.outcome != "known":
        return sign_put(ctx, upload, media_id=draft.media_id, key=reserved_key(reservation, draft))
    row = extended.get(reservation.id) if reservation.id else None
    return IdempotencyKeyTaken() if row is None else sign_put(ctx, upload, media_id=row.id, key=row.staging_key)


def _outcome(ctx: Context, outcome: TicketOrRefusal) -> UploadOutcome:
    if isinstance(outcome, UploadTicket):
        return UploadOutcome(ticket=outcome, error=None)
    refusal = UploadRefusal(
        code=outcome.code, message=outcome.message, details=outcome.details, request_id=ctx.request_id
    )
    return UploadOutcome(ticket=None, error=refusal)
