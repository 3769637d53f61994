"""A decoder that somebody took over: it tries all that would get it out, and prints what it got through.

It is run in place of ffmpeg, with `PLACES` before it: `parent` is whom it attacks, the others are files and folders.
"""

import ctypes
import ctypes.util
import json
import os
import shutil
import signal
import socket
import sys
import threading
from pathlib import Path
from typing import Any

PLACES: dict[str, Any] = globals().get("PLACES", {})  # what stands before it
LIBC = ctypes.CDLL(None, use_errno=True)
PTRACE, PROCESS_VM_READV, PIDFD_OPEN, PIDFD_GETFD = 101, 310, 434, 438
UNSHARE, SETNS, CLONE, IO_URING_SETUP, KEYCTL, BPF, PERF_EVENT_OPEN = 272, 308, 56, 425, 250, 321, 298
SHMGET, PRLIMIT64, RLIMIT_CORE = 29, 302, 4
CLONE_NEWUSER, PTRACE_SEIZE = 0x10000000, 0x4206
THREADS = 1500


def call(number: int, *words: Any) -> int:
    """A system call; OSError where it is refused."""
    answer = int(LIBC.syscall(number, *words))
    if answer < 0:
        raise OSError(ctypes.get_errno(), os.strerror(ctypes.get_errno()))
    return answer


def of_parent(name: str, mode: str) -> Any:
    """A file of the process that is attacked."""
    return Path(f"/proc/{PLACES['parent']}/{name}").open(mode, buffering=0)


def trace() -> None:
    """Take the parent's every step."""
    call(PTRACE, PTRACE_SEIZE, PLACES["parent"], 0, 0)


def read_memory() -> None:
    """Read the parent's memory, where its keys are."""
    with of_parent("maps", "rb") as maps:
        start = int(maps.readline().partition(b"-")[0], 16)
    buffer = ctypes.create_string_buffer(64)
    local, remote = (ctypes.c_uint64 * 2)(ctypes.addressof(buffer), 64), (ctypes.c_uint64 * 2)(start, 64)
    call(PROCESS_VM_READV, PLACES["parent"], local, 1, remote, 1, 0)


def take_socket() -> None:
    """Take an open file of the parent."""
    call(PIDFD_GETFD, call(PIDFD_OPEN, PLACES["parent"], 0), 1, 0)


def make_namespace() -> None:
    """Be root of a world of one's own."""
    if os.fork() == 0:
        os._exit(LIBC.syscall(UNSHARE, CLONE_NEWUSER) != 0)
    require_success()


def clone_namespace() -> None:
    """The same by the call that makes processes."""
    child = call(CLONE, CLONE_NEWUSER | signal.SIGCHLD, 0, 0, 0, 0)
    if child == 0:
        os._exit(0)
    require_success()


def require_success() -> None:
    """Raise OSError unless the child that ends next has done what it was to do."""
    if os.waitstatus_to_exitcode(os.wait()[1]) != 0:
        raise PermissionError


def fill_process_table() -> None:
    """Start more threads than there is room for others."""
    stop = threading.Event()
    try:
        for _ in range(THREADS):
            threading.Thread(target=stop.wait, daemon=True).start()
    finally:
        stop.set()


def run_own_program() -> None:
    """Bring a program and start it."""
    program = Path("program")
    shutil.copyfile("/bin/true", program)
    os.chmod(program, 0o700)  # noqa: PTH101 - what pathlib does may be another call
    os.execv(program, ["program"]) if os.fork() == 0 else require_success()


def write(path: Path) -> None:
    """Write a file and leave it."""
    path.write_text("taken over")


ATTACKS = {
    "read the parent's variables": lambda: of_parent("environ", "rb").read(),
    "open the parent's memory to write": lambda: of_parent("mem", "r+b"),
    "list the parent's files": lambda: list(Path(f"/proc/{PLACES['parent']}/fd").iterdir()),
    "trace the parent": trace,
    "read the parent's memory": read_memory,
    "take a socket of the parent": take_socket,
    "signal the parent": lambda: os.kill(PLACES["parent"], 0),
    "signal a thread of the parent": lambda: call(200, PLACES["parent"], 0),
    "read a secret": lambda: Path(PLACES["secret"]).read_bytes(),
    "link a secret": lambda: os.link(PLACES["secret"], "linked"),
    "let everybody read a secret": lambda: Path(PLACES["secret"]).chmod(0o644),
    "write where others read": lambda: write(Path(PLACES["public"]) / "index.html"),
    "list where others are": lambda: list(Path(PLACES["public"]).iterdir()),
    "remove what is another's": lambda: Path(PLACES["victim"]).unlink(),
    "write into the temporary folder": lambda: write(Path("/tmp") / f"taken-over-{os.getpid()}"),
    "write into shared memory": lambda: write(Path("/dev/shm") / f"taken-over-{os.getpid()}"),
    "write beside the interpreter": lambda: write(Path(sys.prefix) / "taken-over"),
    "list processes": lambda: list(Path("/proc").iterdir()),
    "read who is on this machine": lambda: Path("/etc/passwd").read_bytes(),
    "open a socket": lambda: socket.socket(socket.AF_INET),
    "open a socket of this machine": lambda: socket.socket(socket.AF_UNIX),
    "make a namespace": make_namespace,
    "make a namespace by clone": clone_namespace,
    "enter a namespace": lambda: call(SETNS, os.open("/proc/self/ns/net", os.O_RDONLY), 0),
    "use io_uring": lambda: call(IO_URING_SETUP, 1, ctypes.create_string_buffer(120)),
    "use a key ring": lambda: call(KEYCTL, 0, -3, 1),
    "load a program into the kernel": lambda: call(BPF, 0, ctypes.create_string_buffer(72), 72),
    "watch the processor": lambda: call(PERF_EVENT_OPEN, ctypes.create_string_buffer(112), 0, -1, -1, 0),
    "keep memory that outlives it": lambda: call(SHMGET, 0, 4096, 0o1600),
    "limit the parent": lambda: call(PRLIMIT64, PLACES["parent"], RLIMIT_CORE, None, ctypes.create_string_buffer(16)),
    "read the parent's limits": lambda: call(
        PRLIMIT64, PLACES["parent"], RLIMIT_CORE, ctypes.create_string_buffer(16), None
    ),
    "slow the parent down": lambda: os.setpriority(os.PRIO_PROCESS, PLACES["parent"], 19),
    "hold the parent on one core": lambda: os.sched_setaffinity(PLACES["parent"], {0}),
    "leave the group that is killed": os.setsid,
    "run a program of its own": run_own_program,
    "fill the table of processes": fill_process_table,
}


def succeeds(attack: Any) -> bool:
    """Whether nothing refuses it."""
    try:
        attack()
    except (OSError, RuntimeError):
        return False
    return True


if __name__ == "__main__":
    print(json.dumps([name for name, attack in ATTACKS.items() if succeeds(attack)]), flush=True)
    os._exit(1)
