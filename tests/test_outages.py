"""Postgres and storage that go away, slow down, break off in mid-reply, or lose replies, while calls come in."""

import asyncio

import psycopg
import pytest

from tests.processes import until
from tests.spoiled import (
    BOUND_SECONDS,
    CALLS,
    DATABASE_IS_OUT,
    FAULTS,
    STORAGE_IS_OUT,
    UPLOAD,
    many,
    patience,
    settings,
    told,
    toxic,
    ways,
    whole,
)

__all__ = ["many", "patience", "settings", "toxic", "ways", "whole"]


@pytest.fixture
def media_ids(database_url):
    """The ids of all media, read past the proxy."""

    def run():
        with psycopg.connect(database_url, autocommit=True) as connection:
            return {str(media_id) for (media_id,) in connection.execute("select id from media")}

    return run


@pytest.mark.exhaustive
@pytest.mark.parametrize("fault", FAULTS)
async def test_calls_end_when_postgres_does_not_answer(fault, ways, many, whole):
    """Each is told that the database is out; when it is back, so is the server, with every connection."""
    await whole()
    FAULTS[fault](ways["database"])

    assert await many("media.getStorageUsage", {}) == {DATABASE_IS_OUT: CALLS}

    ways["database"].heal()
    await whole()


@pytest.mark.exhaustive
@pytest.mark.parametrize("fault", FAULTS)
async def test_calls_end_when_storage_does_not_answer(fault, ways, many, whole, arrived_upload, call):
    """Each is told that storage is out; the upload stays what it was, and can be completed afterwards."""
    ticket = await arrived_upload()
    completion = {"mediaId": str(ticket.media_id)}
    FAULTS[fault](ways["storage"])

    assert await many("media.completeUpload", completion) == {STORAGE_IS_OUT: CALLS}
    assert (await call("media.getMedia", **completion)).media.status == "pending"

    ways["storage"].heal()
    await whole()
    assert (await call("media.completeUpload", **completion)).media.status == "processing"


@pytest.mark.parametrize("patience", [20], ids=["in earnest"])
async def test_a_slow_database_is_not_down(ways, many, whole):
    """Replies that take five seconds longer are waited for, one of a connection and one of a call."""
    await whole()
    ways["database"].poison("latency", latency=5000)

    assert await many("media.getStorageUsage", {}) == {"ok": CALLS}

    ways["database"].heal()
    await whole()


@pytest.mark.parametrize("patience", [20], ids=["in earnest"])
async def test_a_slow_store_is_not_down(ways, many, whole, pending_upload):
    """What the store says five seconds later, twice, is what the client is told: the bytes have not been sent."""
    ticket = await pending_upload()
    ways["storage"].poison("latency", latency=5000)

    assert await many("media.completeUpload", {"mediaId": str(ticket.media_id)}) == {(1400, None): CALLS}

    ways["storage"].heal()
    await whole()


@pytest.mark.exhaustive
@pytest.mark.parametrize("fault", ["cut in mid-reply", "replies lost, then closed", "replies lost"])
async def test_an_initiate_whose_reply_was_lost_is_found_again(fault, ways, many, whole, media_ids):
    """The reservation was committed, the answer never came; repeated with its key it is the same one upload."""
    await whole()
    keyed = [{**UPLOAD, "idempotencyKey": f"key {number}"} for number in range(CALLS)]
    FAULTS[fault](ways["database"])
    assert await many("media.initiateUpload", *keyed) == {DATABASE_IS_OUT: CALLS}
    await asyncio.to_thread(until, lambda: len(media_ids()) > CALLS)  # Postgres may still be at it

    ways["database"].heal()
    await whole()
    for _ in range(2):
        assert await many("media.initiateUpload", *keyed) == {"ok": CALLS}
    assert len(media_ids()) == 3 * CALLS


@pytest.mark.exhaustive
@pytest.mark.parametrize("fault", FAULTS)
async def test_every_ticket_that_was_answered_has_its_row(fault, ways, rpc, whole, media_ids):
    """Postgres goes away in the middle of many initiates: an answer is a ticket whose row is there, or 1903."""
    await whole()
    async with asyncio.timeout(BOUND_SECONDS), asyncio.TaskGroup() as group:
        calls = [group.create_task(rpc("media.initiateUpload", **UPLOAD)) for _ in range(4 * CALLS)]
        await asyncio.wait(calls, return_when=asyncio.FIRST_COMPLETED)
        FAULTS[fault](ways["database"])
    answers = [call.result() for call in calls]
    tickets = {answer["result"]["mediaId"] for answer in answers if "result" in answer}

    assert {told(answer) for answer in answers} <= {"ok", DATABASE_IS_OUT}
    assert tickets
    assert tickets <= media_ids()
    ways["database"].heal()
    await whole()
    assert tickets <= media_ids()
