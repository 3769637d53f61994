"""A Postgres that a test may stop, pause, restart and make read-only, for nobody else works with it."""

import os
import signal
import uuid
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import psycopg
import pytest
from docker.errors import DockerException
from testcontainers.community.postgres import PostgresContainer

from server.embedded import free_port
from sql.migrate import migrate
from tests.databases import drift, in_database
from tests.processes import until

MISSING = "a Postgres that can be stopped runs in Docker, which does not answer here or has no image of it"
READ_ONLY = "default_transaction_read_only"


@dataclass
class OwnPostgres:
    """A container at a port that it keeps, and the way into it."""

    container: Any
    url: str

    @cached_property
    def data(self) -> str:
        """The folder of the data."""
        ((folder,),) = self.execute("show data_directory")
        return str(folder)

    def execute(self, *statements: str) -> list[Any]:
        """The rows of the last one."""
        with psycopg.connect(self.url, autocommit=True, connect_timeout=5) as connection:
            for statement in statements:
                cursor = connection.execute(statement)
            return cursor.fetchall() if cursor.description else []

    def stop(self, how: signal.Signals = signal.SIGINT) -> None:
        """End it, and every session: SIGINT ends them with a word, SIGQUIT and SIGKILL without."""
        self.shell(f"kill -{how.value} $(head -1 {self.data}/postmaster.pid)")
        self.container.wait()

    def start(self) -> None:
        """Start it again, and return when it takes connections."""
        self.container.start()
        until(self._answers)

    def restart(self, how: signal.Signals = signal.SIGINT) -> None:
        """Stop and start."""
        self.stop(how)
        self.start()

    def pause(self) -> None:
        """Have it hang: its system takes connections and bytes, and nobody ever reads them."""
        self.container.pause()

    def unpause(self) -> None:
        """Let it go on."""
        self.container.unpause()

    def read_only(self, value: str = "on") -> None:
        """Have every session refuse to write, those that there are too."""
        self._configure(f"alter system set {READ_ONLY} = {value}")
        until(lambda: self.execute(f"show {READ_ONLY}") == [(value,)])

    def demote(self) -> None:
        """Restart it as the standby of a primary that is not there."""
        self.shell(f"touch {self.data}/standby.signal")
        self.restart()

    def mend(self) -> None:
        """Have it as it was."""
        self.container.reload()
        if self.container.status == "paused":
            self.unpause()
        if self.container.status == "exited":
            self.start()
        if self.shell(f"rm {self.data}/standby.signal") == 0:
            self.restart()
        if self.execute(f"show {READ_ONLY}") != [("off",)]:
            self.read_only("off")

    @contextmanager
    def database(self, template: str) -> Iterator[str]:
        """A database of its own, for as long as it is needed."""
        name = f"test_{uuid.uuid4().hex}"
        self.execute(f"create database {name} template {template}")
        yield in_database(self.url, name)
        self.execute(f"drop database {name} with (force)")

    def _configure(self, statement: str) -> None:
        self.execute("set default_transaction_read_only = off", statement, "select pg_reload_conf()")

    def _answers(self) -> bool:
        with suppress(psycopg.OperationalError):
            return bool(self.execute("select 1"))
        return False

    def shell(self, command: str) -> int:
        """Run a command beside it; the exit status."""
        return int(self.container.exec_run(["sh", "-c", command]).exit_code)


@pytest.fixture(scope="session")
def own_postgres() -> Iterator[OwnPostgres]:
    """One for all tests of a process; skipped where Docker is not."""
    if os.environ.get("TEST_SERVICES") == "embedded" or "TEST_DATABASE_URL" in os.environ:
        pytest.skip("A Postgres that can be stopped runs in Docker, which was not asked for")
    command = "postgres -c fsync=off -c max_connections=200"
    with ExitStack() as stack:
        try:
            container = PostgresContainer(os.environ.get("POSTGRES_IMAGE", "postgres:15"), driver=None)
            # A port of its own choice would be another one after each start.
            stack.enter_context(container.with_bind_ports(container.port, free_port()).with_command(command))
        except DockerException:
            if os.environ.get("TEST_SERVICES") == "docker":
                raise
            pytest.skip(MISSING)
        postgres = OwnPostgres(container.get_wrapped_container(), container.get_connection_url())
        postgres.execute("create database migrated")
        migrate(in_database(postgres.url, "migrated"))
        yield postgres


@pytest.fixture
def postgres(own_postgres: OwnPostgres) -> Iterator[OwnPostgres]:
    """The test's Postgres; afterwards it is as it was."""
    yield own_postgres
    own_postgres.mend()


@pytest.fixture
def database_url(own_postgres: OwnPostgres) -> Iterator[str]:
    """A migrated database in it. After every test, each owner's usage is the sum over the owner's rows."""
    with own_postgres.database("migrated") as url:
        yield url
        own_postgres.mend()
        assert drift(url) == []


@pytest.fixture
def unmigrated_url(own_postgres: OwnPostgres) -> Iterator[str]:
    """A database in it in which nothing is."""
    with own_postgres.database("template1") as url:
        yield url
        own_postgres.mend()
