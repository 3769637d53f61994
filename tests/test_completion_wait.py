"""Completions that wait: the media is answered as soon as it is ready or failed, and nobody else waits for it."""

import asyncio
import json
import signal
import threading
import time
from dataclasses import replace

import httpx
import psycopg
import pytest

from contracts.errors import UploadNotFound
from tests.conftest import client_of, rpc_over
from tests.fork import fork
from tests.media_files import padded, photo
from tests.processes import TLS, Site, mediarpc, until

LONG = 25
SOON = 0.1
DAMAGED = photo()[:700]
SECRET = "a secret for tests, long enough for HS256"


@pytest.fixture
def waiting(resources):
    """Return once so many wait for ada's log."""

    async def wait(number: int = 1) -> None:
        async with asyncio.timeout(30):
            while len(resources.notifier._subscriptions.get("ada", ())) != number:  # noqa: ASYNC110 - nobody tells
                await asyncio.sleep(0.01)

    return wait


@pytest.fixture
def sent(deployment, user):
    """Send a photo to the deployment's storage as its user; the site and the media's id."""

    def send(origin: str, body: bytes) -> tuple[Site, str]:
        site = Site(origin, deployment.token(user))
        ticket = site.rpc("media.initiateUpload", filename="a.jpg", contentType="image/jpeg", size=len(body))
        httpx.put(ticket["uploadUrl"], content=body, headers=ticket["headers"], verify=TLS).raise_for_status()
        return site, ticket["mediaId"]

    return send


def test_a_completion_that_waits_answers_the_image(deployment, sent):
    """By a worker's hand; the URL can be shown, and a repetition finds the same."""
    site, media_id = sent(deployment.served.origin, photo())

    media = site.rpc("media.completeUpload", mediaId=media_id, waitSeconds=LONG)["media"]

    assert media["status"] == "ready"
    assert media["url"].endswith("/full.webp")
    assert site.rpc("media.completeUpload", mediaId=media_id, waitSeconds=LONG)["media"] == media


def test_what_cannot_be_processed_is_answered_as_failed(deployment, sent):
    site, media_id = sent(deployment.served.origin, DAMAGED)
    media = site.rpc("media.completeUpload", mediaId=media_id, waitSeconds=LONG)["media"]
    assert (media["status"], media["url"], media["error"]["code"]) == ("failed", None, "image_damaged")


def test_a_video_in_parts_is_answered_when_it_is_ready(deployment, user):
    """The same of the other way to complete."""
    site = Site(deployment.served.origin, deployment.token(user))
    body = photo()
    ticket = site.rpc("media.initiateMultipartUpload", filename="a.jpg", contentType="image/jpeg", size=len(body))
    (part,) = site.rpc("media.signParts", mediaId=ticket["mediaId"], partNumbers=[1])["parts"]
    httpx.put(part["uploadUrl"], content=body, headers=part["headers"], verify=TLS).raise_for_status()

    media = site.rpc("media.completeMultipartUpload", mediaId=ticket["mediaId"], waitSeconds=LONG)["media"]

    assert media["status"] == "ready"


def test_bytes_through_the_server_are_answered_when_they_are_ready(deployment, user):
    """And so is a repetition by its key."""
    headers = {"authorization": f"Bearer {deployment.token(user)}", "content-type": "application/octet-stream"}
    told = {"input": json.dumps({"filename": "a.jpg", "waitSeconds": LONG, "idempotencyKey": user})}
    for _ in range(2):
        answer = httpx.post(
            f"{deployment.served.origin}/rpc/media.upload",
            params=told, content=photo(), headers=headers, timeout=60, verify=TLS,
        ).json()  # fmt: skip
        assert answer["result"]["data"]["media"]["status"] == "ready"


def test_a_client_that_knows_nothing_of_it_is_shown_the_image(deployment, sent, user):
    """VRSS's, which shows `media.url` after completing: by the setting; who asks for no wait has none."""
    with deployment.another_server(COMPLETE_WAIT_SECONDS=str(LONG)) as patient:
        _, media_id = sent(patient.origin, photo())
        answer = httpx.post(
            patient.url,
            json={"procedure": "media.completeUpload", "input": {"mediaId": media_id, "uploadId": media_id}},
            headers={"authorization": f"Bearer {deployment.token(user)}"},
            timeout=60,
        ).json()
        assert answer["data"]["media"]["url"].endswith("/full.webp")

        site, media_id = sent(patient.origin, padded(photo(4000, 3000), 2**22))
        hurried = site.rpc("media.completeUpload", mediaId=media_id, waitSeconds=0)["media"]
        assert hurried["status"] == "processing"


async def test_the_wait_ends_with_the_media_as_it_is(call, arrived_upload):
    """Where no worker is; without a wait, at once."""
    media_id = str((await arrived_upload()).media_id)
    began = time.monotonic()
    assert (await call("media.completeUpload", mediaId=media_id)).media.status == "processing"
    assert time.monotonic() - began < 1
    assert (await call("media.completeUpload", mediaId=media_id, waitSeconds=1)).media.status == "processing"
    assert 1 <= time.monotonic() - began < LONG


