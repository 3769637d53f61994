"""How many media an owner may have, and how many uploads to complete: counted exactly, refused as the quota is."""

import asyncio
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace

import psycopg
import pytest

from contracts.content import Upload
from contracts.errors import MediaLimitExceeded, PendingUploadLimitExceeded, RpcError, StorageLimitExceeded
from contracts.media import InitiateUpload
from procedures.media.content import upload
from procedures.media.upload import initiate_upload
from rpc.auth import Caller
from rpc.content import Content
from rpc.context import OwnerLimits
from tests.media_files import photo
from tests.pieces import pieces

QUOTA = 50 * 1024**2
SIZE = len(photo())
INSERT = (
    "insert into media (id, owner_id, user_id, type, filename, mime_type, size_bytes, staging_key, url_expires_at,"
    " url_ends_at, created_at, updated_at, sweep_at) values (gen_random_uuid(), 'ada', 'ada', 'image', 'a',"
    " 'image/png', 3, 'k', now() + '1m', now() + '2m', now(), now(), now() + '2m')"
)


@pytest.fixture
def settings(settings):
    return replace(settings, max_media_per_owner=4, max_pending_uploads=2)


@pytest.fixture
def counted(database_url):
    """The media of ada and her pending uploads, as the database counts them."""

    def read():
        with psycopg.connect(database_url) as connection:
            return connection.execute(
                "select media_count, pending_count from storage_usage where owner_id = 'ada'"
            ).fetchone()

    return read


async def test_one_upload_more_than_may_be_pending_is_refused(pending_upload):
    """It says how many there are, and of the quota the truth: of bytes nothing is let in."""
    for _ in range(2):
        await pending_upload()

    with pytest.raises(PendingUploadLimitExceeded) as refused:
        await pending_upload()

    assert (int(refused.value.code), refused.value.message) == (1600, "Too many uploads are not completed")
    assert refused.value.details == {
        "used": 0,
        "reserved": 2 * SIZE,
        "quota": QUOTA,
        "available": 0,
        "required": SIZE,
        "releases": [],
        "pendingUploads": 2,
        "maxPendingUploads": 2,
    }
    await pending_upload(caller=Caller("ben"))


async def test_one_media_more_than_may_be_is_refused(completed_media):
    for _ in range(4):
        await completed_media()

    with pytest.raises(MediaLimitExceeded) as refused:
        await completed_media()

    assert (int(refused.value.code), refused.value.message) == (1600, "The owner has too many media")
    assert refused.value.details == {
        "used": 4 * SIZE,
        "reserved": 0,
        "quota": QUOTA,
        "available": 0,
        "required": SIZE,
        "releases": [],
        "media": 4,
        "maxMedia": 4,
    }


async def test_a_quota_that_is_full_is_told_as_ever(pending_upload):
    """Whatever else is full, too: with the same facts as before, and no others."""
    await pending_upload()
    await pending_upload(size=QUOTA - SIZE, filename="a.mp4", contentType="video/mp4")

    with pytest.raises(StorageLimitExceeded) as refused:
        await pending_upload()

    assert type(refused.value) is StorageLimitExceeded
    assert set(refused.value.details or {}) == {"used", "reserved", "quota", "available", "required", "releases"}


async def test_over_http_a_refusal_has_the_facts_of_the_quota_and_its_own(rpc):
    """Who reads `available` and `required` alone learns that there is no room."""
    declared = {"filename": "a.jpg", "contentType": "image/jpeg", "size": 3}
    for _ in range(2):
        await rpc("media.initiateUpload", **declared)

    told = (await rpc("media.initiateUpload", **declared))["error"]

    assert (told["code"], told["data"]["rpcCode"]) == (1600, 1600)
    details = told["data"]["details"]
    assert (details["available"], details["required"], details["maxPendingUploads"]) == (0, 3, 2)


