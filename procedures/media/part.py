"""One part of an upload through the server, for callers that cannot reach storage: `media.uploadPart`."""

from typing import BinaryIO

from contracts.content import UploadedPart, UploadPart
from contracts.errors import (
    DigestDiffers,
    PartDiffers,
    PartUnknown,
    ServiceUnavailable,
    UploadCompleted,
    UploadExpired,
    UploadNotFound,
)
from media.parts import STORE_ATTEMPTS, missing_parts, size_of_part
from procedures.media.multipart import begin_upload, check_number, extend_parts, find_in_parts
from procedures.media.spooled_upload import SpooledUpload, waiting_room
from rpc.content import Content
from rpc.context import Context
from rpc.procedure import mutation
from sql.rows import MediaRow
from storage.multipart import Part, PartsChanged, UploadGone


@mutation(
    "media.uploadPart",
    audits_once=True,
    raises=(UploadNotFound, UploadCompleted, UploadExpired, PartUnknown, PartDiffers, DigestDiffers),
)
async def upload_part(ctx: Context, params: UploadPart, content: Content) -> UploadedPart:
    """Store one part of an upload in parts. Again with the same bytes is the same answer.

    Raises UploadNotFound, UploadCompleted, UploadExpired, PartUnknown, PartDiffers for another length or other bytes
    than storage keeps, and DigestDiffers.
    """
    found = await find_in_parts(ctx, params.media_id)
    check_number(found, params.part_number)
    size, spooled = size_of_part(found, params.part_number), SpooledUpload(content)
    async with ctx.resources.parts.of((found.id, params.part_number)), ctx.resources.arrivals.of(ctx.caller.id):
        row, stored = await _receive(ctx, params, found, spooled, size)
    sizes = {part.number: part.size_bytes for part in stored} | {params.part_number: size}
    await extend_parts(ctx, row, uploaded_bytes=sum(sizes.values()))
    missing = [number for number in missing_parts(row, stored) if number != params.part_number]
    return UploadedPart(
        part_number=params.part_number,
        size=size,
        uploaded_bytes=sum(sizes.values()),
        total_bytes=row.size_bytes,
        next_part=missing[0] if missing else None,
    )


async def _receive(
    ctx: Context, params: UploadPart, found: MediaRow, spooled: SpooledUpload, size: int
) -> tuple[MediaRow, list[Part]]:
    """Have all of a part arrive, and send it on."""
    with waiting_room() as file:
        await spooled.fill(file, size)
        if spooled.size_bytes < size or await spooled.has_more():
            more = spooled.size_bytes + await spooled.has_more()
            raise PartDiffers(part_number=params.part_number, declared=size, actual=more)
        if params.sha256 not in {None, spooled.sha256}:
            raise DigestDiffers
        return await _write_part(ctx, found, params.part_number, file, size)


async def _write_part(
    ctx: Context, upload: MediaRow, number: int, file: BinaryIO, size: int
) -> tuple[MediaRow, list[Part]]:
    """Send the part to an upload that the store knows; that upload, and the parts that it had before.

    One that ends meanwhile says how: completed, cancelled, expired, or lost by the store and begun anew.
    """
    for _ in range(STORE_ATTEMPTS):
        row, stored = await begin_upload(ctx, upload)
        assert row.multipart_id
        try:
            await ctx.store.multipart.write_part(row.staging_key, row.multipart_id, number, file, size)
        except UploadGone:
            upload = await find_in_parts(ctx, row.id)
        except PartsChanged:
            raise PartDiffers(part_number=number, declared="these bytes", actual="other bytes") from None
        else:
            return row, stored
    raise ServiceUnavailable(service="storage")
