"""The objects of one bucket, over a boto3 client whose blocking calls run in threads.

What the store answers becomes an object's facts, `ObjectMissing`, `ObjectChanged`, or `ServiceUnavailable`.
"""

import hashlib
from collections.abc import Callable, Iterable
from contextlib import closing
from dataclasses import dataclass
from http import HTTPStatus
from pathlib import Path
from typing import Any, BinaryIO, Concatenate, ParamSpec, TypeVar

from botocore.exceptions import ClientError

from contracts.errors import ServiceUnavailable
from storage import multipart
from storage.calls import Calls, ObjectsRemain, StoreError, error_code, is_outage, status, whole
from storage.conditions import Conditions, enforced
from storage.renditions import kind_of

P = ParamSpec("P")
T = TypeVar("T")

CHUNK_BYTES = 1024 * 1024
DELETE_BATCH = 1000  # S3's own limit


class ObjectMissing(LookupError):
    """The store has no object at this key."""


class ObjectChanged(RuntimeError):
    """The object at this key is another one than it was."""


MISSING: dict[str, type[Exception]] = dict.fromkeys(("NoSuchKey", "NotFound"), ObjectMissing)
# Of a copy: what the store is told instead of taking it from the source. Some stores have no tags, and refuse theirs.
ALONE = {"MetadataDirective": "REPLACE", "StorageClass": "STANDARD"}
NO_TAGS = {"TaggingDirective": "REPLACE", "Tagging": ""}
NO_WORDS = "404"  # of a refusal without a body, or with a part of one


@dataclass(frozen=True, slots=True)
class ObjectFacts:
    """What the store says of an object. The token is that of its multipart upload, from a store that still has it."""

    size_bytes: int
    etag: str
    token: str | None = None


