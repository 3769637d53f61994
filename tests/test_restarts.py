"""PostgreSQL and the S3 server of `mediarpc dev` come up over whatever an earlier start left, and end nobody else's."""

import os
import shutil
import socket
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

import psutil
import psycopg
import pytest

from server import embedded_s3
from server.embedded import EmbeddedError, Secrets, end_working_in, working_in
from server.embedded_postgres import PROGRAMS, SOCKET, PidFile, postgres
from server.embedded_s3 import s3
from tests.processes import until
from tests.restarts import kill_all, nobody_reaps, pid_file, postmaster_of, stranger, zombie

KEYS = Secrets("unused", "test-key", "test-secret-key")
# A start of one's own, in a process that can be killed and put elsewhere; the folder is its argument.
START = (
    "import sys, time, pathlib, server.embedded_postgres as e\n"
    "with e.postgres(pathlib.Path(sys.argv[1])) as url: print('up', flush=True); time.sleep(600)\n"
)
IN_A_CONTAINER = ("unshare", "--mount", "--pid", "--ipc", "--fork", "--kill-child", "--mount-proc")


@contextmanager
def new_folder(name: str) -> Iterator[Path]:
    """A place for a data folder; whatever still runs in it is ended."""
    # Not tmp_path: it may be so long already that the database's socket stands elsewhere.
    with tempfile.TemporaryDirectory(prefix="mediarpc-") as parent:
        folder = Path(parent) / name / "postgres"
        yield folder
        end_working_in(folder, PROGRAMS, grace_seconds=0)


@pytest.fixture(params=["data", "long" * 30], ids=["socket beside the data", "socket elsewhere"], scope="module")
def folder(request) -> Iterator[Path]:
    """A data folder in which something is stored, and over which nothing runs."""
    with new_folder(request.param) as folder:
        with postgres(folder) as url:
            store(url)
        yield folder


@pytest.fixture
def own_folder() -> Iterator[Path]:
    """A place for a data folder of the test's own."""
    with new_folder("data") as folder:
        yield folder


def store(url: str) -> None:
    with psycopg.connect(url) as connection:
        connection.execute("create table if not exists kept (what text)")
        connection.execute("insert into kept select 'a row' where not exists (select from kept)")


def stored(url: str) -> list[str]:
    with psycopg.connect(url) as connection:
        return [what for (what,) in connection.execute("select what from kept").fetchall()]


def socket_folder_of(folder: Path) -> Path:
    """Where a start over this folder puts the socket."""
    with postgres(folder):
        return PidFile.of(folder).socket_folder


def ids(stack: ExitStack, folder: Path) -> dict[str, str]:
    """What a file may hold where the id of a process is expected."""
    with subprocess.Popen(["true"]) as dead:
        dead.wait()
    living = stack.enter_context(stranger(folder))
    return {
        "a stranger's id": pid_file(living, folder),
        "a zombie's id": pid_file(stack.enter_context(zombie(folder)), folder),
        "a dead id": pid_file(dead.pid, folder),
        "an id alone": str(living),
        "its beginning only": f"{living}\n{folder}\n",
        "nothing": "",
        "no id": "\0\0\0\0",
        "an id below zero": f"-{living}\n",
    }


STATES = (
    "a stranger's id", "a zombie's id", "a dead id", "an id alone", "its beginning only", "nothing", "no id",
    "an id below zero",
)  # fmt: skip


@pytest.mark.exhaustive
@pytest.mark.embedded
@pytest.mark.parametrize("state", STATES)
@pytest.mark.parametrize("left", ["postmaster.pid", f"{SOCKET}.lock"])
def test_stale_files_keep_no_postgresql_from_starting(folder, left, state):
    """Whatever the pid file and the lock of the socket tell, when nothing lives over the folder it comes up."""
    place = (folder if left == "postmaster.pid" else socket_folder_of(folder)) / left
    with ExitStack() as stack:
        place.write_text(ids(stack, folder)[state], encoding="utf-8")
        os.chown(place, folder.stat().st_uid, folder.stat().st_gid)
        with postgres(folder) as url:
            assert stored(url) == ["a row"]


