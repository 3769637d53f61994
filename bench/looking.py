"""Looking at processes while they run."""

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import psutil

MIB = 1024 * 1024
SAMPLE_SECONDS = 0.02


@contextmanager
def looking(look: Callable[[], None]) -> Iterator[None]:
    """Calls it again and again for as long as the block runs."""
    over = threading.Event()

    def watch() -> None:
        while not over.wait(SAMPLE_SECONDS):
            look()

    watcher = threading.Thread(target=watch)
    watcher.start()
    try:
        yield
    finally:
        over.set()
        watcher.join()


def resident(process: psutil.Process) -> float:
    """How many MiB of it are in memory; none once it is gone."""
    try:
        return float(process.memory_info().rss) / MIB
    except psutil.NoSuchProcess:
        return 0.0
