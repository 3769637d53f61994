"""A Postgres that answers and writes nothing: a failover has made it a standby, or somebody has set it to read-only."""

import asyncio
import json
import re
from dataclasses import replace

import psycopg
import pytest

from contracts.errors import ServiceUnavailable
from rpc.limits import RateLimits
from sql import QUERIES, Query
from sql.database import Database
from sql.migrate import migrate
from sql.pool import create_pool
from sql.rows import MigrationRow
from tests.fork import fork
from tests.media_files import photo
from tests.own_postgres import database_url, own_postgres, postgres, unmigrated_url
from tests.processes import until
from tests.spoiled import DATABASE_IS_OUT, told

__all__ = ["database_url", "own_postgres", "postgres", "unmigrated_url"]

UPLOAD = {"filename": "photo.jpg", "contentType": "image/jpeg", "size": len(photo())}
NO_WRITES = {"status": "unavailable", "database": "read-only", "storage": "ok"}


@pytest.fixture
def settings(settings):
    """Calls are counted, in a table that a standby does not have."""
    return replace(settings, rate_limits=RateLimits.parse("media.initiateUpload=100/60"))


async def readiness(http):
    answer = await http.get("/readyz")
    return answer.status_code, answer.json()


@pytest.mark.parametrize("become", ["read_only", "demote"])
async def test_calls_that_write_can_be_repeated(become, postgres, rpc, http):
    """They are told 1903 and readiness says why, until it writes again; reads go on."""
    assert told(await rpc("media.initiateUpload", **UPLOAD)) == "ok"
    await asyncio.to_thread(getattr(postgres, become))

    assert told(await rpc("media.initiateUpload", **UPLOAD)) == DATABASE_IS_OUT
    assert await readiness(http) == (503, NO_WRITES)
    assert told(await rpc("media.getStorageUsage")) == "ok"

    await asyncio.to_thread(postgres.mend)
    assert await readiness(http) == (200, {"status": "ok", "database": "ok", "storage": "ok"})
    assert told(await rpc("media.initiateUpload", **UPLOAD)) == "ok"


async def test_no_session_of_a_server_that_turned_read_only_is_kept(postgres, resources, rpc):
    """Behind an address that has moved on to another server, new ones lead there."""
    pool = resources.db.pool
    held = [await pool.getconn() for _ in range(4)]
    for connection in held:
        await pool.putconn(connection)
    await asyncio.to_thread(postgres.read_only)

    assert told(await rpc("media.initiateUpload", **UPLOAD)) == DATABASE_IS_OUT

    assert all(connection.closed for connection in held)


async def test_a_write_finds_the_new_primary_by_itself(postgres, database_url, resources, rpc):
    """Its session is of a server that writes no more, the next one of a server that does; the caller is not told."""
    assert told(await rpc("media.initiateUpload", **UPLOAD)) == "ok"
    async with resources.db.pool.connection() as connection:
        await connection.execute("set default_transaction_read_only = on")

    assert told(await rpc("media.initiateUpload", **UPLOAD)) == "ok"


async def test_a_session_whose_plans_are_out_of_date_is_replaced(database_url, resources):
    """Postgres keeps no prepared statement through a change of its columns' types, and says so for ever."""
    for _ in range(6):
        before = await resources.db.many(MigrationRow, "read_migrations")
    with psycopg.connect(database_url, autocommit=True) as connection:
        connection.execute("alter table migrations alter column name type varchar(200)")

    assert {row.name for row in await resources.db.many(MigrationRow, "read_migrations")} == {
        row.name for row in before
    }


async def test_readiness_leaves_nothing_behind(database_url, http):
    """What it writes is locked and let go: no row changes, and none has to be cleaned up."""
    read = "select string_agg(name || applied_at || ctid, ',' order by name), count(*) from migrations"
    with psycopg.connect(database_url, autocommit=True) as connection:
        before = connection.execute(read).fetchall()
        for _ in range(3):
            assert (await readiness(http))[0] == 200
        assert connection.execute(read).fetchall() == before


OUTAGES = [
    "08006", "0A000", "25006", "25P03", "25P04", "40001", "40P01", "53100", "53200", "53300", "55P03", "57014", "57P01",
    "57P02", "57P03", "58000", "58030",
]  # fmt: skip
ERRORS = ["22012", "25P02", "42501", "42P01", "P0001", "XX000"]


