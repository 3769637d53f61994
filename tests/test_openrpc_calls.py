"""The OpenRPC document against the running application: callers are answered its examples, and its errors."""

import json
import re
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from typing import Any

import httpx
import pytest

from contracts.errors import ServiceUnavailable
from contracts.examples import EXAMPLES, Example
from contracts.examples.media import (
    CONCERT_BYTES,
    CONCERT_ID,
    PHOTO_BYTES,
    PHOTO_ID,
    PIER_ID,
    PORTRAIT_ID,
    QUAY_ID,
    VIDEO_ID,
)
from contracts.media import Purpose
from contracts.wire import NoInput
from procedures import PROCEDURES
from rpc.context import Context
from rpc.limits import RateLimits
from rpc.procedure import Procedure, query
from storage.keys import staging_key
from tests.described import Described, Json
from tests.media_files import HTML, padded, photo, video
from tests.sample_procedures import Null, boom, serving
from tests.steps import steps

__all__ = ["steps"]

PHOTO = padded(photo(640, 480), PHOTO_BYTES)
CONCERT = padded(video(), CONCERT_BYTES)
PART = 8 * 1024**2
OF_ONE_MEDIA = (
    *("media.getMedia", "media.getDownloadUrl", "media.cancelUpload", "media.deleteMedia", "media.setProfileImage"),
)
PORTRAIT = {"filename": "ada.jpg", "contentType": "image/jpeg", "size": PHOTO_BYTES, "purpose": "profile"}
UNKNOWN = "00000000-0000-4000-8000-000000000000"


DESCRIBED = Described.of(*PROCEDURES)
Call = Callable[..., Awaitable[Json]]


@pytest.fixture
def ask(rpc: Call) -> Call:
    """Call a method over JSON-RPC; the response, which must be as the document says."""

    async def send(method: str, /, **params: Any) -> Json:
        answer = await rpc(method, **params)
        assert DESCRIBED.issues_of_answer(method, answer) == []
        return answer

    return send


@pytest.fixture
def refused(ask: Call) -> Callable[..., Awaitable[list[str]]]:
    """Call a method that refuses; the names of the errors that the document has for it."""

    async def send(method: str, /, **params: Any) -> list[str]:
        return DESCRIBED.meant(method, (await ask(method, **params))["error"])

    return send


@dataclass
class Story:
    """The examples, told in an order in which they can happen, under the ids that the application gives."""

    ask: Call
    ids: dict[str, str] = field(default_factory=dict)
    told: list[Example] = field(default_factory=list)

    async def tell(self, name: str, index: int = 0) -> Json:
        """Call as an example shows it; the answer, which must be the example's."""
        example = EXAMPLES[name][index]
        result: Json = (await self.ask(name, **self._given(example.input)))["result"]
        return self._heard(example, result)

    async def bring(self, http: httpx.AsyncClient, headers: Json, name: str, content: bytes) -> Json:
        """Call a procedure that takes content as its example shows it."""
        example = EXAMPLES[name][0]
        sent = {**headers, "content-type": "application/octet-stream"}
        told = {"input": json.dumps(self._given(example.input))}
        answer = (await http.post(f"/rpc/{name}", params=told, content=content, headers=sent)).json()
        return self._heard(example, answer["result"]["data"])

    def _given(self, shown: Json) -> Any:
        """An example's input, under the ids that the application has given."""
        text = json.dumps(shown)
        for known, given in self.ids.items():
            text = text.replace(known, given)
        return json.loads(text)

    def _heard(self, example: Example, result: Json) -> Json:
        """An answer, which must be the example's; the id of what it began is the example's from now on."""
        shown = _id_in(example.output)
        if shown and shown not in self.ids:
            self.ids[shown] = _id_in(result)
        assert self._settled(result) == self._settled(example.output)
        self.told.append(example)
        return result

    def _settled(self, output: Json) -> Any:
        """The same answer with the example's ids, and without what differs from call to call."""
        text = json.dumps(output)
        for shown, given in self.ids.items():
            text = text.replace(given, shown)
        text = re.sub(r'"https?://[^"]*?/((?:staging/)?users/[^"?]*)\?[^"]*"', r'"<storage>/\1"', text)
        text = re.sub(r"_[0-9a-f]{24}_", "_<random>_", text)
        text = re.sub(r'"https?://[^"]*?/([0-9a-f-]{36})/[0-9a-f]{24}/([^"/]*)"', r'"<cdn>/\1/<attempt>/\2"', text)
        text = re.sub(r'("mimeType": "image/webp", "size": )\d+', r'\1"<bytes>"', text)
        text = re.sub(r'"placeholder": "[^"]+", "dominantColor": "#[0-9a-f]{6}"', '"placeholder": "<hash>"', text)
        text = re.sub(r"req_\d{13}_[0-9a-f]{9}", "<request>", text)
        text = re.sub(r'"(id|lastEventId)": "\d+"', r'"\1": "<number>"', text)
        text = re.sub(r'"etaSeconds": (\d+|null)', '"etaSeconds": "<eta>"', text)
        return json.loads(re.sub(r'"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z"', '"<time>"', text))


