"""The crash matrix: whichever call a process dies at, before it or after, nothing is lost, doubled or left behind.

Each operation is run in a process that gets through, and in some that die before or after one of its calls to database
or requests to the store. After every death the client repeats its call, the jobs of the dead go to the living, and one
sweep comes past the end of every URL.
"""

from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from hashlib import sha256
from typing import Any

import pytest

from contracts.errors import RpcError
from contracts.media import Deletions, Purpose, StorageUsage, UploadTicket
from contracts.posts import PostMedia
from jobs.sweep import sweep
from storage.keys import staging_key
from storage.s3 import ObjectStore
from tests.audio_files import audio_file
from tests.callers import SERVICE
from tests.crashes.crashing import CRASHED, DONE, OF_SERVICES
from tests.crashes.points import CANCELLED, DELETED, NOWHERE, READY, Ended, points
from tests.media_files import HTML, photo, video
from tests.sampling import drawn

FAILED = ["upload.started", "media.processing", "media.failed"]
MIB = 1024**2
MOST_OF_ONE = 80
ROOMY = "*=1000/60"
NAMES = {
    "complete": "media.completeUpload",
    "cancel": "media.cancelUpload",
    "delete": "media.deleteMedia",
    "stop": "media.cancelProcessing",
    "attach": "media.attachToPost",
    "set": "media.setProfileImage",
}
BODIES = {
    "html": (HTML, "image/png"),
    "damaged": (photo()[:600], "image/jpeg"),
    "video": (video(), "video/mp4"),
    "audio": (audio_file("mp3", 0.2), "audio/mpeg"),
}
# What an upload declares beside a body.
DECLARATIONS = frozenset({"key", "digest", "other-size", "other-digest", "profile"})
OF_A_POST = ("media.attachToPost", "media.detachFromPost", "media.deletePostMedia")

ONE_READY = Ended(None, [READY], ["ready"])
ONE_CANCELLED = Ended(None, [CANCELLED], [])
ONE_DELETED = Ended(None, [DELETED], [])


@dataclass(frozen=True)
class Operation:
    """What is broken off: `run` now or `late`, past the end of the URL or of what failed, after these steps."""

    run: str
    steps: str
    end: Ended
    late: bool = False
    later_by: timedelta = timedelta(seconds=900 + 60 + 5)
    doubled: tuple[str, ...] = ()  # crashes after which a repetition reserves anew, and the sweep deletes the first
    limits: str = "off"


OPERATIONS = {
    "initiate": Operation(
        "media.initiateUpload", "", replace(ONE_READY, answer="PUT"), doubled=("after database reserve_upload", "none")
    ),
    "initiate with a key": Operation("media.initiateUpload", "key", replace(ONE_READY, answer="PUT")),
    "initiate with a known key": Operation("media.initiateUpload", "key initiate", replace(ONE_READY, answer="PUT")),
    "initiate many with keys": Operation("media.initiateUploads", "key", replace(ONE_READY, answer="PUT")),
    "complete": Operation("media.completeUpload", "digest initiate put", replace(ONE_READY, answer="processing")),
    "complete another type": Operation(
        "media.completeUpload", "html initiate put", replace(ONE_CANCELLED, answer="1601")
    ),
    "cancel": Operation("media.cancelUpload", "initiate put", replace(ONE_CANCELLED, answer="success")),
    "cancel processing": Operation(
        "media.cancelProcessing", "initiate put complete", Ended("success", [FAILED], ["failed"])
    ),
    "retry processing": Operation(
        "media.retryProcessing",
        "initiate put complete stop",
        Ended("processing", [[*FAILED, "media.processing", "media.ready"]], ["ready"]),
    ),
    "process a damaged image": Operation("jobs", "damaged initiate put complete", Ended(None, [FAILED], ["failed"])),
    "delete": Operation("media.deleteMedia", "initiate put complete jobs", replace(ONE_DELETED, answer="success")),
    "delete an upload": Operation("media.deleteMedia", "initiate put", replace(ONE_CANCELLED, answer="success")),
    "delete many": Operation("media.deleteMany", "initiate put complete jobs", replace(ONE_DELETED, answer="success")),
    "attach": Operation("media.attachToPost", "initiate put complete jobs", replace(ONE_READY, answer="1 in the post")),
    "detach": Operation(
        "media.detachFromPost", "initiate put complete jobs attach", replace(ONE_READY, answer="0 in the post")
    ),
    "delete a post": Operation(
        "media.deletePostMedia", "initiate put complete jobs attach", replace(ONE_DELETED, answer="0 in the post")
    ),
    "set the first profile image": Operation(
        "media.setProfileImage", "profile initiate put complete jobs", replace(ONE_READY, answer="ready")
    ),
    "set another profile image": Operation(
        "media.setProfileImage",
        "profile initiate put complete jobs set initiate put complete jobs",
        Ended("ready", [DELETED, READY], ["ready"]),
    ),
    "complete under a limit": Operation(
        "media.completeUpload", "digest initiate put", replace(ONE_READY, answer="processing"), limits=ROOMY
    ),
    "cancel under a limit": Operation(
        "media.cancelUpload", "initiate put", replace(ONE_CANCELLED, answer="success"), limits=ROOMY
    ),
    "delete under a limit": Operation(
        "media.deleteMedia", "initiate put complete jobs", replace(ONE_DELETED, answer="success"), limits=ROOMY
    ),
    "set a plan": Operation("media.setPlan", "", Ended("room for 1024 MiB", [], [])),
    "purge a user": Operation(
        "media.purgeUser", "initiate put complete jobs initiate", Ended("success", [DELETED, CANCELLED], [])
    ),
    "process_media": Operation("jobs", "initiate put complete", ONE_READY),
    "process a video": Operation("jobs", "video initiate put complete", ONE_READY),
    "process an audio file": Operation("jobs", "audio initiate put complete", ONE_READY),
    "purge_media": Operation("jobs", "initiate put complete jobs delete", ONE_DELETED),
    "purge_media past the end": Operation("jobs", "initiate put complete jobs delete", ONE_DELETED, late=True),
    "settle an upload that arrived": Operation("jobs", "digest initiate put sweep", ONE_READY, late=True),
    "settle an upload that never came": Operation("jobs", "initiate sweep", ONE_CANCELLED, late=True),
    "settle another type": Operation("jobs", "html initiate put sweep", ONE_CANCELLED, late=True),
    "settle another size": Operation("jobs", "other-size initiate smuggle sweep", ONE_CANCELLED, late=True),
    "settle another digest": Operation("jobs", "other-digest initiate smuggle sweep", ONE_CANCELLED, late=True),
    "settle a media": Operation("jobs", "initiate put complete jobs put sweep", ONE_READY, late=True),
    "settle a tombstone": Operation("jobs", "initiate put cancel jobs put sweep", ONE_CANCELLED, late=True),
    "settle what failed a day ago": Operation(
        "jobs",
        "initiate put complete stop sweep",
        Ended(None, [[*FAILED, "media.deleted"]], []),
        late=True,
        later_by=timedelta(hours=24, seconds=5),
    ),
    "sweep an upload": Operation("sweep", "initiate put", ONE_READY, late=True),
    "sweep a tombstone": Operation("sweep", "initiate put cancel jobs put", ONE_CANCELLED, late=True),
}


