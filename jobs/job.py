"""What a job is: a plain function whose caller is the database, written next to the work it does.

`@job` declares it to the queue (`media/queue.py`), where it is enqueued by its name.
"""

import random
import sys
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

import structlog
from procrastinate import BaseRetryStrategy, RetryDecision
from procrastinate import JobContext as TaskContext
from procrastinate.jobs import Job as QueuedJob
from procrastinate.tasks import Task

from contracts.errors import ServiceUnavailable
from jobs.scan import Scanner
from media.queue import QUEUE
from processing.protocol import Policy
from sql.database import Database
from storage.s3 import ObjectStore

log: structlog.typing.FilteringBoundLogger = structlog.get_logger("mediarpc.job")

JOB_ATTEMPTS = 12  # together about an hour, then the sweeper takes over; outages are waited out
LONGEST_WAIT_SECONDS = 600


@dataclass(frozen=True, slots=True, kw_only=True)
class JobContext:
    """What a job works with.

    `scanner` has to find every file clean; what it does not is kept for `quarantine`, out of everybody's reach. What
    failed otherwise is kept for `failed_kept`. `policy` is what settings say of processing.
    """

    db: Database
    store: ObjectStore
    now: datetime
    scanner: Scanner | None = None
    quarantine: timedelta = timedelta(hours=24)
    failed_kept: timedelta = timedelta(hours=24)
    policy: Policy = Policy()


Run = Callable[[JobContext, UUID], Awaitable[str]]


@dataclass(frozen=True, slots=True)
class Job:
    """A function of context and media id -> a word for what it did, known to the queue by its own name."""

    name: str
    run: Run
    task: Task[..., Any, Any]


class Backoff(BaseRetryStrategy):
    """About 2, 4, 8 ... seconds between attempts, never the same for two jobs, for as long as a service is away."""

    def get_retry_decision(self, *, exception: BaseException, job: QueuedJob) -> RetryDecision | None:
        """When to try again; None when it is not to be."""
        if job.attempts + 1 >= JOB_ATTEMPTS and not isinstance(exception, ServiceUnavailable):
            return None
        longest = min(2.0 ** min(job.attempts + 1, JOB_ATTEMPTS), LONGEST_WAIT_SECONDS)
        wait = longest * random.uniform(0.5, 1)  # noqa: S311 - no secret
        return RetryDecision(retry_at=utc_now() + timedelta(seconds=wait))


def job(run: Run) -> Job:
    """Declare a function as a job: repeated with growing waits when it fails, logged in one line."""
    name = run.__name__

    @QUEUE.task(name=name, pass_context=True, retry=Backoff())
    async def task(context: TaskContext, *, media_id: str) -> None:
        started = time.perf_counter()
        outcome = "failed"
        try:
            outcome = await run(context.additional_context["new_context"](), UUID(media_id))
        finally:
            facts = {"job": name, "media_id": media_id, "outcome": outcome, "attempt": context.job.attempts + 1}
            elapsed = round((time.perf_counter() - started) * 1000, 2)
            log.info("job", **facts, milliseconds=elapsed, exc_info=sys.exception())

    return Job(name, run, task)


def utc_now() -> datetime:
    """The time, where no test sets another."""
    return datetime.now(UTC)
