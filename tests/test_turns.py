"""Whose turn it is in a lane of the queue: whoever has had least of it."""

import asyncio
import itertools
from collections import Counter
from types import SimpleNamespace

import msgspec
import psycopg
import pytest

from contracts.formats import MediaType
from jobs.worker import open_queue
from media import turns
from media.queue import QUEUE
from media.turns import AUDIO, IMAGE, LONG_AUDIO, LONG_SECONDS, VIDEO, enqueue_processing, turn
from rpc.auth import Caller
from sql.rows import CountRow, MediaRow
from tests.processes import TIMEOUT_SECONDS
from tests.test_video_workers import POSTER
from tests.videos import clip

NO_TIME = 1.0
A_MINUTE = 60.0


@pytest.fixture
def enqueued(pending_upload, resources):
    """Have a file of somebody's wait to be processed; a video of so many seconds has its poster already."""

    async def wait(owner, video_seconds=None, audio_seconds=None):
        ticket = await pending_upload(caller=Caller(owner))
        media = await resources.db.one(MediaRow, "read_media", id=ticket.media_id)
        if video_seconds is not None:
            poster = {"name": "poster"}
            media = msgspec.structs.replace(media, type=MediaType.VIDEO, duration=video_seconds, renditions=[poster])
        if audio_seconds is not None:
            media = msgspec.structs.replace(media, type=MediaType.AUDIO, duration=audio_seconds)
        async with resources.db.transaction() as tx:
            await enqueue_processing(tx, media)
        return media

    return wait


@pytest.fixture
async def worker(resources):
    """The number of a worker that runs jobs of the queue."""
    async with open_queue(resources.db.pool):
        yield await QUEUE.job_manager.register_worker()


@pytest.fixture
def fetched(worker, resources):
    """The owner of the job that a worker fetches next, and that job."""

    async def fetch(lane=IMAGE):
        job = await QUEUE.job_manager.fetch_job(queues=[lane], worker_id=worker)
        assert job
        media = await resources.db.one(MediaRow, "read_media", id=job.task_kwargs["media_id"])
        return media.owner_id, job, media

    return fetch


@pytest.fixture
def fetch(database_url):
    """The rows of a statement of the test's own."""

    def run(statement):
        with psycopg.connect(database_url, autocommit=True) as connection:
            return connection.execute(statement).fetchall()

    return run


@pytest.fixture
def lasting(monkeypatch):
    """Have turns take so many seconds."""

    def take(seconds):
        timestamps = itertools.count(0.0, seconds)
        monkeypatch.setattr(turns, "time", SimpleNamespace(monotonic=lambda: next(timestamps)))

    return take


async def until(see, holds):
    """Look until something holds of what is seen."""
    async with asyncio.timeout(TIMEOUT_SECONDS):
        while True:
            if holds(await see()):
                return
            await asyncio.sleep(0.05)


async def owners(fetched, count, lane=IMAGE):
    return [(await fetched(lane))[0] for _ in range(count)]


async def test_a_newcomer_goes_before_the_second_of_whoever_was_there(enqueued, fetched):
    for owner in ("ada", "ada", "ada", "ben"):
        await enqueued(owner)

    assert await owners(fetched, 4) == ["ada", "ben", "ada", "ada"]


async def test_workers_that_fetch_at_once_are_as_fair_together(enqueued, fetched):
    for _ in range(12):
        await enqueued("ada")
    for owner in ("ben", "cleo", "ben", "cleo"):
        await enqueued(owner)

    first = await asyncio.gather(*(fetched() for _ in range(6)))

    assert Counter(owner for owner, *_ in first) == {"ada": 2, "ben": 2, "cleo": 2}


async def test_a_long_video_counts_as_much_as_many_short_ones(enqueued, fetched):
    for _ in range(3):
        await enqueued("ada", video_seconds=100.0)
    for _ in range(3):
        await enqueued("ben", video_seconds=2.0)

    assert await owners(fetched, 6, VIDEO) == ["ada", "ben", "ben", "ben", "ada", "ada"]


