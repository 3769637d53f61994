"""Processing a file of a stranger's: in a child process of its own, which may do little and cannot take this one along.

The child's folder is removed with the child, whatever happens; those of a parent that was killed by `sweep_folders`.
"""

import asyncio
import fcntl
import os
import re
import shutil
import signal
import sys
import tempfile
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import asynccontextmanager, contextmanager, suppress
from pathlib import Path
from typing import BinaryIO, TypedDict, Unpack

import msgspec

from contracts.disk import DiskFull, writing_to_disk
from processing.failures import SIGNALS, ProcessingFailed, Reason, tells_of_memory
from processing.inspection import is_rendition
from processing.protocol import Answer, File, Order, Outcome, Policy, Task, from_json, to_json
from processing.registry import Limits, Processor, processor_of
from processing.sandbox.cgroup import cores
from processing.sandbox.probe import new_user, variables

PREFIX = "mediarpc-processing-"
ORIGINAL = "original"  # in the folder of a child that is a user of its own
UNLOCKED_SECONDS = 60  # a folder that is younger may be about to be locked
MAX_ANSWER_BYTES = 1024 * 1024  # of one line
MAX_LINES = 50_000  # an encoder tells twice a second how far it is, for hours
MAX_LOG_BYTES = 4096
MAX_SEGMENTS = 20_000  # of a playlist, as many as a video of a day has
ROOM_BYTES = 8 * 1024 * 1024  # a disk with less is full: files grow by more at a time
NAME = re.compile("[A-Za-z0-9._-]{1,100}")  # of a file, which becomes a part of its key


Listener = Callable[[float], Awaitable[None]]


class Asked(TypedDict, total=False):
    """What else a task may say; see `records.Task`."""

    square: bool
    most_seconds: float | None
    made: tuple[str, ...]
    policy: Policy


async def _unheard(_done: float) -> None:
    return


@asynccontextmanager
async def processed(
    source: Path,
    mime_type: str,
    *,
    processor: Processor | None = None,
    tell: Listener = _unheard,
    limits: Limits | None = None,
    root: Path | None = None,
    **asked: Unpack[Asked],
) -> AsyncIterator[Outcome]:
    """Process one file; the renditions are there until the block ends. ProcessingFailed says why there are none.

    DiskFull is raised instead when there was no room for them. `source` is absolute, `mime_type` what its first bytes
    show; its processor is the first that takes it, unless another is named. `tell` hears what part of the work is done.
    Who is cancelled here leaves no process and no file.
    """
    chosen = processor or processor_of(mime_type)
    with own_folder(root) as folder:
        user = await asyncio.to_thread(new_user, folder)
        place = source if user is None else _hand_over(source, folder, user)
        task = Task(source=place, mime_type=mime_type, folder=folder, cores=cores(), **asked)
        order = Order(module=chosen.module, task=task, limits=limits or chosen.limits, parent=os.getpid(), user=user)
        yield await _with_room(_run(order, tell), folder)


def _hand_over(source: Path, folder: Path, user: int) -> Path:
    """Give a folder to a user, with a file of ours in it to read; where that is now."""
    place = folder / ORIGINAL
    place.hardlink_to(source)
    place.chmod(0o444)
    os.chown(folder, user, user)
    return place


async def _with_room(running: Awaitable[Outcome], folder: Path) -> Outcome:
    """Raises DiskFull in place of any failure on a full disk, where a file looks damaged, or its child crashes."""
    try:
        return await running
    except (ProcessingFailed, OSError) as failed:
        if shutil.disk_usage(folder).free < ROOM_BYTES:
            raise DiskFull from failed
        raise


def sweep_folders(root: Path | None = None) -> list[Path]:
    """Remove the folders that killed processes left behind; those of processes that live are locked."""
    left = []
    for folder in Path(root or tempfile.gettempdir()).glob(f"{PREFIX}*"):
        with suppress(OSError), _locked(folder):
            if time.time() - folder.stat().st_mtime > UNLOCKED_SECONDS:
                shutil.rmtree(folder, ignore_errors=True)
                left.append(folder)
    return left


@contextmanager
def own_folder(root: Path | None = None) -> Iterator[Path]:
    """A folder that is removed when the block ends, and by `sweep_folders` when this process was killed before.

    Raises DiskFull when there is no room for it, or for what the block writes.
    """
    with writing_to_disk():
        folder = Path(tempfile.mkdtemp(prefix=PREFIX, dir=root)).resolve()
        try:
            with _locked(folder):
                yield folder
        finally:
            shutil.rmtree(folder, ignore_errors=True)


