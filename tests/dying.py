"""A store that dies in the middle of a reply, or leaves a request without one, as its clients see it."""

import asyncio
import contextlib
import re
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from urllib.parse import urlsplit

CHUNK_BYTES = 65_536


@dataclass
class DyingStore:
    """A way to a store that ends every connection once this many bytes of replies have come through.

    From the first request on that `withholds` matches, nothing is said any more; what is asked for is done.
    """

    endpoint: str
    behind: str
    bytes_left: int = sys.maxsize
    replies: bytes = b""
    withholds: bytes | None = None
    silent: asyncio.Event = field(default_factory=asyncio.Event)

    def live(self, bytes_left: int = sys.maxsize) -> None:
        """Let this many bytes through from now on."""
        self.bytes_left, self.replies = bytes_left, b""

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Hand on what comes on one connection."""
        address = urlsplit(self.behind)
        replies, requests = await asyncio.open_connection(address.hostname, address.port)
        sending = asyncio.create_task(self._send(reader, requests))
        with contextlib.closing(writer), contextlib.closing(requests), contextlib.suppress(ConnectionError):
            while chunk := (await replies.read(CHUNK_BYTES))[: self.bytes_left]:
                if self.silent.is_set():
                    continue
                self.bytes_left -= len(chunk)
                self.replies += chunk
                writer.write(chunk)
                await writer.drain()
                if not self.bytes_left:
                    break
        sending.cancel()

    async def _send(self, reader: asyncio.StreamReader, requests: asyncio.StreamWriter) -> None:
        with contextlib.suppress(ConnectionError):
            while chunk := await reader.read(CHUNK_BYTES):
                if self.withholds and re.match(self.withholds, chunk):
                    self.silent.set()
                requests.write(chunk)
                await requests.drain()
            requests.close()


@asynccontextmanager
async def dying_before(endpoint: str) -> AsyncIterator[DyingStore]:
    """A way to the store at `endpoint`, which lives until it is told otherwise."""
    store = DyingStore("", endpoint)
    async with await asyncio.start_server(store.serve, "127.0.0.1", 0) as server:
        store.endpoint = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"
        yield store
        server.close()
