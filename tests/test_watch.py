"""`media.watch`: the log of a caller's media, from any event on, and each new event as it happens."""

import asyncio
from contextlib import aclosing

import psycopg
import pytest

from contracts.errors import MediaNotFound, ServiceUnavailable, ValidationFailed
from contracts.events import WatchMedia
from procedures.media import events as watching
from rpc.auth import Caller
from rpc.dispatch import validate
from server.embedded import free_port
from sql.notifier import Notifier

EVE = Caller("eve")
NEVER = 3600
SOON = 0.05


@pytest.fixture(autouse=True)
def look_seconds(monkeypatch):
    """Nobody looks into the log by itself: what is seen was notified of."""
    monkeypatch.setattr(watching, "LOOK_SECONDS", NEVER)


@pytest.fixture
def watch(resources, context, ada):
    """Watch as ada unless told otherwise."""

    def run(caller=ada, **params):
        return aclosing(watching.watch.run(context("media.watch", caller), WatchMedia(**params)))

    return run


@pytest.fixture
def take(watch):
    """So many events, as they come."""

    async def run(number, **params):
        async with asyncio.timeout(30), watch(**params) as events:
            return [await anext(events) for _ in range(number)]

    return run


def told(event):
    return event.type, str(event.media_id), event.data.status


async def test_a_life_is_told_in_order(take, ready_media, call):
    media = await ready_media()
    await call("media.deleteMedia", mediaId=str(media.id))

    events = await take(7, since="start")

    media_id = str(media.id)
    assert [told(event) for event in events] == [
        ("upload.started", media_id, "pending"),
        ("media.processing", media_id, "processing"),
        *[("media.progress", media_id, "processing")] * 3,
        ("media.ready", media_id, "ready"),
        ("media.deleted", media_id, "deleted"),
    ]
    assert {(event.data.type, event.data.size) for event in events} == {("image", media.size)}
    assert [int(event.id) for event in events] == sorted({int(event.id) for event in events})


async def test_watching_goes_on_after_the_last_event_seen(take, ready_media):
    await ready_media()
    first, *rest = await take(3, since="start")

    assert await take(2, last_event_id=first.id) == rest
    assert await take(2, since=first.id) == rest
    assert await take(1, since="start", last_event_id=rest[0].id) == rest[1:]


async def test_watching_begins_now(watch, pending_upload, call, monkeypatch):
    """What has happened is told to nobody who does not ask for it."""
    monkeypatch.setattr(watching, "LOOK_SECONDS", SOON)
    past = await pending_upload()
    async with asyncio.timeout(30), watch() as events:
        assert await anext(events) is None
        await call("media.cancelUpload", mediaId=str(past.media_id))
        seen = [event async for event in _until_something(events)]

    assert [told(event) for event in seen] == [("media.deleted", str(past.media_id), "deleted")]


async def test_each_event_is_notified_as_it_happens(watch, pending_upload, call):
    async with asyncio.timeout(30), watch(since="start") as events:
        coming = asyncio.ensure_future(anext(events))
        await asyncio.sleep(SOON)
        assert not coming.done()

        ticket = await pending_upload()
        assert told(await coming) == ("upload.started", str(ticket.media_id), "pending")

        coming = asyncio.ensure_future(anext(events))
        await call("media.cancelUpload", mediaId=str(ticket.media_id))
        assert told(await coming) == ("media.deleted", str(ticket.media_id), "deleted")


async def test_nobody_hears_of_other_peoples_media(take, pending_upload):
    hers = await pending_upload(caller=EVE)
    mine = await pending_upload()

    assert [event.media_id for event in await take(1, since="start")] == [mine.media_id]
    assert [event.media_id for event in await take(1, caller=EVE, since="start")] == [hers.media_id]


async def test_one_media_may_be_watched(take, pending_upload, call):
    other, mine = await pending_upload(), await pending_upload()
    await call("media.cancelUpload", mediaId=str(other.media_id))
    await call("media.cancelUpload", mediaId=str(mine.media_id))

    events = await take(2, media_id=str(mine.media_id), since="start")

    assert [event.type for event in events] == ["upload.started", "media.deleted"]
    assert {event.media_id for event in events} == {mine.media_id}
    assert await take(1, media_id=str(mine.media_id), last_event_id=events[0].id) == events[1:]


async def test_a_media_that_never_was_the_callers_is_not_found(take, pending_upload):
    hers = await pending_upload(caller=EVE)

    with pytest.raises(MediaNotFound):
        await take(1, media_id=str(hers.media_id), since="start")


async def test_a_long_log_is_told_whole(take, pending_upload, monkeypatch):
    """Page after page."""
    monkeypatch.setattr(watching, "PAGE", 3)
    tickets = [await pending_upload() for _ in range(8)]

    assert [event.media_id for event in await take(8, since="start")] == [ticket.media_id for ticket in tickets]


async def test_no_event_is_missed_among_many_at_once(watch, pending_upload):
    """Ids rise in the order of commits: whoever has seen one has seen all before it."""
    async with asyncio.timeout(60), watch(since="start") as events:
        begun = [asyncio.create_task(pending_upload()) for _ in range(60)]
        seen = [await anext(events) for _ in begun]
        tickets = await asyncio.gather(*begun)

    assert {event.media_id for event in seen} == {ticket.media_id for ticket in tickets}
    assert [int(event.id) for event in seen] == sorted(int(event.id) for event in seen)


