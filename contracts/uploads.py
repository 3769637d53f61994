"""Many uploads that one call begins: input and output of `media.initiateUploads`."""

from typing import Annotated, Any

from pydantic import Field

from contracts.media import InitiateUpload, Refusal, UploadTicket
from contracts.wire import Wire

MAX_UPLOADS = 50


class NewUpload(InitiateUpload):
    """One of several uploads, as `media.initiateUpload` takes it."""


class InitiateUploads(Wire):
    """Input of `media.initiateUploads`."""

    uploads: Annotated[list[NewUpload], Field(min_length=1, max_length=MAX_UPLOADS)]


class UploadRefusal(Refusal):
    """Why one of several uploads was not begun: a number and its sentence of the error table, and its facts."""

    details: dict[str, Any] | None
    request_id: str


class UploadOutcome(Wire):
    """What came of one upload: its ticket, or why it has none."""

    ticket: UploadTicket | None
    error: UploadRefusal | None


class UploadOutcomes(Wire):
    """What came of each upload, in the order asked."""

    results: list[UploadOutcome]
