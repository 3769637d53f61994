"""Quota and rate limits under races between several server processes: exact to the byte and to the call."""

import asyncio
import json
from collections import Counter
from contextlib import AsyncExitStack, ExitStack, asynccontextmanager
from typing import Any

import httpx
import psycopg
import pytest

from server.embedded import free_port
from server.token import sign_token
from tests.at_once import at_once
from tests.fork import fork
from tests.media_files import photo

FREE, BASIC = 52_428_800, 1_073_741_824
SIZE = 262_145
PHOTO = photo()
FACTS = {"used", "reserved", "quota", "available", "required", "releases"}


def declared(size: int) -> dict[str, Any]:
    return {"filename": "a.mp4", "contentType": "video/mp4", "size": size}


@pytest.fixture
def processes(configured, settings, resources, tmp_path):
    """Callers of three `mediarpc serve` over the test's database and store, and of a worker when asked for."""

    @asynccontextmanager
    async def start(*, worker: bool = False, **different: str):
        variables = {**configured, "RATE_LIMITS": "off", **different}
        ports = [free_port() for _ in range(3)]
        with ExitStack() as stack:
            serving = [
                stack.enter_context(fork(tmp_path, "serve", **{**variables, "PORT": str(port)})) for port in ports
            ]
            if worker:
                stack.enter_context(fork(tmp_path, "worker", **variables)).wait_for("worker started")
            for process in serving:
                process.wait_for("mediarpc serves on")
            async with AsyncExitStack() as clients:
                yield Callers([await clients.enter_async_context(client(port)) for port in ports], settings)
            for process in serving:
                assert "Traceback" not in process.output

    return start


def client(port: int) -> httpx.AsyncClient:
    limits = httpx.Limits(max_connections=40)
    return httpx.AsyncClient(base_url=f"http://127.0.0.1:{port}", timeout=60, limits=limits)


class Callers:
    """Calls that go to one process after the other."""

    def __init__(self, clients: list[httpx.AsyncClient], settings: Any) -> None:
        self.clients = clients
        self.settings = settings
        self.calls = 0

    async def __call__(self, name: str, *, plan: str | None = None, user: str = "ada", **params: Any) -> Any:
        """The answer's envelope."""
        self.calls += 1
        headers = {"authorization": f"Bearer {sign_token(self.settings, user=user, plan=plan)}"}
        document = {"procedure": name, "input": params}
        answer = await self.clients[self.calls % 3].post("/rpc", json=document, headers=headers)
        return answer.json()

    async def batch(self, name: str, inputs: list[dict[str, Any]]) -> list[Any]:
        """The envelopes of a batch, in its order."""
        self.calls += 1
        headers = {"authorization": f"Bearer {sign_token(self.settings, user='ada')}"}
        document = [{"procedure": name, "input": params} for params in inputs]
        answers: list[Any] = (await self.clients[self.calls % 3].post("/rpc", json=document, headers=headers)).json()
        return answers


def outcomes(answers: list[Any]) -> Counter[Any]:
    return Counter("ok" if answer["success"] else answer["error"]["code"] for answer in answers)


def check_refusals(answers: list[Any], size: int, quotas: set[int]) -> None:
    """Each refusal says a truth: under its quota there was no room for this size."""
    for answer in answers:
        if not answer["success"]:
            told = answer["error"]["details"]
            assert set(told) == FACTS
            assert told["quota"] in quotas
            assert told["required"] == size
            assert told["available"] == max(0, told["quota"] - told["used"] - told["reserved"]) < size


async def test_a_thousand_initiates_at_the_boundary_fit_to_the_byte(processes):
    """As many as have room are let in, not one more, and the rest is told why."""
    async with processes() as call:
        answers = await at_once(*(call("media.initiateUpload", **declared(SIZE)) for _ in range(1000)))
        usage = (await call("media.getStorageUsage"))["data"]

    assert outcomes(answers) == {"ok": 199, 1600: 801}
    check_refusals(answers, SIZE, {FREE})
    assert (usage["used"], usage["reserved"], usage["limit"]) == (0, 199 * SIZE, FREE)


async def test_the_numbers_of_uploads_and_of_media_are_exact_across_processes(processes, database_url):
    """Two hundred at once, half of them in batches: forty are pending; once those are given up, sixty media there."""
    async with processes(MAX_PENDING_UPLOADS="40", MAX_MEDIA_PER_OWNER="60") as call:
        first = await initiate_at_once(call)
        let_in = [answer["data"]["mediaId"] for answer in first if answer["success"]]
        await at_once(*(call("media.cancelUpload", mediaId=media_id) for media_id in let_in))
        second = await initiate_at_once(call, filename="b.mp4")

    assert outcomes(first) == {"ok": 40, 1600: 160}
    assert outcomes(second) == {"ok": 20, 1600: 180}
    facts = [[answer["error"]["details"] for answer in answers if not answer["success"]] for answers in (first, second)]
    assert {(fact["pendingUploads"], fact["available"]) for fact in facts[0]} == {(40, 0)}
    assert {(fact["media"], fact["available"]) for fact in facts[1]} == {(60, 0)}
    with psycopg.connect(database_url) as connection:
        counted = connection.execute("select count(*), count(*) filter (where state = 'pending') from media")
        assert counted.fetchall() == [(60, 20)]


