"""Nothing is published before clamd has found it clean: what holds malware is kept from everybody, and goes."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import psycopg
import pytest

from contracts.errors import MediaInfected, MediaNotFound, MediaUnscanned, ServiceUnavailable
from jobs.scan import Scanner
from jobs.sweep import sweep
from processing.failures import ProcessingFailed, Reason
from server.embedded import free_port
from tests.clamd import EICAR, clamd, infected, zipped
from tests.media_files import padded, photo, video

MIB = 1024**2


@pytest.fixture(scope="session")
def clamav_url(servers):
    """A clamd of the session's."""
    with clamd(servers) as url:
        yield url


@pytest.fixture
def scanner(clamav_url):
    return Scanner(clamav_url)


@pytest.fixture
def file(tmp_path):
    """A file of these bytes."""

    def write(body: bytes):
        path = tmp_path / "file"
        path.write_bytes(body)
        return path

    return write


@asynccontextmanager
async def answering(verdict: bytes) -> AsyncIterator[str]:
    """The URL of a scanner that reads a file to its end, and says this of it."""

    async def hear(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readline()
        while length := int.from_bytes(await reader.readexactly(4)):
            await reader.readexactly(length)
        writer.write(verdict)
        writer.close()

    async with await asyncio.start_server(hear, "127.0.0.1", 0) as server:
        yield f"tcp://127.0.0.1:{server.sockets[0].getsockname()[1]}"


async def test_what_is_clean_passes(scanner, file):
    await scanner.require_clean(file(photo()))


@pytest.mark.parametrize("body", [EICAR, zipped(EICAR), infected()], ids=["bare", "zipped", "behind an image"])
async def test_what_is_found_is_refused(scanner, file, body):
    with pytest.raises(ProcessingFailed) as failed:
        await scanner.require_clean(file(body))

    assert (failed.value.reason, failed.value.may_pass) == (Reason.INFECTED, False)


async def test_a_large_file_is_read_to_its_end(scanner, file):
    with pytest.raises(ProcessingFailed):
        await scanner.require_clean(file(padded(photo(), 40 * MIB) + zipped(EICAR)))


async def test_a_scanner_that_is_away_lets_nothing_through(file):
    with pytest.raises(ServiceUnavailable):
        await Scanner(f"tcp://127.0.0.1:{free_port()}").require_clean(file(photo()))


@pytest.mark.parametrize(
    ("answer", "error"),
    [
        (b"", ServiceUnavailable),
        (b"OK\n", ServiceUnavailable),
        (b"stream: something ERROR\n", ServiceUnavailable),
        (b"\xff\xfe\n", ServiceUnavailable),
        (b"INSTREAM size limit exceeded. ERROR\n", ProcessingFailed),
        (b"stream: Evil.Thing FOUND\n", ProcessingFailed),
    ],
)
async def test_whatever_is_no_clean_bill_lets_nothing_through(file, answer, error):
    """A verdict that is cut off, is none, or is one that nobody knows."""
    async with answering(answer) as url:
        with pytest.raises(error):
            await Scanner(url).require_clean(file(photo()))


async def test_a_clean_image_is_scanned_and_rendered(completed_media, run_pending, scanner, call):
    media = await completed_media()
    await run_pending(scanner=scanner)

    told = (await call("media.pollEvents", mediaId=str(media.id), since="start", waitSeconds=0)).events
    assert [event.data.stage for event in told if event.data.stage] == [
        "downloading",
        "scanning",
        "rendering",
        "publishing",
    ]
    assert (await call("media.getMedia", mediaId=str(media.id))).media.status == "ready"


CLIP = {"filename": "clip.mp4", "contentType": "video/mp4"}
KINDS = {"image": (infected(), {}), "video": (infected(video() + b"\0" * 50), CLIP)}


@pytest.mark.parametrize(("body", "told"), KINDS.values(), ids=KINDS)
async def test_malware_is_kept_from_everybody_and_then_goes(
    completed_media, run_pending, scanner, call, public, objects, resources, after_the_url, body, told
):
    media = await completed_media(body, **told)
    await run_pending(scanner=scanner)

    shown = (await call("media.getMedia", mediaId=str(media.id))).media
    assert (shown.status, shown.error.code, shown.error.reason) == ("failed", "infected", "The file holds malware.")
    assert (shown.url, shown.thumbnail_url, shown.renditions) == (None, None, [])
    assert await public() == []
    for name in ("getDownloadUrl", "retryProcessing"):
        with pytest.raises(MediaInfected):
            await call(f"media.{name}", mediaId=str(media.id))

    await sweep(resources.db, after_the_url)
    await run_pending(after_the_url)
    assert len(await objects()) == 1
    assert (await call("media.getMedia", mediaId=str(media.id))).media.status == "failed"

    later = datetime.now(UTC) + timedelta(hours=25)
    assert await sweep(resources.db, later - timedelta(hours=2)) == 0
    for _ in range(2):
        await sweep(resources.db, later)
        await run_pending(later)
    assert await objects() == []
    with pytest.raises(MediaNotFound):
        await call("media.getMedia", mediaId=str(media.id))
    assert (await call("media.getStorageUsage")).used == 0


async def test_what_waits_for_a_scanner_is_not_published(
    completed_media, run_pending, scanner, call, public, database_url
):
    """Image and video alike; when it is back, they are ready."""
    photo_id, clip_id = (await completed_media()).id, (await completed_media(padded(video(), 5000), **CLIP)).id
    away = Scanner(f"tcp://127.0.0.1:{free_port()}")
    for _ in range(4):
        await run_pending(scanner=away)
        with psycopg.connect(database_url, autocommit=True) as connection:
            connection.execute("update procrastinate_jobs set scheduled_at = null")
    for media_id in (photo_id, clip_id):
        told = await call("media.getProcessingStatus", mediaId=str(media_id))
        assert (told.status, told.stage, told.attempts) == ("processing", "scanning", 4)
    assert await public() == []

    await run_pending(scanner=scanner)

    for media_id in (photo_id, clip_id):
        assert (await call("media.getMedia", mediaId=str(media_id))).media.status == "ready"


class TestWhereFilesAreScanned:
    """With CLAMAV_URL, of `serve` too."""

    @pytest.fixture
    def settings(self, settings):
        return replace(settings, clamav_url="tcp://127.0.0.1:1")

    async def test_nobody_gets_what_has_not_been_found_clean(self, completed_media, call):
        """While it is processed, and when its processing was cancelled before a scanner came to it."""
        media = await completed_media(infected(video()), **CLIP)
        for step in (None, "media.cancelProcessing"):
            if step:
                await call(step, mediaId=str(media.id))
            assert (await call("media.getMedia", mediaId=str(media.id))).media.url is None
            with pytest.raises(MediaUnscanned):
                await call("media.getDownloadUrl", mediaId=str(media.id))

    async def test_what_is_ready_can_be_downloaded(self, ready_media, original):
        media = await ready_media(video(), **CLIP)

        assert media.url
        assert await original(media.id) == video()
