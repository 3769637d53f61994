"""The command line: `mediarpc COMMAND`.

What a command needs is imported when it is chosen: to say how one is called takes no server's imports.
"""

import argparse
import gc
import sys
from collections.abc import Sequence
from importlib import import_module
from pathlib import Path

from contracts.plans import Plan

DAY_SECONDS = 24 * 3600


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command; the exit status, 2 with a sentence on stderr when it cannot start."""
    chosen = parser().parse_args(arguments)
    gc.disable()  # while it imports, there is nothing to collect
    command = import_module(f"server.commands.{chosen.command.replace('-', '_')}")
    from contracts.errors import ServiceUnavailable
    from server.commands import CommandError
    from server.logging import configure_logging
    from server.settings import SettingsError

    gc.freeze()
    gc.enable()
    configure_logging()
    try:
        command.run(chosen)
    except (SettingsError, CommandError) as error:
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
    commands = top.add_subparsers(metavar="COMMAND", dest="command", required=True)
    commands.add_parser("dev", help="start everything, with embedded servers for whatever is not configured")
    _of_serve(commands.add_parser("serve", help="answer calls over HTTP"))
    commands.add_parser("worker", help="run background work; start as many as you like")
    _of_migrate(commands.add_parser("migrate", help="bring the database to the newest schema; safe to run again"))
    commands.add_parser("doctor", help="look at everything that the settings name; fails when it is amiss")
    _of_token(commands.add_parser("token", help="print a token to try things with"))
    _of_purge_user(commands.add_parser("purge-user", help="delete everything of a user; safe to run again"))
    commands.add_parser("openrpc", help="print the OpenRPC document: every method, its schemas and errors")
    commands.add_parser("openapi", help="print the OpenAPI document: what tRPC's paths take and answer over HTTP")
    typescript = commands.add_parser("typescript", help="write the TypeScript package's types from the models")
    _of_generated(typescript, "contracts/typescript")
    python = commands.add_parser("python", help="write the Python client's modules from the models")
    _of_generated(python, "clients/python/mediarpc_client")
    return top


def _of_serve(serve: argparse.ArgumentParser) -> None:
    about = "how many processes answer (default: 1; one per core is enough)"
    serve.add_argument("--workers", type=int, default=1, metavar="N", help=about)


def _of_migrate(migrate: argparse.ArgumentParser) -> None:
    about = "how long to wait altogether for locks that others hold; calls go on meanwhile (default: %(default)s)"
    migrate.add_argument("--wait", type=int, default=300, metavar="SECONDS", help=about)


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


def _of_generated(command: argparse.ArgumentParser, folder: str) -> None:
    command.add_argument("--check", action="store_true", help="write nothing; fail when a file differs")
    about = "where the package is (default: %(default)s)"
    command.add_argument("folder", nargs="?", type=Path, default=Path(folder), metavar="DIR", help=about)


if __name__ == "__main__":
    sys.exit(main())
