"""Every process of `mediarpc dev` killed at once, as a power cut ends them, while uploads come in."""

import os
import random
import signal
import threading
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import quote

import httpx
import psutil
import pytest

from server.embedded import Secrets, working_in
from server.embedded_postgres import PROGRAMS, PidFile
from server.settings import Settings
from server.token import sign_token
from tests import media_files
from tests.databases import drift
from tests.processes import TLS, Dev, Site, end_processes_of, running_dev, until
from tests.restarts import nobody_reaps

ROUNDS = range(20)
CLIENTS = 4
ENOUGH = 12  # completed before everything is killed
UP_SECONDS = 30  # on a busy machine; a few on an idle one
PHOTO = media_files.photo()


@dataclass
class Client:
    """Somebody who uploads one file after the other, and remembers what was answered to be completed."""

    site: Site
    seed: int
    completed: dict[str, bytes] = field(default_factory=dict)

    def upload_until_nobody_answers(self) -> None:
        """Every file differs, behind the image."""
        with suppress(httpx.HTTPError, AssertionError, ValueError):
            for number in range(10_000):
                self._upload(PHOTO + f"{self.seed} {number}".encode() * 1000)

    def _upload(self, body: bytes) -> None:
        told = {"filename": "photo.jpg", "contentType": "image/jpeg", "size": len(body)}
        ticket = self.site.rpc("media.initiateUpload", **told)
        sent = httpx.put(ticket["uploadUrl"], content=body, headers=ticket["headers"], timeout=30, verify=TLS)
        sent.raise_for_status()
        media_id = self.site.rpc("media.completeUpload", mediaId=ticket["mediaId"])["media"]["id"]
        self.completed[media_id] = body


@pytest.fixture(scope="module")
def data_dir(tmp_path_factory) -> Iterator[Path]:
    """A folder in which each round finds what the former ones have left."""
    parent = tmp_path_factory.mktemp("kills")
    yield parent / "data"
    end_processes_of(parent)


@contextmanager
def clients_of(dev: Dev, seed: int) -> Iterator[list[Client]]:
    """Users, each of whom uploads until nobody answers any more."""
    secrets = Secrets.found_in(dev.data_dir)
    assert secrets
    settings = Settings(auth_jwt_secret=secrets.jwt_secret)
    origin = f"http://127.0.0.1:{dev.port}"
    clients = [
        Client(Site(origin, sign_token(settings, user=f"user-{seed}-{number}", plan="pro")), seed)
        for number in range(CLIENTS)
    ]
    threads = [threading.Thread(target=client.upload_until_nobody_answers) for client in clients]
    for thread in threads:
        thread.start()
    yield clients
    for thread in threads:
        thread.join()


def kill_everything(dev: Dev, order: random.Random) -> None:
    """End the server, PostgreSQL and the S3 server, with all their children, in any order, before any can act."""
    found = {dev.running.pid, *(child.pid for child in psutil.Process(dev.running.pid).children(recursive=True))}
    found |= {process.pid for process in working_in(dev.data_dir / "postgres", PROGRAMS)}
    found |= {process.pid for process in working_in(dev.data_dir / "s3", {"rclone"})}
    for pid in order.sample(sorted(found), len(found)):
        with suppress(ProcessLookupError):
            os.kill(pid, signal.SIGKILL)
    dev.running.process.wait()


def database_of(dev: Dev) -> str:
    """The database of a dev that runs."""
    place = PidFile.of(dev.data_dir / "postgres").socket_folder
    return f"postgresql://postgres@/postgres?host={quote(str(place))}"


@pytest.mark.exhaustive
@pytest.mark.parametrize("seed", ROUNDS)
def test_it_comes_up_after_everything_was_killed_and_nothing_is_lost(data_dir, seed):
    """Started at once, it has every upload that was answered as completed, and usage is the sum of the rows.

    In every other round nobody reaps what was killed. It starts twice, under load, which takes longer than ten seconds.
    """
    order = random.Random(seed)
    with ExitStack() as stack:
        if seed % 2:
            stack.enter_context(nobody_reaps())
        with running_dev(data_dir, RATE_LIMITS="off") as dev, clients_of(dev, seed) as clients:
            until(lambda: sum(len(client.completed) for client in clients) >= ENOUGH)
            time.sleep(order.random())
            kill_everything(dev, order)
        began = time.monotonic()
        with running_dev(data_dir, RATE_LIMITS="off") as dev:
            seconds = time.monotonic() - began
            completed = [(client, media_id) for client in clients for media_id in client.completed]
            print(f"round {seed}: up after {seconds:.1f} s, {len(completed)} completed uploads")
            for client, media_id in completed:
                assert Site(dev.site.origin, client.site.token).download(media_id) == client.completed[media_id]
            assert drift(database_of(dev)) == []
            assert seconds < UP_SECONDS
