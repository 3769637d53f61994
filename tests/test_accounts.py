"""What the host application does to an owner as a whole: a plan, and everything of a user gone."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import psycopg
import pytest

from contracts.errors import ServiceOnly, StorageLimitExceeded, ValidationFailed
from contracts.plans import Plan
from jobs.sweep import sweep
from media import deletion
from rpc.auth import Caller
from rpc.limits import RateLimits
from tests.at_once import at_once
from tests.callers import SERVICE
from tests.media_files import padded, video
from tests.processes import mediarpc

GRACE = Caller("grace-of-tests")
MIB = 1024**2
FREE, BASIC = 50 * MIB, 1024 * MIB
MANY = 2000
FAR = timedelta(days=2)


@pytest.fixture
def settings(settings):
    """Every call is counted."""
    return replace(settings, rate_limits=RateLimits.parse("*=1000/60"))


@pytest.fixture
def fetch(database_url):
    """The rows of a query of the test's own."""

    def run(query: str, *values: Any) -> list[Any]:
        with psycopg.connect(database_url, autocommit=True) as connection:
            return connection.execute(query, values).fetchall()

    return run


@pytest.fixture
def admin(database_url):
    """Run a statement of the test's own."""

    def run(statement: str) -> None:
        with psycopg.connect(database_url, autocommit=True) as connection:
            connection.execute(statement)

    return run


@pytest.fixture
def named_in(fetch):
    """How many rows of each table name a user anywhere."""

    def count(user: str) -> dict[str, int]:
        tables = fetch("select tablename from pg_tables where schemaname = 'public' and tablename <> 'keys_there_were'")
        found = {
            table: fetch(f"select count(*) from {table} as row where row::text like %s", f"%{user}%")[0][0]
            for (table,) in tables
        }
        return {table: rows for table, rows in found.items() if rows}

    return count


@pytest.fixture
def many_media(database_url):
    """So many media of an owner, in every state that is not deleted."""

    def insert(number: int, owner: str) -> None:
        with psycopg.connect(database_url) as connection:
            connection.execute("insert into storage_usage (owner_id, quota_bytes) values (%s, 10000000)", [owner])
            connection.execute(
                "insert into media (id, owner_id, user_id, state, type, filename, mime_type, size_bytes, staging_key,"
                " original_key, error_code, error_reason, url_expires_at, url_ends_at, created_at, updated_at,"
                " sweep_at)"
                " select gen_random_uuid(), %(owner)s, %(owner)s, state, 'image', 'a.jpg', 'image/jpeg', 10,"
                " 'staging/' || n, case when state <> 'pending' then 'o/' || n end,"
                " case when state = 'failed' then 'bad' end, case when state = 'failed' then 'Bad' end,"
                " now() + '1m', now() + '2m', now(), now(), case when state = 'pending' then now() + '2m' end"
                " from generate_series(1, %(number)s) as n,"
                " lateral (select (array['pending', 'processing', 'ready', 'failed'])[n %% 4 + 1] as state) as chosen",
                {"owner": owner, "number": number},
            )

    return insert


@pytest.fixture
def swept(resources, run_pending):
    """Run the jobs, and one sweep past the end of every URL."""

    async def run() -> None:
        await run_pending()
        late = datetime.now(UTC) + FAR
        await sweep(resources.db, late)
        await run_pending(late)

    return run


async def test_a_plan_is_set_for_a_user(call, ada):
    """The answer is the usage under the new quota, which the user sees too, and which the next upload goes by."""
    given = await call("media.setPlan", caller=SERVICE, userId="ada", plan="basic")
    assert (given.used, given.limit, given.reserved, given.percentage) == (0, BASIC, 0, 0.0)
    assert (await call("media.getStorageUsage")).limit == BASIC

    large = {"filename": "walk.mp4", "contentType": "video/mp4", "size": 60 * MIB}
    await call("media.initiateUpload", **large)
    assert (await call("media.getStorageUsage")).reserved == 60 * MIB


