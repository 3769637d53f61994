"""The schema's rules, the queries, and the migrations."""

import json
import re
from concurrent.futures import ThreadPoolExecutor
from itertools import permutations
from pathlib import Path
from typing import Any

import psycopg
import pytest

from sql import QUERIES, parse
from sql.migrate import migrate, migrations
from tests.databases import empty_database

ROOT = Path(__file__).parent.parent


@pytest.fixture
def db(database_url):
    with psycopg.connect(database_url, autocommit=True) as connection:
        yield connection


@pytest.fixture
def row(db):
    """Insert a media row of ada's in a state, as far as its constraints ask; its id."""

    def insert(state="pending", size=100, owner="ada", **columns):
        values = {
            "owner_id": owner,
            "user_id": owner,
            "state": state,
            "type": "image",
            "filename": "a.jpg",
            "mime_type": "image/jpeg",
            "size_bytes": size,
            "staging_key": "staging/k",
            "original_key": None if state == "pending" else "o",
            "error_code": "unreadable" if state == "failed" else None,
            "error_reason": "It cannot be read" if state == "failed" else None,
            **columns,
        }
        names, marks = ", ".join(values), ", ".join(f"%({name})s" for name in values)
        return db.execute(
            f"insert into media ({names}, id, url_expires_at, url_ends_at, created_at, updated_at, deleted_at,"
            f" sweep_at)"
            f" values ({marks}, gen_random_uuid(), now() + '1m', now() + '2m', now(), now(),"
            f" case when %(state)s = 'deleted' then now() end, now() + '2m') returning id",
            values,
        ).fetchone()[0]

    return insert


def usage(db, owner="ada"):
    return db.execute(
        "select used_bytes, reserved_bytes, image_bytes, video_bytes, audio_bytes from storage_usage"
        " where owner_id = %s",
        [owner],
    ).fetchone()


def test_every_query_plans_on_the_migrated_database(db):
    """Each statement is valid SQL over tables and columns that exist."""
    for query in QUERIES.values():
        text = re.sub(r"%\((\w+)\)s", "null", query.text)
        assert db.execute(f"explain {text}").fetchall()


def test_every_query_is_used_and_every_used_query_exists():
    code = "\n".join(
        path.read_text()
        for folder in ("jobs", "media", "procedures", "rpc", "sql", "tests")
        for path in (ROOT / folder).rglob("*.py")
    )
    assert [name for name in QUERIES if f'"{name}"' not in code] == []


def test_a_query_is_read_with_its_kind_and_statement():
    """Comments before and after a name belong to no statement's name."""
    queries = list(parse("-- About.\n\n-- name: a :one\n-- Why.\nselect 1;\n\n-- name: b :run\nselect {media};\n"))

    assert [(query.name, query.kind) for query in queries] == [("a", "one"), ("b", "run")]
    assert queries[0].text.endswith("select 1;")
    assert "select id, owner_id, user_id, state," in queries[1].text


def test_migrating_again_does_nothing(database_url):
    assert migrate(database_url) == []


def test_two_processes_migrate_at_once(servers):
    """Each migration is applied once, by one of them; both find the schema complete."""
    with empty_database(servers) as url, ThreadPoolExecutor(2) as threads:
        first, second = threads.map(migrate, [url, url])

    assert sorted(first + second) == sorted(known for known, _ in migrations())


@pytest.mark.parametrize(
    ("state", "used", "reserved"),
    [("pending", 0, 100), ("processing", 100, 0), ("ready", 100, 0), ("failed", 100, 0), ("deleted", 0, 100)],
)
def test_a_row_weighs_what_its_state_says(db, row, state, used, reserved):
    row(state)

    assert usage(db) == (used, reserved, used, 0, 0)


