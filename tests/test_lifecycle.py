"""Any order of everything that can happen to uploads: usage is what exists and what could still arrive."""

import asyncio
import re
import uuid
from contextlib import AsyncExitStack
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

import httpx
import psycopg
from hypothesis import HealthCheck, settings, strategies
from hypothesis.stateful import Bundle, RuleBasedStateMachine, invariant, multiple, rule

from contracts.errors import RpcError
from contracts.media import UploadTicket
from contracts.plans import Plan
from jobs.sweep import sweep
from jobs.worker import open_queue, run_jobs
from procedures import PROCEDURES
from rpc.auth import Caller
from rpc.dispatch import context_of, validate
from rpc.limits import RateLimits
from server.resources import open_resources
from server.settings import Settings
from tests.media_files import HTML, padded, photo
from tests.services import TEMPLATE, Servers, in_database

PHOTO = photo()
BODIES = {"right": PHOTO, "short": PHOTO[:-1], "html": padded(HTML, len(PHOTO))}
ERRORS = {None: 1400, "short": 1201, "html": 1601}
TABLE = {procedure.name: procedure for procedure in PROCEDURES}
OWNERS = strategies.sampled_from(["ada", "ben"])


@dataclass
class Upload:
    """What the model knows of one upload."""

    owner: str
    size: int
    key: str
    expires_at: datetime
    ends_at: datetime
    state: str = "pending"
    staged: str | None = None
    refused: bool = False


