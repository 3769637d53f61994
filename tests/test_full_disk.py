"""A disk that is full, a worker's, a server's or the store's: an outage, and no fault of any file's."""

import errno
import io
import json
import os
import shutil
import subprocess
import tempfile
import uuid

import pytest
from procrastinate.jobs import Job
from testcontainers.community.minio import MinioContainer

from contracts.disk import DiskFull, writing_to_disk
from contracts.errors import ServiceUnavailable, cause_of
from jobs.job import Backoff
from jobs.process import PROCESSING_ATTEMPTS, process_media
from server.embedded import Secrets
from server.embedded_s3 import s3
from storage.s3 import ObjectStore
from tests import logs
from tests.media_files import padded, photo, video
from tests.services import Store
from tests.videos import clip

MIB = 1024 * 1024
DISK_BYTES = 32 * MIB
ROOM = 48 * 1024  # beside the original: for less than what is made of it


@pytest.fixture
def disk(tmp_path, monkeypatch):
    """A small disk, where this process keeps what it works at."""
    mounted = tmp_path / "disk"
    mounted.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", f"size={DISK_BYTES}", "none", mounted]
    if subprocess.run(mount, capture_output=True, check=False).returncode:
        pytest.skip("only root may mount a small disk")
    monkeypatch.setattr(tempfile, "tempdir", str(mounted))
    yield mounted
    subprocess.run(["umount", mounted], check=True)


