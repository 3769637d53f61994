"""The Python client against a real server: what is written for it, its calls, its uploads, its stream."""

import asyncio
import hashlib
import itertools
import json
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest

from mediarpc_client import AsyncClient, Client, MediaTransportError, Progress
from mediarpc_client.errors import InvalidToken, NotFound, StorageLimitExceeded, ValidationError
from mediarpc_client.source import Source
from mediarpc_client.upload import Upload
from tests import media_files
from tests.processes import TLS

TREE = Path(__file__).parent.parent
PACKAGE = TREE / "clients/python/mediarpc_client"
PHOTO = TREE / "docs/photo.jpg"
MIB = 1024 * 1024
SIZE = 13 * MIB
UNKNOWN = "019a2b6e-9999-7000-8000-000000000000"


class BrokenOff(Exception):
    """What ends a process in the middle of an upload."""


@pytest.fixture
def client(deployment, user) -> Iterator[Client]:
    """The client of a user."""
    token = deployment.token(user)
    with Client(deployment.served.url, token, http=httpx.Client(timeout=30, verify=TLS)) as opened:
        yield opened


@pytest.fixture
async def awaited(deployment, user) -> AsyncIterator[AsyncClient]:
    """The same client, to be awaited."""
    http = httpx.AsyncClient(timeout=30, verify=TLS)
    async with AsyncClient(deployment.served.url, lambda: deployment.token(user), http=http) as opened:
        yield opened


@pytest.fixture
def large(tmp_path: Path) -> Path:
    """A video of three parts."""
    file = tmp_path / "large.mp4"
    file.write_bytes(media_files.padded(media_files.video(), SIZE))
    return file


def test_a_call_has_types_on_both_sides(client: Client):
    """Members are called as Python calls them, and what is left out is the server's to choose."""
    ticket = client.media.initiate_upload(filename="a.jpg", content_type="image/jpeg", size=5)
    assert ticket.expires_at.tzinfo
    assert [upload.media_id for upload in client.media.list_uploads(limit=1).items] == [ticket.media_id]
    assert client.media.get_supported_formats().formats[0].content_type == "image/jpeg"
    assert client.media.cancel_upload(media_id=ticket.media_id).success is True


def test_a_refusal_is_raised_by_its_number(client: Client, deployment):
    """With its facts, and the request's id in the log."""
    with pytest.raises(NotFound) as raised:
        client.media.get_media(media_id=UNKNOWN)
    assert (raised.value.code, str(raised.value)) == (1300, "1300 Media not found")
    assert raised.value.request_id.startswith("req_")

    with pytest.raises(StorageLimitExceeded) as full:
        client.media.initiate_multipart_upload(filename="a.mp4", content_type="video/mp4", size=60 * MIB)
    assert full.value.details["required"] == 60 * MIB

    with pytest.raises(ValidationError):
        client.media.list_media(limit=0)
    with Client(deployment.served.url, "nonsense") as stranger, pytest.raises(InvalidToken):
        stranger.media.list_media()


def test_a_server_that_is_none_is_told():
    """By its status, or by its silence."""
    page = httpx.Client(transport=httpx.MockTransport(lambda _: httpx.Response(502, text="Bad gateway")))
    with Client("http://media.test/rpc", http=page) as client, pytest.raises(MediaTransportError) as raised:
        client.media.list_media()
    assert raised.value.status == 502
    with Client("http://127.0.0.1:9/rpc") as client, pytest.raises(MediaTransportError, match="cannot be reached"):
        client.media.list_media()


def test_bytes_go_through_the_server(client: Client):
    """As bytes and as an open file."""
    told: dict[str, Any] = {"filename": "photo.jpg", "content_type": "image/jpeg"}
    assert client.media.upload(PHOTO.read_bytes(), **told).media.filename == "photo.jpg"
    with PHOTO.open("rb") as file:
        assert client.media.upload(file, **told).media.size == PHOTO.stat().st_size


async def test_bytes_go_through_the_server_awaited(awaited: AsyncClient):
    """As bytes and as an open file."""
    told: dict[str, Any] = {"filename": "photo.jpg", "content_type": "image/jpeg"}
    assert (await awaited.media.upload(PHOTO.read_bytes(), **told)).media.filename == "photo.jpg"
    with PHOTO.open("rb") as file:
        assert (await awaited.media.upload(file, **told)).media.size == PHOTO.stat().st_size


def test_a_small_file_goes_by_one_put(client: Client):
    """Its type is that of its extension, and its progress ends with all of it."""
    told: list[Progress] = []
    media = client.upload(PHOTO, purpose="profile", on_progress=told.append)
    assert (media.filename, media.mime_type, media.size) == ("photo.jpg", "image/jpeg", PHOTO.stat().st_size)
    assert told[-1] == Progress(media.size, media.size)


def test_a_large_file_goes_in_parts(client: Client, large: Path):
    """What was sent never falls."""
    told: list[int] = []
    media = client.upload(large, part_size=5 * MIB, on_progress=lambda progress: told.append(progress.sent))
    assert (media.type, media.size) == ("video", SIZE)
    assert told == sorted(told)
    assert told[-1] == media.size


