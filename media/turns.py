"""Whose turn it is in a lane of the queue: of the owners who wait, whoever has had least of it goes first.

Turns are handed out when files join the queue, by what each is expected to take, so that they hold whichever worker
looks next. What a file takes beyond that is counted when its run ends (start-time fair queueing: Goyal, Vin and Cheng,
1996).
"""

import math
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from contracts.formats import MediaType
from contracts.renditions import POSTER
from media.queue import PROCESS_MEDIA, enqueue
from sql.database import Database, Transaction
from sql.rows import MediaRow, TurnRow

IMAGE, AUDIO, LONG_AUDIO, POSTERS, VIDEO = LANES = ("image", "audio", "long-audio", "poster", "video")
SHORT = frozenset({IMAGE, AUDIO, POSTERS})  # what waits there is ready in moments, whoever else waits
LONG_SECONDS = 600  # audio files of less take some fifteen at the most
AUDIO_SPEED = 40  # how many seconds of an audio file are processed in one, about
LATEST_TURN = 2**31 - 1  # what a priority can say, after lifetimes of work


def lane_of(media: MediaRow) -> str:
    """The lane of a media: a video waits for its poster first, and then to be transcoded; long audio has its own."""
    if media.type == MediaType.VIDEO:
        return VIDEO if has_poster(media) else POSTERS
    if media.type == MediaType.IMAGE:
        return IMAGE
    return LONG_AUDIO if is_long(media) else AUDIO


def has_poster(media: MediaRow) -> bool:
    """Whether the poster of a video is published."""
    return any(rendition["name"] == POSTER for rendition in media.renditions)


def is_long(media: MediaRow) -> bool:
    """Whether a media lasts so long, as far as is known, that others of its kind do not wait for it."""
    return (media.duration or 0) >= LONG_SECONDS


async def enqueue_processing(tx: Transaction, media: MediaRow) -> None:
    """Have a media processed in its lane, when it is its owner's turn there."""
    lane = lane_of(media)
    row = await tx.one(TurnRow, "take_turn", queue=lane, owner_id=media.owner_id, seconds=_expected_seconds(media))
    assert row
    await enqueue(tx, PROCESS_MEDIA, media.id, queue=lane, priority=-min(row.turn, LATEST_TURN))


@asynccontextmanager
async def turn(db: Database, media: MediaRow) -> AsyncIterator[None]:
    """The turn of a media, and what it takes: all of it when it fails, since it may be repeated."""
    place = {"id": media.id, "queue": lane_of(media)}
    await db.run("begin_turn", **place)
    began, expected = time.monotonic(), _expected_seconds(media)
    try:
        yield
    except BaseException:
        expected = 0
        raise
    finally:
        seconds = max(0, math.ceil(time.monotonic() - began) - expected)
        await db.run("end_turn", **place, owner_id=media.owner_id, seconds=seconds)


def _expected_seconds(media: MediaRow) -> int:
    """A video is encoded in about its length, a long audio file in a part of it, and all else in a second."""
    speed = {VIDEO: 1, LONG_AUDIO: AUDIO_SPEED}.get(lane_of(media))
    return math.ceil((media.duration or 1) / speed) if speed else 1
