"""`mediarpc worker`, and the worker in `mediarpc dev`: background work as settings say."""

import os

from jobs.worker import WorkPolicy, run_worker
from rpc.context import Resources
from server.settings import Settings
from sql.database import create_pool


async def work(resources: Resources, settings: Settings) -> None:
    """Work until cancelled."""
    policy = WorkPolicy(
        sweep_interval_seconds=settings.sweep_interval_seconds,
        image_concurrency=settings.image_concurrency or len(os.sched_getaffinity(0)),
        keep_location=settings.keep_location,
    )
    assert settings.database_url
    async with create_pool(settings.database_url, size=2 * len(policy.lanes)) as listening:
        await run_worker(resources.db, resources.store, policy, listening)
