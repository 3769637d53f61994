"""One upload in parts, and what its sender does."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

import httpx

from contracts.media import Media
from contracts.multipart import MultipartTicket, SignedPart
from tests.media_files import padded, video

PART = 5 * 1024**2
SIZE = 2 * PART + 1000
WHOLE = padded(video(), SIZE)
DAY = timedelta(days=1)


@dataclass(frozen=True)
class Upload:
    """One upload in parts, and what its sender does."""

    ticket: MultipartTicket
    body: bytes
    call: Callable[..., Awaitable[Any]]
    client: httpx.AsyncClient

    @property
    def id(self) -> str:
        return str(self.ticket.media_id)

    def bytes_of(self, number: int) -> bytes:
        start = (number - 1) * self.ticket.part_size
        return self.body[start : start + self.ticket.part_size]

    async def sign(self, *numbers: int, **params: Any) -> list[SignedPart]:
        parts: list[SignedPart] = (
            await self.call("media.signParts", mediaId=self.id, partNumbers=list(numbers), **params)
        ).parts
        return parts

    async def put(self, part: SignedPart, body: bytes | None = None) -> httpx.Response:
        body = self.bytes_of(part.part_number) if body is None else body
        return await self.client.request(part.method, part.upload_url, content=body, headers=part.headers)

    async def is_refused(self, part: SignedPart, body: bytes) -> bool:
        """Whether storage does not take these bytes: it says so, or hangs up on them."""
        try:
            return (await self.put(part, body)).status_code in {400, 403, 404}
        except httpx.TransportError:
            return True

    async def send(self, *numbers: int) -> None:
        for part in await self.sign(*numbers):
            assert (await self.put(part)).status_code == 200

    async def complete(self, **params: Any) -> Media:
        media: Media = (await self.call("media.completeMultipartUpload", mediaId=self.id, **params)).media
        return media

    async def status(self) -> Any:
        return await self.call("media.getUploadStatus", mediaId=self.id)
