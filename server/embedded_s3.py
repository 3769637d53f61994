"""An S3 server over a folder, from a wheel: rclone, whose buckets are folders and whose objects are files."""

import os
import subprocess
import sysconfig
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import IO

import psutil

from server.embedded import STOP_TIMEOUT_SECONDS, EmbeddedError, Secrets, end_all_of, free_port, sole

PROGRAMS = {"rclone"}
START_TIMEOUT_SECONDS = 60.0


@contextmanager
def s3(folder: Path, keys: Secrets) -> Iterator[str]:
    """The endpoint of an S3 server whose buckets are the folders of `folder`; it is stopped at the end.

    What an earlier process left running over it is ended first. Raises EmbeddedError.
    """
    folder = folder.resolve()
    folder.mkdir(parents=True, exist_ok=True, mode=0o700)
    port, log_file = free_port(), folder.with_suffix(".log")
    process = None
    try:
        with sole(PROGRAMS, folder) as lock:
            for partial in folder.rglob(".rclone_temp_*"):
                partial.unlink()
            process = _started(folder, keys, port, lock, log_file)
        _wait_until_it_listens(port, process, log_file)
        yield f"http://127.0.0.1:{port}"
    finally:
        end_all_of(PROGRAMS, folder, grace_seconds=STOP_TIMEOUT_SECONDS)
        if process is not None:
            process.wait()


def _started(folder: Path, keys: Secrets, port: int, lock: IO[bytes], log_file: Path) -> "subprocess.Popen[bytes]":
    with log_file.open("ab") as log:
        return subprocess.Popen(
            [
                str(Path(sysconfig.get_path("scripts")) / "rclone"), "serve", "s3",
                "--addr", f"127.0.0.1:{port}", "--config", os.devnull, "--log-level", "NOTICE",
                # An MD5 would be made by the first request for an object: 0.7 s for 500 MB.
                "--multipart-expiry", "31d", "--etag-hash", "XXH128", str(folder),
            ],
            env={**os.environ, "RCLONE_AUTH_KEY": f'"{keys.s3_access_key_id},{keys.s3_secret_access_key}"'},
            stdin=subprocess.DEVNULL, stdout=log, stderr=log,
            cwd=folder, pass_fds=[lock.fileno()], start_new_session=True,
        )  # fmt: skip


def _wait_until_it_listens(port: int, process: "subprocess.Popen[bytes]", log_file: Path) -> None:
    deadline = time.monotonic() + START_TIMEOUT_SECONDS
    while process.poll() is None and time.monotonic() < deadline:
        if _listens(process.pid, port):
            return
        time.sleep(0.02)
    raise EmbeddedError(f"The S3 server did not start; see {log_file}")


def _listens(pid: int, port: int) -> bool:
    """Whether it is this very process that listens on a port; another one may have taken it meanwhile."""
    with suppress(psutil.Error):
        opened = psutil.Process(pid).net_connections("tcp")
        return any(each.status == psutil.CONN_LISTEN and each.laddr.port == port for each in opened)
    return False
