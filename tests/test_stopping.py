"""Processes that are told to stop while what they work with is down, hangs, or has not been there yet."""

import asyncio
import sys
import threading
import time
from contextlib import contextmanager

import httpx
import psycopg
import pytest

from server.token import sign_token
from tests.fork import fork
from tests.media_files import photo
from tests.own_postgres import database_url, own_postgres, postgres
from tests.processes import running, until

__all__ = ["database_url", "own_postgres", "postgres"]

DRAIN_SECONDS = 1
CLOSING_SECONDS = 8
HASTY = f"""
import jobs.worker, server.http
jobs.worker.DRAIN_SECONDS = server.http.DRAIN_SECONDS = {DRAIN_SECONDS}
from server.__main__ import main
sys.exit(main())
"""
UPLOAD = {"filename": "photo.jpg", "contentType": "image/jpeg", "size": len(photo())}


def hasty(command):
    """How to start a command that has less time to drain."""
    return [sys.executable, "-c", f"import sys\n{HASTY}", command]


@pytest.fixture
async def silent():
    """The port of a server that takes connections and never answers."""
    held = []
    server = await asyncio.start_server(lambda *streams: held.append(streams), "127.0.0.1", 0)
    yield server.sockets[0].getsockname()[1]
    server.close()
    for _, writer in held:
        writer.close()


def stops(process):
    """Whether it ends with status 0 within its time to drain and to close."""
    began = time.monotonic()
    status = process.stop()
    assert status == 0, process.output
    return time.monotonic() - began < DRAIN_SECONDS + CLOSING_SECONDS


def pause(postgres):
    postgres.pause()


def stop(postgres):
    postgres.stop()


def a_job_runs(url):
    """Whether a worker is at one."""
    with psycopg.connect(url) as connection:
        return connection.execute("select from procrastinate_jobs where status = 'doing'").fetchall()


AWAY = pytest.mark.parametrize("away", [pause, stop])


@pytest.mark.exhaustive
@AWAY
async def test_a_worker_stops_while_postgres_is_away(away, postgres, resources, configured, tmp_path):
    """Its lanes are at fetching jobs, and have to sign off. Half of the time passes until each of them has met it."""
    with running(hasty("worker"), tmp_path, **configured, SWEEP_INTERVAL_SECONDS="1") as worker:
        worker.wait_for("worker started")
        await asyncio.sleep(1)
        await asyncio.to_thread(away, postgres)
        await asyncio.sleep(6)  # until every lane has met it

        assert await asyncio.to_thread(stops, worker)
    assert "Traceback" not in worker.output


@pytest.mark.exhaustive
@AWAY
async def test_a_worker_stops_before_postgres_was_ever_there(away, postgres, resources, configured, tmp_path):
    await asyncio.to_thread(away, postgres)
    with running(hasty("worker"), tmp_path, **configured) as worker:
        worker.wait_for('"database unreachable"')
        assert await asyncio.to_thread(stops, worker)


@pytest.mark.exhaustive
@AWAY
async def test_a_worker_stops_in_the_middle_of_a_job(away, postgres, completed_media, configured, silent, tmp_path):
    """The job waits for a store that hangs, and what it would write of its end cannot be written."""
    await completed_media()
    configured["S3_ENDPOINT"] = f"http://127.0.0.1:{silent}"
    with running(hasty("worker"), tmp_path, **configured) as worker:
        worker.wait_for("worker started")
        await asyncio.to_thread(until, lambda: a_job_runs(configured["DATABASE_URL"]))
        await asyncio.to_thread(away, postgres)

        assert await asyncio.to_thread(stops, worker)


async def test_a_job_that_waits_for_a_store_that_hangs_is_put_back(
    postgres, completed_media, configured, silent, tmp_path
):
    """The worker does not wait for the store, and the job begins anew elsewhere."""
    media = await completed_media()
    with running(hasty("worker"), tmp_path, **{**configured, "S3_ENDPOINT": f"http://127.0.0.1:{silent}"}) as worker:
        await asyncio.to_thread(until, lambda: a_job_runs(configured["DATABASE_URL"]))
        assert await asyncio.to_thread(stops, worker)
    with fork(tmp_path, "worker", **configured) as another:
        another.wait_for(f'"media_id":"{media.id}","outcome":"ready"')


@contextmanager
def calling(configured, settings, name, **params):
    """A call that is under way."""

    def call():
        headers = {"authorization": f"Bearer {sign_token(settings, user='ada')}"}
        document = {"jsonrpc": "2.0", "id": 1, "method": name, "params": params}
        with httpx.Client(timeout=60) as client:
            try:
                client.post(f"http://127.0.0.1:{configured['PORT']}/rpc", json=document, headers=headers)
            except httpx.TransportError:
                return

    thread = threading.Thread(target=call)
    thread.start()
    time.sleep(1)
    yield
    thread.join()


@pytest.mark.exhaustive
@pytest.mark.parametrize("processes", ["1", "2"])
async def test_a_server_stops_while_postgres_hangs(processes, postgres, resources, configured, settings, tmp_path):
    """A call waits for it."""
    command = [*hasty("serve"), "--workers", processes]
    with running(command, tmp_path, **configured) as serve:
        serve.wait_for("mediarpc serves on")
        await asyncio.to_thread(pause, postgres)
        with calling(configured, settings, "media.getStorageUsage"):
            assert await asyncio.to_thread(stops, serve)


async def test_a_server_stops_while_storage_hangs(pending_upload, configured, settings, silent, postgres, tmp_path):
    """A thread waits for it, which the process does not wait for."""
    ticket = await pending_upload()
    configured["S3_ENDPOINT"] = f"http://127.0.0.1:{silent}"
    with running(hasty("serve"), tmp_path, **configured) as serve:
        serve.wait_for("mediarpc serves on")
        with calling(configured, settings, "media.completeUpload", mediaId=str(ticket.media_id)):
            assert await asyncio.to_thread(stops, serve)


async def test_dev_stops_while_postgres_hangs(postgres, configured, tmp_path):
    """Its server and its worker share what they wait for. Most of the time it starts, and has to meet the hanging."""
    configured["DATA_DIR"] = str(tmp_path / "data")
    with running(hasty("dev"), tmp_path, **configured, SWEEP_INTERVAL_SECONDS="1") as dev:
        dev.wait_for("mediarpc is ready")
        await asyncio.to_thread(pause, postgres)
        await asyncio.sleep(3)

        assert await asyncio.to_thread(stops, dev)


def test_what_hangs_all_the_same_is_ended(tmp_path):
    """A process that does not end in time says where it hangs, and ends."""
    program = """
import asyncio, time
from server.http import run, run_until_stopped

async def hang():
    try:
        await asyncio.sleep(3600)
    finally:
        time.sleep(3600)

run(run_until_stopped(hang(), ready=lambda: print("ready", flush=True), ends_within=1))
"""
    with running([sys.executable, "-c", program], tmp_path) as process:
        process.wait_for("ready")
        assert process.stop() == 1
    assert "in hang" in process.output
