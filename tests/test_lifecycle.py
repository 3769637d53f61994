"""Any order of everything that can happen to uploads: usage is what exists and what could still arrive."""

import asyncio
import re
import uuid
from contextlib import AsyncExitStack, ExitStack
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

import httpx
import psycopg
import pytest
from hypothesis import HealthCheck, seed, settings, strategies
from hypothesis.stateful import Bundle, RuleBasedStateMachine, initialize, invariant, multiple, rule

from contracts.errors import RpcError
from contracts.media import UploadTicket
from contracts.plans import Plan
from jobs.job import JobContext
from jobs.sweep import sweep
from jobs.worker import open_queue
from procedures import PROCEDURES
from rpc.auth import Caller
from rpc.dispatch import context_of, validate
from rpc.limits import RateLimits
from server.resources import open_resources
from server.settings import Settings
from tests import sampling
from tests.databases import new_database
from tests.due_jobs import run_due_jobs
from tests.media_files import HTML, padded, photo
from tests.services import Servers

PHOTO = photo()
BODIES = {"right": PHOTO, "short": PHOTO[:-1], "html": padded(HTML, len(PHOTO))}
POSTS = strategies.sampled_from(["p", "q"])
POST_MEDIA_LIMIT = 2
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
    purpose: str = "post"
    post: str | None = None
    is_put: bool = False
    was_completed: bool = False
    is_purged: bool = False

    @property
    def reserved(self) -> int:
        return self.size if self.state in {"pending", "deleted"} else 0

    @property
    def is_replaceable(self) -> bool:
        """Whether the same file may take its place."""
        return self.is_put and self.state == "deleted" and not self.refused and not self.was_completed

    def purge(self) -> None:
        """The job that a deletion leaves behind runs once, whatever arrives later."""
        if not self.is_purged:
            self.staged, self.is_purged = None, True


