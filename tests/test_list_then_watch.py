"""What a list or `media.getMedia` answers, and the log from its `lastEventId` on: together they are what there is."""

import asyncio
from functools import partial
from typing import Any

import pytest

WRITERS = 4
UPLOADS = 6
VIDEO = {"filename": "video.mp4", "contentType": "video/mp4", "size": 9}

LISTS = {
    "a list": ("media.listMedia", {"status": "pending", "limit": 100}),
    "a search": ("media.listMedia", {"status": "pending", "limit": 100, "search": "VIDEO"}),
    "uploads": ("media.listUploads", {"limit": 100}),
}


@pytest.fixture
def begin(call):
    """Begin an upload of ada's in parts; its id."""

    async def run():
        return (await call("media.initiateMultipartUpload", **VIDEO)).media_id

    return run


@pytest.fixture
def write(begin, call):
    """Begin uploads, and cancel every other one."""

    async def run():
        for number in range(UPLOADS):
            media_id = await begin()
            if number % 2:
                await call("media.cancelUpload", mediaId=str(media_id))

    return run


@pytest.fixture
def events_from(call):
    """The events after one, to the end of the log."""

    async def read(last_event_id, **params):
        return (await call("media.pollEvents", since=last_event_id, waitSeconds=0, **params)).events

    return read


def ids_of(page: Any) -> set[Any]:
    return {getattr(item, "id", None) or item.media_id for item in page.items}


def brought_on(media_ids, events):
    """What is there after the events, of which none may be of what is known already."""
    known = set(media_ids)
    for event in events:
        is_new = event.type == "upload.started"
        assert is_new != (event.media_id in known)
        (known.add if is_new else known.remove)(event.media_id)
    return known


@pytest.mark.usefixtures("unhurried")
@pytest.mark.parametrize(("name", "params"), LISTS.values(), ids=LISTS)
async def test_a_list_and_the_log_from_there_on_miss_nothing_and_repeat_nothing(call, write, events_from, name, params):
    """While four callers begin and cancel uploads, each list is brought on to what is there in the end."""
    read = partial(call, name, **params)
    writing = [asyncio.create_task(write()) for _ in range(WRITERS)]
    pages = []
    while not all(writer.done() for writer in writing):
        pages.append(await read())
    await asyncio.gather(*writing)
    left = ids_of(await read())

    assert len(left) == WRITERS * UPLOADS / 2
    assert any(page.items for page in pages)
    for page in pages:
        assert brought_on(ids_of(page), await events_from(page.last_event_id)) == left


@pytest.mark.parametrize(
    ("name", "params"),
    [("media.listMedia", {}), ("media.listUploads", {}), ("media.listPostMedia", {"postId": "p"})],
)
async def test_an_empty_list_says_where_the_log_ends(call, begin, events_from, name, params):
    """0 before the first event; then the last one, though nothing of it is in the list."""
    empty = await call(name, **params)
    assert (empty.items, empty.last_event_id) == ([], "0")
    media_id = await begin()
    await call("media.cancelUpload", mediaId=str(media_id))

    (started, deleted) = await events_from(empty.last_event_id)
    empty = await call(name, **params)
    assert (empty.items, empty.last_event_id) == ([], deleted.id)
    assert started.id != deleted.id


async def test_a_media_and_its_log_from_there_on_tell_all_of_it(completed_media, run_pending, call, events_from):
    """In each state that it goes through, also by the last event of another media."""
    media = await completed_media()
    processing = await call("media.getMedia", mediaId=str(media.id))
    other = await completed_media()
    later = await call("media.getMedia", mediaId=str(media.id))
    await run_pending()
    ready = await call("media.getMedia", mediaId=str(media.id))

    for found in (processing, later):
        assert found.media.status == "processing"
        told = await events_from(found.last_event_id, mediaId=str(media.id))
        assert [event.type for event in told] == [*["media.progress"] * 3, "media.ready"]
    assert (ready.media.status, await events_from(ready.last_event_id)) == ("ready", [])
    assert {event.media_id for event in await events_from(later.last_event_id)} == {media.id, other.id}


async def test_the_media_of_a_post_tell_where_to_go_on(completed_media, call, events_from):
    media = await completed_media()
    await call("media.attachToPost", postId="p", mediaIds=[str(media.id)])

    post = await call("media.listPostMedia", postId="p")
    await call("media.deleteMedia", mediaId=str(media.id))

    assert [item.id for item in post.items] == [media.id]
    assert [event.type for event in await events_from(post.last_event_id)] == ["media.deleted"]
