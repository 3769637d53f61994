"""Calls about uploads in parts and through the server, repeated: one effect and one answer, however often they come."""

import json
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from jobs.sweep import sweep
from server.resources import open_resources
from tests.conftest import client_of
from tests.media_files import photo
from tests.test_repetition import READY, SIZE, WAYS, Effect, effect

__all__ = ["effect"]

STARTED, PROGRESS, DELETED = "upload.started", "upload.progress", "media.deleted"
PENDING = 1400
UPLOAD = {"filename": "a.jpg", "contentType": "image/jpeg", "size": SIZE, "idempotencyKey": "k"}
CONTENT = {"filename": "a.jpg", "idempotencyKey": "k"}


@dataclass(frozen=True)
class Mutation:
    """A call, the steps before it, and answer, effect and open uploads at the store, at once and past the URL's end."""

    name: str
    steps: str
    answer: dict[str, Any]
    effect: Effect
    open: int
    late_answer: dict[str, Any]
    late_effect: Effect
    late_open: int = 0


GONE = Effect([STARTED, DELETED], [], objects=0, used=0, reserved=0)
STANDS = Effect(READY, [], objects=1, used=SIZE, reserved=0)
WAITS = Effect([STARTED], [], objects=0, used=0, reserved=SIZE)
MUTATIONS = {
    "initiate": Mutation("media.initiateMultipartUpload", "", {"totalParts": 1}, WAITS, 0, {"totalParts": 1}, WAITS),
    "sign": Mutation("media.signParts", "initiate", {}, WAITS, 1, {}, WAITS, 1),
    "send a part": Mutation(
        "media.uploadPart",
        "initiate",
        {"partNumber": 1, "uploadedBytes": SIZE, "nextPart": None},
        Effect([STARTED, PROGRESS], [], objects=0, used=0, reserved=SIZE),
        1,
        {"code": 1400},
        Effect([STARTED, PROGRESS, *READY[1:]], [], objects=1, used=SIZE, reserved=0),
    ),
    "complete": Mutation(
        "media.completeMultipartUpload",
        "initiate put",
        {"status": "processing"},
        Effect([STARTED, "media.processing"], ["process_media"], objects=1, used=SIZE, reserved=0),
        0,
        {"status": "ready"},
        STANDS,
    ),
    "cancel": Mutation(
        "media.cancelUpload",
        "initiate put",
        {"success": True},
        Effect([STARTED, DELETED], ["purge_media"], objects=0, used=0, reserved=0),
        0,
        {"success": True},
        GONE,
    ),
    "delete": Mutation(
        "media.deleteMedia",
        "initiate put complete",
        {"success": True},
        Effect(
            [STARTED, "media.processing", DELETED], ["process_media", "purge_media"], objects=1, used=0, reserved=SIZE
        ),
        0,
        {"success": True},
        Effect([STARTED, "media.processing", DELETED], [], objects=0, used=0, reserved=0),
    ),
}


@pytest.fixture
def server(settings, bearer):
    """A server of its own over the test's database and store, from its start to its end: its calls."""

    @asynccontextmanager
    async def start():
        async with open_resources(settings) as opened, client_of(opened, settings) as http:

            async def send(method: str, /, **params: Any) -> Any:
                if method in {"media.upload", "media.uploadPart"}:
                    raw = {**bearer(), "content-type": "application/octet-stream"}
                    told = {"input": json.dumps(params)}
                    answer = await http.post(f"/rpc/{method}", params=told, content=photo(), headers=raw)
                else:
                    answer = await http.post(f"/rpc/{method}", json=params, headers=bearer())
                return answer.json()

            yield send

    return start


def said(answer: Any) -> Any:
    """What an answer tells, without signed URLs and their ends, which each makes anew."""
    if "error" in answer:
        return {"code": answer["error"]["data"]["rpcCode"]}
    data = answer["result"]["data"]
    data = data.get("media", data)
    if "parts" in data:
        return {"parts": [part["size"] for part in data["parts"]]}
    return {name: value for name, value in data.items() if name not in {"url", "expiresAt"}}


@pytest.fixture
def made(call, client):
    """Take an upload through the steps that come before a call; the call's input."""
    more: dict[str, dict[str, Any]] = {"media.signParts": {"partNumbers": [1]}, "media.uploadPart": {"partNumber": 1}}

    async def make(mutation: Mutation) -> dict[str, Any]:
        media_id = ""
        for step in mutation.steps.split():
            match step:
                case "initiate":
                    media_id = str((await call("media.initiateMultipartUpload", **UPLOAD)).media_id)
                case "put":
                    (part,) = (await call("media.signParts", mediaId=media_id, partNumbers=[1])).parts
                    sent = await client.put(part.upload_url, content=photo(), headers=part.headers)
                    assert sent.status_code == 200
                case "complete":
                    await call("media.completeMultipartUpload", mediaId=media_id)
        return {"mediaId": media_id, **more.get(mutation.name, {})} if media_id else UPLOAD

    return make


@pytest.fixture
def later(run_pending, resources):
    """The jobs run, and a sweep comes past the end of every URL."""

    async def pass_by() -> None:
        await run_pending()
        past = datetime.now(UTC) + timedelta(seconds=900 + 60 + 1)
        await sweep(resources.db, past)
        for _ in range(2):
            await run_pending(past)

    return pass_by


@pytest.mark.usefixtures("unhurried", "rendered_once")
@WAYS
@pytest.mark.parametrize("mutation", MUTATIONS.values(), ids=MUTATIONS)
async def test_a_repeated_call_has_one_effect_and_one_answer(
    mutation, way, made, server, effect, later, open_at_the_store
):
    """Every repetition is told the same; the store has at most one upload open, and keeps none that is over."""
    params = await made(mutation)

    first, *others = map(said, await way(server, mutation.name, **params))
    assert others == [first] * len(others)
    assert first.items() >= mutation.answer.items()
    assert (await effect(), len(await open_at_the_store())) == (mutation.effect, mutation.open)

    await later()
    first, *others = map(said, await way(server, mutation.name, **params))
    assert others == [first] * len(others)
    assert first.items() >= mutation.late_answer.items()
    assert (await effect(), len(await open_at_the_store())) == (mutation.late_effect, mutation.late_open)


@pytest.mark.usefixtures("unhurried", "rendered_once")
@WAYS
async def test_a_file_that_is_sent_again_under_its_key_is_stored_once(way, server, effect, later, open_at_the_store):
    """Who comes while the first is under way is told so; who comes after it, the one media."""
    answers = [said(answer) for answer in await way(server, "media.upload", **CONTENT)]
    stored = [answer for answer in answers if "id" in answer]
    assert stored
    assert [answer for answer in answers if answer not in (stored[0], {"code": PENDING})] == []
    events = [STARTED, PROGRESS, "media.processing"]
    assert await effect() == Effect(events, ["process_media"], objects=1, used=SIZE, reserved=0)

    await later()
    answers = [said(answer) for answer in await way(server, "media.upload", **CONTENT)]
    assert {(answer["id"], answer["status"]) for answer in answers} == {(stored[0]["id"], "ready")}
    assert await effect() == Effect([*events, "media.ready"], [], objects=1, used=SIZE, reserved=0)
    assert await open_at_the_store() == []