async def test_a_plan_is_set_for_another_owner(call):
    """By its name; the user with the same letters keeps the plan that was."""
    given = await call("media.setPlan", caller=SERVICE, owner={"type": "event", "id": "42"}, plan="pro")
    assert given.limit == 5 * BASIC
    assert (await call("media.getStorageUsage", caller=SERVICE, owner={"type": "event", "id": "42"})).limit == 5 * BASIC
    assert (await call("media.getStorageUsage", caller=Caller("event:42"))).limit == FREE
    assert (await call("media.getStorageUsage", caller=SERVICE, owner={"type": "event", "id": "43"})).limit == FREE


async def test_a_lowered_plan_takes_nothing_away(call, completed_media, pending_upload, client):
    """What is there stays; nothing more comes in."""
    await call("media.setPlan", caller=SERVICE, userId="ada", plan="basic")
    ticket = await pending_upload(filename="w.mp4", contentType="video/mp4", size=60 * MIB)

    given = await call("media.setPlan", caller=SERVICE, userId="ada", plan="free")

    assert (given.limit, given.reserved) == (FREE, 60 * MIB)
    with pytest.raises(StorageLimitExceeded) as refused:
        await pending_upload()
    assert (refused.value.available, refused.value.quota) == (0, FREE)
    await call("media.cancelUpload", mediaId=str(ticket.media_id))


async def test_a_token_that_names_a_plan_decides_at_the_next_initiate(call, pending_upload):
    """Over what was set, and for good: a later token without a plan finds the token's."""
    await call("media.setPlan", caller=SERVICE, userId="ada", plan="pro")
    assert (await call("media.getStorageUsage")).limit == 5 * BASIC
    await pending_upload(caller=Caller("ada", Plan.BASIC))
    assert (await call("media.getStorageUsage")).limit == BASIC


@pytest.mark.parametrize(
    ("told", "sentence"),
    [
        ({"plan": "pro"}, "Name either userId or owner"),
        ({"userId": "ada", "owner": {"type": "user", "id": "ada"}, "plan": "pro"}, "Name either userId or owner"),
        ({"userId": "", "plan": "pro"}, "userId must not be empty"),
        ({"userId": "ada", "plan": "gold"}, "plan must be 'free', 'basic', 'pro' or 'premium'"),
    ],
    ids=["nobody", "two", "empty", "unknown plan"],
)
async def test_a_plan_is_for_exactly_one(call, told, sentence):
    with pytest.raises(ValidationFailed) as refused:
        await call("media.setPlan", caller=SERVICE, **told)
    assert refused.value.message == sentence


@pytest.mark.parametrize("caller", [Caller("ada"), Caller("ada", scopes=frozenset({"services", "admin"}))])
async def test_plans_and_purges_are_for_services(call, fetch, caller):
    """A user may not even do it to themself."""
    for name, told in (("media.setPlan", {"plan": "premium"}), ("media.purgeUser", {})):
        with pytest.raises(ServiceOnly):
            await call(name, caller=caller, userId="ada", **told)
    assert fetch("select * from storage_usage") == []
    assert fetch("select * from audit") == []


