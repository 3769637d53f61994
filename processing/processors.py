"""Which processor takes which file, and what it may use. Naming one here loads none: each is imported in its child."""

from dataclasses import dataclass

from processing.failures import ProcessingFailed, Reason

MIB = 1024 * 1024


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """The most that one run may use. Memory is address space: a decoder that asks for more is told there is none."""

    memory_bytes: int
    cpu_seconds: int
    wall_seconds: float
    file_bytes: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Processor:
    """A module with `process(task) -> Outcome`, the types that it takes, and its limits."""

    module: str
    mime_types: frozenset[str]
    limits: Limits


PROCESSORS = (
    Processor(
        module="processing.pictures",
        mime_types=frozenset(
            {
                "image/jpeg",
                "image/png",
                "image/apng",
                "image/gif",
                "image/webp",
                "image/avif",
                "image/heic",
                "image/heif",
            }
        ),
        limits=Limits(memory_bytes=2048 * MIB, cpu_seconds=60, wall_seconds=120, file_bytes=512 * MIB),
    ),
    Processor(
        module="processing.films",
        mime_types=frozenset({"video/mp4", "video/x-m4v", "video/quicktime", "video/webm"}),
        limits=Limits(memory_bytes=2048 * MIB, cpu_seconds=60, wall_seconds=120, file_bytes=512 * MIB),
    ),
    Processor(
        module="processing.recordings",
        mime_types=frozenset({"audio/mpeg", "audio/wav", "audio/x-wav", "audio/ogg", "audio/mp4"}),
        limits=Limits(memory_bytes=1024 * MIB, cpu_seconds=600, wall_seconds=900, file_bytes=512 * MIB),
    ),
)


def processor_of(mime_type: str) -> Processor:
    """The first that takes this type."""
    for processor in PROCESSORS:
        if mime_type in processor.mime_types:
            return processor
    raise ProcessingFailed(Reason.FORMAT_UNSUPPORTED, mime_type)
