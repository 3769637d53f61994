"""Objects over the S3 protocol: one boto3 client, whose blocking calls run in threads of their own.

Every call has a timeout. What the store answers becomes an object's facts, `ObjectMissing`, or `ServiceUnavailable`;
nothing of boto3 leaves this package.
"""

import hashlib
from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from dataclasses import dataclass
from functools import cache
from typing import Any, BinaryIO, Concatenate, ParamSpec, TypeVar

import boto3
from botocore.config import Config
from botocore.exceptions import ClientError

from contracts.errors import ServiceUnavailable
from storage import multipart
from storage.calls import Calls, ObjectsRemain, error_code, whole
from storage.conditions import Conditions, enforced
from storage.replies import require_whole_replies

P = ParamSpec("P")
T = TypeVar("T")

CONNECT_TIMEOUT_SECONDS = 3
READ_TIMEOUT_SECONDS = 20
ATTEMPTS = 2
THREADS = 32
CHUNK_BYTES = 1024 * 1024
DELETE_BATCH = 1000  # S3's own limit


class ObjectMissing(LookupError):
    """The store has no object at this key."""


class ObjectChanged(RuntimeError):
    """The object at this key is another one than it was."""


_MISSING: dict[str, type[Exception]] = dict.fromkeys(("404", "NoSuchKey", "NotFound"), ObjectMissing)


@dataclass(frozen=True, slots=True)
class StoreConfig:
    """How to reach a store. `public_endpoint` is what signed URLs name; its path, if any, is the proxy's to strip.

    `refuses_copies`: signed URLs say that they are no copies. MinIO takes headers that are not signed, and would copy
    any object that the key pair can read to where a URL writes; AWS refuses them by itself.
    """

    endpoint: str | None
    public_endpoint: str | None
    region: str
    bucket: str
    public_bucket: str
    access_key_id: str
    secret_access_key: str
    use_path_style: bool
    refuses_copies: bool = False


@dataclass(frozen=True, slots=True)
class ObjectFacts:
    """What the store says of an object. The token is that of its multipart upload, from a store that still has it."""

    size_bytes: int
    etag: str
    token: str | None = None


@cache
def _session() -> boto3.session.Session:
    """A session of this package's own, which reads boto3's service descriptions once."""
    return boto3.session.Session()


def create_client(config: StoreConfig, endpoint: str | None) -> Any:
    """A boto3 client for `endpoint`, with timeouts, which takes no part of a reply for all of it.

    It sends none of the checksum headers that not every store knows.
    """
    client = _session().client(
        "s3",
        endpoint_url=endpoint,
        region_name=config.region,
        aws_access_key_id=config.access_key_id,
        aws_secret_access_key=config.secret_access_key,
        config=Config(
            signature_version="s3v4",
            s3={
                "addressing_style": "path" if config.use_path_style else "virtual",
                "payload_signing_enabled": False,  # it would read every body twice, in pieces of a mebibyte
            },
            connect_timeout=CONNECT_TIMEOUT_SECONDS,
            read_timeout=READ_TIMEOUT_SECONDS,
            retries={"total_max_attempts": ATTEMPTS, "mode": "standard"},
            max_pool_connections=THREADS,
            request_checksum_calculation="when_required",
            response_checksum_validation="when_required",
        ),
    )
    require_whole_replies(client)
    return client


