"""Bytes that come through the server: inputs of `media.upload` and `media.uploadPart`."""

from typing import Annotated

from pydantic import Field

from contracts.media import ByteCount, ContentType, Filename, IdempotencyKey, MediaId, Purpose, Sha256, WaitSeconds
from contracts.multipart import PartNumber
from contracts.owners import NamedOwner
from contracts.wire import Wire


class Upload(Wire):
    """Input of `media.upload`. What is left out is the file's own: its name, its size, and the type of its bytes."""

    filename: Filename | None = None
    content_type: ContentType | None = None
    size: ByteCount | None = None
    purpose: Purpose = Purpose.POST
    sha256: Sha256 | None = None
    idempotency_key: IdempotencyKey | None = None
    owner: NamedOwner | None = None
    wait_seconds: WaitSeconds | None = None


class UploadPart(Wire):
    """Input of `media.uploadPart`."""

    media_id: MediaId
    part_number: PartNumber
    sha256: Sha256 | None = None


class UploadedPart(Wire):
    """A part that storage has now, and how much of the upload it has altogether."""

    part_number: int
    size: int
    uploaded_bytes: Annotated[int, Field(ge=0)]
    total_bytes: int
    next_part: int | None
