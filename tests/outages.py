"""Settings that name servers which are not there."""

import socket
from dataclasses import replace

from server.settings import Settings

PASSWORD = "hunter2-of-the-database"
SECRET_KEY = "hunter2-of-the-store"


def closed_port() -> int:
    """A port of this machine on which nobody listens."""
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))
        return int(unused.getsockname()[1])


def without_database(settings: Settings) -> Settings:
    """The same settings with a database that does not answer."""
    return replace(settings, database_url=f"postgresql://media:{PASSWORD}@127.0.0.1:{closed_port()}/media")


def without_storage(settings: Settings) -> Settings:
    """The same settings with a store that does not answer."""
    return replace(settings, s3_endpoint=f"http://127.0.0.1:{closed_port()}", s3_secret_access_key=SECRET_KEY)