async def test_what_is_completed_or_given_up_is_pending_no_more(arrived_upload, pending_upload, call, counted):
    """An upload that was cancelled counts as a media until its row is gone."""
    first, second = await arrived_upload(), await pending_upload()
    await call("media.completeUpload", mediaId=str(first.media_id))
    await call("media.cancelUpload", mediaId=str(second.media_id))

    assert counted() == (2, 0)
    for _ in range(2):
        await pending_upload()
    assert counted() == (4, 2)


async def test_a_deleted_media_counts_until_it_is_gone(completed_media, call, run_pending, after_the_url, counted):
    """As its bytes stay reserved: nobody passes the limit by deleting."""
    media = [await completed_media() for _ in range(4)]
    await call("media.deleteMany", mediaIds=[str(one.id) for one in media])
    with pytest.raises(MediaLimitExceeded):
        await completed_media()

    await run_pending(after_the_url)

    assert counted() is None
    await completed_media()


async def test_a_repetition_finds_its_upload_where_there_is_room_for_none(pending_upload):
    first = await pending_upload(idempotencyKey="k")
    await pending_upload()

    assert (await pending_upload(idempotencyKey="k")).media_id == first.media_id


async def test_calls_that_share_a_statement_are_counted_one_by_one(call):
    """The first leaves alone, the others together: of each owner two are let in."""
    declared = {"filename": "a.jpg", "contentType": "image/jpeg", "size": 3}
    users = ["first", *["ada", "ben"] * 5]
    asked = [call("media.initiateUpload", caller=Caller(user), **declared) for user in users]
    told = await asyncio.gather(*asked, return_exceptions=True)

    let_in = [user for user, outcome in zip(users, told, strict=True) if not isinstance(outcome, RpcError)]
    assert sorted(let_in) == ["ada", "ada", "ben", "ben", "first"]
    assert {type(outcome) for outcome in told if isinstance(outcome, RpcError)} == {PendingUploadLimitExceeded}


async def test_every_way_to_begin_an_upload_is_counted(call, context, pending_upload, objects):
    """In parts too, and through the server, where nothing is left of what has come."""
    for _ in range(2):
        await pending_upload()

    with pytest.raises(PendingUploadLimitExceeded):
        await call("media.initiateMultipartUpload", filename="a.mp4", contentType="video/mp4", size=3)
    with pytest.raises(PendingUploadLimitExceeded):
        await upload.run(context("media.upload", Caller("ada")), Upload(), Content(pieces(photo())))
    assert await objects() == []


async def test_a_limit_holds_from_the_next_upload_on(context, pending_upload, counted):
    """A lower one takes nothing away; a higher one makes room."""
    for _ in range(2):
        await pending_upload()

    async def initiate(**limits: int):
        ctx = context("media.initiateUpload", Caller("ada"), owner_limits=OwnerLimits(**limits))
        return await initiate_upload.run(ctx, InitiateUpload(filename="a.jpg", content_type="image/jpeg", size=3))

    with pytest.raises(PendingUploadLimitExceeded):
        await initiate(media=9, pending_uploads=1)
    with pytest.raises(MediaLimitExceeded):
        await initiate(media=1, pending_uploads=9)
    await initiate(media=3, pending_uploads=3)
    assert counted() == (3, 3)


@pytest.mark.parametrize(
    ("limits", "rule"),
    [("max_media = 10", "owner_has_room_for_media"), ("max_pending = 10", "owner_has_room_for_uploads")],
)
def test_the_database_lets_in_no_row_more(database_url, limits, rule):
    """Forty rows over eight connections, whoever writes them: ten get in, the others are refused by name."""

    def insert(_):
        with psycopg.connect(database_url, autocommit=True) as connection:
            try:
                connection.execute(INSERT)
            except psycopg.errors.CheckViolation as refused:
                return refused.diag.constraint_name
        return "inserted"

    with psycopg.connect(database_url, autocommit=True) as connection:
        connection.execute("insert into storage_usage (owner_id) values ('ada')")
        connection.execute(f"update storage_usage set {limits}")
    with ThreadPoolExecutor(8) as threads:
        told = list(threads.map(insert, range(40)))

    assert sorted(set(told)) == ["inserted", rule]
    assert told.count("inserted") == 10