class Lifecycle(RuleBasedStateMachine):
    """Two owners, one clock, the real procedures, jobs, database and store."""

    uploads = Bundle("uploads")

    def __init__(self) -> None:
        super().__init__()
        self.runner = asyncio.Runner()
        self.stack = AsyncExitStack()
        self.model: dict[str, Upload] = {}
        self.plans: dict[str, Plan] = {"ada": Plan.FREE, "ben": Plan.FREE}
        self.posts: dict[tuple[str, str], list[str]] = {}
        self.portraits: dict[str, str] = {}
        self.now = datetime.now(UTC)
        servers, name = Servers.handed_on(), f"test-{uuid.uuid4().hex[:20]}"
        store = servers.stores[0]
        self.databases = ExitStack()
        self.url = self.databases.enter_context(new_database(servers))
        told = Settings(
            database_url=self.url,
            database_pool_size=3,
            s3_endpoint=store.endpoint,
            s3_access_key_id=store.access_key_id,
            s3_secret_access_key=store.secret_access_key,
            s3_bucket=name,
            s3_public_bucket=f"{name}-public",
            rate_limits=RateLimits(),
            post_media_limit=POST_MEDIA_LIMIT,
        )
        self.resources = self.runner.run(self.stack.enter_async_context(open_resources(told)))
        self.runner.run(self.resources.store.create_buckets())
        self.database = self.runner.run(psycopg.AsyncConnection.connect(self.url, autocommit=True))

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
        return used, sum(upload.reserved for upload in mine)

    def counted(self, owner: str) -> tuple[int, int]:
        """How many rows the model says there are, and how many of them are pending."""
        states = [upload.state for upload in self.model.values() if upload.owner == owner and upload.state != "gone"]
        return len(states), states.count("pending")

    @rule(target=uploads, owner=OWNERS, kind=strategies.sampled_from(["photo", "photo", "portrait", "video"]))
    def initiate(self, owner: str, kind: str) -> Any:
        size, mime = (24 * 1024**2, "video/mp4") if kind == "video" else (len(PHOTO), "image/jpeg")
        purpose = "profile" if kind == "portrait" else "post"
        told = {"filename": "a.bin", "contentType": mime, "size": size, "purpose": purpose}
        answer = self.call("media.initiateUpload", owner, **told)
        quota, taken = self.plans[owner].quota_bytes, sum(self.held(owner))
        former = self.former(owner, size, purpose) if taken + size > quota >= taken else []
        assert isinstance(answer, UploadTicket) is (taken + size <= quota or bool(former))
        if not isinstance(answer, UploadTicket):
            assert (int(answer.code), answer.details and answer.details["available"]) == (1600, max(0, quota - taken))
            return multiple()
        key = httpx.URL(answer.upload_url).path.partition(f"/{self.resources.store.name}/")[2]
        ends_at = answer.expires_at + timedelta(seconds=60)
        upload = Upload(owner, size, key, answer.expires_at, ends_at, purpose=purpose, is_put=True)
        if former:
            self.replace(next(earlier for earlier in former if earlier.key == key), upload)
        self.model[str(answer.media_id)] = upload
        return str(answer.media_id)

    def former(self, owner: str, size: int, purpose: str) -> list[Upload]:
        """The uploads whose places the same file may take."""
        told = (owner, size, purpose)
        return [
            upload
            for upload in self.model.values()
            if upload.is_replaceable and (upload.owner, upload.size, upload.purpose) == told
        ]

    def replace(self, earlier: Upload, upload: Upload) -> None:
        """The later upload has the object, and what there is of it."""
        earlier.state = "gone"
        upload.staged, upload.ends_at = earlier.staged, max(earlier.ends_at, upload.ends_at)

    @initialize(target=uploads)
    def begin(self) -> Any:
        """Something to attach and to show from the first step on."""
        kinds = [("ada", "photo")] * 4 + [("ada", "portrait")] * 2 + [("ben", "photo")] * 2
        return multiple(*(self.upload(owner, kind) for owner, kind in kinds))

    @rule(target=uploads, owner=OWNERS, kind=strategies.sampled_from(["photo", "photo", "portrait"]))
    def upload(self, owner: str, kind: str) -> Any:
        """A whole upload in one step."""
        media_id = self.initiate(owner, kind)
        if isinstance(media_id, str):
            self.put(media_id, "right")
            self.complete(media_id)
        return media_id

    @rule(media_id=uploads, body=strategies.sampled_from(["right", "right", "short", "html"]))
    def put(self, media_id: str, body: str) -> None:
        """Bytes arrive at any time until the URL's end, after a completion or a deletion too."""
        upload = self.model[media_id]
        if self.now < upload.ends_at:
            store = self.resources.store
            store._client.put_object(Bucket=store.name, Key=upload.key, Body=BODIES[body])
            holder = [other for other in self.model.values() if other.key == upload.key][-1]
            holder.staged = "short" if upload.size != len(PHOTO) else body

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
        assert not isinstance(self.call("media.deleteMedia", self.model[media_id].owner, mediaId=media_id), RpcError)
        self.leave_tombstone(media_id)

    def leave_tombstone(self, media_id: str) -> None:
        """What the model says of a media that was deleted: it leaves its post and its profile."""
        upload = self.model[media_id]
        upload.was_completed |= upload.state == "completed"
        upload.state = "gone" if upload.state == "gone" else "deleted"
        self.leave(media_id)
        if self.portraits.get(upload.owner) == media_id:
            del self.portraits[upload.owner]

    def leave(self, media_id: str) -> None:
        upload = self.model[media_id]
        if upload.post is not None:
            self.posts[upload.owner, upload.post].remove(media_id)
            upload.post = None

    @rule(owner=OWNERS, first=uploads, others=strategies.lists(uploads, max_size=3))
    def delete_many(self, owner: str, first: str, others: list[str]) -> None:
        """Each has its outcome; the other owner's are not found."""
        asked = [first, *others]
        answer = self.call("media.deleteMany", owner, mediaIds=asked)
        mine = [self.model[media_id].owner == owner for media_id in asked]
        assert [(str(told.media_id), told.success) for told in answer.results] == list(zip(asked, mine, strict=True))
        for media_id in asked:
            if self.model[media_id].owner == owner:
                self.leave_tombstone(media_id)

    @rule(first=uploads, others=strategies.lists(uploads, max_size=3), post=POSTS, careful=strategies.booleans())
    def attach(self, first: str, others: list[str], post: str, *, careful: bool) -> None:
        """All or none, in their order, up to the limit; a refusal says what was wrong with the first wrong one."""
        owner, asked = self.model[first].owner, list(dict.fromkeys([first, *others]))
        if careful:
            asked = [media_id for media_id in asked if self.refusal(owner, media_id, post) is None] or [first]
        answer = self.call("media.attachToPost", owner, postId=post, mediaIds=asked)
        standing = self.posts.setdefault((owner, post), [])
        wrong = next(filter(None, (self.refusal(owner, media_id, post) for media_id in asked)), None)
        added = [media_id for media_id in asked if media_id not in standing]
        if wrong is None and added and len(standing) + len(added) > POST_MEDIA_LIMIT:
            wrong = "PostFull"
        if wrong is not None:
            assert type(answer).__name__ == wrong
            return
        standing += added
        for media_id in added:
            self.model[media_id].post = post
        assert [str(media.id) for media in answer.items] == standing

    def refusal(self, owner: str, media_id: str, post: str) -> str | None:
        """Why a post takes no such media."""
        upload = self.model[media_id]
        if upload.owner != owner or upload.state in {"deleted", "gone"}:
            return "MediaNotFound"
        if upload.purpose != "post":
            return "OtherPurpose"
        if upload.state == "pending":
            return "MediaUnusable"
        return None if upload.post in {None, post} else "AttachedElsewhere"

    @rule(first=uploads, others=strategies.lists(uploads, max_size=3), post=POSTS)
    def detach(self, first: str, others: list[str], post: str) -> None:
        """What does not stand there stays as it is, deleted media too; with the other owner's, nothing is detached."""
        owner, asked = self.model[first].owner, [first, *others]
        answer = self.call("media.detachFromPost", owner, postId=post, mediaIds=asked)
        foreign = any(self.model[media_id].owner != owner for media_id in asked)
        assert type(answer).__name__ == ("MediaNotFound" if foreign else "Success")
        for media_id in asked:
            if not foreign and self.model[media_id].post == post:
                self.leave(media_id)

    @rule(owner=OWNERS, post=POSTS)
    def delete_post(self, owner: str, post: str) -> None:
        standing = self.posts.get((owner, post), [])
        assert self.call("media.deletePostMedia", owner, postId=post).deleted == len(standing)
        for media_id in list(standing):
            self.leave_tombstone(media_id)

    @rule(media_id=uploads)
    def set_profile_image(self, media_id: str) -> None:
        """The former one is deleted; setting the same again changes nothing."""
        upload = self.model[media_id]
        answer = self.call("media.setProfileImage", upload.owner, mediaId=media_id)
        if upload.state in {"deleted", "gone"}:
            assert type(answer).__name__ == "MediaNotFound"
        elif upload.purpose != "profile":
            assert type(answer).__name__ == "OtherPurpose"
        elif upload.state == "pending":
            assert type(answer).__name__ == "MediaUnusable"
        else:
            assert str(answer.media.id) == media_id
            former = self.portraits.get(upload.owner)
            if former not in {None, media_id}:
                self.leave_tombstone(str(former))
            self.portraits[upload.owner] = media_id

    @rule(media_id=uploads)
    def meddle(self, media_id: str) -> None:
        """The other owner finds nothing."""
        other = "ben" if self.model[media_id].owner == "ada" else "ada"
        for name in ("media.completeUpload", "media.cancelUpload", "media.deleteMedia", "media.setProfileImage"):
            assert int(self.call(name, other, mediaId=media_id).code) == 1300

    @rule(owner=OWNERS, plan=strategies.sampled_from([Plan.FREE, Plan.BASIC]))
    def change_plan(self, owner: str, plan: Plan) -> None:
        self.plans[owner] = plan

    @rule(minutes=strategies.sampled_from([1, 14, 17]))
    def wait(self, minutes: int) -> None:
        self.now += timedelta(minutes=minutes)

    @rule()
    def work(self) -> None:
        """A sweep and the jobs: what nobody finished is finished or deleted, what is over goes."""
        self.runner.run(self.sweep_and_run())
        for upload in self.model.values():
            self.settle(upload)

    def settle(self, upload: Upload) -> None:
        """What a sweep and the jobs make of an upload."""
        if upload.ends_at <= self.now and upload.state == "pending":
            upload.state = "completed" if upload.staged == "right" else "gone"
        elif upload.state == "deleted":
            upload.purge()
            upload.state = "gone" if upload.ends_at <= self.now else "deleted"

    async def sweep_and_run(self) -> None:
        """A worker that does not wait may leave what its last job has enqueued, so it is run until nothing is left."""
        await sweep(self.resources.db, self.now)
        async with open_queue(self.resources.db.pool):
            while await self.fetch("select from procrastinate_jobs"):
                await run_due_jobs(lambda: JobContext(db=self.resources.db, store=self.resources.store, now=self.now))

    @invariant()
    def usage_is_what_exists(self) -> None:
        query = "select owner_id, used_bytes, reserved_bytes, media_count, pending_count from storage_usage"
        rows = self.runner.run(self.fetch(query))
        found = {owner: tuple(counted) for owner, *counted in rows}
        for owner in ("ada", "ben"):
            assert found.get(owner, (0, 0, 0, 0)) == (*self.held(owner), *self.counted(owner))

    @invariant()
    def every_post_is_as_it_was_left(self) -> None:
        """In its order, no media in two of them, no two media at one place, within the limit."""
        query = (
            "select owner_id, post_id, post_position, id::text from media where post_id is not null order by 1, 2, 3"
        )
        found: dict[tuple[str, str], list[str]] = {}
        places: set[tuple[str, str, int]] = set()
        rows = self.runner.run(self.fetch(query))
        for owner, post, position, media_id in rows:
            found.setdefault((owner, post), []).append(media_id)
            places.add((owner, post, position))
        assert found == {post: media_ids for post, media_ids in self.posts.items() if media_ids}
        assert len(places) == len(rows)
        assert all(len(media_ids) <= POST_MEDIA_LIMIT for media_ids in found.values())

    @invariant()
    def every_profile_image_is_the_last_that_was_set(self) -> None:
        for owner in ("ada", "ben"):
            media = self.call("media.getProfileImage", owner).media
            assert (media and str(media.id)) == self.portraits.get(owner)

    @invariant()
    def every_object_has_its_row(self) -> None:
        """And a completed media has its object; what could still arrive, or is there unverified, is reserved."""
        keys = self.runner.run(self.resources.store.keys_under(""))
        living = {media_id: upload for media_id, upload in self.model.items() if upload.state != "gone"}
        assert {key for key in keys if key.startswith("staging/")} <= {upload.key for upload in living.values()}
        published = {re.findall(r"([0-9a-f-]{36})_", key)[-1] for key in keys if key.startswith("users/")}
        assert published <= set(living)
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
            self.databases.close()


seed(sampling.seed())(Lifecycle)
TestLifecycle = pytest.mark.exhaustive(walk=True)(
    pytest.mark.usefixtures("servers", "rendered_once")(Lifecycle.TestCase)
)
TestLifecycle.settings = settings(
    max_examples=40 if sampling.sample() == sampling.ALL else 5,
    stateful_step_count=50,
    deadline=None,
    database=None,
    suppress_health_check=list(HealthCheck),
)
