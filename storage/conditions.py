"""Which conditions on a copy a store enforces: some take them and copy all the same, so they are tried out."""

from dataclasses import dataclass
from functools import partial
from http import HTTPStatus
from typing import Any

from botocore.exceptions import ClientError

_NOBODYS_ETAG = '"00000000000000000000000000000000"'
_UNKNOWN = {HTTPStatus.BAD_REQUEST, HTTPStatus.NOT_IMPLEMENTED}


@dataclass(frozen=True, slots=True)
class Conditions:
    """Whether a copy can be bound to its source's ETag, and to a target that is not there."""

    of_source: bool
    of_target: bool

    def headers(self, etag: str) -> dict[str, str]:
        """What a copy of an object with this ETag is told."""
        source = {"CopySourceIfMatch": etag} if self.of_source else {}
        target = {"IfNoneMatch": "*"} if self.of_target else {}
        return {**source, **target}


def enforced(client: Any, bucket: str, *, probe: str) -> Conditions:
    """What the store enforces, tried on copies of a small object of its own at `probe`, which is removed again."""
    target = f"{probe}-copy"
    copy = partial(client.copy_object, Bucket=bucket, Key=target, CopySource={"Bucket": bucket, "Key": probe})
    try:
        client.put_object(Bucket=bucket, Key=probe, Body=b"probe")
        of_source = _refused(partial(copy, CopySourceIfMatch=_NOBODYS_ETAG))
        copy()
        return Conditions(of_source=of_source, of_target=_refused(partial(copy, IfNoneMatch="*")))
    finally:
        for key in (target, probe):
            client.delete_object(Bucket=bucket, Key=key)


def _refused(copy: Any) -> bool:
    try:
        copy()
    except ClientError as error:
        status = error.response["ResponseMetadata"]["HTTPStatusCode"]
        if status == HTTPStatus.PRECONDITION_FAILED:
            return True
        if status not in _UNKNOWN:
            raise
    return False
