"""What a process asks the kernel for itself (prctl(2))."""

import ctypes
import sys
from enum import IntEnum


class Option(IntEnum):
    """What can be asked (linux/prctl.h)."""

    PDEATHSIG = 1
    DUMPABLE = 4
    SECCOMP = 22
    NO_NEW_PRIVS = 38


def prctl(option: Option, value: int, argument: object = 0) -> None:
    """Set an option of this process; OSError when the kernel refuses."""
    if ctypes.CDLL(None, use_errno=True).prctl(option, value, argument, 0, 0) != 0:
        raise OSError(ctypes.get_errno(), f"prctl {option.name}")


def hide_memory() -> None:
    """Keep memory, variables and open files of this process from others of its user.

    One of them may be a decoder that was taken over. It leaves no core dump either, where all would stand.
    """
    if sys.platform == "linux":
        prctl(Option.DUMPABLE, 0)