async def test_two_repetitions_wait_both(call, arrived_upload, waiting, run_pending):
    """For the one completion, and for the one media that comes of it."""
    media_id = str((await arrived_upload()).media_id)
    completing = [
        asyncio.create_task(call("media.completeUpload", mediaId=media_id, waitSeconds=LONG)) for _ in range(2)
    ]
    await waiting(2)
    await asyncio.sleep(SOON)
    assert not any(task.done() for task in completing)

    await run_pending()

    async with asyncio.timeout(10):
        first, second = await asyncio.gather(*completing)
    assert (first.media.status, first) == ("ready", second)


async def test_what_is_deleted_meanwhile_is_not_found(call, arrived_upload, waiting):
    media_id = str((await arrived_upload()).media_id)
    completing = asyncio.create_task(call("media.completeUpload", mediaId=media_id, waitSeconds=LONG))
    await waiting()
    await call("media.deleteMedia", mediaId=media_id)
    async with asyncio.timeout(10):
        with pytest.raises(UploadNotFound):
            await completing


async def test_the_wait_has_bounds(rpc):
    for seconds in (-1, 26, 0.5):
        answer = await rpc("media.completeUpload", mediaId="00000000-0000-4000-8000-000000000000", waitSeconds=seconds)
        assert (answer["error"]["data"]["rpcCode"], "waitSeconds" in answer["error"]["message"]) == (1200, True)


async def test_who_waits_is_answered_when_this_process_ends(call, arrived_upload, waiting, resources):
    """The upload is completed, so the answer is the media as it is, and no error."""
    media_id = str((await arrived_upload()).media_id)
    completing = asyncio.create_task(call("media.completeUpload", mediaId=media_id, waitSeconds=LONG))
    await waiting()
    resources.notifier.close()
    async with asyncio.timeout(10):
        assert (await completing).media.status == "processing"


def test_a_server_that_is_told_to_stop_answers_those_who_wait(resources, configured, tmp_path):
    """SIGTERM: an answer, and an end with status 0 long before the wait is over."""
    site = Site(
        f"http://127.0.0.1:{configured['PORT']}",
        mediarpc("token", "--user", "ada", AUTH_JWT_SECRET=SECRET).stdout.strip(),
    )
    answers = []
    with fork(tmp_path, "serve", **configured, COMPLETE_WAIT_SECONDS=str(LONG)) as serve:
        serve.wait_for("mediarpc serves on")
        body = photo()
        ticket = site.rpc("media.initiateUpload", filename="a.jpg", contentType="image/jpeg", size=len(body))
        httpx.put(ticket["uploadUrl"], content=body, headers=ticket["headers"], verify=TLS).raise_for_status()
        completing = threading.Thread(
            target=lambda: answers.append(site.rpc("media.completeUpload", mediaId=ticket["mediaId"]))
        )
        completing.start()
        until(lambda: _is_listening(configured["DATABASE_URL"]))
        time.sleep(SOON)
        began = time.monotonic()
        assert serve.stop(signal.SIGTERM) == 0
        completing.join(30)
        assert time.monotonic() - began < LONG / 2
    assert [answer["media"]["status"] for answer in answers] == ["processing"]


def _is_listening(url: str) -> bool:
    with psycopg.connect(url, autocommit=True) as admin:
        count = "select count(*) from pg_stat_activity where datname = current_database() and query = 'listen events'"
        return admin.execute(count).fetchone() == (1,)


class TestWithTwoConnections:
    """Where the pool is small, and many uploads of one caller complete at once."""

    @pytest.fixture
    def settings(self, settings):
        return replace(settings, database_pool_size=2, complete_wait_seconds=LONG)

    @pytest.mark.usefixtures("unhurried")
    async def test_who_wait_hold_no_connection_and_look_together(
        self, settings, resources, bearer, arrived_upload, waiting, run_pending, monkeypatch
    ):
        """Other calls of the same caller are answered meanwhile; what happens to one costs one statement for all."""
        statements, ask = [], resources.db._run_shared

        async def counted(row, name, calls):
            statements.append((name, len(calls)))
            return await ask(row, name, calls)

        monkeypatch.setattr(resources.db, "_run_shared", counted)
        ids = [str((await arrived_upload()).media_id) for _ in range(12)]
        async with client_of(resources, settings) as http:
            rpc = rpc_over(http, bearer)
            completing = asyncio.gather(*(rpc("media.completeUpload", mediaId=media_id) for media_id in ids))
            await waiting(12)
            await asyncio.sleep(3 * SOON)
            statements.clear()
            for _ in range(20):
                assert (await rpc("media.listMedia"))["result"]["nextCursor"] is None
            assert statements == []
            assert resources.db.pool.get_stats()["requests_waiting"] == 0

            await run_pending()

            async with asyncio.timeout(60):
                answers = await completing
        assert {answer["result"]["media"]["status"] for answer in answers} == {"ready"}
        looks = [calls for name, calls in statements if name == "see_processing"]
        assert sum(looks) > 3 * len(looks)
