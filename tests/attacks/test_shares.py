"""What one caller has of a process at a time, and what many who want the same cost."""

import asyncio
from typing import Any

import psycopg
import pytest

from contracts.errors import RateLimitExceeded, UploadIncomplete
from media import completion
from processing.image.dimensions import dimensions
from rpc.concurrency import ConcurrencyLimits
from rpc.in_flight import InFlight

MIB = 1024 * 1024
BLOCKED = "select count(*) from pg_stat_activity where datname = current_database() and wait_event_type = 'Lock'"


def many_segments(size: int) -> bytes:
    """A JPEG of empty segments, whose size stands behind them."""
    begin, segment = b"\xff\xd8", b"\xff\xe1\0\x02"
    return begin + segment * ((size - len(begin)) // len(segment))


async def test_more_calls_of_a_caller_than_its_share_wait_and_others_do_not():
    """All of them are answered in the end."""
    concurrency, running, most = ConcurrencyLimits(calls=3, streams=1), 0, 0

    async def call(caller: str) -> None:
        nonlocal running, most
        async with concurrency.calls_of(caller):
            running += caller == "ada"
            most = max(most, running)
            await asyncio.sleep(0.01)
            running -= caller == "ada"

    ada = asyncio.gather(*(call("ada") for _ in range(30)))
    await asyncio.sleep(0)
    await asyncio.wait_for(call("grace"), 1)

    assert not ada.done()
    await ada
    assert most == 3
    assert not concurrency._calls._taken


def test_one_more_stream_than_the_share_is_refused_until_one_ends():
    concurrency = ConcurrencyLimits(calls=1, streams=2)
    with concurrency.stream("ada"):
        with concurrency.stream("ada"), pytest.raises(RateLimitExceeded), concurrency.stream("ada"):
            pass
        with concurrency.stream("ada"), concurrency.stream("grace"):
            pass
    assert not concurrency._open


async def test_who_wants_the_same_meanwhile_shares_its_outcome():
    """An error too; who comes later begins anew, and who leaves takes nobody along."""
    begun, flight = 0, InFlight[str, int]()

    async def work() -> int:
        nonlocal begun
        begun += 1
        await asyncio.sleep(0.01)
        if begun == 2:
            raise UploadIncomplete(media_id="m", expires_at="now")
        return begun

    leaving = asyncio.create_task(flight.share("a", work))
    await asyncio.sleep(0)
    leaving.cancel()
    assert await asyncio.gather(*(flight.share("a", work) for _ in range(9))) == [1] * 9
    failed = await asyncio.gather(*(flight.share("a", work) for _ in range(9)), return_exceptions=True)
    assert {type(outcome) for outcome in failed} == {UploadIncomplete}
    assert await flight.share("a", work) == 3
    assert not flight._running


async def test_what_is_kept_for_a_while_is_good_for_who_comes_soon():
    begun, flight = 0, InFlight[str, int](keep_seconds=0.2)

    async def work() -> int:
        nonlocal begun
        begun += 1
        return begun

    assert [await flight.share("a", work) for _ in range(9)] == [1] * 9
    await asyncio.sleep(0.3)
    assert await flight.share("a", work) == 2


async def test_completions_of_one_media_at_once_read_it_once(call, arrived_upload, resources, monkeypatch):
    """All get the same answer, and so does who comes after them."""
    ticket, published = await arrived_upload(), []
    real = completion.publish_put

    async def counted(*arguments: Any) -> Any:
        published.append(arguments)
        return await real(*arguments)

    monkeypatch.setattr(completion, "publish_put", counted)
    answers = await asyncio.gather(*(call("media.completeUpload", mediaId=str(ticket.media_id)) for _ in range(12)))

    assert len(published) == 1
    assert {answer.media.id for answer in answers} == {ticket.media_id}
    assert (await call("media.completeUpload", mediaId=str(ticket.media_id))).media.id == ticket.media_id


async def test_completing_an_image_reads_its_first_mebibyte_and_holds_up_nobody(call, arrived_upload, monkeypatch):
    """Of 2.6 million segments a quarter of a million are looked at, beside the event loop."""
    looked = []

    def look(head: bytes) -> tuple[int, int] | None:
        looked.append(len(head))
        return dimensions(head)

    monkeypatch.setattr(completion, "dimensions", look)
    ticket = await arrived_upload(many_segments(9 * MIB))

    media = (await call("media.completeUpload", mediaId=str(ticket.media_id))).media

    assert looked == [64 * 1024, MIB]
    assert (media.width, media.height) == (None, None)


async def test_those_who_wait_for_an_upload_look_at_storage_once_together(call, resources, monkeypatch):
    """Thirty pollers of one caller with two uploads in parts look at each of them no more often than one would."""
    for number in range(2):
        told = {"filename": f"video-{number}.mp4", "contentType": "video/mp4", "size": 20 * MIB}
        begun = await call("media.initiateMultipartUpload", **told)
        await call("media.signParts", mediaId=str(begun.media_id), partNumbers=[1])
    since = (await call("media.pollEvents", waitSeconds=0)).last_event_id
    looked, real = [], resources.store.multipart.parts

    async def counted(key: str, upload_id: str) -> Any:
        looked.append(upload_id)
        return await real(key, upload_id)

    monkeypatch.setattr(resources.store.multipart, "parts", counted)
    polls = [call("media.pollEvents", since=since, waitSeconds=3) for _ in range(30)]
    assert {tuple(answer.events) for answer in await asyncio.gather(*polls)} == {()}

    assert 1 <= looked.count(looked[0]) <= 3
    assert len(looked) <= 6


async def test_slow_statements_of_one_caller_leave_connections_to_others(rpc, completed_media, database_url):
    """Thirty deletions wait for one row: half of the connections wait with them, and the others are everybody's."""
    ids = [str((await completed_media()).id) for _ in range(2)]
    async with await psycopg.AsyncConnection.connect(database_url) as holder:
        await holder.execute("select from media where id = %s for update", [ids[0]])
        deletions = [asyncio.create_task(rpc("media.deleteMedia", mediaId=ids[0])) for _ in range(30)]
        await asyncio.sleep(0.5)
        blocked = await (await holder.execute(BLOCKED)).fetchone()
        async with asyncio.timeout(2):
            others = await asyncio.gather(*(rpc("media.listMedia", f"other-{number}") for number in range(20)))
        await holder.rollback()

    assert blocked == (5,)
    assert [answer["result"]["items"] for answer in others] == [[]] * 20
    assert [answer["result"] for answer in await asyncio.gather(*deletions)] == [{"success": True}] * 30
