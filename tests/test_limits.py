"""Rate limits: exact across processes, by a window that moves."""

import asyncio
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import httpx
import psycopg
import pytest

from contracts.errors import RateLimitExceeded
from jobs.retention import Retention, forget
from procedures import PROCEDURES
from rpc.app import create_app
from rpc.auth import Caller
from rpc.limits import DEFAULT_LIMITS, DEV_LIMITS, RateLimit, RateLimits
from server.resources import app_config, open_resources
from server.settings import Settings
from server.token import sign_token
from tests.at_once import at_once
from tests.deployment import SECRET, developing
from tests.locks import until_waiting
from tests.processes import Site, mediarpc

NOON = datetime(2026, 1, 2, 12, 0, 0, 500_000, tzinfo=UTC)


@pytest.fixture
def limits():
    return RateLimits.parse("media.initiateUpload=10/60,*=3/30")


@pytest.fixture
def settings(settings, limits):
    return replace(settings, rate_limits=limits)


@pytest.fixture
def initiate(call):
    """Initiate at so many seconds after noon; the seconds to wait, or None when it was let in."""

    async def at(seconds, **params):
        told = {"filename": "a.jpg", "contentType": "image/jpeg", "size": 1, **params}
        try:
            await call("media.initiateUpload", now=NOON + timedelta(seconds=seconds), **told)
        except RateLimitExceeded as refused:
            return refused.retry_after
        return None

    return at


async def test_ten_calls_fit_and_the_eleventh_waits(initiate):
    assert [await initiate(0) for _ in range(10)] == [None] * 10
    assert await initiate(0) == 61
    assert await initiate(59.9) is not None
    assert await initiate(61) is None


async def test_a_window_moves(initiate):
    """Ten calls at the end of one minute leave no room for ten at the start of the next."""
    assert [await initiate(second) for second in range(50, 60)] == [None] * 10
    assert [await initiate(second) for second in (60, 70, 100, 110)] == [51, 41, 11, 1]
    assert [await initiate(second) for second in (111, 111, 112)] == [None, 1, None]


async def test_the_wait_is_what_it_takes(initiate):
    """Whoever waits as long as told gets in, whoever waits a second less does not."""
    for second in (0, 3, 7, 20, 21, 22, 23, 24, 25, 26):
        assert await initiate(second) is None
    wait = await initiate(30)
    assert await initiate(30 + wait - 1) is not None
    assert await initiate(30 + wait) is None


async def test_a_refused_call_does_not_count(initiate):
    for _ in range(10):
        await initiate(0)
    for second in range(1, 60):
        assert await initiate(second) is not None

    assert [await initiate(61) for _ in range(10)] == [None] * 10


async def test_a_caller_who_comes_back_while_the_window_is_swept_is_counted(initiate, database_url):
    """The row that the call has found is gone when it can be locked; the call counts in a new one."""
    await initiate(0)
    async with await psycopg.AsyncConnection.connect(database_url) as sweeper:
        await sweeper.execute("select from rate_windows for update")
        calling = asyncio.create_task(initiate(3600))
        await until_waiting(1, sweeper)
        await sweeper.execute("delete from rate_windows")

    assert await calling is None
    assert [await initiate(3600) for _ in range(10)] == [None] * 9 + [61]


async def test_callers_have_windows_of_their_own(initiate):
    for _ in range(10):
        await initiate(0)

    assert await initiate(0, caller=Caller("ben")) is None


async def test_a_clock_that_is_behind_opens_no_window(initiate):
    """A server whose clock is slow counts into the newest window."""
    assert [await initiate(30) for _ in range(10)] == [None] * 10
    assert await initiate(-40) is not None


@pytest.mark.usefixtures("unhurried")
async def test_fifty_at_once_are_ten(call):
    """Across connections, no call more than the limit gets in."""

    async def initiate(number):
        try:
            await call("media.initiateUpload", filename=f"{number}.jpg", contentType="image/jpeg", size=1)
        except RateLimitExceeded:
            return False
        return True

    assert sum(await at_once(*(initiate(number) for number in range(50)))) == 10


async def test_every_other_procedure_has_the_star_limit(call):
    """Counted with its own first statement, by procedure."""
    for _ in range(3):
        await call("media.getStorageUsage", now=NOON)
        await call("media.listMedia", now=NOON)
    for name in ("media.getStorageUsage", "media.listMedia"):
        with pytest.raises(RateLimitExceeded) as refused:
            await call(name, now=NOON)
        assert refused.value.details == {"retryAfter": 31}
    await call("media.getSupportedFormats", caller=None)


async def test_a_full_window_keeps_a_mutation_from_running(completed_media, call):
    made = [await completed_media() for _ in range(3)]
    last = await completed_media(caller=Caller("ben"))
    for media in made:
        await call("media.deleteMedia", mediaId=str(media.id), now=NOON)
    with pytest.raises(RateLimitExceeded):
        await call("media.deleteMedia", mediaId=str(last.id), now=NOON)

    assert (await call("media.getStorageUsage", caller=Caller("ben"))).used == last.size


