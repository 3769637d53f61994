"""Where a process dies, and how everything stands in the end."""

from dataclasses import dataclass
from itertools import product

READY = ["upload.started", "media.processing", "media.ready"]
CANCELLED = ["upload.started", "media.deleted"]
DELETED = [*READY, "media.deleted"]
NOWHERE = 0, "before"


def points(calls: int) -> list[tuple[int, str]]:
    """Before and after each of so many calls."""
    return list(product(range(1, calls + 1), ("before", "after")))


@dataclass(frozen=True)
class Ended:
    """How everything stands: what the client is told, every media's events, and what is left."""

    answer: str | None
    lives: list[list[str]]
    rows: list[str]
    objects_without_row: int = 0
    rows_without_object: int = 0
    jobs: int = 0