async def test_what_is_waited_for_is_ready(client: Client, awaited: AsyncClient, large: Path):
    """Whole and in parts, waited for and awaited; else the media is answered as it is once its bytes are verified."""
    assert client.upload(PHOTO, wait_seconds=25).url
    assert (await awaited.upload(large, part_size=5 * MIB, wait_seconds=25)).status == "ready"
    assert client.upload(PHOTO).status == "processing"


async def test_a_large_file_goes_in_parts_awaited(awaited: AsyncClient, large: Path):
    """By the same steps."""
    media = await awaited.upload(large, part_size=5 * MIB)
    assert media.size == SIZE


def test_an_upload_that_broke_off_goes_on(client: Client, large: Path):
    """Another process sends only what storage lacks."""

    def break_off(progress: Progress) -> None:
        if progress.sent > 11 * MIB:
            raise BrokenOff

    with pytest.raises(BrokenOff):
        client.upload(large, part_size=5 * MIB, on_progress=break_off)
    (unfinished,) = client.media.list_uploads().items
    assert client.media.get_upload_status(media_id=unfinished.media_id).missing_parts == [3]

    told: list[Progress] = []
    media = client.upload(large, part_size=5 * MIB, on_progress=told.append)
    assert media.id == unfinished.media_id
    assert told[0].sent > 10 * MIB


def test_another_file_of_the_same_name_begins_anew(client: Client, large: Path):
    """The digest tells them apart; so does whoever does not want to resume."""
    ticket = client.media.initiate_multipart_upload(
        filename=large.name,
        content_type="video/mp4",
        size=SIZE,
        sha256=hashlib.sha256(b"another").hexdigest(),
        part_size=5 * MIB,
    )
    assert client.upload(large, part_size=5 * MIB).id != ticket.media_id


def test_a_broken_connection_is_outlasted(deployment, user, large: Path):
    """Each first request of a kind fails: on its way to the server, and on its way to storage."""
    failed: set[str] = set()

    class Flaky(httpx.HTTPTransport):
        def handle_request(self, request: httpx.Request) -> httpx.Response:
            kind = f"{request.method} {request.url.host}:{request.url.port} {request.url.params.get('partNumber')}"
            if kind not in failed:
                failed.add(kind)
                raise httpx.ConnectError("gone", request=request)
            return super().handle_request(request)

    http = httpx.Client(timeout=30, transport=Flaky(verify=TLS))
    with Client(deployment.served.url, deployment.token(user), http=http) as client:
        assert client.upload(large, part_size=5 * MIB).size == SIZE
    assert len(failed) == 4


def test_a_file_of_unknown_type_is_refused_here(tmp_path: Path, client: Client):
    """Before anything is called."""
    file = tmp_path / "notes.txt"
    file.write_text("words")
    with pytest.raises(ValueError, match=r"^notes\.txt: the extension tells no content type"):
        client.upload(file)


def test_a_step_that_fails_for_good_ends_the_upload():
    """What no other try would mend is raised at once."""
    steps = Upload(source=Source.of(PHOTO, None, None)).steps()
    next(steps)
    steps.send("0" * 64)
    with pytest.raises(StorageLimitExceeded):
        steps.throw(StorageLimitExceeded("Storage quota exceeded", 1600, {}, "req_1"))


def test_what_happens_is_watched(client: Client):
    """From the beginning of the log, across the connections that it takes."""
    media = client.upload(PHOTO)
    events = list(itertools.islice(client.media.watch(last_event_id="0"), 2))
    assert [event.type for event in events] == ["upload.started", "media.processing"]
    assert {event.media_id for event in events} == {media.id}


async def test_what_happens_is_watched_awaited(awaited: AsyncClient):
    """Until it is ready."""
    media = await awaited.upload(PHOTO)
    async with asyncio.timeout(60):
        async for event in awaited.media.watch(media_id=media.id, last_event_id="0"):
            if event.type == "media.ready":
                break
    assert (await awaited.media.get_media(media_id=media.id)).media.url


def test_a_stream_that_breaks_off_goes_on():
    """Behind the last event; what cannot get better is raised, and what a newer server adds is passed over."""
    asked: list[httpx.Request] = []
    nothing = dict.fromkeys(("uploadedBytes", "stage", "progress", "error"))
    owner = {"ownerType": "user", "ownerId": "ada"}
    told = {"status": "ready", "type": "image", "size": 1, **nothing, "newer": "than this client"}
    event = {"id": "7", "type": "media.ready", "mediaId": UNKNOWN, **owner, "at": "2026-01-02T03:04:05Z", "data": told}
    shape = '{"message": "Invalid token", "code": -32001, "data": {"rpcCode": 1003, "requestId": "req_1"}}'
    bodies = [f"data: {json.dumps(event)}\nid: 7\n\n", f"event: serialized-error\ndata: {shape}\n\n"]

    def answer(request: httpx.Request) -> httpx.Response:
        asked.append(request)
        return httpx.Response(200, headers={"content-type": "text/event-stream"}, text=bodies[len(asked) - 1])

    with Client("http://media.test/rpc", http=httpx.Client(transport=httpx.MockTransport(answer))) as client:
        events = client.media.watch()
        assert next(events).id == "7"
        with pytest.raises(InvalidToken):
            next(events)
    assert [request.url.params["input"] for request in asked] == ["{}", '{"lastEventId": "7"}']
