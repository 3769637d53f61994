"""No network: a seccomp filter that lets neither this process nor its children open a socket, of whatever family.

Unlike a network namespace it needs no privilege, also in containers, and closes the Unix sockets of the machine too.
Nor do they leave their process group, by which they are killed.
`python -m processing.sockets` tries it: exit status 0 when no socket can be opened.
"""

import ctypes
import errno
import os
import platform
import socket
import struct
import sys

PR_SET_NO_NEW_PRIVS = 38
PR_SET_SECCOMP = 22
SECCOMP_MODE_FILTER = 2

# A filter is a program for the kernel's packet filter, over struct seccomp_data: nr at 0, arch at 4.
LOAD, JUMP_IF_EQUAL, JUMP_IF_AT_LEAST, ANSWER = 0x20, 0x15, 0x35, 0x06
CALL_OFFSET, ARCHITECTURE_OFFSET = 0, 4
ALLOW, KILL, REFUSE = 0x7FFF0000, 0x80000000, 0x00050000 | errno.EACCES
X32_CALLS = 0x40000000  # the other way to number calls on x86_64

# Its name to the kernel (linux/audit.h) and the numbers of socket(), setpgid() and setsid(); io_uring_setup() has the
# same everywhere.
ARCHITECTURES = {"x86_64": (0xC000003E, 41, 109, 112), "aarch64": (0xC00000B7, 198, 154, 157)}
IO_URING_SETUP = 425  # opens sockets as well


class _Program(ctypes.Structure):
    _fields_ = (("length", ctypes.c_ushort), ("filter", ctypes.c_char_p))


def forbid_sockets() -> bool:
    """Whether from now on neither this process nor its children can open a socket, or leave their group, for good."""
    known = ARCHITECTURES.get(platform.machine())
    if sys.platform != "linux" or known is None or sys.maxsize < 2**32:
        return False
    filtered = _program(*known)
    prctl = ctypes.CDLL(None, use_errno=True).prctl
    program = _Program(len(filtered) // 8, filtered)
    prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0)
    return bool(prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, ctypes.byref(program), 0, 0) == 0)


def _program(architecture: int, *calls: int) -> bytes:
    refused = [(JUMP_IF_AT_LEAST, X32_CALLS), *((JUMP_IF_EQUAL, call) for call in (*calls, IO_URING_SETUP))]
    steps = [
        # (operation, steps to skip if so, steps to skip if not, operand)
        (LOAD, 0, 0, ARCHITECTURE_OFFSET),
        (JUMP_IF_EQUAL, 1, 0, architecture),
        (ANSWER, 0, 0, KILL),
        (LOAD, 0, 0, CALL_OFFSET),
        *((operation, len(refused) - place, 0, operand) for place, (operation, operand) in enumerate(refused)),
        (ANSWER, 0, 0, ALLOW),
        (ANSWER, 0, 0, REFUSE),
    ]
    return b"".join(struct.pack("=HBBI", *step) for step in steps)


def main() -> int:
    """Try it."""
    if not forbid_sockets():
        return 1
    try:
        socket.socket().close()
    except PermissionError:
        return 0
    return 1


if __name__ == "__main__":
    os._exit(main())
