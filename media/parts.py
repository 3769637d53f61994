"""The parts of an upload, as storage has them, and the one object that they become.

An upload in parts is assembled at the key that it was begun for. No signed URL can change what stands there from then
on, so the object is verified and served where it is.
"""

from contracts.errors import PartDiffers, PartsMissing, ServiceUnavailable, SizeDiffers
from contracts.wire import iso_milliseconds
from sql.rows import MediaRow
from storage.bucket import ObjectMissing
from storage.multipart import Part, PartsChanged, UploadGone
from storage.s3 import ObjectStore

STORE_ATTEMPTS = 3


def total_parts(upload: MediaRow) -> int:
    """How many parts an upload has."""
    assert upload.part_bytes
    return -(-upload.size_bytes // upload.part_bytes)


def size_of_part(upload: MediaRow, number: int) -> int:
    """The exact length of a part in bytes: the same for all but the last."""
    assert upload.part_bytes
    return min(upload.part_bytes, upload.size_bytes - (number - 1) * upload.part_bytes)


def missing_parts(upload: MediaRow, stored: list[Part]) -> list[int]:
    """The numbers of the parts that storage does not have."""
    there = {part.number for part in stored}
    return [number for number in range(1, total_parts(upload) + 1) if number not in there]


async def stored_parts(store: ObjectStore, upload: MediaRow) -> list[Part]:
    """The parts that storage has, none before the first was signed. Raises UploadGone."""
    if upload.multipart_id is None:
        return []
    return await store.multipart.parts(upload.staging_key, upload.multipart_id)


async def is_assembled(store: ObjectStore, upload: MediaRow) -> bool:
    """Whether the object of an upload stands: the store's word for one that it no longer knows as an upload.

    Raises SizeDiffers when it is not the object that the parts make.
    """
    try:
        found = await store.head(upload.staging_key)
    except ObjectMissing:
        return False
    # A store may have lost the token; nobody but this server can assemble anything at the key.
    if found.size_bytes != upload.size_bytes or found.token not in {None, str(upload.id)}:
        raise SizeDiffers(declared=upload.size_bytes, actual=found.size_bytes)
    return True


async def assemble(store: ObjectStore, upload: MediaRow) -> None:
    """Make the object of an upload's parts, or find that it was made before.

    Raises PartsMissing and PartDiffers, and nothing is assembled; ServiceUnavailable when parts keep changing.
    """
    for _ in range(STORE_ATTEMPTS):
        try:
            parts = await stored_parts(store, upload)
            check_parts(upload, parts)
            assert upload.multipart_id
            return await store.multipart.assemble(upload.staging_key, upload.multipart_id, parts)
        except UploadGone:
            if await is_assembled(store, upload):
                return None
            raise all_missing(upload) from None
        except PartsChanged as changed:
            cause = changed
    raise ServiceUnavailable(service="storage") from cause


def check_parts(upload: MediaRow, stored: list[Part]) -> None:
    """Raise PartsMissing or PartDiffers unless the parts make up the upload."""
    missing = missing_parts(upload, stored)
    if missing:
        raise PartsMissing(
            media_id=str(upload.id), missing_parts=missing, expires_at=iso_milliseconds(upload.expires_at)
        )
    for part in stored:
        declared = max(0, size_of_part(upload, part.number))
        if part.size_bytes != declared:
            raise PartDiffers(part_number=part.number, declared=declared, actual=part.size_bytes)


def all_missing(upload: MediaRow) -> PartsMissing:
    """The error of an upload of which nothing is there."""
    return PartsMissing(
        media_id=str(upload.id), missing_parts=missing_parts(upload, []), expires_at=iso_milliseconds(upload.expires_at)
    )