async def test_a_batch_counts_each_call(rpc, http, bearer):
    batch = [{"jsonrpc": "2.0", "id": n, "method": "media.getStorageUsage"} for n in range(5)]
    answers = (await http.post("/rpc", json=batch, headers=bearer())).json()

    assert sorted("result" in answer for answer in answers) == [False, False, True, True, True]
    refused = [answer["error"] for answer in answers if "error" in answer]
    assert {error["code"] for error in refused} == {1500}
    assert {error["data"]["rpcCode"] for error in refused} == {1500}
    assert all(30 <= error["data"]["details"]["retryAfter"] <= 31 for error in refused)


async def test_a_refusal_leaves_nothing_behind_on_its_connection(settings, bearer):
    """The database never saw the statement that came with the refused count; the next caller's is run all the same."""
    strict = replace(settings, rate_limits=RateLimits.parse("*=1/30"), database_pool_size=1)
    async with open_resources(strict) as resources:
        transport = httpx.ASGITransport(create_app(resources, PROCEDURES, app_config(strict)))
        async with httpx.AsyncClient(transport=transport, base_url="http://media.test") as client:
            document = {"procedure": "media.getStorageUsage"}
            callers = ["ada", "ada", "ben", "ben", "eve"]
            answers = [await client.post("/rpc", json=document, headers=bearer(caller)) for caller in callers]

    assert [answer.status_code for answer in answers] == [200, 429, 200, 429, 200]


async def test_the_envelope_says_when_to_come_back(resources, settings, bearer):
    """429, Retry-After and the same seconds in the details."""
    transport = httpx.ASGITransport(create_app(resources, PROCEDURES, app_config(settings)))
    async with httpx.AsyncClient(transport=transport, base_url="http://media.test") as client:
        for _ in range(4):
            answer = await client.post("/rpc", json={"procedure": "media.listMedia"}, headers=bearer())

    assert answer.status_code == 429
    assert answer.json()["error"]["code"] == 1500
    assert answer.json()["error"]["message"] == "Rate limit exceeded"
    assert answer.headers["retry-after"] == str(answer.json()["error"]["details"]["retryAfter"])


async def test_old_windows_are_cleaned(initiate, resources, database_url):
    await initiate(0)
    await initiate(50, caller=Caller("ben"))

    assert await forget(resources.db, Retention(), NOON + timedelta(seconds=70)) == 1

    with psycopg.connect(database_url) as connection:
        assert connection.execute("select caller_id from rate_windows").fetchall() == [("ben",)]


@pytest.mark.parametrize(
    ("text", "table"),
    [
        ("off", {}),
        ("*=600/60", {"*": RateLimit(600, 60)}),
        (" media.listMedia=1/1 , *=2/3600 ", {"media.listMedia": RateLimit(1, 1), "*": RateLimit(2, 3600)}),
    ],
)
def test_limits_are_read_from_one_variable(text, table):
    assert RateLimits.parse(text).table == table


@pytest.mark.parametrize(
    ("misspelt", "meant"),
    [
        ("media.initateUpload", "media.initiateUpload"),
        ("initiateUpload", "media.initiateUpload"),
        ("media.Upload", "media.upload"),
    ],
)
def test_a_limit_of_no_procedure_keeps_the_server_from_starting(configured, misspelt, meant):
    """It would limit nothing, silently; the name that was probably meant is told."""
    sentence = f"mediarpc: RATE_LIMITS names no procedure: '{misspelt}'; did you mean {meant}?\n"
    for command in ("serve", "dev"):
        refused = mediarpc(command, **configured, RATE_LIMITS=f"*=100/60,{misspelt}=10/60")
        assert (refused.returncode, refused.stdout, refused.stderr) == (2, "", sentence)


def test_limits_of_procedures_are_known():
    names = [procedure.name for procedure in PROCEDURES]
    for limits in (DEFAULT_LIMITS, DEV_LIMITS, RateLimits(), RateLimits.parse("*=1/1")):
        limits.require_known(names)


def test_dev_lets_two_dozen_photos_be_dropped_at_once(servers, tmp_path):
    """Where `serve` begins ten a minute."""
    with developing(servers, tmp_path) as dev:
        told = {"filename": "photo.jpg", "contentType": "image/jpeg", "size": 1}
        site = Site(f"http://127.0.0.1:{dev.port}", sign_token(Settings(auth_jwt_secret=SECRET), user="ada"))
        assert len({site.rpc("media.initiateUpload", **told)["mediaId"] for _ in range(24)}) == 24


def test_limits_that_cannot_be_are_refused(subtests):
    for text in ("x", "x=1", "x=1/", "x=/1", "=1/1", "x=a/b", "x=0/1", "x=1/0", "x=1/86401", "x=-1/5"):
        with subtests.test(text=text), pytest.raises(ValueError, match="must"):
            RateLimits.parse(text)


def test_an_exact_name_wins_over_the_star(limits):
    assert limits.of("media.initiateUpload") == RateLimit(10, 60)
    assert limits.of("media.getMedia") == RateLimit(3, 30)
    assert DEFAULT_LIMITS.of("media.getMedia") is None
    assert str(DEFAULT_LIMITS) == (
        "media.initiateUpload=10/60,media.initiateUploads=10/60,media.initiateMultipartUpload=10/60,media.upload=10/60,"
        "media.attachToPost=60/60,media.detachFromPost=60/60"
    )
