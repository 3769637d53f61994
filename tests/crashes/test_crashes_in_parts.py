"""The crash matrix of uploads in parts and of bytes that come through the server.

As in the matrix of single uploads, processes die before and after every call to database or store. Afterwards there is
no object without a row, no row without its object, and no upload in parts that the store still has open.
"""

from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from hashlib import sha256
from pathlib import Path
from typing import Any

import pytest

from contracts.errors import RpcError, UploadPending
from jobs.sweep import sweep
from procedures import PROCEDURES
from rpc.content import Content
from rpc.dispatch import context_of, validate
from rpc.procedure import ProcedureKind
from sql.rows import MediaRow
from tests.crashes import test_crashes
from tests.crashes.crashing import ADA, CRASHED, DONE, chunks
from tests.crashes.points import CANCELLED, DELETED, NOWHERE, READY, Ended, points
from tests.media_files import HTML, padded, photo, video
from tests.sampling import drawn

PART = 5 * 1024**2
PHOTO = photo()
CLIP = padded(video(), 8 * 1024**2 + 1)  # through the server: in two parts
HALVES = padded(video(), PART + 10)
BODIES = {"photo": (PHOTO, "image/jpeg"), "html": (HTML, "image/jpeg"), "halves": (HALVES, "video/mp4")}
PAST_EVERY_END = timedelta(days=1, seconds=900 + 60 + 5)
ORPHANS = "select 1 from media where state in ('pending', 'deleted') and transfer = 'content'"
TABLE = {procedure.name: procedure for procedure in PROCEDURES}

CALLS: dict[str, tuple[str, dict[str, Any]]] = {
    "sign": ("media.signParts", {"partNumbers": [1]}),
    "complete": ("media.completeMultipartUpload", {}),
    "cancel": ("media.cancelUpload", {}),
}

ONE_READY = Ended("processing", [READY], ["ready"])
ONE_CANCELLED = Ended("success", [CANCELLED], [])
ONE_DELETED = Ended("success", [DELETED], [])
UNASKED = replace(ONE_CANCELLED, answer=None)


@dataclass(frozen=True)
class Operation:
    """What is broken off: `run` now or `late`, past the end of the upload, after these steps with this body."""

    run: str
    steps: str
    end: Ended
    body: str = "photo"
    late: bool = False
    content: bytes | None = None


OPERATIONS = {
    "initiate": Operation("media.initiateMultipartUpload", "", ONE_READY),
    "initiate with a known key": Operation("media.initiateMultipartUpload", "initiate", ONE_READY),
    "sign the first part": Operation("media.signParts", "initiate", ONE_READY),
    "sign another part": Operation("media.signParts", "initiate sign", ONE_READY),
    "sign after the store lost it": Operation("media.signParts", "initiate put lose", ONE_READY),
    "complete": Operation("media.completeMultipartUpload", "digest initiate put", ONE_READY),
    "complete of two parts": Operation("media.completeMultipartUpload", "initiate put", ONE_READY, body="halves"),
    "complete another type": Operation(
        "media.completeMultipartUpload", "initiate put", replace(ONE_CANCELLED, answer="1601"), body="html"
    ),
    "complete another digest": Operation(
        "media.completeMultipartUpload", "other-digest initiate put", replace(ONE_CANCELLED, answer="1201")
    ),
    "upload the first part": Operation("media.uploadPart", "initiate", ONE_READY, content=PHOTO),
    "upload a part again": Operation("media.uploadPart", "initiate put", ONE_READY, content=PHOTO),
    "upload": Operation("media.upload", "", ONE_READY, content=PHOTO),
    "upload in parts": Operation("media.upload", "", ONE_READY, content=CLIP),
    "upload another type": Operation("media.upload", "", Ended("1601", [], []), content=HTML),
    "upload another digest": Operation(
        "media.upload", "other-digest", replace(ONE_CANCELLED, answer="1201"), content=PHOTO
    ),
    "cancel": Operation("media.cancelUpload", "initiate put", ONE_CANCELLED),
    "delete an upload": Operation("media.deleteMedia", "initiate put", ONE_CANCELLED),
    "delete": Operation("media.deleteMedia", "initiate put complete jobs", ONE_DELETED),
    "purge_media past the end": Operation("jobs", "initiate put cancel", UNASKED, late=True),
    "settle parts that arrived": Operation(
        "jobs", "digest initiate put sweep", replace(ONE_READY, answer=None), late=True
    ),
    "settle parts that never came": Operation("jobs", "initiate sign sweep", UNASKED, late=True),
    "settle what a dead server left": Operation("jobs", "die sweep", UNASKED, late=True),
    "sweep parts that never came": Operation("sweep", "initiate sign", UNASKED, late=True),
}


