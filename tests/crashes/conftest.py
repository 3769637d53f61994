"""The process that dies, and the recovery by the living."""

import json
import subprocess
import sys
from datetime import datetime
from pathlib import Path
from typing import Any

import psycopg
import pytest

from jobs.sweep import LEASE, sweep
from jobs.worker import open_queue, rescue_stalled
from tests.processes import environment

ROOT = Path(__file__).parents[2]


@pytest.fixture(scope="module")
def crashing(rendered):
    """Give an order to the process that forks; how the fork ended."""
    command = [sys.executable, "-m", "tests.crashes.crashing", str(rendered)]
    with subprocess.Popen(
        command, cwd=ROOT, env=environment(), stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as process:
        orders, answers = process.stdin, process.stdout
        assert orders is not None
        assert answers is not None

        def order(**told: Any) -> dict[str, Any]:
            print(json.dumps(told), file=orders, flush=True)
            answer: dict[str, Any] = json.loads(answers.readline())
            return answer

        yield order
        orders.close()
        assert process.wait(30) == 0


@pytest.fixture
def variables(settings):
    """The test's settings, as a process reads them."""
    named = ("database_url", "s3_endpoint", "s3_access_key_id", "s3_secret_access_key", "s3_bucket", "s3_public_bucket")
    told = {name.upper(): getattr(settings, name) for name in named}
    return {**told, "S3_USE_PATH_STYLE": "true"}


@pytest.fixture
def fetch(database_url):
    """The rows of a query of the test's own."""
    with psycopg.connect(database_url, autocommit=True) as connection:

        def run(query: str) -> list[Any]:
            cursor = connection.execute(query)
            return cursor.fetchall() if cursor.description else []

        yield run


@pytest.fixture
def recovered(resources, run_pending, fetch):
    """Let living workers go on, and one sweep come past the end of every URL."""

    async def recover(now: datetime | None, late: datetime) -> None:
        fetch("update procrastinate_workers set last_heartbeat = now() - interval '1 hour'")
        async with open_queue(resources.db.pool):
            await rescue_stalled()
        await run_pending(now)
        await sweep(resources.db, late + LEASE)
        for _ in range(2):
            await run_pending(late + LEASE)

    return recover
