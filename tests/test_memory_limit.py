"""A worker whose memory a cgroup bounds, as a container's is: the kernel kills what uses it up, and not the worker."""

import asyncio
import json
import subprocess
import sys
from contextlib import suppress
from pathlib import Path

import psutil
import pytest

from jobs.process import ATTEMPTS_WHEN_KILLED, process_media
from processing.failures import ProcessingFailed
from processing.image.libvips import Image as Vips
from processing.sandbox.confinement import FIRST_TO_GO
from tests.cgroups import bounded_memory
from tests.processes import MEDIARPC, command_of, environment, running
from tests.videos import clip

MIB = 1024 * 1024
MEMORY_BYTES = 600 * MIB
AT_ONCE = 8
BOUND_SECONDS = 240.0


@pytest.fixture
def bounded():
    """A cgroup of 600 MiB."""
    try:
        with bounded_memory(MEMORY_BYTES) as cgroup:
            yield cgroup
    except PermissionError:
        pytest.skip("only root may bound the memory of a cgroup")


@pytest.fixture
def start_bounded(bounded, configured, tmp_path, temporary):
    """Start a worker in the cgroup."""

    def begin(**variables: str):
        command = bounded.starting(MEDIARPC, "worker")
        return running(command, tmp_path, **{**configured, "TMPDIR": str(temporary), **variables})

    return begin


@pytest.fixture(scope="session")
def large_photo(tmp_path_factory: pytest.TempPathFactory) -> bytes:
    """Twenty-four megapixels, as phones take them."""
    path = tmp_path_factory.mktemp("large") / "photo.jpg"
    noise = Vips.gaussnoise(1000, 1000, mean=128, sigma=12).cast("uchar").bandjoin([128, 64])
    noise.replicate(6, 4).jpegsave(str(path))
    return path.read_bytes()


@pytest.fixture(scope="session")
def walk() -> bytes:
    """A video that takes seconds to encode."""
    return clip(seconds=6, size=(1280, 720), fps=30)


async def let_meet(worker: int) -> None:
    """Hold the children of a worker until all of them have begun, and let them go on together."""
    held: set[psutil.Process] = set()
    while len(held) < AT_ONCE:
        for child in set(psutil.Process(worker).children()) - held:
            if "processing" in command_of(child):
                held.add(child)
                with suppress(psutil.NoSuchProcess):
                    child.suspend()
        await asyncio.sleep(0.01)
    for child in held:
        with suppress(psutil.NoSuchProcess):
            child.resume()


async def test_a_worker_outlives_eight_photos_that_need_twice_its_memory(
    bounded, start_bounded, completed_media, call, large_photo
):
    """They are ready in the end. It takes a dozen seconds, since what was killed waits until the others have ended.

    Their children are held until all are there: on a busy machine they would come one after the other.
    """
    media = [await completed_media(large_photo) for _ in range(AT_ONCE)]

    async def states() -> list[str]:
        return [(await call("media.getMedia", mediaId=str(one.id))).media.status for one in media]

    with start_bounded(IMAGE_CONCURRENCY=str(AT_ONCE)) as worker:
        async with asyncio.timeout(BOUND_SECONDS):
            await let_meet(worker.pid)
            while "processing" in await states():
                assert worker.process.poll() is None, worker.output
                await asyncio.sleep(0.2)
        assert await states() == ["ready"] * AT_ONCE
        assert bounded.kills() > 0, worker.output


async def test_a_worker_takes_on_what_fits_its_memory(start_bounded):
    """An image at a time beside two audio files, a poster and a video, however many cores there are."""
    with start_bounded() as worker:
        worker.wait_for("worker started")
        (started,) = (line for line in map(json.loads, worker.output.splitlines()) if line["event"] == "worker started")

    assert started["at_once"] == {"default": 8, "image": 1, "audio": 1, "long-audio": 1, "poster": 1, "video": 1}


def test_the_doctor_says_what_does_not_fit(bounded, configured):
    command = bounded.starting(MEDIARPC, "doctor")
    environ = environment(**configured, IMAGE_CONCURRENCY=str(AT_ONCE))
    found = subprocess.run(command, env=environ, capture_output=True, text=True, check=False, timeout=60).stdout

    (line,) = (line for line in found.splitlines() if "memory:" in line)
    assert line.startswith("warning  memory: a worker here takes about 2520 MiB of 600 MiB")
    assert "lower IMAGE_CONCURRENCY" in line


def score_of(process: psutil.Process) -> str:
    return Path(f"/proc/{process.pid}/oom_score_adj").read_text().strip()


async def encoder_of(worker: int) -> psutil.Process:
    """The ffmpeg that a worker's child has started, once it encodes."""
    async with asyncio.timeout(BOUND_SECONDS):
        while True:
            for process in psutil.Process(worker).children(recursive=True):
                if "-progress" in command_of(process):
                    return process
            await asyncio.sleep(0.05)


async def test_a_child_and_what_it_starts_go_first(start, completed_media, call, walk):
    """The kernel looks at a score that each process has, from -1000 to 1000; the worker's stays what it was."""
    media = await completed_media(walk, filename="walk.mp4", contentType="video/mp4")
    with start() as worker:
        ffmpeg = await encoder_of(worker.pid)
        scores = [score_of(process) for process in (ffmpeg, psutil.Process(ffmpeg.ppid()), psutil.Process(worker.pid))]
        await call("media.cancelProcessing", mediaId=str(media.id))

    assert scores == [FIRST_TO_GO, FIRST_TO_GO, score_of(psutil.Process())]


async def test_an_encoder_that_was_killed_is_tried_again_six_times(
    completed_media, job_context, call, walk, reachable, monkeypatch
):
    """Others may have needed the memory; what needs too much by itself fails in the end, by a word of its own."""
    killed = reachable / "ffmpeg"
    killed.write_text(f"#!{sys.executable}\nimport signal, threading\nsignal.pthread_kill(threading.get_ident(), 9)\n")
    killed.chmod(0o755)
    monkeypatch.setenv("IMAGEIO_FFMPEG_EXE", str(killed))
    media = await completed_media(walk, filename="walk.mp4", contentType="video/mp4")
    assert await process_media.run(job_context, media.id) == "processing"

    for _ in range(ATTEMPTS_WHEN_KILLED - 1):
        with pytest.raises(ProcessingFailed, match="killed"):
            await process_media.run(job_context, media.id)
    assert await process_media.run(job_context, media.id) == "failed"

    error = (await call("media.getMedia", mediaId=str(media.id))).media.error
    assert (error.code, error.reason) == ("killed", "The server had too little memory to process the file.")
