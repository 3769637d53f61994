"""How often a caller may call what."""

from dataclasses import dataclass, field
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


# VRSS documents ten initiates a minute. The other calls can be undone, and leave records each time.
DEFAULT_LIMITS = RateLimits(
    {
        "media.initiateUpload": RateLimit(10, 60),
        "media.initiateUploads": RateLimit(10, 60),
        "media.initiateMultipartUpload": RateLimit(10, 60),
        "media.upload": RateLimit(10, 60),
        "media.attachToPost": RateLimit(60, 60),
        "media.detachFromPost": RateLimit(60, 60),
    }
)
