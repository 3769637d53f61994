"""How often a caller may call what."""

from collections.abc import Collection
from dataclasses import dataclass, field
from difflib import get_close_matches
from typing import Self

MAX_CALLS = 10**9
MAX_SECONDS = 24 * 3600


@dataclass(frozen=True, slots=True)
class RateLimit:
    """So many calls in any so many seconds."""

    calls: int
    seconds: int

    def __str__(self) -> str:
        return f"{self.calls}/{self.seconds}"


@dataclass(frozen=True, slots=True)
class RateLimits:
    """The limit of each procedure; `*` is that of every procedure without one of its own."""

    table: dict[str, RateLimit] = field(default_factory=dict)

    def of(self, procedure: str) -> RateLimit | None:
        """The limit of a procedure, None when it has none."""
        return self.table.get(procedure) or self.table.get("*")

    @classmethod
    def parse(cls, text: str) -> Self:
        """`media.initiateUpload=10/60,*=600/60`, or `off`; ValueError says what is wrong."""
        if text.strip() == "off":
            return cls()
        return cls(dict(_entry(entry.strip()) for entry in text.split(",") if entry.strip()))

    def require_known(self, procedures: Collection[str]) -> None:
        """ValueError for a limit of a procedure that there is not, with the name that was probably meant."""
        for name in [name for name in self.table if name not in {"*", *procedures}]:
            meant = get_close_matches(name, procedures, 1, cutoff=0.0)[0]
            raise ValueError(f"names no procedure: {name!r}; did you mean {meant}?")

    def __str__(self) -> str:
        return ",".join(f"{name}={limit}" for name, limit in self.table.items())


def _entry(entry: str) -> tuple[str, RateLimit]:
    name, _, rate = entry.partition("=")
    calls, _, seconds = rate.partition("/")
    if not (name and calls.isdecimal() and seconds.isdecimal()):
        raise ValueError("must be entries like media.initiateUpload=10/60, separated by commas, or off")
    if not (1 <= int(calls) <= MAX_CALLS and 1 <= int(seconds) <= MAX_SECONDS):
        raise ValueError(f"must have 1 to {MAX_CALLS} calls per 1 to {MAX_SECONDS} seconds")
    return name, RateLimit(int(calls), int(seconds))


BEGIN_UPLOADS = ("media.initiateUpload", "media.initiateUploads", "media.initiateMultipartUpload", "media.upload")
# VRSS documents ten initiates a minute. The other calls can be undone, and leave records each time.
DEFAULT_LIMITS = RateLimits(
    {
        **dict.fromkeys(BEGIN_UPLOADS, RateLimit(10, 60)),
        "media.attachToPost": RateLimit(60, 60),
        "media.detachFromPost": RateLimit(60, 60),
    }
)
# Who develops drops two dozen photos at once, again and again.
DEV_LIMITS = RateLimits({**DEFAULT_LIMITS.table, **dict.fromkeys(BEGIN_UPLOADS, RateLimit(600, 60))})
