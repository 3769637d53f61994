"""The sandbox of a child on this machine: tried with one, since kernels and containers differ.

`python -m processing.sandbox.probe ORDER` is that child: it confines itself, tries to get out, and says what it could
not do.
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

from processing.protocol import Order, Task, from_json, to_json
from processing.registry import PROCESSORS
from processing.sandbox.confinement import confine
from processing.sandbox.landlock import version

# Ids that belong to nobody but a service while it runs (systemd's DynamicUser), and are there in most containers.
USERS = range(61184, 65520)
WRITTEN = "written"
MODULE = PROCESSORS[0].module
# Two arenas: each reserves address space.
ENVIRONMENT = {"PATH": os.defpath, "LANG": "C.UTF-8", "MALLOC_ARENA_MAX": "2", "VIPS_BLOCK_UNTRUSTED": "1"}
HANDED_ON = ("IMAGEIO_FFMPEG_EXE",)
_TRIAL = threading.Lock()


class Sandbox(Struct, frozen=True, kw_only=True):
    """What a child cannot do: open a socket, and read a file of others.

    `landlock` is the kernel's version of it, 0 where there is none; `user` the child's.
    """

    sockets: bool = False
    files: bool = False
    landlock: int = 0
    user: int | None = None


def variables(folder: Path) -> dict[str, str]:
    """A child's variables. Of its parent's, among which are the secrets, it has the one that names ffmpeg."""
    chosen = {name: os.environ[name] for name in HANDED_ON if name in os.environ}
    return {**ENVIRONMENT, **chosen, "HOME": str(folder), "TMPDIR": str(folder)}


def new_user(folder: Path) -> int | None:
    """The id of a user for one child that works in this folder; none where this process may not change its user."""
    if sandbox().user is None or not all(parent.stat().st_mode & 0o001 for parent in folder.parents):
        return None
    return random.choice(USERS)  # noqa: S311 - it keeps nothing secret


def sandbox() -> Sandbox:
    """The sandbox of this process's children: tried once, whoever asks."""
    with _TRIAL:
        return _try_once()


@cache
def _try_once() -> Sandbox:
    if os.getuid() == 0 and (found := _try(random.choice(USERS))):  # noqa: S311 - it keeps nothing secret
        return found
    return _try(None) or Sandbox()


def _try(user: int | None) -> Sandbox | None:
    """What a child says that it cannot do; None when it cannot even begin."""
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as name:
        folder = Path(name).resolve()
        task = Task(source=folder / "original", mime_type="", folder=folder)
        order = Order(module=MODULE, task=task, limits=PROCESSORS[0].limits, parent=os.getpid(), user=user)
        child = [sys.executable, "-I", "-m", "processing.sandbox.probe", to_json(order).decode()]
        with suppress(OSError, subprocess.SubprocessError, DecodeError):
            if user is not None:
                os.chown(folder, user, user)
            output = subprocess.check_output(  # noqa: S603 - the command is its own
                child, cwd=folder, env=variables(folder), stderr=subprocess.DEVNULL, timeout=60
            )
            (folder / WRITTEN).read_bytes()
            return from_json(Sandbox, output)
    return None


def main() -> int:
    """Try it, and say what held."""
    order = from_json(Order, sys.argv[1])
    confine(order)
    (order.task.folder / WRITTEN).write_bytes(b"")
    importlib.import_module(order.module)
    if not os.access(os.environ.get("IMAGEIO_FFMPEG_EXE", sys.executable), os.X_OK):
        return 1
    held = Sandbox(sockets=_is_refused_a_socket(), files=_is_refused_a_file(), landlock=version(), user=order.user)
    sys.stdout.buffer.write(to_json(held))
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