def _id_in(answer: Json) -> Any:
    """The id of the media that an answer tells of."""
    (first, *_) = answer.get("results", [{}])
    ticket = first.get("ticket") or answer
    return answer.get("media", {}).get("id") or ticket.get("mediaId")


@pytest.fixture
def as_service(http: httpx.AsyncClient, bearer: Callable[..., Json]) -> Call:
    """Call a method with the scope `service`; the response, which must be as the document says."""

    async def send(method: str, /, **params: Any) -> Json:
        document = {"jsonrpc": "2.0", "id": 1, "method": method, "params": params}
        answer: Json = (await http.post("/rpc", json=document, headers=bearer("backend", scope="service"))).json()
        assert DESCRIBED.issues_of_answer(method, answer) == []
        return answer

    return send


@pytest.mark.embedded
@pytest.mark.usefixtures("steps")
async def test_every_example_is_what_the_application_answers(
    ask: Call,
    as_service: Call,
    http: httpx.AsyncClient,
    bearer: Callable[..., Json],
    client: httpx.AsyncClient,
    run_pending: Callable[[], Awaitable[None]],
):
    """From the accepted formats to the user's end, to the letter but for ids, signatures and times.

    Not one of these calls holds the event loop for long.
    """
    story, service = Story(ask), Story(as_service)

    await story.tell("media.getSupportedFormats")
    ticket = await story.tell("media.initiateUpload")
    sent = await client.request(ticket["method"], ticket["uploadUrl"], content=PHOTO, headers=ticket["headers"])
    assert sent.status_code == 200
    await story.tell("media.completeUpload")
    await story.tell("media.initiateUpload", 1)
    await story.tell("media.listMedia", 1)
    await story.tell("media.getStorageUsage")
    story.ids['"41"'] = json.dumps((await ask("media.pollEvents", waitSeconds=0))["result"]["lastEventId"])
    await run_pending()
    await story.tell("media.pollEvents")
    del story.ids['"41"']
    await story.tell("media.getMedia")
    service.ids = story.ids
    await service.tell("media.getMany")
    await story.tell("media.listMedia")
    download = await story.tell("media.getDownloadUrl")
    assert (await client.get(download["url"])).content == PHOTO
    shown = await client.get((await story.tell("media.getDownloadUrl", 1))["url"])
    assert shown.headers["content-disposition"].startswith("inline; ")
    await story.tell("media.getDownloadUrl", 2)
    await story.tell("media.getProcessingStatus")
    await story.tell("media.cancelUpload")
    await story.tell("media.initiateUploads")
    await ask("media.cancelUpload", mediaId=story.ids[QUAY_ID])
    await tell_of_the_video(story, http, bearer("ada"), client)
    await story.bring(http, bearer("ada"), "media.upload", PHOTO)
    await story.tell("media.attachToPost")
    await story.tell("media.listPostMedia")
    await story.tell("media.listMedia", 2)
    await story.tell("media.detachFromPost")
    portrait = (await ask("media.initiateUpload", **PORTRAIT))["result"]
    await client.put(portrait["uploadUrl"], content=PHOTO, headers=portrait["headers"])
    await ask("media.completeUpload", mediaId=portrait["mediaId"])
    await run_pending()
    story.ids[PORTRAIT_ID] = portrait["mediaId"]
    await story.tell("media.setProfileImage")
    await story.tell("media.getProfileImage")
    await story.tell("media.attachToPost")
    await story.tell("media.deletePostMedia")
    await story.tell("media.deleteMany")
    await story.tell("media.deleteMedia")
    for name in ("media.setPlan", "media.listAudit", "media.purgeUser"):
        await service.tell(name)

    assert set(story.ids) == {PHOTO_ID, VIDEO_ID, CONCERT_ID, PIER_ID, PORTRAIT_ID, QUAY_ID}
    untold = [
        example.name for known in EXAMPLES.values() for example in known if example not in story.told + service.told
    ]
    assert untold == []


