"""Content on its way to storage, which takes no bytes whose number it is not told first: so they wait in a file."""

import asyncio
import hashlib
from collections.abc import Iterator
from contextlib import contextmanager
from tempfile import TemporaryFile
from typing import BinaryIO

from contracts.disk import writing_to_disk
from rpc.content import Content

BUFFER_BYTES = 128 * 1024


@contextmanager
def waiting_room() -> Iterator[BinaryIO]:
    """A file for what has arrived, gone when the block ends. DiskFull when this machine has no room for it."""
    with writing_to_disk(), TemporaryFile() as file:
        yield file


class SpooledUpload:
    """A content that is read in pieces, each into a file; the size and the SHA-256 of what has been read."""

    def __init__(self, content: Content) -> None:
        self.size_bytes = 0
        self._content = content
        self._digest = hashlib.sha256()
        self._buffer = bytearray()
        self._ended = False

    @property
    def sha256(self) -> str:
        """The digest as hex."""
        return self._digest.hexdigest()

    async def fill(self, file: BinaryIO, length: int, start: int = 0) -> int:
        """Read up to so many bytes into a file, fewer only at the end; how many. Raises what the content raises.

        They take the place of what the file has from `start` on.
        """
        before = self.size_bytes
        await asyncio.to_thread(file.truncate, start)
        file.seek(start)
        while (left := length - (self.size_bytes - before)) and (piece := await self._take(min(left, BUFFER_BYTES))):
            await asyncio.to_thread(self._keep, file, piece)
        await asyncio.to_thread(file.flush)
        return self.size_bytes - before

    async def has_more(self) -> bool:
        """Whether anything follows."""
        await self._wait_for(1)
        return bool(self._buffer)

    async def _take(self, most: int) -> bytes:
        await self._wait_for(most)
        taken = bytes(self._buffer[:most])
        del self._buffer[:most]
        return taken

    async def _wait_for(self, size: int) -> None:
        while len(self._buffer) < size and not self._ended:
            try:
                self._buffer += await anext(self._content)
            except StopAsyncIteration:
                self._ended = True

    def _keep(self, file: BinaryIO, piece: bytes) -> None:
        self._digest.update(piece)
        self.size_bytes += len(piece)
        file.write(piece)
