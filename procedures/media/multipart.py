"""Uploads in parts: `media.initiateMultipartUpload`, `media.signParts`, `media.completeMultipartUpload`."""

from datetime import datetime, timedelta
from uuid import UUID

from uuid_utils.compat import uuid7

from contracts.errors import (
    FileTooLarge,
    ForeignOwner,
    IdempotencyKeyTaken,
    PartDiffers,
    PartUnknown,
    ServiceUnavailable,
    UploadCompleted,
    UploadExpired,
    UploadNotFound,
)
from contracts.formats import FORMATS
from contracts.media import CompleteUpload, MediaAnswer, MediaState
from contracts.multipart import (
    DEFAULT_PART_BYTES,
    MAX_PARTS,
    CompleteMultipartUpload,
    InitiateMultipartUpload,
    MultipartTicket,
    SentPart,
    SignedPart,
    SignedParts,
    SignParts,
)
from contracts.sizes import MIB
from media.parts import STORE_ATTEMPTS, is_assembled, size_of_part, stored_parts, total_parts
from procedures.media.reservation import (
    OVER_LIMIT,
    UploadDraft,
    extend,
    find_upload,
    known_id,
    reserve,
    url_end,
    url_expiry,
)
from procedures.media.upload import complete_upload
from rpc.budget import ITEM_BYTES
from rpc.context import Context
from rpc.procedure import mutation
from sql.rows import MediaRow, Transfer
from storage.keys import original_key
from storage.multipart import Part, UploadGone


