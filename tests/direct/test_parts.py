"""Parts through the server: each is stored whole or not at all, and they mix with those that go to storage."""

import asyncio
import hashlib
from contextlib import contextmanager

import psycopg
import pytest

from contracts.errors import (
    DigestDiffers,
    PartDiffers,
    PartUnknown,
    UploadCompleted,
    UploadNotFound,
)
from procedures.media import part
from procedures.media.spooled_upload import waiting_room
from rpc.auth import Caller
from rpc.concurrency import Slots
from rpc.content import ContentBrokenOff
from tests.at_once import at_once
from tests.locks import until_waiting
from tests.pieces import CLIP, MIB, broken_off

PART = 5 * MIB


@pytest.fixture
def in_parts(call):
    """Begin an upload of the clip in parts of 5 MiB; its id."""

    async def begin() -> str:
        told = {"filename": "a.mp4", "contentType": "video/mp4", "size": len(CLIP), "partSize": PART}
        return str((await call("media.initiateMultipartUpload", **told)).media_id)

    return begin


def part_of(number: int) -> bytes:
    return CLIP[(number - 1) * PART : number * PART]


async def test_parts_come_through_the_server(in_parts, bring, call, original):
    """Each answers how much is there and what comes next; they mix with those that go to storage."""
    media_id = await in_parts()
    first = await bring("media.uploadPart", part_of(1), mediaId=media_id, partNumber=1)
    assert (first.part_number, first.size, first.uploaded_bytes, first.total_bytes) == (1, PART, PART, len(CLIP))
    assert first.next_part == 2
    for number in (3, 2, 4):
        await bring("media.uploadPart", part_of(number), mediaId=media_id, partNumber=number)
    last = await bring(
        "media.uploadPart",
        part_of(5),
        mediaId=media_id,
        partNumber=5,
        sha256=hashlib.sha256(part_of(5)).hexdigest(),
    )
    assert (last.size, last.uploaded_bytes, last.next_part) == (7, len(CLIP), None)
    again = await bring("media.uploadPart", part_of(5), mediaId=media_id, partNumber=5)
    assert again == last

    media = (await call("media.completeMultipartUpload", mediaId=media_id)).media
    assert await original(media.id) == CLIP
    with pytest.raises(UploadCompleted):
        await bring("media.uploadPart", part_of(1), mediaId=media_id, partNumber=1)


async def test_a_part_that_does_not_fit_is_not_stored(in_parts, bring, call):
    """Its length, its number, its digest, or its client."""
    media_id = await in_parts()
    for body in (part_of(1)[:-1], part_of(1) + b"x", b""):
        with pytest.raises(PartDiffers):
            await bring("media.uploadPart", body, mediaId=media_id, partNumber=1)
    with pytest.raises(PartUnknown):
        await bring("media.uploadPart", b"", mediaId=media_id, partNumber=6)
    with pytest.raises(DigestDiffers):
        await bring("media.uploadPart", part_of(1), mediaId=media_id, partNumber=1, sha256="0" * 64)
    with pytest.raises(ContentBrokenOff):
        await bring("media.uploadPart", broken_off(part_of(1)[:-1]), mediaId=media_id, partNumber=1)
    with pytest.raises(UploadNotFound):
        await bring("media.uploadPart", part_of(1), caller=Caller("ben"), mediaId=media_id, partNumber=1)
    assert (await call("media.getUploadStatus", mediaId=media_id)).parts == []


@pytest.mark.parametrize(
    ("ended", "told"),
    [
        ("state = 'processing', original_key = staging_key", UploadCompleted),
        ("state = 'deleted', deleted_at = now(), sweep_at = now()", UploadNotFound),
    ],
    ids=["completed", "cancelled"],
)
async def test_a_part_that_arrives_while_its_upload_ends_is_told_how(in_parts, bring, database_url, ended, told):
    """Completed is not expired: nobody need begin anew."""
    media_id = await in_parts()
    await bring("media.uploadPart", part_of(1), mediaId=media_id, partNumber=1)
    async with (
        await psycopg.AsyncConnection.connect(database_url, autocommit=True) as beside,
        await psycopg.AsyncConnection.connect(database_url) as ending,
    ):
        await ending.execute(f"update media set {ended} where id = %s", [media_id])
        sending = asyncio.create_task(bring("media.uploadPart", part_of(2), mediaId=media_id, partNumber=2))
        await until_waiting(1, beside)
        await ending.commit()

    with pytest.raises(told):
        await sending


async def test_all_parts_at_once(in_parts, bring, call, original):
    """Begun by one of them, and whole in the end."""
    media_id = await in_parts()
    await at_once(
        *(bring("media.uploadPart", part_of(number), mediaId=media_id, partNumber=number) for number in range(1, 6))
    )
    assert await original((await call("media.completeUpload", mediaId=media_id)).media.id) == CLIP


@pytest.fixture
def most_rooms(monkeypatch):
    """How many parts have waited on this machine's disk at once, at the most."""
    rooms = []

    @contextmanager
    def counted():
        rooms.append(object())
        counts.append(len(rooms))
        with waiting_room() as file:
            yield file
        rooms.pop()

    counts: list[int] = []
    monkeypatch.setattr(part, "waiting_room", counted)
    return lambda: max(counts)


async def test_the_same_part_from_many_waits_on_the_disk_once(in_parts, bring, most_rooms):
    """However often it is sent at once: each is answered as the first."""
    media_id = await in_parts()

    stored = await at_once(*(bring("media.uploadPart", part_of(1), mediaId=media_id, partNumber=1) for _ in range(8)))

    assert [one.uploaded_bytes for one in stored] == [PART] * 8
    assert most_rooms() == 1


async def test_a_caller_has_so_many_parts_on_the_disk_at_once(in_parts, bring, most_rooms, resources):
    object.__setattr__(resources, "arrivals", Slots(2))
    media_id = await in_parts()

    await at_once(
        *(bring("media.uploadPart", part_of(number), mediaId=media_id, partNumber=number) for number in range(1, 6))
    )

    assert most_rooms() == 2
