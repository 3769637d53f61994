"""Calls that change a media, repeated: by its id they have one effect and one answer, however often they come."""

from collections.abc import Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any

import psycopg
import pytest

from contracts.media import Media
from jobs.sweep import sweep
from server.resources import open_resources
from tests.at_once import at_once
from tests.conftest import client_of, rpc_over
from tests.media_files import photo

SIZE = len(photo())
READY = ["upload.started", "media.processing", "media.ready"]
FAILED = ["upload.started", "media.processing", "media.failed"]


@dataclass(frozen=True)
class Effect:
    """What calls have left behind."""

    events: list[str]
    jobs: list[str]
    objects: int
    used: int
    reserved: int


@dataclass(frozen=True)
class Mutation:
    """A call, the fixture that makes what it is about, and answer and effect, at once and past the end of the URL."""

    name: str
    about: str
    answer: dict[str, Any]
    effect: Effect
    late_answer: dict[str, Any]
    late_effect: Effect
    names: Callable[[str], dict[str, Any]] = lambda media_id: {"mediaId": media_id}  # the input that names the media


ONE_READY = Effect(READY, [], objects=1, used=SIZE, reserved=0)
MUTATIONS = {
    "complete": Mutation(
        "media.completeUpload",
        "arrived_upload",
        {"status": "processing"},
        Effect(["upload.started", "media.processing"], ["process_media"], objects=2, used=SIZE, reserved=0),
        {"status": "ready"},
        Effect(READY, [], objects=1, used=SIZE, reserved=0),
    ),
    "cancel": Mutation(
        "media.cancelUpload",
        "arrived_upload",
        {"success": True},
        Effect(["upload.started", "media.deleted"], [], objects=0, used=0, reserved=SIZE),
        {"success": True},
        Effect(["upload.started", "media.deleted"], [], objects=0, used=0, reserved=0),
    ),
    "cancel processing": Mutation(
        "media.cancelProcessing",
        "completed_media",
        {"success": True},
        Effect(FAILED, [], objects=2, used=SIZE, reserved=0),
        {"success": True},
        Effect(FAILED, [], objects=1, used=SIZE, reserved=0),
    ),
    "retry processing": Mutation(
        "media.retryProcessing",
        "cancelled_media",
        {"status": "processing"},
        Effect([*FAILED, "media.processing"], ["process_media"], objects=2, used=SIZE, reserved=0),
        {"status": "ready"},
        Effect([*FAILED, "media.processing", "media.ready"], [], objects=1, used=SIZE, reserved=0),
    ),
    "delete": Mutation(
        "media.deleteMedia",
        "ready_media",
        {"success": True},
        Effect([*READY, "media.deleted"], ["purge_media"], objects=1, used=0, reserved=SIZE),
        {"success": True},
        Effect([*READY, "media.deleted"], [], objects=0, used=0, reserved=0),
    ),
    "delete many": Mutation(
        "media.deleteMany",
        "ready_media",
        {"success": [True, True]},
        Effect([*READY, "media.deleted"], ["purge_media"], objects=1, used=0, reserved=SIZE),
        {"success": [True, True]},
        Effect([*READY, "media.deleted"], [], objects=0, used=0, reserved=0),
        lambda media_id: {"mediaIds": [media_id, media_id]},
    ),
    "attach": Mutation(
        "media.attachToPost",
        "ready_media",
        {"postId": "p", "status": "ready"},
        ONE_READY,
        {"postId": "p", "status": "ready"},
        ONE_READY,
        lambda media_id: {"postId": "p", "mediaIds": [media_id]},
    ),
    "detach": Mutation(
        "media.detachFromPost",
        "attached_media",
        {"success": True},
        ONE_READY,
        {"success": True},
        ONE_READY,
        lambda media_id: {"postId": "p", "mediaIds": [media_id]},
    ),
    "set profile image": Mutation(
        "media.setProfileImage",
        "second_portrait",
        {"status": "ready"},
        Effect([*READY, *READY, "media.deleted"], ["purge_media"], objects=2, used=SIZE, reserved=SIZE),
        {"status": "ready"},
        Effect([*READY, *READY, "media.deleted"], [], objects=1, used=SIZE, reserved=0),
    ),
}


