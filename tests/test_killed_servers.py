"""`mediarpc serve` killed without warning in the middle of a call: no file stays, and another process goes on."""

import asyncio
import json
import signal
from collections.abc import AsyncIterator
from contextlib import contextmanager, suppress
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import httpx
import pytest

from contracts.plans import Plan
from jobs.sweep import sweep
from server.embedded import free_port
from server.token import sign_token
from tests.dying import dying_before
from tests.fork import fork
from tests.media_files import padded, video
from tests.processes import Running, Site, until

MIB = 1024**2
PART = 5 * MIB
CLIP = padded(video(), 9 * MIB)
WAIT_SECONDS = 60
PENDING = 1400
PAST_EVERY_END = timedelta(days=1, seconds=900 + 60 + 5)

# The request to storage in whose middle the server dies; without one, it is in the middle of the content.
WRITES_PART = rb"PUT \S+partNumber="
LISTS_PARTS = rb"GET \S+uploadId="
ASSEMBLES = rb"POST \S+uploadId="


@pytest.fixture
def ada(ada):
    return replace(ada, plan=Plan.PRO)


@pytest.fixture
async def storage(store_server):
    async with dying_before(store_server.endpoint) as way:
        yield way


@pytest.fixture
def temporary(tmp_path):
    """Where servers keep what is on its way."""
    folder = tmp_path / "temporary"
    folder.mkdir()
    return folder


@pytest.fixture
def served(settings, configured, resources, temporary, tmp_path):
    """Start a server on a way to storage; it, and how it is called."""

    @contextmanager
    def start(endpoint: str):
        port = free_port()
        told = {"PORT": str(port), "S3_ENDPOINT": endpoint, "TMPDIR": str(temporary), "RATE_LIMITS": "off"}
        with fork(tmp_path, "serve", **{**configured, **told}) as serve:
            serve.wait_for("mediarpc serves on")
            yield serve, Site(f"http://127.0.0.1:{port}", sign_token(settings, user="ada", plan=Plan.PRO))

    return start


@pytest.fixture
def survivor(served, settings):
    """Another server, whose way to storage is as it should be."""
    with served(settings.s3_endpoint) as (_, site):
        yield site


@pytest.fixture
def killed(served, storage, temporary):
    """Kill a server in the middle of a call: of its content, or of a request to storage."""

    async def kill(procedure: str, params: dict[str, Any], content: bytes = b"", within: bytes | None = None) -> None:
        storage.withholds = within
        with served(storage.endpoint) as (serve, site):
            calling = asyncio.create_task(called(site, procedure, params, content, stalls=within is None))
            async with asyncio.timeout(WAIT_SECONDS):
                if within:
                    await storage.silent.wait()
                else:
                    await asyncio.to_thread(until, lambda: keeps_a_file_in(serve, temporary), WAIT_SECONDS)
            assert not calling.done()
            assert await asyncio.to_thread(serve.stop, signal.SIGKILL) == -signal.SIGKILL
        calling.cancel()
        with suppress(httpx.TransportError, asyncio.CancelledError):
            await calling
        assert list(temporary.iterdir()) == []

    return kill


async def called(site: Site, procedure: str, params: dict[str, Any], content: bytes, *, stalls: bool) -> httpx.Response:
    """Call a procedure, with content or without; a client that stalls sends half of it."""
    headers = {"authorization": f"Bearer {site.token}"}
    async with httpx.AsyncClient(headers=headers, timeout=WAIT_SECONDS) as http:
        if not content:
            return await http.post(f"{site.origin}/rpc/{procedure}", json=params)
        headers = {"content-type": "application/octet-stream", "content-length": str(len(content))}
        return await http.post(
            f"{site.origin}/rpc/{procedure}",
            params={"input": json.dumps(params)},
            content=half_of(content) if stalls else content,
            headers=headers,
        )


