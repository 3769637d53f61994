"""What clamd says of a file before anything of it is published: nothing passes that it has not found clean."""

from pathlib import Path
from typing import BinaryIO
from urllib.parse import urlsplit

from aioclamd import BufferTooLongError, ClamdAsyncClient, ClamdError

from contracts.errors import ServiceUnavailable
from processing.failures import ProcessingFailed, Reason

PORT = 3310
TIMEOUT_SECONDS = 300.0  # from the first byte sent to the verdict
BLOCK_BYTES = 256 * 1024


class Scanner:
    """A clamd that is reached over TCP; files are sent to it (INSTREAM), so it may run on another machine."""

    def __init__(self, url: str) -> None:
        address = urlsplit(url)
        self._clamd = ClamdAsyncClient(str(address.hostname), address.port or PORT, TIMEOUT_SECONDS)

    async def version(self) -> str:
        """What clamd says that it is; ServiceUnavailable when it is away."""
        try:
            return str(await self._clamd.version())
        except (ClamdError, OSError) as error:
            raise ServiceUnavailable(service="scanner") from error

    async def require_clean(self, source: Path) -> None:
        """Return when clamd has found nothing in a file.

        Raises ProcessingFailed for what it finds, and for what is larger than it takes; ServiceUnavailable when it says
        neither, whatever the cause.
        """
        try:
            with source.open("rb") as file:
                verdicts = await self._clamd.instream(_Blocks(file))
        except BufferTooLongError:
            raise ProcessingFailed(Reason.TOO_LARGE_TO_SCAN) from None
        except (ClamdError, OSError) as error:
            raise ServiceUnavailable(service="scanner") from error
        match list((verdicts or {}).values()):
            case [("OK", _)]:
                return
            case [("FOUND", name)]:
                raise ProcessingFailed(Reason.INFECTED, name)
        raise ServiceUnavailable(service="scanner")


class _Blocks:
    """A file that is read in larger blocks than the client asks for, which are a thousandth of a mebibyte."""

    def __init__(self, file: BinaryIO) -> None:
        self._file = file

    def read(self, _: int) -> bytes:
        """The next block; none at the end."""
        return self._file.read(BLOCK_BYTES)
