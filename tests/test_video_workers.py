"""Videos in the making: killed, at a standstill, cancelled, cut off from storage. Each is ready in the end, once."""

import asyncio
import os
import signal
import subprocess
from contextlib import suppress
from dataclasses import replace
from pathlib import Path

import imageio_ffmpeg
import psutil
import psycopg
import pytest

from contracts.errors import ServiceUnavailable
from contracts.renditions import OF_VIDEO
from jobs import videos
from jobs.process import process_media
from processing.failures import ProcessingFailed, Reason
from processing.registry import LADDERS
from processing.sandbox.child import PREFIX
from tests.media_files import video
from tests.processes import TIMEOUT_SECONDS, command_of, until
from tests.test_rendering_workers import SOON_SECONDS, ready

QUALITIES = ("mp4-360p", "mp4-720p")
POSTER = OF_VIDEO[: OF_VIDEO.index("poster") + 1]


@pytest.fixture
def rendered_once() -> None:
    """Every job asks a child of its own: what it makes is the subject here."""


def clip(path: Path, seconds: int) -> bytes:
    """A video of two qualities."""
    subprocess.run(
        [
            imageio_ffmpeg.get_ffmpeg_exe(), "-loglevel", "error",
            "-f", "lavfi", "-i", "testsrc2=size=1280x720:rate=30", "-f", "lavfi", "-i", "sine=440",
            "-t", str(seconds), "-c:v", "libx264", "-preset", "ultrafast", "-pix_fmt", "yuv420p", path,
        ],
        check=True,
    )  # fmt: skip
    return path.read_bytes()


@pytest.fixture(scope="session")
def walk(tmp_path_factory: pytest.TempPathFactory) -> bytes:
    """A video that takes seconds to encode: long enough to be met in the middle."""
    return clip(tmp_path_factory.mktemp("walk") / "walk.mp4", seconds=10)


@pytest.fixture(scope="session")
def step(tmp_path_factory: pytest.TempPathFactory) -> bytes:
    """A video that is soon encoded."""
    return clip(tmp_path_factory.mktemp("step") / "step.mp4", seconds=2)


@pytest.fixture
def video_media(completed_media, walk):
    """The long video, which nobody has processed yet."""

    async def make():
        return await completed_media(walk, filename="walk.mp4", contentType="video/mp4")

    return make


@pytest.fixture
def short_video_media(completed_media, step):
    """The short video, which nobody has processed yet."""

    async def make():
        return await completed_media(step, filename="step.mp4", contentType="video/mp4")

    return make


def encoders(parent: int) -> list[psutil.Process]:
    """The ffmpeg processes below a process that are in the middle of a video."""
    found = []
    with suppress(psutil.Error):
        for process in psutil.Process(parent).children(recursive=True):
            command = command_of(process)
            if command and "ffmpeg" in Path(command[0]).name and "-progress" in command:
                found.append(process)
    return found


async def encoding(call, media) -> int:
    """How far a video is, once its encoder is in the middle of it."""
    async with asyncio.timeout(TIMEOUT_SECONDS):
        while True:
            told = await call("media.getProcessingStatus", mediaId=str(media.id))
            if told.stage == "encoding" and told.progress > 30:
                return int(told.progress)
            await asyncio.sleep(0.05)


async def with_poster(job_context, media):
    """A video that has a poster, and waits to be encoded."""
    assert await process_media.run(job_context, media.id) == "processing"
    return media


async def shown(call, media):
    return (await call("media.getMedia", mediaId=str(media.id))).media


async def is_whole(call, media, unnamed_objects) -> bool:
    """A video that is ready, each rendition once, and nothing beside what its row names."""
    found = await shown(call, media)
    assert (found.status, found.error) == ("ready", None)
    assert [made.name for made in found.renditions] == [*POSTER, *QUALITIES]
    assert found.hls_url
    assert await unnamed_objects() == []
    told = await call("media.pollEvents", mediaId=str(media.id), since="start", waitSeconds=0)
    return [event.type.value for event in told.events].count("media.ready") == 1


async def test_a_poster_is_there_before_the_video_plays(video_media, start, call):
    media = await video_media()
    with start():
        await encoding(call, media)
        found = await shown(call, media)
        assert (found.status, found.url, found.hls_url) == ("processing", None, None)
        assert [made.name for made in found.renditions] == list(POSTER)
        assert found.thumbnail_url
        assert (found.width, found.height) == (1280, 720)
        playing = await ready(call, media)
    assert playing.url == playing.renditions[-1].url


