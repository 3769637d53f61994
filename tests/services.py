"""The servers that the tests talk to: named by the environment, else containers where Docker is there, else embedded.

TEST_SERVICES=auto|docker|embedded   which of them to take (auto)
TEST_DATABASE_URL                    a Postgres in which databases may be created and dropped
TEST_S3_ENDPOINT, TEST_S3_ACCESS_KEY_ID, TEST_S3_SECRET_ACCESS_KEY
POSTGRES_IMAGE, MINIO_IMAGE          the containers' images
"""

import json
import os
import shutil
import socket
import tempfile
from contextlib import ExitStack
from dataclasses import asdict, dataclass, replace
from functools import cache
from pathlib import Path
from typing import Any

import docker
import psycopg
from docker.errors import DockerException
from testcontainers.community.minio import MinioContainer
from testcontainers.community.postgres import PostgresContainer
from testcontainers.core.container import DockerContainer

from server.embedded import Secrets
from server.embedded_postgres import postgres
from server.embedded_s3 import s3
from storage.s3 import StoreConfig, create_client

HANDED_ON = "MEDIARPC_TEST_SERVERS"
POSTGRES_PORT = 5432
BRIDGE_TIMEOUT_SECONDS = 2
# Its data need not outlive it, and hundreds of databases that come and go are not worth cleaning.
HASTY_POSTGRES = {
    "fsync": "off",
    "synchronous_commit": "off",
    "full_page_writes": "off",
    "autovacuum": "off",
    "wal_level": "minimal",
    "max_wal_senders": 0,
    "max_connections": 300,
}


@dataclass(frozen=True)
class Store:
    """An S3 server at hand."""

    name: str
    endpoint: str
    access_key_id: str
    secret_access_key: str

    def config(self, bucket: str, public_endpoint: str | None = None) -> StoreConfig:
        """How to reach a bucket of it."""
        return StoreConfig(
            endpoint=self.endpoint,
            public_endpoint=public_endpoint,
            region="us-east-1",
            bucket=bucket,
            public_bucket=f"{bucket}-public",
            access_key_id=self.access_key_id,
            secret_access_key=self.secret_access_key,
            use_path_style=True,
            refuses_copies=True,
        )


@dataclass(frozen=True)
class Servers:
    """Where the servers of this run are; `stores[0]` is the one that most tests use."""

    database_url: str
    stores: list[Store]
    missing: dict[str, str]

    def hand_on(self) -> None:
        """Tell the worker processes."""
        os.environ[HANDED_ON] = json.dumps(asdict(self))

    @classmethod
    def handed_on(cls) -> "Servers":
        told = json.loads(os.environ[HANDED_ON])
        return cls(told["database_url"], [Store(**store) for store in told["stores"]], told["missing"])


def shared_client(config: StoreConfig, endpoint: str | None, *, timeout_seconds: float | None = None) -> Any:
    """A client for all tests of a process that need no other: to make one takes 12 ms. It can be used after `close`."""
    return _client(replace(config, bucket="", public_bucket="", public_endpoint=None), endpoint, timeout_seconds)


@cache
def _client(config: StoreConfig, endpoint: str | None, timeout_seconds: float | None) -> Any:
    return create_client(config, endpoint, timeout_seconds=timeout_seconds)


def every_store() -> list[str]:
    """The names of the S3 servers at hand, and of those that were asked for and are missing."""
    if HANDED_ON not in os.environ:
        return []
    servers = Servers.handed_on()
    return [*(store.name for store in servers.stores), *servers.missing]


def start_servers(stack: ExitStack) -> Servers:
    """Start what is not named; `stack` stops it."""
    folder = Path(tempfile.mkdtemp(prefix="mediarpc-"))
    stack.callback(shutil.rmtree, folder, ignore_errors=True)
    database_url, minio, missing = _containers(stack)
    database_url = os.environ.get("TEST_DATABASE_URL") or database_url or _embedded_postgres(stack, folder)
    stores = [*_named_store(), *minio, _embedded_s3(stack, folder)]
    return Servers(database_url, stores, missing)


def _containers(stack: ExitStack) -> tuple[str | None, list[Store], dict[str, str]]:
    """Postgres and MinIO in Docker, or the reason why there are none."""
    wanted = os.environ.get("TEST_SERVICES", "auto")
    if wanted == "embedded":
        return None, [], {}
    with ExitStack() as started:
        try:
            docker.from_env().close()
            minio = _minio_container(started)
            database_url = None if "TEST_DATABASE_URL" in os.environ else _postgres_container(started)
        except DockerException:
            if wanted == "docker":
                raise
            return None, [], {"minio": "MinIO runs in Docker, which does not answer here or has no image of it"}
        stack.enter_context(started.pop_all())
        return database_url, [minio], {}


def _postgres_container(stack: ExitStack) -> str:
    settings = [f"-c {name}={value}" for name, value in HASTY_POSTGRES.items()]
    container = (
        PostgresContainer(os.environ.get("POSTGRES_IMAGE", "postgres:15"), driver=None)
        .with_command(" ".join(["postgres", *settings]))
        .with_tmpfs_mount("/var/lib/postgresql/data")
    )
    host, port = _address(stack.enter_context(container), POSTGRES_PORT)
    url = f"postgresql://{container.username}:{container.password}@{host}:{port}/{container.dbname}"
    _trust_everybody(url)
    return url


def _address(container: DockerContainer, port: int) -> tuple[str, int]:
    """Where a port of a container is reached: at its own address from its own machine, else where Docker lends one.

    What comes by a lent port is copied once more, by a process of Docker's.
    """
    own = container.get_docker_client().bridge_ip(container.get_container_id())
    try:
        socket.create_connection((own, port), BRIDGE_TIMEOUT_SECONDS).close()
    except OSError:
        return container.get_container_host_ip(), int(container.get_exposed_port(port))
    return own, port


def _trust_everybody(url: str) -> None:
    """Most of the time that a connection takes to begin is its password's."""
    with psycopg.connect(url, autocommit=True) as connection:
        ((rules,),) = connection.execute("show hba_file").fetchall()
        connection.execute(f"copy (values ('local all all trust'), ('host all all all trust')) to '{rules}'")
        connection.execute("select pg_reload_conf()")


def _embedded_postgres(stack: ExitStack, folder: Path) -> str:
    url = stack.enter_context(postgres(folder / "postgres"))
    with psycopg.connect(url, autocommit=True) as connection:
        for name in ("fsync", "synchronous_commit", "full_page_writes", "autovacuum"):
            connection.execute(f"alter system set {name} = off")
        connection.execute("select pg_reload_conf()")
    return url


def _named_store() -> list[Store]:
    endpoint = os.environ.get("TEST_S3_ENDPOINT")
    if endpoint is None:
        return []
    return [Store("named", endpoint, os.environ["TEST_S3_ACCESS_KEY_ID"], os.environ["TEST_S3_SECRET_ACCESS_KEY"])]


def _minio_container(stack: ExitStack) -> Store:
    image = os.environ.get("MINIO_IMAGE", "ghcr.io/coollabsio/minio:latest")
    container = stack.enter_context(MinioContainer(image).with_tmpfs_mount("/data"))
    host, port = _address(container, container.port)
    return Store("minio", f"http://{host}:{port}", container.access_key, container.secret_key)


def _embedded_s3(stack: ExitStack, folder: Path) -> Store:
    keys = Secrets("unused", "test-key", "test-secret-key")
    endpoint = stack.enter_context(s3(folder / "s3", keys))
    return Store("embedded", endpoint, keys.s3_access_key_id, keys.s3_secret_access_key)