OF_NO_MEDIA: dict[str, Callable[[dict[str, Any], int], dict[str, Any]]] = {
    "media.setPlan": lambda _, number: {"userId": f"user {number}", "plan": "basic"},
    "media.initiateUploads": lambda told, _: {"uploads": [told]},
}


@pytest.fixture
def prepared(call, put, resources, run_pending):
    """Take a new media through the steps that come before an operation; the operation's input."""

    async def steps(operation: str, words: str, number: int, late: datetime) -> dict[str, Any]:
        told = declared(words, number)
        begun: Any = None
        for word in words.split():
            match word:
                case "initiate":
                    begun = await call("media.initiateUpload", **told)
                case "put":
                    assert (await put(begun, brought(words)[0])).status_code == 200
                case "smuggle":
                    await resources.store._call(
                        smuggle, staging_key("ada", begun.media_id, told["filename"], Purpose.POST)
                    )
                case "jobs":
                    await run_pending()
                case "sweep":
                    assert await sweep(resources.db, late) == 1
                case "complete" | "cancel" | "delete" | "stop" | "attach" | "set":
                    await call(NAMES[word], **named(NAMES[word], str(begun.media_id), number))
                case _:
                    assert word in BODIES.keys() | DECLARATIONS, word
        if operation in OF_NO_MEDIA:
            return OF_NO_MEDIA[operation](told, number)
        return told if begun is None or "key" in words else named(operation, str(begun.media_id), number)

    return steps


def named(operation: str, media_id: str, number: int) -> dict[str, Any]:
    """The input of an operation that names a media, and a post that no other crash has seen."""
    post = {"postId": f"post {number}"} if operation in OF_A_POST else {}
    match operation:
        case "media.deletePostMedia":
            return post
        case "media.purgeUser":
            return {"userId": "ada"}
        case "media.deleteMany" | "media.attachToPost" | "media.detachFromPost":
            return {"mediaIds": [media_id], **post}
    return {"mediaId": media_id}


def brought(words: str) -> tuple[bytes, str]:
    """What an upload of these steps brings, and the type that it declares."""
    return next((body for word, body in BODIES.items() if word in words.split()), (photo(), "image/jpeg"))


def declared(words: str, number: int) -> dict[str, Any]:
    """What an upload of these steps declares."""
    body, content_type = brought(words)
    told = {"filename": "photo.jpg", "contentType": content_type, "size": len(body) + ("other-size" in words)}
    if "key" in words:
        told["idempotencyKey"] = f"key {number}"
    if "profile" in words:
        told["purpose"] = "profile"
    if "digest" in words:
        told["sha256"] = sha256(b"" if "other-digest" in words else body).hexdigest()
    return told


def smuggle(store: ObjectStore, key: str) -> None:
    """Write an object past its URL, as a store does that does not check what a URL binds."""
    store._client.put_object(Bucket=store.name, Key=key, Body=photo())


