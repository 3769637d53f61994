"""Migrating beside those who use the database: nobody waits long, who is in the way is named, nothing stays held."""

import asyncio
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager

import psycopg
import pytest

from sql import migrate as migrating
from sql.locks import Holder
from sql.migrate import LocksHeld, migrate, migrations
from tests.databases import database_before, empty_database
from tests.poolers import pooled
from tests.processes import MEDIARPC, TIMEOUT_SECONDS, mediarpc, running

NEEDS_MEDIA = "0002_events.sql"
ALTERS = "alter table media add column probe integer"
ADVISORY = """
select pid from pg_locks join pg_database on pg_database.oid = database
 where locktype = 'advisory' and datname = current_database()
"""
SECRET = "a-secret-in-a-statement"


@pytest.fixture
def one_more(monkeypatch):
    """Have one migration more than there are."""

    def add(text: str = ALTERS) -> str:
        known = [*migrations(), ("9999_probe.sql", text)]
        monkeypatch.setattr(migrating, "migrations", lambda: iter(known))
        return "9999_probe.sql"

    return add


@contextmanager
def reading(url: str) -> Iterator[psycopg.Connection]:
    """A long reader, as pg_dump is one, of whose statements nobody is to hear."""
    with psycopg.connect(url, application_name="pg_dump") as reader:
        reader.execute(f"select '{SECRET}' from media")
        yield reader


@pytest.fixture
def behind(servers) -> Iterator[str]:
    """A database that lacks a migration which needs the table of media for itself."""
    with database_before(servers, NEEDS_MEDIA) as url:
        yield url


@contextmanager
def indexing(url: str) -> Iterator[psycopg.Connection]:
    """A reader who keeps writers out, as one who builds an index does."""
    with reading(url) as reader:
        reader.execute("lock table media in share mode")
        yield reader


async def test_calls_go_on_while_a_migration_waits(database_url, one_more, pending_upload, monkeypatch):
    """None waits longer than the two seconds that a migration waits at a time."""
    name, told, slowest = one_more(), list[str](), 0.0
    with reading(database_url) as reader:
        waiting = asyncio.create_task(asyncio.to_thread(migrate, database_url, wait_seconds=4, tell=told.append))
        while not waiting.done():
            began = time.monotonic()
            await pending_upload()
            slowest = max(slowest, time.monotonic() - began)
            await asyncio.sleep(0.01)
        with pytest.raises(LocksHeld) as held:
            await waiting
        pid = reader.info.backend_pid

    assert 0.5 < slowest < 3
    (sentence,) = told
    assert sentence.startswith(f"waiting for a lock that process {pid} (pg_dump, idle in transaction, since 2")
    assert f"migration {name} was not applied: it waited 4 s for a lock that process {pid} (" in str(held.value)
    assert SECRET not in sentence + str(held.value)
    assert migrate(database_url) == [name]


def test_a_migration_goes_on_when_the_reader_has_ended(behind, tmp_path):
    with indexing(behind) as reader, running([MEDIARPC, "migrate"], tmp_path, DATABASE_URL=behind) as started:
        started.wait_for("mediarpc: waiting for a lock that process ")
        reader.rollback()
        assert started.process.wait(TIMEOUT_SECONDS) == 0
    assert NEEDS_MEDIA in started.output


def test_a_reader_that_does_not_end_is_named(behind):
    with indexing(behind) as reader:
        answer = mediarpc("migrate", "--wait", "1", DATABASE_URL=behind)
        pid = reader.info.backend_pid

    assert (answer.returncode, answer.stdout) == (2, "")
    *_, last = answer.stderr.splitlines()
    assert last.startswith(f"mediarpc: migration {NEEDS_MEDIA} was not applied: it waited 1 s for a lock that")
    assert f"process {pid} (pg_dump, idle in transaction" in last
    assert SECRET not in answer.stderr


def test_tables_of_somebody_else_are_left_alone(servers):
    """Or of a version that was never released: a sentence says what to do, and nothing has changed."""
    with empty_database(servers) as url, psycopg.connect(url, autocommit=True) as connection:
        connection.execute("create table events (title text)")
        answer = mediarpc("migrate", DATABASE_URL=url)
        columns = connection.execute("select * from events").description

    assert (answer.returncode, answer.stdout) == (2, "")
    assert answer.stderr == (
        'mediarpc: migration 0002_events.sql was not applied: relation "events" already exists. The database is '
        "another program's, or was made by mediarpc before its first release: take an empty one\n"
    )
    assert [column.name for column in columns or ()] == ["title"]


def test_a_wait_is_a_time(behind):
    answer = mediarpc("migrate", "--wait", "-1", DATABASE_URL=behind)

    assert (answer.returncode, answer.stderr) == (2, "mediarpc: --wait must be at least 0 seconds\n")


def test_another_who_migrates_is_waited_for_no_longer(database_url, one_more):
    """However it is held: here by its session."""
    name, told = one_more("select 1"), list[str]()
    with psycopg.connect(database_url, autocommit=True, application_name="another migrate") as other:
        other.execute("select pg_advisory_lock(6021023)")
        with pytest.raises(LocksHeld, match="another migrate, idle"):
            migrate(database_url, wait_seconds=1, tell=told.append)
        assert len(told) == 1

    assert migrate(database_url) == [name]


def test_a_prepared_transaction_is_told():
    assert str(Holder(0, None, None, None)) == "a prepared transaction (see pg_prepared_xacts)"


def test_a_session_of_which_nothing_is_to_be_seen_is_told():
    assert str(Holder(7, "", None, None)) == "process 7 (of which no more is to be seen)"


def test_what_was_applied_meanwhile_is_not_applied_again(database_url, one_more):
    """Another process did so while this one waited for its turn."""
    name, applied = one_more("create table probe ()"), list[str]()
    with psycopg.connect(database_url) as other:
        other.execute("select pg_advisory_xact_lock(6021023)")
        late = threading.Thread(target=lambda: applied.extend(migrate(database_url)))
        late.start()
        time.sleep(0.5)
        other.execute("create table probe ()")
        other.execute("insert into migrations (name) values (%s)", [name])
    late.join()

    assert applied == []


def test_a_timeout_of_everyday_work_ends_no_migration(database_url, one_more):
    name = one_more("select pg_sleep(1)")
    with psycopg.connect(database_url, autocommit=True) as connection:
        database = connection.info.dbname
        connection.execute(f"alter database {database} set statement_timeout = '500ms'")

    assert migrate(database_url) == [name]


def test_a_pooler_keeps_no_lock(servers, tmp_path):
    """Each transaction may run in another session: whoever migrates next, by whatever way, finds the lock free."""
    with empty_database(servers) as url, pooled(url, tmp_path) as by_the_pooler:
        applied = migrate(by_the_pooler)
        with psycopg.connect(url) as connection:
            assert connection.execute(ADVISORY).fetchall() == []
        assert migrate(url, wait_seconds=0) == migrate(by_the_pooler, wait_seconds=0) == []

    assert applied == [known for known, _ in migrations()]
