"""Postgres and storage that go away, slow down, break off in mid-reply, or lose replies, while calls come in."""

import asyncio
from collections import Counter
from contextlib import ExitStack
from dataclasses import replace
from urllib.parse import urlsplit

import psycopg
import pytest
from psycopg.conninfo import conninfo_to_dict, make_conninfo

from sql import database
from storage import s3
from tests.at_once import at_once
from tests.media_files import photo
from tests.proxies import toxiproxy

CALLS = 16
BOUND_SECONDS = 60
BOUND_TO_RECOVER_SECONDS = 40
UPLOAD = {"filename": "photo.jpg", "contentType": "image/jpeg", "size": len(photo())}
DATABASE_IS_OUT = (1903, "database")
STORAGE_IS_OUT = (1903, "storage")


@pytest.fixture(scope="module")
def toxic(servers):
    with toxiproxy(servers) as started:
        yield started


@pytest.fixture
def ways(toxic, database_url, store_server):
    """The ways to the test's Postgres and storage."""
    told = conninfo_to_dict(database_url)
    with ExitStack() as stack:
        yield {
            "database": stack.enter_context(toxic.way_to("database", f"{told['host']}:{told['port']}")),
            "storage": stack.enter_context(toxic.way_to("storage", urlsplit(store_server.endpoint).netloc)),
        }


@pytest.fixture
def patience():
    """After how many seconds without an answer the server hangs up: sooner than it does in earnest."""
    return 3


@pytest.fixture
def settings(settings, ways, patience, monkeypatch):
    """The server's own ways lead through the proxies; a client's way to storage does not."""
    monkeypatch.setattr(s3, "READ_TIMEOUT_SECONDS", patience)
    monkeypatch.setattr(database, "ANSWER_TIMEOUT_SECONDS", patience)
    url = make_conninfo(settings.database_url, host="127.0.0.1", port=ways["database"].port)
    endpoint = f"http://127.0.0.1:{ways['storage'].port}"
    return replace(settings, database_url=url, s3_endpoint=endpoint, s3_public_endpoint=settings.s3_endpoint)


@pytest.fixture
def many(rpc):
    """Sixteen calls at once: how many were told what. Each must end within the bound."""

    async def run(name, *params):
        async with asyncio.timeout(BOUND_SECONDS):
            answers = await at_once(*(rpc(name, **(params[n % len(params)])) for n in range(CALLS)))
        return Counter(told(answer) for answer in answers)

    return run


def told(answer):
    """`ok`, or an error's code and the service that it names."""
    if "result" in answer:
        return "ok"
    error = answer["error"]
    return error["code"], error.get("data", {}).get("details", error.get("data", {})).get("service")


@pytest.fixture
def whole(resources, many):
    """The server has recovered: all calls are answered, and every connection is back in the pool."""

    async def check():
        async with asyncio.timeout(BOUND_TO_RECOVER_SECONDS):
            await until(lambda: many("media.getStorageUsage", {}), {"ok": CALLS})
            await until(lambda: all_at_home(resources.db.pool), expected=True)
        assert await many("media.initiateUpload", UPLOAD) == {"ok": CALLS}

    return check


async def until(read, expected):
    """Return once something reads as expected."""
    while await read() != expected:  # noqa: ASYNC110 - nobody tells
        await asyncio.sleep(0.2)


async def all_at_home(pool):
    """Whether no connection is lent out, and nobody waits for one."""
    stats = pool.get_stats()
    return stats["pool_available"] == stats["pool_size"] >= 2 and not stats["requests_waiting"]


@pytest.fixture
def media_ids(database_url):
    """The ids of all media, read past the proxy."""

    def run():
        with psycopg.connect(database_url, autocommit=True) as connection:
            return {str(media_id) for (media_id,) in connection.execute("select id from media")}

    return run


def refuse(way):
    way.cut()


def break_off(way):
    way.poison("limit_data", bytes=20)


def lose_replies(way):
    way.poison("timeout", timeout=0)


def lose_replies_and_close(way):
    way.poison("timeout", timeout=500)


FAULTS = {
    "down": refuse,
    "cut in mid-reply": break_off,
    "replies lost, then closed": lose_replies_and_close,
    "replies lost": lose_replies,
}


@pytest.mark.parametrize("fault", FAULTS)
async def test_calls_end_when_postgres_does_not_answer(fault, ways, many, whole):
    """Each is told that the database is out; when it is back, so is the server, with every connection."""
    await whole()
    FAULTS[fault](ways["database"])

    assert await many("media.getStorageUsage", {}) == {DATABASE_IS_OUT: CALLS}

    ways["database"].heal()
    await whole()


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
    """Replies that take five seconds longer are waited for."""
    await whole()
    ways["database"].poison("latency", latency=5000)

    assert await many("media.getStorageUsage", {}) == {"ok": CALLS}

    ways["database"].heal()
    await whole()


@pytest.mark.parametrize("patience", [20], ids=["in earnest"])
async def test_a_slow_store_is_not_down(ways, many, whole, pending_upload):
    """What the store says five seconds later is what the client is told: the bytes have not been sent."""
    ticket = await pending_upload()
    ways["storage"].poison("latency", latency=5000)

    assert await many("media.completeUpload", {"mediaId": str(ticket.media_id)}) == {(1400, None): CALLS}

    ways["storage"].heal()
    await whole()


@pytest.mark.parametrize("fault", ["cut in mid-reply", "replies lost, then closed", "replies lost"])
async def test_an_initiate_whose_reply_was_lost_is_found_again(fault, ways, many, whole, media_ids):
    """The reservation was committed, the answer never came; repeated with its key it is the same one upload."""
    await whole()
    keyed = [{**UPLOAD, "idempotencyKey": f"key {number}"} for number in range(CALLS)]
    FAULTS[fault](ways["database"])
    assert await many("media.initiateUpload", *keyed) == {DATABASE_IS_OUT: CALLS}
    assert len(media_ids()) > CALLS

    ways["database"].heal()
    await whole()
    for _ in range(2):
        assert await many("media.initiateUpload", *keyed) == {"ok": CALLS}
    assert len(media_ids()) == 3 * CALLS


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
