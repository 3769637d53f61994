"""Storage that goes away, breaks off in mid-reply, slows down or loses replies under uploads in parts and purges."""

import json
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

import httpx
import psycopg
import pytest

from contracts.plans import Plan
from jobs.sweep import sweep
from rpc.auth import Caller
from storage.s3 import ObjectStore
from tests.at_once import at_once
from tests.callers import SERVICE
from tests.media_files import padded, photo, video
from tests.proxies import Proxy
from tests.spoiled import FAULTS, STORAGE_IS_OUT, many, patience, settings, told, toxic, ways, whole

__all__ = ["many", "patience", "settings", "toxic", "ways", "whole"]

MIB = 1024**2
PART = 5 * MIB
CLIP = padded(video(), PART + 1000)
LONG_CLIP = padded(video(), 8 * MIB + 1)  # through the server: in two parts
PRO = Plan.PRO.value
ADA, GRACE = Caller("ada", Plan.PRO), Caller("grace", Plan.PRO)
PAST_EVERY_END = timedelta(days=1, seconds=900 + 60 + 5)
CUTS = (23, 120, 400, 700, 1000)  # within the headers, and within the body

Send = Callable[..., Awaitable[Any]]


def cut_after(size: int) -> Callable[[Proxy], None]:
    """End every reply after so many bytes."""
    return lambda way: way.poison("limit_data", bytes=size)


EVERY_FAULT: dict[str, Callable[[Proxy], None]] = {
    **FAULTS,
    **{f"cut after {size} bytes": cut_after(size) for size in CUTS},
}


@pytest.fixture
def ada():
    return ADA


@pytest.fixture
def rpc(http, bearer) -> Send:
    """Call a procedure; the JSON-RPC response, also of those that take bytes."""

    async def send(method: str, content: bytes | None = None, /, **params: Any) -> Any:
        if content is None:
            document = {"jsonrpc": "2.0", "id": 1, "method": method, "params": params}
            return (await http.post("/rpc", json=document, headers=bearer(plan=PRO))).json()
        answer = await http.post(
            f"/rpc/{method}",
            params={"input": json.dumps(params)},
            content=content,
            headers={**bearer(plan=PRO), "content-type": "application/octet-stream"},
        )
        return in_json_rpc(answer)

    return send


def in_json_rpc(answer: httpx.Response) -> Any:
    """What a call with bytes is told, as JSON-RPC tells it."""
    document = answer.json()
    if "result" in document:
        return {"result": document["result"]["data"]}
    data = document["error"]["data"]
    return {"error": {"code": data["rpcCode"], "data": data}}


@pytest.fixture
def store_itself(settings, store_server, resources):
    """The store, past the proxy."""
    opened = ObjectStore(store_server.config(settings.s3_bucket))
    yield opened
    opened.close()


@pytest.fixture
def send_parts(call, client):
    """Send these parts of the clip to storage."""

    async def send(media_id: str, *wanted: int, caller: Caller = ADA) -> None:
        told = {"mediaId": media_id, "partNumbers": list(wanted)}
        signed = (await call("media.signParts", caller=caller, **told)).parts if wanted else []
        for part in signed:
            body = CLIP[(part.part_number - 1) * PART :][:PART]
            assert (await client.put(part.upload_url, content=body, headers=part.headers)).status_code == 200

    return send


@pytest.fixture
def begin(call, send_parts):
    """Begin an upload of the clip in parts, and send these of them; its id."""

    async def initiate(*sent: int, caller: Caller = ADA) -> str:
        wanted = {"filename": "walk.mp4", "contentType": "video/mp4", "size": len(CLIP), "partSize": PART}
        media_id = str((await call("media.initiateMultipartUpload", caller=caller, **wanted)).media_id)
        await send_parts(media_id, *sent, caller=caller)
        return media_id

    return initiate


@dataclass(frozen=True)
class Life:
    """One procedure before, during and after an outage: who is called, with what, and what it truly says."""

    procedure: str
    params: dict[str, Any]
    content: bytes | None
    truth: Callable[[dict[str, Any]], Any]
    says: Any


@pytest.fixture
async def lives(begin):
    """Every call that needs storage, on an upload of its own."""
    begun, unbegun, arrived, half, sending = [
        await begin(1), await begin(), await begin(1, 2), await begin(1), await begin(),
    ]  # fmt: skip
    upload = {"filename": "a.mp4"}
    return [
        Life("media.signParts", {"mediaId": begun, "partNumbers": [2]}, None, numbers, [2]),
        Life("media.signParts", {"mediaId": unbegun, "partNumbers": [1, 2]}, None, numbers, [1, 2]),
        Life("media.completeMultipartUpload", {"mediaId": arrived}, None, status, "processing"),
        Life("media.getUploadStatus", {"mediaId": half}, None, uploaded_bytes, PART),
        Life("media.upload", {**upload, "idempotencyKey": "k1"}, LONG_CLIP, status, "processing"),
        Life("media.upload", {"filename": "a.jpg", "idempotencyKey": "k2"}, photo(), status, "processing"),
        Life("media.uploadPart", {"mediaId": sending, "partNumber": 1}, CLIP[:PART], uploaded_bytes, PART),
    ]


