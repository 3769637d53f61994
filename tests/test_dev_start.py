"""Where and how `mediarpc dev` can be started, and what keeps it from starting."""

import os
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest

from server.embedded import free_port
from tests import media_files
from tests.processes import Dev, end_processes_of, mediarpc, nothing_is_left, processes_of, running_dev

PHOTO = media_files.photo()
NOBODY = 65534
AS_NOBODY = ("setpriv", f"--reuid={NOBODY}", f"--regid={NOBODY}", "--clear-groups")
# For an interpreter that stands in root's own folders, as pyenv's may: children start it anew.
READING = ("--inh-caps=+dac_read_search", "--ambient-caps=+dac_read_search")


@pytest.fixture
def as_nobody() -> tuple[str, ...]:
    """What a command begins with that is to run as an ordinary user, who can start this interpreter."""
    tried = subprocess.run([*AS_NOBODY, "test", "-x", Path(sys.executable).resolve()], check=False)
    return AS_NOBODY if tried.returncode == 0 else (*AS_NOBODY, *READING)


@pytest.fixture
def data_dir(tmp_path) -> Iterator[Path]:
    """A folder for data; whatever a test has left running over it is ended."""
    yield tmp_path / "data"
    end_processes_of(tmp_path)


@pytest.fixture(scope="module")
def dev(tmp_path_factory) -> Iterator[Dev]:
    """One that has a folder of its own, and is left alone."""
    folder = tmp_path_factory.mktemp("dev")
    with running_dev(folder / "data") as started:
        yield started
    end_processes_of(folder)


def test_a_second_dev_in_the_same_folder_is_refused(dev):
    """The refusal names the process that works there."""
    refused = mediarpc("dev", DATA_DIR=str(dev.data_dir), PORT=str(free_port()))
    assert (refused.returncode, refused.stdout) == (2, "")
    assert refused.stderr == (
        f"mediarpc: Another mediarpc dev (process {dev.running.pid}) works in {dev.data_dir}; "
        "stop it, or set DATA_DIR\n"
    )
    assert dev.site.rpc("media.getStorageUsage")["used"] == 0


def test_the_secrets_of_a_folder_are_its_owners_alone(dev):
    """Nobody else on the machine can read the secret, the lock aside."""
    assert oct((dev.data_dir / "secrets.json").stat().st_mode) == "0o100600"
    assert oct((dev.data_dir / "s3").stat().st_mode) == "0o40700"


def test_a_taken_port_is_refused_before_anything_starts(data_dir):
    """The refusal says how to get another port; not even the folder is made."""
    with socket.create_server(("127.0.0.1", 0)) as other:
        port = other.getsockname()[1]
        refused = mediarpc("dev", DATA_DIR=str(data_dir), PORT=str(port))
    assert (refused.returncode, refused.stdout) == (2, "")
    assert refused.stderr == (
        f"mediarpc: Port {port} on 127.0.0.1 cannot be listened on (Address already in use). "
        "Stop what runs there, or set PORT to a free one.\n"
    )
    assert not data_dir.exists()


@pytest.mark.parametrize("name", ["- 100%25 {it's} zoë", "long" * 40], ids=["marks", "long"])
def test_any_folder_will_do(name):
    """The name of the data folder is a name, whatever characters it has and however long it is."""
    # Not tmp_path: it may be so long already that the database's socket stands elsewhere.
    with tempfile.TemporaryDirectory(prefix="mediarpc-") as parent:
        data_dir = Path(parent) / name
        with running_dev(data_dir) as dev:
            assert dev.site.download(dev.site.upload(PHOTO)) == PHOTO
            dev.running.stop()
            assert nothing_is_left(data_dir, dev.port)


@pytest.fixture
def home_of_nobody() -> Iterator[Path]:
    """A home folder, and a way to become the user that it belongs to."""
    if os.geteuid() != 0:
        pytest.skip("only root can become another user; this run is an ordinary user's already")
    home = Path(tempfile.mkdtemp(prefix="mediarpc-home-"))
    os.chown(home, NOBODY, NOBODY)
    yield home
    shutil.rmtree(home)