async def tell_of_the_video(story: Story, http: httpx.AsyncClient, headers: Json, client: httpx.AsyncClient) -> None:
    """Three parts: one to storage, one through the server, and the last one after a look at what is missing."""
    clip = await story.tell("media.initiateMultipartUpload")
    begun = await story.ask("media.signParts", mediaId=clip["mediaId"], partNumbers=[1])
    (first,) = begun["result"]["parts"]
    assert (await client.put(first["uploadUrl"], content=CONCERT[:PART], headers=first["headers"])).status_code == 200
    await story.bring(http, headers, "media.uploadPart", CONCERT[PART : 2 * PART])
    await story.tell("media.getUploadStatus")
    await story.tell("media.listUploads")
    (last,) = (await story.tell("media.signParts"))["parts"]
    assert (
        await client.put(last["uploadUrl"], content=CONCERT[2 * PART :], headers=last["headers"])
    ).status_code == 200
    await story.tell("media.completeMultipartUpload")
    await story.tell("media.cancelProcessing")
    await story.tell("media.retryProcessing")


async def test_answers_without_an_example_are_as_described(ask: Call, ready_media, pending_upload):
    """Pages with more behind them, an empty page, and null for what may be left out."""
    for _ in range(2):
        await ready_media()
    await pending_upload()

    page = (await ask("media.listMedia", limit=1))["result"]
    assert (await ask("media.listMedia", cursor=page["nextCursor"], type="image"))["result"]["nextCursor"] is None
    assert (await ask("media.listMedia", status="failed"))["result"]["items"] == []
    assert (await ask("media.listMedia", type=None, status=None, cursor=None))["result"]["nextCursor"] is None


@pytest.mark.parametrize(
    ("headers", "error"),
    [
        ({}, "AuthenticationRequired"),
        ({"authorization": "Bearer nonsense"}, "InvalidToken"),
        ({"ttl_seconds": -60}, "SessionExpired"),
    ],
    ids=["none", "bad", "expired"],
)
async def test_a_call_without_a_good_token_is_answered_as_described(http, bearer, headers, error):
    """Every method that needs a caller has the error; the public one answers."""
    sent = bearer(**headers) if "ttl_seconds" in headers else headers
    for method in DESCRIBED.document["methods"]:
        call = {"jsonrpc": "2.0", "id": 1, "method": method["name"]}
        answer = (await http.post("/rpc", json=call, headers=sent)).json()
        assert ("result" in answer) == method["x-public"]
        assert method["x-public"] or DESCRIBED.meant(method["name"], answer["error"]) == [error]


async def test_input_that_does_not_fit_is_answered_as_described(subtests, refused):
    """An unknown member is ValidationFailed, whatever the method."""
    for name in DESCRIBED.names:
        with subtests.test(name=name):
            assert await refused(name, more=1) == ["ValidationFailed"]


@pytest.mark.parametrize(
    ("params", "error"),
    [
        ({"size": 10 * 1024**2 + 1}, "FileTooLarge"),
        ({"size": 100 * 1024**2, "contentType": "video/mp4"}, "StorageLimitExceeded"),
        ({"size": 2, "idempotencyKey": "k"}, "IdempotencyKeyTaken"),
    ],
)
async def test_a_refused_upload_is_answered_as_described(refused, pending_upload, params, error):
    """Too large for its type, too large for the quota, under a key of another."""
    await pending_upload(idempotencyKey="k")
    told = {"filename": "photo.jpg", "contentType": "image/jpeg", **params}
    assert await refused("media.initiateUpload", **told) == [error]


class TestWithLimits:
    """Where callers are limited."""

    @pytest.fixture
    def settings(self, settings):
        return replace(settings, rate_limits=RateLimits.parse("*=1/60"))

    async def test_a_call_too_many_is_answered_as_described(self, ask, refused):
        """RateLimitExceeded says how long to wait."""
        await ask("media.getStorageUsage")
        assert await refused("media.getStorageUsage") == ["RateLimitExceeded"]


class TestFull:
    """Where an owner has as many media, or uploads to complete, as may be."""

    @pytest.fixture
    def settings(self, settings):
        return replace(settings, max_media_per_owner=2, max_pending_uploads=1)

    async def test_one_too_many_is_answered_as_described(self, refused, pending_upload, call):
        """Each limit has an error of its own, under the number of the quota's."""
        told = {"filename": "photo.jpg", "contentType": "image/jpeg", "size": 3}
        ticket = await pending_upload()
        assert await refused("media.initiateUpload", **told) == ["PendingUploadLimitExceeded"]
        await call("media.cancelUpload", mediaId=str(ticket.media_id))
        await pending_upload()
        assert await refused("media.initiateUpload", **told) == ["MediaLimitExceeded"]


async def test_a_media_that_is_not_there_is_answered_as_described(refused):
    """Every method that takes an id has its error for one that is nobody's."""
    for name in OF_ONE_MEDIA:
        assert await refused(name, mediaId=UNKNOWN) == ["MediaNotFound"]
    assert await refused("media.completeUpload", mediaId=UNKNOWN) == ["UploadNotFound"]


