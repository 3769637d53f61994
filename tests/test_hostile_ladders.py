"""Videos made to harm, in the child that would make them play: refused, and nothing is left or asked for."""

import asyncio
import itertools
import socket
import struct
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from pathlib import Path

import av
import imageio_ffmpeg
import psutil
import pytest

from jobs.process import PROCESSING_ATTEMPTS, process_media
from processing.failures import ProcessingFailed, Reason
from processing.protocol import Outcome, Policy
from processing.registry import LADDERS, Processor, processor_of
from processing.sandbox.child import processed
from server.embedded import free_port
from storage.playlists import MAX_BYTES
from tests.test_child import children, in_folder
from tests.test_posters import HOSTILE
from tests.videos import MIME_TYPES, clip, said_to_last

BOUND_SECONDS = 60
USUAL = Policy()


@pytest.fixture
def root(tmp_path: Path) -> Path:
    folder = tmp_path / "root"
    folder.mkdir()
    return folder


async def laddered(
    root: Path, body: bytes, kind: str = "mp4", policy: Policy = USUAL, processor: Processor = LADDERS
) -> Outcome | Reason:
    """What a child makes of a video, or why not: in bounded time, and nothing of it is left."""
    source = root.parent / "source"
    source.write_bytes(body)
    began = time.monotonic()
    found: Outcome | Reason
    try:
        async with processed(source, MIME_TYPES[kind], processor=processor, root=root, policy=policy) as outcome:
            found = outcome
    except ProcessingFailed as failed:
        found = failed.reason
    assert time.monotonic() - began < BOUND_SECONDS
    assert in_folder(root) == []
    assert children() == []
    assert [name for name in names_below() if "ffmpeg" in name] == []
    return found


def names_below() -> list[str]:
    """The programs that run below this process, those that have ended and were not waited for too."""
    names = []
    for process in psutil.Process().children(recursive=True):
        with suppress(psutil.NoSuchProcess):
            names.append(process.name())
    return names


@pytest.mark.parametrize("kind", ["mp4", "webm"])
@pytest.mark.parametrize("body", HOSTILE.values(), ids=HOSTILE)
async def test_what_is_no_video_does_not_play(root, body, kind):
    assert await laddered(root, body, kind) == Reason.VIDEO_DAMAGED


