"""What a kill or a power cut leaves of the embedded servers, made on purpose."""

import ctypes
import os
import signal
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import psutil

from server.embedded import working_in
from server.embedded_postgres import PROGRAMS, PidFile
from tests.processes import until

PR_SET_CHILD_SUBREAPER = 36


def owner_of(folder: Path) -> dict[str, Any]:
    """How a process is started as the owner of a folder, whose processes alone PostgreSQL takes for its own."""
    found = folder.stat()
    return {"user": found.st_uid, "group": found.st_gid} if os.geteuid() == 0 else {}


@contextmanager
def stranger(folder: Path) -> Iterator[int]:
    """The id of a living process of the folder's owner that has nothing to do with it."""
    with subprocess.Popen(["sleep", "600"], cwd="/", **owner_of(folder)) as process:
        try:
            yield process.pid
            assert process.poll() is None, "a stranger was ended"
        finally:
            process.kill()


@contextmanager
def zombie(folder: Path) -> Iterator[int]:
    """The id of a process of the folder's owner that has ended, and that nobody has waited for."""
    with subprocess.Popen(["true"], cwd="/", **owner_of(folder)) as process:
        until(lambda: psutil.Process(process.pid).status() == psutil.STATUS_ZOMBIE)
        yield process.pid


@contextmanager
def nobody_reaps() -> Iterator[None]:
    """Orphans become this process's, which waits for them at the end only, as in a container without an init."""
    prctl = ctypes.CDLL(None).prctl
    prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0)
    try:
        yield
    finally:
        prctl(PR_SET_CHILD_SUBREAPER, 0, 0, 0, 0)
        for process in psutil.Process().children():
            if process.status() == psutil.STATUS_ZOMBIE:
                with suppress(ChildProcessError):
                    os.waitpid(process.pid, 0)


def kill_all(folder: Path, *, but: int | None = None) -> None:
    """Kill every process of a PostgreSQL at once, but one."""
    for process in working_in(folder, PROGRAMS):
        if process.pid != but:
            os.kill(process.pid, signal.SIGKILL)
    until(lambda: {process.pid for process in working_in(folder, PROGRAMS)} <= {but})


def postmaster_of(folder: Path) -> int:
    """The process id that a running PostgreSQL has written down."""
    pid = PidFile.of(folder).pid
    assert pid is not None
    return pid


def pid_file(pid: int, folder: Path) -> str:
    """What `postmaster.pid` tells of a server that is ready."""
    return f"{pid}\n{folder}\n{int(time.time())}\n5432\n{folder}\n\n  1234567    1\nready   \n"