async def test_a_purge_leaves_nothing_but_the_log_and_the_audit(
    call, named_in, objects, swept, pending_upload, arrived_upload, ready_media, client, fetch
):
    """Media in every state, an upload in parts on its way, keys, windows, a plan: gone when the sweeps have run."""
    kept = await ready_media(filename="kept.jpg")
    await call("media.setPlan", caller=SERVICE, userId=GRACE.id, plan="basic")
    ready = await ready_media(caller=GRACE)
    await pending_upload(caller=GRACE, idempotencyKey="again")
    await arrived_upload(caller=GRACE, filename="grace-of-tests.jpg")
    body = padded(video(), 12 * MIB)
    clip = await call(
        "media.initiateMultipartUpload", caller=GRACE, filename="f.mp4", contentType="video/mp4", size=len(body)
    )
    (part,) = (await call("media.signParts", caller=GRACE, mediaId=str(clip.media_id), partNumbers=[1])).parts
    assert (await client.put(part.upload_url, content=body[: part.size], headers=part.headers)).status_code == 200
    assert set(named_in(GRACE.id)) == {
        "media", "storage_usage", "events", "idempotency_keys", "rate_windows", "lane_turns", "audit",
    }  # fmt: skip

    assert (await call("media.purgeUser", caller=SERVICE, userId=GRACE.id)).deleted == 4
    assert (await call("media.listMedia", caller=GRACE)).items == []
    assert (await call("media.listUploads", caller=GRACE)).items == []
    assert (await call("media.purgeUser", caller=SERVICE, userId=GRACE.id)).deleted == 0
    await swept()

    assert set(named_in(GRACE.id)) == {"events", "audit"}
    assert set(await objects()) == set(fetch_keys(fetch))
    assert [item.id for item in (await call("media.listMedia")).items] == [kept.id]
    assert fetch("select count(*) from events where media_id = %s and type = 'media.deleted'", ready.id) == [(1,)]


def fetch_keys(fetch) -> list[str]:
    """The keys of the originals that there are."""
    return [key for (key,) in fetch("select original_key from media")]


async def test_a_user_with_thousands_of_media_is_purged_in_steps(call, many_media, fetch):
    """Each step is a transaction with its jobs; every media has one event, and one job that purges it."""
    many_media(MANY, "grace-of-tests")
    many_media(8, "ada")

    assert (await call("media.purgeUser", caller=SERVICE, userId=GRACE.id)).deleted == MANY

    assert fetch("select count(*), count(distinct xmin::text) from media where state = 'deleted'") == [(MANY, 4)]
    assert fetch(
        "select count(*), count(distinct media_id), count(distinct owner_id) from events where type = 'media.deleted'"
    ) == [(MANY, MANY, 1)]
    assert fetch("select count(*), count(distinct args) from procrastinate_jobs where task_name = 'purge_media'") == [
        (MANY, MANY)
    ]
    assert fetch("select used_bytes, reserved_bytes, quota_bytes from storage_usage where owner_id = 'ada'") == [
        (60, 20, 10000000)
    ]
    assert fetch("select reserved_bytes, quota_bytes from storage_usage where owner_id = 'grace-of-tests'") == [
        (MANY * 10, FREE)
    ]
    assert (await call("media.purgeUser", caller=SERVICE, userId=GRACE.id)).deleted == 0


@pytest.mark.usefixtures("unhurried")
async def test_fifty_purges_at_once_delete_each_media_once(call, many_media, fetch, monkeypatch):
    """Whoever comes to a media first counts it; one event and one job come of it."""
    monkeypatch.setattr(deletion, "BATCH_MEDIA", 10)
    many_media(200, "grace-of-tests")

    purged = await at_once(*(call("media.purgeUser", caller=SERVICE, userId=GRACE.id) for _ in range(50)))

    assert sum(answer.deleted for answer in purged) == 200
    deleted = "select count(*), count(distinct media_id) from events where type = 'media.deleted'"
    assert fetch(deleted) == [(200, 200)]
    assert fetch("select count(*), count(distinct args) from procrastinate_jobs") == [(200, 200)]


@pytest.mark.usefixtures("unhurried")
async def test_fifty_plans_at_once_are_one_plan(call, fetch):
    """Each is told the same, and the quota is that of the plan."""
    told = {"caller": SERVICE, "userId": GRACE.id, "plan": "basic"}

    answers = await at_once(*(call("media.setPlan", **told) for _ in range(50)))

    assert {answer.limit for answer in answers} == {BASIC}
    assert fetch("select owner_id, quota_bytes from storage_usage") == [(GRACE.id, BASIC)]


