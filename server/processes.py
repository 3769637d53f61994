"""Several processes that do the same work, to use several cores; and how a process ends."""

import os
import signal
import sys
import time
from collections.abc import Callable
from typing import NoReturn

from processing.sandbox.prctl import hide_memory
from server.http import STOP_SIGNALS

RESTART_SECONDS = 1.0


def run_processes(count: int, work: Callable[[], None]) -> None:
    """Run `work` in `count` child processes; one that dies is replaced, a signal to stop ends them all.

    Call it before any thread or event loop is started: the children are forks.
    """
    hide_memory()
    children: set[int] = set()
    stopping = False

    def stop(number: int, _frame: object) -> None:
        nonlocal stopping
        stopping = True
        for child in children:
            os.kill(child, number)

    for number in STOP_SIGNALS:
        signal.signal(number, stop)
    children.update(_fork(work) for _ in range(count))
    while children:
        child, _ = os.wait()
        children.discard(child)
        if not stopping:
            time.sleep(RESTART_SECONDS)
            children.add(_fork(work))


def leave() -> NoReturn:
    """End the process at once, without its threads: they may wait for a store that does not answer."""
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(0)


def _fork(work: Callable[[], None]) -> int:
    child = os.fork()
    if child:
        return child
    for number in STOP_SIGNALS:
        signal.signal(number, signal.default_int_handler)
    try:
        work()
    except KeyboardInterrupt:
        os._exit(128 + signal.SIGINT)
    finally:
        sys.stdout.flush()
        sys.stderr.flush()
    os._exit(0)
