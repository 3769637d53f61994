"""Media in every state: fixtures named by the state that they leave."""

from collections.abc import Awaitable, Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import httpx
import psycopg
import pytest

from contracts.media import Media, UploadTicket
from jobs.job import JobContext
from jobs.worker import open_queue
from rpc.context import Resources
from tests import media_files
from tests.due_jobs import run_due_jobs
from tests.fork import fork

Call = Callable[..., Awaitable[Any]]


@pytest.fixture
def put(client: httpx.AsyncClient) -> Callable[..., Awaitable[httpx.Response]]:
    """Send bytes as a ticket says."""

    async def send(ticket: UploadTicket, body: bytes) -> httpx.Response:
        return await client.request(ticket.method, ticket.upload_url, content=body, headers=ticket.headers)

    return send


@pytest.fixture
def pending_upload(call: Call) -> Call:
    """Initiate an upload of these bytes (a photo), and send nothing."""

    async def initiate(body: bytes | None = None, **params: Any) -> UploadTicket:
        body = media_files.photo() if body is None else body
        told = {"filename": "photo.jpg", "contentType": "image/jpeg", "size": len(body), **params}
        ticket: UploadTicket = await call("media.initiateUpload", **told)
        return ticket

    return initiate


@pytest.fixture
def arrived_upload(pending_upload: Call, put: Call) -> Call:
    """Initiate an upload of these bytes (a photo), and send them."""

    async def arrive(body: bytes | None = None, **params: Any) -> UploadTicket:
        body = media_files.photo() if body is None else body
        ticket: UploadTicket = await pending_upload(body, **params)
        assert (await put(ticket, body)).status_code == 200
        return ticket

    return arrive


@pytest.fixture
def completed_media(arrived_upload: Call, call: Call) -> Call:
    """Upload these bytes (a photo) and complete the upload; the media, as it is before its job has run."""

    async def complete(body: bytes | None = None, **params: Any) -> Media:
        caller = {"caller": params["caller"]} if "caller" in params else {}
        ticket = await arrived_upload(body, **params)
        media: Media = (await call("media.completeUpload", mediaId=str(ticket.media_id), **caller)).media
        return media

    return complete


@pytest.fixture
def run_pending(resources: Resources, rendered_once: None) -> Callable[..., Awaitable[None]]:
    """Run the jobs that are due; `now` is the time that they are told, beside what else their benches have.

    Children are asked once for the same, unless the test's file says otherwise.
    """

    async def run(now: datetime | None = None, **told: Any) -> None:
        async with open_queue(resources.db.pool):
            await run_due_jobs(
                lambda: JobContext(db=resources.db, store=resources.store, now=now or datetime.now(UTC), **told)
            )

    return run


@pytest.fixture
def job_context(resources: Resources) -> JobContext:
    """What a job works with, now."""
    return JobContext(db=resources.db, store=resources.store, now=datetime.now(UTC))


@pytest.fixture
def temporary(tmp_path: Path) -> Path:
    """Where workers keep what they work at."""
    folder = tmp_path / "temporary"
    folder.mkdir()
    return folder


@pytest.fixture
def start(configured: dict[str, str], tmp_path: Path, temporary: Path) -> Callable[..., Any]:
    """Start a worker."""

    def begin(**variables: str) -> Any:
        return fork(tmp_path, "worker", **{**configured, "TMPDIR": str(temporary), **variables})

    return begin


@pytest.fixture
def jobs(database_url: str) -> Callable[[], list[Any]]:
    """The jobs in the queue: name, state, attempts."""

    def read() -> list[Any]:
        with psycopg.connect(database_url) as connection:
            return connection.execute(
                "select task_name, status::text, attempts from procrastinate_jobs order by id"
            ).fetchall()

    return read


@pytest.fixture
def ready_media(completed_media: Call, run_pending: Callable[..., Awaitable[None]], call: Call) -> Call:
    """Upload these bytes (a photo), complete the upload and run its job."""

    async def ready(body: bytes | None = None, **params: Any) -> Media:
        caller = {"caller": params["caller"]} if "caller" in params else {}
        media = await completed_media(body, **params)
        await run_pending()
        found: Media = (await call("media.getMedia", mediaId=str(media.id), **caller)).media
        return found

    return ready


@pytest.fixture
def original(call: Call, client: httpx.AsyncClient) -> Callable[..., Awaitable[bytes]]:
    """The bytes that a media's owner downloads."""

    async def fetch(media_id: object) -> bytes:
        url = (await call("media.getDownloadUrl", mediaId=str(media_id))).url
        return (await client.get(url)).raise_for_status().content

    return fetch


@pytest.fixture
def after_the_url() -> datetime:
    """A time at which every URL that the test signed has ended, grace included."""
    return datetime.now(UTC) + timedelta(seconds=900 + 60 + 60)
