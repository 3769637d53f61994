"""A Postgres, or a store, that hangs: it takes connections, reads nothing and answers nothing."""

import asyncio
import time
from contextlib import contextmanager, suppress
from dataclasses import replace
from urllib.parse import urlsplit

import pytest

from server.resources import open_resources
from sql.pool import CLOSE_TIMEOUT_SECONDS, create_pool
from tests.at_once import at_once
from tests.conftest import client_of
from tests.own_postgres import database_url, own_postgres, postgres

__all__ = ["database_url", "own_postgres", "postgres"]

PROMISE_SECONDS = 3.0
LATE_SECONDS = 0.5  # for a busy machine
TRIES = 3  # one of which such a machine does not hold up
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
    await resources.db.pool.resize(min_size=4, max_size=4)
    held = await at_once(*(resources.db.pool.getconn() for _ in range(4)))
    for connection in held:
        await resources.db.pool.putconn(connection)
    await asyncio.to_thread(postgres.pause)
    await probe()
    await asyncio.to_thread(postgres.unpause)

    assert [connection.closed for connection in held].count(True) == 1


async def test_a_session_that_hangs_costs_readiness_one_answer(postgres, resources, probe):
    """The next one is asked on another session, and does not wait for what the first still waits for."""
    async with resources.db.pool.connection() as connection:
        stuck = connection.info.backend_pid
    with stopped(postgres, stuck):
        states = []
        while NO_DATABASE not in states:
            states.append((await probe())[0])
        assert (await probe())[0]["status"] == "ok"


async def test_a_pool_closes_soon_while_it_connects_to_a_server_that_hangs(postgres, database_url):
    """A process that ends has no use for what it waits for."""
    await asyncio.to_thread(postgres.pause)
    pool = create_pool(database_url, size=2)
    await pool.open()
    await asyncio.sleep(0.5)

    _, seconds = await timed(pool.close())

    assert seconds < CLOSE_TIMEOUT_SECONDS + LATE_SECONDS


@contextmanager
def stopped(postgres, pid):
    """One process of Postgres hangs."""
    postgres.shell(f"kill -STOP {pid}")
    try:
        yield
    finally:
        postgres.shell(f"kill -CONT {pid}")


@pytest.fixture
async def store_that_hangs(settings):
    """Settings by which storage is reached through what loses all bytes while an event is set."""
    hangs, held = asyncio.Event(), list[asyncio.StreamWriter]()
    store = urlsplit(settings.s3_endpoint)

    async def pass_on(reader, writer):
        upstream_reader, upstream = await asyncio.open_connection(store.hostname, store.port)
        held.extend((writer, upstream))
        await asyncio.gather(copy(reader, upstream), copy(upstream_reader, writer))

    async def copy(source, target):
        with suppress(OSError):
            while chunk := await source.read(65_536):
                if not hangs.is_set():
                    target.write(chunk)

    server = await asyncio.start_server(pass_on, "127.0.0.1", 0)
    yield replace(settings, s3_endpoint=f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"), hangs
    server.close()
    for writer in held:
        writer.close()


async def test_storage_that_hangs_keeps_readiness_waiting_no_longer(postgres, store_that_hangs):
    """However many ask, two threads wait for it; once it answers again, readiness says so, whatever never came."""
    settings, hangs = store_that_hangs
    async with open_resources(settings) as resources, client_of(resources, settings) as http:
        await resources.store.create_buckets()
        hangs.set()

        longest = []
        for _ in range(TRIES):
            probes = await asyncio.gather(*(timed(http.get("/readyz")) for _ in range(PROBES)))
            assert [answer.json() for answer, _ in probes] == [NO_STORAGE] * PROBES
            longest.append(max(seconds for _, seconds in probes))
            if longest[-1] < PROMISE_SECONDS + LATE_SECONDS:
                break
        assert min(longest) < PROMISE_SECONDS + LATE_SECONDS
        assert len(resources.store._threads._threads) <= 2

        hangs.clear()
        assert (await http.get("/readyz")).json()["status"] == "ok"
