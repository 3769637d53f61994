"""Calls of a boto3 client: they block, so each runs in a thread, and what goes wrong gets a name of this package."""

import asyncio
from collections.abc import Callable, Mapping
from concurrent.futures import Executor
from os import SEEK_END
from typing import BinaryIO, ParamSpec, TypeVar

from botocore.exceptions import BotoCoreError, ClientError, HTTPClientError

from contracts.errors import ServiceUnavailable

P = ParamSpec("P")
T = TypeVar("T")


class ObjectsRemain(RuntimeError):
    """Something is still there after the store said that it was deleted."""


class Calls:
    """Runs calls in threads; raises what `names` has for the store's error code, else ServiceUnavailable."""

    def __init__(self, threads: Executor, names: Mapping[str, type[Exception]]) -> None:
        self._threads = threads
        self._names = names

    async def __call__(self, function: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
        """What the function returns."""

        def named() -> T:
            try:
                return function(*args, **kwargs)
            except ClientError as error:
                name = self._names.get(error_code(error))
                if name is not None:
                    raise name from None
                raise ServiceUnavailable(service="storage") from error
            except (BotoCoreError, HTTPClientError, OSError) as error:
                raise ServiceUnavailable(service="storage") from error

        return await asyncio.get_running_loop().run_in_executor(self._threads, named)


def error_code(error: ClientError) -> str:
    """The store's own word for what it refuses."""
    return str(error.response["Error"]["Code"])


def whole(body: BinaryIO, size_bytes: int) -> BinaryIO:
    """The body, when it has this length from its beginning, where botocore reads it from again when it repeats a call.

    Any other length would not end where the request says that it ends.
    """
    if body.seek(0, SEEK_END) != size_bytes:
        raise ValueError(f"The body has {body.tell()} bytes, not {size_bytes}")
    body.seek(0)
    return body