def numbers(answer: dict[str, Any]) -> list[int]:
    return [part["partNumber"] for part in answer["parts"]]


def status(answer: dict[str, Any]) -> str:
    return str(answer["media"]["status"])


def uploaded_bytes(answer: dict[str, Any]) -> int:
    return int(answer["uploadedBytes"])


@pytest.fixture
def asked(rpc, lives):
    """Make every call at once; what each is told, the truth in one word."""

    async def ask() -> list[Any]:
        answers = await at_once(*(rpc(life.procedure, life.content, **life.params) for life in lives))
        return [
            "true" if "result" in answer and life.truth(answer["result"]) == life.says else told(answer)
            for life, answer in zip(lives, answers, strict=True)
        ]

    return ask


@pytest.fixture
def swept(resources, run_pending):
    """Run the jobs, and sweeps past the end of every URL and lease."""

    async def run() -> None:
        late = datetime.now(UTC)
        for _ in range(3):
            await run_pending(late)
            late += PAST_EVERY_END
            await sweep(resources.db, late)
        await run_pending(late)

    return run


@pytest.fixture
def fetch(database_url):
    """The rows of a query of the test's own."""

    def run(query: str, *values: Any) -> list[Any]:
        with psycopg.connect(database_url, autocommit=True) as connection:
            return connection.execute(query, values).fetchall()

    return run


@pytest.mark.exhaustive
@pytest.mark.parametrize("fault", EVERY_FAULT)
async def test_every_call_is_told_the_truth_or_that_storage_is_out(
    fault, ways, whole, asked, lives, send_parts, call, swept, objects, open_at_the_store, fetch, original
):
    """Nothing that was accepted is lost; repeated afterwards, every call goes on to its end, and nothing is left.

    A lost reply is waited for as long as a call may take.
    """
    EVERY_FAULT[fault](ways["storage"])
    said = await asked()
    assert set(said) <= {"true", STORAGE_IS_OUT}
    if fault in FAULTS:
        assert said == [STORAGE_IS_OUT] * len(lives)

    ways["storage"].heal()
    await whole()
    assert await asked() == ["true"] * len(lives)
    for media_id in [life.params["mediaId"] for life in lives if "mediaId" in life.params]:
        missing = (await call("media.getUploadStatus", mediaId=media_id)).missing_parts or []
        await send_parts(media_id, *missing)
        media = (await call("media.completeMultipartUpload", mediaId=media_id)).media
        assert await original(media.id) == CLIP

    await swept()
    assert fetch("select state, size_bytes from media order by 1, 2") == [
        ("ready", len(photo())), *[("ready", len(CLIP))] * 5, ("ready", len(LONG_CLIP)),
    ]  # fmt: skip
    assert set(await objects()) == {key for (key,) in fetch("select original_key from media")}
    assert await open_at_the_store() == []


@pytest.mark.exhaustive
@pytest.mark.parametrize("fault", EVERY_FAULT)
async def test_a_purge_is_done_when_nothing_is_left(
    fault, ways, whole, begin, completed_media, call, swept, run_pending, store_itself, fetch, objects
):
    """As long as storage has anything of a media, its row is there, and its bytes are counted."""
    await begin(1, caller=GRACE)
    await completed_media(caller=GRACE)
    await completed_media(caller=GRACE, filename="another.jpg")
    rows = fetch("select id, staging_key, original_key, multipart_id is not null from media")
    EVERY_FAULT[fault](ways["storage"])

    assert (await call("media.purgeUser", caller=SERVICE, userId=GRACE.id)).deleted == 3
    late = datetime.now(UTC) + PAST_EVERY_END
    await run_pending(late)
    there = {media_id for (media_id,) in fetch("select id from media")}
    for media_id, staging_key, original_key, in_parts in rows:
        left = [key for key in (staging_key, original_key) if key and await store_itself.keys_under(key)]
        open_ids = await store_itself.multipart._calls(store_itself.multipart._open, staging_key) if in_parts else []
        assert media_id in there or not (left or open_ids)
    if fault in FAULTS:
        assert len(there) == 3

    ways["storage"].heal()
    await swept()
    assert fetch("select id from media") == []
    assert await objects() == []


@pytest.mark.parametrize("patience", [20], ids=["in earnest"])
async def test_slow_storage_is_not_out(ways, asked, lives, whole):
    """Replies that take a second longer are waited for."""
    ways["storage"].poison("latency", latency=1000)
    assert await asked() == ["true"] * len(lives)

    ways["storage"].heal()
    await whole()
