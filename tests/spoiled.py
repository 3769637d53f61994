"""A server whose ways to Postgres and storage can be spoiled, and what many calls at once are told then."""

import asyncio
from collections import Counter
from contextlib import ExitStack
from dataclasses import replace
from urllib.parse import urlsplit

import pytest
from psycopg.conninfo import conninfo_to_dict, make_conninfo

from sql import pool
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
    monkeypatch.setattr(pool, "ANSWER_TIMEOUT_SECONDS", patience)
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
