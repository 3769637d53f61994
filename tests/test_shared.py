"""Calls that share a statement."""

import asyncio
from dataclasses import replace

import pytest

from contracts.errors import ServiceUnavailable, StorageLimitExceeded
from rpc.auth import Caller
from server.embedded import free_port
from server.resources import open_resources
from sql.rows import UsageRow
from sql.shared import MAX_CALLS, Shared


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