async def test_an_event_waits_for_those_of_the_same_owner_before_it(database_url, pending_upload, take):
    """A change that is not committed yet holds the owner's next one back, so no id appears behind a reader."""
    first, second = await pending_upload(), await pending_upload()
    delete = "update media set state = 'deleted', deleted_at = now(), updated_at = now() where id = %s"
    async with (
        await psycopg.AsyncConnection.connect(database_url) as slow,
        await psycopg.AsyncConnection.connect(database_url) as quick,
    ):
        await slow.execute(delete, [first.media_id])
        waiting = asyncio.create_task(quick.execute(delete, [second.media_id]))
        await asyncio.sleep(SOON)
        assert not waiting.done()
        await slow.commit()
        await waiting
        await quick.commit()

    assert [event.media_id for event in (await take(4, since="start"))[2:]] == [first.media_id, second.media_id]


async def test_silence_is_told_now_and_then(watch, pending_upload, monkeypatch):
    monkeypatch.setattr(watching, "LOOK_SECONDS", SOON)
    await pending_upload()

    async with asyncio.timeout(30), watch(since="start") as events:
        assert (await anext(events)).type == "upload.started"
        assert [await anext(events) for _ in range(3)] == [None, None, None]


@pytest.mark.parametrize("refused", ["", "?nonsense=1"], ids=["unreachable", "misunderstood"])
async def test_the_log_is_looked_into_where_no_notification_comes(context, ada, pending_upload, monkeypatch, refused):
    """Behind a proxy that passes no notices on, or while the notifier's connection is away, whatever keeps it away."""
    monkeypatch.setattr(watching, "LOOK_SECONDS", SOON)
    mute = Notifier(f"postgresql://127.0.0.1:{free_port()}/nothing{refused}")
    ctx = context("media.watch", ada, notifier=mute)
    async with asyncio.timeout(30), aclosing(watching.watch.run(ctx, WatchMedia(since="start"))) as events:
        assert await anext(events) is None
        ticket = await pending_upload()
        seen = [event async for event in _until_something(events)]
    await mute.aclose()

    assert [event.media_id for event in seen] == [ticket.media_id]


async def _until_something(events):
    async for event in events:
        if event is not None:
            yield event
            return


async def test_the_notifier_connects_again(watch, pending_upload, database_url, monkeypatch):
    """Its connection is ended by the server; what happened meanwhile is told."""
    monkeypatch.setattr("sql.notifier.RECONNECT_SECONDS", SOON)
    async with asyncio.timeout(30), watch(since="start") as events:
        coming = asyncio.ensure_future(anext(events))
        with psycopg.connect(database_url, autocommit=True) as admin:
            await _until_listening(admin)
            admin.execute("select pg_terminate_backend(pid) from pg_stat_activity where query = 'listen events'")
        ticket = await pending_upload()
        assert (await coming).media_id == ticket.media_id

        again = await pending_upload()
        assert (await anext(events)).media_id == again.media_id


async def _until_listening(admin):
    count = "select count(*) from pg_stat_activity where datname = current_database() and query = 'listen events'"
    while admin.execute(count).fetchone() != (1,):  # noqa: ASYNC110 - nobody tells
        await asyncio.sleep(SOON)


async def test_whoever_watches_is_sent_to_another_process_when_this_one_ends(watch, resources):
    async with asyncio.timeout(30), watch() as events:
        coming = asyncio.ensure_future(anext(events))
        await asyncio.sleep(SOON)
        resources.notifier.close()

        with pytest.raises(ServiceUnavailable, match="1903"):
            await coming


async def test_whoever_begins_to_watch_as_this_process_ends_is_sent_on_too(watch, resources, pending_upload):
    """Or that stream alone would keep the process until it is ended by force; what has happened is told first."""
    ticket = await pending_upload()
    resources.notifier.close()

    async with asyncio.timeout(30), watch(since="start") as events:
        assert (await anext(events)).media_id == ticket.media_id
        with pytest.raises(ServiceUnavailable, match="1903"):
            await anext(events)


def test_only_the_id_of_an_event_is_a_place_to_go_on(subtests):
    for last in ("x", "", "-1", "1.", ".5", "1.2.3", "9" * 20, str(2**63), "٣"):
        refused = pytest.raises(ValueError, match="lastEventId must be the id of an earlier event")
        with subtests.test(last=last), refused:
            WatchMedia(last_event_id=last)
    with pytest.raises(ValueError, match="lastEventId must be the id of an earlier event"):
        WatchMedia(last_event_id="start")
    with pytest.raises(ValueError, match="since must be the id of an earlier event"):
        WatchMedia(since="begin")


async def test_a_bad_id_is_told_in_one_sentence():
    with pytest.raises(ValidationFailed) as refused:
        validate(watching.watch, {"lastEventId": "x"})

    assert refused.value.message == "lastEventId must be the id of an earlier event"
