"""What a job is: a plain function whose caller is the database, written next to the work it does.

`@job` declares it to the queue (procrastinate, in the same Postgres); `enqueue` adds a run inside the transaction that
causes it, so that the run exists exactly when its cause is committed.
"""

import sys
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any
from uuid import UUID

import structlog
from procrastinate import App, JobContext, PsycopgConnector, RetryStrategy
from procrastinate.exceptions import ConnectorException
from procrastinate.tasks import Task

from contracts.errors import ServiceUnavailable
from sql.database import Database, Transaction
from storage.s3 import ObjectStore

if TYPE_CHECKING:
    from procrastinate.types import JSONValue

log: structlog.typing.FilteringBoundLogger = structlog.get_logger("mediarpc.job")

# Declares the tasks; a worker runs them over a connector of its own.
QUEUE = App(connector=PsycopgConnector())

RETRY_EXPONENT_SECONDS = 2  # 2, 4, 8 ... seconds between attempts
ATTEMPTS = 12  # together a bit over two hours, then the sweeper takes over


@dataclass(frozen=True, slots=True, kw_only=True)
class Bench:
    """What a job works with."""

    db: Database
    store: ObjectStore
    now: datetime


Run = Callable[[Bench, UUID], Awaitable[str]]


@dataclass(frozen=True, slots=True)
class Job:
    """A function(bench, media id) -> a word for what it did, known to the queue by its own name."""

    name: str
    run: Run
    task: Task[..., Any, Any]


def job(run: Run) -> Job:
    """Declare a function as a job: repeated with growing waits when it fails, logged in one line."""
    name = run.__name__

    @QUEUE.task(
        name=name,
        pass_context=True,
        retry=RetryStrategy(max_attempts=ATTEMPTS, exponential_wait=RETRY_EXPONENT_SECONDS),
    )
    async def task(context: JobContext, *, media_id: str) -> None:
        started = time.perf_counter()
        tools = context.additional_context
        outcome = "failed"
        try:
            bench = Bench(db=tools["db"], store=tools["store"], now=tools["clock"]())
            outcome = await run(bench, UUID(media_id))
        finally:
            facts = {"job": name, "media_id": media_id, "outcome": outcome, "attempt": context.job.attempts + 1}
            elapsed = round((time.perf_counter() - started) * 1000, 2)
            log.info("job", **facts, milliseconds=elapsed, exc_info=sys.exception())

    return Job(name, run, task)


def utc_now() -> datetime:
    """The time, where no test sets another."""
    return datetime.now(UTC)


async def enqueue(tx: Transaction, job: Job, *media_ids: UUID) -> None:
    """Add a run of `job` per media, to be started once the transaction commits."""
    if not media_ids:
        return
    deferrer = job.task.configure(connection=tx.open_connection)
    try:
        runs: list[dict[str, JSONValue]] = [{"media_id": str(media_id)} for media_id in media_ids]
        await deferrer.batch_defer_async(*runs)
    except ConnectorException as error:
        raise ServiceUnavailable(service="database") from error
