"""The folder of `mediarpc dev`: one process works in it, and a power cut leaves whole files there.

A start may find any file of it stale, cut short or copied from elsewhere, and the disk full.
"""

import errno
import fcntl
import os
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import NoReturn, TextIO

from contracts.errors import ServiceUnavailable
from server.embedded import EmbeddedError
from server.settings import SettingsError

MIB = 1024 * 1024
# PostgreSQL takes 16 MiB at a time, and gives them back when it finds less.
ROOM_BYTES = 32 * MIB
FULL = {errno.ENOSPC, errno.EDQUOT}


class DataDirError(SettingsError):
    """The data folder cannot be worked in; the sentence names it and says what to do."""


@contextmanager
def locked(data_dir: Path) -> Iterator[Path]:
    """The data folder, absolute, for this process alone; DataDirError when another one works in it."""
    data_dir = data_dir.absolute()
    data_dir.mkdir(parents=True, exist_ok=True)
    with (data_dir / "lock").open("a+", encoding="utf-8", errors="replace") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            _refuse(lock, data_dir)
        lock.truncate(0)
        lock.write(str(os.getpid()))
        lock.flush()
        yield data_dir


def _refuse(lock: TextIO, data_dir: Path) -> NoReturn:
    lock.seek(0)
    pid = lock.read().strip()
    # Between taking the lock and writing its id, a process has not said who it is.
    holder = f" (process {pid})" if pid.isdecimal() else ""
    raise DataDirError(f"Another mediarpc dev{holder} works in {data_dir}; stop it, or set DATA_DIR")


@contextmanager
def explained(data_dir: Path) -> Iterator[None]:
    """Let a failure to start say what keeps the data folder from being written: DataDirError in its place."""
    data_dir = data_dir.absolute()
    try:
        yield
    except OSError as error:
        raise _explanation(error, data_dir) from error
    except (EmbeddedError, ServiceUnavailable) as error:
        try:
            _write_everywhere(data_dir)
        except OSError as obstacle:
            raise _explanation(obstacle, data_dir) from error
        raise


def _write_everywhere(data_dir: Path) -> None:
    """OSError when something keeps servers from writing in the data folder, or in those of it that are theirs."""
    for folder in (data_dir, data_dir / "postgres", data_dir / "s3"):
        if folder.exists():
            with tempfile.TemporaryFile(dir=folder) as file:
                file.write(b"x")
            if shutil.disk_usage(folder).free < ROOM_BYTES:
                raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC), str(folder))


def _explanation(error: OSError, data_dir: Path) -> DataDirError:
    if error.errno in FULL:
        return DataDirError(f"The disk of {data_dir} is full; make room there, or set DATA_DIR to a folder elsewhere")
    place = data_dir if error.filename is None else error.filename
    return DataDirError(
        f"{place} cannot be used ({error.strerror or error}); "
        f"let this user write in {data_dir}, or set DATA_DIR to another folder"
    )
