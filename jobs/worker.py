"""Run jobs and sweeps until told to stop. Any number of workers may run; none needs another."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable, Iterator, Mapping
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass

import structlog
from procrastinate import PsycopgConnector
from procrastinate.exceptions import ConnectorException

from contracts.errors import ServiceUnavailable
from jobs import JOBS
from jobs.job import JobContext, utc_now
from jobs.retention import Retention, forget
from jobs.sweep import sweep
from media.queue import QUEUE
from media.turns import LANES
from processing.sandbox.child import sweep_folders
from sql.database import Database
from sql.migrate import missing
from sql.pool import Pool

log: structlog.typing.FilteringBoundLogger = structlog.get_logger("mediarpc.worker")

QUEUES = ("default", *LANES)
CONCURRENCY = 8
POLL_SECONDS = 5.0  # NOTIFY wakes a worker; polling is the net beneath it
STALLED_SECONDS = 30.0  # without a heartbeat for so long, a worker counts as dead and its jobs go to others
FOLDERS_SECONDS = 300.0
RECONNECT_SECONDS = 2.0
DRAIN_SECONDS = 20.0  # how long running jobs may take to end when the worker is told to stop
LAST_ANSWER_SECONDS = 2.0  # and how long each answer of the database may take from then on
UNHURRIED_SECONDS = 24 * 3600.0  # and when it ends by itself, having no more to do


@dataclass(frozen=True, slots=True, kw_only=True)
class WorkPolicy:
    """How a worker works: how often it sweeps, how long it keeps logs, and what its jobs work with.

    `lanes`: how many jobs of each queue run at once; none waits for those of another.
    """

    sweep_interval_seconds: float
    retention: Retention
    lanes: Mapping[str, int]
    new_context: Callable[[], JobContext]


async def run_worker(db: Database, policy: WorkPolicy, listening: Pool) -> None:
    """Work until cancelled; running jobs are given `DRAIN_SECONDS` to end, whether the database answers or not.

    Each lane needs connections of `listening` to fetch its jobs, and holds one besides.
    """
    async with asyncio.TaskGroup() as tasks:
        tasks.create_task(run_lanes(db, policy, listening))
        try:
            await asyncio.Event().wait()  # until cancelled
        finally:
            for pool in (db.pool, listening):
                pool.hurry(LAST_ANSWER_SECONDS)


async def run_lanes(db: Database, policy: WorkPolicy, listening: Pool) -> None:
    """Run every lane, and what is done now and then, once the database is there."""
    await wait_until_migrated(db)
    async with open_queue(listening), asyncio.TaskGroup() as tasks:
        log.info("worker started", jobs=[job.name for job in JOBS], at_once=policy.lanes)
        for queue, at_once in policy.lanes.items():
            tasks.create_task(work(policy.new_context, queue, at_once))
        tasks.create_task(every(policy.sweep_interval_seconds, lambda: sweep_once(db)))
        tasks.create_task(every(STALLED_SECONDS, rescue_stalled))
        tasks.create_task(every(FOLDERS_SECONDS, sweep_folders_once))
        tasks.create_task(every(policy.sweep_interval_seconds, lambda: forget_once(db, policy.retention)))


async def wait_until_migrated(db: Database) -> None:
    """Return once the database has every migration of this version."""
    is_said = False
    while True:
        with survive("database unreachable", retry_in_seconds=RECONNECT_SECONDS):
            lacking = await missing(db)
            if not lacking:
                return
            if not is_said:
                log.warning("migrations missing: run mediarpc migrate", missing=len(lacking))
                is_said = True
        await asyncio.sleep(RECONNECT_SECONDS)


@asynccontextmanager
async def open_queue(pool: Pool) -> AsyncIterator[None]:
    """Let the queue of this process fetch its jobs through `pool`."""
    with QUEUE.replace_connector(PsycopgConnector()):
        await QUEUE.open_async(pool)
        yield


async def work(new_context: Callable[[], JobContext], queue: str, at_once: int) -> None:
    """Fetch and run the jobs of a queue; after a database outage, begin again."""
    while True:
        with survive("job queue unreachable", retry_in_seconds=RECONNECT_SECONDS):
            await run_jobs(new_context, wait=True, queues=[queue], at_once=at_once)
            log.warning("job queue stopped", retry_in_seconds=RECONNECT_SECONDS)
        if is_cancelled():
            return
        await asyncio.sleep(RECONNECT_SECONDS)


async def run_jobs(
    new_context: Callable[[], JobContext], *, wait: bool, queues: Iterable[str] = QUEUES, at_once: int = CONCURRENCY
) -> None:
    """Run the jobs of some queues that are due, to their end; those to come, too, when told to `wait`.

    Each has a context of its own.
    """
    await QUEUE.run_worker_async(
        queues=list(queues),
        wait=wait,
        concurrency=at_once,
        fetch_job_polling_interval=POLL_SECONDS,
        listen_notify=wait,
        shutdown_graceful_timeout=DRAIN_SECONDS if wait else UNHURRIED_SECONDS,
        delete_jobs="successful",
        install_signal_handlers=False,
        additional_context={"new_context": new_context},
    )


async def sweep_once(db: Database) -> None:
    """One pass over what is due."""
    swept = await sweep(db, utc_now())
    if swept:
        log.info("swept", media=swept)


async def rescue_stalled() -> None:
    """Give the jobs of dead workers to living ones."""
    manager = QUEUE.job_manager
    for stalled in await manager.get_stalled_jobs(seconds_since_heartbeat=STALLED_SECONDS):
        log.warning("job rescued", job=stalled.task_name, **stalled.task_kwargs)
        await manager.retry_job(stalled)


async def forget_once(db: Database, retention: Retention) -> None:
    """One pass over what is old."""
    forgotten = await forget(db, retention, utc_now())
    if forgotten:
        log.info("forgotten", rows=forgotten)


async def every(seconds: float, run_once: Callable[[], Awaitable[None]]) -> None:
    """Run one pass after another, so many seconds apart, whatever a pass meets."""
    while True:
        with survive("database unreachable", retry_in_seconds=seconds):
            await run_once()
        if is_cancelled():
            return
        await asyncio.sleep(seconds)


@contextmanager
def survive(outage: str, *, retry_in_seconds: float) -> Iterator[None]:
    """Log what goes wrong and go on: nothing that anything answers may end a worker."""
    try:
        yield
    except (ServiceUnavailable, ConnectorException):
        log.warning(outage, retry_in_seconds=retry_in_seconds, exc_info=True)
    except Exception:
        log.exception("unforeseen", retry_in_seconds=retry_in_seconds)


def is_cancelled() -> bool:
    """Whether this task was cancelled, even when an error came in place of the cancellation.

    The queue raises what the database answers to its last statements, although it was cancelled.
    """
    task = asyncio.current_task()
    return task is not None and task.cancelling() > 0


async def sweep_folders_once() -> None:
    """Remove what killed workers of this machine left of their files."""
    left = await asyncio.to_thread(sweep_folders)
    if left:
        log.info("folders swept", folders=len(left))
