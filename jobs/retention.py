"""What is forgotten, and when: each table that grows with what callers do is cut at its old end, or bounded by others.

Media rows have an end of their own (`jobs/sweep.py`), and a number that no owner passes (`sql/migrations/`).
"""

from dataclasses import dataclass
from datetime import datetime, timedelta

from contracts.media import IDEMPOTENCY_KEYS_KEPT
from sql.database import Database
from sql.rows import CountRow

FAILED_JOBS_KEPT = timedelta(days=7)  # for whoever runs the server to look at


@dataclass(frozen=True, slots=True, kw_only=True)
class Retention:
    """How long the log of events and the audit are kept."""

    events: timedelta = timedelta(days=30)
    audit: timedelta = timedelta(days=90)

    def cuts(self, now: datetime) -> dict[str, datetime]:
        """Every statement that forgets, and before when something was to be forgotten now."""
        return {
            "clean_rate_windows": now,
            "clean_idempotency_keys": now - IDEMPOTENCY_KEYS_KEPT,
            "clean_turns": now,
            "clean_events": now - self.events,
            "clean_audit": now - self.audit,
            "clean_jobs": now - FAILED_JOBS_KEPT,
        }


async def forget(db: Database, retention: Retention, now: datetime) -> int:
    """One pass: forget all that is old enough, in small transactions; how many rows. Any number may run at once."""
    return sum([await _forget(db, name, before) for name, before in retention.cuts(now).items()])


async def _forget(db: Database, name: str, before: datetime) -> int:
    forgotten = 0
    while (batch := await db.one(CountRow, name, before=before)) and batch.rows:
        forgotten += batch.rows
    return forgotten
