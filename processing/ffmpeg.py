"""FFmpeg's libraries, locked down: they open one file, by the demuxer of its type, and nothing else.

A container may name other files and servers; none of them is read.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import av
from av.container import InputContainer

from processing.failures import ProcessingFailed, Reason, tells_of_memory

# The demuxer of each type.
DEMUXERS = {
    "audio/mpeg": "mp3",
    "audio/wav": "wav",
    "audio/x-wav": "wav",
    "audio/ogg": "ogg",
    "audio/mp4": "mov",
    "video/mp4": "mov",
    "video/x-m4v": "mov",
    "video/quicktime": "mov",
    "video/webm": "matroska",
}
OPTIONS = {"protocol_whitelist": "file", "enable_drefs": "0", "use_absolute_path": "0"}


def open_container(source: Path, mime_type: str) -> InputContainer:
    """A file as what its bytes show that it is; tags of whatever encoding are no damage."""
    return av.open(str(source), format=DEMUXERS[mime_type], options=OPTIONS, metadata_errors="replace")


@contextmanager
def refusing(damage: Reason) -> Iterator[None]:
    """What FFmpeg's libraries cannot read is damaged, unless they lacked memory."""
    try:
        yield
    except (av.error.FFmpegError, ValueError) as error:
        lacking = isinstance(error, MemoryError) or tells_of_memory(str(error))
        raise ProcessingFailed(Reason.OUT_OF_MEMORY if lacking else damage, str(error)) from error
