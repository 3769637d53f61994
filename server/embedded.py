"""Real servers from wheels, for a machine that has none: PostgreSQL and an S3 server on local files.

Both survive a `kill -9` of the process that started them, so a start first looks for what an earlier one left. It
trusts no process id in a file, which may be anybody's by now. Whoever works in a server's folder is of that server; and
each process of a server, down to the last of PostgreSQL's, inherits a lock and holds it for as long as it lives, so
that nothing is started beside one that cannot be seen from here.
"""

import fcntl
import json
import secrets
import signal
import socket
import sys
import time
from collections.abc import Collection, Iterable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import asdict, astuple, dataclass
from pathlib import Path
from typing import IO

import psutil

from server.durable import write_durably

STOP_TIMEOUT_SECONDS = 5.0
STALE_TIMEOUT_SECONDS = 5.0
GRACE_SECONDS = 1.0  # for what is of no use any more
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
        """The data folder's secrets, made when it has none, or has none that can be read."""
        found = cls.found_in(data_dir)
        if found is None:
            file = secrets_file(data_dir)
            if file.exists():
                print(f"mediarpc: {file} was damaged and is made anew; earlier tokens and URLs end", file=sys.stderr)
            found = cls(secrets.token_urlsafe(48), "dev-" + secrets.token_hex(6), secrets.token_urlsafe(32))
            write_durably(file, json.dumps(asdict(found)))
        return found

    @classmethod
    def found_in(cls, data_dir: Path) -> "Secrets | None":
        """The data folder's secrets, if it has any that are whole."""
        try:
            found = cls(**json.loads(secrets_file(data_dir).read_text(encoding="utf-8")))
        except (FileNotFoundError, ValueError, TypeError):
            return None
        return found if all(isinstance(secret, str) and secret for secret in astuple(found)) else None


def secrets_file(data_dir: Path) -> Path:
    """Where a data folder keeps its secrets, readable by its owner only."""
    return data_dir / "secrets.json"


@contextmanager
def sole(
    programs: Collection[str], folder: Path, *others: Path, patience_seconds: float = STALE_TIMEOUT_SECONDS
) -> Iterator[IO[bytes]]:
    """The lock of a folder in which none of these programs lives any more, nor in others that go with it.

    Those that can be seen are ended; EmbeddedError when one lives on all the same.
    """
    with folder.with_suffix(".lock").open("ab") as lock:
        deadline = time.monotonic() + patience_seconds
        while not _is_taken(lock, programs, (folder, *others)):
            if time.monotonic() > deadline:
                raise EmbeddedError(
                    f"A server of another user or container works in {folder}; stop it, or set DATA_DIR"
                )
            time.sleep(0.05)
        yield lock


def end_all_of(programs: Collection[str], folder: Path, *others: Path, grace_seconds: float) -> None:
    """End these programs where they work in a folder, and a process that only now is being made of one."""
    end_working_in(folder, programs, grace_seconds=grace_seconds)
    with suppress(EmbeddedError, OSError), sole(programs, folder, *others, patience_seconds=GRACE_SECONDS):
        pass


def _is_taken(lock: IO[bytes], programs: Collection[str], folders: Iterable[Path]) -> bool:
    """Whether the lock was free, once those that can be seen were ended."""
    for folder in folders:
        end_working_in(folder, programs, grace_seconds=GRACE_SECONDS)
    with suppress(BlockingIOError):
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        return True
    return False


def working_in(folder: Path, programs: Collection[str]) -> list[psutil.Process]:
    """The processes of these programs that work in a folder, by whatever path they came there."""
    named = [process for process in psutil.process_iter(["name"]) if process.info["name"] in programs]
    return [process for process in named if _works_in(process, folder)]


def _works_in(process: psutil.Process, folder: Path) -> bool:
    """Whether it is this very folder; a container may have another one of the same path."""
    try:
        place = Path(f"/proc/{process.pid}/cwd") if psutil.LINUX else Path(process.cwd())
        return place.samefile(folder)
    except (PermissionError, psutil.AccessDenied):
        # Root in a container may not look where another user's processes work, nor does it see other containers'.
        with suppress(psutil.Error):
            return str(folder) in process.cmdline()
    except (OSError, psutil.Error):
        pass  # it has ended
    return False


def end_working_in(folder: Path, programs: Collection[str], *, grace_seconds: float) -> None:
    """Interrupt the processes of these programs that work in a folder, then kill those that have not ended."""
    found = working_in(folder, programs)
    pids = {process.pid for process in found}
    for process in found:
        if not _is_child_of(process, pids):
            _signal(process, signal.SIGINT)
    if not _have_ended(folder, programs, grace_seconds):
        for process in working_in(folder, programs):
            _signal(process, signal.SIGKILL)
        _have_ended(folder, programs, STOP_TIMEOUT_SECONDS)


def _is_child_of(process: psutil.Process, pids: Collection[int]) -> bool:
    """Whether it is one of their children, which they end in the right order."""
    with suppress(psutil.Error):
        return process.ppid() in pids
    return False


def _signal(process: psutil.Process, number: int) -> None:
    with suppress(psutil.Error):  # it has ended by itself
        process.send_signal(number)


def _have_ended(folder: Path, programs: Collection[str], seconds: float) -> bool:
    deadline = time.monotonic() + seconds
    while working_in(folder, programs):
        if time.monotonic() > deadline:
            return False
        time.sleep(0.02)
    return True


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
