"""What is told of uploads in parts: what is missing, how long it takes, what can be resumed."""

import asyncio
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from contracts.errors import (
    UploadExpired,
)
from procedures.media.progress import eta_seconds
from storage.multipart import Part
from tests.in_parts.uploads import DAY, PART, SIZE


async def test_a_status_tells_what_is_missing(begin):
    """Bytes, percent, parts, the next one, and when the upload ends."""
    upload = await begin()
    untouched = await upload.status()
    assert (untouched.uploaded_bytes, untouched.progress, untouched.missing_parts) == (0, 0.0, [1, 2, 3])

    await upload.send(1, 2)
    status = await upload.status()
    assert status.status == "pending"
    assert (status.filename, status.content_type) == ("walk.mp4", "video/mp4")
    assert (status.uploaded_bytes, status.total_bytes) == (2 * PART, SIZE)
    assert status.progress == 99.99
    assert [(part.part_number, part.size) for part in status.parts] == [(1, PART), (2, PART)]
    assert (status.missing_parts, status.next_part, status.total_parts, status.part_size) == ([3], 3, 3, PART)
    assert status.expires_at > datetime.now(UTC) + DAY - timedelta(minutes=1)

    await upload.send(3)
    await upload.complete()
    done = await upload.status()
    assert (done.status, done.progress, done.missing_parts, done.next_part) == ("processing", 100.0, [], None)
    assert done.eta_seconds == 0


async def test_a_list_tells_what_a_status_has_found(begin, call):
    """A list does not ask storage; what somebody has seen there is in it, and in the log."""
    upload = await begin()
    await upload.send(1)
    await upload.status()
    await upload.status()

    assert [item.uploaded_bytes for item in (await call("media.listUploads")).items] == [PART]
    events = (await call("media.pollEvents", since="0", waitSeconds=0)).events
    assert [(event.type, event.data.uploaded_bytes) for event in events] == [
        ("upload.started", None),
        ("upload.progress", PART),
    ]


REMAINING = [
    ([30, 20, 10], 40),  # two parts in twenty seconds, and four are left
    ([50, 40, 10], 80),  # two in forty
    ([500, 400, 10], None),  # one of the last minute shows no rate
    ([500, 80, 70], None),  # nothing comes any more
    ([10, 10], None),  # at once
    ([10], None),
    ([], None),
]


def test_the_rest_takes_as_long_as_the_last_minute_tells(subtests):
    """The first of the parts only starts the clock."""
    for seconds_ago, eta in REMAINING:
        with subtests.test(seconds_ago=seconds_ago):
            now = datetime.now(UTC)
            parts = [
                Part(number, PART, f"etag {number}", now - timedelta(seconds=ago))
                for number, ago in enumerate(seconds_ago, start=1)
            ]
            assert eta_seconds(parts, 4 * PART, now) == eta


async def test_a_status_tells_of_one_put(pending_upload, arrived_upload, call):
    """An upload by one PUT is there or it is not."""
    pending, arrived = await pending_upload(), await arrived_upload()
    told = [await call("media.getUploadStatus", mediaId=str(ticket.media_id)) for ticket in (pending, arrived)]
    assert [(status.progress, status.total_parts, status.parts) for status in told] == [
        (0.0, None, []),
        (100.0, None, []),
    ]


async def test_unfinished_uploads_are_listed(begin, pending_upload, completed_media, call, ada):
    """Newest first, by pages; what is finished, cancelled or another's is not among them."""
    in_parts, by_put = await begin(), await pending_upload()
    await completed_media()
    cancelled = await begin()
    await call("media.cancelUpload", mediaId=cancelled.id)

    page = await call("media.listUploads")
    assert [upload.media_id for upload in page.items] == [by_put.media_id, in_parts.ticket.media_id]
    assert [(upload.total_parts, upload.part_size) for upload in page.items] == [(None, None), (3, PART)]
    assert page.next_cursor is None

    first = await call("media.listUploads", limit=1)
    rest = await call("media.listUploads", limit=1, cursor=str(first.next_cursor))
    assert [first.items[0].media_id, rest.items[0].media_id] == [by_put.media_id, in_parts.ticket.media_id]
    assert (await call("media.listUploads", caller=replace(ada, id="ben"))).items == []


async def test_anybody_of_the_owner_resumes_after_every_url_has_expired(begin, call, ada):
    """Hours later what is there stays, what is missing is signed anew, and the upload is extended by a day."""
    upload = await begin()
    await upload.send(1)
    later = datetime.now(UTC) + timedelta(hours=23)

    (found,) = (await call("media.listUploads", now=later)).items
    status = await call("media.getUploadStatus", mediaId=str(found.media_id), now=later)
    assert status.missing_parts == [2, 3]
    await call("media.signParts", mediaId=upload.id, partNumbers=status.missing_parts, now=later)
    status = await call("media.getUploadStatus", mediaId=upload.id, now=later)
    assert abs(status.expires_at - (later + DAY)) < timedelta(milliseconds=1)

    await upload.send(2, 3)
    assert (await upload.complete()).status == "processing"


async def test_an_upload_ends_a_day_after_the_last_signing(begin, call):
    """Then nothing is signed any more."""
    upload = await begin()
    with pytest.raises(UploadExpired):
        await call("media.signParts", mediaId=upload.id, partNumbers=[1], now=datetime.now(UTC) + DAY)


async def test_progress_is_told_to_those_who_wait(begin, call):
    """A long poll ends when parts have arrived, though they came by storage alone."""
    upload = await begin()
    started = await call("media.pollEvents", since="start", waitSeconds=0)
    assert [event.type for event in started.events] == ["upload.started"]

    waiting = asyncio.create_task(call("media.pollEvents", mediaId=upload.id, since=started.last_event_id))
    await upload.send(1, 2)
    told = await waiting
    (event,) = told.events[-1:]
    assert (event.type, event.data.size) == ("upload.progress", SIZE)
    assert event.data.uploaded_bytes in {PART, 2 * PART}


async def test_a_poll_without_events_ends_in_time(call):
    """It answers none, and the id that the next one goes on from."""
    polled = await call("media.pollEvents", since="41", waitSeconds=1)
    assert (polled.events, polled.last_event_id) == ([], "41")
