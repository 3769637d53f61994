"""`mediarpc serve`: answer calls over HTTP."""

import os
import socket
import sys
from argparse import Namespace

from procedures import PROCEDURES
from rpc.app import create_app
from server.commands import CommandError
from server.http import CLOSING_SECONDS, DRAIN_SECONDS, listen, run_until_stopped, serve_http
from server.http import run as run_loop
from server.playlists import playlist_routes
from server.processes import leave, run_processes
from server.resources import REQUIRED, app_config, connection_limits, open_resources, wind_down
from server.settings import Settings


def run(arguments: Namespace) -> None:
    """Answer calls, in as many processes as are asked for, until told to stop."""
    if arguments.workers < 1:
        raise CommandError("--workers must be at least 1")
    settings = Settings.from_environment(os.environ)
    settings.require_verifier()
    settings.require(*REQUIRED)
    settings.check_rate_limits([procedure.name for procedure in PROCEDURES])
    listener = listen(settings.host, settings.port)
    if arguments.workers == 1:
        run_loop(serve(settings, listener))
        leave()
    run_processes(arguments.workers, lambda: run_loop(serve(settings, listener)))


async def serve(settings: Settings, listener: socket.socket) -> None:
    """Answer the calls that come to a listener, until told to stop."""
    async with open_resources(settings) as resources:
        app = create_app(resources, PROCEDURES, app_config(settings), routes=playlist_routes(resources))
        address = f"mediarpc serves on {settings.host}:{settings.port}"
        await run_until_stopped(
            serve_http(app, listener, connection_limits(settings), before_draining=lambda: wind_down(resources)),
            ready=lambda: print(address, file=sys.stderr, flush=True),
            ends_within=DRAIN_SECONDS + CLOSING_SECONDS,
        )
