"""Start what is measured, each in a process of its own over one PostgreSQL; stop it by its process id."""

import os
import secrets
import shutil
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

import psutil
import psycopg

from server.embedded import free_port
from server.embedded_postgres import postgres
from server.settings import Settings
from server.token import sign_token
from sql.migrate import migrate

PEER = Path(__file__).parent / "peer"
START_SECONDS = 30.0
STOP_SECONDS = 15.0
SECRET = secrets.token_urlsafe(32)
# Storage is never called: a URL is signed here. Both sides are told the same store.
S3 = {"S3_ENDPOINT": "http://127.0.0.1:9000", "S3_ACCESS_KEY_ID": "bench-key", "S3_SECRET_ACCESS_KEY": SECRET}
# A limit that nobody reaches keeps the limiter on the path.
RATE_LIMITS = "media.initiateUpload=1000000000/60"


class BenchError(Exception):
    """Something did not start, or answered what it should not."""


@dataclass(frozen=True, slots=True)
class Server:
    """One server that runs; `pid` is the process that answers, or the parent of those."""

    name: str
    port: int
    pid: int


@contextmanager
def databases(folder: Path) -> Iterator[str]:
    """The URL of a PostgreSQL with its defaults, in which `create_database` makes each side its own database."""
    with postgres(folder / "postgres") as url:
        yield url


def create_database(url: str, name: str, *, template: str | None = None) -> str:
    """The URL of a new database of the same server, empty or a copy of another."""
    with psycopg.connect(url, autocommit=True) as connection:
        connection.execute(f"create database {name}" + (f" template {template}" if template else ""))
    return urlsplit(url)._replace(path=f"/{name}").geturl()


def socket_folder(url: str) -> str:
    """Where PostgreSQL listens."""
    return parse_qs(urlsplit(url).query)["host"][0]


@contextmanager
def ours(url: str, folder: Path, *, workers: int = 1) -> Iterator[Server]:
    """`mediarpc serve` over a migrated database."""
    command = [sys.executable, "-m", "server", "serve"]
    if workers > 1:
        command += ["--workers", str(workers)]
    told = {"DATABASE_URL": url, "RATE_LIMITS": RATE_LIMITS, **S3}
    name = "mediarpc" if workers == 1 else f"mediarpc, {workers} workers"
    with running(name, command, told, folder) as server:
        yield server


@contextmanager
def peer(url: str, folder: Path) -> Iterator[Server]:
    """The same job on tRPC and Fastify, over a database of its own."""
    node = shutil.which("node")
    assert node
    told = {"PGHOST": socket_folder(url), "PGDATABASE": "peer", "NODE_ENV": "production", **S3}
    with running("tRPC + Fastify", [node, str(PEER / "server.mjs")], told, folder) as server:
        yield server


def has_peer() -> bool:
    """Whether node and the peer's packages are here."""
    return shutil.which("node") is not None and (PEER / "node_modules").exists()


def has_workers() -> bool:
    """Whether `mediarpc serve` can use several processes."""
    command = [sys.executable, "-m", "server", "serve", "--help"]
    told = subprocess.run(command, capture_output=True, text=True, check=True, timeout=START_SECONDS)  # noqa: S603
    return "--workers" in told.stdout


def prepare_ours(url: str) -> str:
    """The URL of a migrated database."""
    made = create_database(url, "ours")
    migrate(made)
    return made


def prepare_peer(url: str) -> str:
    """The URL of a database with the peer's tables."""
    made = create_database(url, "peer")
    with psycopg.connect(made, autocommit=True) as connection:
        connection.execute((PEER / "schema.sql").read_text(encoding="utf-8").encode())
    return made


def token(user: str) -> str:
    """A token of a user with the largest plan, good for both sides."""
    return sign_token(Settings(auth_jwt_secret=SECRET), user=user, plan="premium")


@contextmanager
def running(name: str, command: list[str], told: Mapping[str, str], folder: Path) -> Iterator[Server]:
    """A command that serves on a free port, once it is well."""
    port = free_port()
    log_file = folder / f"{port}.log"
    environment = {**os.environ, **told, "AUTH_JWT_SECRET": SECRET, "HOST": "127.0.0.1", "PORT": str(port)}
    with log_file.open("wb") as log:
        process = subprocess.Popen(  # noqa: S603 - the command is our own
            command, env=environment, stdin=subprocess.DEVNULL, stdout=log, stderr=log
        )
    try:
        _wait_until_well(name, port, process, log_file)
        yield Server(name, port, process.pid)
    finally:
        _stop(process)


@contextmanager
def worker(told: Mapping[str, str], folder: Path) -> Iterator[int]:
    """A worker of mediarpc; its process id."""
    with (folder / "worker.log").open("wb") as log:
        process = subprocess.Popen(
            [sys.executable, "-m", "server", "worker"],
            env={**os.environ, **told, "AUTH_JWT_SECRET": SECRET},
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=log,
        )
    try:
        yield process.pid
    finally:
        _stop(process)


def _wait_until_well(name: str, port: int, process: "subprocess.Popen[bytes]", log_file: Path) -> None:
    deadline = time.monotonic() + START_SECONDS
    while process.poll() is None and time.monotonic() < deadline:
        try:
            with urllib.request.urlopen(f"http://127.0.0.1:{port}/healthz", timeout=2):
                return
        except (urllib.error.URLError, OSError):
            time.sleep(0.05)
    raise BenchError(f"{name} did not start:\n{log_file.read_text(encoding='utf-8')[-2000:]}")


def _stop(process: "subprocess.Popen[bytes]") -> None:
    try:
        family = psutil.Process(process.pid).children(recursive=True)
    except psutil.NoSuchProcess:
        family = []
    process.terminate()
    try:
        process.wait(STOP_SECONDS)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()
    for child in psutil.wait_procs(family, timeout=2)[1]:
        child.kill()
