"""The events of all owners, for the scope `service`: none is skipped, whatever is committed when."""

import asyncio
from contextlib import aclosing
from itertools import pairwise
from typing import Any

import psycopg
import pytest

from contracts.errors import ForeignOwner, MediaNotFound, ValidationFailed
from contracts.events import WatchMedia
from procedures.media import events as watching
from rpc.auth import Caller
from tests.callers import SERVICE

EVE = Caller("eve")
OWNERS = [Caller(f"owner-{number}") for number in range(6)]
UPLOADS = 5
DELETE = "update media set state = 'deleted', deleted_at = now(), updated_at = now() where id = %s"
SOON = 0.05


@pytest.fixture
def poll(call):
    """Poll everybody's events as a service, from the start unless told otherwise, without waiting."""

    async def read(**params: Any) -> Any:
        return await call(
            "media.pollEvents", **{"caller": SERVICE, "owner": "*", "since": "start", "waitSeconds": 0, **params}
        )

    return read


@pytest.fixture
def hear(poll):
    """So many events of everybody's, as soon as they are told: transactions of other tests keep them back, too."""

    async def read(number: int, since: str = "start") -> list[Any]:
        events: list[Any] = []
        async with asyncio.timeout(60):
            while len(events) < number:
                page = await poll(since=since, waitSeconds=1)
                events, since = events + page.events, page.last_event_id
        return events

    return read


@pytest.fixture
async def connect(database_url):
    """Open a connection with a transaction of its own, which is rolled back in the end."""
    opened = []

    async def make() -> psycopg.AsyncConnection[Any]:
        opened.append(await psycopg.AsyncConnection.connect(database_url))
        return opened[-1]

    yield make
    for connection in opened:
        await connection.close()


def told(events: list[Any]) -> list[tuple[str, str, str]]:
    return [(event.owner_id, event.type.value, str(event.media_id)) for event in events]


async def test_a_service_is_told_of_everybodys_media(poll, hear, pending_upload, call):
    """In the order of the changes, each with its owner, and page after page."""
    first = await pending_upload()
    second = await pending_upload(
        caller=Caller("host", owners=frozenset({"event:42"})), owner={"type": "event", "id": "42"}
    )
    await call("media.cancelUpload", mediaId=str(first.media_id))

    events = await hear(3)

    assert told(events) == [
        ("ada", "upload.started", str(first.media_id)),
        ("42", "upload.started", str(second.media_id)),
        ("ada", "media.deleted", str(first.media_id)),
    ]
    assert [event.owner_type for event in events] == ["user", "event", "user"]
    page = await poll(since=events[0].id, limit=1)
    assert (page.events, page.last_event_id) == (events[1:2], events[1].id)
    assert (await poll(since=events[-1].id)).events == []


async def test_the_events_of_all_begin_now(poll, hear, pending_upload):
    """And say where that is, also before the first one."""
    before = await poll(since=None)
    assert (before.events, before.last_event_id) == ([], "0.0")
    await pending_upload()
    (first,) = await hear(1)
    now = await poll(since=None)
    later = await pending_upload(caller=EVE)

    assert (now.events, now.last_event_id) == ([], first.id)
    assert told(await hear(1, now.last_event_id)) == [("eve", "upload.started", str(later.media_id))]
    assert len(await hear(2, before.last_event_id)) == 2


@pytest.mark.parametrize("caller", [Caller("ada"), Caller("ada", owners=frozenset({"event:42"}))])
async def test_nobody_else_is_told_of_everybodys_media(poll, pending_upload, caller):
    ticket = await pending_upload()
    for params in ({}, {"mediaId": str(ticket.media_id)}):
        with pytest.raises(ForeignOwner) as refused:
            await poll(caller=caller, **params)
        assert (refused.value.code, refused.value.owner) == (1100, "*")


async def test_one_media_of_anybody_has_its_own_log(poll, pending_upload):
    """Whoever owns it; nobody's is not found."""
    ticket = await pending_upload(caller=EVE)
    await pending_upload()

    (event,) = (await poll(mediaId=str(ticket.media_id))).events
    assert (event.owner_id, event.id.isdecimal()) == ("eve", True)
    with pytest.raises(MediaNotFound):
        await poll(mediaId="00000000-0000-4000-8000-000000000000")


async def test_a_place_is_good_for_its_own_log_alone(poll, hear, call, pending_upload):
    """An owner's ids say nothing about everybody's, nor these about an owner's."""
    await pending_upload()
    of_all = (await hear(1))[0].id
    of_ada = (await call("media.pollEvents", waitSeconds=0)).last_event_id
    for params in ({"since": of_ada}, {"caller": Caller("ada"), "owner": None, "since": of_all}, {"since": "1.2.3"}):
        with pytest.raises(ValidationFailed):
            await poll(**params)


async def test_an_event_waits_for_an_older_transaction(poll, hear, connect, pending_upload):
    """Which has drawn its id already: told at once, the younger one would leave it behind for ever."""
    hers, his = await pending_upload(caller=EVE), await pending_upload()
    began = (await hear(2))[-1].id
    older, younger = await connect(), await connect()
    await older.execute(DELETE, [hers.media_id])
    await younger.execute(DELETE, [his.media_id])
    await younger.commit()

    assert (await poll(since=began)).events == []
    assert (await poll(since=None)).last_event_id == began
    await older.commit()

    assert told(await hear(2, began)) == [
        ("eve", "media.deleted", str(hers.media_id)),
        ("ada", "media.deleted", str(his.media_id)),
    ]


