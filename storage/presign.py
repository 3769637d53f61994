"""Signed URLs: local computation, no call to the store."""

import base64
from typing import Any
from urllib.parse import quote, urlsplit, urlunsplit

from storage.s3 import StoreConfig, create_client


class Presigner:
    """Signs single requests against the endpoint that callers reach the store by."""

    def __init__(self, config: StoreConfig) -> None:
        self.bucket = config.bucket
        public = urlsplit(config.public_endpoint or config.endpoint or "")
        self._path = public.path.rstrip("/")
        self._client: Any = create_client(config, urlunsplit(public._replace(path="")) or None)

    def put(
        self, key: str, *, size_bytes: int, content_type: str, sha256: str | None, ttl_seconds: int
    ) -> tuple[str, dict[str, str]]:
        """The URL and the headers of the one PUT that fills `key`.

        The signature binds key, method, exact length, type, expiry and, when given, the SHA-256 (hex). Content-Length
        is not among the headers: every client sets it from the body, and browsers let nobody else set it.
        """
        headers = {"content-type": content_type}
        bound: dict[str, Any] = {"ContentLength": size_bytes, "ContentType": content_type}
        if sha256 is not None:
            bound["ChecksumSHA256"] = base64.b64encode(bytes.fromhex(sha256)).decode()
            headers["x-amz-checksum-sha256"] = bound["ChecksumSHA256"]
        return self._sign("put_object", {"Bucket": self.bucket, "Key": key, **bound}, ttl_seconds), headers

    def get(self, key: str, *, filename: str, content_type: str, ttl_seconds: int, inline: bool = False) -> str:
        """The URL of a GET of `key`, which the store answers as `content_type` under the file's own name."""
        disposition = "inline" if inline else "attachment"
        answer = {
            "ResponseContentType": content_type,
            "ResponseContentDisposition": f"{disposition}; filename*=UTF-8''{quote(filename, safe='')}",
        }
        return self._sign("get_object", {"Bucket": self.bucket, "Key": key, **answer}, ttl_seconds)

    def close(self) -> None:
        """Release the client."""
        self._client.close()

    def _sign(self, operation: str, parameters: dict[str, Any], ttl_seconds: int) -> str:
        url: str = self._client.generate_presigned_url(operation, Params=parameters, ExpiresIn=ttl_seconds)
        if not self._path:
            return url
        signed = urlsplit(url)
        # A proxy on this path strips it again, so that the store sees what was signed.
        return urlunsplit(signed._replace(path=self._path + signed.path))
