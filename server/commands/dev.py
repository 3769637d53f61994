"""`mediarpc dev`: start everything."""

import os
from argparse import Namespace

from server.commands import CommandError
from server.dev import dev
from server.embedded import EmbeddedError
from server.processes import leave
from sql.migrate import MigrationRefused


def run(_arguments: Namespace) -> None:
    """Start everything, until told to stop."""
    try:
        dev(os.environ)
    except (EmbeddedError, MigrationRefused) as error:
        raise CommandError(str(error)) from error
    leave()