async def half_of(content: bytes) -> AsyncIterator[bytes]:
    yield content[: len(content) // 2]
    await asyncio.Event().wait()


def keeps_a_file_in(serve: Running, folder: Path) -> bool:
    """Whether a process has a file open there that has content and no name."""
    for opened in Path(f"/proc/{serve.pid}/fd").iterdir():
        with suppress(FileNotFoundError):  # closed by now
            if str(opened.readlink()).startswith(str(folder)) and opened.stat().st_size:
                return True
    return False


@pytest.fixture
def begun(call):
    """Begin an upload of the clip in two parts; its id."""

    async def begin() -> str:
        told = {"filename": "walk.mp4", "contentType": "video/mp4", "size": len(CLIP), "partSize": PART}
        return str((await call("media.initiateMultipartUpload", **told)).media_id)

    return begin


async def sent(site: Site, procedure: str, content: bytes, **params: Any) -> Any:
    """What a call with content is answered."""
    return (await called(site, procedure, params, content, stalls=False)).json()


def part_of(number: int) -> bytes:
    return CLIP[(number - 1) * PART : number * PART]


@pytest.mark.parametrize("within", [None, WRITES_PART, ASSEMBLES], ids=["content", "part", "assembling"])
async def test_an_upload_whose_server_was_killed_leaves_nothing(
    within, killed, survivor, resources, run_pending, objects, open_at_the_store, call, original
):
    """What it had stored is cleared away, and the same call begins anew with another process."""
    upload = {"filename": "walk.mp4", "idempotencyKey": "k"}
    await killed("media.upload", upload, CLIP, within)
    if within:
        refused = await sent(survivor, "media.upload", CLIP, **upload)
        assert refused["error"]["data"]["rpcCode"] == PENDING
        assert await open_at_the_store() + await objects() != []

    late = datetime.now(UTC) + PAST_EVERY_END
    for _ in range(2):
        await sweep(resources.db, late)
        await run_pending(late)
        late += PAST_EVERY_END
    assert (await objects(), await open_at_the_store()) == ([], [])
    assert (await call("media.getStorageUsage")).reserved == 0

    media = (await sent(survivor, "media.upload", CLIP, **upload))["result"]["data"]["media"]
    assert await original(media["id"]) == CLIP
    assert len((await call("media.listMedia")).items) == 1


@pytest.mark.parametrize("within", [None, WRITES_PART], ids=["content", "part"])
async def test_another_process_goes_on_with_the_parts_of_one_that_was_killed(within, killed, survivor, begun, original):
    """The part before it is there; the one that was on its way is sent again."""
    media_id = await begun()
    await sent(survivor, "media.uploadPart", part_of(1), mediaId=media_id, partNumber=1)
    await killed("media.uploadPart", {"mediaId": media_id, "partNumber": 2}, part_of(2), within)

    assert 1 not in survivor.rpc("media.getUploadStatus", mediaId=media_id)["missingParts"]
    answer = await sent(survivor, "media.uploadPart", part_of(2), mediaId=media_id, partNumber=2)
    assert answer["result"]["data"]["uploadedBytes"] == len(CLIP)
    media = survivor.rpc("media.completeMultipartUpload", mediaId=media_id)["media"]
    assert await original(media["id"]) == CLIP


@pytest.mark.parametrize("within", [LISTS_PARTS, ASSEMBLES], ids=["listing", "assembling"])
async def test_another_process_completes_what_one_that_was_killed_did_not(
    within, killed, survivor, begun, call, original
):
    """Whether the parts were one object by then or not."""
    media_id = await begun()
    for number in (1, 2):
        await sent(survivor, "media.uploadPart", part_of(number), mediaId=media_id, partNumber=number)
    await killed("media.completeMultipartUpload", {"mediaId": media_id}, within=within)

    media = survivor.rpc("media.completeMultipartUpload", mediaId=media_id)["media"]
    assert (media["id"], media["status"]) == (media_id, "processing")
    assert await original(media["id"]) == CLIP
    usage = await call("media.getStorageUsage")
    assert (usage.used, usage.reserved) == (len(CLIP), 0)
