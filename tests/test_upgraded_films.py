"""Films that were ready when nothing but their poster was made of them: they keep it, and come to play."""

import io
from datetime import UTC, datetime, timedelta
from uuid import uuid4

import psycopg
import pytest

from contracts.renditions import OF_VIDEO
from jobs.job import Bench
from jobs.sweep import sweep
from jobs.worker import open_queue
from processing.records import Policy
from server.resources import open_resources
from sql.migrate import migrate
from sql.rows import MediaRow
from tests.databases import database_before, drift
from tests.deployment import new_settings
from tests.due_jobs import run_due_jobs
from tests.films import film

PICTURES = OF_VIDEO[: OF_VIDEO.index("poster") + 1]
READY_BEFORE = """
insert into media (
    id, owner_id, user_id, state, type, filename, mime_type, size_bytes, staging_key, url_expires_at, url_ends_at,
    original_key, created_at, updated_at
) values (
    %(id)s, 'ada', 'ada', 'processing', 'video', 'walk.mp4', 'video/mp4', %(size)s, 'k', now() - interval '2m',
    now() - interval '1m', %(key)s, now() - interval '1h', now() - interval '1h'
)
"""
SHOWN_BEFORE = """
update media set
    state = 'ready', progress = 100, attempts = 1, run = gen_random_uuid(), width = 320, height = 240, duration = 2,
    metadata = '{"codec": "h264", "hasAudio": false}',
    renditions = (
        select jsonb_agg(jsonb_build_object(
            'name', name, 'key', id || '/0a1b2c3d/' || name || '.webp', 'mime_type', 'image/webp', 'size_bytes', 100,
            'width', 320, 'height', 240, 'duration', null
        ) order by place) from unnest(%(names)s::text[]) with ordinality as known(name, place)
    )
where id = %(id)s
"""


@pytest.fixture
async def upgraded(servers, store_server):
    """A database that was migrated with such a film in it, and what a worker over it sees."""
    with database_before(servers, "0020") as url:
        async with open_resources(new_settings(url, store_server)) as resources:
            await resources.store.create_buckets()
            media_id, body = uuid4(), film()
            key = f"users/ada/posts/{media_id}_0a1b2c3d_walk.mp4"
            await resources.store.write(key, io.BytesIO(body), size_bytes=len(body), content_type="video/mp4")
            with psycopg.connect(url, autocommit=True) as db:
                db.execute(READY_BEFORE, {"id": media_id, "key": key, "size": len(body)})
                db.execute(SHOWN_BEFORE, {"id": media_id, "names": list(PICTURES)})
            for name in PICTURES:
                target = f"{media_id}/0a1b2c3d/{name}.webp"
                await resources.store.public.write(
                    target, io.BytesIO(b"x" * 100), size_bytes=100, content_type="image/webp"
                )
            migrate(url)

            async def work(now=None, **told):
                bench = Bench(db=resources.db, store=resources.store, now=now or datetime.now(UTC), **told)
                async with open_queue(resources.db.pool):
                    for _ in range(2):
                        await sweep(resources.db, bench.now)
                        await run_due_jobs(lambda: bench)
                return await resources.db.one(MediaRow, "read_media", id=media_id)

            yield resources, work
            assert drift(url) == []


async def test_they_keep_their_poster_and_come_to_play(upgraded):
    resources, work = upgraded
    media = await work()

    assert [made["name"] for made in media.renditions] == [*PICTURES, "mp4-360p", "hls", "hls-360p"]
    assert [made["key"] for made in media.renditions[: len(PICTURES)]] == [
        f"{media.id}/0a1b2c3d/{name}.webp" for name in PICTURES
    ]
    assert (media.state, media.error_code, media.progress) == ("ready", None, 100)
    assert (media.width, media.height, media.metadata) == (320, 240, {"codec": "h264", "hasAudio": False})
    public = await resources.store.public.keys_under("")
    assert {made["key"] for made in media.renditions} <= set(public)


async def test_one_that_cannot_be_made_to_play_keeps_its_poster_too(upgraded):
    """For good: it was ready once."""
    resources, work = upgraded
    media = await work(policy=Policy(video_seconds=1))

    assert (media.state, media.error_code) == ("failed", "video_too_long")
    assert sorted(await resources.store.public.keys_under("")) == sorted(made["key"] for made in media.renditions)
    assert [made["name"] for made in media.renditions] == list(PICTURES)
    late = datetime.now(UTC) + timedelta(days=3)
    assert (await work(now=late, policy=Policy(video_seconds=1))).state == "failed"