@pytest.mark.embedded
def test_a_killed_postgresql_that_nobody_reaps_keeps_none_from_starting(folder):
    """Its process id lives on as a zombie, in a container whose first process waits for nobody."""
    with nobody_reaps(), postgres(folder):
        killed = postmaster_of(folder)
        kill_all(folder)
        until(lambda: psutil.Process(killed).status() == psutil.STATUS_ZOMBIE)
        with postgres(folder) as url:
            assert stored(url) == ["a row"]
            assert postmaster_of(folder) != killed


@pytest.mark.embedded
def test_an_orphan_of_a_killed_postgresql_is_ended(folder):
    """A backend that outlives it holds its shared memory, beside which no other may start."""
    with postgres(folder) as url, psycopg.connect(url) as connection:
        orphan = psutil.Process(connection.info.backend_pid)
        orphan.suspend()
        kill_all(folder, but=orphan.pid)
        with postgres(folder) as again:
            assert stored(again) == ["a row"]
            assert orphan.pid not in {process.pid for process in working_in(folder, PROGRAMS)}


@contextmanager
def started(folder: Path, *prefix: str) -> Iterator["subprocess.Popen[bytes]"]:
    """A start in a process of its own; at the end it is stopped."""
    command = [*prefix, sys.executable, "-c", START, str(folder)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT) as process:
        try:
            yield process
        finally:
            process.kill()


@pytest.mark.embedded
def test_a_postgresql_that_still_recovers_is_waited_for(own_folder):
    """It is taken over when it is ready, instead of being made to begin its recovery again."""
    with postgres(own_folder) as url:
        store(url)
    with (own_folder / "postgresql.auto.conf").open("a") as settings:
        settings.write("restore_command = 'sleep 0.5; false'\nhot_standby = off\n")
    (own_folder / "recovery.signal").touch()
    with started(own_folder) as killed:
        until(lambda: PidFile.of(own_folder).status == "starting")
        killed.kill()
        recovering = postmaster_of(own_folder)
        with postgres(own_folder) as url:
            assert stored(url) == ["a row"]
            assert postmaster_of(own_folder) == recovering


@pytest.mark.parametrize("damage", ["", "{pid}\n"], ids=["empty", "an id alone"])
def test_a_living_postgresql_whose_pid_file_is_damaged_makes_room(own_folder, monkeypatch, damage):
    """It cannot be taken over, and two must not work over one folder: it is ended before another is started."""
    monkeypatch.setattr("server.embedded_postgres.ODD_TIMEOUT_SECONDS", 0.2)
    with postgres(own_folder) as url:
        store(url)
        before = postmaster_of(own_folder)
        (own_folder / "postmaster.pid").write_text(damage.format(pid=before), encoding="utf-8")
        with postgres(own_folder) as again:
            assert stored(again) == ["a row"]
            assert before not in {process.pid for process in working_in(own_folder, PROGRAMS)}


def test_a_data_folder_that_was_moved_takes_its_postgresql_along(own_folder):
    """A server that lives on over the folder under its new name is found, although its command names the former one."""
    with postgres(own_folder) as url:
        store(url)
        before = postmaster_of(own_folder)
        moved = own_folder.with_name("moved")
        own_folder.rename(moved)
        with postgres(moved) as again:
            assert stored(again) == ["a row"]
            assert before not in {process.pid for process in working_in(moved, PROGRAMS)}


def test_a_copy_of_a_data_folder_leaves_the_server_of_the_first_alone(folder):
    """The pid file and the lock that were copied belong to somebody who lives."""
    with postgres(folder) as url, new_folder(folder.parent.name) as copy:
        first = postmaster_of(folder)
        with psycopg.connect(url, autocommit=True) as connection:
            connection.execute("checkpoint")
        shutil.copytree(folder, copy, ignore=shutil.ignore_patterns(SOCKET))
        with postgres(copy) as beside:
            assert stored(beside) == ["a row"]
        assert stored(url) == ["a row"]
        assert postmaster_of(folder) == first


