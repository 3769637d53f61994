"""An upload as steps: what is to be called, sent and waited for next.

It knows nothing of how a step is taken, so that `Client` can wait for the same steps that `AsyncClient` awaits: each is
answered, or fails, where it is yielded. Storage keeps each part that it has, so that a file which was broken off goes
on where it was, also by another process.
"""

import uuid
from collections.abc import Callable, Generator
from dataclasses import dataclass, field
from datetime import UTC, datetime
from functools import partial
from typing import Any

from mediarpc_client.errors import Conflict, InvalidInput, NotFound
from mediarpc_client.models import (
    MediaAnswer,
    MultipartTicket,
    Owner,
    Purpose,
    SignedPart,
    SignedParts,
    UnfinishedUpload,
    UploadPage,
    UploadStatus,
    UploadTicket,
)
from mediarpc_client.retry import Pause, persistent
from mediarpc_client.source import Source

MULTIPART_THRESHOLD_BYTES = 16 * 1024 * 1024
COMPLETIONS = 5


@dataclass(frozen=True, slots=True)
class Digest:
    """Read the file for its SHA-256."""

    source: Source


@dataclass(frozen=True, slots=True)
class Call:
    """Call a procedure; the step's answer is its own."""

    name: str
    members: dict[str, Any]
    answer: type[Any]


@dataclass(frozen=True, slots=True)
class Put:
    """Send bytes of the file to a signed URL."""

    ticket: UploadTicket | SignedPart
    source: Source
    offset: int
    size: int
    on_sent: Callable[[int], None]


Step = Digest | Call | Put | Pause
Steps = Generator[Step, Any, Any]


@dataclass(frozen=True, slots=True)
class Progress:
    """How many bytes have been sent, of how many."""

    sent: int
    total: int


@dataclass(frozen=True, slots=True)
class Parts:
    """An upload in parts, some of which storage may have already."""

    media_id: str
    part_size: int
    missing: list[int]


@dataclass(slots=True, kw_only=True)
class Upload:
    """One upload of one file."""

    source: Source
    purpose: Purpose | None = None
    owner: Owner | None = None
    resume: bool = True
    part_size: int | None = None
    wait_seconds: float | None = None
    on_progress: Callable[[Progress], None] | None = None
    _digest: str = field(default="", init=False)
    _sent: int = field(default=0, init=False)

    def steps(self) -> Steps:
        """The upload to its end, whose answer is the media."""
        self._digest = yield Digest(self.source)
        if self.source.size <= MULTIPART_THRESHOLD_BYTES and self.part_size is None:
            return (yield from self._whole())
        earlier = (yield from self._unfinished()) if self.resume else None
        return (yield from self._in_parts(earlier or (yield from self._begin_parts())))

    def _whole(self) -> Steps:
        """By one PUT. Each try has a fresh URL of the same upload, by its idempotency key."""
        declared = self._declared()

        def deliver() -> Steps:
            ticket = yield Call("media.initiateUpload", declared, UploadTicket)
            yield Put(ticket, self.source, 0, self.source.size, self._tell)
            return ticket.media_id

        media_id = yield from persistent(deliver)
        return (yield from _called("media.completeUpload", self._completion(media_id), MediaAnswer)).media

    def _begin_parts(self) -> Steps:
        declared = {**self._declared(), "partSize": self.part_size}
        ticket = yield from _called("media.initiateMultipartUpload", declared, MultipartTicket)
        return Parts(ticket.media_id, ticket.part_size, list(range(1, ticket.total_parts + 1)))

    def _completion(self, media_id: str) -> dict[str, Any]:
        return {"mediaId": media_id, "waitSeconds": self.wait_seconds}

    def _declared(self) -> dict[str, Any]:
        return {
            "filename": self.source.filename,
            "contentType": self.source.content_type,
            "size": self.source.size,
            "purpose": self.purpose,
            "owner": self.owner,
            "sha256": self._digest,
            "idempotencyKey": str(uuid.uuid4()),
        }

    def _unfinished(self) -> Steps:
        """The newest upload in parts of the very same file that was broken off; None without one."""
        asked: dict[str, Any] = {"owner": self.owner, "cursor": None}
        while True:
            page = yield from _called("media.listUploads", asked, UploadPage)
            for item in filter(self._is_alike, page.items):
                status = yield from _status_of(item)
                if status and status.status == "pending" and status.sha256 == self._digest:
                    return Parts(item.media_id, status.part_size, status.missing_parts)
            if page.next_cursor is None:
                return None
            asked["cursor"] = page.next_cursor

    def _is_alike(self, item: UnfinishedUpload) -> bool:
        same = (item.filename, item.size) == (self.source.filename, self.source.size)
        return same and item.part_size is not None and item.expires_at > datetime.now(UTC)

    def _in_parts(self, parts: Parts) -> Steps:
        """Send what storage lacks, and complete; storage says what it lacks still."""
        missing = parts.missing
        for _ in range(COMPLETIONS):
            yield from self._send(parts, missing)
            try:
                completed = yield from _called(
                    "media.completeMultipartUpload", self._completion(parts.media_id), MediaAnswer
                )
            except (Conflict, InvalidInput) as error:
                missing = _lacking(error)
                failure = error
            else:
                return completed.media
        raise failure

    def _send(self, parts: Parts, numbers: list[int]) -> Steps:
        left = sum(self._size_of(number, parts) for number in numbers)
        for number in numbers:
            before = self.source.size - left
            yield from persistent(partial(self._part, parts, number, before))
            left -= self._size_of(number, parts)

    def _part(self, parts: Parts, number: int, before: int) -> Steps:
        asked = {"mediaId": parts.media_id, "partNumbers": [number]}
        signed = yield Call("media.signParts", asked, SignedParts)
        (ticket,) = signed.parts
        offset = (number - 1) * parts.part_size
        yield Put(ticket, self.source, offset, ticket.size, lambda sent: self._tell(before + sent))

    def _size_of(self, number: int, parts: Parts) -> int:
        return min(parts.part_size, self.source.size - (number - 1) * parts.part_size)

    def _tell(self, sent: int) -> None:
        """What was sent never falls, not even when it is sent again."""
        self._sent = max(self._sent, sent)
        if self.on_progress:
            self.on_progress(Progress(self._sent, self.source.size))


def _called(name: str, members: dict[str, Any], answer: type[Any]) -> Steps:
    """A call that is repeated until it is answered."""

    def call() -> Steps:
        return (yield Call(name, members, answer))

    return (yield from persistent(call))


def _status_of(item: UnfinishedUpload) -> Steps:
    """What storage has of an upload, None when it has ended meanwhile."""
    try:
        return (yield from _called("media.getUploadStatus", {"mediaId": item.media_id}, UploadStatus))
    except NotFound:
        return None


def _lacking(error: Conflict | InvalidInput) -> list[int]:
    """The parts that are to be sent before completing again; the error itself when there are none."""
    missing: list[int] = error.details.get("missingParts") or [
        number for number in [error.details.get("partNumber")] if number
    ]
    if not missing:
        raise error
    return missing