class ObjectStore:
    """The private bucket of originals."""

    def __init__(self, config: StoreConfig) -> None:
        self.bucket = config.bucket
        self.public_bucket = config.public_bucket
        self.conditions: Conditions | None = None
        self._client = create_client(config, config.endpoint)
        self._threads = ThreadPoolExecutor(THREADS, thread_name_prefix="s3")
        self._calls = Calls(self._threads, _MISSING)
        self.multipart = multipart.Multipart(self._client, self.bucket, Calls(self._threads, multipart.NAMES))

    async def check(self) -> None:
        """Raise ServiceUnavailable unless both buckets answer."""
        for bucket in (self.bucket, self.public_bucket):
            await self._call(ObjectStore._head_bucket, bucket)

    async def create_buckets(self) -> None:
        """Create the buckets that are not there."""
        for bucket in (self.bucket, self.public_bucket):
            await self._call(ObjectStore._create_bucket, bucket)

    async def head(self, key: str) -> ObjectFacts:
        """The size, ETag and token of an object; ObjectMissing when there is none."""
        return await self._call(ObjectStore._head, key)

    async def write(self, key: str, body: BinaryIO, *, size_bytes: int, content_type: str) -> None:
        """Send a file as an object, in chunks; the object is there when all of it has arrived."""
        await self._call(ObjectStore._write, key, body, size_bytes, content_type)

    async def read(self, key: str, start: int, length: int) -> bytes:
        """`length` bytes from `start`, fewer at the end of the object."""
        return await self._call(ObjectStore._read, key, start, length)

    async def sha256(self, key: str) -> str:
        """The SHA-256 of an object's bytes as hex, read in chunks."""
        return await self._call(ObjectStore._sha256, key)

    async def copy(self, source: str, target: str, *, etag: str) -> None:
        """Copy the object that had this ETag to a fresh key, inside the store.

        ObjectMissing when the source is not there. ObjectChanged when it is another one by now, or the target is taken:
        from those stores that look, which the first copy finds out.
        """
        await self._call(ObjectStore._copy, source, target, etag)

    async def remove(self, keys: Iterable[str]) -> None:
        """Delete objects and prove with HEAD that they are gone: S3 says so of anything. Raises ObjectsRemain."""
        await self._call(ObjectStore._remove, sorted(set(keys)))

    async def keys_under(self, prefix: str) -> list[str]:
        """The keys that begin with `prefix`."""
        return await self._call(ObjectStore._keys_under, prefix)

    def close(self) -> None:
        """Let running calls end; start no more."""
        self._threads.shutdown(wait=False, cancel_futures=True)
        self._client.close()

    async def _call(self, function: Callable[Concatenate["ObjectStore", P], T], *args: P.args, **kwargs: P.kwargs) -> T:
        return await self._calls(function, self, *args, **kwargs)

    def _head_bucket(self, bucket: str) -> None:
        try:
            self._client.head_bucket(Bucket=bucket)
        except ClientError as error:
            raise ServiceUnavailable(service="storage") from error

    def _create_bucket(self, bucket: str) -> None:
        try:
            self._client.create_bucket(Bucket=bucket)
        except ClientError as error:
            if error_code(error) not in {"BucketAlreadyOwnedByYou", "BucketAlreadyExists"}:
                raise

    def _head(self, key: str) -> ObjectFacts:
        answer = self._client.head_object(Bucket=self.bucket, Key=key)
        kept = {name.lower(): value for name, value in answer.get("Metadata", {}).items()}
        return ObjectFacts(size_bytes=answer["ContentLength"], etag=answer["ETag"], token=kept.get(multipart.TOKEN))

    def _write(self, key: str, body: BinaryIO, size_bytes: int, content_type: str) -> None:
        self._client.put_object(
            Bucket=self.bucket,
            Key=key,
            Body=whole(body, size_bytes),
            ContentLength=size_bytes,
            ContentType=content_type,
        )

    def _read(self, key: str, start: int, length: int) -> bytes:
        try:
            answer = self._client.get_object(Bucket=self.bucket, Key=key, Range=f"bytes={start}-{start + length - 1}")
        except ClientError as error:
            if error_code(error) == "InvalidRange":
                return b""
            raise
        with closing(answer["Body"]) as body:
            return bytes(body.read())

    def _sha256(self, key: str) -> str:
        digest = hashlib.sha256()
        with closing(self._client.get_object(Bucket=self.bucket, Key=key)["Body"]) as body:
            for chunk in body.iter_chunks(CHUNK_BYTES):
                digest.update(chunk)
        return digest.hexdigest()

    def _copy(self, source: str, target: str, etag: str) -> None:
        if self.conditions is None:
            self.conditions = enforced(self._client, self.bucket, probe=f"{target}.probe")
        copied = {"Bucket": self.bucket, "Key": source}
        try:
            self._client.copy_object(Bucket=self.bucket, Key=target, CopySource=copied, **self.conditions.headers(etag))
        except ClientError as error:
            if error_code(error) == "PreconditionFailed":
                raise ObjectChanged from None
            raise

    def _keys_under(self, prefix: str) -> list[str]:
        pages = self._client.get_paginator("list_objects_v2").paginate(Bucket=self.bucket, Prefix=prefix)
        return [entry["Key"] for page in pages for entry in page.get("Contents", ())]

    def _remove(self, keys: list[str]) -> None:
        for start in range(0, len(keys), DELETE_BATCH):
            batch = [{"Key": key} for key in keys[start : start + DELETE_BATCH]]
            self._client.delete_objects(Bucket=self.bucket, Delete={"Objects": batch, "Quiet": True})
        if any(self._exists(key) for key in keys):
            raise ObjectsRemain

    def _exists(self, key: str) -> bool:
        try:
            self._head(key)
        except ClientError as error:
            if error_code(error) in _MISSING:
                return False
            raise
        return True
