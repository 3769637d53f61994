"""What an operator has set wrong: the store's own word for it is in the log, and no upload is lost by it."""

import json
import uuid
from collections.abc import Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import botocore.auth
import pytest
import structlog
from minio.credentials.providers import StaticProvider
from minio.minioadmin import MinioAdmin
from procrastinate.jobs import Job as QueuedJob

from contracts.errors import ServiceUnavailable, cause_of
from jobs.job import Backoff, JobContext
from jobs.process import process_media
from jobs.purge import purge_media
from jobs.sweep import settle_media
from server.doctor import examine
from server.resources import open_resources
from storage.s3 import ObjectStore, StoreConfig
from tests import logs
from tests.conftest import client_of, rpc_over
from tests.media_files import video
from tests.services import Servers, every_store

NEVER_BEGUN = "00000000-0000-0000-0000-000000000000"
NO_BUCKET = f"no-such-bucket-{uuid.uuid4().hex[:20]}"
# What can be set wrong, and the store's code for it.
WRONG = {
    "bucket": ({"bucket": NO_BUCKET}, "NoSuchBucket"),
    "key id": ({"access_key_id": "unknown-key"}, "InvalidAccessKeyId"),
    "secret": ({"secret_access_key": "another-secret"}, "SignatureDoesNotMatch"),
}
ASKED: dict[str, Callable[[ObjectStore], Awaitable[Any]]] = {
    "check": lambda store: store.check(),
    "head": lambda store: store.head("there"),
    "read": lambda store: store.read("there", 0, 1),
    "copy": lambda store: store.copy("there", "copy", etag='"e"', content_type="image/jpeg"),
    "list": lambda store: store.keys_under(""),
    "remove": lambda store: store.remove(["there"]),
    "begin": lambda store: store.multipart.begin("k", content_type="video/mp4", token="t"),
    "parts": lambda store: store.multipart.parts("k", NEVER_BEGUN),
    "abort all": lambda store: store.multipart.abort_all("k"),
}


@pytest.fixture(params=every_store())
def config(request, servers: Servers) -> StoreConfig:
    """A fresh bucket of one server."""
    for server in servers.stores:
        if server.name == request.param:
            return server.config(f"refusals-{uuid.uuid4().hex[:20]}")
    pytest.skip(servers.missing[request.param])


@pytest.fixture
async def store(config):
    opened = ObjectStore(config)
    await opened.create_buckets()
    opened._client.put_object(Bucket=opened.name, Key="there", Body=b"bytes")
    yield opened
    opened.close()


async def refusal(asked: Awaitable[Any]) -> dict[str, object]:
    """What the log tells of why storage is unavailable."""
    with pytest.raises(ServiceUnavailable) as refused:
        await asked
    assert refused.value.details == {"service": "storage"}
    return cause_of(refused.value)


@pytest.mark.parametrize("what", WRONG)
async def test_every_call_says_what_the_store_calls_it(what, config, store):
    """A HEAD, whose refusal has no body, as well: it is no object that is missing."""
    wrong, code = WRONG[what]
    stranger = ObjectStore(replace(config, **wrong))

    told = {name: (await refusal(ask(stranger)))["code"] for name, ask in ASKED.items()}

    assert told == dict.fromkeys(ASKED, code)
    stranger.close()


async def test_a_clock_that_is_wrong_is_named(config, store, monkeypatch, request):
    """The embedded store calls it AccessDenied."""
    yesterday = datetime.now(UTC).replace(tzinfo=None) - timedelta(days=1)
    monkeypatch.setattr(botocore.auth, "get_current_datetime", lambda *_, **__: yesterday)

    told = await refusal(store.head("there"))

    embedded = request.node.callspec.params["config"] == "embedded"
    assert told["code"] == ("AccessDenied" if embedded else "RequestTimeTooSkewed")


@pytest.fixture
def allowed(servers: Servers):
    """A bucket with an object, and a store that reaches it by a key pair that may do these things only."""
    minio = next((server for server in servers.stores if server.name == "minio"), None)
    if minio is None:
        pytest.skip(servers.missing.get("minio", "the named store may know no users"))
    config = minio.config(f"policies-{uuid.uuid4().hex[:20]}")

    @asynccontextmanager
    async def allow(*actions: str):
        owner, guest = ObjectStore(config), ObjectStore(guest_of(config, actions))
        try:
            await owner.create_buckets()
            owner._client.put_object(Bucket=owner.name, Key="there", Body=b"bytes")
            yield guest
        finally:
            guest.close()
            owner.close()

    return allow


def guest_of(config: StoreConfig, actions: tuple[str, ...]) -> StoreConfig:
    """A new user of MinIO's, who may do these things in this bucket."""
    admin = MinioAdmin(
        endpoint=str(config.endpoint).removeprefix("http://"),
        credentials=StaticProvider(config.access_key_id, config.secret_access_key),
        secure=False,
    )
    guest, secret = f"guest-{uuid.uuid4().hex[:8]}", uuid.uuid4().hex
    buckets = [f"arn:aws:s3:::{config.bucket}", f"arn:aws:s3:::{config.bucket}/*"]
    statement = {"Effect": "Allow", "Action": list(actions), "Resource": buckets}
    admin.user_add(guest, secret)
    admin.policy_add(guest, policy={"Version": "2012-10-17", "Statement": [statement]})
    admin.attach_policy([guest], user=guest)
    return replace(config, access_key_id=guest, secret_access_key=secret)


