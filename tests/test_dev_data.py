"""What `mediarpc dev` finds in its data folder, and folders in which nothing can be written."""

import fcntl
import os
import signal
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from server.embedded import Secrets, free_port, secrets_file
from tests import media_files
from tests.disks import fill, mounted
from tests.processes import (
    MEDIARPC,
    end_processes_of,
    mediarpc,
    nothing_is_left,
    processes_of,
    running,
    running_dev,
    until,
)

PHOTO = media_files.photo()
MIB = 1024 * 1024
# Less than initdb makes; what holds a photo and PostgreSQL.
TOO_SMALL, LITTLE, LARGE_ENOUGH = 24 * MIB, MIB, 192 * MIB


@pytest.fixture
def data_dir(tmp_path) -> Iterator[Path]:
    """A folder for data; whatever a test has left running over it is ended."""
    yield tmp_path / "data"
    end_processes_of(tmp_path)


def refused(data_dir: Path, *prefix: str) -> str:
    """The one sentence with which a start ends that leaves nothing running."""
    port = free_port()
    with running([*prefix, MEDIARPC, "dev"], data_dir.parent.parent, DATA_DIR=str(data_dir), PORT=str(port)) as started:
        assert started.process.wait(30) == 2, started.output
        assert started.output.count("\n") == 1, started.output
        assert nothing_is_left(data_dir, port)
        return started.output.removesuffix("\n")


def full(data_dir: Path) -> str:
    return f"mediarpc: The disk of {data_dir} is full; make room there, or set DATA_DIR to a folder elsewhere"


DAMAGED = {"empty": "", "cut": '{"jwt_secret": "abc', "of another shape": '["abc"]', "without a secret": "{}"}


@pytest.mark.parametrize("text", DAMAGED.values(), ids=DAMAGED)
def test_damaged_secrets_are_made_anew(tmp_path, text, capsys):
    """It is told, and what is made is kept."""
    secrets_file(tmp_path).write_text(text, encoding="utf-8")
    (tmp_path / "secrets.partial").write_text("half of a former try", encoding="utf-8")
    made = Secrets.of(tmp_path)
    told = f"mediarpc: {secrets_file(tmp_path)} was damaged and is made anew; earlier tokens and URLs end\n"
    assert capsys.readouterr().err == told
    assert Secrets.of(tmp_path) == Secrets.found_in(tmp_path) == made
    assert {path.name for path in tmp_path.iterdir()} == {"secrets.json"}
    assert oct(secrets_file(tmp_path).stat().st_mode) == "0o100600"


def test_a_token_is_not_signed_with_damaged_secrets(tmp_path):
    """Nor does the command make new ones, which no server knows."""
    secrets_file(tmp_path).write_text("{", encoding="utf-8")
    answered = mediarpc("token", "--user", "ada", DATA_DIR=str(tmp_path))
    assert (answered.returncode, answered.stdout) == (2, "")
    assert "no `mediarpc dev` has made one here" in answered.stderr
    assert secrets_file(tmp_path).read_text(encoding="utf-8") == "{"


def test_secrets_are_on_disk_before_they_are_used(tmp_path, monkeypatch):
    """A power cut leaves the whole file or none: its bytes are on disk before its name is, and then the name."""
    synced = []
    monkeypatch.setattr(os, "fsync", lambda file: synced.append(Path(f"/proc/self/fd/{file}").readlink().name))
    Secrets.of(tmp_path)
    assert synced == ["secrets.partial", tmp_path.name]
    assert Secrets.found_in(tmp_path) is not None


def test_nothing_of_a_killed_start_keeps_the_next_from_starting(data_dir):
    """Damaged secrets, a lock with a stranger's id, half of a PostgreSQL and an object's first half are no obstacle."""
    (data_dir / "postgres.partial").mkdir(parents=True)
    (data_dir / "postgres.partial" / "PG_VERSION").write_text("18\n", encoding="utf-8")
    for name, text in {"secrets.json": "{", "lock": f"{os.getpid()}", "postgres.lock": "x", "s3.lock": "x"}.items():
        (data_dir / name).write_text(text, encoding="utf-8")
    with running_dev(data_dir) as dev:
        assert dev.site.download(dev.site.upload(PHOTO)) == PHOTO
        assert not (data_dir / "postgres.partial").exists()


