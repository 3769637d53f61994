"""`mediarpc serve` and `mediarpc worker` as forks of a process that has imported them, which is most of a start's work.

For tests of what they do; tests of how they start and stop use `tests.processes.running`, as their users do.
"""

import multiprocessing
import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from multiprocessing.context import ForkServerProcess
from pathlib import Path

import server.commands.serve
import server.commands.worker  # noqa: F401 - imported for the forks
from server.__main__ import main
from tests.processes import MEDIARPC, Running, environment, new_log, stopping

_context = multiprocessing.get_context("forkserver")
_context.set_forkserver_preload([__name__])


class Fork:
    """A fork with what of `subprocess.Popen` is asked of a command that runs."""

    def __init__(self, process: ForkServerProcess) -> None:
        process.start()
        self._process = process
        assert process.pid
        self.pid = process.pid

    def poll(self) -> int | None:
        return self._process.exitcode

    def wait(self, timeout: float | None = None) -> int:
        self._process.join(timeout)
        if self._process.exitcode is None:
            raise subprocess.TimeoutExpired("mediarpc", timeout or 0)
        return self._process.exitcode

    def send_signal(self, number: int) -> None:
        if self.poll() is None:
            os.kill(self.pid, number)


@contextmanager
def fork(folder: Path, *arguments: str, **variables: str) -> Iterator[Running]:
    """Start a command of `mediarpc` in a folder and a session of its own; at the end it must stop when told."""
    log = new_log(folder)
    log.touch()
    process = Fork(_context.Process(target=_run, args=(arguments, folder, log, environment(**variables))))
    with stopping(process):
        yield Running(process, log)


def _run(arguments: tuple[str, ...], folder: Path, log: Path, variables: dict[str, str]) -> None:
    os.setsid()
    with log.open("ab") as printed:
        for stream in (sys.stdout, sys.stderr):
            os.dup2(printed.fileno(), stream.fileno())
    os.chdir(folder)
    os.environ.clear()
    os.environ.update(variables)
    sys.argv = [str(MEDIARPC), *arguments]
    sys.exit(main())