def test_an_ordinary_user_can_run_dev(home_of_nobody, as_nobody):
    """Nothing that is started needs more rights than its user has, and all of it is the user's."""
    home = str(home_of_nobody)
    data_dir = home_of_nobody / "data"
    with running_dev(data_dir, prefix=as_nobody, HOME=home, TMPDIR=home, XDG_RUNTIME_DIR=home) as dev:
        assert dev.site.download(dev.site.upload(PHOTO)) == PHOTO
        started = {dev.running.pid, *processes_of(data_dir).values()}
        assert {psutil.Process(pid).uids().effective for pid in started} == {NOBODY}
        dev.running.stop()
        assert nothing_is_left(data_dir, dev.port)


def test_root_of_a_container_can_run_dev(data_dir):
    """It may not see where another user's processes work, and finds its PostgreSQL all the same."""
    prefix = ("setpriv", "--bounding-set=-sys_ptrace", "--inh-caps=-sys_ptrace")
    if os.geteuid() != 0:
        pytest.skip("only root's PostgreSQL belongs to another user")
    with running_dev(data_dir, prefix=prefix) as dev:
        left = processes_of(data_dir)
        dev.running.stop(signal.SIGKILL)
    with running_dev(data_dir, prefix=prefix) as dev:
        assert processes_of(data_dir)["postgres"] == left["postgres"]
        dev.running.stop()
        assert nothing_is_left(data_dir, dev.port)


@pytest.fixture
def configured(settings) -> dict[str, str]:
    """The variables that name the servers of the test."""
    return {
        "DATABASE_URL": settings.database_url,
        "S3_ENDPOINT": settings.s3_endpoint,
        "S3_ACCESS_KEY_ID": settings.s3_access_key_id,
        "S3_SECRET_ACCESS_KEY": settings.s3_secret_access_key,
        "S3_USE_PATH_STYLE": "true",
        "S3_BUCKET": settings.s3_bucket,
        "S3_PUBLIC_BUCKET": settings.s3_public_bucket,
    }


def test_a_configured_server_is_not_started(data_dir, configured):
    """With a database and a store named, dev starts neither, makes the buckets, and signs for the named store."""
    with running_dev(data_dir, **configured) as dev:
        assert processes_of(data_dir) == {}
        assert {path.name for path in data_dir.iterdir()} == {"lock", "secrets.json", "tokens.json"}
        told = {"filename": "photo.jpg", "contentType": "image/jpeg", "size": 1}
        ticket = dev.site.rpc("media.initiateUpload", **told)
        assert ticket["uploadUrl"].startswith(f"{configured['S3_ENDPOINT']}/{configured['S3_BUCKET']}/staging/")
        assert dev.site.download(dev.site.upload(PHOTO)) == PHOTO


@pytest.mark.parametrize("missing", ["DATABASE_URL", "S3_ENDPOINT"])
def test_what_is_not_configured_is_started(data_dir, configured, missing):
    """Each of the two servers is embedded on its own."""
    del configured[missing]
    with running_dev(data_dir, **configured) as dev:
        assert processes_of(data_dir).keys() == {{"DATABASE_URL": "postgres", "S3_ENDPOINT": "rclone"}[missing]}
        assert dev.site.download(dev.site.upload(PHOTO)) == PHOTO


@pytest.mark.parametrize(
    ("variable", "value"),
    [("DATABASE_URL", "postgresql://ada:hunter2@127.0.0.1:{port}/media"), ("S3_ENDPOINT", "http://127.0.0.1:{port}")],
    ids=["database", "storage"],
)
def test_a_configured_server_that_is_down_is_named(data_dir, configured, variable, value):
    """Dev ends with one sentence, no trace and no password, and leaves nothing running."""
    port = free_port()
    variables = {**configured, variable: value.format(port=free_port())}
    refused = mediarpc("dev", DATA_DIR=str(data_dir), PORT=str(port), **variables)
    assert (refused.returncode, refused.stdout) == (2, "")
    assert refused.stderr.startswith("mediarpc: ")
    assert (refused.stderr.count("\n"), "hunter2" in refused.stderr) == (1, False)
    assert processes_of(data_dir) == {}
