"""How many photos one worker makes ready in a second, from storage to storage, and how much memory that takes."""

import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import psutil

from bench.looking import SAMPLE_SECONDS, looking, resident
from bench.report import Row
from bench.servers import worker
from bench.uploads import Uploads, require

MOST_SECONDS = 600


@dataclass(slots=True)
class Held:
    """The most that was resident at one moment, in MiB: of the worker, and of its largest child."""

    worker: float = 0.0
    child: float = 0.0


@dataclass(frozen=True, slots=True)
class Crowd:
    """What came of some photos that waited for a worker."""

    photos: int
    seconds: float
    held: Held


def crowd(uploads: Uploads, photo: Path, count: int, folder: Path) -> Crowd:
    """Complete so many photos, then start a worker and wait until the last one is ready."""
    for _ in range(count):
        uploads.bring(photo)
    with worker(uploads.environment, folder) as pid, _holding(pid) as held:
        # From the first one on, so that the worker's own start is left out.
        _until_left(uploads, count - 1)
        began = time.perf_counter()
        _until_left(uploads, 0)
        return Crowd(count - 1, time.perf_counter() - began, held)


def _until_left(uploads: Uploads, count: int) -> None:
    deadline = time.monotonic() + MOST_SECONDS
    while len(uploads.call("media.listMedia", status="processing", limit=100)["items"]) > count:
        require(time.monotonic() < deadline, "the photos were not ready in time")
        time.sleep(SAMPLE_SECONDS)
    failed = uploads.call("media.listMedia", status="failed")["items"]
    require(not failed, f"a photo failed: {failed[:1]}")


@contextmanager
def _holding(pid: int) -> Iterator[Held]:
    """Watches a worker and its children for as long as the block runs."""
    process, held = psutil.Process(pid), Held()

    def look() -> None:
        held.worker = max(held.worker, resident(process))
        held.child = max(held.child, *map(resident, process.children()), 0.0)

    with looking(look):
        yield held


def rows(crowds: list[Crowd]) -> list[Row]:
    """What one worker does."""
    rates = [one.photos / one.seconds for one in crowds]
    return [
        Row("Photos of 12 MP that one worker makes ready", rates, "", " a second"),
        Row("Resident memory of the worker", [one.held.worker for one in crowds], "bounded", " MiB"),
        Row("Resident memory of the child of one photo", [one.held.child for one in crowds], "bounded", " MiB"),
    ]
