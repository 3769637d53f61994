"""Databases of tests, made from a template; a process uses one again when a test has left it as it was made."""

import time
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from typing import Any

import psycopg
from psycopg.errors import ObjectInUse

from sql import QUERIES
from sql.migrate import migrate, migrations
from tests.leftovers import REMEMBER_KEYS
from tests.services import Servers

TEMPLATE = "mediarpc_template"

# All that emptying tables does not bring back: tables, functions, triggers, what the planner has learnt, and
# the only rows that come with the schema.
SCHEMA = """
select array[
    (select sum(hashtextextended(concat_ws(' ', oid, relname, relkind, reloptions), 0))
       from pg_class where oid >= 16384 and relkind <> 't'),
    (select sum(hashtextextended(concat_ws(' ', attrelid, attname, atttypid, attnotnull, attisdropped), 0))
       from pg_attribute where attrelid >= 16384),
    (select sum(hashtextextended(concat_ws(' ', oid, pg_get_constraintdef(oid)), 0))
       from pg_constraint where oid >= 16384),
    (select sum(hashtextextended(concat_ws(' ', oid, prosrc), 0)) from pg_proc where oid >= 16384),
    (select sum(hashtextextended(concat_ws(' ', oid, tgenabled), 0)) from pg_trigger),
    (select count(*) from pg_statistic where starelid >= 16384),
    (select sum(hashtextextended(name, 0)) from migrations)
]::text
"""

# To truncate a table takes as long as to delete thousands of rows.
EMPTY = """
do $$
declare
    written record;
begin
    set local session_replication_role = replica;
    for written in
        select oid::regclass as name, pg_relation_size(oid) > 1024 * 1024 as is_large from pg_class
         where oid >= 16384 and relkind = 'r' and oid <> 'migrations'::regclass and pg_relation_size(oid) > 0
    loop
        if written.is_large then
            execute format('truncate %s cascade', written.name);
        else
            execute format('delete from %s', written.name);
        end if;
    end loop;
    perform setval(seqrelid, seqstart, false) from pg_sequence where seqrelid >= 16384;
end
$$
"""

_unused: list[str] = []
_schema: dict[str, str] = {}


def create_template(servers: Servers) -> None:
    """The migrated database of which all others are copies; it remembers keys beside what it is migrated to."""
    with psycopg.connect(servers.database_url, autocommit=True) as connection:
        connection.execute(f"drop database if exists {TEMPLATE}")
        connection.execute(f"create database {TEMPLATE}")
    url = in_database(servers.database_url, TEMPLATE)
    migrate(url)
    with psycopg.connect(url, autocommit=True) as connection:
        connection.execute(REMEMBER_KEYS)


@contextmanager
def new_database(servers: Servers) -> Iterator[str]:
    """A migrated database, for as long as it is needed; in the end each owner's usage is the sum over the rows."""
    name = _unused.pop() if _unused else _copied(servers)
    try:
        yield in_database(servers.database_url, name)
    finally:
        _put_back(servers, name)


@contextmanager
def empty_database(servers: Servers) -> Iterator[str]:
    """A database without a schema, for as long as it is needed."""
    name = _new_name()
    _execute(servers, f"create database {name}")
    try:
        yield in_database(servers.database_url, name)
    finally:
        _drop(servers, name)


@contextmanager
def database_before(servers: Servers, migration: str) -> Iterator[str]:
    """A database as it was before a migration, for as long as it is needed."""
    with empty_database(servers) as url:
        with psycopg.connect(url, autocommit=True) as connection:
            connection.execute("create table migrations (name text primary key, applied_at timestamptz default now())")
            for known, text in migrations():
                if known < migration or known.startswith("procrastinate/"):
                    with connection.transaction():
                        connection.execute(text)
                        connection.execute("insert into migrations (name) values (%s)", [known])
        yield url


def drop_unused(servers: Servers) -> None:
    """Leave none of this process behind."""
    while _unused:
        _drop(servers, _unused.pop())
    _administration(servers.database_url).close()
    _administration.cache_clear()


def drift(database_url: str) -> list[Any]:
    """The owners whose usage differs from the sum over their rows."""
    with psycopg.connect(database_url, autocommit=True) as connection:
        return _drift(connection)


def _drift(connection: psycopg.Connection) -> list[Any]:
    return connection.execute(QUERIES["read_drift"].text).fetchall()


def in_database(url: str, name: str) -> str:
    """The URL of another database of the same server."""
    address, _, query = url.partition("?")
    base = address.rpartition("/")[0]
    return f"{base}/{name}?{query}" if query else f"{base}/{name}"


def _copied(servers: Servers) -> str:
    name = _new_name()
    _execute(servers, f"create database {name} template {TEMPLATE}")
    if not _schema:
        with psycopg.connect(in_database(servers.database_url, name), autocommit=True) as connection:
            _schema[TEMPLATE] = _schema_of(connection)
    return name


def _put_back(servers: Servers, name: str) -> None:
    """For the next test, under another name: what the last one left running finds it no more."""
    unused = _new_name()
    try:
        connection = _administration(servers.database_url)
        _end_sessions(connection, name)
        connection.execute(f"alter database {name} rename to {unused}")
    except ObjectInUse:
        _drop(servers, name)
        return
    left, is_as_it_was = _emptied(in_database(servers.database_url, unused))
    if is_as_it_was:
        _unused.append(unused)
    else:
        _drop(servers, unused)
    assert left == []


@cache
def _administration(url: str) -> psycopg.Connection:
    """One connection for all that a process does to databases."""
    return psycopg.connect(url, autocommit=True)


def _end_sessions(connection: psycopg.Connection, name: str) -> None:
    """Postgres itself looks every 100 ms whether they have ended."""
    for _ in range(200):
        ended = connection.execute(
            "select pg_terminate_backend(pid) from pg_stat_activity where datname = %s", [name]
        ).fetchall()
        if not ended:
            return
        time.sleep(0.005)


def _emptied(url: str) -> tuple[list[Any], bool]:
    """Empty its tables, unless more was changed than rows: its drift, and whether it is as it was made."""
    with psycopg.connect(url, autocommit=True) as connection:
        left = _drift(connection)
        if _schema_of(connection) != _schema[TEMPLATE]:
            return left, False
        connection.execute(EMPTY)
        return left, True


def _schema_of(connection: psycopg.Connection) -> str:
    return str(connection.execute(SCHEMA).fetchone())


def _new_name() -> str:
    return f"test_{uuid.uuid4().hex}"


def _drop(servers: Servers, name: str) -> None:
    _execute(servers, f"drop database {name} with (force)")


def _execute(servers: Servers, statement: str) -> None:
    _administration(servers.database_url).execute(statement)
