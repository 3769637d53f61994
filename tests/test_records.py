"""The audit of what happens to several media at once: a record for each."""

import json

import psycopg
import pytest

from contracts.errors import RpcError
from rpc.auth import Caller

ORGANISER = Caller("ada", owners=frozenset({"event:42"}))
EVENT = {"type": "event", "id": "42"}


@pytest.fixture
def records(database_url):
    """The records of one procedure: owner, media and input of each, in the order of the media."""

    def read(procedure: str) -> list[tuple[str, str | None, dict[str, object]]]:
        query = (
            "select owner_id, media_id::text, input::text from audit"
            " where procedure = %s and user_id = 'ada' and request_id = 'req_test' order by media_id"
        )
        with psycopg.connect(database_url) as connection:
            rows = connection.execute(query, [procedure]).fetchall()
        return [(owner, media_id, json.loads(told)) for owner, media_id, told in rows]

    return read


@pytest.fixture
def made(completed_media):
    """The ids of so many new media of an event, in their order."""

    async def make(count: int, **params):
        return [str((await completed_media(caller=ORGANISER, owner=EVENT, **params)).id) for _ in range(count)]

    return make


async def test_every_media_that_is_changed_has_a_record(made, call, records):
    """One for each media, with its owner, who asked, and for which post; what was not changed has none."""
    a, b, c = await made(3)
    post = {"postId": "p"}

    await call("media.attachToPost", caller=ORGANISER, postId="p", mediaIds=[a])
    await call("media.attachToPost", caller=ORGANISER, postId="p", mediaIds=[b, a, b])
    assert records("media.attachToPost") == [("event:42", a, post), ("event:42", b, post)]

    await call("media.detachFromPost", caller=ORGANISER, postId="p", mediaIds=[a, c])
    assert records("media.detachFromPost") == [("event:42", a, post)]

    await call("media.deletePostMedia", caller=ORGANISER, postId="p", owner=EVENT)
    assert records("media.deletePostMedia") == [("event:42", b, post)]

    many = [c, b, a, "00000000-0000-4000-8000-000000000000"]
    await call("media.deleteMany", caller=ORGANISER, mediaIds=many)
    assert records("media.deleteMany") == [("event:42", a, {}), ("event:42", c, {})]


async def test_a_replaced_profile_image_has_a_record_beside_the_new_one(made, call, records):
    former, new = await made(2, purpose="profile")
    for media_id in (former, new):
        await call("media.setProfileImage", caller=ORGANISER, mediaId=media_id)

    recorded = records("media.setProfileImage")
    assert recorded == [("event:42", former, {}), ("event:42", former, {}), ("event:42", new, {})]


async def test_a_change_of_nothing_has_no_record(call, records):
    await call("media.deletePostMedia", postId="p")
    await call("media.deleteMany", mediaIds=["00000000-0000-4000-8000-000000000000"])
    assert records("media.deletePostMedia") + records("media.deleteMany") == []


async def test_what_is_refused_has_no_record(made, call, records, pending_upload):
    (media_id,) = await made(1)
    upload = str((await pending_upload()).media_id)
    for name in ("media.attachToPost", "media.detachFromPost", "media.setProfileImage"):
        told = (
            {"mediaId": media_id}
            if name == "media.setProfileImage"
            else {"postId": "p", "mediaIds": [media_id, upload]}
        )
        with pytest.raises(RpcError):
            await call(name, **told)
        assert records(name) == []
