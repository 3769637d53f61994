"""What is forgotten, and when: no table grows without end."""

import re
from datetime import UTC, datetime, timedelta

import psycopg
import pytest

from contracts.errors import MediaNotFound
from jobs.retention import Retention, forget
from media.queue import QUEUE
from procedures import PROCEDURES
from rpc.auth import Caller
from rpc.limits import DEFAULT_LIMITS
from rpc.procedure import ProcedureKind
from sql import QUERIES
from sql.migrate import migrate
from tests.at_once import at_once
from tests.databases import empty_database

NOW = datetime.now(UTC)
# The tables from which nothing is forgotten, and what bounds each.
BOUNDED = {
    "media": "MAX_MEDIA_PER_OWNER; uploads, tombstones and failed media go by the sweep",
    "storage_usage": "one for each owner whom a token has named, until nothing is to be known of the owner",
    "profile_images": "one for each owner",
    "lane_clocks": "one for each lane",
    "migrations": "one for each file",
    "procrastinate_events": "what happened to a job goes with the job",
    "procrastinate_workers": "each goes when it ends, or when others find it dead",
    "procrastinate_periodic_defers": "there are no periodic tasks",
}
RATE, ONCE = "RATE_LIMITS", "one for each media, whoever calls"
# What bounds the records of each mutation in the audit, as far as that reaches back.
RECORDS = {
    "media.initiateUpload": RATE,
    "media.initiateUploads": RATE,
    "media.initiateMultipartUpload": RATE,
    "media.upload": RATE,
    "media.attachToPost": RATE,
    "media.detachFromPost": RATE,
    "media.signParts": ONCE,
    "media.uploadPart": ONCE,
    "media.completeUpload": "an upload ends once",
    "media.completeMultipartUpload": "an upload ends once",
    "media.cancelUpload": "an upload ends once",
    "media.retryProcessing": "three an hour for each media",
    "media.cancelProcessing": "one for each time that processing begins",
    "media.setProfileImage": "one for each image, since another one deletes it",
    "media.deleteMedia": "one for each media",
    "media.deleteMany": "one for each media",
    "media.deletePostMedia": "one for each media",
    "media.setPlan": "for the scope `service` alone",
    "media.purgeUser": "for the scope `service` alone; one for each time that something is left",
}
COLUMNS = {
    "events": ("type", "media_id", "owner_id", "at", "data"),
    "audit": ("at", "user_id", "procedure", "request_id", "owner_id", "input"),
}
# What bounds a table, where the schema itself says so.
GO_WITH = {("profile_images", "media"), ("procrastinate_events", "procrastinate_jobs")}


@pytest.fixture
def db(database_url):
    with psycopg.connect(database_url, autocommit=True) as connection:
        yield connection


@pytest.fixture
def written(db):
    """Write an event, and a record of the audit, so many days ago; how many there are."""

    def write(*days: float) -> None:
        for age in days:
            at = NOW - timedelta(days=age)
            db.execute(
                "insert into events (type, media_id, owner_id, at, data)"
                " values ('media.ready', gen_random_uuid(), 'ada', %s, '{}')",
                [at],
            )
            db.execute(
                "insert into audit (at, user_id, procedure, request_id, owner_id, input)"
                " values (%s, 'ada', 'media.attachToPost', 'r', 'ada', '{}')",
                [at],
            )

    return write


def ages(db, table: str) -> list[int]:
    """How many days ago each row of a table was written."""
    return [round((NOW - at).total_seconds() / 86400) for (at,) in db.execute(f"select at from {table} order by id")]


def test_every_table_has_a_bound(servers):
    """Whoever adds a table says what bounds it: something in `jobs/retention.py`, or something here."""
    with empty_database(servers) as url:
        migrate(url)
        with psycopg.connect(url) as db:
            tables = {name for (name,) in db.execute("select tablename from pg_tables where schemaname = 'public'")}
    forgotten = {
        table for name in Retention().cuts(NOW) for table in re.findall(r"delete from (\w+)", QUERIES[name].text)
    }

    assert tables == forgotten | set(BOUNDED)
    assert not forgotten & set(BOUNDED)


