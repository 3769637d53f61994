"""Which index each statement of the hot paths goes by, so that no number of rows slows it."""

import json
import re
from datetime import UTC, datetime, timedelta
from itertools import product
from typing import Any
from uuid import UUID

import psycopg
import pytest
from uuid_utils.compat import uuid7

from bench.growth import LARGE_OWNER, load_media
from procedures.media.library import SEARCH_BUDGET
from sql import QUERIES
from tests.databases import new_database

ROWS = 5000
OWNER = "owner-1"
NOW = datetime.now(UTC)
MEDIA_ID = uuid7()
LAST_ID = UUID(int=2**128 - 1)
PAGE = {"owner_id": OWNER, "type": None, "purpose": "post", "state": None, "limit": 21}
OF_MANY = {**PAGE, "owner_id": LARGE_OWNER}
PART = {"part": "photo", "variants": "PHOT", "plain": "phot"}
RECORDS = {"before": 2**62, "limit": 21}
OLD = {"before": NOW - timedelta(days=1)}

# A statement's parameters, and the indexes that it goes by.
CASES: dict[str, tuple[str, dict[str, Any], set[str]]] = {
    "find_media": ("find_media", {"id": MEDIA_ID, "owners": [OWNER]}, {"media_pkey", "media_of_owner"}),
    "find_media_and_log": (
        "find_media_and_log",
        {"id": MEDIA_ID, "owners": [OWNER]},
        {"media_pkey", "media_of_owner", "events_of_owner"},
    ),
    "list_uploads": (
        "list_uploads",
        {"owner_id": OWNER, "before": None, "limit": 21, "now": NOW},
        {"media_unfinished_of_owner", "events_of_owner"},
    ),
    "find_many": ("find_many", {"ids": [MEDIA_ID]}, {"media_pkey"}),
    "read_settled_events": ("read_settled_events", {"xid": 0, "after": 4000, "limit": 200}, {"events_of_all"}),
    "read_last_settled_event": ("read_last_settled_event", {}, {"events_of_all"}),
    "read_last_event": ("read_last_event", {"owner_id": OWNER}, {"events_of_owner"}),
    "read_media": ("read_media", {"id": MEDIA_ID}, {"media_pkey"}),
    "list_media, first page": ("list_media", {**PAGE, "before": None}, {"media_of_owner", "events_of_owner"}),
    "list_media, from a cursor": ("list_media", {**PAGE, "before": LAST_ID}, {"media_of_owner", "events_of_owner"}),
    "list_post_media": (
        "list_post_media",
        {"owner_id": OWNER, "post_id": "post"},
        {"media_of_post", "events_of_owner"},
    ),
    "find_profile_image": ("find_profile_image", {"owner_id": OWNER}, {"profile_images_pkey", "media_pkey"}),
    "find_missing": (
        "find_missing",
        {"ids": [MEDIA_ID], "owners": [OWNER]},
        {"media_pkey", "media_of_owner", "events_of_media"},
    ),
    "lease_due_media": (
        "lease_due_media",
        {"now": NOW, "leased_until": NOW + timedelta(minutes=10), "limit": 50},
        {"media_due_for_sweep", "media_pkey"},
    ),
    "read_usage": (
        "read_usage",
        {"calls": json.dumps([{"position": 0, "owner_id": OWNER, "quota_bytes": 1}])},
        {"storage_usage_pkey"},
    ),
    "see_processing": (
        "see_processing",
        {"calls": json.dumps([{"position": 0, "id": str(MEDIA_ID)}])},
        {"media_pkey"},
    ),
    "list_audit": ("list_audit", {"before": None, "limit": 21}, {"audit_pkey"}),
    "list_audit, from a cursor": ("list_audit", RECORDS, {"audit_pkey"}),
    "list_audit_of_owner": ("list_audit_of_owner", {**RECORDS, "owner_id": OWNER}, {"audit_of_owner"}),
    "list_audit_of_media": (
        "list_audit_of_media",
        {"before": 4000, "limit": 21, "media_id": MEDIA_ID, "owner_id": None},
        {"audit_of_media"},
    ),
    "list_audit_of_media, under an owner": (
        "list_audit_of_media",
        {"before": 4000, "limit": 21, "media_id": MEDIA_ID, "owner_id": OWNER},
        {"audit_of_media"},
    ),
    "forget_rate_windows": ("forget_rate_windows", {"user_id": OWNER}, {"rate_windows_pkey"}),
    "forget_idempotency_keys": ("forget_idempotency_keys", {"user_id": OWNER}, {"idempotency_keys_pkey"}),
    "forget_profile_image": ("forget_profile_image", {"owner_id": OWNER}, {"profile_images_pkey"}),
    "forget_usage": ("forget_usage", {"owner_id": OWNER}, {"storage_usage_pkey"}),
    "remove_tombstone": ("remove_tombstone", {"id": MEDIA_ID, "now": NOW}, {"media_pkey"}),
    "find_owner": ("find_owner", {"media_id": MEDIA_ID, "owners": [OWNER]}, {"media_pkey", "events_of_media"}),
    "clean_rate_windows": ("clean_rate_windows", OLD, {"rate_windows_by_end", "rate_windows_pkey"}),
    "clean_idempotency_keys": (
        "clean_idempotency_keys",
        OLD,
        {"idempotency_keys_by_age", "idempotency_keys_pkey"},
    ),
    "clean_events": ("clean_events", OLD, {"events_pkey"}),
    "clean_audit": ("clean_audit", OLD, {"audit_pkey"}),
    "clean_jobs": (
        "clean_jobs",
        OLD,
        {"jobs_that_ended", "procrastinate_jobs_pkey", "procrastinate_events_job_id_fkey_v1"},
    ),
    "find_deletion": ("find_deletion", {"id": MEDIA_ID, "owners": [OWNER]}, {"events_of_media"}),
}


