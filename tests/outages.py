"""Settings that name servers which are not there."""

from dataclasses import replace

from server.embedded import free_port
from server.settings import Settings

PASSWORD = "hunter2-of-the-database"
SECRET_KEY = "hunter2-of-the-store"


def without_database(settings: Settings) -> Settings:
    """The same settings with a database that does not answer."""
    return replace(settings, database_url=f"postgresql://media:{PASSWORD}@127.0.0.1:{free_port()}/media")


def without_storage(settings: Settings) -> Settings:
    """The same settings with a store that does not answer."""
    return replace(settings, s3_endpoint=f"http://127.0.0.1:{free_port()}", s3_secret_access_key=SECRET_KEY)
