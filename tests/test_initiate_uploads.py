"""`media.initiateUploads`: one call begins many uploads, and each has its own outcome."""

import time
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import psycopg
import pytest

from contracts.errors import RateLimitExceeded, ValidationFailed
from contracts.uploads import MAX_UPLOADS
from rpc.auth import Caller
from rpc.limits import RateLimits
from tests.at_once import at_once
from tests.media_files import photo
from tests.test_races import FREE, processes

__all__ = ["processes"]

PHOTO = {"filename": "photo.jpg", "contentType": "image/jpeg", "size": len(photo())}
VIDEO: dict[str, Any] = {"filename": "a.mp4", "contentType": "video/mp4", "size": 20 * 1024**2}


@pytest.fixture
def initiate(call):
    """Begin these uploads; their outcomes."""

    async def begin(*uploads, **params):
        return (await call("media.initiateUploads", uploads=list(uploads), **params)).results

    return begin


def codes(results):
    return [outcome.error and outcome.error.code for outcome in results]


async def test_each_ticket_fills_an_upload_of_its_own(initiate, put, call):
    """In the order asked; each is completed as any other."""
    names = [f"photo-{number}.jpg" for number in range(3)]
    results = await initiate(*({**PHOTO, "filename": name} for name in names))

    for name, outcome in zip(names, results, strict=True):
        assert outcome.error is None
        assert (await put(outcome.ticket, photo())).status_code == 200
        media = (await call("media.completeUpload", mediaId=str(outcome.ticket.media_id))).media
        assert (media.filename, media.status) == (name, "processing")


async def test_what_is_refused_hinders_nothing_else(initiate, call):
    """A file that is too large, one of somebody else's, one without room; a smaller one behind it has some."""
    results = await initiate(
        {**PHOTO, "size": 11 * 1024**2},
        {**PHOTO, "owner": {"type": "event", "id": "42"}},
        VIDEO,
        VIDEO,
        VIDEO,
        PHOTO,
    )

    assert codes(results) == [1602, 1100, None, None, 1600, None]
    assert results[0].error.details == {"size": 11 * 1024**2, "maxSize": 10 * 1024**2, "contentType": "image/jpeg"}
    left = FREE - 2 * VIDEO["size"]
    assert (results[4].error.details["available"], results[4].error.details["required"]) == (left, VIDEO["size"])
    assert (await call("media.getStorageUsage")).reserved == 2 * VIDEO["size"] + len(photo())


async def test_the_same_keys_find_the_same_media(initiate, call):
    """With fresh URLs; another input under a key, and the key of what was deleted, are taken."""
    first = await initiate({**PHOTO, "idempotencyKey": "a"}, {**PHOTO, "idempotencyKey": "b"}, PHOTO)
    await call("media.cancelUpload", mediaId=str(first[1].ticket.media_id))
    later = datetime.now(UTC) + timedelta(minutes=5)

    again = await initiate(
        {**PHOTO, "idempotencyKey": "c"},
        {**PHOTO, "idempotencyKey": "a"},
        {**PHOTO, "idempotencyKey": "b"},
        {**VIDEO, "idempotencyKey": "a"},
        {**PHOTO, "idempotencyKey": "c"},
        now=later,
    )

    assert codes(again) == [None, None, 1400, 1400, None]
    assert again[1].ticket.media_id == first[0].ticket.media_id
    assert again[1].ticket.expires_at == later + timedelta(minutes=15)
    assert again[4].ticket == again[0].ticket
    assert (await call("media.getStorageUsage")).reserved == 4 * len(photo())


@pytest.fixture
def records(database_url):
    def read():
        query = "select procedure, media_id, input ->> 'filename' from audit where media_id is not null order by id"
        with psycopg.connect(database_url) as connection:
            return connection.execute(query).fetchall()

    return read


async def test_every_upload_that_is_begun_has_a_record(initiate, records):
    results = await initiate(PHOTO, {**PHOTO, "size": 11 * 1024**2}, {**PHOTO, "filename": "b.jpg"})
    assert records() == [
        ("media.initiateUploads", results[0].ticket.media_id, "photo.jpg"),
        ("media.initiateUploads", results[2].ticket.media_id, "b.jpg"),
    ]


async def test_owners_are_each_uploads_own(initiate, call):
    """One call, two quotas."""
    event = {"type": "event", "id": "42"}
    host = Caller("ada", owners=frozenset({"event:42"}))
    assert codes(await initiate(*[VIDEO, {**VIDEO, "owner": event}] * 3, caller=host)) == [None] * 4 + [1600] * 2
    for owner in (None, event):
        usage = await call("media.getStorageUsage", caller=host, **({"owner": owner} if owner else {}))
        assert usage.reserved == 2 * VIDEO["size"]


async def test_fifty_fit_into_a_call_and_take_one_statement(initiate, resources, monkeypatch):
    """And hold the loop no longer than any other call."""
    statements, ask = [], resources.db.batch

    async def counted(row, name, calls):
        statements.append((name, len(calls)))
        return await ask(row, name, calls)

    monkeypatch.setattr("sql.database.Database.batch", lambda _db, *told: counted(*told))
    began = time.thread_time()
    assert codes(await initiate(*[PHOTO] * MAX_UPLOADS)) == [None] * MAX_UPLOADS
    assert time.thread_time() - began < 0.25
    assert statements == [("reserve_upload", MAX_UPLOADS)]

    for count in (0, MAX_UPLOADS + 1):
        with pytest.raises(ValidationFailed):
            await initiate(*[PHOTO] * count)


async def test_input_that_does_not_fit_names_its_upload(initiate, call):
    """And nothing is begun."""
    with pytest.raises(ValidationFailed) as refused:
        await initiate(PHOTO, {**PHOTO, "contentType": "text/html"})
    assert refused.value.errors[0]["path"] == ["uploads", 1, "contentType"]
    assert (await call("media.getStorageUsage")).reserved == 0


class TestWithLimits:
    """Where callers are limited."""

    @pytest.fixture
    def settings(self, settings):
        return replace(settings, rate_limits=RateLimits.parse("media.initiateUploads=2/60"))

    async def test_a_call_counts_once_whatever_it_begins(self, initiate, call, records):
        """One too many begins nothing."""
        for _ in range(2):
            assert codes(await initiate(*[PHOTO] * 20)) == [None] * 20
        with pytest.raises(RateLimitExceeded) as refused:
            await initiate(PHOTO)
        assert 1 <= refused.value.retry_after <= 62
        assert len(records()) == 40
        assert (await call("media.getStorageUsage")).reserved == 40 * len(photo())


async def test_calls_at_the_boundary_fit_to_the_byte(processes):
    """Forty calls of twenty uploads each, and single ones between them, over three processes."""
    size = 262_145
    upload = {**VIDEO, "size": size}
    async with processes() as call:
        answers = await at_once(
            *(call("media.initiateUploads", uploads=[upload] * 20) for _ in range(40)),
            *(call("media.initiateUpload", **upload) for _ in range(40)),
        )
        usage = (await call("media.getStorageUsage"))["data"]

    many = [outcome["error"] for answer in answers[:40] for outcome in answer["data"]["results"]]
    refused = [error for error in many if error] + [answer["error"] for answer in answers[40:] if not answer["success"]]
    assert (len(refused), {error["code"] for error in refused}) == (840 - 199, {1600})
    assert usage["reserved"] == 199 * size
