"""A sample of what repeats one truth at many points: crash points, cuts of a file, requests of a fuzzer.

A test marked `exhaustive` is one of many points; one marked `exhaustive(walk=True)` goes through many, and draws those
itself. `make test` takes one in four, drawn by SAMPLE, which is the commit unless it is named: each commit draws anew,
and a failure can be drawn again. SAMPLE=all takes every point, as `make test-exhaustive` does.
"""

import os
import subprocess
from collections import defaultdict
from collections.abc import Sequence
from hashlib import sha256
from math import ceil
from pathlib import Path
from typing import TypeVar

import pytest

ALL = "all"
ONE_IN = 4  # a dozen commits draw 97 of 100 points, two dozen 999 of 1,000

Point = TypeVar("Point")


def pytest_configure() -> None:
    """Name the sample for the worker processes, too."""
    os.environ["SAMPLE"] = sample()


def pytest_report_header() -> str:
    """What to name to draw the same points again."""
    if sample() == ALL:
        return "SAMPLE=all: every point of the tests marked exhaustive"
    return f"SAMPLE={sample()}: one in {ONE_IN} of the points of the tests marked exhaustive"


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Leave out the points that are not drawn, but for those that are named one by one on the command line."""
    kept = drawn_items(items, named=config.args)
    config.hook.pytest_deselected(items=[item for item in items if item not in kept])
    items[:] = kept


def sample() -> str:
    """The run's sample: the one that is named, else the commit, else all."""
    return os.environ.get("SAMPLE") or _commit() or ALL


def seed() -> int:
    """A number of the sample's own, for generators; another one for each run that takes all."""
    return int.from_bytes(os.urandom(4) if sample() == ALL else _digest("seed")[:4])


def drawn(points: Sequence[Point], subject: str) -> list[Point]:
    """The points of a subject that are taken, in their order: one in four, and one at least."""
    if sample() == ALL:
        return list(points)
    ranked = sorted(range(len(points)), key=lambda place: _digest(f"{subject} {points[place]}"))
    return [points[place] for place in sorted(ranked[: ceil(len(points) / ONE_IN)])]


def drawn_items(items: Sequence[pytest.Item], named: Sequence[str] = ()) -> list[pytest.Item]:
    """The tests that are taken: of each function whose parameters are points a part, and all others."""
    points: defaultdict[str, list[str]] = defaultdict(list)
    for item in filter(_is_point, items):
        points[item.nodeid.partition("[")[0]].append(item.nodeid)
    taken = {node for function, nodes in points.items() for node in drawn(nodes, function)} | set(named)
    return [item for item in items if item.nodeid in taken or not _is_point(item)]


def _is_point(item: pytest.Item) -> bool:
    marker = item.get_closest_marker("exhaustive")
    return marker is not None and not marker.kwargs.get("walk")


def _digest(text: str) -> bytes:
    return sha256(f"{sample()} {text}".encode()).digest()


def _commit() -> str:
    """The commit of this tree; nothing where it is not in git."""
    command = ["git", "rev-parse", "--short=12", "HEAD"]
    try:
        answer = subprocess.run(command, cwd=Path(__file__).parent, capture_output=True, text=True, check=False)
    except OSError:
        return ""
    return answer.stdout.strip()
