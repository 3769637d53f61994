"""Whole replies of a store, told from the beginnings of some.

A connection may end anywhere in a reply. http.client takes headers that are cut for all that there are, botocore takes
a body that is not there for an answer without members, and reads what is missing of a `100 Continue` for ever. So the
headers must end here as HTTP ends them, and an answer has the members that every store gives to all of its kind.
"""

from http import HTTPStatus
from http.client import HTTPResponse, IncompleteRead, RemoteDisconnected
from typing import Any, BinaryIO

from botocore.awsrequest import AWSHTTPConnection, AWSHTTPConnectionPool, AWSHTTPSConnection, AWSHTTPSConnectionPool

from contracts.errors import ServiceUnavailable

_MEMBERS = {
    "HeadObject": {"ContentLength", "ETag", "LastModified"},
    "GetObject": {"ContentLength"},
    "PutObject": {"ETag"},
    "CopyObject": {"CopyObjectResult"},
    "ListObjectsV2": {"Name"},
    "CreateMultipartUpload": {"UploadId"},
    "UploadPart": {"ETag"},
    "ListParts": {"UploadId"},
    "CompleteMultipartUpload": {"ETag"},
    "ListMultipartUploads": {"Bucket"},
}


def require_whole_replies(client: Any) -> None:
    """From now on a call of this client raises ServiceUnavailable when an answer lacks what all of its kind have."""
    client.meta.events.register("after-call.s3", _require_members)


def _require_members(http_response: Any, parsed: dict[str, Any], model: Any, **_: Any) -> None:
    there = {name for name, value in parsed.items() if value != {}}  # a structure is made of no body, too
    succeeded = http_response.status_code < HTTPStatus.MULTIPLE_CHOICES
    if succeeded and not _MEMBERS.get(model.name, set()) <= there:
        raise ServiceUnavailable(service="storage")


class _Lines:
    """The lines of a stream; remembers the last."""

    def __init__(self, stream: BinaryIO) -> None:
        self._stream = stream
        self.last = b""

    def readline(self, limit: int) -> bytes:
        self.last = self._stream.readline(limit)
        return self.last

    def close(self) -> None:
        self._stream.close()


class _Response(HTTPResponse):
    """A reply whose headers are all there."""

    fp: Any

    def begin(self) -> None:
        """Read the headers. Raises IncompleteRead."""
        stream = self.fp
        self.fp = lines = _Lines(stream)
        try:
            super().begin()
        finally:
            self.fp = self.fp and stream
        if lines.last.strip(b"\r\n") or not lines.last:
            raise IncompleteRead(lines.last)


class _Connection:
    response_class = _Response

    def _consume_headers(self, stream: BinaryIO) -> None:
        while (line := stream.readline()) != b"\r\n":
            if not line:
                raise RemoteDisconnected("The connection ended in the middle of 100 Continue")


class _PlainConnection(_Connection, AWSHTTPConnection):  # type: ignore[misc] # botocore has no types
    pass


class _SecureConnection(_Connection, AWSHTTPSConnection):  # type: ignore[misc] # botocore has no types
    pass


# botocore has no setting for its connections.
AWSHTTPConnectionPool.ConnectionCls = _PlainConnection
AWSHTTPSConnectionPool.ConnectionCls = _SecureConnection
