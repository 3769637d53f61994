"""Quota that comes back: at once where nothing was ever signed, and else at a time that a refusal tells."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import psycopg
import pytest

from contracts.errors import RpcError, StorageLimitExceeded
from contracts.plans import Plan
from jobs.sweep import sweep
from tests.at_once import at_once
from tests.test_races import FREE, processes

__all__ = ["processes"]

MIB = 1024**2
NOON = datetime(2026, 1, 2, 12, 0, 30, tzinfo=UTC)


def clip(size):
    return {"filename": "a.mp4", "contentType": "video/mp4", "size": size}


@pytest.fixture
def refusal(call):
    """What an upload of another file is refused with."""

    async def ask(size, name="media.initiateUpload", **params):
        with pytest.raises(StorageLimitExceeded) as refused:
            await call(name, **{**clip(size), "filename": "b.mp4"}, **params)
        return refused.value

    return ask


@pytest.fixture
def cancelled(call):
    """Begin an upload by one PUT, and give it up; its id."""

    async def cancel(size, **params):
        media_id = str((await call("media.initiateUpload", **clip(size), **params)).media_id)
        await call("media.cancelUpload", mediaId=media_id, **params)
        return media_id

    return cancel


async def test_an_upload_in_parts_that_was_never_signed_is_free_at_once(call):
    """Given up or deleted; so the same file can be tried again at once, as often as one likes."""
    for name in ("media.cancelUpload", "media.deleteMedia"):
        for _ in range(3):
            ticket = await call("media.initiateMultipartUpload", **clip(40 * MIB))
            await call(name, mediaId=str(ticket.media_id))
            assert (await call("media.getStorageUsage")).reserved == 0


async def test_an_upload_of_which_a_part_was_signed_holds_its_bytes(call, refusal):
    """Until storage has dropped it, and no longer than its last URL: the refusal says when that ends, to the minute."""
    ticket = await call("media.initiateMultipartUpload", **clip(40 * MIB), now=NOON)
    await call("media.signParts", mediaId=str(ticket.media_id), partNumbers=[1], now=NOON)
    await call("media.deleteMedia", mediaId=str(ticket.media_id), now=NOON)

    told = await refusal(40 * MIB, now=NOON)

    assert told.releases == [{"at": "2026-01-02T12:17:00.000Z", "bytes": 40 * MIB}]


async def test_a_refusal_tells_what_comes_back_soonest_first(cancelled, refusal, call, completed_media):
    """Added up for each minute; of what is pending or complete nobody knows, and other owners' is not told."""
    await call("media.initiateUpload", **clip(20 * MIB), now=NOON)
    for minutes, size in ((3, 8), (0, 5), (0, 6), (1, 7)):
        await cancelled(size * MIB, now=NOON + timedelta(minutes=minutes))

    told = await refusal(20 * MIB, now=NOON + timedelta(minutes=4))

    assert told.releases == [
        {"at": "2026-01-02T12:17:00.000Z", "bytes": 11 * MIB},
        {"at": "2026-01-02T12:18:00.000Z", "bytes": 7 * MIB},
        {"at": "2026-01-02T12:20:00.000Z", "bytes": 8 * MIB},
    ]


async def test_what_was_told_has_come_back_by_then(cancelled, refusal, call, resources, run_pending):
    """When a worker looks."""
    await cancelled(40 * MIB)
    (release,) = (await refusal(40 * MIB)).releases
    then = datetime.fromisoformat(release["at"])

    await run_pending()
    await sweep(resources.db, then)
    await run_pending(then)

    assert (await call("media.initiateUpload", **clip(40 * MIB), now=then)).media_id


async def test_at_most_twenty_minutes_are_told(cancelled, refusal):
    for minutes in range(25):
        await cancelled(2 * MIB, now=NOON + timedelta(minutes=minutes))
    told = await refusal(2 * MIB, now=NOON)
    assert [release["bytes"] for release in told.releases] == [2 * MIB] * 20
    assert told.releases == sorted(told.releases, key=lambda release: release["at"])


async def test_each_of_many_uploads_and_each_way_tells_it(cancelled, refusal, call, rpc):
    """One call for many, an upload in parts, and the error that a client reads."""
    await cancelled(40 * MIB)
    releases = (await refusal(20 * MIB)).releases
    assert len(releases) == 1
    assert (await refusal(20 * MIB, "media.initiateMultipartUpload")).releases == releases
    many = (await call("media.initiateUploads", uploads=[clip(20 * MIB), clip(MIB), clip(30 * MIB)])).results
    assert [outcome.error and outcome.error.details["releases"] for outcome in many] == [releases, None, releases]
    answer = await rpc("media.initiateUpload", **clip(20 * MIB))
    assert answer["error"]["data"]["details"]["releases"] == releases


async def test_an_owner_whose_tombstones_weigh_nothing_is_not_forgotten(call, run_pending, resources, database_url):
    """Until the last of them is gone, whatever a statement says."""
    start = datetime.now(UTC)
    for now in (start, start + timedelta(minutes=5)):
        ticket = await call("media.initiateMultipartUpload", **clip(MIB), now=now)
        await call("media.cancelUpload", mediaId=str(ticket.media_id), now=now)
    with psycopg.connect(database_url, autocommit=True) as db:
        assert db.execute("delete from storage_usage where reserved_bytes = 0").rowcount == 0
        for minutes, left in ((18, [(1,)]), (30, [])):
            then = start + timedelta(minutes=minutes)
            await sweep(resources.db, then)
            await run_pending(then)
            assert db.execute("select media_count from storage_usage").fetchall() == left


@pytest.mark.usefixtures("unhurried")
async def test_no_upload_whose_part_was_signed_is_free(call, ada, database_url):
    """Signed and given up at once: the bytes of whoever was given a URL are reserved."""
    ada = replace(ada, plan=Plan.PRO)
    begun = [
        str((await call("media.initiateMultipartUpload", caller=ada, **clip(9 * MIB))).media_id) for _ in range(40)
    ]

    async def sign(media_id):
        try:
            return (await call("media.signParts", caller=ada, mediaId=media_id, partNumbers=[1])).parts
        except RpcError:
            return []

    signed, _ = await at_once(
        at_once(*(sign(media_id) for media_id in begun)),
        at_once(*(call("media.cancelUpload", caller=ada, mediaId=media_id) for media_id in begun)),
    )

    with psycopg.connect(database_url) as connection:
        held = {
            str(media_id)
            for (media_id,) in connection.execute("select id from media where media_reserved_bytes(media) > 0")
        }
    assert {media_id for media_id, parts in zip(begun, signed, strict=True) if parts} <= held
    assert (await call("media.getStorageUsage", caller=ada)).reserved == 9 * MIB * len(held)


async def test_uploads_that_are_begun_and_given_up_at_once_never_pass_the_quota(processes):
    """Over three processes, a hundred times each: what is left is what is pending, to the byte."""
    size = 262_145

    async def live(number):
        begun = await call("media.initiateMultipartUpload", **clip(size))
        if begun["success"] and number % 2:
            await call("media.cancelUpload", mediaId=begun["data"]["mediaId"])
        return begun["success"] and not number % 2

    async with processes() as call:
        pending = await at_once(*(live(number) for number in range(300)))
        usage = (await call("media.getStorageUsage"))["data"]

    assert usage["reserved"] == sum(pending) * size <= FREE
