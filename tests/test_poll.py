"""`media.pollEvents` over HTTP: who waits is told at once, waits no longer than asked, and is in nobody's way."""

import asyncio
import signal
import socket
import threading
import time
from dataclasses import replace
from typing import Any

import httpx
import psycopg
import pytest

from contracts.events import MediaEvents, PollEvents
from procedures.media.events import poll_events
from rpc.auth import Caller
from server.resources import store_config
from storage.s3 import ObjectStore
from tests.fork import fork
from tests.processes import Site, mediarpc, until

SOON = 0.1
LONG = 25
POLLERS = 200
SECRET = "a secret for tests, long enough for HS256"


@pytest.fixture
def envelope(http, bearer):
    """Poll over the envelope; the answer's data, or its error."""

    async def send(**params: Any) -> Any:
        document = {"procedure": "media.pollEvents", "input": params}
        answer = (await http.post("/rpc", json=document, headers=bearer("ada"))).json()
        return answer["data"] if answer["success"] else answer["error"]

    return send


@pytest.fixture
def jsonrpc(rpc):
    """Poll over JSON-RPC; the result, or the error."""

    async def send(**params: Any) -> Any:
        answer = await rpc("media.pollEvents", **params)
        return answer.get("result") or answer["error"]

    return send


@pytest.fixture(params=["envelope", "jsonrpc"])
def poll(request):
    """Poll in each dialect."""
    return request.getfixturevalue(request.param)


@pytest.fixture
def waiting(resources):
    """Return once so many wait for ada's log."""

    async def wait(number: int = 1) -> None:
        async with asyncio.timeout(30):
            while len(resources.notifier._subscriptions.get("ada", ())) != number:  # noqa: ASYNC110 - nobody tells
                await asyncio.sleep(0.01)

    return wait


def told(answer: Any) -> list[tuple[str, str]]:
    return [(event["type"], event["mediaId"]) for event in answer["events"]]


async def test_what_has_happened_is_answered_at_once(poll, pending_upload, call):
    """From the start of the log, or after an event, in pages; the last id is the next call's since."""
    ticket = await pending_upload()
    media_id = str(ticket.media_id)
    await call("media.cancelUpload", mediaId=media_id)

    first = await poll(since="start", limit=1)
    assert told(first) == [("upload.started", media_id)]
    assert first["lastEventId"] == first["events"][0]["id"]
    second = await poll(since=first["lastEventId"])
    assert told(second) == [("media.deleted", media_id)]
    assert second["events"][0]["data"] == {
        "status": "deleted", "type": "image", "size": ticket_size(first), "uploadedBytes": None, "stage": None,
        "progress": None, "error": None,
    }  # fmt: skip
    assert await poll(since=second["lastEventId"], waitSeconds=0) == {
        "events": [], "lastEventId": second["lastEventId"],
    }  # fmt: skip


def ticket_size(page: Any) -> int:
    size: int = page["events"][0]["data"]["size"]
    return size


async def test_who_waits_is_told_as_it_happens(poll, waiting, pending_upload):
    """Long before the wait is over, and of nobody else's media."""
    polling = asyncio.create_task(poll(since="start", waitSeconds=LONG))
    await waiting()
    await pending_upload(caller=Caller("ben"))
    await asyncio.sleep(SOON)
    assert not polling.done()

    ticket = await pending_upload()

    async with asyncio.timeout(10):
        assert told(await polling) == [("upload.started", str(ticket.media_id))]


async def test_one_media_may_be_waited_for(poll, waiting, pending_upload, call):
    """What happens to others wakes nobody up for good."""
    mine, other = await pending_upload(), await pending_upload()
    (began,) = (await poll(mediaId=str(mine.media_id), since="start", waitSeconds=0))["events"]
    polling = asyncio.create_task(poll(mediaId=str(mine.media_id), since=began["id"], waitSeconds=LONG))
    await waiting()
    await call("media.cancelUpload", mediaId=str(other.media_id))
    await asyncio.sleep(SOON)
    assert not polling.done()

    await call("media.cancelUpload", mediaId=str(mine.media_id))

    async with asyncio.timeout(10):
        assert told(await polling) == [("media.deleted", str(mine.media_id))]