@contextmanager
def _locked(folder: Path) -> Iterator[None]:
    """Hold a folder's lock, which ends with the process; OSError when another holds it."""
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        yield
    finally:
        os.close(descriptor)


async def _run(order: Order, tell: Listener) -> Outcome:
    with (order.task.folder / "log").open("w+b") as log:
        child = await asyncio.create_subprocess_exec(
            *(sys.executable, "-I", "-m", "processing", to_json(order)),
            stdin=asyncio.subprocess.DEVNULL,
            stdout=asyncio.subprocess.PIPE,
            stderr=log,
            cwd=order.task.folder,
            env=variables(order.task.folder),
            start_new_session=True,
            limit=MAX_ANSWER_BYTES,
        )
        try:
            async with asyncio.timeout(order.limits.wall_seconds):
                answer = await _answer(child, order.limits.stall_seconds, tell)
                if answer is None:
                    await child.wait()
        except TimeoutError:
            raise ProcessingFailed(Reason.TIMED_OUT) from None
        finally:
            # Its group: it may have started others.
            with suppress(ProcessLookupError):
                os.killpg(child.pid, signal.SIGKILL)
            status = await child.wait()
        return await asyncio.to_thread(_outcome, answer, status, log, order.task.folder)


async def _answer(child: asyncio.subprocess.Process, stall_seconds: float | None, tell: Listener) -> Answer | None:
    """What a child says in the end, None when it ended before; until then it tells how far it is."""
    for _ in range(MAX_LINES):
        line = await _line(child, stall_seconds)
        if not line.endswith(b"\n"):
            return None
        answer = _read(line)
        if answer.done is None:
            return answer
        await tell(answer.done)
    raise ProcessingFailed(Reason.CRASHED, "it does not stop talking")


async def _line(child: asyncio.subprocess.Process, stall_seconds: float | None) -> bytes:
    assert child.stdout
    try:
        async with asyncio.timeout(stall_seconds):
            return await child.stdout.readline()
    except TimeoutError:
        raise ProcessingFailed(Reason.STALLED) from None
    except ValueError:
        raise ProcessingFailed(Reason.CRASHED, "the answer is too long") from None


def _read(line: bytes) -> Answer:
    """What a line says; one that cannot be read, that the child crashed."""
    try:
        return from_json(Answer, line)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return Answer(failure=Reason.CRASHED, detail="a line that cannot be read")


def _outcome(answer: Answer | None, status: int, log: BinaryIO, folder: Path) -> Outcome:
    """What a child said. It has read a stranger's bytes, so that what it says is believed only as far as it shows."""
    if answer is None:
        raise _death(status, log)
    if answer.outcome is None or not _are_whole(folder, answer.outcome.files):
        raise ProcessingFailed(answer.failure or Reason.CRASHED, answer.detail)
    return answer.outcome


def _are_whole(folder: Path, files: tuple[File, ...]) -> bool:
    """Whether they are renditions that there can be, each once, and all of them the child's own."""
    return len({file.name for file in files}) == len(files) and all(_is_whole(folder, file) for file in files)


def _is_whole(folder: Path, file: File) -> bool:
    """Whether what the parent will publish of a rendition is the child's own, all of it, and what it is said to be."""
    try:
        return (
            _is_in(folder, file.path)
            and file.path.stat().st_size == file.size
            and len(file.segments) <= MAX_SEGMENTS
            and all(_is_in(folder, segment) for segment in file.segments)
            and is_rendition(file)
        )
    except (OSError, ValueError):  # no file has such a path
        return False


def _is_in(folder: Path, path: Path) -> bool:
    """Whether it is a plain file in a folder, by a name that can be a part of a key."""
    return (
        path.is_relative_to(folder)
        and NAME.fullmatch(path.name) is not None
        and path.resolve() == path
        and path.is_file()
        and path.stat().st_nlink == 1
    )


def _death(status: int, log: BinaryIO) -> ProcessingFailed:
    """Why a child ended without an answer; its log is read as it was opened, whatever now has its name."""
    log.seek(max(0, log.seek(0, os.SEEK_END) - MAX_LOG_BYTES))
    detail = log.read(MAX_LOG_BYTES).decode(errors="replace").strip()
    if tells_of_memory(detail):
        return ProcessingFailed(Reason.OUT_OF_MEMORY, detail)
    return ProcessingFailed(SIGNALS.get(-status, Reason.CRASHED), f"status {status}: {detail}")