class Client:
    """Whoever sends the uploads: it puts every part where it is told to."""

    def __init__(self, call: Any, resources: Any, outside: Any) -> None:
        self.call = call
        self.resources = resources
        self.outside = outside

    async def put(self, media_id: str, body: bytes) -> None:
        missing = (await self.call("media.getUploadStatus", mediaId=media_id)).missing_parts
        signed = (await self.call("media.signParts", mediaId=media_id, partNumbers=missing)).parts if missing else []
        for part in signed:
            start = (part.part_number - 1) * PART
            sent = await self.outside.put(part.upload_url, content=body[start : start + PART], headers=part.headers)
            assert sent.status_code == 200

    async def lose(self, media_id: str) -> None:
        """Abort at the store what only the server may abort."""
        upload = await self.resources.db.one(MediaRow, "read_media", id=media_id)
        await self.resources.store.multipart.abort(upload.staging_key, upload.multipart_id)

    async def bring(self, name: str, params: dict[str, Any], body: bytes) -> Any:
        """Call a procedure with content."""
        told = validate(TABLE[name], params)
        context = context_of(
            self.resources, TABLE[name], told, caller=ADA, request_id="req_test", now=datetime.now(UTC)
        )
        return await TABLE[name].run(context, told, Content(chunks(body)))

    async def complete(self, media_id: str) -> str:
        return str((await self.call("media.completeMultipartUpload", mediaId=media_id)).media.status)


@pytest.fixture
def ada():
    return ADA


@pytest.fixture
def sender(call, resources, client) -> Client:
    return Client(call, resources, client)


@pytest.fixture
def died(crashing, variables):
    """Let a server die when all parts of a file are at the store and nothing has been made of them."""

    def die(content: str) -> None:
        order: dict[str, Any] = {"operation": "media.upload", "params": {}, "content": content, "now": None}
        died = crashing(environment=variables, n="store CompleteMultipartUpload", when="before", **order)
        assert died == {"end": CRASHED, "call": "store CompleteMultipartUpload"}

    return die


@pytest.fixture
def prepared(sender, call, resources, run_pending, died):
    """Take a new upload through the steps that come before an operation; the operation's input."""

    async def steps(operation: Operation, number: int, late: datetime, content: str) -> dict[str, Any]:
        told, media_id = declared(operation, number), ""
        for word in operation.steps.split():
            match word:
                case "initiate":
                    media_id = str((await call("media.initiateMultipartUpload", **told)).media_id)
                case "sign" | "complete" | "cancel":
                    name, more = CALLS[word]
                    await call(name, mediaId=media_id, **more)
                case "put":
                    await sender.put(media_id, BODIES[operation.body][0])
                case "lose":
                    await sender.lose(media_id)
                case "jobs":
                    await run_pending()
                case "die":
                    died(content)
                case "sweep":
                    assert await sweep(resources.db, late) == 1
        return asked(operation, told, media_id)

    return steps


def declared(operation: Operation, number: int) -> dict[str, Any]:
    """What an upload of these steps declares."""
    body, content_type = BODIES[operation.body]
    told: dict[str, Any] = {"filename": "a.bin", "contentType": content_type, "size": len(body), "partSize": PART}
    told["idempotencyKey"] = f"key {number}"
    if "digest" in operation.steps:
        told["sha256"] = sha256(b"" if "other-digest" in operation.steps else body).hexdigest()
    return told


def asked(operation: Operation, told: dict[str, Any], media_id: str) -> dict[str, Any]:
    """The input of the operation itself."""
    match operation.run:
        case "media.initiateMultipartUpload":
            return told
        case "media.signParts":
            return {"mediaId": media_id, "partNumbers": [1]}
        case "media.uploadPart":
            return {"mediaId": media_id, "partNumber": 1}
        case "media.upload":
            return {name: told[name] for name in ("filename", "idempotencyKey", "sha256") if name in told}
    return {"mediaId": media_id}