def test_the_records_of_every_mutation_have_a_bound():
    """Whoever adds one says what keeps it from leaving records for ever."""
    mutations = {procedure.name: procedure for procedure in PROCEDURES if procedure.kind is ProcedureKind.MUTATION}

    assert set(mutations) == set(RECORDS)
    assert {name for name, procedure in mutations.items() if procedure.audits_once} == bounded_by(ONCE)
    assert set(DEFAULT_LIMITS.table) == bounded_by(RATE)


def bounded_by(bound: str) -> set[str]:
    return {name for name, stated in RECORDS.items() if stated == bound}


def test_what_goes_with_its_owner_does(db):
    """By the foreign keys of the schema."""
    cascades = db.execute(
        "select conrelid::regclass::text, confrelid::regclass::text from pg_constraint"
        " where contype = 'f' and confdeltype = 'c'"
    ).fetchall()

    assert set(cascades) >= GO_WITH
    assert not QUEUE.periodic_registry.periodic_tasks


async def test_the_log_and_the_audit_reach_back_as_far_as_is_said(resources, db, written):
    written(100, 91, 89, 31, 29, 0)

    assert await forget(resources.db, Retention(), NOW) == 6

    assert ages(db, "events") == [29, 0]
    assert ages(db, "audit") == [89, 31, 29, 0]


async def test_operators_say_how_far_that_is(resources, db, written):
    written(3, 1, 0)

    await forget(resources.db, Retention(events=timedelta(days=2), audit=timedelta(hours=12)), NOW)

    assert ages(db, "events") == [1, 0]
    assert ages(db, "audit") == [0]


async def test_one_pass_forgets_all_that_is_old_in_small_steps(resources, db, written):
    """However much there is; of two passes at once, each takes what the other has left."""
    written(100)
    for table in ("events", "audit"):
        names = ", ".join(COLUMNS[table])
        db.execute(f"insert into {table} ({names}) select {names} from {table}, generate_series(1, 2500)")
    written(0)

    passes = await at_once(*(forget(resources.db, Retention(), NOW) for _ in range(2)))

    assert sum(passes) == 2 * 2501
    assert (ages(db, "events"), ages(db, "audit")) == ([0], [0])


async def test_cancelled_jobs_go_with_the_next_pass_and_failed_ones_after_a_week(resources, db, completed_media, jobs):
    for _ in range(4):
        await completed_media()
    for number, status in enumerate(("failed", "cancelled", "aborted"), 1):
        db.execute("update procrastinate_jobs set status = 'doing' where id = %s", [number])
        db.execute("update procrastinate_jobs set status = %s where id = %s", [status, number])

    await forget(resources.db, Retention(), NOW)
    assert [status for _, status, _ in jobs()] == ["failed", "todo"]

    await forget(resources.db, Retention(), datetime.now(UTC) + timedelta(hours=169))
    assert [status for _, status, _ in jobs()] == ["todo"]
    assert db.execute("select count(*) from procrastinate_events").fetchone() == (1,)


async def test_a_worker_forgets(db, written, start):
    """By its settings."""
    written(3, 0)
    with start(EVENTS_RETENTION_DAYS="2", AUDIT_RETENTION_DAYS="4") as worker:
        worker.wait_for("forgotten")

    assert (ages(db, "events"), ages(db, "audit")) == ([0], [3, 0])


async def test_a_media_outlives_its_log(resources, ready_media, call):
    """Its owner may watch it all the same, and nobody else."""
    media = await ready_media()
    await forget(resources.db, Retention(), datetime.now(UTC) + timedelta(days=31))

    assert (await call("media.pollEvents", mediaId=str(media.id), since="start", waitSeconds=0)).events == []
    with pytest.raises(MediaNotFound):
        await call("media.pollEvents", mediaId=str(media.id), since="start", waitSeconds=0, caller=Caller("eve"))


async def test_what_was_deleted_is_known_as_long_as_the_log_knows(
    resources, ready_media, call, run_pending, after_the_url
):
    """Then it reads as what never was."""
    media = await ready_media()
    await call("media.deleteMedia", mediaId=str(media.id))
    await run_pending(after_the_url)
    assert (await call("media.deleteMedia", mediaId=str(media.id))).success

    await forget(resources.db, Retention(), datetime.now(UTC) + timedelta(days=31))

    with pytest.raises(MediaNotFound):
        await call("media.deleteMedia", mediaId=str(media.id))