async def test_an_event_of_an_older_transaction_that_comes_late_is_told(poll, hear, connect, pending_upload):
    """It began before, drew its id after, and is committed last; meanwhile nothing is told."""
    hers, his = await pending_upload(caller=EVE), await pending_upload()
    began = (await hear(2))[-1].id
    older, younger = await connect(), await connect()
    await older.execute("select pg_current_xact_id()")
    await younger.execute(DELETE, [his.media_id])
    await younger.commit()
    assert (await poll(since=began)).events == []
    await older.execute(DELETE, [hers.media_id])
    assert (await poll(since=began)).events == []
    await older.commit()

    assert {event.owner_id for event in await hear(2, began)} == {"ada", "eve"}


async def test_an_owners_events_stay_in_their_order(poll, hear, connect, pending_upload):
    """Whatever the order in which their transactions began, and though a third one keeps some of them back."""
    first, second = await pending_upload(), await pending_upload()
    began = (await hear(2))[-1].id
    older, between, younger = await connect(), await connect(), await connect()
    for connection in (older, between, younger):
        await connection.execute("select pg_current_xact_id()")
    await younger.execute(DELETE, [first.media_id])
    await younger.commit()
    await older.execute(DELETE, [second.media_id])
    await older.commit()

    assert (await poll(since=began)).events == []
    await between.rollback()

    assert [event.media_id for event in await hear(2, began)] == [first.media_id, second.media_id]


async def test_a_change_that_is_undone_keeps_nothing_back(hear, connect, pending_upload):
    hers, his = await pending_upload(caller=EVE), await pending_upload()
    began = (await hear(2))[-1].id
    older, younger = await connect(), await connect()
    await older.execute(DELETE, [hers.media_id])
    await younger.execute(DELETE, [his.media_id])
    await younger.commit()
    await older.rollback()

    assert told(await hear(1, began)) == [("ada", "media.deleted", str(his.media_id))]


@pytest.mark.usefixtures("unhurried")
async def test_a_reader_among_many_writers_is_told_of_everything_once(poll, hear, pending_upload, call):
    """Six owners begin and cancel uploads; who reads meanwhile ends with all of their events, each owner's in order."""

    async def write(owner: Caller) -> None:
        for _ in range(UPLOADS):
            ticket = await pending_upload(caller=owner)
            await call("media.cancelUpload", caller=owner, mediaId=str(ticket.media_id))

    writing = [asyncio.create_task(write(owner)) for owner in OWNERS]
    seen: list[Any] = []
    since = "start"
    while not all(writer.done() for writer in writing):
        page = await poll(since=since)
        seen += page.events
        since = page.last_event_id
    await asyncio.gather(*writing)
    seen += await hear(2 * UPLOADS * len(OWNERS) - len(seen), since)

    assert len({event.id for event in seen}) == len(seen) == 2 * UPLOADS * len(OWNERS)
    for owner in OWNERS:
        own = [event for event in seen if event.owner_id == owner.id]
        assert [event.type.value for event in own] == ["upload.started", "media.deleted"] * UPLOADS
        assert all(int(one.id.split(".")[1]) < int(next_.id.split(".")[1]) for one, next_ in pairwise(own))


async def test_who_waits_for_everybody_is_told_as_it_happens(poll, pending_upload):
    """And who waits in vain is told that nothing happened."""
    assert (await poll(waitSeconds=1)).events == []
    waiting = asyncio.create_task(poll(waitSeconds=25))
    await asyncio.sleep(SOON)
    ticket = await pending_upload()

    async with asyncio.timeout(20):
        assert told((await waiting).events) == [("ada", "upload.started", str(ticket.media_id))]


async def test_everybodys_events_are_watched(context, hear, connect, pending_upload, monkeypatch):
    """One that an older transaction keeps back is told when that has ended, without a notification; pings go on."""
    monkeypatch.setattr(watching, "LOOK_SECONDS", SOON)
    ctx = context("media.watch", SERVICE)
    await pending_upload()
    await hear(1)
    older = await connect()
    async with asyncio.timeout(60), aclosing(watching.watch.run(ctx, WatchMedia(owner="*"))) as events:
        assert await anext(events) is None
        await older.execute("select pg_current_xact_id()")
        ticket = await pending_upload(caller=EVE)
        assert [await anext(events) for _ in range(3)] == [None] * 3
        await older.rollback()
        seen = [event async for event in _until_something(events)]

    assert [(event.owner_id, event.media_id) for event in seen] == [("eve", ticket.media_id)]


async def _until_something(events):
    async for event in events:
        if event is not None:
            yield event
            return


def test_what_another_cluster_numbered_keeps_nobody_back(database_url):
    """The log of a dump that was restored: what comes has numbers of this cluster again."""
    with psycopg.connect(database_url, autocommit=True) as db:
        _insert(db, "ada")
        db.execute("update events set xid = '1000000000000'")
        _insert(db, "ada")
        found = db.execute("select xid < pg_snapshot_xmax(pg_current_snapshot()) from events order by id").fetchall()

    assert found == [(False,), (True,)]


def _insert(db: psycopg.Connection[Any], owner: str) -> None:
    db.execute(
        "insert into media (id, owner_id, user_id, type, filename, mime_type, size_bytes, staging_key,"
        " url_expires_at, url_ends_at, created_at, updated_at, sweep_at) values (gen_random_uuid(),"
        " %(owner)s, %(owner)s, 'image', 'a.jpg', 'image/jpeg', 100, 'k', now() + '1m',"
        " now() + '2m', now(), now(), now() + '2m')",
        {"owner": owner},
    )