@pytest.fixture
def cancelled_media(completed_media, call):
    """A media whose processing was cancelled."""

    async def cancelled() -> Media:
        media: Media = await completed_media()
        await call("media.cancelProcessing", mediaId=str(media.id))
        return media

    return cancelled


@pytest.fixture
def attached_media(ready_media, call):
    """A media in the post p."""

    async def attached() -> Media:
        media: Media = await ready_media()
        await call("media.attachToPost", postId="p", mediaIds=[str(media.id)])
        return media

    return attached


@pytest.fixture
def second_portrait(ready_media, call):
    """An image for the profile, which has another one."""

    async def second() -> Media:
        await call("media.setProfileImage", mediaId=str((await ready_media(purpose="profile")).id))
        media: Media = await ready_media(purpose="profile")
        return media

    return second


@pytest.fixture
def server(settings, bearer):
    """A server of its own over the test's database and store, from its start to its end: its calls."""

    @asynccontextmanager
    async def start():
        async with open_resources(settings) as opened, client_of(opened, settings) as http:
            yield rpc_over(http, bearer)

    return start


@pytest.fixture
def made(mutation, request):
    """Make what the call is about; its id."""
    factory = request.getfixturevalue(mutation.about)

    async def make() -> str:
        media = await factory()
        return str(media.media_id if mutation.about == "arrived_upload" else media.id)

    return make


@pytest.fixture
def effect(call, objects, database_url):
    """What is left behind now."""

    async def read() -> Effect:
        usage = await call("media.getStorageUsage")
        with psycopg.connect(database_url) as connection:
            events = connection.execute("select type from events where type <> 'media.progress' order by id").fetchall()
            jobs = connection.execute("select task_name from procrastinate_jobs order by id").fetchall()
        return Effect(
            events=[kind for (kind,) in events],
            jobs=[name for (name,) in jobs],
            objects=len(await objects()),
            used=usage.used,
            reserved=usage.reserved,
        )

    return read


async def twice(server, name, **params):
    async with server() as rpc:
        return [await rpc(name, **params) for _ in range(2)]


async def fifty_at_once(server, name, **params):
    async with server() as rpc:
        return await at_once(*(rpc(name, **params) for _ in range(50)))


async def again_after_a_restart(server, name, **params):
    answers = []
    for _ in range(2):
        async with server() as rpc:
            answers.append(await rpc(name, **params))
    return answers


WAYS = pytest.mark.parametrize(
    "way",
    [twice, pytest.param(fifty_at_once, marks=pytest.mark.exhaustive), again_after_a_restart],
    ids=lambda way: way.__name__,
)


def said(answer: Any) -> Any:
    """The result without its signed URL, which each answer makes anew."""
    result = answer["result"]
    if "results" in result:
        return {"success": [deletion["success"] for deletion in result["results"]], **result}
    media = result["items"][0] if "items" in result else result.get("media")
    return {**media, "url": None} if media else result


@pytest.mark.usefixtures("unhurried", "rendered_once")
@WAYS
@pytest.mark.parametrize("mutation", MUTATIONS.values(), ids=MUTATIONS)
async def test_a_repeated_call_has_one_effect_and_one_answer(
    mutation, way, made, server, effect, run_pending, resources, after_the_url
):
    """Every repetition is told the same, one event and one job come of it, and no byte is counted or stored twice."""
    media_id = await made()

    first, *others = map(said, await way(server, mutation.name, **mutation.names(media_id)))
    assert others == [first] * len(others)
    assert first.items() >= mutation.answer.items()
    assert await effect() == mutation.effect

    await run_pending()
    await sweep(resources.db, after_the_url)
    await run_pending(after_the_url)
    first, *others = map(said, await way(server, mutation.name, **mutation.names(media_id)))
    assert others == [first] * len(others)
    assert first.items() >= mutation.late_answer.items()
    assert await effect() == mutation.late_effect