@pytest.fixture
async def used(database_url):
    """A database over one connection, and the connection."""
    async with create_pool(database_url, size=1) as pool:
        async with pool.connection() as connection:
            pass
        yield Database(pool), connection


@pytest.fixture
def raising(monkeypatch):
    """A query that ends with an SQLSTATE."""

    def prepare(code):
        text = f"do $$ begin raise exception using errcode = '{code}'; end $$"
        monkeypatch.setitem(QUERIES, "raising", Query("raising", "run", text, is_read=False))

    return prepare


@pytest.mark.parametrize("code", OUTAGES)
async def test_what_is_the_servers_fault_is_an_outage_and_its_connection_goes(code, raising, used):
    raising(code)
    db, connection = used

    with pytest.raises(ServiceUnavailable) as outage:
        await db.run("raising")

    assert outage.value.service == "database"
    assert connection.closed


@pytest.mark.parametrize("code", ERRORS)
async def test_any_other_error_stays_what_it_is(code, raising, used):
    """A caller is told 1900, and the connection is good for the next one."""
    raising(code)
    db, connection = used

    with pytest.raises(psycopg.Error) as raised:
        await db.run("raising")

    assert raised.value.sqlstate == code
    assert not connection.closed


async def test_what_says_that_it_reads_changes_nothing(database_url):
    """Each runs in a transaction that may write nothing, and calls no function that may."""
    with psycopg.connect(database_url) as connection:
        volatile = connection.execute(
            "select proname from pg_proc where provolatile = 'v' and pronamespace = 'public'::regnamespace"
        ).fetchall()
        connection.execute("set transaction read only")
        for query in (query for query in QUERIES.values() if query.is_read):
            connection.execute(re.sub(r"%\((\w+)\)s", "null", query.text))
            assert [name for (name,) in volatile if re.search(rf"\b{name}\(", query.text)] == []


def lines(worker, event):
    """The lines of its log about an event."""
    logged = [json.loads(line) for line in worker.output.splitlines() if line.startswith("{")]
    return [line for line in logged if line["event"] == event]


@pytest.mark.parametrize("become", ["read_only", "demote"])
async def test_a_worker_outlives_it(become, postgres, configured, completed_media, database_url, tmp_path):
    """It sweeps in vain, says so without a word of SQL, and works again once Postgres writes.

    It takes some 12 seconds: every loop of the worker has to have met it.
    """
    with fork(tmp_path, "worker", **configured, SWEEP_INTERVAL_SECONDS="1") as worker:
        worker.wait_for("worker started")
        await asyncio.to_thread(getattr(postgres, become))
        await asyncio.to_thread(until, lambda: len(lines(worker, "database unreachable")) >= 2)
        await asyncio.to_thread(until, lambda: len(lines(worker, "job queue unreachable")) >= 2)
        assert worker.process.poll() is None
        await asyncio.to_thread(postgres.mend)

        media = await completed_media()
        worker.wait_for('"job":"process_media"')
        assert worker.stop() == 0
    assert str(media.id) in worker.output
    assert [word for word in ("select", "update", "insert", "read-only", "Traceback") if word in worker.output] == []


async def test_a_worker_outlives_a_table_that_is_not_there(configured, database_url, tmp_path):
    """What is nobody's outage is logged as unforeseen, and tried again all the same."""
    with fork(tmp_path, "worker", **configured, SWEEP_INTERVAL_SECONDS="1") as worker:
        worker.wait_for("worker started")
        with psycopg.connect(database_url, autocommit=True) as connection:
            connection.execute("alter table rate_windows rename to elsewhere")
            worker.wait_for('"unforeseen"')
            connection.execute("alter table elsewhere rename to rate_windows")
        assert worker.process.poll() is None
        assert worker.stop() == 0


async def test_a_worker_waits_for_migrations(postgres, unmigrated_url, resources, configured, tmp_path):
    """It says once what to do, and begins when that is done."""
    configured["DATABASE_URL"] = unmigrated_url
    with fork(tmp_path, "worker", **configured) as worker:
        worker.wait_for("migrations missing: run mediarpc migrate")
        await asyncio.sleep(5)
        assert len(lines(worker, "migrations missing: run mediarpc migrate")) == 1
        await asyncio.to_thread(migrate, unmigrated_url)
        worker.wait_for("worker started")
        assert worker.stop() == 0
    assert [word for word in ("unreachable", "unforeseen", "Traceback") if word in worker.output] == []
