"""What a child gives up before it opens a file: the network, other processes, and every file but those of its task.

So it does its parent's user, new privileges, and memory, time and output without end. Nothing here can be undone by the
process that did it.
"""

import importlib.util
import os
import resource
import signal
import sys
from collections.abc import Iterable, Iterator
from contextlib import suppress
from pathlib import Path

from processing.protocol import Order
from processing.registry import Limits
from processing.sandbox.landlock import READ, RUN, WRITE, Access, Root, restrict
from processing.sandbox.prctl import Option, prctl
from processing.sandbox.seccomp import refuse_calls

OOM_SCORE_FILE = Path("/proc/self/oom_score_adj")
FIRST_TO_GO = "1000"  # the highest score; to raise it needs no privilege
MORE_PROCESSES = 512  # and threads, than its user has already

# Interpreter and libraries, as far as they are there, and what a C library opens. Never /proc, /etc or a home.
SYSTEM = ("/usr", "/lib", "/lib64", "/bin", "/etc/ld.so.cache")
DEVICES = {"/dev/null": READ | Access.WRITE_FILE, "/dev/urandom": READ}
PACKAGES = ("processing", "contracts")


def confine(order: Order) -> None:
    """Bind this process, and whatever it starts, to the limits, the user and the files of its order."""
    if sys.platform == "linux":
        offer_to_the_oom_killer()
        if order.user is not None:
            become(order.user)
        die_with(order.parent)
        prctl(Option.NO_NEW_PRIVS, 1)
    _bind(order.limits)
    if sys.platform == "linux":
        _limit(resource.RLIMIT_NPROC, _tasks() + MORE_PROCESSES)
        restrict(reachable(order))
        refuse_calls()
    os.umask(0o077)
    # Python ignores it, and a decoder would take the refused write for a damaged file.
    signal.signal(signal.SIGXFSZ, signal.SIG_DFL)


def become(user: int) -> None:
    """Be this user for good, of no group but its own; OSError where this process may not change its user."""
    os.setgroups([])
    os.setresgid(user, user, user)
    os.setresuid(user, user, user)


def die_with(parent: int) -> None:
    """Be killed as soon as the parent is, however that dies."""
    prctl(Option.PDEATHSIG, signal.SIGKILL)
    if os.getppid() != parent:
        os._exit(1)


def offer_to_the_oom_killer() -> None:
    """Have the kernel kill this process, or what it starts, before any other when memory is short."""
    with suppress(OSError):  # where /proc cannot be written, nothing can be done
        OOM_SCORE_FILE.write_text(FIRST_TO_GO)


def reachable(order: Order) -> Iterator[Root]:
    """What an order needs to read and to run, its source, and the folder that it writes."""
    for place in {*SYSTEM, sys.base_prefix, sys.prefix}:
        yield Root(Path(place), RUN)
    for package in {*PACKAGES, order.module.partition(".")[0]}:
        for place in _folders_of(package):
            yield Root(Path(place), READ)
    if ffmpeg := os.environ.get("IMAGEIO_FFMPEG_EXE"):
        yield Root(Path(ffmpeg), RUN)
    for place, access in DEVICES.items():
        yield Root(Path(place), access)
    yield Root(order.task.source, READ)
    yield Root(order.task.folder, WRITE)


def _folders_of(package: str) -> Iterable[str]:
    found = importlib.util.find_spec(package)
    return (found and found.submodule_search_locations) or ()


def _bind(limits: Limits) -> None:
    _limit(resource.RLIMIT_CORE, 0)
    _limit(resource.RLIMIT_AS, limits.memory_bytes)
    _limit(resource.RLIMIT_FSIZE, limits.file_bytes)
    resource.setrlimit(resource.RLIMIT_CPU, (limits.cpu_seconds, limits.cpu_seconds + 1))


def _tasks() -> int:
    """How many processes and threads this user has; those of other users do not count, nor do hidden ones."""
    return sum(_tasks_of(folder) for folder in Path("/proc").glob("[0-9]*"))


def _tasks_of(process: Path) -> int:
    with suppress(OSError):
        status = dict(line.split(":", 1) for line in (process / "status").read_text().splitlines())
        if int(status["Uid"].split()[0]) == os.getuid():
            return int(status["Threads"])
    return 0


def _limit(name: int, most: int) -> None:
    _, hard = resource.getrlimit(name)
    allowed = most if hard == resource.RLIM_INFINITY else min(most, hard)
    resource.setrlimit(name, (allowed, allowed))