async def test_what_a_video_weighs_is_all_that_stands_in_public(
    short_video_media, run_pending, call, public, resources
):
    """Playlists and segments too; and each kind is kept by caches for as long as it may be."""
    await short_video_media()
    await run_pending()

    heads = {
        key: await asyncio.to_thread(resources.store._client.head_object, Bucket=resources.store.public.name, Key=key)
        for key in await public()
    }
    usage = await call("media.getStorageUsage")
    assert usage.renditions == sum(head["ContentLength"] for head in heads.values())
    kept = {key.rpartition(".")[2]: (head["ContentType"], head["CacheControl"]) for key, head in heads.items()}
    month = "public, max-age=2592000"
    assert kept == {
        "webp": ("image/webp", "public, max-age=31536000, immutable"),
        "mp4": ("video/mp4", month),
        "m4s": ("video/iso.segment", month),
        "m3u8": ("application/vnd.apple.mpegurl", "public, max-age=3600"),
    }


async def test_percent_rises_to_the_end(video_media, run_pending, call):
    media = await video_media()
    await run_pending()

    told = (await call("media.pollEvents", mediaId=str(media.id), since="start", waitSeconds=0)).events
    steps = [(event.data.stage, event.data.progress) for event in told if event.type.value == "media.progress"]
    percents = [percent for _, percent in steps]
    assert percents == sorted(percents)
    assert [stage for stage, _ in dict.fromkeys((stage, None) for stage, _ in steps)] == [
        "downloading", "rendering", None, "encoding", "publishing",
    ]  # fmt: skip
    assert len({percent for stage, percent in steps if stage == "encoding"}) > 4


async def test_a_worker_killed_in_mid_ladder_is_replaced_and_the_poster_is_not_made_again(
    start, video_media, call, unnamed_objects, database_url, temporary
):
    media = await video_media()
    with start() as worker:
        await encoding(call, media)
        (encoder,) = encoders(worker.pid)
        before = await shown(call, media)
        worker.stop(signal.SIGKILL)
        psutil.wait_procs([encoder], timeout=TIMEOUT_SECONDS)
        assert not encoder.is_running()
    for folder in temporary.glob(f"{PREFIX}*"):
        os.utime(folder, (0, 0))
    with psycopg.connect(database_url, autocommit=True) as connection:
        connection.execute("update procrastinate_workers set last_heartbeat = now() - interval '1 hour'")

    with start():
        after = await ready(call, media)
        await asyncio.to_thread(until, lambda: list(temporary.glob(f"{PREFIX}*")) == [])

    assert after.renditions[: len(POSTER)] == before.renditions
    assert await is_whole(call, media, unnamed_objects)


async def test_an_encoder_at_a_standstill_is_ended_and_begun_anew(
    video_media, job_context, call, unnamed_objects, monkeypatch
):
    hurried = replace(LADDERS, limits=replace(LADDERS.limits, stall_seconds=4.0))
    monkeypatch.setattr(videos, "LADDERS", hurried)
    media = await with_poster(job_context, await video_media())
    running = asyncio.ensure_future(process_media.run(job_context, media.id))
    await encoding(call, media)
    (encoder,) = encoders(os.getpid())
    encoder.suspend()

    with pytest.raises(ProcessingFailed) as failed:
        await asyncio.wait_for(running, TIMEOUT_SECONDS)
    assert failed.value.reason == Reason.STALLED
    assert psutil.wait_procs([encoder], timeout=TIMEOUT_SECONDS)[0] == [encoder]
    monkeypatch.setattr(videos, "LADDERS", LADDERS)
    assert await process_media.run(job_context, media.id) == "ready"
    assert await is_whole(call, media, unnamed_objects)


async def test_cancelling_ends_the_encoder_at_once(start, video_media, call, temporary):
    """What was shown of the video stays shown."""
    media = await video_media()
    with start() as worker:
        await encoding(call, media)
        (encoder,) = encoders(worker.pid)
        await call("media.cancelProcessing", mediaId=str(media.id))
        gone, _ = await asyncio.to_thread(psutil.wait_procs, [encoder], timeout=SOON_SECONDS)
        assert gone
        await asyncio.to_thread(until, lambda: list(temporary.glob(f"{PREFIX}*")) == [])

    found = await shown(call, media)
    assert (found.status, found.error.code) == ("failed", "cancelled")
    assert [made.name for made in found.renditions] == list(POSTER)


