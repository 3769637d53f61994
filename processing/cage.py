"""What holds a child on this machine: tried with one, since kernels and containers differ.

`python -m processing.cage ORDER` is that child: it confines itself, tries to get out, and says what it could not do.
"""

import importlib
import os
import random
import socket
import subprocess
import sys
import tempfile
import threading
from contextlib import suppress
from functools import cache
from pathlib import Path

from msgspec import DecodeError, Struct

from processing.confinement import confine
from processing.landlock import version
from processing.processors import PROCESSORS
from processing.records import Order, Task, from_json, to_json

# Ids that belong to nobody but a service while it runs (systemd's DynamicUser), and are there in most containers.
USERS = range(61184, 65520)
WRITTEN = "written"
MODULE = PROCESSORS[0].module
_TRYING = threading.Lock()


class Cage(Struct, frozen=True, kw_only=True):
    """What a child cannot do: open a socket, read a file of others, write outside its folder; and that its user is new.

    `landlock` is the kernel's version of it, 0 where there is none; `user` the child's.
    """

    sockets: bool = False
    files: bool = False
    landlock: int = 0
    user: int | None = None


def new_user(folder: Path) -> int | None:
    """The id of a user for one child that works in this folder; none where this process may not change its user."""
    if tried().user is None or not all(parent.stat().st_mode & 0o001 for parent in folder.parents):
        return None
    return random.choice(USERS)  # noqa: S311 - it keeps nothing secret


def tried() -> Cage:
    """What holds a child of this process: tried once, whoever asks."""
    with _TRYING:
        return _tried()


@cache
def _tried() -> Cage:
    if os.getuid() == 0 and (cage := _try(random.choice(USERS))):  # noqa: S311 - it keeps nothing secret
        return cage
    return _try(None) or Cage()


def _try(user: int | None) -> Cage | None:
    """What a child says that it cannot do; None when it cannot even begin."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name).resolve()
        if user is not None:
            os.chown(folder, user, user)
        task = Task(source=folder / "original", mime_type="", folder=folder)
        order = Order(module=MODULE, task=task, limits=PROCESSORS[0].limits, parent=os.getpid(), user=user)
        with suppress(OSError, subprocess.SubprocessError, DecodeError):
            child = [sys.executable, "-I", "-m", "processing.cage", to_json(order).decode()]
            said = subprocess.run(child, capture_output=True, cwd=folder, check=True, timeout=60)  # noqa: S603 - its own
            (folder / WRITTEN).read_bytes()
            return from_json(Cage, said.stdout)
    return None


def main() -> int:
    """Try it, and say what held."""
    order = from_json(Order, sys.argv[1])
    confine(order)
    (order.task.folder / WRITTEN).write_bytes(b"")
    importlib.import_module(order.module)
    if not os.access(os.environ.get("IMAGEIO_FFMPEG_EXE", sys.executable), os.X_OK):
        return 1
    cage = Cage(sockets=_is_refused_a_socket(), files=_is_refused_a_file(), landlock=version(), user=order.user)
    sys.stdout.buffer.write(to_json(cage))
    return 0


def _is_refused_a_socket() -> bool:
    try:
        socket.socket().close()
    except PermissionError:
        return True
    return False


def _is_refused_a_file() -> bool:
    try:
        list(Path("/").iterdir())
    except PermissionError:
        return True
    return False


if __name__ == "__main__":
    sys.exit(main())
