"""A Postgres, or a store, that hangs: it takes connections, reads nothing and answers nothing."""

import asyncio
import time
from dataclasses import replace

import pytest

from server.resources import open_resources
from tests.at_once import at_once
from tests.conftest import client_of
from tests.own_postgres import database_url, own_postgres, postgres
from tests.spoiled import toxic, ways

__all__ = ["database_url", "own_postgres", "postgres", "toxic", "ways"]

PROMISE_SECONDS = 3.0
LATE_SECONDS = 0.5  # for a busy machine
PROBES = 40
NO_DATABASE = {"status": "unavailable", "database": "unreachable", "storage": "ok"}
NO_STORAGE = {"status": "unavailable", "database": "ok", "storage": "unreachable"}


@pytest.fixture
def probe(http):
    """Ask for readiness: the answer, and the seconds it took."""

    async def ask():
        answer, seconds = await timed(http.get("/readyz"))
        return answer.json(), seconds

    return ask


async def timed(work):
    """What comes of it, and the seconds it took."""
    began = time.monotonic()
    return await work, time.monotonic() - began


async def test_readiness_is_answered_in_time_by_however_many_are_asked(postgres, probe, resources):
    """Each within three seconds, and all of them over one connection: what is left of the pool is for calls."""
    assert (await probe())[0]["status"] == "ok"
    await asyncio.to_thread(postgres.pause)

    answers = asyncio.gather(*(probe() for _ in range(PROBES)))
    await asyncio.sleep(1)
    assert len(resources.db.pool._lent) == 1
    assert resources.db.pool.get_stats()["requests_waiting"] == 0

    for state, seconds in [*await answers, await probe()]:
        assert state == NO_DATABASE
        assert seconds < PROMISE_SECONDS + LATE_SECONDS


async def test_it_is_ready_again_as_soon_as_postgres_goes_on(postgres, probe):
    """No check of before keeps it waiting."""
    await asyncio.to_thread(postgres.pause)
    assert (await probe())[0] == NO_DATABASE
    await asyncio.to_thread(postgres.unpause)

    await asyncio.sleep(1)
    assert (await probe())[0]["status"] == "ok"


async def test_a_slow_probe_closes_no_connection_but_its_own(postgres, resources, probe):
    """What takes too long for readiness may be in time for a call."""
    held = await at_once(*(resources.db.pool.getconn() for _ in range(4)))
    for connection in held:
        await resources.db.pool.putconn(connection)
    await asyncio.to_thread(postgres.pause)
    await probe()
    await asyncio.to_thread(postgres.unpause)

    assert [connection.closed for connection in held].count(True) == 1


@pytest.fixture
def slow_store(ways, settings):
    """Settings by which storage is reached through a proxy."""
    return replace(settings, s3_endpoint=f"http://127.0.0.1:{ways['storage'].port}")


async def test_storage_that_hangs_keeps_readiness_waiting_no_longer(postgres, ways, slow_store):
    """However many ask, two threads wait for it; and once it goes on, readiness says so."""
    async with open_resources(slow_store) as resources, client_of(resources, slow_store) as http:
        await resources.store.create_buckets()
        ways["storage"].poison("timeout", timeout=0)

        for answer, seconds in await asyncio.gather(*(timed(http.get("/readyz")) for _ in range(PROBES))):
            assert answer.json() == NO_STORAGE
            assert seconds < PROMISE_SECONDS + LATE_SECONDS
        assert len(resources.store._threads._threads) <= 2

        ways["storage"].heal()
        assert (await http.get("/readyz")).json()["status"] == "ok"
