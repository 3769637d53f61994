"""What a worker does of what is due."""

from collections.abc import Callable

from jobs.job import JobContext, utc_now
from jobs.worker import run_jobs
from media.queue import QUEUE


async def run_due_jobs(job_context: Callable[[], JobContext]) -> None:
    """Run the jobs that are due, and those that they enqueue: a worker that does not wait leaves these."""
    while await _is_any_due():
        await run_jobs(job_context, wait=False)


async def _is_any_due() -> bool:
    waiting = await QUEUE.job_manager.list_jobs_async(status="todo")
    return any(job.scheduled_at is None or job.scheduled_at <= utc_now() for job in waiting)
