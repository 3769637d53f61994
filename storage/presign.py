"""Signed URLs: AWS Signature Version 4 in the query, computed here without a call to the store.

Where requests go (host, path or virtual-host style) is boto3's word, asked for once. boto3's own presigner resolves
the endpoint and builds a request anew for every URL, which costs several times the signature itself; so the signature
is computed directly, and a test holds it against boto3's.
See docs.aws.amazon.com/AmazonS3/latest/API/sigv4-query-string-auth.html.
"""

import base64
import hashlib
import hmac
from collections.abc import Mapping
from dataclasses import replace
from datetime import UTC, datetime
from functools import lru_cache
from typing import Any, Literal
from urllib.parse import SplitResult, quote, urlsplit, urlunsplit

from storage.keys import safe_name
from storage.s3 import StoreConfig, create_client

ALGORITHM = "AWS4-HMAC-SHA256"
_UNRESERVED = "-_.~"
_NOTHING: Mapping[str, str] = {}


class Presigner:
    """Signs single requests against the endpoint that callers reach the store by."""

    def __init__(self, config: StoreConfig) -> None:
        public = urlsplit(config.public_endpoint or config.endpoint or "")
        endpoint = urlunsplit(public._replace(path="")) or None
        client = _client(replace(config, bucket="", public_bucket="", public_endpoint=None), endpoint)
        sample = _address_of(client, config.bucket)
        shown = _address_of(client, config.public_bucket)
        self._host = sample.netloc
        self._bucket_path = sample.path
        # A proxy on this path strips it again, so that the store sees what was signed.
        self._url = f"{sample.scheme}://{sample.netloc}{public.path.rstrip('/')}"
        # Where whoever may read the bucket of renditions finds it, without a signature.
        self.public_url = f"{shown.scheme}://{shown.netloc}{public.path.rstrip('/')}{shown.path}".rstrip("/")
        self._region = config.region
        # A header that stores read from the query when it is not sent: then it is empty, and so it was signed.
        self._no_copy = {"x-amz-copy-source": ""} if config.refuses_copies else {}
        self._access_key_id = config.access_key_id
        self._signing_key = lru_cache(maxsize=2)(lambda day: signing_key(config.secret_access_key, day, config.region))

    def put(
        self, key: str, *, size_bytes: int, content_type: str, sha256: str | None, now: datetime, ttl_seconds: int
    ) -> tuple[str, dict[str, str]]:
        """The URL and the headers of the one PUT that fills `key` until `ttl_seconds` after `now`.

        The signature binds key, method, exact length, type, expiry and, when given, the SHA-256 (hex). Content-Length
        is not among the headers: every client sets it from the body, and browsers let nobody else set it.
        """
        headers = {"content-type": content_type, **_checksum(sha256)}
        signed = {**headers, **self._no_copy, "content-length": str(size_bytes)}
        return self._sign("PUT", key, query=self._no_copy, headers=signed, now=now, ttl_seconds=ttl_seconds), headers

    def part(
        self,
        key: str,
        *,
        upload_id: str,
        number: int,
        size_bytes: int,
        sha256: str | None,
        now: datetime,
        ttl_seconds: int,
    ) -> tuple[str, dict[str, str]]:
        """The URL and the headers of the PUT of one part of a multipart upload, until `ttl_seconds` after `now`.

        The signature binds key, upload, part number, method, exact length, expiry and, when given, the SHA-256 (hex) of
        the part, which the embedded store takes without computing it.
        """
        headers = _checksum(sha256)
        signed = {**headers, **self._no_copy, "content-length": str(size_bytes)}
        query = {**self._no_copy, "partNumber": str(number), "uploadId": upload_id}
        return self._sign("PUT", key, query=query, headers=signed, now=now, ttl_seconds=ttl_seconds), headers

    def get(
        self, key: str, *, filename: str, content_type: str, now: datetime, ttl_seconds: int, inline: bool = False
    ) -> str:
        """The URL of a GET of `key`, which the store answers as `content_type` under this name, and nobody caches."""
        answer = {
            "response-cache-control": "private, no-store",
            "response-content-type": content_type,
            "response-content-disposition": disposition(filename, inline=inline),
        }
        return self._sign("GET", key, query=answer, now=now, ttl_seconds=ttl_seconds)

    def shown(self, key: str, *, content_type: str, caching: str, now: datetime, ttl_seconds: int) -> str:
        """The URL of a GET of `key`, which the store answers as `content_type` and with this Cache-Control."""
        answer = {"response-content-type": content_type, "response-cache-control": caching}
        return self._sign("GET", key, query=answer, now=now, ttl_seconds=ttl_seconds)

    def plain(self, method: Literal["GET", "HEAD"], key: str, *, now: datetime, ttl_seconds: int) -> str:
        """The URL of a request for `key` as it is stored, or for its headers."""
        return self._sign(method, key, now=now, ttl_seconds=ttl_seconds)

    def _sign(
        self,
        method: str,
        key: str,
        *,
        query: Mapping[str, str] = _NOTHING,
        headers: Mapping[str, str] = _NOTHING,
        now: datetime,
        ttl_seconds: int,
    ) -> str:
        timestamp = now.astimezone(UTC).strftime("%Y%m%dT%H%M%SZ")
        scope = f"{timestamp[:8]}/{self._region}/s3/aws4_request"
        signed = sorted({**headers, "host": self._host}.items())
        names = ";".join(name for name, _ in signed)
        path = self._bucket_path + quote(key, safe="/" + _UNRESERVED)
        parameters = _query({
            **query,
            "X-Amz-Algorithm": ALGORITHM,
            "X-Amz-Credential": f"{self._access_key_id}/{scope}",
            "X-Amz-Date": timestamp,
            "X-Amz-Expires": str(ttl_seconds),
            "X-Amz-SignedHeaders": names,
        })  # fmt: skip
        lines = "".join(f"{name}:{value}\n" for name, value in signed)
        request = f"{method}\n{path}\n{parameters}\n{lines}\n{names}\nUNSIGNED-PAYLOAD"
        to_sign = f"{ALGORITHM}\n{timestamp}\n{scope}\n{hashlib.sha256(request.encode()).hexdigest()}"
        signature = hmac.digest(self._signing_key(timestamp[:8]), to_sign.encode(), "sha256").hex()
        return f"{self._url}{path}?{parameters}&X-Amz-Signature={signature}"


