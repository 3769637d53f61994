"""An owner's one profile image: set, replaced, deleted."""

import asyncio
import uuid

import psycopg
import pytest

from contracts.errors import ForeignOwner, MediaNotFound, MediaUnusable, NoImage, OtherPurpose
from rpc.auth import Caller
from tests.at_once import at_once
from tests.callers import SERVICE

BEN = Caller("ben")
ORGANISER = Caller("ada", owners=frozenset({"event:42"}))
EVENT = {"type": "event", "id": "42"}


@pytest.fixture
def image(completed_media):
    """The id of a new image that may become a profile image."""

    async def make(**params) -> str:
        return str((await completed_media(purpose="profile", **params)).id)

    return make


@pytest.fixture
def current(call):
    """The id of an owner's profile image, None when there is none."""

    async def read(**params) -> str | None:
        media = (await call("media.getProfileImage", **params)).media
        return None if media is None else str(media.id)

    return read


async def test_an_owner_has_no_profile_image_at_first(current):
    assert await current() is None


async def test_an_image_becomes_the_profile_image(image, call, current):
    media_id = await image()
    assert await current() is None
    answer = await call("media.setProfileImage", mediaId=media_id)
    assert (str(answer.media.id), answer.media.status, answer.media.post_id) == (media_id, "processing", None)
    assert await current() == media_id


async def test_its_objects_stand_in_a_folder_of_their_own(image, objects, call, run_pending, after_the_url):
    """Staged and published, and a deletion finds both."""
    media_id = await image()
    assert {key[: key.index(media_id)] for key in await objects()} == {
        "users/ada/profile/",
        "staging/users/ada/profile/",
    }
    await run_pending()
    assert {key[: key.index(media_id)] for key in await objects()} == {"users/ada/profile/"}
    await call("media.deleteMedia", mediaId=media_id)
    await run_pending(after_the_url)
    assert await objects() == []


async def test_a_replacement_deletes_the_former_one(image, call, current, run_pending, objects, after_the_url):
    former, new = await image(), await image()
    await call("media.setProfileImage", mediaId=former)
    await call("media.setProfileImage", mediaId=new)
    assert await current() == new
    with pytest.raises(MediaNotFound):
        await call("media.getMedia", mediaId=former)
    with pytest.raises(MediaNotFound):
        await call("media.setProfileImage", mediaId=former)
    await run_pending(after_the_url)
    assert {key.rpartition("/")[2][:36] for key in await objects()} == {new}


async def test_setting_the_same_again_is_the_same_answer(image, call, current):
    media_id = await image()
    first = await call("media.setProfileImage", mediaId=media_id)
    again = await call("media.setProfileImage", mediaId=media_id)
    assert (again.media.id, again.media.updated_at) == (first.media.id, first.media.updated_at)
    assert await current() == media_id


async def test_a_deleted_profile_image_is_none(image, call, current, run_pending, after_the_url):
    """At once, and when its row is gone; then another takes its place."""
    media_id = await image()
    await call("media.setProfileImage", mediaId=media_id)
    await call("media.deleteMedia", mediaId=media_id)
    assert await current() is None
    with pytest.raises(MediaNotFound):
        await call("media.setProfileImage", mediaId=media_id)
    await run_pending(after_the_url)
    assert await current() is None
    with pytest.raises(MediaNotFound):
        await call("media.setProfileImage", mediaId=media_id)
    other = await image()
    await call("media.setProfileImage", mediaId=other)
    assert await current() == other


async def test_a_media_of_a_post_is_no_profile_image(completed_media, call, current):
    """Nor one that is not attached yet."""
    media_id = str((await completed_media()).id)
    for _ in range(2):
        with pytest.raises(OtherPurpose) as refused:
            await call("media.setProfileImage", mediaId=media_id)
        assert refused.value.details == {"mediaId": media_id, "purpose": "post"}
        await call("media.attachToPost", postId="p", mediaIds=[media_id])
    assert await current() is None


async def test_a_profile_image_is_not_attached(image, call, current):
    media_id = await image()
    await call("media.setProfileImage", mediaId=media_id)
    with pytest.raises(OtherPurpose):
        await call("media.attachToPost", postId="p", mediaIds=[media_id])
    assert await current() == media_id


