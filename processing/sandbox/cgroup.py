"""What this process and its children may use of their machine, where cgroups (v1 or v2) bound it.

Python knows nothing of them: `os.sched_getaffinity` sees no quota of time, and psutil's memory is the whole machine's.
"""

import os
from collections.abc import Iterator
from contextlib import suppress
from math import ceil
from pathlib import Path, PurePosixPath

ROOT = Path("/")
# Beyond the first, processes are killed, and beyond the second held up.
MEMORY_LIMITS = ("memory.max", "memory.high", "memory.limit_in_bytes")


def memory_bytes(root: Path = ROOT) -> int:
    """The memory that there is: the least that one of the cgroups allows, else all of the machine's."""
    machine = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    allowed = (_numbers(folder / name) for folder in _folders("memory", root) for name in MEMORY_LIMITS)
    return min([machine, *(numbers[0] for numbers in allowed if numbers)])


def cores(root: Path = ROOT) -> int:
    """How many cores there are: those that it may run on, as far as the cgroups' quotas go; one at least."""
    usable = len(os.sched_getaffinity(0))
    return max(1, min([usable, *(ceil(quota) for quota in _quotas(root))]))


def dies_as_one(root: Path = ROOT) -> bool:
    """Whether all of a cgroup is killed when one process needs too much memory, whichever offers itself."""
    return any(_numbers(folder / "memory.oom.group") == [1] for folder in _folders("memory", root))


def _quotas(root: Path) -> Iterator[float]:
    for folder in _folders("cpu", root):
        numbers = _numbers(folder / "cpu.max") or [
            *_numbers(folder / "cpu.cfs_quota_us"),
            *_numbers(folder / "cpu.cfs_period_us"),
        ]
        match numbers:
            case [quota, period] if quota > 0 and period > 0:
                yield quota / period


def _folders(controller: str, root: Path) -> Iterator[Path]:
    """The cgroup of this process and those around it, as far as they are mounted here."""
    for mount, inside in _mounted(controller, root):
        folder = root / mount.lstrip("/")
        own = folder / inside
        yield from (place for place in (own, *own.parents) if place.is_relative_to(folder))


def _mounted(controller: str, root: Path) -> Iterator[tuple[str, PurePosixPath]]:
    """Where hierarchies with this controller are mounted, and this process's place in each."""
    places = dict(_places(root))
    for line in _lines(root / "proc/self/mountinfo"):
        about, _, of_type = line.partition(" - ")
        top, mount = about.split(" ")[3:5]
        kind, _, options = of_type.split(" ", 2)
        named = "" if kind == "cgroup2" else controller
        if named in places and (kind == "cgroup2" or (kind == "cgroup" and controller in options.split(","))):
            yield mount, _below(top, places[named])


def _below(top: str, place: str) -> PurePosixPath:
    """A place as seen from the top of what is mounted; the top itself for one that is not below it."""
    path = PurePosixPath(place)
    return path.relative_to(top) if path.is_relative_to(top) and ".." not in path.parts else PurePosixPath()


def _places(root: Path) -> Iterator[tuple[str, str]]:
    """This process's place by controller; that of v2, which has all, by none."""
    for line in _lines(root / "proc/self/cgroup"):
        _, controllers, place = line.split(":", 2)
        yield from ((controller, place) for controller in controllers.split(","))


def _numbers(file: Path) -> list[int]:
    """The numbers in a file; none when it is not there, or says `max`."""
    with suppress(ValueError):
        return [int(word) for line in _lines(file) for word in line.split()]
    return []


def _lines(file: Path) -> list[str]:
    try:
        return file.read_text().splitlines()
    except OSError:
        return []
