"""What a child gives up before it opens a file: memory, time and output without end, new privileges, the network.

Nothing here can be undone by the process that did it.
"""

import ctypes
import os
import resource
import signal
import sys
from contextlib import suppress
from pathlib import Path

from processing.processors import Limits
from processing.sockets import forbid_sockets

OOM_SCORE_FILE = Path("/proc/self/oom_score_adj")
FIRST_TO_GO = "1000"  # the highest score; to raise it needs no privilege

PR_SET_PDEATHSIG = 1
PR_SET_NO_NEW_PRIVS = 38


def confine(limits: Limits, parent: int) -> None:
    """Bind this process, and whatever it starts, to its limits."""
    if sys.platform == "linux":
        die_with(parent)
        offer_to_the_oom_killer()
        _prctl(PR_SET_NO_NEW_PRIVS, 1)
    forbid_sockets()
    os.umask(0o077)
    _limit(resource.RLIMIT_CORE, 0)
    _limit(resource.RLIMIT_AS, limits.memory_bytes)
    _limit(resource.RLIMIT_FSIZE, limits.file_bytes)
    resource.setrlimit(resource.RLIMIT_CPU, (limits.cpu_seconds, limits.cpu_seconds + 1))
    # Python ignores it, and a decoder would take the refused write for a damaged file.
    signal.signal(signal.SIGXFSZ, signal.SIG_DFL)


def die_with(parent: int) -> None:
    """Be killed as soon as the parent is, however that dies."""
    _prctl(PR_SET_PDEATHSIG, signal.SIGKILL)
    if os.getppid() != parent:
        os._exit(1)


def offer_to_the_oom_killer() -> None:
    """Have the kernel kill this process, or what it starts, before any other when memory is short."""
    with suppress(OSError):  # where /proc cannot be written, nothing can be done
        OOM_SCORE_FILE.write_text(FIRST_TO_GO)


def _limit(what: int, most: int) -> None:
    _, hard = resource.getrlimit(what)
    allowed = most if hard == resource.RLIM_INFINITY else min(most, hard)
    resource.setrlimit(what, (allowed, allowed))


def _prctl(option: int, value: int) -> None:
    if ctypes.CDLL(None, use_errno=True).prctl(option, value, 0, 0, 0) != 0:
        raise OSError(ctypes.get_errno(), "prctl")