class Bucket:
    """One bucket, by its name."""

    def __init__(self, name: str, client: Any, calls: Calls) -> None:
        self.name = name
        self.conditions: Conditions | None = None
        self._no_tags = NO_TAGS
        self._client = client
        self._calls = calls

    async def head(self, key: str) -> ObjectFacts:
        """The size, ETag and token of an object; ObjectMissing when there is none in a bucket that is there."""
        return await self._call(Bucket._head, key)

    async def write(self, key: str, body: BinaryIO, *, size_bytes: int, content_type: str) -> None:
        """Send a file as an object, in chunks; the object is there when all of it has arrived."""
        await self._call(Bucket._write, key, body, size_bytes, {"ContentType": content_type})

    async def publish(self, key: str, source: Path) -> None:
        """Send a file as an object with the type and the caching that the end of its key tells."""
        await self._call(Bucket._publish, key, source)

    async def read(self, key: str, start: int, length: int) -> bytes:
        """`length` bytes from `start`, fewer at the end of the object."""
        return await self._call(Bucket._read, key, start, length)

    async def fetch(self, key: str, target: Path) -> None:
        """Write an object's bytes into a file, in chunks; ObjectMissing when there is none, DiskFull without room."""
        await self._call(Bucket._fetch, key, target)

    async def sha256(self, key: str) -> str:
        """The SHA-256 of an object's bytes as hex, read in chunks."""
        return await self._call(Bucket._sha256, key)

    async def copy(self, source: str, target: str, *, etag: str, content_type: str) -> None:
        """Copy the bytes of the object that had this ETag to a fresh key, inside the store.

        The copy has this type and no other header, tag or storage class: what its sender added stays behind.

        ObjectMissing when the source is not there. ObjectChanged when it is another one by now, or the target is taken:
        from those stores that look, which the first copy finds out.
        """
        await self._call(Bucket._copy, source, target, etag, content_type)

    async def remove(self, keys: Iterable[str]) -> None:
        """Delete objects and prove with HEAD that they are gone: S3 says so of anything.

        Raises ObjectsRemain, and ServiceUnavailable when the store says why they remain.
        """
        await self._call(Bucket._remove, sorted(set(keys)))

    async def keys_under(self, prefix: str) -> list[str]:
        """The keys that begin with `prefix`."""
        return await self._call(Bucket._keys_under, prefix)

    async def _call(self, function: Callable[Concatenate["Bucket", P], T], *args: P.args, **kwargs: P.kwargs) -> T:
        return await self._calls(function, self, *args, **kwargs)

    def _head(self, key: str) -> ObjectFacts:
        """A HEAD is refused without a body, a GET of the same in words: a missing bucket is no missing object."""
        try:
            return self._look(key)
        except ClientError as refused:
            if is_outage(refused):
                raise
        self._client.get_object(Bucket=self.name, Key=key)["Body"].close()
        return self._look(key)  # it has come in between

    def _look(self, key: str) -> ObjectFacts:
        answer = self._client.head_object(Bucket=self.name, Key=key)
        kept = {name.lower(): value for name, value in answer.get("Metadata", {}).items()}
        return ObjectFacts(size_bytes=answer["ContentLength"], etag=answer["ETag"], token=kept.get(multipart.TOKEN))

    def _write(self, key: str, body: BinaryIO, size_bytes: int, headers: dict[str, str]) -> None:
        self._client.put_object(
            Bucket=self.name, Key=key, Body=whole(body, size_bytes), ContentLength=size_bytes, **headers
        )

    def _publish(self, key: str, source: Path) -> None:
        kind = kind_of(key)
        with source.open("rb") as body:
            headers = {"ContentType": kind.content_type, "CacheControl": kind.cache_control}
            self._write(key, body, source.stat().st_size, headers)

    def _read(self, key: str, start: int, length: int) -> bytes:
        try:
            answer = self._client.get_object(Bucket=self.name, Key=key, Range=f"bytes={start}-{start + length - 1}")
        except ClientError as error:
            if error_code(error) == "InvalidRange":
                return b""
            raise
        with closing(answer["Body"]) as body:
            return bytes(body.read())

    def _fetch(self, key: str, target: Path) -> None:
        with closing(self._client.get_object(Bucket=self.name, Key=key)["Body"]) as body, target.open("wb") as file:
            for chunk in body.iter_chunks(CHUNK_BYTES):
                file.write(chunk)

    def _sha256(self, key: str) -> str:
        digest = hashlib.sha256()
        with closing(self._client.get_object(Bucket=self.name, Key=key)["Body"]) as body:
            for chunk in body.iter_chunks(CHUNK_BYTES):
                digest.update(chunk)
        return digest.hexdigest()

    def _copy(self, source: str, target: str, etag: str, content_type: str) -> None:
        if self.conditions is None:
            self.conditions = enforced(self._client, self.name, probe=f"{target}.probe")
        options = {"ContentType": content_type, **ALONE, **self._no_tags, **self.conditions.headers(etag)}
        try:
            self._client.copy_object(
                Bucket=self.name, Key=target, CopySource={"Bucket": self.name, "Key": source}, **options
            )
        except ClientError as error:
            if error_code(error) == "PreconditionFailed":
                raise ObjectChanged from None
            if status(error) != HTTPStatus.NOT_IMPLEMENTED or not self._no_tags:
                raise
            self._no_tags = {}
            self._copy(source, target, etag, content_type)

    def _keys_under(self, prefix: str) -> list[str]:
        pages = self._client.get_paginator("list_objects_v2").paginate(Bucket=self.name, Prefix=prefix)
        return [entry["Key"] for page in pages for entry in page.get("Contents", ())]

    def _remove(self, keys: list[str]) -> None:
        refused: list[dict[str, Any]] = []
        for start in range(0, len(keys), DELETE_BATCH):
            batch = [{"Key": key} for key in keys[start : start + DELETE_BATCH]]
            answer = self._client.delete_objects(Bucket=self.name, Delete={"Objects": batch, "Quiet": True})
            refused += answer.get("Errors", ())
        if not any(self._exists(key) for key in keys):
            return
        if refused:
            raise ServiceUnavailable(service="storage") from StoreError(
                code=str(refused[0].get("Code")), operation="DeleteObjects"
            )
        raise ObjectsRemain

    def _exists(self, key: str) -> bool:
        """Asked of a bucket that has just answered: what is not found is the object."""
        try:
            self._look(key)
        except ClientError as error:
            if error_code(error) == NO_WORDS:
                return False
            self._head(key)
        return True
