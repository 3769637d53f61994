"""The command line: `mediarpc dev | serve | worker | migrate | doctor | token | purge-user | openrpc | typescript`."""

import argparse
import asyncio
import os
import sys
from collections.abc import Callable, Sequence
from pathlib import Path

from contracts.errors import ServiceUnavailable
from contracts.plans import Plan
from server.http import DRAIN_SECONDS, AddressTaken, listen, run, run_until_stopped, serve_http
from server.logging import configure_logging
from server.processes import leave, run_processes
from server.resources import REQUIRED, app_config, open_resources, wind_down
from server.settings import Settings, SettingsError
from server.token import DAY_SECONDS, require_user_id, sign_token, token_settings
from sql.migrate import WAIT_SECONDS, LocksHeld, migrate

CLOSING_SECONDS = 8  # how long a process may take to close what it works with, once its time to drain is over


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command; the exit status, 2 with a sentence on stderr when it cannot start."""
    chosen = parser().parse_args(arguments)
    configure_logging()
    try:
        chosen.run(chosen)
    except (SettingsError, AddressTaken, LocksHeld) as error:
        print(f"mediarpc: {error}", file=sys.stderr)
        return 2
    except ServiceUnavailable as error:
        print(f"mediarpc: the {error.service} that the settings name cannot be reached", file=sys.stderr)
        return 2
    except KeyboardInterrupt:
        return 130
    return 0


def parser() -> argparse.ArgumentParser:
    """The commands, each with its help."""
    top = argparse.ArgumentParser(prog="mediarpc", description="The media backend that a web app calls by name.")
    commands = top.add_subparsers(metavar="COMMAND", required=True)

    def command(name: str, run: Callable[[argparse.Namespace], None], about: str) -> argparse.ArgumentParser:
        made = commands.add_parser(name, help=about)
        made.set_defaults(run=run)
        return made

    command("dev", run_dev, "start everything, with embedded servers for whatever is not configured")
    _of_serve(command("serve", run_serve, "answer calls over HTTP"))
    command("worker", run_worker, "run background work; start as many as you like")
    _of_migrate(command("migrate", run_migrate, "bring the database to the newest schema; safe to run again"))
    command("doctor", run_doctor, "look at everything that the settings name; fails when it is amiss")
    _of_token(command("token", run_token, "print a token to try things with"))
    _of_purge_user(command("purge-user", run_purge_user, "delete everything of a user; safe to run again"))
    command("openrpc", run_openrpc, "print the OpenRPC document: every method, its schemas and errors")
    _of_typescript(command("typescript", run_typescript, "write the TypeScript package's types from the models"))
    return top


def _of_serve(serve: argparse.ArgumentParser) -> None:
    about = "how many processes answer (default: 1; one per core is enough)"
    serve.add_argument("--workers", type=int, default=1, metavar="N", help=about)


def _of_migrate(migrate: argparse.ArgumentParser) -> None:
    about = "how long to wait altogether for locks that others hold; calls go on meanwhile (default: %(default)s)"
    migrate.add_argument("--wait", type=int, default=int(WAIT_SECONDS), metavar="SECONDS", help=about)


def _of_token(token: argparse.ArgumentParser) -> None:
    token.add_argument("--user", required=True, metavar="ID", help="the user id, the token's sub")
    token.add_argument("--plan", choices=[plan.value for plan in Plan], help="the plan that sets the quota")
    token.add_argument("--scope", choices=["service"], help="what the token may do beyond its user's own media")
    token.add_argument(
        "--owner", action="append", metavar="TYPE:ID", help="an owner whose media it may touch too; may be repeated"
    )
    token.add_argument(
        "--ttl", type=int, default=DAY_SECONDS, metavar="SECONDS", help="how long it is good for (default: a day)"
    )


def _of_purge_user(purge_user: argparse.ArgumentParser) -> None:
    purge_user.add_argument("--user", required=True, metavar="ID", help="the user id, as tokens have it in sub")


def _of_typescript(typescript: argparse.ArgumentParser) -> None:
    typescript.add_argument("--check", action="store_true", help="write nothing; fail when a file differs")
    typescript.add_argument(
        "folder",
        nargs="?",
        type=Path,
        default=Path("contracts/typescript"),
        metavar="DIR",
        help="where the package is (default: contracts/typescript)",
    )


def run_dev(_chosen: argparse.Namespace) -> None:
    """Start everything."""
    from server.dev import dev  # noqa: PLC0415 - the embedded stack is installed for development only
    from server.embedded import EmbeddedError  # noqa: PLC0415

    try:
        dev(os.environ)
    except EmbeddedError as error:
        raise SettingsError(str(error)) from error
    leave()


def run_serve(chosen: argparse.Namespace) -> None:
    """Answer calls."""
    if chosen.workers < 1:
        raise SettingsError("--workers must be at least 1")
    settings = Settings.from_environment(os.environ)
    settings.require_verifier()
    settings.require(*REQUIRED)
    listener = listen(settings.host, settings.port)

    async def serve() -> None:
        from procedures import PROCEDURES  # noqa: PLC0415 - not every command needs them
        from rpc.app import create_app  # noqa: PLC0415
        from server.playlists import playlist_routes  # noqa: PLC0415

        async with open_resources(settings) as resources:
            app = create_app(resources, PROCEDURES, app_config(settings), routes=playlist_routes(resources))
            address = f"mediarpc serves on {settings.host}:{settings.port}"
            await run_until_stopped(
                serve_http(app, listener, before_draining=lambda: wind_down(resources)),
                ready=lambda: print(address, file=sys.stderr, flush=True),
                ends_within=DRAIN_SECONDS + CLOSING_SECONDS,
            )

    if chosen.workers == 1:
        run(serve())
        leave()
    else:
        run_processes(chosen.workers, lambda: run(serve()))


def run_worker(_chosen: argparse.Namespace) -> None:
    """Work."""
    from jobs.worker import DRAIN_SECONDS  # noqa: PLC0415
    from server.work import work  # noqa: PLC0415

    settings = Settings.from_environment(os.environ)

    async def work_until_stopped() -> None:
        async with open_resources(settings) as resources:
            await run_until_stopped(work(resources, settings), ends_within=DRAIN_SECONDS + CLOSING_SECONDS)

    run(work_until_stopped())
    leave()


def run_doctor(_chosen: argparse.Namespace) -> None:
    """Look at everything, and say how it is."""
    from server.doctor import examine  # noqa: PLC0415

    findings = asyncio.run(examine(Settings.from_environment(os.environ)))
    print("\n".join(map(str, findings)))
    if any(finding.verdict == "failed" for finding in findings):
        sys.exit(1)


def run_migrate(chosen: argparse.Namespace) -> None:
    """Migrate, and name what was applied."""
    if chosen.wait < 0:
        raise SettingsError("--wait must be at least 0 seconds")
    settings = Settings.from_environment(os.environ)
    settings.require("database_url")
    assert settings.database_url
    applied = migrate(settings.database_url, wait_seconds=chosen.wait)
    print("\n".join(applied) or "nothing to do")


def run_token(chosen: argparse.Namespace) -> None:
    """Print the token and nothing else."""
    if chosen.ttl < 1:
        raise SettingsError("--ttl must be at least 1 second")
    settings = token_settings(os.environ)
    print(
        sign_token(
            settings,
            user=chosen.user,
            plan=chosen.plan,
            scope=chosen.scope,
            owners=chosen.owner,
            ttl_seconds=chosen.ttl,
        )
    )


def run_purge_user(chosen: argparse.Namespace) -> None:
    """Purge, and say how much."""
    from server.purge import purge_as_operator  # noqa: PLC0415 - not every command needs it

    settings = Settings.from_environment(os.environ)
    settings.require("database_url")
    require_user_id(chosen.user)
    deleted = asyncio.run(purge_as_operator(settings, chosen.user))
    print(f"{deleted} media deleted; workers take their bytes out of storage")


def run_openrpc(_chosen: argparse.Namespace) -> None:
    """Print what `GET /openrpc.json` answers, indented."""
    from procedures import PROCEDURES  # noqa: PLC0415
    from rpc.openrpc import describe  # noqa: PLC0415

    try:
        print(describe(PROCEDURES).model_dump_json(by_alias=True, indent=2), flush=True)
    except BrokenPipeError:  # `| head` has read enough; what is still to be flushed goes nowhere
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


def run_typescript(chosen: argparse.Namespace) -> None:
    """Write what differs from the models, or name it."""
    from procedures import PROCEDURES  # noqa: PLC0415
    from rpc.typescript import package_files  # noqa: PLC0415

    folder: Path = chosen.folder
    files = {folder / name: text.encode() for name, text in package_files(PROCEDURES).items()}
    differing = [file for file, text in files.items() if not file.is_file() or file.read_bytes() != text]
    if chosen.check and differing:
        sys.exit(f"mediarpc: not what the models say: {', '.join(map(str, differing))}")
    folder.mkdir(parents=True, exist_ok=True)
    for file in differing:
        file.write_bytes(files[file])


if __name__ == "__main__":
    sys.exit(main())
