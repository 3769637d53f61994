"""Processing in a child: what it may not do, what becomes of it, and what it leaves behind."""

import asyncio
import os
import signal
import subprocess
import sys
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from dataclasses import replace
from pathlib import Path
from typing import Any

import psutil
import pytest

from processing.failures import SENTENCES, ProcessingFailed, Reason
from processing.image.libvips import Image as Vips
from processing.registry import MIB, PROCESSORS
from processing.sandbox.child import PREFIX, processed, sweep_folders
from processing.sandbox.probe import sandbox
from tests.images import encoded, scene
from tests.processes import command_of

LIMITS = PROCESSORS[0].limits
DEADLINE_SECONDS = 60.0


@pytest.fixture
def photo(tmp_path: Path) -> Path:
    path = tmp_path / "photo.jpg"
    path.write_bytes(encoded(scene()))
    return path


@pytest.fixture(scope="session")
def slow(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An image that takes seconds: 64 megapixels of noise."""
    path = tmp_path_factory.mktemp("slow") / "slow.jpg"
    noise = Vips.gaussnoise(1000, 1000, mean=128, sigma=20).cast("uchar").bandjoin([128, 64])
    noise.replicate(8, 8).jpegsave(str(path))
    return path


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """Where the folders of this test's children are."""
    folder = tmp_path / "root"
    folder.mkdir()
    return folder


async def reason_of(source: Path, root: Path, **limits: Any) -> ProcessingFailed:
    """Why a file fails under these limits; nothing of it is left."""
    with pytest.raises(ProcessingFailed) as failed:
        async with processed(source, "image/jpeg", limits=replace(LIMITS, **limits), root=root):
            pass
    assert in_folder(root) == []
    assert children() == []
    return failed.value


def in_folder(folder: Path) -> list[Path]:
    return list(folder.iterdir())


def children() -> list[psutil.Process]:
    return working(os.getpid())


def working(parent: int) -> list[psutil.Process]:
    """The children of a process that look into a file, and not those that try what holds them."""
    return [process for process in psutil.Process(parent).children() if "processing" in command_of(process)]


async def eventually(found):
    """What a function finds, as soon as that is something."""
    async with asyncio.timeout(DEADLINE_SECONDS):
        while not (result := found()):  # noqa: ASYNC110 - what is waited for is in other processes
            await asyncio.sleep(0.01)
    return result


@asynccontextmanager
async def running(source: Path, root: Path) -> AsyncIterator[tuple[psutil.Process, asyncio.Task[None]]]:
    """A child at its work, and the task that waits for it."""

    async def process() -> None:
        async with processed(source, "image/jpeg", root=root):
            pass

    task = asyncio.create_task(process())
    (found,) = await eventually(children)
    await eventually(lambda: found.status() == psutil.STATUS_ZOMBIE or found.num_threads() > 1)
    try:
        yield found, task
    finally:
        task.cancel()
        with suppress(asyncio.CancelledError, ProcessingFailed):
            await task


async def test_the_files_are_there_until_the_block_ends(photo, root):
    async with processed(photo, "image/jpeg", root=root) as outcome:
        (folder,) = root.iterdir()
        assert {file.path.parent for file in outcome.files} == {folder}
        assert [file.path.stat().st_size for file in outcome.files] == [file.size for file in outcome.files]
        assert folder.stat().st_mode & 0o777 == 0o700

    assert list(root.iterdir()) == []


async def test_an_exception_inside_the_block_removes_them_too(photo, root):
    with pytest.raises(ZeroDivisionError):
        async with processed(photo, "image/jpeg", root=root):
            raise ZeroDivisionError

    assert list(root.iterdir()) == []


async def test_too_much_memory_is_refused(slow, root):
    failed = await reason_of(slow, root, memory_bytes=350 * MIB)

    assert failed.reason in {Reason.OUT_OF_MEMORY, Reason.CRASHED}


async def test_too_much_computing_is_ended(slow, root):
    failed = await reason_of(slow, root, cpu_seconds=1)

    assert (failed.code, failed.may_pass) == ("too_much_work", False)


async def test_too_much_time_is_ended_and_may_pass(slow, root):
    failed = await reason_of(slow, root, wall_seconds=0.5)

    assert (failed.code, failed.may_pass) == ("timed_out", True)


async def test_too_much_output_is_ended(photo, root):
    failed = await reason_of(photo, root, file_bytes=1000)

    assert (failed.code, failed.may_pass) == ("output_too_large", False)


@pytest.mark.parametrize(("number", "code"), [(signal.SIGSEGV, "crashed"), (signal.SIGKILL, "killed")])
async def test_a_child_that_is_killed_may_pass(slow, root, number, code):
    async with running(slow, root) as (process, task):
        process.send_signal(number)
        with pytest.raises(ProcessingFailed) as failed:
            await task

    assert (failed.value.code, failed.value.may_pass) == (code, True)
    assert f"status -{number}" in failed.value.detail
    assert list(root.iterdir()) == []


async def test_a_stopped_child_is_ended_in_time(slow, root):
    task = asyncio.create_task(reason_of(slow, root, wall_seconds=2.0))
    (process,) = await eventually(children)
    process.suspend()

    assert (await task).reason == Reason.TIMED_OUT
    assert not process.is_running()


async def test_cancelling_kills_at_once(slow, root):
    async with running(slow, root) as (process, task):
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task

        assert not process.is_running()
        assert list(root.iterdir()) == []


async def test_the_event_loop_goes_on(slow, root):
    """Others are answered while an image is made."""
    async with running(slow, root) as (_, task):
        turns = 0
        while turns < 20:
            await asyncio.sleep(0.01)
            turns += 1
        assert not task.done()


async def test_a_child_knows_nothing_of_its_parent(slow, root, monkeypatch):
    """Neither its variables nor its files; its own are those of its folder."""
    monkeypatch.setenv("DATABASE_URL", "postgresql://secret@db/media")
    monkeypatch.setenv("S3_SECRET_ACCESS_KEY", "secret")
    async with running(slow, root) as (process, _):
        known = process.environ()
        held = {str(descriptor.readlink()) for descriptor in in_folder(Path(f"/proc/{process.pid}/fd"))}
        (folder,) = root.iterdir()

    assert set(known) == {"PATH", "LANG", "HOME", "TMPDIR", "MALLOC_ARENA_MAX", "VIPS_BLOCK_UNTRUSTED"}
    assert known["HOME"] == known["TMPDIR"] == str(folder)
    files = {file for file in held if file.startswith("/") and not file.startswith(("/dev/null", "/dev/urandom"))}
    assert files <= {str(slow), str(folder / "log")}
    assert not any(file.startswith("socket:") for file in held)


async def test_a_child_is_bound(slow, root):
    """Limits as told, no core, no new privileges, a filter on system calls, its own group, the first to be killed."""
    async with running(slow, root) as (process, _):
        status = _status(process)
        limits = {what: psutil.Process(process.pid).rlimit(what) for what in (psutil.RLIMIT_AS, psutil.RLIMIT_CORE)}
        cpu = process.rlimit(psutil.RLIMIT_CPU)
        output = process.rlimit(psutil.RLIMIT_FSIZE)
        group = os.getpgid(process.pid)
        score = _score(process)

    assert limits == {psutil.RLIMIT_AS: (2048 * MIB, 2048 * MIB), psutil.RLIMIT_CORE: (0, 0)}
    assert cpu == (45, 46)
    assert output == (512 * MIB, 512 * MIB)
    assert (status["NoNewPrivs"], status["Seccomp"]) == ("1", "2")
    assert group == process.pid
    assert score == 1000


def _status(process: psutil.Process) -> dict[str, str]:
    lines = Path(f"/proc/{process.pid}/status").read_text().splitlines()
    return {name: value.strip() for name, _, value in (line.partition(":") for line in lines)}


def _score(process: psutil.Process) -> int:
    """How soon the kernel kills it when memory is short, from -1000 to 1000."""
    return int(Path(f"/proc/{process.pid}/oom_score_adj").read_text())


def test_no_socket_opens_in_a_child():
    assert sandbox().sockets


FORBIDDEN = """
import subprocess, sys
from processing.sandbox.prctl import Option, prctl
from processing.sandbox.seccomp import refuse_calls

prctl(Option.NO_NEW_PRIVS, 1)
assert refuse_calls()
subprocess.run([sys.executable, "-c", sys.argv[1]])
"""


@pytest.mark.parametrize("family", ["AF_INET", "AF_INET6", "AF_UNIX", "AF_NETLINK"])
def test_sockets_are_forbidden_to_what_a_child_starts_too(family):
    command = [sys.executable, "-c", FORBIDDEN, f"import socket; socket.socket(socket.{family})"]

    said = subprocess.run(command, capture_output=True, text=True, check=True, timeout=60).stderr

    assert "PermissionError" in said


@pytest.mark.parametrize("leaving", ["os.setsid()", "os.setpgid(0, 0)"])
def test_what_a_child_starts_stays_in_the_group_that_is_killed(leaving):
    command = [sys.executable, "-c", FORBIDDEN, f"import os; os.fork() and os._exit(os.wait()[1]); {leaving}"]

    said = subprocess.run(command, capture_output=True, text=True, check=True, timeout=60).stderr

    assert "PermissionError" in said


PARENT = """
import asyncio, sys
from pathlib import Path
from processing.sandbox.child import processed

async def main():
    async with processed(Path(sys.argv[1]), "image/jpeg", root=Path(sys.argv[2])):
        pass

asyncio.run(main())
"""


async def test_a_killed_parent_takes_its_child_along_and_its_folder_is_swept(slow, root):
    """Folders of those who live, and such as are younger than a minute, are left alone."""
    with subprocess.Popen([sys.executable, "-c", PARENT, slow, root]) as parent:  # noqa: ASYNC220 - it starts at once
        (process,) = await eventually(lambda: working(parent.pid))
        await eventually(lambda: process.num_threads() > 1)
        (folder,) = root.iterdir()
        _age(folder)
        assert sweep_folders(root) == []

        parent.kill()

    await eventually(lambda: not process.is_running() or process.status() == psutil.STATUS_ZOMBIE)
    young = root / f"{PREFIX}young"
    young.mkdir()
    _age(folder)
    assert sweep_folders(root) == [folder]
    assert list(root.iterdir()) == [young]


def _age(folder: Path) -> None:
    long_ago = time.time() - 3600
    os.utime(folder, (long_ago, long_ago))


async def test_a_child_that_puts_a_pipe_in_the_place_of_its_log_stops_nobody(slow, root):
    async with running(slow, root) as (process, task):
        (folder,) = root.iterdir()
        (folder / "log").unlink()
        os.mkfifo(folder / "log")
        process.kill()
        async with asyncio.timeout(DEADLINE_SECONDS):
            with pytest.raises(ProcessingFailed) as failed:
                await task

    assert failed.value.reason == Reason.KILLED


def test_every_reason_has_a_sentence():
    assert set(SENTENCES) == set(Reason)
    assert [ProcessingFailed(reason).sentence for reason in Reason] == [SENTENCES[reason] for reason in Reason]


async def test_many_at_once_are_all_answered(photo, root):
    async def process() -> int:
        async with processed(photo, "image/jpeg", root=root) as outcome:
            return len(outcome.files)

    assert await asyncio.gather(*(process() for _ in range(6))) == [5] * 6
    assert list(root.iterdir()) == []