@pytest.fixture(scope="module")
def loaded(servers):
    """A database with rows enough for the planner to have a choice."""
    with new_database(servers) as url:
        with psycopg.connect(url, autocommit=True) as connection:
            load_media(connection, 0, ROWS)
            connection.execute(
                "insert into audit (at, user_id, procedure, request_id, owner_id, media_id, input)"
                " select created_at, user_id, 'media.initiateUpload', 'r', owner_id || n, id, '{}'"
                " from media, unnest(array['', ' 2', ' 3', ' 4']) as n"
            )
            connection.execute("analyze audit")
            # A commit that is not on the disk yet shows a vacuum nothing.
            connection.execute("vacuum media")
        yield url


@pytest.fixture
def db(loaded):
    """A connection to it whose planner reads no whole table for want of rows; what a test changes there is undone."""
    with psycopg.connect(loaded) as connection:
        connection.execute("set enable_seqscan = off")
        yield connection
        connection.rollback()


def explain(db, name: str, parameters: dict[str, Any]) -> dict[str, Any]:
    """The plan of a named query, as a statement that is prepared once and run with these parameters."""
    order: list[str] = []

    def place(mark: re.Match[str]) -> str:
        if mark[1] not in order:
            order.append(mark[1])
        return f"${order.index(mark[1]) + 1}"

    text = re.sub(r"%\((\w+)\)s", place, QUERIES[name].text)
    db.execute(f"prepare planned as {text}")
    values = f"({', '.join(f'%({parameter})s' for parameter in order)})" if order else ""
    try:
        with psycopg.ClientCursor(db) as cursor:
            (((plan,),),) = cursor.execute(f"explain (format json) execute planned{values}", parameters).fetchall()
    finally:
        db.execute("deallocate planned")
    found: dict[str, Any] = plan["Plan"]
    return found


def nodes(plan: dict[str, Any]):
    """Every node of a plan."""
    yield plan
    for below in plan.get("Plans", []):
        yield from nodes(below)


