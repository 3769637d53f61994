"""`mediarpc migrate`: bring the database to the newest schema."""

import os
from argparse import Namespace

from server.commands import CommandError
from server.settings import Settings
from sql.migrate import MigrationRefused, migrate


def run(arguments: Namespace) -> None:
    """Migrate, and name what was applied."""
    if arguments.wait < 0:
        raise CommandError("--wait must be at least 0 seconds")
    settings = Settings.from_environment(os.environ)
    settings.require("database_url")
    assert settings.database_url
    try:
        applied = migrate(settings.database_url, wait_seconds=arguments.wait)
    except MigrationRefused as held:
        raise CommandError(str(held)) from held
    print("\n".join(applied) or "nothing to do")
