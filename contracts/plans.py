"""The plans a token can name, and the storage quota of each."""

from enum import StrEnum

GIB = 1024**3


class Plan(StrEnum):
    """What the token's `plan` claim may say."""

    FREE = "free"
    BASIC = "basic"
    PRO = "pro"
    PREMIUM = "premium"

    @property
    def quota_bytes(self) -> int:
        """How many bytes the plan's owner may store."""
        return _QUOTA_BYTES[self]


# The free plan's quota is also the column default of storage_usage.quota_bytes.
_QUOTA_BYTES = {
    Plan.FREE: 50 * 1024**2,
    Plan.BASIC: 1 * GIB,
    Plan.PRO: 5 * GIB,
    Plan.PREMIUM: 10 * GIB,
}