async def test_a_profile_image_is_an_image(completed_media, call):
    sound = await completed_media(
        b"RIFF\x24\0\0\0WAVEfmt " + b"\0" * 40, contentType="audio/wav", filename="a.wav", purpose="profile"
    )
    with pytest.raises(NoImage) as refused:
        await call("media.setProfileImage", mediaId=str(sound.id))
    assert (int(refused.value.code), refused.value.details) == (1400, {"mediaId": str(sound.id), "type": "audio"})


async def test_a_pending_upload_is_no_profile_image(pending_upload, image, call, current):
    """And the one that is there stays."""
    media_id = await image()
    await call("media.setProfileImage", mediaId=media_id)
    ticket = await pending_upload(purpose="profile")
    with pytest.raises(MediaUnusable) as refused:
        await call("media.setProfileImage", mediaId=str(ticket.media_id))
    assert refused.value.details == {"mediaId": str(ticket.media_id), "status": "pending"}
    assert await current() == media_id


async def test_a_failed_media_is_no_profile_image(image, call, database_url):
    media_id = await image()
    with psycopg.connect(database_url, autocommit=True) as connection:
        connection.execute("update media set state = 'failed', error_code = 'x', error_reason = 'y'")
    with pytest.raises(MediaUnusable) as refused:
        await call("media.setProfileImage", mediaId=media_id)
    assert refused.value.details == {"mediaId": media_id, "status": "failed"}


async def test_unknown_and_foreign_images_are_not_found(image, call, current):
    foreign = await image(caller=BEN)
    for media_id in (foreign, str(uuid.uuid4())):
        with pytest.raises(MediaNotFound):
            await call("media.setProfileImage", mediaId=media_id)
    assert await current() is None


async def test_an_event_has_a_profile_image_of_its_own(image, call, current, objects):
    """Set and read by whoever may act for it, beside the caller's own, at a home of its own."""
    mine, first, second = await image(), *[await image(caller=ORGANISER, owner=EVENT) for _ in range(2)]
    await call("media.setProfileImage", mediaId=mine)
    await call("media.setProfileImage", caller=ORGANISER, mediaId=first)
    assert (await current(), await current(caller=ORGANISER, owner=EVENT)) == (mine, first)
    await call("media.setProfileImage", caller=SERVICE, mediaId=second)
    assert (await current(), await current(caller=SERVICE, owner=EVENT)) == (mine, second)
    with pytest.raises(ForeignOwner):
        await current(caller=BEN, owner=EVENT)
    homes = {key[: key.index(second)] for key in await objects() if second in key}
    assert homes == {"owners/event/42/profile/", "staging/owners/event/42/profile/"}


@pytest.mark.usefixtures("unhurried")
async def test_of_many_at_once_one_is_left(image, call, current, database_url):
    """Nine images set at once and again, while the current one is deleted: one of them lives, the rest are gone."""
    ids = [await image() for _ in range(10)]
    await call("media.setProfileImage", mediaId=ids[0])

    async def attempt(name: str, media_id: str) -> str:
        try:
            await call(name, mediaId=media_id)
        except MediaNotFound:
            return "gone"
        return "done"

    async with asyncio.timeout(60):
        outcomes = await at_once(
            *(attempt("media.setProfileImage", media_id) for media_id in [*ids[1:], *ids[:0:-1]]),
            attempt("media.deleteMedia", ids[0]),
        )

    assert outcomes[-1] == "done"
    with psycopg.connect(database_url) as connection:
        left = connection.execute("select id::text from media where state <> 'deleted'").fetchall()
    live = await current()
    assert live in ids[1:]
    assert left == [(live,)]


@pytest.mark.usefixtures("unhurried")
async def test_the_same_at_once_is_one_change(image, call, current, database_url):
    former, media_id = await image(), await image()
    await call("media.setProfileImage", mediaId=former)
    answers = await at_once(*(call("media.setProfileImage", mediaId=media_id) for _ in range(10)))
    assert {str(answer.media.id) for answer in answers} == {media_id}
    assert await current() == media_id
    with psycopg.connect(database_url) as connection:
        jobs = connection.execute("select args->>'media_id' from procrastinate_jobs where task_name = 'purge_media'")
        assert jobs.fetchall() == [(former,)]
