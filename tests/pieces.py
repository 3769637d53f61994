"""A body as it arrives: in pieces, or not to its end."""

from collections.abc import AsyncIterator

from rpc.content import ContentBrokenOff
from tests.media_files import padded, video

MIB = 1024**2
CLIP = padded(video(), 20 * MIB + 7)


async def pieces(body: bytes, *, of: int = 300_000) -> AsyncIterator[bytes]:
    for start in range(0, len(body), of):
        yield body[start : start + of]


async def broken_off(body: bytes) -> AsyncIterator[bytes]:
    async for piece in pieces(body):
        yield piece
    raise ContentBrokenOff
