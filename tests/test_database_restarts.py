"""A Postgres that is restarted while its clients are connected: what they are told, and what is done again for them."""

import asyncio
import signal
from contextlib import asynccontextmanager, contextmanager, suppress
from dataclasses import replace

import psycopg
import pytest

from rpc.limits import RateLimits
from sql import pool
from tests.at_once import at_once
from tests.media_files import photo
from tests.own_postgres import database_url, own_postgres, postgres
from tests.processes import until
from tests.spoiled import DATABASE_IS_OUT, told

__all__ = ["database_url", "own_postgres", "postgres"]

POOL_SIZE = 6
UPLOAD = {"filename": "photo.jpg", "contentType": "image/jpeg", "size": len(photo())}
WITH_A_WORD, WITHOUT = signal.SIGINT, signal.SIGQUIT
IN_BOTH_WAYS = pytest.mark.parametrize("how", [WITH_A_WORD, WITHOUT], ids=["with a word", "without a word"])


@pytest.fixture
def settings(settings):
    limits = RateLimits.parse("media.initiateUpload=3/60,media.listMedia=3/60")
    return replace(settings, database_pool_size=POOL_SIZE, rate_limits=limits)


@pytest.fixture
async def full_pool(resources):
    """As many idle connections as there may be."""
    async with asyncio.timeout(20):
        held = await at_once(*(resources.db.pool.getconn() for _ in range(POOL_SIZE)))
        for connection in held:
            await resources.db.pool.putconn(connection)
    return held


@pytest.fixture
def unseen(monkeypatch):
    """Nobody sees before it is used that a connection has ended, as when it ends just then."""
    monkeypatch.setattr(pool, "has_ended", lambda _connection: False)


@pytest.fixture
def media_rows(database_url):
    def count():
        with psycopg.connect(database_url, autocommit=True) as connection:
            ((rows,),) = connection.execute("select count(*) from media").fetchall()
            return rows

    return count


@IN_BOTH_WAYS
async def test_no_call_fails_for_a_restart_between_calls(how, postgres, full_pool, rpc, http):
    """Neither a write nor a read nor readiness: what ended meanwhile is seen before anything is sent on it."""
    await asyncio.to_thread(postgres.restart, how)

    assert told(await rpc("media.initiateUpload", **UPLOAD)) == "ok"
    assert [told(await rpc("media.getStorageUsage")) for _ in range(POOL_SIZE)] == ["ok"] * POOL_SIZE
    assert (await http.get("/readyz")).json()["database"] == "ok"


@IN_BOTH_WAYS
async def test_the_first_connection_that_broke_takes_the_idle_ones_along(
    how, postgres, full_pool, unseen, resources, rpc
):
    """It finds out for all of them; a read is done again, so that nobody is told."""
    await asyncio.to_thread(postgres.restart, how)

    assert told(await rpc("media.getStorageUsage")) == "ok"
    assert all(connection.closed for connection in full_pool)
    assert [told(await rpc("media.initiateUpload", **UPLOAD)) for _ in range(3)] == ["ok"] * 3


async def test_a_write_that_postgres_says_it_ended_is_done_again(postgres, full_pool, unseen, rpc, media_rows):
    """57P01 in place of an answer means that nothing was committed; the call counts once, as its limit tells."""
    await asyncio.to_thread(postgres.restart, WITH_A_WORD)

    answers = [told(await rpc("media.initiateUpload", **UPLOAD)) for _ in range(4)]

    assert answers == ["ok", "ok", "ok", (1500, None)]
    assert media_rows() == 3


async def test_a_write_whose_connection_breaks_without_a_word_is_not(postgres, full_pool, unseen, rpc, media_rows):
    """It may have been committed: the caller is told, and only that one."""
    await asyncio.to_thread(postgres.restart, WITHOUT)

    answers = [told(await rpc("media.initiateUpload", **UPLOAD)) for _ in range(3)]

    assert answers == [DATABASE_IS_OUT, "ok", "ok"]
    assert media_rows() == 2


@IN_BOTH_WAYS
async def test_a_transaction_begins_once_more(how, postgres, pending_upload, full_pool, unseen, call, media_rows):
    """Nothing has run before its beginning."""
    ticket = await pending_upload()
    await asyncio.to_thread(postgres.restart, how)

    assert (await call("media.deleteMedia", mediaId=str(ticket.media_id))).success


@contextmanager
def locked(url, table):
    """A table that nobody can touch, not even read, for as long as this session is there."""
    with suppress(psycopg.OperationalError), psycopg.connect(url) as connection:
        connection.execute(f"lock table {table} in access exclusive mode")
        yield connection


def waits(postgres):
    """Whether a session waits for a lock; its process, to be ended."""
    return postgres.execute("select pid from pg_stat_activity where wait_event_type = 'Lock'")


@asynccontextmanager
async def ended_while_it_waits(postgres, url, table):
    """Once a statement waits for a table, its session is shut down; the table is let go when another one waits."""
    with locked(url, table):
        yield
        await asyncio.to_thread(until, lambda: waits(postgres))
        ((pid,),) = waits(postgres)
        postgres.execute(f"select pg_terminate_backend({pid})")
        await asyncio.to_thread(until, lambda: waits(postgres) not in ([], [(pid,)]))


async def test_a_statement_that_is_ended_while_it_runs_is_done_again(postgres, rpc, database_url, media_rows):
    """Its session is shut down in the middle of the work, which is rolled back: it takes effect once."""
    async with ended_while_it_waits(postgres, database_url, "storage_usage"):
        upload = asyncio.create_task(rpc("media.initiateUpload", **UPLOAD))

    assert told(await upload) == "ok"
    assert media_rows() == 1


async def test_the_count_of_a_call_goes_with_its_statement(postgres, rpc, database_url):
    """What is done again is counted again, and was not before: three calls of three are let through."""
    async with ended_while_it_waits(postgres, database_url, "rate_windows"):
        first = asyncio.create_task(rpc("media.listMedia"))

    answers = [told(await first), *[told(await rpc("media.listMedia")) for _ in range(3)]]
    assert answers == ["ok", "ok", "ok", (1500, None)]


async def test_a_read_that_is_counted_is_no_read(postgres, full_pool, unseen, rpc):
    """Nobody can tell whether it was counted, when its connection breaks."""
    await asyncio.to_thread(postgres.restart, WITHOUT)

    assert [told(await rpc("media.listMedia")) for _ in range(2)] == [DATABASE_IS_OUT, "ok"]


@pytest.mark.parametrize(
    ("name", "params", "answer"),
    [("media.getStorageUsage", {}, "ok"), ("media.initiateUpload", UPLOAD, DATABASE_IS_OUT)],
    ids=["a read", "a write"],
)
async def test_a_restart_in_the_middle_of_a_statement(name, params, answer, postgres, rpc, database_url, media_rows):
    """A read is done again once Postgres is back; of a write nobody can tell whether it has taken effect."""
    with locked(database_url, "storage_usage"):
        calling = asyncio.create_task(rpc(name, **params))
        await asyncio.to_thread(until, lambda: waits(postgres))
        await asyncio.to_thread(postgres.restart, WITHOUT)

    assert told(await calling) == answer
    assert media_rows() == 0