async def test_the_wait_ends_empty(poll):
    """When nothing happens; the place in the log stays."""
    began = time.monotonic()
    assert await poll(waitSeconds=1) == {"events": [], "lastEventId": "0"}
    assert 1 <= time.monotonic() - began < LONG
    assert await poll(waitSeconds=0, since="41") == {"events": [], "lastEventId": "41"}


async def test_a_poll_begins_now(poll, pending_upload, call):
    """It tells nothing of what has happened, and where to go on: after the last event, whatever it was about."""
    first, last = await pending_upload(), await pending_upload()
    began = await poll(waitSeconds=0)
    of_one = await poll(mediaId=str(first.media_id), waitSeconds=0)
    assert (began["events"], of_one) == ([], began)

    await call("media.cancelUpload", mediaId=str(last.media_id))

    assert told(await poll(since=began["lastEventId"], waitSeconds=0)) == [("media.deleted", str(last.media_id))]


OUT_OF_BOUNDS: list[tuple[dict[str, Any], str]] = [
    ({"waitSeconds": 26}, "waitSeconds must be at most 25"),
    ({"waitSeconds": -1}, "waitSeconds must be at least 0"),
    ({"waitSeconds": 0.5}, "waitSeconds must be a whole number"),
    ({"limit": 201}, "limit must be at most 200"),
    ({"limit": 0}, "limit must be at least 1"),
    ({"since": "x"}, "since must be the id of an earlier event"),
]


async def test_the_wait_and_the_page_have_bounds(subtests, envelope):
    for params, sentence in OUT_OF_BOUNDS:
        with subtests.test(params=params):
            error = await envelope(**params)
            assert (error["code"], error["message"]) == (1200, sentence)