async def initiate_at_once(call: Callers, **different: str) -> list[Any]:
    """A hundred calls and five batches of twenty."""
    told = {**declared(3), **different}
    singles = [call("media.initiateUpload", **told) for _ in range(100)]
    batches = [call.batch("media.initiateUpload", [told] * 20) for _ in range(5)]
    answers, batched = await at_once(at_once(*singles), at_once(*batches))
    return [*answers, *(answer for batch in batched for answer in batch)]


async def test_plans_that_change_between_calls_each_hold(processes, database_url):
    """Replayed in the order of the log, every upload had room under the plan that asked for it."""
    size = 9_000_000
    plans = ["free", "basic"] * 150
    async with processes() as call:
        answers = await at_once(*(call("media.initiateUpload", plan=plan, **declared(size)) for plan in plans))
        lowered = await call("media.initiateUpload", plan="free", **declared(1))
        usage = (await call("media.getStorageUsage", plan="free"))["data"]

    check_refusals(answers, size, {FREE, BASIC})
    assert outcomes(answers) == {"ok": 119, 1600: 181}
    plan_of = {a["data"]["mediaId"]: plan for a, plan in zip(answers, plans, strict=True) if a["success"]}
    with psycopg.connect(database_url) as connection:
        started = connection.execute("select media_id from events order by id").fetchall()
    totals = [(plan_of[str(media_id)], place * size) for place, (media_id,) in enumerate(started, 1)]
    assert all(total <= {"free": FREE, "basic": BASIC}[plan] for plan, total in totals)
    assert (lowered["error"]["code"], lowered["error"]["details"]["available"]) == (1600, 0)
    assert (usage["reserved"], usage["limit"]) == (119 * size, FREE)


async def test_a_rate_limit_is_exact_across_processes(processes):
    """Fifty at once over three processes: ten are let in."""
    async with processes(RATE_LIMITS="media.initiateUpload=10/60") as call:
        answers = await at_once(*(call("media.initiateUpload", **declared(1000)) for _ in range(50)))

    assert outcomes(answers) == {"ok": 10, 1500: 40}
    assert all(1 <= a["error"]["details"]["retryAfter"] <= 62 for a in answers if not a["success"])


async def test_uploads_that_come_and_go_never_pass_the_quota(processes, resources, database_url, pending_upload):
    """With completes, deletes, cancels and sweeps in between, every sample is within the quota and the end is exact."""
    samples: list[tuple[int, int]] = []
    await pending_upload(**declared(FREE - 20 * len(PHOTO)))
    async with processes(
        worker=True, UPLOAD_URL_TTL_SECONDS="1", UPLOAD_GRACE_SECONDS="0", SWEEP_INTERVAL_SECONDS="1"
    ) as call:
        sampling = asyncio.create_task(sample(database_url, samples))
        answers = [a for part in await at_once(*(live(call, resources, n) for n in range(30))) for a in part]
        sampling.cancel()
        await asyncio.wait([sampling])
        usage = (await call("media.getStorageUsage"))["data"]
        page = (await call("media.listMedia", limit=100))["data"]

    assert max(total for total, _ in samples) <= FREE
    assert set(outcomes(answers)) == {"ok", 1600}
    assert page["nextCursor"] is None
    assert usage["used"] == sum(item["size"] for item in page["items"])
    check_refusals(answers, len(PHOTO), {FREE})


async def live(call: Callers, resources: Any, number: int) -> list[Any]:
    """Upload ten times, and end each in another way; the answers of the initiates."""
    answers = []
    for turn in range(10):
        told: dict[str, Any] = {"filename": "a.jpg", "contentType": "image/jpeg", "size": len(PHOTO)}
        answer = await call("media.initiateUpload", **told)
        answers.append(answer)
        if answer["success"]:
            await end(call, resources, answer["data"], (number + turn) % 4)
    return answers


async def end(call: Callers, resources: Any, ticket: Any, way: int) -> None:
    """Complete, delete, cancel, or all three at once."""
    store, media_id = resources.store, ticket["mediaId"]
    key = httpx.URL(ticket["uploadUrl"]).path.partition(f"/{store.name}/")[2]
    await asyncio.to_thread(store._client.put_object, Bucket=store.name, Key=key, Body=PHOTO)
    ways = [["completeUpload"], ["deleteMedia"], ["cancelUpload"], ["completeUpload", "cancelUpload", "deleteMedia"]]
    answers = await at_once(*(call(f"media.{name}", mediaId=media_id) for name in ways[way]))
    assert set(outcomes(answers)) <= {"ok", 1200, 1300, 1400}, json.dumps(answers)


async def sample(database_url: str, samples: list[tuple[int, int]]) -> None:
    """Read what is used and reserved together, again and again."""
    query = "select used_bytes + reserved_bytes, quota_bytes from storage_usage"
    async with await psycopg.AsyncConnection.connect(database_url, autocommit=True) as connection:
        while True:
            samples += await (await connection.execute(query)).fetchall()
            await asyncio.sleep(0.005)
