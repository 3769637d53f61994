"""The store over the S3 protocol: two buckets, one boto3 client, whose blocking calls run in threads of their own.

Every call has a timeout; nothing of boto3 leaves this package.
"""

import asyncio
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import cache, cached_property
from typing import Any

import boto3
import botocore.session
from botocore.config import Config
from botocore.exceptions import ClientError

from storage import multipart
from storage.bucket import MISSING, Bucket
from storage.calls import Calls, error_code
from storage.replies import require_whole_replies
from storage.timestamps import timestamp

CONNECT_TIMEOUT_SECONDS = 3
READ_TIMEOUT_SECONDS = 20
REQUEST_ATTEMPTS = 2
CHECK_TIMEOUT_SECONDS = 2.5
THREADS = 32


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


@cache
def _session() -> boto3.session.Session:
    """A session of this package's own, which reads boto3's service descriptions once."""
    session = botocore.session.get_session()
    session.get_component("response_parser_factory").set_parser_defaults(timestamp_parser=timestamp)
    return boto3.session.Session(botocore_session=session)


def create_client(config: StoreConfig, endpoint: str | None, *, timeout_seconds: float | None = None) -> Any:
    """A boto3 client for `endpoint`, with timeouts, which takes no part of a reply for all of it.

    It sends none of the checksum headers that not every store knows. One with a timeout of its own tries only once.
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
            connect_timeout=timeout_seconds or CONNECT_TIMEOUT_SECONDS,
            read_timeout=timeout_seconds or READ_TIMEOUT_SECONDS,
            retries={"total_max_attempts": 1 if timeout_seconds else REQUEST_ATTEMPTS, "mode": "standard"},
            max_pool_connections=THREADS,
            request_checksum_calculation="when_required",
            response_checksum_validation="when_required",
        ),
    )
    require_whole_replies(client)
    return client


class ObjectStore(Bucket):
    """The private bucket of originals, with the one of renditions at its side, which is `public`."""

    def __init__(self, config: StoreConfig) -> None:
        self._threads = ThreadPoolExecutor(THREADS, thread_name_prefix="s3")
        super().__init__(config.bucket, create_client(config, config.endpoint), Calls(self._threads, MISSING))
        self.public = Bucket(config.public_bucket, self._client, self._calls)
        self._config = config
        self.multipart = multipart.Multipart(self._client, self.name, Calls(self._threads, multipart.NAMES))

    @cached_property
    def _hasty_client(self) -> Any:
        return create_client(self._config, self._config.endpoint, timeout_seconds=CHECK_TIMEOUT_SECONDS)

    async def check(self) -> None:
        """Raise ServiceUnavailable unless both buckets answer soon."""
        heads = (self._calls(_head_bucket, self._hasty_client, bucket.name) for bucket in (self, self.public))
        await asyncio.gather(*heads)

    async def create_buckets(self) -> None:
        """Create the buckets that are not there."""
        for bucket in (self, self.public):
            await self._calls(_create_bucket, self._client, bucket.name)

    def close(self) -> None:
        """Let running calls end; start no more."""
        self._threads.shutdown(wait=False, cancel_futures=True)
        self._client.close()
        if "_hasty_client" in vars(self):
            self._hasty_client.close()


def _head_bucket(client: Any, bucket: str) -> None:
    try:
        client.head_bucket(Bucket=bucket)
    except ClientError:
        client.list_objects_v2(Bucket=bucket, MaxKeys=1)  # a HEAD is refused without a body, this in words


def _create_bucket(client: Any, bucket: str) -> None:
    try:
        client.create_bucket(Bucket=bucket)
    except ClientError as error:
        if error_code(error) not in {"BucketAlreadyOwnedByYou", "BucketAlreadyExists"}:
            raise
