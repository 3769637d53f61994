"""Calls that share a statement."""

import asyncio
from dataclasses import replace

import pytest

from contracts.errors import IdempotencyKeyTaken, ServiceUnavailable, StorageLimitExceeded
from contracts.plans import Plan
from rpc.auth import Caller
from server.embedded import free_port
from server.resources import open_resources
from sql.rows import UsageRow
from sql.shared import MAX_CALLS, Shared

VIDEO = {"filename": "a.mp4", "contentType": "video/mp4"}


class Line:
    """A statement that answers each call with itself, when it is let go."""

    def __init__(self):
        self.sent = []
        self.go = asyncio.Event()

    async def run(self, calls):
        self.sent.append([call["n"] for call in calls])
        await self.go.wait()
        return [call["n"] for call in calls]


async def test_calls_wait_together_for_the_statement_before_them():
    """The first leaves alone, all that come meanwhile leave with the next, and each gets its own row."""
    line = Line()
    shared = Shared(line.run)
    first = asyncio.create_task(shared.one({"n": 0}))
    await asyncio.sleep(0.01)
    others = [asyncio.create_task(shared.one({"n": n})) for n in range(1, 6)]
    await asyncio.sleep(0.01)
    assert line.sent == [[0]]

    line.go.set()

    assert await asyncio.gather(first, *others) == [0, 1, 2, 3, 4, 5]
    assert line.sent == [[0], [1, 2, 3, 4, 5]]


async def test_a_statement_takes_so_many_calls_and_no_more():
    line = Line()
    line.go.set()
    shared = Shared(line.run)

    answers = await asyncio.gather(*(shared.one({"n": n}) for n in range(2 * MAX_CALLS + 1)))

    assert answers == list(range(2 * MAX_CALLS + 1))
    assert [len(calls) for calls in line.sent] == [MAX_CALLS, MAX_CALLS, 1]


async def test_an_error_is_everybodys_who_waited_and_nobody_elses():
    async def fail_once(calls):
        if calls[0]["n"] == 0:
            raise ZeroDivisionError
        return [call["n"] for call in calls]

    shared = Shared(fail_once)
    waiting = await asyncio.gather(shared.one({"n": 0}), shared.one({"n": 1}), return_exceptions=True)

    assert [type(outcome) for outcome in waiting] == [ZeroDivisionError, ZeroDivisionError]
    assert await shared.one({"n": 2}) == 2


async def test_a_caller_that_goes_away_takes_nobody_along():
    line = Line()
    shared = Shared(line.run)
    leaver, stayer = asyncio.create_task(shared.one({"n": 0})), asyncio.create_task(shared.one({"n": 1}))
    await asyncio.sleep(0.01)
    leaver.cancel()
    await asyncio.sleep(0.01)
    line.go.set()

    assert await stayer == 1


async def test_outcomes_are_each_callers_own(call):
    """In one statement one is reserved, another over the quota."""
    outcomes = await asyncio.gather(
        *(
            call("media.initiateUpload", filename="a.mp4", contentType="video/mp4", size=size, caller=Caller(user))
            for user, size in [("ada", 40_000_000), ("ben", 60_000_000), ("ada", 20_000_000), ("cyd", 1)]
        ),
        return_exceptions=True,
    )

    assert [isinstance(outcome, StorageLimitExceeded) for outcome in outcomes] == [False, True, True, False]
    refused = [outcome for outcome in outcomes if isinstance(outcome, StorageLimitExceeded)]
    assert [(outcome.used, outcome.reserved) for outcome in refused] == [(0, 0), (0, 40_000_000)]


@pytest.fixture
def reserve(call):
    """Initiate these uploads at once, all but the first in one statement: what the others are told."""

    async def together(*uploads):
        first = {"caller": Caller("first"), "size": 1}
        told = [call("media.initiateUpload", **{**VIDEO, **upload}) for upload in (first, *uploads)]
        _, *outcomes = await asyncio.gather(*told, return_exceptions=True)
        return outcomes

    return together


async def test_each_call_of_a_statement_is_held_against_its_own_plan(reserve, call):
    """What one plan had room for stands when the next call comes with a smaller one, and that is told there is none."""
    pro, free = Caller("ada", Plan.PRO), Caller("ada", Plan.FREE)
    large, refused, small, other = await reserve(
        {"caller": pro, "size": 60_000_000},
        {"caller": free, "size": 1},
        {"caller": pro, "size": 2},
        {"caller": Caller("ben"), "size": 3},
    )

    assert isinstance(refused, StorageLimitExceeded)
    assert (refused.reserved, refused.quota) == (60_000_000, Plan.FREE.quota_bytes)
    assert len({large.media_id, small.media_id, other.media_id}) == 3
    assert (await call("media.getStorageUsage", caller=pro)).reserved == 60_000_002


async def test_a_key_is_known_within_its_statement(reserve, call):
    """The same input finds the upload of the call before it, another is refused, and so is one of another owner."""
    ada = Caller("ada", owners=frozenset({"event:42"}))
    named = {"caller": ada, "idempotencyKey": "k", "size": 5}
    first, again, differs, elsewhere, another, of_ben = await reserve(
        named,
        named,
        {**named, "size": 6},
        {**named, "owner": {"type": "event", "id": "42"}},
        {**named, "idempotencyKey": "l"},
        {**named, "caller": Caller("ben")},
    )

    # Owners are served in the order of their keys, so ada's own come before event:42's.
    assert again.media_id == first.media_id
    assert [type(outcome) for outcome in (differs, elsewhere)] == [IdempotencyKeyTaken] * 2
    assert len({first.media_id, another.media_id, of_ben.media_id}) == 3
    assert (await call("media.getStorageUsage", caller=ada)).reserved == 10


async def test_an_outage_is_told_to_all_who_wait(settings):
    down = replace(settings, database_url=f"postgresql://nobody@127.0.0.1:{free_port()}/none")
    async with open_resources(down) as resources:
        asked = (resources.db.shared(UsageRow, "read_usage", owner_id="ada", quota_bytes=None) for _ in range(3))
        outcomes = await asyncio.gather(*asked, return_exceptions=True)

    assert [outcome.details for outcome in outcomes if isinstance(outcome, ServiceUnavailable)] == [
        {"service": "database"}
    ] * 3


@pytest.mark.parametrize("size", [1, 2, 7])
async def test_a_statement_is_shared_by_as_many_as_wait(resources, size):
    """Against the database, too, every call gets the row of its own parameters."""
    rows = await asyncio.gather(
        *(resources.db.shared(UsageRow, "read_usage", owner_id="ada", quota_bytes=n + 1) for n in range(size))
    )

    assert [row.quota_bytes for row in rows] == list(range(1, size + 1))


async def test_calls_that_are_the_same_are_one_and_get_one_row(resources):
    """What fifty ask at once, the database is asked once; who asks something else gets another answer."""
    asked = [("ada", None), ("ben", 7), ("ada", None), ("ada", 7), ("ben", 7)]
    rows = await asyncio.gather(
        *(resources.db.shared(UsageRow, "read_usage", owner_id=owner, quota_bytes=quota) for owner, quota in asked)
    )

    assert [row.quota_bytes for row in rows] == [52428800, 7, 52428800, 7, 7]
    assert [next(n for n, other in enumerate(rows) if other is row) for row in rows] == [0, 1, 0, 3, 1]
