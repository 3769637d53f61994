"""`mediarpc worker`, and the worker in `mediarpc dev`: background work as settings say."""

from datetime import timedelta

from jobs.job import JobContext, utc_now
from jobs.retention import Retention
from jobs.scan import Scanner
from jobs.worker import CONCURRENCY, WorkPolicy, run_worker
from media.turns import AUDIO, IMAGE, LONG_AUDIO, POSTERS, VIDEO
from processing.protocol import Policy
from rpc.context import Resources
from server.lanes import Lanes
from server.settings import Settings
from sql.pool import create_pool


async def work(resources: Resources, settings: Settings) -> None:
    """Work until cancelled."""
    policy = policy_of(resources, settings)
    assert settings.database_url
    async with create_pool(settings.database_url, size=2 * len(policy.lanes)) as listening:
        await run_worker(resources.db, policy, listening)


def policy_of(resources: Resources, settings: Settings) -> WorkPolicy:
    """How a worker works that has these resources and settings."""
    scanner = Scanner(settings.clamav_url) if settings.clamav_url else None
    lanes = Lanes.of(settings)

    def context() -> JobContext:
        return JobContext(
            db=resources.db,
            store=resources.store,
            now=utc_now(),
            scanner=scanner,
            quarantine=timedelta(hours=settings.quarantine_hours),
            failed_kept=timedelta(hours=settings.failed_media_ttl_hours),
            policy=Policy(
                keep_location=settings.keep_location,
                video_seconds=settings.video_max_seconds,
                video_side=settings.video_max_side,
            ),
        )

    return WorkPolicy(
        sweep_interval_seconds=settings.sweep_interval_seconds,
        retention=Retention(
            events=timedelta(days=settings.events_retention_days), audit=timedelta(days=settings.audit_retention_days)
        ),
        lanes={
            "default": CONCURRENCY,
            IMAGE: lanes.images,
            AUDIO: lanes.audio_files,
            LONG_AUDIO: lanes.audio_files,
            POSTERS: lanes.posters,
            VIDEO: lanes.videos,
        },
        new_context=context,
    )