def test_usage_moves_with_every_change(db, row):
    """Pending -> processing -> ready -> deleted -> gone, and usage with it."""
    media_id = row()
    seen = [usage(db)]
    for change in (
        "state = 'processing', original_key = 'o'",
        "state = 'ready'",
        "state = 'deleted', deleted_at = now()",
    ):
        db.execute(f"update media set {change} where id = %s", [media_id])
        seen.append(usage(db))
    db.execute("delete from media where id = %s", [media_id])
    seen.append(usage(db))

    assert [(used, reserved) for used, reserved, *_ in seen] == [(0, 100), (100, 0), (100, 0), (0, 100), (0, 0)]


def test_usage_is_counted_by_type(db, row):
    row("ready", 1, type="image")
    row("ready", 20, type="video")
    row("ready", 300, type="audio")

    assert usage(db) == (321, 0, 1, 20, 300)


def test_over_the_quota_is_one_named_error(db, row):
    """The error carries the facts, and nothing is left of the row."""
    row("ready", 52428800 - 10)
    row("pending", 4)
    with pytest.raises(psycopg.errors.CheckViolation) as refused:
        row("pending", 7)

    assert refused.value.diag.constraint_name == "storage_usage_within_quota"
    facts = {"used": 52428790, "reserved": 4, "quota": 52428800, "available": 6, "required": 7}
    assert json.loads(refused.value.diag.message_detail or "") == facts
    assert usage(db)[:2] == (52428790, 4)
    row("pending", 6)


def test_an_event_is_written_by_every_change_of_state(db, row):
    media_id = row()
    db.execute("update media set state = 'processing', original_key = 'o' where id = %s", [media_id])
    db.execute("update media set sweep_at = now() where id = %s", [media_id])
    db.execute("update media set state = 'failed', error_code = 'bad', error_reason = 'Bad' where id = %s", [media_id])
    db.execute("update media set state = 'deleted', deleted_at = now() where id = %s", [media_id])

    events = db.execute("select type, data -> 'error' from events where media_id = %s order by id", [media_id])
    assert events.fetchall() == [
        ("upload.started", None),
        ("media.processing", None),
        ("media.failed", {"code": "bad", "reason": "Bad"}),
        ("media.deleted", {"code": "bad", "reason": "Bad"}),
    ]


STATES = ("pending", "processing", "ready", "failed", "deleted")
LIFE = {
    ("pending", "processing"),
    ("pending", "deleted"),
    ("processing", "ready"),
    ("processing", "failed"),
    ("processing", "deleted"),
    ("ready", "deleted"),
    ("failed", "processing"),
    ("failed", "deleted"),
}


def test_a_state_follows_its_life(subtests, db, row):
    """Only the transitions of the life of a media are possible, whoever writes them."""
    for old, new in permutations(STATES, 2):
        with subtests.test(old=old, new=new):
            media_id = row(old)
            error = "'bad'" if new == "failed" else "null" if new != "deleted" else "error_code"
            statement = (
                f"update media set state = '{new}', original_key = coalesce(original_key, 'o'), error_code = {error},"
                f" error_reason = {error}, deleted_at = {'now()' if new == 'deleted' else 'null'} where id = %s"
            )
            if (old, new) in LIFE:
                db.execute(statement, [media_id])
            else:
                with pytest.raises(psycopg.errors.CheckViolation) as refused:
                    db.execute(statement, [media_id])
                assert refused.value.diag.constraint_name == "media_state_follows_its_life"


BAD_UPDATES = [
    ("media_declaration_is_final", "pending", "size_bytes = 1"),
    ("media_declaration_is_final", "ready", "owner_id = 'ben'"),
    ("media_declaration_is_final", "ready", "staging_key = 'other'"),
    ("media_publication_is_final", "ready", "original_key = 'other'"),
    ("media_original_is_verified", "pending", "state = 'processing'"),
    ("media_failure_has_a_reason", "processing", "state = 'failed'"),
    ("media_failure_has_a_reason", "ready", "error_code = 'bad', error_reason = 'Bad'"),
    ("media_tombstone_has_a_date", "ready", "state = 'deleted'"),
    ("media_unfinished_is_swept", "pending", "sweep_at = null"),
    ("media_unfinished_is_swept", "deleted", "sweep_at = null"),
    ("media_dimensions_come_together", "ready", "width = 5"),
    ("media_dimensions_come_together", "ready", "width = 0, height = 0"),
    ("media_url_ends_last", "pending", "url_ends_at = url_expires_at - interval '1s'"),
]


