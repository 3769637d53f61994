"""Sound that changes its format on the way: each change takes filters of its own, and may cost more than it."""

from collections.abc import Iterator

from av.audio.frame import AudioFrame

from processing.failures import ProcessingFailed, Reason

MOST_CHANGES = 100

Format = tuple[str, str, int]


def format_of(frame: AudioFrame) -> Format:
    """How its samples stand, for which channels, and how many a second."""
    return frame.format.name, frame.layout.name, frame.sample_rate


def with_few_changes(frames: Iterator[AudioFrame], damage: Reason) -> Iterator[AudioFrame]:
    """The same frames; ProcessingFailed once their format has changed too often."""
    known, changes = None, -1
    for frame in frames:
        if format_of(frame) != known:
            known, changes = format_of(frame), changes + 1
        if changes > MOST_CHANGES:
            raise ProcessingFailed(damage, "its sound changes its format again and again")
        yield frame