needs_containers = pytest.mark.skipif(
    subprocess.run([*IN_A_CONTAINER, "true"], capture_output=True, check=False).returncode != 0,
    reason="this user may not make namespaces, as containers have them",
)


@needs_containers
def test_a_server_that_cannot_be_seen_is_left_alone(folder):
    """A start in another container says so, and touches nothing: two must not work over one folder."""
    with postgres(folder) as url:
        pid = postmaster_of(folder)
        with started(folder, *IN_A_CONTAINER) as refused:
            output, _ = refused.communicate(timeout=30)
        assert f"A server of another user or container works in {folder}; stop it, or set DATA_DIR" in output.decode()
        assert stored(url) == ["a row"]
        assert postmaster_of(folder) == pid


@needs_containers
def test_a_server_of_another_container_lives_on_over_a_folder_of_the_same_name(own_folder):
    """What a container calls this path is another folder, with another server."""
    with new_folder("other") as other:
        for place in (own_folder, other):
            place.parent.mkdir()
        bound = ("sh", "-c", f'mount --bind "{other.parent}" "{own_folder.parent}" && exec "$@"', "sh")
        with started(own_folder, "unshare", "--mount", *bound) as container:
            assert container.stdout
            assert container.stdout.readline() == b"up\n"
            (postmaster,) = {each.pid for each in working_in(other, PROGRAMS)} & {postmaster_of(other)}
            with postgres(own_folder) as url:
                store(url)
            assert psutil.Process(postmaster).cmdline()[2] == str(own_folder)


@pytest.fixture
def tempdir(monkeypatch) -> Iterator[Path]:
    """A folder for temporary files of the test's own, with a short name."""
    with tempfile.TemporaryDirectory(dir="/tmp") as folder:
        monkeypatch.setattr(tempfile, "tempdir", folder)
        yield Path(folder)


def test_a_socket_folder_of_somebody_else_is_not_used(tempdir):
    """Whoever made it could listen there in PostgreSQL's place."""
    if os.geteuid() != 0:
        pytest.skip("only root can make a folder somebody else's")
    with new_folder("long" * 30) as folder:
        place = socket_folder_of(folder)
        assert place.parent == tempdir
        os.chown(place, 12345, 12345)
        with (
            pytest.raises(EmbeddedError, match=f"^{place} is somebody else's; remove it, or set TMPDIR"),
            postgres(folder),
        ):
            pass


def test_a_long_name_of_the_folder_for_temporary_files_is_no_obstacle(folder, tempdir, monkeypatch):
    """A socket's path may not have more than some hundred bytes."""
    monkeypatch.setattr(tempfile, "tempdir", str(tempdir / ("long" * 30)))
    assert len(str(socket_folder_of(folder))) < 100


def test_an_s3_server_ends_what_was_left_of_its_own_folder_alone(tmp_path):
    """The process of a killed start goes, and what it was writing; that of another folder lives on."""
    with s3(tmp_path / "other", KEYS), s3(tmp_path / "s3", KEYS):
        (other,) = working_in(tmp_path / "other", {"rclone"})
        (left,) = working_in(tmp_path / "s3", {"rclone"})
        partial = tmp_path / "s3" / "media" / ".rclone_temp_put_1"
        partial.parent.mkdir()
        partial.write_bytes(b"half of it")
        with s3(tmp_path / "s3", KEYS):
            assert working_in(tmp_path / "s3", {"rclone"}) != [left]
            assert working_in(tmp_path / "other", {"rclone"}) == [other]
            assert not partial.exists()


def test_a_port_that_somebody_took_meanwhile_is_not_the_s3_servers(tmp_path, monkeypatch):
    """A start that cannot listen fails, and does not hand out the address of whoever does."""
    with socket.create_server(("127.0.0.1", 0)) as taken:
        monkeypatch.setattr(embedded_s3, "free_port", lambda: taken.getsockname()[1])
        with pytest.raises(EmbeddedError, match=r"^The S3 server did not start; see "), s3(tmp_path / "s3", KEYS):
            pass
    assert working_in(tmp_path / "s3", {"rclone"}) == []
