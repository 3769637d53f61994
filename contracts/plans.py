"""The plans a token can name, and the storage quota of each."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from difflib import get_close_matches
from enum import StrEnum
from typing import Self

from contracts.sizes import GIB, MIB, bytes_of, size_of

MAX_QUOTA_BYTES = 2**53 - 1  # what a JSON number holds exactly


class Plan(StrEnum):
    """What the token's `plan` claim may say."""

    FREE = "free"
    BASIC = "basic"
    PRO = "pro"
    PREMIUM = "premium"

    @property
    def quota_bytes(self) -> int:
        """How many bytes the plan's owner may store, unless settings say otherwise."""
        return _QUOTA_BYTES[self]


# The free plan's quota is also default_quota_bytes() in sql/migrations/0003_storage_usage.sql.
_QUOTA_BYTES = {
    Plan.FREE: 50 * MIB,
    Plan.BASIC: 1 * GIB,
    Plan.PRO: 5 * GIB,
    Plan.PREMIUM: 10 * GIB,
}


@dataclass(frozen=True, slots=True)
class PlanQuotas:
    """How many bytes each plan's owner may store."""

    table: Mapping[Plan, int] = field(default_factory=lambda: _QUOTA_BYTES)

    def of(self, plan: Plan | None) -> int | None:
        """The quota of a plan, None of none."""
        return None if plan is None else self.table[plan]

    @property
    def free(self) -> int:
        """The quota of owners whose plan nobody has named."""
        return self.table[Plan.FREE]

    @classmethod
    def parse(cls, text: str) -> Self:
        """`free=100MiB,basic=2GiB`: plans that are not named stay as they are; ValueError says what is wrong."""
        return cls({**_QUOTA_BYTES, **dict(_entry(entry.strip()) for entry in text.split(",") if entry.strip())})

    def __str__(self) -> str:
        return ",".join(f"{plan}={size_of(quota)}" for plan, quota in self.table.items())


def _entry(entry: str) -> tuple[Plan, int]:
    name, _, size = entry.partition("=")
    if name not in list(Plan):
        meant = get_close_matches(name, list(Plan), 1, cutoff=0.0)[0]
        raise ValueError(f"names no plan: {name!r}; did you mean {meant}?")
    quota = bytes_of(size)
    if not 1 <= quota <= MAX_QUOTA_BYTES:
        raise ValueError(f"must give each plan from 1 byte to {MAX_QUOTA_BYTES} bytes")
    return Plan(name), quota