async def test_what_a_purge_that_died_did_not_get_to_the_next_one_does(call, many_media, fetch, monkeypatch, admin):
    """What was committed stays done, and has the record of the call that died."""
    monkeypatch.setattr(deletion, "BATCH_MEDIA", 10)
    many_media(25, "grace-of-tests")
    admin(
        "create function fail() returns trigger language plpgsql as $$ begin"
        " if (select count(*) from media where state = 'deleted') >= 10 then raise 'no more'; end if;"
        " return new; end $$"
    )
    admin("create trigger fail before update on media for each row execute function fail()")
    with pytest.raises(psycopg.errors.RaiseException, match="no more"):
        await call("media.purgeUser", caller=SERVICE, userId=GRACE.id)
    assert fetch("select count(*) from media where state = 'deleted'") == [(10,)]

    admin("drop function fail cascade")
    assert (await call("media.purgeUser", caller=SERVICE, userId=GRACE.id)).deleted == 15
    assert fetch("select user_id, procedure, owner_id, media_id from audit") == [
        ("backend", "media.purgeUser", "grace-of-tests", None)
    ] * 2  # fmt: skip


async def test_a_purge_takes_no_other_owner_for_the_user(call, pending_upload, named_in):
    """A user id that reads like an event is a user's; what a user uploaded for an event is the event's."""
    event = Caller("host", owners=frozenset({"event:42"}))
    of_event = await pending_upload(caller=event, owner={"type": "event", "id": "42"})
    of_user = await pending_upload(caller=Caller("event:42"))

    assert (await call("media.purgeUser", caller=SERVICE, userId="event:42")).deleted == 1
    assert (await call("media.purgeUser", caller=SERVICE, userId="host")).deleted == 0

    assert (await call("media.getMedia", caller=event, mediaId=str(of_event.media_id))).media.owner_id == "42"
    listed = await call("media.listMedia", caller=Caller("event:42"), status="pending")
    assert (listed.items, str(of_user.media_id) != str(of_event.media_id)) == ([], True)


async def test_an_owner_who_holds_nothing_under_the_free_plan_is_forgotten(call, pending_upload, swept, fetch):
    """The row goes with the last tombstone, and says nothing that is not known without it; a plan keeps it."""
    for plan, rows in ((None, []), (Plan.PRO, [("ada", 0, 0)])):
        ticket = await pending_upload(caller=Caller("ada", plan))
        await call("media.deleteMedia", mediaId=str(ticket.media_id))
        await swept()
        assert fetch("select owner_id, used_bytes, reserved_bytes from storage_usage") == rows


def test_the_command_purges_a_user(many_media, fetch, database_url):
    """It says how many, needs the database alone, and leaves a record of nobody."""
    many_media(5, "grace-of-tests")
    asked = ("purge-user", "--user", GRACE.id)
    purged = [mediarpc(*asked, DATABASE_URL=database_url) for _ in range(2)]

    assert [(run.returncode, run.stderr) for run in purged] == [(0, ""), (0, "")]
    assert [run.stdout for run in purged] == [
        "5 media deleted; workers take their bytes out of storage\n",
        "0 media deleted; workers take their bytes out of storage\n",
    ]
    assert fetch("select user_id, procedure, owner_id, media_id, input from audit") == [
        ("", "mediarpc purge-user", "grace-of-tests", None, {"userId": "grace-of-tests"})
    ]


@pytest.mark.parametrize(
    ("user", "variables", "sentence"),
    [
        (
            "ada",
            {},
            "mediarpc: DATABASE_URL is not set. The Postgres (15 or newer) that holds everything but the bytes.",
        ),
        ("", {"DATABASE_URL": "postgresql://unused"}, "mediarpc: --user must have 1 to 64 printable characters"),
    ],
    ids=["no database", "no user"],
)
def test_the_command_says_what_it_lacks(user, variables, sentence):
    refused = mediarpc("purge-user", "--user", user, **variables)
    assert (refused.returncode, refused.stdout, refused.stderr) == (2, "", sentence + "\n")