def sorts(plan: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """What a plan puts in order, but for what is a page at most."""
    return [node for node in plan if node["Node Type"] == "Sort" and node["Plan Rows"] > PAGE["limit"]]


MODES = ("force_custom_plan", "force_generic_plan")


def test_a_statement_goes_by_its_index(subtests, db):
    """Planned for its parameters or once for all of them: by these indexes, and through no whole table."""
    for mode, (case, (name, parameters, indexes)) in product(MODES, CASES.items()):
        with subtests.test(case, mode=mode):
            db.execute(f"set plan_cache_mode = {mode}")

            plan = list(nodes(explain(db, name, parameters)))

            used = {node["Index Name"] for node in plan if "Index Name" in node}
            assert used
            assert used <= indexes
            assert [node["Relation Name"] for node in plan if node["Node Type"] == "Seq Scan"] == []
            assert not sorts(plan)


@pytest.mark.parametrize("mode", ["force_custom_plan", "force_generic_plan"])
def test_the_media_of_a_post_are_found_without_the_owners_others(db, mode):
    """However many the owner has; only those of the post are put in order."""
    db.execute(f"set plan_cache_mode = {mode}")

    plan = list(nodes(explain(db, "list_media_of_post", {**PAGE, **PART, "before": LAST_ID, "post_id": "post"})))

    assert {node["Index Name"] for node in plan if "Index Name" in node} == {"media_of_post", "events_of_owner"}
    assert [node["Relation Name"] for node in plan if node["Node Type"] == "Seq Scan"] == []


@pytest.mark.parametrize("before", [None, LAST_ID])
@pytest.mark.parametrize("mode", ["force_custom_plan", "force_generic_plan"])
def test_names_are_searched_in_the_index(db, mode, before):
    """In the order of the page, so that it ends with it; only rows that are found are read."""
    db.execute(f"set plan_cache_mode = {mode}")

    plan = list(
        nodes(explain(db, "search_media", {**OF_MANY, **PART, "before": before, "limit": 6, "budget": SEARCH_BUDGET}))
    )

    scans = {node["Index Name"]: node["Node Type"] for node in plan if "Index Name" in node}
    assert scans == {
        "media_of_owner": "Index Only Scan", "media_pkey": "Index Scan", "events_of_owner": "Index Only Scan",
    }  # fmt: skip
    assert [node["Relation Name"] for node in plan if node["Node Type"] == "Seq Scan"] == []
    assert not [node for node in plan if node["Node Type"] in {"Hash", "Materialize"}]
    assert not sorts(plan)


@pytest.mark.parametrize("mode", ["force_custom_plan", "force_generic_plan"])
def test_a_purge_looks_at_its_owner_alone(db, mode):
    """Some of an owner's media are found by the owner; to put a few of them in order may cost less than the index."""
    db.execute(f"set plan_cache_mode = {mode}")

    plan = list(nodes(explain(db, "delete_some_media", {"owner_id": OWNER, "limit": 500, "now": NOW, "look_at": NOW})))

    assert {node["Index Name"] for node in plan if "Index Name" in node} == {"media_of_owner", "media_pkey"}
    assert [node["Relation Name"] for node in plan if node["Node Type"] == "Seq Scan"] == []


@pytest.mark.parametrize("mode", ["force_custom_plan", "force_generic_plan"])
def test_what_comes_back_to_an_owner_is_looked_for_among_its_tombstones(db, mode):
    """The soonest of them, in their order; only the minutes are put in order."""
    db.execute(f"set plan_cache_mode = {mode}")

    plan = list(nodes(explain(db, "read_releases", {"owner_id": OWNER, "now": NOW})))

    assert {node["Index Name"] for node in plan if "Index Name" in node} == {"media_tombstones_of_owner"}
    assert [node["Relation Name"] for node in plan if node["Node Type"] == "Seq Scan"] == []


def test_a_lease_weighs_nothing(db):
    """What a row's weight depends on has not changed, so that no trigger follows any of its rows."""
    name, parameters, _ = CASES["lease_due_media"]
    due = {**parameters, "now": datetime.now(UTC)}

    (((told,),),) = db.execute(f"explain (analyze, format json) {QUERIES[name].text}", due).fetchall()

    assert told["Plan"]["Actual Rows"] == parameters["limit"]
    assert {trigger["Trigger Name"] for trigger in told["Triggers"]} == {"media_keep_rules"}


def test_a_whole_table_is_told_from_an_index(db):
    """What the test above looks for is there when no index serves."""
    db.execute("drop index media_of_owner")

    plan = list(nodes(explain(db, "list_media", {**PAGE, "before": None})))

    assert "media_of_owner" not in {node.get("Index Name") for node in plan}
    assert "Sort" in {node["Node Type"] for node in plan} or "media_pkey" in {node.get("Index Name") for node in plan}


@pytest.mark.parametrize("mode", ["force_custom_plan", "force_generic_plan"])
def test_one_owners_usage_is_not_looked_for_among_all(database_url, mode):
    """With ten thousand owners, and every kind of plan allowed, a usage is still read by its key."""
    with psycopg.connect(database_url, autocommit=True) as db:
        db.execute("insert into storage_usage (owner_id) select 'owner-' || n from generate_series(1, 10000) as n")
        db.execute("analyze storage_usage")
        db.execute(f"set plan_cache_mode = {mode}")
        _, parameters, indexes = CASES["read_usage"]

        plan = list(nodes(explain(db, "read_usage", parameters)))

    used = {node["Index Name"] for node in plan if "Index Name" in node}
    assert used
    assert used <= indexes
    assert [node["Relation Name"] for node in plan if node["Node Type"] == "Seq Scan"] == []