@pytest.fixture
def fill(disk):
    """Leave so much room on the disk; what else was there is returned to whoever removes it."""

    def leave(room: int):
        filler = disk / "filler"
        with filler.open("wb") as file:
            for _ in range((shutil.disk_usage(disk).free - room) // 4096):
                file.write(bytes(4096))
        return filler

    return leave


FILES = {
    "a photo": (lambda: photo(2000, 1500), "photo.jpg", "image/jpeg"),
    "a video": (lambda: clip(seconds=6, size=(1280, 720), fps=30), "video.mp4", "video/mp4"),
}


@pytest.mark.parametrize("what", FILES)
async def test_what_finds_no_room_is_ready_once_there_is_some(
    what, disk, fill, completed_media, job_context, call, public, run_pending
):
    """However often it was tried: a file has only so many attempts, which a full disk does not use up.

    A video is encoded until the disk is full, each time.
    """
    make, filename, content_type = FILES[what]
    body = make()
    media = await completed_media(body, filename=filename, contentType=content_type)
    if what == "a video":
        assert await process_media.run(job_context, media.id) == "processing"  # it has its poster
    filler = fill(len(body) + ROOM)

    for _ in range(PROCESSING_ATTEMPTS + 1):
        with pytest.raises(DiskFull):
            await process_media.run(job_context, media.id)
    assert (await call("media.getMedia", mediaId=str(media.id))).media.status == "processing"
    assert sorted(disk.iterdir()) == [filler]
    filler.unlink()
    await run_pending()

    shown = (await call("media.getMedia", mediaId=str(media.id))).media
    assert shown.status == "ready"
    assert not list(disk.iterdir())


async def test_an_original_that_does_not_fit_is_waited_for(disk, fill, completed_media, job_context):
    media = await completed_media(photo(2000, 1500))
    filler = fill(len(photo(2000, 1500)) // 2)

    with pytest.raises(DiskFull) as full:
        await process_media.run(job_context, media.id)
    assert cause_of(full.value) == {"cause": "OSError", "code": "ENOSPC"}
    filler.unlink()

    assert await process_media.run(job_context, media.id) == "ready"


def test_a_full_disk_is_waited_for_without_end():
    tried = Job(id=1, queue="image", lock=None, queueing_lock=None, task_name="process_media", attempts=1000)

    assert Backoff().get_retry_decision(exception=DiskFull(), job=tried)


@pytest.mark.parametrize("number", [errno.ENOSPC, errno.EDQUOT])
def test_a_quota_of_the_disk_is_a_full_disk(number):
    with pytest.raises(DiskFull) as full, writing_to_disk():
        raise OSError(number, "no room")

    assert cause_of(full.value) == {"cause": "OSError", "code": errno.errorcode[number]}


def test_what_else_goes_wrong_with_a_disk_is_no_full_disk():
    with pytest.raises(IsADirectoryError), writing_to_disk(), open("/", "wb"):  # noqa: PTH123 - the error is the same
        pass


CLIP = padded(video(), 6 * MIB)
RAW = {"content-type": "application/octet-stream"}


@pytest.fixture
def send(http, bearer):
    """Call a procedure with a body of bytes; what is answered."""

    async def call(name: str, body: bytes, **given):
        place = f"/rpc/{name}?input={json.dumps(given)}"
        return (await http.post(place, content=body, headers={**bearer(), **RAW})).json()

    return call


@pytest.mark.parametrize("room", [0, MIB], ids=["none", "some"])
async def test_an_upload_through_a_server_without_room_may_be_repeated(room, fill, send, rpc):
    """1903, and nothing of it counts; the log tells that it is the disk's."""
    filler = fill(room)
    with logs.rendered() as log:
        refused = await send("media.upload", CLIP, idempotencyKey="once")
    assert refused["error"]["data"]["rpcCode"] == 1903
    assert refused["error"]["data"]["details"] == {"service": "server"}
    (line,) = logs.calls(log)
    assert {"outcome": 1903, "service": "server", "cause": "OSError", "code": "ENOSPC"}.items() <= line.items()
    filler.unlink()

    media = (await send("media.upload", CLIP, idempotencyKey="once"))["result"]["data"]["media"]

    assert (media["status"], media["size"]) == ("processing", len(CLIP))
    assert (await rpc("media.getStorageUsage"))["result"]["reserved"] == 0


async def test_a_part_through_a_server_without_room_may_be_repeated(fill, send, rpc):
    given = {"filename": "video.mp4", "contentType": "video/mp4", "size": len(CLIP)}
    ticket = (await rpc("media.initiateMultipartUpload", **given))["result"]
    part, body = {"mediaId": ticket["mediaId"], "partNumber": 1}, CLIP[: ticket["partSize"]]
    filler = fill(MIB)
    assert (await send("media.uploadPart", body, **part))["error"]["data"]["rpcCode"] == 1903
    filler.unlink()

    assert (await send("media.uploadPart", body, **part))["result"]["data"]["size"] == len(body)


@pytest.fixture(params=["embedded", "minio"])
def small_store(request, disk):
    """A store that has this disk, or one as small."""
    if request.param == "embedded":
        keys = Secrets("unused", "small-key", "small-secret-key")
        with s3(disk / "s3", keys) as endpoint:
            yield Store("embedded", endpoint, keys.s3_access_key_id, keys.s3_secret_access_key)
        return
    if "minio" in request.getfixturevalue("servers").missing or os.environ.get("TEST_SERVICES") == "embedded":
        pytest.skip("MinIO runs in Docker, which does not answer here or has no image of it")
    image = os.environ.get("MINIO_IMAGE", "ghcr.io/coollabsio/minio:latest")
    with MinioContainer(image).with_tmpfs_mount("/data", f"size={DISK_BYTES}") as container:
        told = container.get_config()
        yield Store("minio", f"http://{told['endpoint']}", told["access_key"], told["secret_key"])


async def test_a_store_without_room_is_unavailable_by_its_own_word(small_store):
    store = ObjectStore(small_store.config(f"small-{uuid.uuid4().hex[:20]}"))
    await store.create_buckets()

    async def write_more_than_fits() -> None:
        for number in range(DISK_BYTES // len(CLIP) + 1):
            await store.write(f"k/{number}", io.BytesIO(CLIP), size_bytes=len(CLIP), content_type="video/mp4")

    with pytest.raises(ServiceUnavailable) as full:
        await write_more_than_fits()
    assert cause_of(full.value).items() >= {"cause": "StoreError", "operation": "PutObject"}.items()
    assert cause_of(full.value)["code"] in {"InternalError", "XMinioStorageFull"}
    store.close()
