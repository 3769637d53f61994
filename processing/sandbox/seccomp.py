"""The system calls that a child gives up, by a seccomp filter.

It opens no socket of whatever family, leaves neither its process group nor its namespaces, and touches no process, key
or device of the kernel's. Unlike namespaces a filter needs no privilege, also in containers, and closes
the Unix sockets of the machine too.
"""

import ctypes
import errno
import platform
import struct
import sys
from collections.abc import Iterator

from processing.sandbox.prctl import Option, prctl

SECCOMP_MODE_FILTER = 2

# A filter is a program for the kernel's packet filter, over struct seccomp_data: nr at 0, arch at 4, arguments from 16.
LOAD, JUMP_IF_EQUAL, JUMP_IF_AT_LEAST, JUMP_IF_ANY_BIT, ANSWER = 0x20, 0x15, 0x35, 0x45, 0x06
CALL_OFFSET, ARCHITECTURE_OFFSET, FLAGS_OFFSET = 0, 4, 16
ALLOW, KILL, REFUSE, ABSENT = 0x7FFF0000, 0x80000000, 0x00050000 | errno.EACCES, 0x00050000 | errno.ENOSYS
X32_CALLS = 0x40000000  # the other way to number calls on x86_64
NAMESPACES = 0x7E020000  # the flags of clone() that make new ones

# Names to the kernel (linux/audit.h).
ARCHITECTURES = {"x86_64": 0xC000003E, "aarch64": 0xC00000B7}

# The numbers of what is refused, on x86_64 and on aarch64.
CALLS = {
    "socket": (41, 198),
    "setpgid": (109, 154),
    "setsid": (112, 157),
    "kill": (62, 129),
    "tkill": (200, 130),
    "rt_sigqueueinfo": (129, 138),
    "rt_tgsigqueueinfo": (297, 240),
    "ptrace": (101, 117),
    "process_vm_readv": (310, 270),
    "process_vm_writev": (311, 271),
    "kcmp": (312, 272),
    "unshare": (272, 97),
    "setns": (308, 268),
    "chroot": (161, 51),
    "pivot_root": (155, 41),
    "mount": (165, 40),
    "umount2": (166, 39),
    "open_by_handle_at": (304, 265),
    "add_key": (248, 217),
    "request_key": (249, 218),
    "keyctl": (250, 219),
    "bpf": (321, 280),
    "perf_event_open": (298, 241),
    "userfaultfd": (323, 282),
    "init_module": (175, 105),
    "finit_module": (313, 273),
    "kexec_load": (246, 104),
    "kexec_file_load": (320, 294),
    "fchmod": (91, 52),
    "fchmodat": (268, 53),
    "fchown": (93, 55),
    "fchownat": (260, 54),
    "pidfd_send_signal": (424, 424),
    "io_uring_setup": (425, 425),
    "io_uring_enter": (426, 426),
    "io_uring_register": (427, 427),
    "open_tree": (428, 428),
    "move_mount": (429, 429),
    "fsopen": (430, 430),
    "fsmount": (432, 432),
    "pidfd_open": (434, 434),
    "pidfd_getfd": (438, 438),
    "process_madvise": (440, 440),
    "mount_setattr": (442, 442),
    "fchmodat2": (452, 452),
    # What outlives the process, or is no file that a limit holds for.
    "shmget": (29, 194),
    "shmat": (30, 196),
    "shmctl": (31, 195),
    "semget": (64, 190),
    "semop": (65, 193),
    "semtimedop": (220, 192),
    "semctl": (66, 191),
    "msgget": (68, 186),
    "msgsnd": (69, 189),
    "msgrcv": (70, 188),
    "msgctl": (71, 187),
    "mq_open": (240, 180),
    "mq_unlink": (241, 181),
    "migrate_pages": (256, 238),
    "move_pages": (279, 239),
}
# What a process may do to itself alone: the numbers of the call, and which argument names another one.
OF_ITSELF = {
    "prlimit64": ((302, 261), 0),
    "sched_setparam": ((142, 118), 0),
    "sched_setscheduler": ((144, 119), 0),
    "sched_setaffinity": ((203, 122), 0),
    "sched_setattr": ((314, 274), 0),
    "setpriority": ((141, 140), 1),
    "ioprio_set": ((251, 30), 1),
}
OF_X86_64_ALONE = {"chmod": 90, "chown": 92, "lchown": 94}
CLONE = {"x86_64": 56, "aarch64": 220}
CLONE3 = 435  # its flags are behind a pointer, where no filter looks; without it the C library calls clone()


class _Program(ctypes.Structure):
    _fields_ = (("length", ctypes.c_ushort), ("filter", ctypes.c_char_p))


def refuse_calls() -> bool:
    """Whether from now on neither this process nor what it starts can make these calls, for good.

    Before it PR_SET_NO_NEW_PRIVS has to be set.
    """
    machine = platform.machine()
    if sys.platform != "linux" or machine not in ARCHITECTURES or sys.maxsize < 2**32:
        return False
    filtered = _program(machine)
    program = _Program(len(filtered) // 8, filtered)
    try:
        prctl(Option.SECCOMP, SECCOMP_MODE_FILTER, ctypes.byref(program))
    except OSError:  # a kernel without it
        return False
    return True


def _refused(machine: str) -> list[int]:
    numbers = [numbers[machine == "aarch64"] for numbers in CALLS.values()]
    return numbers + [*OF_X86_64_ALONE.values()] * (machine == "x86_64")


def _of_itself(machine: str) -> Iterator[list[tuple[int, int, int, int]]]:
    """Allow each of these calls that names nobody, which is the caller itself; refuse it else."""
    for numbers, argument in OF_ITSELF.values():
        yield [
            (JUMP_IF_EQUAL, 0, 4, numbers[machine == "aarch64"]),
            (LOAD, 0, 0, FLAGS_OFFSET + 8 * argument),
            (JUMP_IF_EQUAL, 0, 1, 0),
            (ANSWER, 0, 0, ALLOW),
            (ANSWER, 0, 0, REFUSE),
        ]


def _program(machine: str) -> bytes:
    """Each step: an operation, how many steps to skip if it holds and if it does not, its operand."""
    tests = [(JUMP_IF_AT_LEAST, X32_CALLS), *((JUMP_IF_EQUAL, call) for call in _refused(machine))]
    of_itself = [step for call in _of_itself(machine) for step in call]
    steps = [
        (LOAD, 0, 0, ARCHITECTURE_OFFSET),
        (JUMP_IF_EQUAL, 1, 0, ARCHITECTURES[machine]),
        (ANSWER, 0, 0, KILL),
        (LOAD, 0, 0, CALL_OFFSET),
        (JUMP_IF_EQUAL, 0, 1, CLONE3),
        (ANSWER, 0, 0, ABSENT),
        *of_itself,
        *((operation, len(tests) - place + 3, 0, operand) for place, (operation, operand) in enumerate(tests)),
        (JUMP_IF_EQUAL, 0, 2, CLONE[machine]),
        (LOAD, 0, 0, FLAGS_OFFSET),
        (JUMP_IF_ANY_BIT, 1, 0, NAMESPACES),
        (ANSWER, 0, 0, ALLOW),
        (ANSWER, 0, 0, REFUSE),
    ]
    return b"".join(struct.pack("=HBBI", *step) for step in steps)