@pytest.fixture
def repeated(sender, call, recovered):
    """The answer of a client that repeats its call until it has one, and goes on with its upload to its end."""

    async def repeat(operation: Operation, params: dict[str, Any]) -> str:
        name = operation.run
        try:
            if operation.content is not None:
                answer = await sender.bring(name, params, operation.content)
            else:
                answer = await call(name, **params)
        except UploadPending:
            await recovered(None, datetime.now(UTC) + PAST_EVERY_END)
            return str(await repeat(operation, params))
        except RpcError as refused:
            return str(int(refused.code))
        if name in {"media.cancelUpload", "media.deleteMedia"}:
            return "success"
        if name in {"media.upload", "media.completeMultipartUpload"}:
            return str(answer.media.status)
        media_id = str(answer.media_id) if name == "media.initiateMultipartUpload" else params["mediaId"]
        await sender.put(media_id, PHOTO)
        return str(await sender.complete(media_id))

    return repeat


@pytest.fixture
def standing(fetch, objects, public, named_objects, unnamed_objects, open_at_the_store):
    """How everything stands, with the media of events newer than `since`."""

    async def read(answer: str | None, since: int) -> tuple[Ended, list[str]]:
        lives: dict[Any, list[str]] = {}
        for media_id, kind in fetch(f"select media_id, type from events where id > {since} order by id"):
            if not kind.endswith(".progress"):
                lives.setdefault(media_id, []).append(kind)
        rows = fetch("select id, state from media order by id")
        known, keys = named_objects(), {*await objects(), *await public()}
        ended = Ended(
            answer=answer,
            lives=list(lives.values()),
            rows=[state for media_id, state in rows if media_id in lives],
            objects_without_row=len(await unnamed_objects()),
            rows_without_object=len(known - keys),
            jobs=len(fetch("select 1 from procrastinate_jobs")),
        )
        return ended, await open_at_the_store()

    return read


def test_no_mutation_is_left_out():
    """Each is broken off at every call, here or in the matrix of single uploads."""
    broken_off = {operation.run for operation in OPERATIONS.values()}
    broken_off |= {operation.run for operation in test_crashes.OPERATIONS.values()}

    assert broken_off >= {procedure.name for procedure in PROCEDURES if procedure.kind is ProcedureKind.MUTATION}


@pytest.fixture
def broken_off(crashing, variables, prepared, repeated, recovered, standing, fetch, tmp_path: Path):
    """Take an operation up to a point, let the living go on, and see how everything stands; how the process ended."""
    content = tmp_path / "content"

    async def die(name: str, number: int, n: int, when: str) -> dict[str, Any]:
        operation = OPERATIONS[name]
        content.write_bytes(operation.content or CLIP)
        late = datetime.now(UTC) + PAST_EVERY_END
        now = late if operation.late else None
        since = fetch("select coalesce(max(id), 0) from events")[0][0]
        params = await prepared(operation, number, late, str(content))

        death: dict[str, Any] = crashing(
            environment=variables,
            operation=operation.run,
            params=params,
            content=str(content) if operation.content else None,
            now=now and now.isoformat(),
            n=n,
            when=when,
        )
        # Nobody can go on with what came through a server that died: it is deleted, and its call begins anew.
        orphans = [CANCELLED for _ in fetch(ORPHANS)] if operation.run == "media.upload" else []
        answer = await repeated(operation, params) if operation.run.startswith("media.") else None
        await recovered(now, late)

        point = f"{name}, {when} call {n}: {death}"
        end = replace(operation.end, lives=orphans + operation.end.lives)
        assert (point, await standing(answer, since)) == (point, (end, []))
        fetch("delete from keys_there_were")  # the next point has a media of its own
        return death

    return die


@pytest.mark.exhaustive(walk=True)
@pytest.mark.parametrize("name", OPERATIONS)
async def test_a_crash_at_any_call_leaves_nothing_open(name, broken_off):
    """Before and after every call: an answer, each event once, no orphan, no open upload, no drift."""
    through = await broken_off(name, 0, *NOWHERE)
    assert through["end"] == DONE, through
    for number, point in enumerate(drawn(points(int(through["call"])), name), 1):
        death = await broken_off(name, number, *point)
        assert death["end"] == CRASHED, (point, death)
