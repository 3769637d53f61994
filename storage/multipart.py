"""Objects that arrive in parts: begun, written part by part through signed URLs, listed, assembled, or aborted.

An upload is assembled at the key that it was begun for. From then on no URL that was ever signed for one of its parts
changes the object: the store answers NoSuchUpload. MinIO takes a part that was being sent meanwhile when another upload
of the same key is open; that part is in no object, and `abort_all` clears it away. So each upload is best begun at a
key of its own, which is written down first: the key is all that finds an upload whose id was lost.

Every call may be repeated, and botocore does so once. A repeated `begin` can leave a second open upload, which nobody
was given and `abort_all` ends; a repeated `write_part` sends the same bytes; a repeated `assemble` says UploadGone when
the first one took effect and its answer was lost; a repeated `abort` finds nothing to do.

The embedded store takes less than S3, and callers reckon with it:
- It writes parts to one file, in order. A part that has been written, even in half, is taken again only with the same
  bytes; other bytes are refused with 501. A part sent ahead of a missing one waits in memory, in whole MiB, up to 256
  for each upload; what goes beyond waits a minute for room and is refused then. So parts are best sent in order.
- It may close the connection of a part that it refuses instead of reading it first.
- It checks length and Content-MD5, and takes x-amz-checksum-sha256 unchecked. A part with a wrong MD5 ends the upload.
- An `assemble` that it refuses ends the upload, and so does one that leaves out a part which is being sent.
- Two assemblies of one upload at once may lose its bytes: one deletes what the other has put in place. Then it answers
  500 until it is restarted. So one process sends them one after the other; two processes still can do that.
- A restart loses open uploads (UploadGone), and the token of every object; idle uploads end after a day, and no more
  than 1,000 are open at once.
- It knows no smallest part.
"""

import asyncio
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, BinaryIO
from weakref import WeakValueDictionary

from botocore.exceptions import ClientError

from storage.calls import Calls, ObjectsRemain, error_code, whole

TOKEN = "mediarpc-token"  # noqa: S105 - the name of an object's metadata


class UploadGone(LookupError):
    """The store knows no such upload: it was assembled before, or aborted, or lost."""


class PartsChanged(RuntimeError):
    """The store has other parts than these, or keeps the bytes that it has of one."""


NAMES: dict[str, type[Exception]] = {
    "NoSuchUpload": UploadGone,
    "InvalidPart": PartsChanged,
    "InvalidPartOrder": PartsChanged,
    "EntityTooSmall": PartsChanged,
}


@dataclass(frozen=True, slots=True)
class Part:
    """What the store says of a part."""

    number: int
    size_bytes: int
    etag: str
    modified_at: datetime


class Multipart:
    """The multipart uploads of a bucket."""

    def __init__(self, client: Any, bucket: str, calls: Calls) -> None:
        self._client = client
        self._bucket = bucket
        self._calls = calls
        self._assembling: WeakValueDictionary[str, asyncio.Lock] = WeakValueDictionary()

    async def begin(self, key: str, *, content_type: str, token: str) -> str:
        """Open an upload for `key`; its id. The assembled object keeps type and token."""
        return await self._calls(self._begin, key, content_type, token)

    async def parts(self, key: str, upload_id: str) -> list[Part]:
        """The parts that have arrived whole, by number. Raises UploadGone."""
        return await self._calls(self._parts, key, upload_id)

    async def write_part(self, key: str, upload_id: str, number: int, body: BinaryIO, size_bytes: int) -> None:
        """Send a file as a part, in chunks. UploadGone; PartsChanged by a store that keeps the bytes it has."""
        await self._calls(self._write_part, key, upload_id, number, body, size_bytes)

    async def assemble(self, key: str, upload_id: str, parts: Iterable[Part]) -> None:
        """Make the object of these parts, which are all that were listed; nothing is there before.

        UploadGone also tells that an earlier call took effect, and the object says whether. PartsChanged when a part
        has other bytes by now, is missing, out of order or too small; some stores then drop the whole upload.
        """
        # The request goes on when its caller is cancelled, and the next one waits for its end.
        await asyncio.shield(self._assemble_alone(key, upload_id, list(parts)))

    async def abort(self, key: str, upload_id: str) -> None:
        """Drop an upload and its parts; well when there is none."""
        await self._calls(self._abort, key, upload_id)

    async def abort_all(self, key: str) -> None:
        """Drop every open upload of this key, and prove by a listing that none is left. Raises ObjectsRemain.

        It takes the whole key: MinIO answers a mere prefix with an empty list, which would prove nothing.
        """
        await self._calls(self._abort_all, key)

    async def _assemble_alone(self, key: str, upload_id: str, parts: list[Part]) -> None:
        async with self._assembling.setdefault(upload_id, asyncio.Lock()):
            await self._calls(self._assemble, key, upload_id, parts)

    def _begin(self, key: str, content_type: str, token: str) -> str:
        answer = self._client.create_multipart_upload(
            Bucket=self._bucket, Key=key, ContentType=content_type, Metadata={TOKEN: token}
        )
        return str(answer["UploadId"])

    def _parts(self, key: str, upload_id: str) -> list[Part]:
        pages = self._client.get_paginator("list_parts").paginate(Bucket=self._bucket, Key=key, UploadId=upload_id)
        return [_part(entry) for page in pages for entry in page.get("Parts", ())]

    def _write_part(self, key: str, upload_id: str, number: int, body: BinaryIO, size_bytes: int) -> None:
        try:
            self._client.upload_part(
                Bucket=self._bucket, Key=key, UploadId=upload_id, PartNumber=number,
                Body=whole(body, size_bytes), ContentLength=size_bytes,
            )  # fmt: skip
        except ClientError as error:
            if error_code(error) == "NotImplemented":
                raise PartsChanged from None
            raise

    def _assemble(self, key: str, upload_id: str, parts: list[Part]) -> None:
        listed = [{"PartNumber": part.number, "ETag": part.etag} for part in parts]
        self._client.complete_multipart_upload(
            Bucket=self._bucket, Key=key, UploadId=upload_id, MultipartUpload={"Parts": listed}
        )

    def _abort(self, key: str, upload_id: str) -> None:
        try:
            self._client.abort_multipart_upload(Bucket=self._bucket, Key=key, UploadId=upload_id)
        except ClientError as error:
            if error_code(error) != "NoSuchUpload":
                raise

    def _abort_all(self, key: str) -> None:
        for upload_id in self._open(key):
            self._abort(key, upload_id)
        if self._open(key):
            raise ObjectsRemain

    def _open(self, key: str) -> list[str]:
        pages = self._client.get_paginator("list_multipart_uploads").paginate(Bucket=self._bucket, Prefix=key)
        try:
            return [entry["UploadId"] for page in pages for entry in page.get("Uploads", ()) if entry["Key"] == key]
        except ClientError as error:
            if error_code(error) == "NoSuchUpload":  # the embedded store's word for a bucket that has had none
                return []
            raise


def _part(entry: dict[str, Any]) -> Part:
    return Part(
        number=entry["PartNumber"],
        size_bytes=entry["Size"],
        etag=entry["ETag"],
        modified_at=entry["LastModified"].astimezone(UTC),
    )
