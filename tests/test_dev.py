"""`mediarpc dev` for real: what it starts, what survives it, and what it leaves behind."""

import os
import signal
import time
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import psutil
import pytest

from server.embedded import free_port, working_in
from tests import media_files
from tests.processes import MEDIARPC, end_processes_of, nothing_is_left, processes_of, running, running_dev, until

PHOTO = media_files.photo()
# What a first start makes, in this order.
SIGNS = ("lock", "secrets.json", "postgres.partial/PG_VERSION", "postgres", "postgres/postmaster.pid", "s3.log")


@pytest.fixture
def data_dir(tmp_path) -> Iterator[Path]:
    """A folder for data; whatever a test has left running over it is ended."""
    yield tmp_path / "data"
    end_processes_of(tmp_path)


@pytest.mark.embedded
def test_dev_says_where_it_is_and_how_to_begin(data_dir):
    """The address, a token that is good, and a first upload are printed; signed URLs name the same address."""
    with running_dev(data_dir) as dev:
        output = dev.running.output
        assert output.startswith(f"mediarpc is ready at http://127.0.0.1:{dev.port} after ")
        assert f" s; data in {data_dir}/\n" in output
        assert f"http://127.0.0.1:{dev.port}/rpc" in output
        assert "127.0.0.1:8000" not in output
        assert dev.site.rpc("media.getStorageUsage")["used"] == 0
        assert processes_of(data_dir).keys() == {"postgres", "rclone"}
        told = {"filename": "photo.jpg", "contentType": "image/jpeg", "size": 1}
        url = dev.site.rpc("media.initiateUpload", **told)["uploadUrl"]
        assert url.startswith(f"http://127.0.0.1:{dev.port}/storage/media/staging/users/ada/posts/")


@pytest.mark.embedded
@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT, signal.SIGHUP])
def test_a_signal_stops_everything_and_data_survives(data_dir, number):
    """No server and no listener is left, and a second start finds the media of the first, behind new URLs."""
    with running_dev(data_dir) as dev:
        media_id = dev.site.upload(PHOTO)
        assert dev.running.stop(number) == 0
        assert nothing_is_left(data_dir, dev.port)
    began = time.monotonic()
    with running_dev(data_dir) as dev:
        print(f"warm start: {time.monotonic() - began:.2f} s")
        assert [media["id"] for media in dev.site.rpc("media.listMedia")["items"]] == [media_id]
        assert dev.site.download(media_id) == PHOTO


def test_ctrl_c_in_a_terminal_stops_everything(data_dir):
    """A terminal sends its signal to the whole process group."""
    with running_dev(data_dir) as dev:
        assert dev.site.rpc("media.getStorageUsage")["used"] == 0
        os.killpg(dev.running.pid, signal.SIGINT)
        assert dev.running.process.wait(30) == 0
        assert nothing_is_left(data_dir, dev.port)
        assert "Traceback" not in dev.running.output


@pytest.mark.exhaustive
@pytest.mark.parametrize(
    ("sign", "number"),
    [
        ("lock", signal.SIGINT),
        ("postgres.partial/PG_VERSION", signal.SIGTERM),
        ("postgres/postmaster.pid", signal.SIGINT),
        ("s3.log", signal.SIGTERM),
        *[(sign, signal.SIGKILL) for sign in SIGNS],
    ],
)
def test_a_first_start_that_is_broken_off_can_be_made_up_for(data_dir, sign, number):
    """However far the first start had come, nothing of it runs on after Ctrl-C, and the next start works."""
    port = free_port()
    with running([MEDIARPC, "dev"], data_dir.parent, DATA_DIR=str(data_dir), PORT=str(port)) as started:
        until((data_dir / sign).exists)
        started.stop(number)
    if number != signal.SIGKILL:
        until(lambda: nothing_is_left(data_dir, port), 10)
    with running_dev(data_dir) as dev:
        assert dev.site.rpc("media.getStorageUsage")["used"] == 0


@pytest.mark.exhaustive
@pytest.mark.parametrize("time", range(8))
def test_dev_stops_as_soon_as_it_is_ready(data_dir, time):
    """Whatever is still starting when the signal comes stops as well; the status may be that of a start broken off."""
    with running_dev(data_dir) as dev:
        assert dev.running.stop() in {0, 128 + signal.SIGTERM}
        assert nothing_is_left(data_dir, dev.port)


@pytest.mark.embedded
def test_a_killed_dev_is_taken_over(data_dir):
    """After `kill -9`, a start keeps the running PostgreSQL, ends the S3 server, and finds every media."""
    with running_dev(data_dir) as dev:
        media_id = dev.site.upload(PHOTO)
        assert dev.running.stop(signal.SIGKILL) == -signal.SIGKILL
    left = processes_of(data_dir)
    assert left.keys() == {"postgres", "rclone"}
    with running_dev(data_dir) as dev:
        taken_over = processes_of(data_dir)
        assert taken_over["postgres"] == left["postgres"]
        assert [process.pid for process in working_in(data_dir / "s3", {"rclone"})] == [taken_over["rclone"]]
        assert taken_over["rclone"] != left["rclone"]
        assert [media["id"] for media in dev.site.rpc("media.listMedia")["items"]] == [media_id]
        assert dev.site.download(media_id) == PHOTO
        dev.running.stop()
        assert nothing_is_left(data_dir, dev.port)


@pytest.mark.embedded
def test_data_survives_the_loss_of_every_process(data_dir):
    """After all processes were killed, a start recovers what was committed."""
    with running_dev(data_dir) as dev:
        media_id = dev.site.upload(PHOTO)
        dev.running.stop(signal.SIGKILL)
    killed = [psutil.Process(pid) for pid in processes_of(data_dir).values()]
    killed += [child for process in killed for child in process.children()]
    for process in killed:
        with suppress(psutil.NoSuchProcess):  # those of PostgreSQL end with it
            process.kill()
    psutil.wait_procs(killed, 30)
    assert (data_dir / "postgres" / "postmaster.pid").exists()
    with running_dev(data_dir) as dev:
        assert dev.site.download(media_id) == PHOTO