@asynccontextmanager
async def asked() -> AsyncIterator[tuple[str, list[str]]]:
    """An address, and who connects to it."""
    asking: list[str] = []
    port = free_port()

    def hear(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        asking.append("asked")
        writer.close()

    async with await asyncio.start_server(hear, "127.0.0.1", port):
        yield f"http://127.0.0.1:{port}/video.mp4", asking


@pytest.mark.parametrize("kind", ["mp4", "webm"])
async def test_a_playlist_is_not_followed(root, kind):
    async with asked() as (address, asking):
        playlist = f"#EXTM3U\n#EXT-X-TARGETDURATION:4\n#EXTINF:4,\n{address}\n#EXT-X-ENDLIST\n".encode()
        assert await laddered(root, playlist, kind) == Reason.VIDEO_DAMAGED
        with socket.create_connection(("127.0.0.1", int(address.split(":")[2].split("/")[0]))):
            await asyncio.sleep(0)
        async with asyncio.timeout(BOUND_SECONDS):
            while not asking:  # noqa: ASYNC110 - what is waited for is on the wire
                await asyncio.sleep(0.01)
    assert asking == ["asked"]


def grown(body: bytes, path: list[bytes], content: bytes) -> bytes:
    """The same MP4, with other content in the first box at a path; those around it grow with it."""
    name, *below = path
    place = 0
    while place < len(body):
        size, found = struct.unpack_from(">I4s", body, place)
        if found == name:
            inner = body[place + 8 : place + size]
            skipped = 8 if name == b"dref" else 0
            inner = grown_inner(inner, below, content, skipped)
            return body[:place] + struct.pack(">I4s", len(inner) + 8, name) + inner + body[place + size :]
        place += size
    raise AssertionError(name)


def grown_inner(inner: bytes, below: list[bytes], content: bytes, skipped: int) -> bytes:
    return inner[:skipped] + grown(inner[skipped:], below, content) if below else content


REFERENCE = [b"moov", b"trak", b"mdia", b"minf", b"dinf", b"dref"]


def elsewhere(body: bytes, name: bytes, content: bytes) -> bytes:
    """The same MP4, whose image is said to be in another file (ISO 14496-12, 8.7.2)."""
    entry = struct.pack(">I4s", len(content) + 8, name) + content
    return grown(body, REFERENCE, struct.pack(">II", 0, 1) + entry)


def alias(path: Path) -> bytes:
    """An Apple alias record of a file, by its absolute path."""
    said = b"V" + str(path).replace("/", ":").encode()
    header = b"\0\0\0\0" + bytes(6) + bytes([0, 0]) + b"\0\2" + b"\x01V".ljust(28, b"\0") + bytes(12)
    header += b"\x04film".ljust(64, b"\0") + bytes(16) + struct.pack(">HH", 1, 1) + bytes(16)
    padded = said + b"\0" * (len(said) % 2)
    return header + struct.pack(">HH", 2, len(said)) + padded + struct.pack(">HH", 0xFFFF, 0)


def frames_where_references_are_followed(folder: Path, body: bytes) -> int:
    (folder / "led.mp4").write_bytes(body)
    let = {"enable_drefs": "1", "use_absolute_path": "1", "protocol_whitelist": "file"}
    with av.open(str(folder / "led.mp4"), format="mov", options=let) as container:
        return len(list(container.decode(video=0)))


async def test_a_video_that_is_in_another_file_is_not_read_from_there(root, tmp_path):
    """Neither where the reference is a path nor where it is an address; FFmpeg would follow a path if it were let."""
    whole, other = clip("mp4", 1.0, codec="mpeg4"), tmp_path / "other.mp4"
    other.write_bytes(whole)
    place = whole.index(b"mdat") + 4
    emptied = whole[:place] + bytes(whole.index(b"moov") - 4 - place) + whole[whole.index(b"moov") - 4 :]

    led = elsewhere(emptied, b"alis", alias(other))
    assert frames_where_references_are_followed(tmp_path, led) == 10
    assert await laddered(root, led) == Reason.VIDEO_DAMAGED
    assert await laddered(root, led, processor=processor_of("video/mp4")) == Reason.VIDEO_DAMAGED
    async with asked() as (address, asking):
        for said in (address, f"file://{other}"):
            led = elsewhere(emptied, b"url ", b"\0\0\0\0" + said.encode() + b"\0")
            assert await laddered(root, led) == Reason.VIDEO_DAMAGED
    assert asking == []


async def test_a_video_that_is_longer_than_its_header_says_is_refused(root):
    """Ten seconds are allowed, nine are said, and forty are there."""
    body = said_to_last(clip("webm", 40.0, (64, 48), fps=1), 9.0)

    assert await laddered(root, body, "webm", Policy(video_seconds=10)) == Reason.VIDEO_TOO_LONG


async def test_a_video_that_is_shorter_than_its_header_says_plays_as_far_as_it_goes(root):
    outcome = await laddered(root, said_to_last(clip("webm", 2.0, (64, 48)), 170.0), "webm")

    assert isinstance(outcome, Outcome)
    assert outcome.facts.duration == pytest.approx(2.0, abs=0.1)


async def test_a_frame_that_is_said_to_come_after_years_is_refused(root):
    timestamps = (0.0, 0.1, 0.2, 100_000_000.0)

    assert await laddered(root, clip("webm", timestamps=timestamps, size=(64, 48)), "webm") == Reason.VIDEO_TOO_LONG


async def test_a_video_of_enormous_frames_is_refused(root):
    """Whether its header says so, or says that they are small."""
    body = clip("webm", 0.2)
    frame = body.index(b"\x9d\x01\x2a") + 3  # where VP8 says the size of a keyframe (RFC 6386, 9.1)
    lying = body[:frame] + struct.pack("<HH", 16_383, 16_383) + body[frame + 4 :]
    honest = lying.replace(b"\xb0\x82\x01\x40\xba\x81\xf0", b"\xb0\x82\x3f\xff\xba\x82\x3f\xff")

    assert await laddered(root, lying, "webm") in {Reason.VIDEO_DAMAGED, Reason.VIDEO_TOO_LARGE}
    assert await laddered(root, honest, "webm") in {Reason.VIDEO_DAMAGED, Reason.VIDEO_TOO_LARGE}


async def test_a_video_that_is_larger_than_its_header_says_is_refused(root):
    body = clip("webm", 0.2, (5000, 64))
    said = body.replace(b"\xb0\x82\x13\x88", b"\xb0\x82\x01\x40")
    assert said != body

    assert await laddered(root, said, "webm") == Reason.VIDEO_TOO_LARGE


async def test_progress_crosses_from_the_child(tmp_path, root):
    source = tmp_path / "source"
    source.write_bytes(clip("mp4", 20.0))
    told: list[float] = []

    async def tell(done: float) -> None:
        told.append(done)

    async with processed(source, "video/mp4", processor=LADDERS, tell=tell, root=root) as outcome:
        assert outcome.facts.duration == 20.0
    assert 0 < told[0] < 1
    assert all(one <= other for one, other in itertools.pairwise(told))
    assert told[-1] == 1.0


ELSEWHERE = {
    "a segment": "https://elsewhere.example/1.m4s",
    "a key": '#EXT-X-KEY:METHOD=AES-128,URI="https://elsewhere.example/key"',
    "a folder above": "../../1.m4s",
    "nowhere": "a" * MAX_BYTES,
}


@pytest.mark.parametrize("line", ELSEWHERE.values(), ids=ELSEWHERE)
async def test_a_playlist_that_leads_elsewhere_is_not_published(
    completed_media, job_context, call, public, reachable, monkeypatch, line
):
    """An encoder that a video has taken over can write any."""
    taken_over = reachable / "ffmpeg"
    encode = f'{imageio_ffmpeg.get_ffmpeg_exe()} "$@"'
    taken_over.write_text(f"#!/bin/sh\n{encode} || exit\nprintf '%s\\n' '{line}' >> hls-360p.m3u8\n")
    taken_over.chmod(0o755)
    media = await completed_media(clip(), filename="video.mp4", contentType="video/mp4")
    monkeypatch.setenv("IMAGEIO_FFMPEG_EXE", str(taken_over))
    assert await process_media.run(job_context, media.id) == "processing"

    for _ in range(PROCESSING_ATTEMPTS - 1):
        with pytest.raises(ProcessingFailed, match="playlist"):
            await process_media.run(job_context, media.id)
    assert await process_media.run(job_context, media.id) == "failed"

    assert not [key for key in await public() if "mp4" in key or "hls" in key]
    assert (await call("media.getProcessingStatus", mediaId=str(media.id))).error.code == "crashed"
