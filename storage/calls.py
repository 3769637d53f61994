"""Calls of a boto3 client: they block, so each runs in a thread, and what goes wrong gets a name of this package."""

import asyncio
from collections.abc import Callable, Mapping
from concurrent.futures import Executor
from http import HTTPStatus
from os import SEEK_END
from typing import BinaryIO, ParamSpec, TypeVar

from botocore.exceptions import BotoCoreError, ClientError, HTTPClientError

from contracts.disk import writing_to_disk
from contracts.errors import ServiceError, ServiceUnavailable

P = ParamSpec("P")
T = TypeVar("T")


class ObjectsRemain(RuntimeError):
    """Something is still there after the store said that it was deleted."""


class StoreError(ServiceError):
    """What the store answered instead: its own code, the operation, the HTTP status, and the bucket if it names one."""


class Calls:
    """Runs calls in threads; raises what `names` has for the store's error code, else ServiceUnavailable.

    DiskFull is raised for this machine's own disk.
    """

    def __init__(self, threads: Executor, names: Mapping[str, type[Exception]]) -> None:
        self._threads = threads
        self._names = names

    async def __call__(self, function: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
        """What the function returns."""

        def named() -> T:
            try:
                with writing_to_disk():
                    return function(*args, **kwargs)
            except ClientError as error:
                name = self._names.get(error_code(error))
                if name is not None:
                    raise name from None
                raise ServiceUnavailable(service="storage") from store_error(error)
            except (BotoCoreError, HTTPClientError, OSError) as error:
                raise ServiceUnavailable(service="storage") from error

        return await asyncio.get_running_loop().run_in_executor(self._threads, named)


def store_error(error: ClientError) -> StoreError:
    """What the log is told of an error that the store answered."""
    facts: dict[str, object] = {"code": error_code(error), "operation": error.operation_name, "status": status(error)}
    bucket = error.response["Error"].get("BucketName")
    return StoreError(**facts, **({"bucket": bucket} if bucket else {}))


def error_code(error: ClientError) -> str:
    """The store's own word for what it refuses."""
    return str(error.response["Error"]["Code"])


def is_outage(error: ClientError) -> bool:
    """Whether the store could not answer, rather than would not."""
    return status(error) >= HTTPStatus.INTERNAL_SERVER_ERROR


def status(error: ClientError) -> int:
    """The HTTP status of the store's answer."""
    return int(error.response["ResponseMetadata"]["HTTPStatusCode"])


def whole(body: BinaryIO, size_bytes: int) -> BinaryIO:
    """The body, when it has this length from its beginning, where botocore reads it from again when it repeats a call.

    Any other length would not end where the request says that it ends.
    """
    if body.seek(0, SEEK_END) != size_bytes:
        raise ValueError(f"The body has {body.tell()} bytes, not {size_bytes}")
    body.seek(0)
    return body
