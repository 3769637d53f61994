"""Why a file cannot be processed: a stable word, a sentence for its owner, and whether another attempt could help."""

import re
import signal
from enum import StrEnum


class Reason(StrEnum):
    """Every reason; the value is the word that callers see."""

    INFECTED = "infected"
    TOO_LARGE_TO_SCAN = "too_large_to_scan"
    FORMAT_UNSUPPORTED = "format_unsupported"
    FORMAT_MISMATCH = "format_mismatch"
    IMAGE_DAMAGED = "image_damaged"
    IMAGE_TOO_LARGE = "image_too_large"
    IMAGE_TOO_MANY_FRAMES = "image_too_many_frames"
    VIDEO_DAMAGED = "video_damaged"
    VIDEO_TOO_LARGE = "video_too_large"
    VIDEO_TOO_LONG = "video_too_long"
    AUDIO_DAMAGED = "audio_damaged"
    AUDIO_TOO_LONG = "audio_too_long"
    OUT_OF_MEMORY = "out_of_memory"
    TOO_MUCH_WORK = "too_much_work"
    OUTPUT_TOO_LARGE = "output_too_large"
    ORIGINAL_MISSING = "original_missing"
    TIMED_OUT = "timed_out"
    STALLED = "stalled"
    KILLED = "killed"
    CRASHED = "crashed"


SENTENCES = {
    Reason.INFECTED: "The file holds malware.",
    Reason.TOO_LARGE_TO_SCAN: "The file is too large for the virus scanner.",
    Reason.FORMAT_UNSUPPORTED: "Files of this format cannot be processed.",
    Reason.FORMAT_MISMATCH: "The file is not what its bytes say it is.",
    Reason.IMAGE_DAMAGED: "The image is damaged or incomplete.",
    Reason.IMAGE_TOO_LARGE: "The image has too many pixels or bytes.",
    Reason.IMAGE_TOO_MANY_FRAMES: "The animation has too many frames.",
    Reason.VIDEO_DAMAGED: "The video is damaged, or has no video track.",
    Reason.VIDEO_TOO_LARGE: "The video has too many pixels.",
    Reason.VIDEO_TOO_LONG: "The video is too long.",
    Reason.AUDIO_DAMAGED: "The audio file is damaged, or holds no sound.",
    Reason.AUDIO_TOO_LONG: "The audio file is too long.",
    Reason.OUT_OF_MEMORY: "Processing the file needs too much memory.",
    Reason.TOO_MUCH_WORK: "Processing the file takes too much computing time.",
    Reason.OUTPUT_TOO_LARGE: "The processed file would be too large.",
    Reason.ORIGINAL_MISSING: "The file is no longer in storage.",
    Reason.TIMED_OUT: "Processing the file took too long.",
    Reason.STALLED: "Processing the file came to a standstill.",
    Reason.KILLED: "The server had too little memory to process the file.",
    Reason.CRASHED: "Processing the file ended unexpectedly.",
}

# What the machine may have caused: it was busy, something else on it needed the memory, or its storage erred.
PASSING = frozenset({Reason.ORIGINAL_MISSING, Reason.TIMED_OUT, Reason.STALLED, Reason.KILLED, Reason.CRASHED})

# What ended a process at its limits; SIGKILL comes from the kernel, when it lacks memory.
SIGNALS: dict[int, Reason] = {
    signal.SIGXCPU: Reason.TOO_MUCH_WORK,
    signal.SIGPROF: Reason.TOO_MUCH_WORK,
    signal.SIGXFSZ: Reason.OUTPUT_TOO_LARGE,
    signal.SIGKILL: Reason.KILLED,
}

# How libraries say that there was no more memory, or not enough for another thread.
LACK_OF_MEMORY = re.compile("(?<!copy to )memory|alloc|MemoryError|creating thread|start new thread")


def tells_of_memory(detail: str) -> bool:
    """Whether a library failed for want of memory, by what it says."""
    return LACK_OF_MEMORY.search(detail) is not None


class ProcessingFailed(Exception):
    """A file that cannot be processed, or cannot be now. `detail` is for the log, never for callers."""

    def __init__(self, reason: Reason, detail: str = "") -> None:
        super().__init__(f"{reason}: {detail}" if detail else reason.value)
        self.reason = reason
        self.detail = detail

    @property
    def code(self) -> str:
        """The stable word."""
        return self.reason.value

    @property
    def sentence(self) -> str:
        """What a person is told."""
        return SENTENCES[self.reason]

    @property
    def may_pass(self) -> bool:
        """Whether another attempt could end otherwise."""
        return self.reason in PASSING
