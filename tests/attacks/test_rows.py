"""What one caller can write who has all the time there is: it has a number, or an end."""

import json
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import psycopg
import pytest

from contracts.errors import MediaLimitExceeded
from contracts.sizes import MIB
from jobs.retention import Retention, forget
from jobs.sweep import sweep
from rpc.limits import RateLimits
from tests.at_once import at_once

THREE_BYTES = b"\xff\xd8\xff"  # a JPEG, as far as anybody can tell of it
ROUNDS = 25
# As a worker leaves a job that it was told to stop.
STOPPED = "select procrastinate_finish_job_v1(id, 'aborted', false) from procrastinate_jobs where status = 'doing'"


@pytest.fixture
def settings(settings):
    return replace(settings, rate_limits=RateLimits(), max_media_per_owner=30)


@pytest.fixture
def sql(database_url):
    with psycopg.connect(database_url, autocommit=True) as connection:

        def run(statement):
            cursor = connection.execute(statement)
            return cursor.fetchall() if cursor.description else []

        yield run


@pytest.fixture
def rows(sql):
    """How many rows a table has."""
    return lambda table: sql(f"select count(*) from {table}")[0][0]


async def test_three_byte_uploads_that_fail_are_gone_the_next_day(
    completed_media, run_pending, resources, rows, objects, sql
):
    """They took rows of which a plan's bytes would have let in millions."""
    for _ in range(ROUNDS):
        await completed_media(THREE_BYTES)
    await run_pending()
    assert sql("select state, count(*) from media group by state") == [("failed", ROUNDS)]

    tomorrow = datetime.now(UTC) + timedelta(hours=25)
    for _ in range(2):
        await sweep(resources.db, tomorrow)
        for _ in range(2):
            await run_pending(tomorrow)

    assert [rows(table) for table in ("media", "storage_usage", "procrastinate_jobs")] == [0, 0, 0]
    assert await objects() == []


async def test_nobody_has_more_rows_by_giving_them_up(pending_upload, call, rows):
    """Begun and cancelled, again and again: what is not gone counts; a file that is tried again takes its own place."""
    refused = 0
    for number in range(50):
        try:
            ticket = await pending_upload(filename=f"{number}.jpg")
        except MediaLimitExceeded:
            refused += 1
        else:
            await call("media.cancelUpload", mediaId=str(ticket.media_id))

    again = await pending_upload(filename="0.jpg")
    assert (refused, rows("media"), str(again.media_id) != str(ticket.media_id)) == (20, 30, True)


async def test_what_attaching_and_detaching_writes_has_an_end(rpc, completed_media, resources, rows):
    media = {"postId": "p", "mediaIds": [str((await completed_media()).id)]}
    for _ in range(ROUNDS):
        for name in ("media.attachToPost", "media.detachFromPost"):
            assert "result" in await rpc(name, **media)
    assert rows("audit") >= 2 * ROUNDS

    await forget(resources.db, Retention(), datetime.now(UTC) + timedelta(days=90, minutes=1))

    assert [rows(table) for table in ("audit", "events")] == [0, 0]


async def test_sending_and_signing_the_parts_of_an_upload_leaves_one_record_of_each(call, http, bearer, rpc, sql):
    """The same part again and again, and others, one after the other and at once; the log has what arrived."""
    clip = {"filename": "walk.mp4", "contentType": "video/mp4", "size": 5 * MIB + 3, "partSize": 5 * MIB}
    media_id = str((await call("media.initiateMultipartUpload", **clip)).media_id)
    headers = {**bearer("ada"), "content-type": "application/octet-stream"}

    async def send(number, content):
        given = json.dumps({"mediaId": media_id, "partNumber": number})
        answer = await http.post("/rpc/media.uploadPart", params={"input": given}, content=content, headers=headers)
        assert answer.status_code == 200

    async def sign(number):
        assert "result" in await rpc("media.signParts", mediaId=media_id, partNumbers=[number])

    await send(1, bytes(5 * MIB))
    for _ in range(3):
        await at_once(*(send(2, b"end") for _ in range(ROUNDS)), *(sign(1 + n % 2) for n in range(ROUNDS)))

    assert sql("select procedure, input from audit order by procedure") == [
        ("media.initiateMultipartUpload", {name: clip[name] for name in ("filename", "contentType", "size")}),
        ("media.signParts", {"partNumbers": 1}),
        ("media.uploadPart", {"partNumber": 1}),
    ]
    assert sql("select type, count(*) from events group by 1 order by 1") == [
        ("upload.progress", 2),
        ("upload.started", 1),
    ]


@pytest.mark.parametrize("under_way", [False, True], ids=["waiting", "under way"])
async def test_what_retrying_and_cancelling_leaves_in_the_queue_goes_at_once(
    rpc, completed_media, resources, rows, sql, under_way
):
    """Jobs that wait go with the call, those that a worker is at with its next look."""
    media = [{"mediaId": str((await completed_media()).id)} for _ in range(8)]
    for one in media * 3:
        if under_way:
            sql("update procrastinate_jobs set status = 'doing' where status = 'todo'")
        for name in ("media.cancelProcessing", "media.retryProcessing"):
            assert "result" in await rpc(name, **one)
        sql(STOPPED)
    assert rows("procrastinate_jobs") > 24 if under_way else rows("procrastinate_jobs") == 8

    await forget(resources.db, Retention(), datetime.now(UTC))

    assert set(sql("select status::text from procrastinate_jobs")) == {("todo",)}
    assert rows("procrastinate_jobs") == rows("procrastinate_events") <= 8
    await forget(resources.db, Retention(), datetime.now(UTC) + timedelta(days=90, minutes=1))
    assert [rows(table) for table in ("audit", "events", "rate_windows")] == [0, 0, 0]