@pytest.mark.parametrize("text", ["", "\0\0\0"], ids=["empty", "no id"])
def test_a_lock_that_does_not_say_whose_it_is_refuses_all_the_same(tmp_path, text):
    """Between taking the lock and writing its id, a process has not said who it is."""
    data_dir = tmp_path / "parent" / "data"
    data_dir.mkdir(parents=True)
    (data_dir / "lock").write_text(text, encoding="utf-8")
    with (data_dir / "lock").open() as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        assert refused(data_dir) == f"mediarpc: Another mediarpc dev works in {data_dir}; stop it, or set DATA_DIR"


@pytest.mark.parametrize("before", ["a new folder", "a folder whose processes were killed"])
def test_of_two_starts_at_once_one_comes_up(data_dir, before):
    """The other one says so, and the first is not disturbed."""
    if before != "a new folder":
        with running_dev(data_dir) as dev:
            dev.running.stop(signal.SIGKILL)
    ports = (free_port(), free_port())
    commands = [{"DATA_DIR": str(data_dir), "PORT": str(port)} for port in ports]
    with (
        running([MEDIARPC, "dev"], data_dir.parent, **commands[0]) as one,
        running([MEDIARPC, "dev"], data_dir.parent, **commands[1]) as other,
    ):
        until(lambda: {one.process.poll(), other.process.poll()} != {None})
        first, second = (one, other) if one.process.poll() is None else (other, one)
        first.wait_for("Ctrl-C stops everything.")
        assert second.process.poll() == 2
        assert f"works in {data_dir}; stop it, or set DATA_DIR\n" in second.output
        assert second.output.count("\n") == 1
        assert processes_of(data_dir).keys() == {"postgres", "rclone"}


@pytest.mark.parametrize("room", [0, TOO_SMALL], ids=["no room", "too little room"])
def test_a_first_start_on_a_full_disk_says_so(tmp_path, room):
    """It leaves nothing half-made, so that the next one, with more room, comes up."""
    with mounted(tmp_path / "disk", LARGE_ENOUGH) as disk:
        filler = fill(disk, room)
        assert refused(disk / "data") == full(disk / "data")
        filler.unlink()
        with running_dev(disk / "data") as dev:
            assert dev.site.download(dev.site.upload(PHOTO)) == PHOTO


def test_a_full_disk_loses_nothing_of_what_is_there(tmp_path):
    """A start says that it is full; with little room, what is there is served, and with more, all goes on.

    It starts four times, and lasts as long.
    """
    with mounted(tmp_path / "disk", LARGE_ENOUGH) as disk:
        with running_dev(disk / "data") as dev:
            media_id = dev.site.upload(PHOTO)
        fill(disk, 0)
        assert refused(disk / "data") == full(disk / "data")
        fill(disk, LITTLE)
        with running_dev(disk / "data") as dev:
            assert dev.site.download(media_id) == PHOTO
        (disk / "filler").unlink()
        with running_dev(disk / "data") as dev:
            assert dev.site.download(dev.site.upload(PHOTO)) == PHOTO


@pytest.mark.parametrize("made", [False, True], ids=["new", "with data"])
def test_a_folder_on_a_read_only_disk_is_named(tmp_path, made):
    """What to do is told as well, and what is there stays."""
    with mounted(tmp_path / "disk", LARGE_ENOUGH) as disk:
        data_dir = disk / "data"
        if made:
            with running_dev(data_dir) as dev:
                media_id = dev.site.upload(PHOTO)
        subprocess.run(["mount", "-o", "remount,ro", disk], check=True)
        sentence = refused(data_dir)
        subprocess.run(["mount", "-o", "remount,rw", disk], check=True)
        place = data_dir / "lock" if made else data_dir
        assert sentence == (
            f"mediarpc: {place} cannot be used (Read-only file system); "
            f"let this user write in {data_dir}, or set DATA_DIR to another folder"
        )
        if made:
            with running_dev(data_dir) as dev:
                assert dev.site.download(media_id) == PHOTO


def test_a_data_folder_that_is_a_file_is_named(tmp_path):
    data_dir = tmp_path / "parent" / "data"
    data_dir.parent.mkdir()
    data_dir.touch()
    assert refused(data_dir).startswith(f"mediarpc: {data_dir} cannot be used (File exists); ")
