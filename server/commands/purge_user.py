"""`mediarpc purge-user`: delete everything of a user."""

import asyncio
import os
from argparse import Namespace

from server.purge import purge_as_operator
from server.settings import Settings
from server.token import require_user_id


def run(arguments: Namespace) -> None:
    """Purge, and say how much."""
    settings = Settings.from_environment(os.environ)
    settings.require("database_url")
    require_user_id(arguments.user)
    deleted = asyncio.run(purge_as_operator(settings, arguments.user))
    print(f"{deleted} media deleted; workers take their bytes out of storage")