@mutation(
    "media.initiateMultipartUpload",
    counts_itself=True,
    raises=(ForeignOwner, FileTooLarge, *OVER_LIMIT, IdempotencyKeyTaken),
)
async def initiate_multipart_upload(ctx: Context, params: InitiateMultipartUpload) -> MultipartTicket:
    """Reserve room for one object that comes in parts, and say how large they are.

    With an idempotency key, the same input finds the same upload again. Raises FileTooLarge over the type's ceiling,
    StorageLimitExceeded when the quota has no room, MediaLimitExceeded and PendingUploadLimitExceeded when the owner
    has too many, RateLimitExceeded, IdempotencyKeyTaken and ForeignOwner.
    """
    ctx.resources.ceilings.check_multipart(FORMATS[params.content_type], params.size)
    owner, media_id, size_of_parts = ctx.owner(params.owner), uuid7(), part_bytes(params.size, params.part_size)
    draft = UploadDraft(
        media_id=media_id,
        owner=owner,
        procedure="media.initiateMultipartUpload",
        transfer=Transfer.PARTS,
        key=original_key(owner, media_id, params.filename, params.purpose),
        part_bytes=size_of_parts,
        upload_expires_at=_upload_expiry(ctx),
    )
    known = known_id(await reserve(ctx, params, draft))
    if known:
        await extend(ctx, known, upload_expires_at=_upload_expiry(ctx))
    return MultipartTicket(
        upload_id=known or media_id,
        media_id=known or media_id,
        part_size=size_of_parts,
        total_parts=-(-params.size // size_of_parts),
        expires_at=_upload_expiry(ctx),
    )


@mutation(
    "media.signParts",
    audits_once=True,
    most_bytes=lambda _ctx, params: len(params.part_numbers) * ITEM_BYTES,
    raises=(UploadNotFound, UploadCompleted, UploadExpired, PartUnknown),
)
async def sign_parts(ctx: Context, params: SignParts) -> SignedParts:
    """Sign a PUT for each of these parts of an upload, again and again, and put its end off.

    Raises UploadNotFound, UploadCompleted, UploadExpired, and PartUnknown for a number that the upload does not have.
    """
    upload = await find_in_parts(ctx, params.media_id)
    for number in params.part_numbers:
        check_number(upload, number)
    upload, stored = await begin_upload(ctx, upload)
    signed = await extend_parts(ctx, upload, uploaded_bytes=sum(part.size_bytes for part in stored))
    digests = {checksum.part_number: checksum.sha256 for checksum in params.checksums}
    return SignedParts(parts=[_signed(ctx, signed, number, digests.get(number)) for number in params.part_numbers])


@mutation(
    "media.completeMultipartUpload",
    raises=(*complete_upload.raises, PartUnknown),
)
async def complete_multipart_upload(ctx: Context, params: CompleteMultipartUpload) -> MediaAnswer:
    """Make one object of the parts that storage has, verify it, and answer the media. Idempotent.

    With `waitSeconds` the media is answered once it is ready or failed, or as it is when the time is over.

    Raises UploadNotFound, UploadExpired, PartsMissing and PartDiffers (send those parts), SizeDiffers, DigestDiffers
    and InvalidFileType (refused; initiate anew), and PartUnknown.
    """
    if params.parts:
        upload = await find_upload(ctx, params.media_id)
        if upload.state == MediaState.PENDING:
            await _check_parts(ctx, upload, params.parts)
    answer: MediaAnswer = await complete_upload.run(
        ctx, CompleteUpload(media_id=params.media_id, upload_id=params.upload_id, wait_seconds=params.wait_seconds)
    )
    return answer


def part_bytes(size: int, wish: int | None) -> int:
    """The size of every part but the last: the wish, or the default, or what keeps their number within S3's limit."""
    least = -(-size // MAX_PARTS)
    return max(wish or DEFAULT_PART_BYTES, -(-least // MIB) * MIB)


async def extend_parts(ctx: Context, upload: MediaRow, *, uploaded_bytes: int) -> MediaRow:
    """Extend an upload, and tell those who watch how far it is.

    Raises UploadExpired, and UploadCompleted or UploadNotFound for one that has ended in another way meanwhile.
    """
    try:
        return await _extend(ctx, upload, min(uploaded_bytes, upload.size_bytes))
    except UploadExpired:
        await find_in_parts(ctx, upload.id)
        raise


async def find_in_parts(ctx: Context, media_id: UUID) -> MediaRow:
    """A pending upload in parts. Raises UploadNotFound, UploadCompleted and UploadExpired."""
    upload = await find_upload(ctx, media_id)
    if upload.transfer != Transfer.PARTS:
        raise UploadNotFound
    if upload.state != MediaState.PENDING:
        raise UploadCompleted
    if upload.expires_at <= ctx.now:
        raise UploadExpired
    return upload


async def begin_upload(ctx: Context, upload: MediaRow) -> tuple[MediaRow, list[Part]]:
    """The upload as the store knows it, begun when it does not, and its parts.

    Raises UploadCompleted when it is assembled, and ServiceUnavailable when others keep beginning and ending it.
    """
    for _ in range(STORE_ATTEMPTS):
        if upload.multipart_id is not None:
            try:
                return upload, await stored_parts(ctx.store, upload)
            except UploadGone:
                if await is_assembled(ctx.store, upload):
                    raise UploadCompleted from None
        new_id = await ctx.store.multipart.begin(
            upload.staging_key, content_type=upload.mime_type, token=str(upload.id)
        )
        row = await ctx.db.one(MediaRow, "begin_multipart", id=upload.id, known=upload.multipart_id, new_id=new_id)
        if row is not None:
            return row, []
        await ctx.store.multipart.abort(upload.staging_key, new_id)
        upload = await find_in_parts(ctx, upload.id)
    raise ServiceUnavailable(service="storage")


async def _extend(ctx: Context, upload: MediaRow, uploaded_bytes: int) -> MediaRow:
    async with ctx.db.transaction() as tx:
        row = await tx.one(
            MediaRow,
            "sign_parts",
            id=upload.id,
            url_expires_at=url_expiry(ctx),
            url_ends_at=url_end(ctx),
            upload_expires_at=_upload_expiry(ctx),
            uploaded_bytes=uploaded_bytes,
            now=ctx.now,
        )
        if row is None:
            raise UploadExpired
        await tx.run("notify_owner", owner_id=upload.owner_id)
    return row


async def _check_parts(ctx: Context, upload: MediaRow, parts: list[SentPart]) -> None:
    """Raise PartDiffers or PartsMissing when storage does not have the parts as they are said to be."""
    try:
        stored = {part.number: part for part in await stored_parts(ctx.store, upload)}
    except UploadGone:
        return
    for part in parts:
        check_number(upload, part.part_number)
        found = stored.get(part.part_number)
        if found is None:
            continue
        if part.size not in {None, found.size_bytes}:
            raise PartDiffers(part_number=part.part_number, declared=part.size, actual=found.size_bytes)
        if part.etag is not None and part.etag.strip('"') != found.etag.strip('"'):
            raise PartDiffers(part_number=part.part_number, declared=part.etag, actual=found.etag)


def check_number(upload: MediaRow, number: int) -> None:
    """Raise PartUnknown unless the upload has a part of this number."""
    if upload.part_bytes is None or not 1 <= number <= total_parts(upload):
        raise PartUnknown(part_number=number, total_parts=total_parts(upload) if upload.part_bytes else 0)


def _signed(ctx: Context, upload: MediaRow, number: int, sha256: str | None) -> SignedPart:
    assert upload.multipart_id
    url, headers = ctx.resources.presigner.part(
        upload.staging_key,
        upload_id=upload.multipart_id,
        number=number,
        size_bytes=size_of_part(upload, number),
        sha256=sha256,
        now=ctx.now,
        ttl_seconds=ctx.resources.uploads.url_ttl_seconds,
    )
    return SignedPart(
        part_number=number,
        upload_url=url,
        method="PUT",
        headers=headers,
        size=size_of_part(upload, number),
        expires_at=url_expiry(ctx),
    )


def _upload_expiry(ctx: Context) -> datetime:
    return ctx.now + timedelta(seconds=ctx.resources.uploads.multipart_ttl_seconds)
