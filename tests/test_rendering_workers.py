"""`mediarpc worker` at its work on images: killed, stopped, cancelled, and with more to do than it has cores."""

import asyncio
import os
import signal

import psutil
import psycopg
import pytest

from contracts.media import Media
from contracts.renditions import OF_IMAGES
from jobs.sweep import sweep
from processing.image.libvips import Image as Vips
from processing.sandbox.child import PREFIX
from tests.images import encoded, scene
from tests.media_files import padded, video
from tests.processes import TIMEOUT_SECONDS, Running, command_of, until

SOON_SECONDS = 5.0


@pytest.fixture
def rendered_once() -> None:
    """Every job asks a child of its own: what it makes is the subject here."""


@pytest.fixture(scope="session")
def slow(tmp_path_factory: pytest.TempPathFactory) -> bytes:
    """An image that takes seconds: 64 megapixels."""
    path = tmp_path_factory.mktemp("slow") / "slow.jpg"
    noise = Vips.gaussnoise(1000, 1000, mean=128, sigma=4).cast("uchar").bandjoin([128, 64])
    noise.replicate(8, 8).jpegsave(str(path), Q=60)
    return path.read_bytes()


def rendering(worker: Running) -> list[psutil.Process]:
    """The processes that a worker has for images at this moment."""
    return [child for child in psutil.Process(worker.pid).children() if "processing" in command_of(child)]


async def first_of(worker: Running) -> psutil.Process:
    """The process of the image that a worker is in the middle of."""
    await asyncio.to_thread(until, lambda: any(child.num_threads() > 1 for child in rendering(worker)))
    (child,) = rendering(worker)
    return child


async def ready(call, media) -> Media:
    """A media, once it is ready."""
    async with asyncio.timeout(TIMEOUT_SECONDS):
        while True:
            shown: Media = (await call("media.getMedia", mediaId=str(media.id))).media
            if shown.status == "ready":
                return shown
            await asyncio.sleep(0.05)


async def test_what_a_killed_worker_was_at_is_done_by_another_once(
    start, completed_media, slow, call, public, database_url, temporary
):
    """Its child dies with it; what it left on disk goes, and nothing is published twice."""
    media = await completed_media(slow)
    with start() as worker:
        child = await first_of(worker)
        worker.stop(signal.SIGKILL)
        psutil.wait_procs([child], timeout=TIMEOUT_SECONDS)
        assert not child.is_running()
    left = list(temporary.glob(f"{PREFIX}*"))
    assert left
    for folder in left:
        os.utime(folder, (0, 0))
    with psycopg.connect(database_url, autocommit=True) as connection:
        connection.execute("update procrastinate_workers set last_heartbeat = now() - interval '1 hour'")

    with start() as worker:
        shown = await ready(call, media)
        await asyncio.to_thread(until, lambda: list(temporary.glob(f"{PREFIX}*")) == [])
        assert "folders swept" in worker.output

    assert len(await public()) == len(shown.renditions) == len(OF_IMAGES)
    told = await call("media.pollEvents", mediaId=str(media.id), since="start", waitSeconds=0)
    assert [event.type.value for event in told.events].count("media.ready") == 1
    assert (await call("media.getProcessingStatus", mediaId=str(media.id))).attempts == 2


async def test_a_worker_that_is_told_to_stop_finishes_its_image(start, completed_media, slow, call):
    media = await completed_media(slow)
    with start() as worker:
        await first_of(worker)
        assert await asyncio.to_thread(worker.stop) == 0

    assert (await call("media.getMedia", mediaId=str(media.id))).media.status == "ready"


async def test_cancelling_ends_the_process_at_once(
    start, completed_media, slow, call, public, temporary, resources, run_pending, after_the_url
):
    """The worker goes on with others, and nothing of the image stays but its original."""
    media = await completed_media(slow)
    with start(IMAGE_CONCURRENCY="1") as worker:
        child = await first_of(worker)
        await call("media.cancelProcessing", mediaId=str(media.id))
        gone, _ = await asyncio.to_thread(psutil.wait_procs, [child], timeout=SOON_SECONDS)
        assert gone
        await asyncio.to_thread(until, lambda: list(temporary.glob(f"{PREFIX}*")) == [])

        await ready(call, await completed_media())

    shown = (await call("media.getMedia", mediaId=str(media.id))).media
    assert (shown.status, shown.error.code) == ("failed", "cancelled")
    await sweep(resources.db, after_the_url)
    await run_pending(after_the_url)
    assert [key for key in await public() if str(media.id) in key] == []


async def test_a_worker_has_no_more_processes_than_it_is_allowed(start, completed_media, call):
    photos = [await completed_media(encoded(scene(2400, 1600))) for _ in range(6)]
    at_once = []
    with start(IMAGE_CONCURRENCY="2") as worker:
        for photo in photos:
            while (await call("media.getMedia", mediaId=str(photo.id))).media.status != "ready":
                at_once.append(len(rendering(worker)))
                assert worker.process.poll() is None

    assert max(at_once) == 2


async def test_a_slow_image_holds_up_nothing_but_images(start, completed_media, slow, call, objects):
    """What is deleted meanwhile goes from storage at once."""
    other = await completed_media(padded(video(), 5000), filename="clip.mp4", contentType="video/mp4")
    with start(IMAGE_CONCURRENCY="1") as worker:
        await ready(call, other)
        media = await completed_media(slow)
        child = await first_of(worker)
        await call("media.deleteMedia", mediaId=str(other.id))
        async with asyncio.timeout(TIMEOUT_SECONDS):
            while any(str(other.id) in key for key in await objects()):  # noqa: ASYNC110 - nobody tells
                await asyncio.sleep(0.02)
        assert child.is_running()
        await call("media.cancelProcessing", mediaId=str(media.id))
