"""Which processor takes which file, and what it may use. Naming one here loads none: each is imported in its child."""

import math
from dataclasses import dataclass, replace
from typing import Self

from processing.failures import ProcessingFailed, Reason

MIB = 1024 * 1024


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """The most that one run may use. Memory is address space: a decoder that asks for more is told there is none.

    `stall_seconds`: how long a run may go on without getting on, where it says how far it is.
    """

    memory_bytes: int
    cpu_seconds: int
    wall_seconds: float
    file_bytes: int
    stall_seconds: float | None = None

    def within(self, wall_seconds: float, cpu_seconds: float = math.inf) -> Self:
        """The same, with no more time than this."""
        return replace(
            self,
            wall_seconds=min(wall_seconds, self.wall_seconds),
            cpu_seconds=math.ceil(min(cpu_seconds, self.cpu_seconds)),
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Processor:
    """A module with `process(task) -> Outcome`, the types that it takes, and its limits."""

    module: str
    mime_types: frozenset[str]
    limits: Limits


VIDEOS = frozenset({"video/mp4", "video/quicktime", "video/webm"})

PROCESSORS = (
    Processor(
        module="processing.image.process",
        mime_types=frozenset(
            {
                "image/jpeg",
                "image/png",
                "image/gif",
                "image/webp",
                "image/avif",
                "image/heic",
                "image/heif",
            }
        ),
        limits=Limits(memory_bytes=2048 * MIB, cpu_seconds=45, wall_seconds=120, file_bytes=512 * MIB),
    ),
    Processor(
        module="processing.video.poster",
        mime_types=VIDEOS,
        limits=Limits(memory_bytes=2048 * MIB, cpu_seconds=45, wall_seconds=120, file_bytes=512 * MIB),
    ),
    Processor(
        module="processing.audio.transcode",
        mime_types=frozenset(
            {"audio/mpeg", "audio/wav", "audio/mp4", "audio/aac", "audio/flac", "audio/ogg", "audio/webm"}
        ),
        limits=Limits(memory_bytes=1024 * MIB, cpu_seconds=600, wall_seconds=900, file_bytes=512 * MIB),
    ),
)

# What follows for videos: for a long one with all its qualities, on few cores, hours.
LADDERS = Processor(
    module="processing.video.transcode",
    mime_types=VIDEOS,
    limits=Limits(
        memory_bytes=8192 * MIB, cpu_seconds=6 * 3600, wall_seconds=3 * 3600, file_bytes=2048 * MIB, stall_seconds=60
    ),
)


def processor_of(mime_type: str) -> Processor:
    """The first that takes this type."""
    for processor in PROCESSORS:
        if mime_type in processor.mime_types:
            return processor
    raise ProcessingFailed(Reason.FORMAT_UNSUPPORTED, mime_type)
