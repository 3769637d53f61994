"""Inputs and outputs of the procedures about what is made of an original."""

from enum import StrEnum

from contracts.media import MediaError, MediaId, MediaState
from contracts.wire import Wire

# The error code of a media that holds malware; the same word stands in processing/failures.py and sql/processing.sql.
INFECTED = "infected"


class Stage(StrEnum):
    """What a worker is at with a media that is `processing`."""

    # The same words stand in the CHECK of sql/migrations/0001_media.sql.
    DOWNLOADING = "downloading"
    SCANNING = "scanning"
    RENDERING = "rendering"
    ENCODING = "encoding"
    PUBLISHING = "publishing"


class ProcessingStatus(Wire):
    """How far processing is. `progress` is percent and never falls; `stage` is null while nobody works at it.

    `attempts` are those since it began, or was begun anew.
    """

    media_id: MediaId
    status: MediaState
    stage: Stage | None
    progress: int
    attempts: int
    error: MediaError | None
