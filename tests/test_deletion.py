"""`media.deleteMany`: many deletions in one transaction, each with its outcome."""

import json
import uuid
from typing import Any

import psycopg
import pytest

from contracts.errors import ValidationFailed
from rpc.auth import Caller
from tests.at_once import at_once
from tests.media_files import photo

NOT_FOUND = {"code": 1300, "message": "Media not found"}
BEN = Caller("ben")
ORGANISER = Caller("ada", owners=frozenset({"event:42"}))
EVENT = {"type": "event", "id": "42"}


@pytest.fixture
def delete(call):
    """Delete media; their outcomes as on the wire."""

    async def run(*media_ids: str, **who):
        answer = await call("media.deleteMany", mediaIds=list(media_ids), **who)
        return answer.model_dump(mode="json", by_alias=True)["results"]

    return run


def done(media_id: str) -> dict[str, Any]:
    return {"mediaId": media_id, "success": True, "error": None}


def not_found(media_id: str) -> dict[str, Any]:
    return {"mediaId": media_id, "success": False, "error": NOT_FOUND}


async def test_each_deletion_has_its_outcome_in_the_order_asked(completed_media, pending_upload, delete, call):
    """Media, uploads, what is nobody's and what is somebody else's, and every repetition alike."""
    media, upload = str((await completed_media()).id), str((await pending_upload()).media_id)
    foreign, unknown = str((await completed_media(caller=BEN)).id), str(uuid.uuid4())

    asked = [unknown, media, foreign, upload, media, unknown]
    outcomes = [not_found(unknown), done(media), not_found(foreign), done(upload), done(media), not_found(unknown)]
    assert await delete(*asked) == outcomes
    assert await delete(*asked) == outcomes

    assert (await call("media.listMedia")).items == []
    assert [str(item.id) for item in (await call("media.listMedia", caller=BEN)).items] == [foreign]


async def test_deleted_bytes_are_given_back_and_their_objects_go(
    completed_media, delete, call, run_pending, objects, after_the_url
):
    """And the outcome stays the same when nothing is left of them."""
    ids = [str((await completed_media(photo(10 + n, 10))).id) for n in range(3)]
    await delete(*ids)
    assert (await call("media.getStorageUsage")).used == 0
    await run_pending(after_the_url)
    assert await objects() == []
    assert (await call("media.getStorageUsage")).reserved == 0
    assert await delete(*ids) == [done(media_id) for media_id in ids]


async def test_media_of_several_owners_are_deleted_together(completed_media, delete):
    mine = str((await completed_media()).id)
    theirs = str((await completed_media(caller=ORGANISER, owner=EVENT)).id)
    assert await delete(mine, theirs, caller=BEN) == [not_found(mine), not_found(theirs)]
    assert await delete(theirs, mine, caller=ORGANISER) == [done(theirs), done(mine)]


@pytest.mark.usefixtures("unhurried")
async def test_the_same_deletions_at_once_are_one(completed_media, delete, database_url):
    """In either order: one event and one job for each."""
    ids = [str((await completed_media(photo(10 + n, 10))).id) for n in range(3)]
    answers = await at_once(*(delete(*order) for order in (ids, ids[::-1]) * 10))
    assert all(outcome["success"] for answer in answers for outcome in answer)
    with psycopg.connect(database_url) as connection:
        events = connection.execute("select media_id::text from events where type = 'media.deleted'").fetchall()
        jobs = connection.execute(
            "select args->>'media_id' from procrastinate_jobs where task_name = 'purge_media'"
        ).fetchall()
    assert sorted(events) == sorted(jobs) == sorted((media_id,) for media_id in ids)


async def test_a_hundred_are_deleted_in_one_call(delete):
    ids = [str(uuid.uuid4()) for _ in range(100)]
    assert await delete(*ids) == [not_found(media_id) for media_id in ids]


NO_LISTS = [[], [str(uuid.UUID(int=n)) for n in range(101)], ["x"], [5], "x"]


async def test_what_is_no_list_of_ids_is_invalid_input(subtests, delete, call):
    for ids in NO_LISTS:
        with subtests.test(ids=ids):
            with pytest.raises(ValidationFailed) as refused:
                await call("media.deleteMany", mediaIds=ids)
            assert int(refused.value.code) == 1200


async def test_ten_thousand_ids_are_one_issue(subtests, rpc):
    """However wrong each of them is, the answer is short."""
    items: list[Any] = [str(uuid.uuid4()), "x", 5, None, {}]
    for item in items:
        with subtests.test(item=item):
            answer = await rpc("media.deleteMany", mediaIds=[item] * 10_000)
            assert answer["error"]["data"]["rpcCode"] == 1200
            assert [issue["code"] for issue in answer["error"]["data"]["details"]["errors"]] == ["too_long"]
            assert len(json.dumps(answer)) < 1000