@lru_cache(maxsize=4)
def _client(config: StoreConfig, endpoint: str | None) -> Any:
    """A client that sends nothing: presigners of one endpoint ask the same one."""
    return create_client(config, endpoint)


def _address_of(client: Any, bucket: str) -> SplitResult:
    """Where the store has a bucket; the path ends in a slash."""
    found = urlsplit(str(client.generate_presigned_url("get_object", Params={"Bucket": bucket, "Key": "k"})))
    return found._replace(path=found.path.removesuffix("k"))


def window_start(now: datetime, window_seconds: int) -> datetime:
    """The start of the window that a timestamp is in: the same on every machine, counted from the epoch."""
    return datetime.fromtimestamp(now.timestamp() // window_seconds * window_seconds, UTC)


def disposition(filename: str, *, inline: bool) -> str:
    """A Content-Disposition (RFC 6266): the name itself, percent-encoded, and a slug for who cannot read that."""
    kind = "inline" if inline else "attachment"
    return f"{kind}; filename=\"{safe_name(filename)}\"; filename*=UTF-8''{quote(filename, safe='')}"


def signing_key(secret: str, day: str, region: str) -> bytes:
    """The key that signs a day's requests (YYYYMMDD) to a region's S3."""
    key = f"AWS4{secret}".encode()
    for part in (day, region, "s3", "aws4_request"):
        key = hmac.digest(key, part.encode(), "sha256")
    return key


def _checksum(sha256: str | None) -> dict[str, str]:
    if sha256 is None:
        return {}
    return {"x-amz-checksum-sha256": base64.b64encode(bytes.fromhex(sha256)).decode()}


def _query(parameters: Mapping[str, str]) -> str:
    return "&".join(f"{name}={quote(value, safe=_UNRESERVED)}" for name, value in sorted(parameters.items()))
