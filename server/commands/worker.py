"""`mediarpc worker`: run background work."""

import os
from argparse import Namespace

from jobs.worker import DRAIN_SECONDS
from server.http import CLOSING_SECONDS, run_until_stopped
from server.http import run as run_loop
from server.processes import leave
from server.resources import open_resources
from server.settings import Settings
from server.work import work


def run(_arguments: Namespace) -> None:
    """Work until told to stop."""
    run_loop(work_until_stopped(Settings.from_environment(os.environ)))
    leave()


async def work_until_stopped(settings: Settings) -> None:
    """Open what a worker needs, and work."""
    async with open_resources(settings) as resources:
        await run_until_stopped(work(resources, settings), ends_within=DRAIN_SECONDS + CLOSING_SECONDS)