async def test_what_a_post_does_not_take_is_answered_as_described(refused, completed_media, pending_upload, call):
    """What is pending, for a profile, in another post, one too many, and nobody's."""
    media_ids = [str((await completed_media()).id) for _ in range(11)]
    portrait, upload = str((await completed_media(purpose="profile")).id), str((await pending_upload()).media_id)
    await call("media.attachToPost", postId="p", mediaIds=media_ids[:10])

    async def attach(post: str, *chosen: str) -> list[str]:
        told: list[str] = await refused("media.attachToPost", postId=post, mediaIds=chosen)
        return told

    assert await attach("p", media_ids[10]) == ["PostFull"]
    assert await attach("q", media_ids[0]) == ["AttachedElsewhere"]
    assert await attach("q", upload) == ["MediaUnusable"]
    assert await attach("q", portrait) == ["OtherPurpose"]
    assert await attach("q", UNKNOWN) == ["MediaNotFound"]
    assert await refused("media.detachFromPost", postId="p", mediaIds=[UNKNOWN]) == ["MediaNotFound"]


async def test_what_is_no_profile_image_is_answered_as_described(refused, completed_media, pending_upload):
    """What is for posts, pending, and no image."""
    media, upload = await completed_media(), await pending_upload(purpose="profile")
    sound = await completed_media(
        b"RIFF\x24\0\0\0WAVEfmt " + b"\0" * 40, contentType="audio/wav", filename="a.wav", purpose="profile"
    )
    assert await refused("media.setProfileImage", mediaId=str(media.id)) == ["OtherPurpose"]
    assert await refused("media.setProfileImage", mediaId=str(upload.media_id)) == ["MediaUnusable"]
    assert await refused("media.setProfileImage", mediaId=str(sound.id)) == ["NoImage"]


async def test_a_foreign_owner_is_answered_as_described(refused):
    """Whatever is asked or changed of an owner for whom the caller may not act."""
    owner = {"type": "event", "id": "42"}
    assert await refused("media.listMedia", owner=owner) == ["ForeignOwner"]
    assert await refused("media.getProfileImage", owner=owner) == ["ForeignOwner"]
    for name in ("media.listPostMedia", "media.deletePostMedia"):
        assert await refused(name, postId="p", owner=owner) == ["ForeignOwner"]


async def test_what_comes_too_early_is_answered_as_described(refused, pending_upload):
    """Completing and downloading what has not arrived."""
    ticket = await pending_upload()
    assert await refused("media.completeUpload", mediaId=str(ticket.media_id)) == ["UploadIncomplete"]
    assert await refused("media.getDownloadUrl", mediaId=str(ticket.media_id)) == ["UploadPending"]


async def test_what_comes_too_late_is_answered_as_described(refused, pending_upload, completed_media):
    """Completing what never arrived, cancelling what is complete, and a rendition that is not made."""
    expired = await pending_upload(now=datetime.now(UTC) - timedelta(hours=1))
    media = await completed_media()
    assert await refused("media.completeUpload", mediaId=str(expired.media_id)) == ["UploadExpired"]
    assert await refused("media.cancelUpload", mediaId=str(media.id)) == ["UploadCompleted"]
    assert await refused("media.getDownloadUrl", mediaId=str(media.id), rendition="thumb150") == ["RenditionNotFound"]


@pytest.mark.parametrize(
    ("told", "stored", "error"),
    [
        ({}, HTML, "InvalidFileType"),
        ({"sha256": "0" * 64}, photo(), "DigestDiffers"),
        ({}, photo() + b"!", "SizeDiffers"),
    ],
    ids=["type", "digest", "size"],
)
async def test_other_bytes_than_declared_are_answered_as_described(
    refused, pending_upload, resources, told, stored, error
):
    """Another type, another digest, and another size, from a store that takes what the signature forbids."""
    size = len(stored) if error == "InvalidFileType" else len(photo())
    ticket = await pending_upload(size=size, **told)
    key = staging_key("ada", ticket.media_id, "photo.jpg", Purpose.POST)
    resources.store._client.put_object(Bucket=resources.store.name, Key=key, Body=stored)
    assert await refused("media.completeUpload", mediaId=str(ticket.media_id)) == [error]


@query("down", public=True)
async def down(_ctx: Context, _params: NoInput) -> Null:
    raise ServiceUnavailable(service="storage")


@pytest.mark.parametrize(("procedure", "error"), [(down, "ServiceUnavailable"), (boom, "InternalError")])
async def test_a_failing_server_is_answered_as_described(procedure: Procedure, error: str):
    """What is down, and what nobody foresaw."""
    async with serving([procedure]) as client:
        answer = await client.post("/rpc", json={"jsonrpc": "2.0", "id": 1, "method": procedure.name})
    assert Described.of(procedure).meant(procedure.name, answer.json()["error"]) == [error]