@pytest.fixture
def repeated(call, put, ada):
    """The answer of a client that repeats its call, and goes on with its upload when it had only begun."""

    async def repeat(name: str, params: dict[str, Any]) -> str:
        try:
            answer = await call(name, caller=SERVICE if name in OF_SERVICES else ada, **params)
        except RpcError as refused:
            return str(int(refused.code))
        if name == "media.initiateUploads":
            answer = answer.results[0].ticket
        if isinstance(answer, UploadTicket):
            assert (await put(answer, photo())).status_code == 200
            await call("media.completeUpload", mediaId=str(answer.media_id))
        if name in OF_A_POST:
            answer = await call("media.listPostMedia", postId=params["postId"])
        return said(answer)

    return repeat


def said(answer: Any) -> str:
    """What matters of an answer."""
    match answer:
        case UploadTicket():
            return str(answer.method)
        case PostMedia():
            return f"{len(answer.items)} in the post"
        case Deletions():
            return "success" if all(deletion.success for deletion in answer.results) else "refused"
        case StorageUsage():
            return f"room for {answer.limit // MIB} MiB"
    return str(answer.media.status) if hasattr(answer, "media") else "success"


@pytest.fixture
def standing(fetch, objects, public, named_objects, unnamed_objects):
    """How everything stands, with the media that began after the event `since`."""

    async def read(answer: str | None, since: int) -> Ended:
        lives: dict[Any, list[str]] = {}
        for media_id, kind in fetch(f"select media_id, type from events where id > {since} order by id"):
            if kind != "media.progress" and (kind == "upload.started" or media_id in lives):
                lives.setdefault(media_id, []).append(kind)
        rows = fetch("select id, state from media order by id")
        known, keys = named_objects(), {*await objects(), *await public()}
        return Ended(
            answer=answer,
            lives=list(lives.values()),
            rows=[state for media_id, state in rows if media_id in lives],
            objects_without_row=len(await unnamed_objects()),
            rows_without_object=len(known - keys),
            jobs=len(fetch("select 1 from procrastinate_jobs")),
        )

    return read


@pytest.fixture
def broken_off(crashing, variables, prepared, repeated, recovered, standing, fetch):
    """Take an operation up to a point, let the living go on, and see how everything stands; how the process ended."""

    async def die(name: str, number: int, n: int, when: str) -> dict[str, Any]:
        operation = OPERATIONS[name]
        late = datetime.now(UTC) + operation.later_by
        now = late if operation.late else None
        since = fetch("select coalesce(max(id), 0) from events")[0][0]
        params = await prepared(operation.run, operation.steps, number, late)

        death: dict[str, Any] = crashing(
            environment={**variables, "RATE_LIMITS": operation.limits},
            operation=operation.run,
            params=params,
            now=now and now.isoformat(),
            n=n,
            when=when,
        )
        crash = f"{when} {death['call']}" if death["end"] == CRASHED else "none"
        answer = await repeated(operation.run, params) if operation.run.startswith("media.") else None
        await recovered(now, late)

        lives = [CANCELLED, *operation.end.lives] if crash in operation.doubled else operation.end.lives
        point = f"{name}, {when} call {n}: {death}"
        assert (point, await standing(answer, since)) == (point, replace(operation.end, lives=lives))
        return death

    return die


@pytest.mark.exhaustive(walk=True)
@pytest.mark.parametrize("name", OPERATIONS)
async def test_a_crash_at_any_call_loses_nothing(name, broken_off):
    """Before and after every call: an answer for the client, each event once, no orphan, no drift."""
    through = await broken_off(name, 0, *NOWHERE)
    assert through["end"] == DONE, through
    for number, point in enumerate(drawn(points(int(through["call"])), name), 1):
        death = await broken_off(name, number, *point)
        assert death["end"] == CRASHED, (point, death)


@pytest.mark.parametrize("name", ["cancel under a limit", "delete under a limit"])
async def test_a_call_that_dies_is_counted_and_recorded_exactly_when_it_took_effect(
    name, crashing, variables, prepared, fetch
):
    """The count and the record are committed with what they are of, or lost with it."""
    operation = OPERATIONS[name]
    environment = {**variables, "RATE_LIMITS": operation.limits}
    for number, (n, when) in enumerate(points(calls=MOST_OF_ONE)):
        params = await prepared(operation.run, operation.steps, number, datetime.now(UTC))
        death = crashing(environment=environment, operation=operation.run, params=params, now=None, n=n, when=when)

        ((counted,),) = fetch("select coalesce(sum(count), 0) from rate_windows, unnest(calls) as count")
        ((deleted,),) = fetch("select count(*) from events where type = 'media.deleted'")
        ((recorded,),) = fetch(f"select count(*) from audit where procedure = '{operation.run}'")
        assert (n, when, counted, recorded) == (n, when, deleted, deleted)
        if death["end"] == DONE:
            assert deleted >= 2  # after the commit, and here
            return
    pytest.fail(f"{name} did not get through in {MOST_OF_ONE} calls")