async def test_qualities_that_were_published_are_not_made_again_after_an_outage(
    short_video_media, resources, job_context, call, unnamed_objects, monkeypatch
):
    """Storage goes away between the two, for as long as it likes."""
    media = await with_poster(job_context, await short_video_media())
    publish, asked = resources.store.public.publish, []

    async def cut_off(key, source):
        if "hls-720p" in key:
            raise ServiceUnavailable(service="storage")
        await publish(key, source)

    monkeypatch.setattr(resources.store.public, "publish", cut_off)
    for _ in range(2):
        with pytest.raises(ServiceUnavailable):
            await process_media.run(job_context, media.id)
    before = (await shown(call, media)).renditions
    assert [made.name for made in before] == [*POSTER, "mp4-360p"]

    async def noted(key, source):
        asked.append(key.rpartition("/")[2])
        await publish(key, source)

    monkeypatch.setattr(resources.store.public, "publish", noted)
    assert await process_media.run(job_context, media.id) == "ready"

    assert [name for name in asked if "360p" in name or "webp" in name] == []
    assert (await shown(call, media)).renditions[:-1] == before
    assert await is_whole(call, media, unnamed_objects)


async def test_a_run_may_die_at_any_object_that_it_publishes(
    completed_media, resources, job_context, call, unnamed_objects, monkeypatch
):
    """Each dies one object later than the one before, just after it was stored; in the end each is there once."""
    media = await completed_media(video(), filename="walk.mp4", contentType="video/mp4")
    publish, deaths = resources.store.public.publish, 0
    while (await shown(call, media)).status != "ready":
        sent = list[str]()

        async def dying(key, source, sent=sent, last=deaths):
            await publish(key, source)
            sent.append(key)
            if len(sent) > last:
                raise asyncio.CancelledError

        monkeypatch.setattr(resources.store.public, "publish", dying)
        with suppress(asyncio.CancelledError):
            await process_media.run(job_context, media.id)
        deaths += 1

    assert deaths > 5
    found = await shown(call, media)
    assert [made.name for made in found.renditions] == [*POSTER, "mp4-360p"]
    assert await unnamed_objects() == []


async def test_an_overtaken_run_adds_nothing(
    short_video_media, job_context, resources, call, unnamed_objects, monkeypatch
):
    """Its worker stood still while another took its video over and finished it."""
    media = await with_poster(job_context, await short_video_media())
    publish = resources.store.public.publish
    half_way, go_on = asyncio.Event(), asyncio.Event()

    async def stand_still(key, source):
        await publish(key, source)
        if "mp4-720p" in key:
            half_way.set()
            await go_on.wait()

    monkeypatch.setattr(resources.store.public, "publish", stand_still)
    overtaken = asyncio.ensure_future(process_media.run(job_context, media.id))
    await half_way.wait()
    monkeypatch.setattr(resources.store.public, "publish", publish)
    assert await process_media.run(job_context, media.id) == "ready"
    go_on.set()

    assert await overtaken == "ready"
    assert await is_whole(call, media, unnamed_objects)


async def test_what_is_deleted_while_it_is_encoded_leaves_nothing(
    video_media, resources, job_context, call, run_pending, public, objects, after_the_url, monkeypatch
):
    """Its encoder goes no further, and makes room for another video."""
    media = await with_poster(job_context, await video_media())
    publish, published = resources.store.public.publish, []

    async def noted(key, source):
        published.append(source.stem)
        await publish(key, source)

    monkeypatch.setattr(resources.store.public, "publish", noted)
    running = asyncio.ensure_future(process_media.run(job_context, media.id))
    await encoding(call, media)
    await call("media.deleteMedia", mediaId=str(media.id))
    assert await running == "deleted"
    assert published == []
    await run_pending(after_the_url)

    assert (await public(), await objects()) == ([], [])


async def test_a_photo_does_not_wait_for_a_video(start, video_media, completed_media, call):
    """They have lanes of their own, and the encoder gives way."""
    clip = await video_media()
    with start(VIDEO_CONCURRENCY="1", IMAGE_CONCURRENCY="1") as worker:
        await encoding(call, clip)
        (encoder,) = encoders(worker.pid)
        assert encoder.nice() > psutil.Process(worker.pid).nice()
        await ready(call, await completed_media())
        assert (await shown(call, clip)).status == "processing"
        await ready(call, clip)