async def test_what_a_key_pair_may_not_read_is_named(allowed):
    async with allowed("s3:ListBucket") as store:
        told = await refusal(store.head("there"))

    assert told == {"cause": "StoreError", "code": "AccessDenied", "operation": "GetObject", "status": 403} | {
        "bucket": store.name
    }


async def test_what_a_key_pair_may_not_delete_is_named(allowed):
    """S3 says so in an answer that is a success."""
    async with allowed("s3:ListBucket", "s3:GetObject") as store:
        told = await refusal(store.remove(["there"]))

    assert told == {"cause": "StoreError", "code": "AccessDenied", "operation": "DeleteObjects"}


# The same as settings.
SET_WRONG = {
    "bucket": ("s3_bucket", NO_BUCKET, "NoSuchBucket"),
    "key id": ("s3_access_key_id", "unknown-key", "InvalidAccessKeyId"),
    "secret": ("s3_secret_access_key", "another-secret", "SignatureDoesNotMatch"),
}


@pytest.fixture(params=SET_WRONG)
async def amiss(request, settings, resources):
    """Resources by settings of which one is wrong, those settings, and the store's code for it."""
    name, value, code = SET_WRONG[request.param]
    wrong = replace(settings, **{name: value})
    async with open_resources(wrong) as opened:
        yield opened, wrong, code


async def test_a_caller_may_repeat_what_an_operator_then_mends(amiss, arrived_upload, bearer, rpc):
    """1903, no word of bytes that have not arrived; the log has the code, and nothing that a setting holds."""
    resources, wrong, code = amiss
    ticket = await arrived_upload()
    given = {"mediaId": str(ticket.media_id)}
    async with client_of(resources, wrong) as http:
        with logs.rendered() as log:
            refused = await rpc_over(http, bearer)("media.completeUpload", **given)

    assert (refused["error"]["code"], refused["error"]["data"]["details"]) == (1903, {"service": "storage"})
    (line,) = logs.calls(log)
    assert {"service": "storage", "code": code, "operation": "GetObject"}.items() <= line.items()
    assert not {wrong.s3_secret_access_key, wrong.s3_access_key_id, wrong.s3_endpoint} & set(log.getvalue().split('"'))
    assert (await rpc("media.completeUpload", **given))["result"]["media"]["status"] == "processing"


async def test_parts_wait_for_the_operator_too(amiss, call, client, bearer, rpc, ada):
    resources, wrong, code = amiss
    given = {"filename": "video.mp4", "contentType": "video/mp4", "size": len(video())}
    ticket = (await rpc("media.initiateMultipartUpload", **given))["result"]
    upload = {"mediaId": ticket["mediaId"]}
    (part,) = (await rpc("media.signParts", **upload, partNumbers=[1]))["result"]["parts"]
    assert (await client.put(part["uploadUrl"], content=video(), headers=part["headers"])).status_code == 200
    async with client_of(resources, wrong) as http:
        for name in ("media.getUploadStatus", "media.completeMultipartUpload"):
            with logs.rendered() as log:
                assert (await rpc_over(http, bearer)(name, **upload))["error"]["code"] == 1903
            assert [line["code"] for line in logs.calls(log)] == [code]

    assert (await rpc("media.completeMultipartUpload", **upload))["result"]["media"]["status"] == "processing"


async def test_jobs_wait_for_the_operator_too(amiss, arrived_upload, completed_media, call, job_context, run_pending):
    """A sweep deletes no upload whose bytes it cannot see, and attempts at a media do not count."""
    resources, _, code = amiss
    swept, processed, purged = await arrived_upload(), await completed_media(), await completed_media()
    await call("media.deleteMedia", mediaId=str(purged.id))
    later = datetime.now(UTC) + timedelta(hours=1)
    blind = JobContext(db=resources.db, store=resources.store, now=later)
    for job, media_id in ((settle_media, swept.media_id), (process_media, processed.id), (purge_media, purged.id)):
        for _ in range(4):
            assert (await refusal(job.run(blind, media_id)))["code"] == code

    assert await settle_media.run(replace(job_context, now=later), swept.media_id) == "completed"
    assert await process_media.run(job_context, processed.id) == "ready"
    assert await purge_media.run(replace(job_context, now=later), purged.id) == "purged"


def test_a_refusal_is_waited_for_without_end():
    tried = QueuedJob(id=1, queue="image", lock=None, queueing_lock=None, task_name="process_media", attempts=1000)

    assert Backoff().get_retry_decision(exception=ServiceUnavailable(service="storage"), job=tried)


async def test_a_line_about_a_job_has_the_code(amiss, arrived_upload, database_url):
    """As the log of a worker writes it."""
    resources, _, code = amiss
    with logs.rendered() as log:
        try:
            await resources.store.head("k")
        except ServiceUnavailable:
            structlog.get_logger("mediarpc.job").info("job", exc_info=True)

    (line,) = (json.loads(line) for line in log.getvalue().splitlines())
    assert (line["exception"], line["cause"], line["code"]) == ("ServiceUnavailable", "StoreError", code)


async def test_the_doctor_says_what_to_mend(amiss):
    _, wrong, code = amiss
    found = {finding.subject: finding for finding in await examine(wrong)}

    assert found["storage"].verdict == "failed"
    assert code in found["storage"].sentence
    advice = {"NoSuchBucket": "S3_BUCKET", "InvalidAccessKeyId": "S3_ACCESS_KEY_ID"}
    assert advice.get(code, "S3_SECRET_ACCESS_KEY") in found["storage"].sentence