def test_a_rule_holds_against_every_update(subtests, db, row):
    for constraint, state, change in BAD_UPDATES:
        with subtests.test(state=state, change=change):
            media_id = row(state)
            with pytest.raises(psycopg.errors.CheckViolation) as refused:
                db.execute(f"update media set {change} where id = %s", [media_id])

            assert refused.value.diag.constraint_name == constraint


BAD_INSERTS: list[tuple[str, dict[str, Any]]] = [
    ("media_owner_has_a_name", {"owner": ""}),
    ("media_owner_has_a_name", {"owner": "x" * 129}),
    ("media_state_is_known", {"state": "lost"}),
    ("media_type_is_known", {"type": "document"}),
    ("media_purpose_is_known", {"purpose": "spam"}),
    ("media_filename_fits", {"filename": ""}),
    ("media_filename_fits", {"filename": "x" * 256}),
    ("media_size_is_positive", {"size": 0}),
    ("media_size_is_positive", {"size": 2**53}),
    ("media_sha256_is_hex", {"sha256": "xyz"}),
]


def test_a_rule_holds_against_every_insert(subtests, row):
    for constraint, columns in BAD_INSERTS:
        with subtests.test(columns=columns):
            with pytest.raises(psycopg.errors.CheckViolation) as refused:
                row(**columns)

            assert refused.value.diag.constraint_name == constraint


@pytest.mark.parametrize("state", ["pending", "processing", "ready", "failed"])
def test_a_row_leaves_as_a_tombstone_only(db, row, state):
    """A cascade or a hand-written DELETE cannot orphan an object."""
    media_id = row(state)
    with pytest.raises(psycopg.errors.CheckViolation) as refused:
        db.execute("delete from media where id = %s", [media_id])

    assert refused.value.diag.constraint_name == "media_leaves_a_tombstone"


def test_drift_is_found(db, row):
    """The check that runs after every test can fail."""
    row("ready", 100)
    db.execute("update storage_usage set image_bytes = 99, reserved_bytes = 5")

    assert db.execute(QUERIES["read_drift"].text).fetchall() == [("ada", 99, 5, 100, 0, 0, 0, 1, 1, 0, 0)]
    db.execute("update storage_usage set image_bytes = 100, reserved_bytes = 0, media_count = 2, pending_count = 1")
    assert db.execute(QUERIES["read_drift"].text).fetchall() == [("ada", 100, 0, 100, 0, 0, 0, 2, 1, 1, 0)]
    db.execute("update storage_usage set media_count = 1, pending_count = 0")


def test_parallel_reservations_stop_at_the_quota(database_url, db):
    """Forty at once for room for ten: ten get in, the others are refused by name."""
    db.execute("insert into storage_usage (owner_id, quota_bytes) values ('ada', 1000)")
    statement = (
        "insert into media (id, owner_id, user_id, type, filename, mime_type, size_bytes, staging_key,"
        " url_expires_at, url_ends_at, created_at, updated_at, sweep_at) values (gen_random_uuid(), 'ada', 'ada',"
        " 'image', 'a', 'image/png', 100, 'k', now() + '1m', now() + '2m', now(), now(), now() + '2m')"
    )

    def reserve(_):
        with psycopg.connect(database_url, autocommit=True) as connection:
            try:
                connection.execute(statement)
            except psycopg.errors.CheckViolation as refused:
                return refused.diag.constraint_name
        return "reserved"

    with ThreadPoolExecutor(8) as threads:
        outcomes = list(threads.map(reserve, range(40)))

    assert sorted(set(outcomes)) == ["reserved", "storage_usage_within_quota"]
    assert outcomes.count("reserved") == 10
    assert usage(db)[:2] == (0, 1000)
