"""A worker whose disk is full: an outage of its machine's, and no fault of any file's."""

import shutil
import subprocess
import tempfile

import pytest
from procrastinate.jobs import Job

from contracts.disk import DiskFull
from jobs.job import Backoff
from jobs.process import ATTEMPTS, process_media
from tests.films import film
from tests.media_files import photo

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
    "a film": (lambda: film(seconds=6, size=(1280, 720), fps=30), "film.mp4", "video/mp4"),
}


@pytest.mark.parametrize("what", FILES)
async def test_what_finds_no_room_is_ready_once_there_is_some(
    what, disk, fill, completed_media, bench, call, public, run_pending
):
    """However often it was tried: a file has only so many attempts, which a full disk does not use up."""
    make, filename, content_type = FILES[what]
    body = make()
    media = await completed_media(body, filename=filename, contentType=content_type)
    filler = fill(len(body) + ROOM)

    for _ in range(ATTEMPTS + 1):
        with pytest.raises(DiskFull):
            await process_media.run(bench, media.id)
    assert (await call("media.getMedia", mediaId=str(media.id))).media.status == "processing"
    assert sorted(disk.iterdir()) == [filler]
    filler.unlink()
    await run_pending()

    shown = (await call("media.getMedia", mediaId=str(media.id))).media
    assert shown.status == "ready"
    assert not list(disk.iterdir())


def test_a_full_disk_is_waited_for_without_end():
    tried = Job(id=1, queue="image", lock=None, queueing_lock=None, task_name="process_media", attempts=1000)

    assert Backoff().get_retry_decision(exception=DiskFull(), job=tried)