async def test_a_long_audio_counts_for_what_it_takes(enqueued, fetched):
    """And none of the short ones waits for it: they have a lane of their own."""
    await enqueued("ada", audio_seconds=LONG_SECONDS)
    await enqueued("ada", audio_seconds=LONG_SECONDS)
    await enqueued("ben", audio_seconds=LONG_SECONDS)
    await enqueued("cleo", audio_seconds=LONG_SECONDS - 1)

    assert await owners(fetched, 3, LONG_AUDIO) == ["ada", "ben", "ada"]
    assert await owners(fetched, 1, AUDIO) == ["cleo"]


async def test_what_took_longer_than_expected_is_counted(enqueued, fetched, job_context, lasting):
    """Of two who have had one turn each, the one whose turn took a second goes first."""
    for owner, seconds in (("ada", A_MINUTE), ("ben", NO_TIME)):
        await enqueued(owner)
        _, _, media = await fetched()
        lasting(seconds)
        async with turn(job_context.db, media):
            pass
    for owner in ("ada", "ben", "ben", "ben"):
        await enqueued(owner)

    assert await owners(fetched, 4) == ["ben", "ben", "ben", "ada"]


async def test_what_is_repeated_goes_behind_the_others(enqueued, fetched, job_context, lasting):
    await enqueued("ada")
    _, job, media = await fetched()
    await enqueued("ben")
    lasting(A_MINUTE)
    with pytest.raises(ZeroDivisionError):
        async with turn(job_context.db, media):
            raise ZeroDivisionError
    await QUEUE.job_manager.retry_job(job)

    assert await owners(fetched, 2) == ["ben", "ada"]


async def test_nobody_saves_up_turns(enqueued, fetched, job_context):
    """Whoever comes after five turns of another's has the next one, and not the next five."""
    for _ in range(5):
        await enqueued("ada")
        _, _, media = await fetched()
        async with turn(job_context.db, media):
            pass
    for owner in ("ada", "ben", "ben", "ben"):
        await enqueued(owner)

    assert Counter(await owners(fetched, 3))["ada"] == 1


async def test_a_lane_in_which_nobody_waits_forgets_what_was(enqueued, fetched, resources, fetch):
    await enqueued("ada")
    await resources.db.one(CountRow, "clean_turns")
    assert fetch("select owner_id, queue from lane_turns") == [("ada", IMAGE)]
    fetch("delete from procrastinate_jobs returning id")

    await resources.db.one(CountRow, "clean_turns")

    assert fetch("select owner_id, queue from lane_turns") == []


async def test_turns_never_run_out(enqueued, fetched, fetch):
    """After lifetimes of work, files are processed all the same, in the order in which they came."""
    fetch(f"insert into lane_clocks (queue, turn) values ('{IMAGE}', {2**31}) returning turn")
    for owner in ("ada", "ben"):
        await enqueued(owner)

    assert await owners(fetched, 2) == ["ada", "ben"]


async def test_a_short_video_is_shown_while_three_long_ones_of_another_wait(start, completed_media, call):
    """Its poster does not wait for their encoding, and then it is encoded before the second of them."""
    long, short = clip(seconds=20, size=(1280, 720), fps=30), clip(seconds=1)
    told = {"filename": "video.mp4", "contentType": "video/mp4"}
    walks = [await completed_media(long, **told) for _ in range(3)]
    step = await completed_media(short, **told, caller=Caller("ben"))

    async def seen(media, owner):
        return (await call("media.getMedia", mediaId=str(media.id), caller=Caller(owner))).media

    async def play_at_most(count):
        return [(await seen(walk, "ada")).status for walk in walks].count("ready") <= count

    with start(VIDEO_CONCURRENCY="1", POSTER_CONCURRENCY="1"):
        await until(lambda: seen(step, "ben"), lambda clip: len(clip.renditions) >= len(POSTER))
        assert await play_at_most(0)
        await until(lambda: seen(step, "ben"), lambda clip: clip.status == "ready")
        assert await play_at_most(1)