@pytest.fixture
def silent_store(settings):
    """A store that takes requests and never answers."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        host, port = server.getsockname()
        store = ObjectStore(store_config(replace(settings, s3_endpoint=f"http://{host}:{port}")))
        yield store
    store.close()


async def test_the_wait_ends_when_storage_does_not_answer(context, ada, call, silent_store):
    """Who asks for two seconds waits no twenty for word of parts."""
    ticket = await call("media.initiateMultipartUpload", filename="a.jpg", contentType="image/jpeg", size=9)
    await call("media.signParts", mediaId=str(ticket.media_id), partNumbers=[1])
    since = (await call("media.pollEvents", waitSeconds=0)).last_event_id
    began = time.monotonic()

    answer = await poll_events.run(
        context("media.getStorageUsage", ada, store=silent_store), PollEvents(since=since, wait_seconds=2)
    )

    assert answer == MediaEvents(events=[], last_event_id=since)
    assert time.monotonic() - began < 10


async def test_a_poll_is_sent_to_another_process_when_this_one_ends(poll, waiting, resources):
    """1903, at once: the next call finds a process that goes on."""
    polling = asyncio.create_task(poll(waitSeconds=LONG))
    await waiting()
    resources.notifier.close()
    async with asyncio.timeout(10):
        error = await polling
    assert error.get("data", {}).get("rpcCode", error["code"]) == 1903


def test_a_process_that_is_told_to_stop_answers_those_who_wait(resources, configured, tmp_path):
    """SIGTERM: 1903 for the poll, and an end with status 0 long before its wait is over."""
    credential = mediarpc("token", "--user", "ada", AUTH_JWT_SECRET=SECRET).stdout.strip()
    site = Site(f"http://127.0.0.1:{configured['PORT']}", credential)
    answers: list[Any] = []

    def poll() -> None:
        document = {"procedure": "media.pollEvents", "input": {"waitSeconds": LONG}}
        headers = {"authorization": f"Bearer {credential}"}
        answers.append(httpx.post(f"{site.origin}/rpc", json=document, headers=headers, timeout=60).json())

    with fork(tmp_path, "serve", **configured) as serve:
        serve.wait_for("mediarpc serves on")
        polling = threading.Thread(target=poll)
        polling.start()
        until(lambda: _is_listening(configured["DATABASE_URL"]))
        time.sleep(SOON)
        began = time.monotonic()
        assert serve.stop(signal.SIGTERM) == 0
        polling.join(30)
        assert time.monotonic() - began < LONG / 2
    assert [answer["error"]["code"] for answer in answers] == [1903]


def test_callers_who_hang_up_are_in_nobodys_way(resources, configured, tmp_path):
    """Of a server with two connections to its database: others are answered, and it stops at once when told."""
    credential = mediarpc("token", "--user", "ada", AUTH_JWT_SECRET=SECRET).stdout.strip()
    site = Site(f"http://127.0.0.1:{configured['PORT']}", credential)
    document = {"procedure": "media.pollEvents", "input": {"waitSeconds": LONG}}
    with fork(tmp_path, "serve", **configured, DATABASE_POOL_SIZE="2") as serve:
        serve.wait_for("mediarpc serves on")
        for _ in range(10):
            with pytest.raises(httpx.ReadTimeout):
                httpx.post(
                    f"{site.origin}/rpc",
                    json=document,
                    headers={"authorization": f"Bearer {credential}"},
                    timeout=httpx.Timeout(30, read=SOON),
                )
        began = time.monotonic()
        assert site.rpc("media.getStorageUsage")["used"] == 0
        assert serve.stop(signal.SIGTERM) == 0
        assert time.monotonic() - began < LONG / 2
    assert "Traceback" not in serve.output


def _is_listening(url: str) -> bool:
    with psycopg.connect(url, autocommit=True) as admin:
        count = "select count(*) from pg_stat_activity where datname = current_database() and query = 'listen events'"
        return admin.execute(count).fetchone() == (1,)


async def test_a_caller_who_leaves_holds_nothing(envelope, waiting, resources, pending_upload):
    """Neither a connection nor a place among those who wait."""
    polling = [asyncio.create_task(envelope(waitSeconds=LONG)) for _ in range(20)]
    await waiting(20)
    for left in polling:
        left.cancel()
    await asyncio.gather(*polling, return_exceptions=True)

    await waiting(0)
    await _until_idle(resources)
    assert told(await envelope(since="start", waitSeconds=0)) == []
    await pending_upload()
    assert len(told(await envelope(since="start", waitSeconds=0))) == 1


class TestWithTwoConnections:
    """Where the pool is small."""

    @pytest.fixture
    def settings(self, settings):
        return replace(settings, database_pool_size=2, calls_per_caller=2 * POLLERS)

    @pytest.mark.usefixtures("unhurried")
    async def test_two_hundred_who_wait_hold_no_connection(
        self, envelope, waiting, resources, call, pending_upload, rpc
    ):
        """Other calls are answered meanwhile, and one event wakes them all."""
        polling = [asyncio.create_task(envelope(since="start", waitSeconds=LONG)) for _ in range(POLLERS)]
        await waiting(POLLERS)
        await _until_idle(resources)
        for _ in range(20):
            assert (await rpc("media.getStorageUsage"))["result"]["used"] == 0
        assert _connections_in_use(resources) == 0
        assert not any(poll.done() for poll in polling)

        ticket = await pending_upload()

        async with asyncio.timeout(60):
            answers = await asyncio.gather(*polling)
        assert [told(answer) for answer in answers] == [[("upload.started", str(ticket.media_id))]] * POLLERS


async def _until_idle(resources) -> None:
    """The last who came are reading the log, or are being cleaned up after."""
    async with asyncio.timeout(60):
        while _connections_in_use(resources):  # noqa: ASYNC110 - nobody tells
            await asyncio.sleep(0.01)


def _connections_in_use(resources) -> int:
    """How many connections of the pool are out, or waited for."""
    pool = resources.db.pool
    stats = pool.get_stats()
    for_a_turn = sum(len(share._turns._waiters or ()) for share in pool._shares.values())
    used: int = stats["pool_size"] - stats["pool_available"] + stats["requests_waiting"] + for_a_turn
    return used
