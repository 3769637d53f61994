"""An audio file of ten minutes or more is left for a later run, for which none of the shorter ones waits."""

from contracts.formats import MediaType
from media.turns import LONG_SECONDS, is_long
from processing.failures import ProcessingFailed, Reason
from processing.protocol import Outcome
from processing.registry import Limits, processor_of
from sql.rows import MediaRow

SECONDS = 120  # that processing an audio file may take,
SLOWEST = 5  # and one more for so many seconds of it
CPU_SECONDS = 30  # of the processor,
CPU_SLOWEST = 20  # and one more for so many; eight channels or 192 kHz take one for 35


def longest_run(media: MediaRow) -> float | None:
    """How many seconds an audio file may last to be processed in this run; None once it has waited among long ones."""
    return None if is_long(media) else LONG_SECONDS


def limits_of(media: MediaRow, mime_type: str) -> Limits:
    """What a run may use: of time as much as goes with what is heard in it."""
    limits = processor_of(mime_type).limits
    if media.type != MediaType.AUDIO:
        return limits
    heard = media.duration or LONG_SECONDS
    return limits.within(SECONDS + heard / SLOWEST, CPU_SECONDS + heard / CPU_SLOWEST)


def duration_of_long(media: MediaRow, outcome: Outcome) -> float:
    """How many seconds an audio file lasts that is left for later.

    Raises ProcessingFailed when nothing can be: the child was taken over, and says that there are no renditions.
    """
    seconds = outcome.facts.duration or 0
    if media.type != MediaType.AUDIO or is_long(media) or seconds < LONG_SECONDS:
        raise ProcessingFailed(Reason.CRASHED, "no renditions")
    return seconds
