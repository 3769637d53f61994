"""The schema: one end state, however it is written down, and its numbers stand once."""

import re

import psycopg
import pytest

from contracts.plans import Plan
from server.settings import Settings
from sql.migrate import migrate, migrations
from tests.databases import empty_database
from tests.schema import SCHEMA, current

CATALOGUE = {
    "columns": (
        "select table_name, column_name, data_type, is_nullable, column_default, generation_expression, is_identity"
        " from information_schema.columns where table_schema = 'public' order by 1, ordinal_position"
    ),
    "constraints": (
        "select conrelid::regclass::text, conname, pg_get_constraintdef(oid) from pg_constraint"
        " where connamespace = 'public'::regnamespace order by 1, 2"
    ),
    "indexes": "select indexdef from pg_indexes where schemaname = 'public' order by 1",
    "functions": (
        "select proname, pg_get_functiondef(oid) from pg_proc where pronamespace = 'public'::regnamespace"
        " and prokind = 'f' order by 1, 2"
    ),
    "triggers": "select pg_get_triggerdef(oid), tgenabled from pg_trigger where not tgisinternal order by 1",
    "tables": (
        "select relname, reloptions, relpersistence from pg_class"
        " where relnamespace = 'public'::regnamespace and relkind = 'r' order by 1"
    ),
}


def catalogue(url: str) -> dict[str, list[str]]:
    """What there is in a database, but for its rows; how conditions are bracketed says nothing."""
    with psycopg.connect(url) as connection:
        rows = {name: connection.execute(query).fetchall() for name, query in CATALOGUE.items()}
    return {name: [re.sub("[()]", "", str(row)) for row in found] for name, found in rows.items()}


def test_the_file_is_what_the_migrations_lead_to():
    """`make schema` writes it."""
    assert SCHEMA.read_text(encoding="utf-8") == current()


def test_a_database_by_the_file_is_one_by_the_migrations(servers):
    """Tables, rules, functions and triggers, one by one."""
    with empty_database(servers) as migrated, empty_database(servers) as written:
        migrate(migrated)
        with psycopg.connect(written, autocommit=True) as connection:
            for name, text in migrations():
                if name.startswith("procrastinate/"):
                    connection.execute(text)
            connection.execute("set check_function_bodies = off")
            connection.execute(SCHEMA.read_text(encoding="utf-8").encode())
        expected, found = catalogue(migrated), catalogue(written)
    for name, rows in expected.items():
        assert found[name] == rows, name


def test_the_limits_of_a_row_are_those_of_the_settings(database_url):
    """For an owner of whom no upload has told other ones."""
    settings = Settings()
    with psycopg.connect(database_url, autocommit=True) as connection:
        connection.execute("insert into storage_usage (owner_id) values ('ada')")
        row = connection.execute("select quota_bytes, max_media, max_pending, renditions_count from storage_usage")
        assert row.fetchone() == (
            Plan.FREE.quota_bytes,
            settings.max_media_per_owner,
            settings.max_pending_uploads,
            settings.count_renditions,
        )


@pytest.mark.parametrize("number", ["52428800", "interval"])
def test_a_number_stands_once(number):
    """The free plan's quota in one function; how long something may take comes from the jobs."""
    texts = [text for name, text in migrations() if not name.startswith("procrastinate/")]
    assert len(re.findall(number, "".join(texts))) == (1 if number.isdecimal() else 0)