class Lifecycle(RuleBasedStateMachine):
    """Two owners, one clock, the real procedures, jobs, database and store."""

    uploads = Bundle("uploads")

    def __init__(self) -> None:
        super().__init__()
        self.runner = asyncio.Runner()
        self.stack = AsyncExitStack()
        self.model: dict[str, Upload] = {}
        self.plans: dict[str, Plan] = {"ada": Plan.FREE, "ben": Plan.FREE}
        self.now = datetime.now(UTC)
        servers, name = Servers.handed_on(), f"test_{uuid.uuid4().hex}"
        self.admin, self.name, store = servers.database_url, name, servers.stores[0]
        self.statement(f"create database {name} template {TEMPLATE}")
        told = Settings(
            database_url=in_database(servers.database_url, name),
            database_pool_size=3,
            s3_endpoint=store.endpoint,
            s3_access_key_id=store.access_key_id,
            s3_secret_access_key=store.secret_access_key,
            s3_bucket=f"test-{name[5:25]}",
            s3_public_bucket=f"test-{name[5:25]}-public",
            rate_limits=RateLimits(),
        )
        self.resources = self.runner.run(self.stack.enter_async_context(open_resources(told)))
        self.runner.run(self.resources.store.create_buckets())
        self.database = self.runner.run(psycopg.AsyncConnection.connect(str(told.database_url), autocommit=True))

    def statement(self, text: str) -> None:
        with psycopg.connect(self.admin, autocommit=True) as connection:
            connection.execute(text)

    def call(self, name: str, owner: str, **params: Any) -> Any:
        """The answer, or the error."""
        caller = Caller(owner, self.plans[owner])
        told = validate(TABLE[name], params)
        context = context_of(self.resources, TABLE[name], told, caller=caller, request_id="req_test", now=self.now)
        try:
            return self.runner.run(TABLE[name].run(context, told))
        except RpcError as error:
            return error

    def held(self, owner: str) -> tuple[int, int]:
        """What the model says is used and reserved."""
        mine = [upload for upload in self.model.values() if upload.owner == owner]
        used = sum(upload.size for upload in mine if upload.state == "completed")
        return used, sum(upload.size for upload in mine if upload.state in {"pending", "deleted"})

    @rule(target=uploads, owner=OWNERS, kind=strategies.sampled_from(["photo", "photo", "video"]))
    def initiate(self, owner: str, kind: str) -> Any:
        size, mime = (len(PHOTO), "image/jpeg") if kind == "photo" else (24 * 1024**2, "video/mp4")
        answer = self.call("media.initiateUpload", owner, filename="a.bin", contentType=mime, size=size)
        quota, taken = self.plans[owner].quota_bytes, sum(self.held(owner))
        assert isinstance(answer, UploadTicket) is (taken + size <= quota)
        if not isinstance(answer, UploadTicket):
            assert (int(answer.code), answer.details and answer.details["available"]) == (1600, max(0, quota - taken))
            return multiple()
        key = httpx.URL(answer.upload_url).path.partition(f"/{self.resources.store.bucket}/")[2]
        ends_at = answer.expires_at + timedelta(seconds=60)
        self.model[str(answer.media_id)] = Upload(owner, size, key, answer.expires_at, ends_at)
        return str(answer.media_id)

    @rule(media_id=uploads, body=strategies.sampled_from(["right", "right", "short", "html"]))
    def put(self, media_id: str, body: str) -> None:
        """Bytes arrive at any time until the URL's end, after a completion or a deletion too."""
        upload = self.model[media_id]
        if self.now < upload.ends_at:
            store = self.resources.store
            store._client.put_object(Bucket=store.bucket, Key=upload.key, Body=BODIES[body])
            upload.staged = "short" if upload.size != len(PHOTO) else body

    @rule(media_id=uploads)
    def complete(self, media_id: str) -> None:
        upload = self.model[media_id]
        answer = self.call("media.completeUpload", upload.owner, mediaId=media_id)
        if upload.state == "completed" or (upload.state == "pending" and upload.staged == "right"):
            assert not isinstance(answer, RpcError)
            upload.state = "completed"
        elif upload.state == "pending":
            late = upload.staged is None and upload.expires_at <= self.now
            assert int(answer.code) == (1200 if late else ERRORS[upload.staged])
            upload.refused = upload.staged == "html"
            upload.state = "deleted" if upload.refused else "pending"
        else:
            assert int(answer.code) == (1601 if upload.refused and upload.state == "deleted" else 1300)

    @rule(media_id=uploads)
    def cancel(self, media_id: str) -> None:
        upload = self.model[media_id]
        answer = self.call("media.cancelUpload", upload.owner, mediaId=media_id)
        assert isinstance(answer, RpcError) is (upload.state == "completed")
        upload.state = "deleted" if upload.state == "pending" else upload.state

    @rule(media_id=uploads)
    def delete(self, media_id: str) -> None:
        upload = self.model[media_id]
        assert not isinstance(self.call("media.deleteMedia", upload.owner, mediaId=media_id), RpcError)
        upload.state = "gone" if upload.state == "gone" else "deleted"

    @rule(media_id=uploads)
    def meddle(self, media_id: str) -> None:
        """The other owner finds nothing."""
        other = "ben" if self.model[media_id].owner == "ada" else "ada"
        for name in ("media.completeUpload", "media.cancelUpload", "media.deleteMedia"):
            assert int(self.call(name, other, mediaId=media_id).code) == 1300

    @rule(owner=OWNERS, plan=strategies.sampled_from([Plan.FREE, Plan.BASIC]))
    def change_plan(self, owner: str, plan: Plan) -> None:
        self.plans[owner] = plan

    @rule(minutes=strategies.sampled_from([1, 14, 17]))
    def wait(self, minutes: int) -> None:
        self.now += timedelta(minutes=minutes)

    @rule()
    def work(self) -> None:
        """A sweep and the jobs: what nobody finished is finished or buried, what is over goes."""
        self.runner.run(self.sweep_and_run())
        for upload in self.model.values():
            self.settle(upload)

    def settle(self, upload: Upload) -> None:
        """What a sweep and the jobs make of an upload."""
        if upload.ends_at <= self.now and upload.state == "pending":
            upload.state = "completed" if upload.staged == "right" else "gone"
        elif upload.ends_at <= self.now and upload.state == "deleted":
            upload.state = "gone"

    async def sweep_and_run(self) -> None:
        """A second time for the jobs that a job has left, when the first pass had seen no more."""
        await sweep(self.resources.db, self.now)
        async with open_queue(self.resources.db.pool):
            for _ in range(2):
                await run_jobs(self.resources.db, self.resources.store, wait=False, clock=lambda: self.now)

    @invariant()
    def usage_is_what_exists(self) -> None:
        query = "select owner_id, used_bytes, reserved_bytes from storage_usage"
        rows = self.runner.run(self.fetch(query))
        found = {owner: (used, reserved) for owner, used, reserved in rows}
        for owner in ("ada", "ben"):
            assert found.get(owner, (0, 0)) == self.held(owner)

    @invariant()
    def every_object_has_its_row(self) -> None:
        """And a completed media has its object; what could still arrive, or is there unverified, is reserved."""
        keys = self.runner.run(self.resources.store.keys_under(""))
        ids = {re.findall(r"([0-9a-f-]{36})_", key)[-1] for key in keys}
        assert ids <= {media_id for media_id, upload in self.model.items() if upload.state != "gone"}
        published = {re.findall(r"([0-9a-f-]{36})_", key)[-1] for key in keys if key.startswith("users/")}
        assert published >= {media_id for media_id, upload in self.model.items() if upload.state == "completed"}

    async def fetch(self, query: str) -> Any:
        return await (await self.database.execute(query)).fetchall()

    def teardown(self) -> None:
        try:
            for media_id in self.model:
                self.delete(media_id)
            self.now += timedelta(hours=1)
            self.work()
            self.usage_is_what_exists()
            assert (self.held("ada"), self.held("ben")) == ((0, 0), (0, 0))
            assert self.runner.run(self.resources.store.keys_under("")) == []
        finally:
            self.runner.run(self.database.close())
            self.runner.run(self.stack.aclose())
            self.runner.close()
            self.statement(f"drop database {self.name} with (force)")


TestLifecycle = Lifecycle.TestCase
TestLifecycle.settings = settings(
    max_examples=15,
    stateful_step_count=30,
    deadline=None,
    derandomize=True,
    database=None,
    suppress_health_check=list(HealthCheck),
)
