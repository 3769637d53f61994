"""The files that a child may still reach, by Landlock (Linux 5.13; what came with later kernels is used where it is).

Outside of its roots a process reads, writes, starts and lists nothing, for good, and so does whatever it starts. It
traces nobody outside, and reads nobody's memory or variables; from version 6 on it also signals nobody outside.
"""

import ctypes
import os
import sys
from collections.abc import Iterable
from dataclasses import dataclass
from enum import IntFlag
from pathlib import Path

CREATE_RULESET, ADD_RULE, RESTRICT_SELF = 444, 445, 446  # numbers of calls, the same on every architecture
TELL_VERSION = 1
PATH_BENEATH = 1


class Access(IntFlag):
    """What may be done to files (linux/landlock.h)."""

    EXECUTE = 1 << 0
    WRITE_FILE = 1 << 1
    READ_FILE = 1 << 2
    READ_DIR = 1 << 3
    REMOVE_DIR = 1 << 4
    REMOVE_FILE = 1 << 5
    MAKE_CHAR = 1 << 6
    MAKE_DIR = 1 << 7
    MAKE_REG = 1 << 8
    MAKE_SOCK = 1 << 9
    MAKE_FIFO = 1 << 10
    MAKE_BLOCK = 1 << 11
    MAKE_SYM = 1 << 12
    REFER = 1 << 13
    TRUNCATE = 1 << 14
    IOCTL_DEV = 1 << 15


OF_VERSION_1 = Access(2**13 - 1)
SINCE = {2: Access.REFER, 3: Access.TRUNCATE, 5: Access.IOCTL_DEV}
OF_ONE_FILE = Access.EXECUTE | Access.WRITE_FILE | Access.READ_FILE | Access.TRUNCATE | Access.IOCTL_DEV

READ = Access.READ_FILE | Access.READ_DIR
RUN = READ | Access.EXECUTE
WRITE = (
    READ
    | Access.WRITE_FILE
    | Access.TRUNCATE
    | Access.MAKE_REG
    | Access.MAKE_DIR
    | Access.REMOVE_FILE
    | Access.REMOVE_DIR
    | Access.REFER
)

NETWORK_VERSION, NETWORK = 4, 0b11  # to bind and to connect, by TCP
SCOPE_VERSION, SCOPE = 6, 0b11  # abstract Unix sockets and signals, of others


@dataclass(frozen=True, slots=True)
class Root:
    """A folder with all below it, or one file, and what may be done there."""

    path: Path
    access: Access


class _Ruleset(ctypes.Structure):
    _fields_ = (("files", ctypes.c_uint64), ("network", ctypes.c_uint64), ("scope", ctypes.c_uint64))


class _Beneath(ctypes.Structure):
    _pack_ = 1
    _fields_ = (("access", ctypes.c_uint64), ("descriptor", ctypes.c_int32))


def version() -> int:
    """The kernel's version of Landlock; 0 where there is none."""
    return max(0, _call(CREATE_RULESET, None, 0, TELL_VERSION)) if sys.platform == "linux" else 0


def restrict(roots: Iterable[Root]) -> bool:
    """Whether from now on this thread, and whatever it starts, reaches its roots and no other file, for good.

    Before it PR_SET_NO_NEW_PRIVS has to be set. A root that is not there is left out.
    """
    known = version()
    if not known:
        return False
    handled = OF_VERSION_1
    for since, access in SINCE.items():
        handled |= access if known >= since else Access(0)
    ruleset = _created(known, handled)
    try:
        for root in roots:
            _allow(ruleset, root, handled)
        return _call(RESTRICT_SELF, ruleset, 0) == 0
    finally:
        os.close(ruleset)


def _created(known: int, handled: Access) -> int:
    network, scope = NETWORK * (known >= NETWORK_VERSION), SCOPE * (known >= SCOPE_VERSION)
    attributes = _Ruleset(handled, network, scope)
    size = 8 * (1 + (known >= NETWORK_VERSION) + (known >= SCOPE_VERSION))
    return _checked(_call(CREATE_RULESET, ctypes.byref(attributes), ctypes.c_size_t(size), 0))


def _allow(ruleset: int, root: Root, handled: Access) -> None:
    try:
        descriptor = os.open(root.path, os.O_PATH | os.O_CLOEXEC)
    except (FileNotFoundError, NotADirectoryError, PermissionError):
        return
    try:
        access = root.access & handled & (handled if root.path.is_dir() else OF_ONE_FILE)
        _checked(_call(ADD_RULE, ruleset, PATH_BENEATH, ctypes.byref(_Beneath(access, descriptor)), 0))
    finally:
        os.close(descriptor)


def _call(*words: object) -> int:
    return int(ctypes.CDLL(None, use_errno=True).syscall(*words))


def _checked(answer: int) -> int:
    if answer < 0:
        raise OSError(ctypes.get_errno(), "landlock")
    return answer
