"""Any order of everything that can happen, with uploads in parts and bytes through the server among the single ones."""

from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

import httpx
import pytest
from botocore.exceptions import ClientError
from hypothesis import settings, strategies
from hypothesis.stateful import Bundle, multiple, rule

from contracts.errors import RpcError, StorageLimitExceeded
from rpc.auth import Caller
from rpc.content import Content, ContentBrokenOff
from rpc.dispatch import context_of, validate
from tests import sampling
from tests.leftovers import open_uploads
from tests.media_files import HTML, padded, video
from tests.test_lifecycle import OWNERS, PHOTO, TABLE, Lifecycle, TestLifecycle, Upload

MIB = 1024**2
PART = 5 * MIB
BODIES = {"photo": PHOTO, "html": padded(HTML, len(PHOTO)), "video": padded(video(), PART + 10)}
TYPES = {"photo": "image/jpeg", "html": "image/jpeg", "video": "video/mp4"}
FIRST_OF_TWO = padded(video(), 8 * MIB)
NUMBERS = strategies.sampled_from([1, 1, 2])
DAY = timedelta(days=1)

del TestLifecycle  # it runs where it is written


@dataclass
class InParts(Upload):
    """What the model knows of one upload in parts."""

    kind: str = "photo"
    upload_ends_at: datetime = datetime.max.replace(tzinfo=UTC)
    multipart_id: str | None = None
    is_open: bool = False
    parts: set[int] = field(default_factory=set)
    is_begun: bool = False
    is_dropped: bool = False

    @property
    def reserved(self) -> int:
        """What storage never knew, or knows no more, holds nothing."""
        return 0 if self.state == "deleted" and (self.is_dropped or not self.is_begun) else super().reserved

    @property
    def body(self) -> bytes:
        return BODIES[self.kind]

    @property
    def numbers(self) -> set[int]:
        return set(range(1, -(-self.size // PART) + 1))

    def bytes_of(self, number: int) -> bytes:
        return self.body[(number - 1) * PART : number * PART]

    def refusal(self, now: datetime) -> int | None:
        """What a call is told that goes on with the upload, or nothing."""
        match self.state:
            case "completed":
                return 1400
            case "pending":
                return 1200 if self.upload_ends_at <= now else None
            case _:
                return 1601 if self.refused and self.state == "deleted" else 1300

    def extend(self, now: datetime) -> None:
        self.ends_at = max(self.ends_at, now + timedelta(seconds=900 + 60))
        self.upload_ends_at = max(self.upload_ends_at, now + DAY)

    def finish(self) -> None:
        """All parts are there, and somebody says so."""
        self.refused, self.is_open = self.kind == "html", False
        self.state = "deleted" if self.refused else "completed"


def told(answer: Any) -> int | None:
    return int(answer.code) if isinstance(answer, RpcError) else None


class LifecycleInParts(Lifecycle):
    """Uploads of every kind share owners, clock and quota."""

    in_parts = Bundle("in_parts")
    brought = Bundle("brought")

    def __init__(self) -> None:
        super().__init__()

    def parts_of(self, media_id: str) -> InParts:
        upload = self.model[media_id]
        assert isinstance(upload, InParts)
        return upload

    def bring(self, name: str, owner: str, now: datetime, *chunks: bytes, broken: bool = False, **params: Any) -> Any:
        """The answer of a call with content, or the error."""
        value, procedure = validate(TABLE[name], params), TABLE[name]
        caller = Caller(owner, self.plans[owner])
        context = context_of(self.resources, procedure, value, caller=caller, request_id="req_test", now=now)

        async def coming() -> AsyncIterator[bytes]:
            for chunk in chunks:
                yield chunk
            if broken:
                raise ContentBrokenOff

        try:
            return self.runner.run(procedure.run(context, value, Content(coming())))
        except RpcError as error:
            return error

    def has_room(self, owner: str, size: int) -> bool:
        return sum(self.held(owner)) + size <= self.plans[owner].quota_bytes

    @rule(target=in_parts, owner=OWNERS, kind=strategies.sampled_from(["photo", "photo", "html", "video"]))
    def initiate_in_parts(self, owner: str, kind: str) -> Any:
        size = len(BODIES[kind])
        facts = {"filename": "a.bin", "contentType": TYPES[kind], "size": size, "partSize": PART}
        answer = self.call("media.initiateMultipartUpload", owner, **facts)
        if not self.has_room(owner, size):
            assert told(answer) == 1600
            return multiple()
        media_id = str(answer.media_id)
        ends_at = self.now + timedelta(seconds=900 + 60)
        upload = InParts(owner, size, "", self.now, ends_at, kind=kind, upload_ends_at=self.now + DAY)
        assert answer.total_parts == len(upload.numbers)
        self.model[media_id] = upload
        return media_id

    @rule(media_id=in_parts, number=NUMBERS)
    def sign(self, media_id: str, number: int) -> None:
        upload = self.parts_of(media_id)
        number = min(number, len(upload.numbers))
        answer = self.call("media.signParts", upload.owner, mediaId=media_id, partNumbers=[number])
        assert told(answer) == upload.refusal(self.now)
        if not isinstance(answer, RpcError):
            (part,) = answer.parts
            url = httpx.URL(part.upload_url)
            assert upload.multipart_id in {None, url.params["uploadId"]}
            upload.key = url.path.partition(f"/{self.resources.store.name}/")[2]
            upload.multipart_id, upload.is_open, upload.is_begun = url.params["uploadId"], True, True
            upload.extend(self.now)

    @rule(media_id=in_parts, number=NUMBERS)
    def put_part(self, media_id: str, number: int) -> None:
        """A part arrives by its URL until the end of that; the store takes it while the upload is open there."""
        upload = self.parts_of(media_id)
        number = min(number, len(upload.numbers))
        if upload.multipart_id is None or not upload.key or self.now >= upload.ends_at:
            return
        store, body = self.resources.store, upload.bytes_of(number)
        named = {"Bucket": store.name, "Key": upload.key, "UploadId": upload.multipart_id, "PartNumber": number}
        if upload.is_open:
            store._client.upload_part(**named, Body=body)
            upload.parts.add(number)
        else:
            with pytest.raises(ClientError, match="NoSuchUpload"):
                store._client.upload_part(**named, Body=body)

    @rule(media_id=in_parts, number=NUMBERS)
    def bring_part(self, media_id: str, number: int) -> None:
        upload = self.parts_of(media_id)
        number = min(number, len(upload.numbers))
        answer = self.bring(
            "media.uploadPart", upload.owner, self.now, upload.bytes_of(number), mediaId=media_id, partNumber=number
        )
        assert told(answer) == upload.refusal(self.now)
        if not isinstance(answer, RpcError):
            upload.parts.add(number)
            upload.is_open = upload.is_begun = True
            upload.extend(self.now)
            assert answer.uploaded_bytes == sum(len(upload.bytes_of(number)) for number in upload.parts)

    @rule(media_id=in_parts)
    def ask(self, media_id: str) -> None:
        upload = self.parts_of(media_id)
        if upload.state == "pending":
            status = self.call("media.getUploadStatus", upload.owner, mediaId=media_id)
            assert status.missing_parts == sorted(upload.numbers - upload.parts)

    @rule(media_id=in_parts)
    def complete_in_parts(self, media_id: str) -> None:
        upload = self.parts_of(media_id)
        answer = self.call("media.completeMultipartUpload", upload.owner, mediaId=media_id)
        if upload.state == "pending" and upload.parts == upload.numbers:
            upload.finish()
            assert told(answer) == (1601 if upload.refused else None)
        elif upload.state == "pending":
            assert told(answer) == (upload.refusal(self.now) or 1400)
        else:
            assert told(answer) == (None if upload.state == "completed" else upload.refusal(self.now))

    @rule(media_id=in_parts)
    def cancel_in_parts(self, media_id: str) -> None:
        """Storage has dropped it when the answer comes."""
        upload = self.parts_of(media_id)
        was_pending = upload.state == "pending"
        self.cancel(media_id)
        if was_pending:
            upload.is_open, upload.is_dropped = False, True

    @rule(media_id=in_parts | brought)
    def delete_in_parts(self, media_id: str) -> None:
        self.delete(media_id)

    @rule(media_id=in_parts)
    def meddle_in_parts(self, media_id: str) -> None:
        """The other owner finds nothing."""
        other = "ben" if self.model[media_id].owner == "ada" else "ada"
        assert told(self.call("media.signParts", other, mediaId=media_id, partNumbers=[1])) == 1300
        assert told(self.call("media.completeMultipartUpload", other, mediaId=media_id)) == 1300
        assert told(self.bring("media.uploadPart", other, self.now, b"x", mediaId=media_id, partNumber=1)) == 1300

    @rule(target=brought, owner=OWNERS, kind=strategies.sampled_from(["photo", "html", "video"]))
    def bring_whole(self, owner: str, kind: str) -> Any:
        """Whole, through the server, whose clock is its own: stored, or nothing is left."""
        body = BODIES[kind]
        answer = self.bring("media.upload", owner, datetime.now(UTC), body)
        if kind == "html" or not self.has_room(owner, len(body)):
            assert told(answer) == (1600 if kind != "html" or not self.has_room(owner, 1) else 1601)
            return multiple()
        return self.know(str(answer.media.id), "completed")

    @rule(target=brought, owner=OWNERS)
    def break_off(self, owner: str) -> Any:
        """The client leaves in the second part: what it took stays reserved until it is proven gone."""
        answer = self.bring("media.upload", owner, datetime.now(UTC), FIRST_OF_TWO, b"x", broken=True)
        if not self.has_room(owner, len(FIRST_OF_TWO)):
            assert isinstance(answer, StorageLimitExceeded)
            return multiple()
        assert isinstance(answer, ContentBrokenOff)
        ((media_id,),) = self.runner.run(self.fetch("select id from media order by id desc limit 1"))
        return self.know(str(media_id), "deleted")

    def know(self, media_id: str, state: str) -> str:
        """Take the size and the end of an upload through the server from its row."""
        query = (
            f"select owner_id, size_bytes, staging_key, url_expires_at, url_ends_at from media where id = '{media_id}'"
        )
        ((owner, size, key, expires_at, ends_at),) = self.runner.run(self.fetch(query))
        self.model[media_id] = Upload(owner, size, key, expires_at, ends_at, state=state)
        return media_id

    @rule()
    def wait_for_a_day(self) -> None:
        self.now += DAY

    def settle(self, upload: Upload) -> None:
        if not isinstance(upload, InParts):
            super().settle(upload)
            return
        if upload.state == "pending" and upload.ends_at <= self.now:
            if upload.parts == upload.numbers:
                upload.finish()
            elif upload.upload_ends_at <= self.now:
                upload.state = "deleted"
        if upload.state == "deleted":
            upload.is_open, upload.is_dropped = False, True
            upload.state = "gone" if upload.ends_at <= self.now else "deleted"

    @rule()
    def look_for_what_is_open(self) -> None:
        """After the jobs, the store has an upload open exactly for those that somebody can go on with."""
        self.work()
        found = self.runner.run(open_uploads(self.url, self.resources.store))
        open_now = [upload for upload in self.model.values() if isinstance(upload, InParts) and upload.is_open]
        assert len(found) == len(open_now)

    def teardown(self) -> None:
        try:
            self.now += DAY
            self.look_for_what_is_open()
        finally:
            super().teardown()


TestLifecycleInParts = pytest.mark.exhaustive(walk=True)(
    pytest.mark.usefixtures("servers", "rendered_once")(LifecycleInParts.TestCase)
)
TestLifecycleInParts.settings = settings(
    Lifecycle.TestCase.settings,
    max_examples=20 if sampling.sample() == sampling.ALL else 3,
    stateful_step_count=35,
)
