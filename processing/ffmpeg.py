"""FFmpeg's libraries, locked down: they open one file, by the demuxer of its type, and nothing else.

A container may name other files and servers; none of them is read. It may be built to be read for hours, too.
"""

import signal
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TypeVar

import av
from av.container import InputContainer

from processing.audio.id3 import with_few_tags
from processing.failures import ProcessingFailed, Reason, tells_of_memory

Packet = TypeVar("Packet")

# The demuxer of each type.
DEMUXERS = {
    "audio/mpeg": "mp3",
    "audio/wav": "wav",
    "audio/mp4": "mov",
    "audio/aac": "aac",
    "audio/flac": "flac",
    "audio/ogg": "ogg",
    "audio/webm": "matroska",
    "video/mp4": "mov",
    "video/quicktime": "mov",
    "video/webm": "matroska",
}
OPTIONS = {"protocol_whitelist": "file", "enable_drefs": "0", "use_absolute_path": "0"}
SECONDS = 1.0  # of patience with any file,
BYTES_A_SECOND = 64 * 1024 * 1024  # and one more for so many bytes


class Patience:
    """How much of the processor's time there is for reading a file, without what is decoded, in proportion to its size.

    When it is used up, the kernel ends this process: FFmpeg's libraries listen to nobody meanwhile.
    """

    def __init__(self, source: Path) -> None:
        self._seconds = SECONDS + source.stat().st_size / BYTES_A_SECOND

    @contextmanager
    def running(self) -> Iterator[None]:
        """Have it run out during the block alone."""
        signal.setitimer(signal.ITIMER_PROF, self._seconds)
        try:
            yield
        finally:
            self._seconds, _ = signal.setitimer(signal.ITIMER_PROF, 0)

    def with_each(self, packets: Iterator[Packet]) -> Iterator[Packet]:
        """Packets as they are read, as far as it lasts."""
        while True:
            with self.running():
                packet = next(packets, None)
            if packet is None:
                return
            yield packet


@contextmanager
def open_container(source: Path, mime_type: str) -> Iterator[tuple[InputContainer, Patience]]:
    """A file as what its bytes show that it is, and the patience with it; tags of whatever encoding are no damage."""
    patience, demuxer = Patience(source), DEMUXERS[mime_type]
    file = with_few_tags(source) if demuxer == "mp3" else None
    with patience.running():
        container = av.open(file or str(source), "r", format=demuxer, options=OPTIONS, metadata_errors="replace")
    with container:
        yield container, patience


@contextmanager
def refusing(damage: Reason) -> Iterator[None]:
    """What FFmpeg's libraries cannot read is damaged, unless they lacked memory."""
    try:
        yield
    except (av.error.FFmpegError, ValueError) as error:
        lacking = isinstance(error, MemoryError) or tells_of_memory(str(error))
        raise ProcessingFailed(Reason.OUT_OF_MEMORY if lacking else damage, str(error)) from error
