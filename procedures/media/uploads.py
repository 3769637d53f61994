"""Many uploads that one call begins: `media.initiateUploads`."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import replace
from uuid import UUID

from contracts.errors import IdempotencyKeyTaken, RpcError, StorageLimitExceeded
from contracts.media import InitiateUpload, UploadTicket
from contracts.uploads import InitiateUploads, UploadOutcome, UploadOutcomes, UploadRefusal
from procedures.media.releases import with_releases
from procedures.media.reservation import Plan, extend_all, refusal_of_reservation, reserve_all, reserved_key
from procedures.media.upload import plan_put, sign_put
from rpc.budget import ITEM_BYTES
from rpc.context import Context
from rpc.procedure import mutation
from sql.rows import MediaRow, ReservationRow

NAME = "media.initiateUploads"

Begun = UploadTicket | RpcError


@mutation(NAME, most_bytes=lambda _ctx, params: len(params.uploads) * ITEM_BYTES)
async def initiate_uploads(ctx: Context, params: InitiateUploads) -> UploadOutcomes:
    """Begin each of these uploads as `media.initiateUpload` would, in their order; what came of each.

    What is refused hinders nothing else, and the call counts once. With an idempotency key for each, twice is the same
    answer, with fresh URLs.
    """
    plans = [_plan(ctx, upload) for upload in params.uploads]
    asked = [
        (upload, plan) for upload, plan in zip(params.uploads, plans, strict=True) if not isinstance(plan, RpcError)
    ]
    begun = iter(await _begin(ctx, asked))
    outcomes = [plan if isinstance(plan, RpcError) else next(begun) for plan in plans]
    return UploadOutcomes(results=[_outcome(ctx, outcome) for outcome in outcomes])


def _plan(ctx: Context, upload: InitiateUpload) -> Plan | RpcError:
    try:
        return plan_put(ctx, upload, NAME, counted=True)
    except RpcError as refusal:
        return refusal


async def _begin(ctx: Context, asked: Sequence[tuple[InitiateUpload, Plan]]) -> list[Begun]:
    """Reserve room for as many as fit, by one statement; those that their keys find are extended."""
    reservations = await reserve_all(ctx, asked) if asked else []
    known = {reservation.id for reservation in reservations if reservation.outcome == "known" and reservation.id}
    extended = await _extend(ctx, known)
    begun = [
        _ticket(ctx, upload, plan, reservation, extended)
        for (upload, plan), reservation in zip(asked, reservations, strict=True)
    ]
    return await _with_releases(ctx, [plan.owner for _, plan in asked], begun)


async def _extend(ctx: Context, media_ids: Collection[UUID]) -> dict[UUID, MediaRow]:
    rows = await extend_all(ctx, media_ids) if media_ids else []
    return {row.id: row for row in rows}


async def _with_releases(ctx: Context, owners: Sequence[str], begun: Sequence[Begun]) -> list[Begun]:
    """The same, in which refusals for want of room tell what comes back: it is read once for each owner."""
    full = {owner: one for owner, one in zip(owners, begun, strict=True) if isinstance(one, StorageLimitExceeded)}
    releases = {owner: (await with_releases(ctx, owner, refusal)).releases for owner, refusal in full.items()}
    return [
        replace(one, releases=releases[owner]) if isinstance(one, StorageLimitExceeded) else one
        for owner, one in zip(owners, begun, strict=True)
    ]


def _ticket(
    ctx: Context, upload: InitiateUpload, plan: Plan, reservation: ReservationRow, extended: Mapping[UUID, MediaRow]
) -> Begun:
    refusal = refusal_of_reservation(reservation)
    if refusal is not None:
        return refusal
    if reservation.outcome != "known":
        return sign_put(ctx, upload, media_id=plan.media_id, key=reserved_key(reservation, plan))
    row = extended.get(reservation.id) if reservation.id else None
    return IdempotencyKeyTaken() if row is None else sign_put(ctx, upload, media_id=row.id, key=row.staging_key)


def _outcome(ctx: Context, outcome: Begun) -> UploadOutcome:
    if isinstance(outcome, UploadTicket):
        return UploadOutcome(ticket=outcome, error=None)
    refusal = UploadRefusal(
        code=outcome.code, message=outcome.message, details=outcome.details, request_id=ctx.request_id
    )
    return UploadOutcome(ticket=None, error=refusal)
