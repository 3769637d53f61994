"""`media.getMany`: media by their ids, whoever owns them, for the host application."""

import pytest

from contracts.errors import ServiceOnly, ValidationFailed
from rpc.auth import Caller
from tests.callers import SERVICE

UNKNOWN = "00000000-0000-4000-8000-000000000000"


async def test_a_service_gets_the_media_of_many_owners_at_once(call, completed_media, pending_upload):
    """In the order of the ids, as often as they are named, in every state; null for what is unknown or deleted."""
    hers, his = await completed_media(caller=Caller("eve")), await completed_media()
    upload, gone = await pending_upload(), await completed_media(purpose="profile")
    await call("media.deleteMedia", mediaId=str(gone.id))
    asked = [his.id, UNKNOWN, hers.id, gone.id, upload.media_id, his.id]

    items = (await call("media.getMany", caller=SERVICE, mediaIds=[str(media_id) for media_id in asked])).items

    found = [media and (media.owner_id, media.id, media.status.value) for media in items]
    assert found == [
        ("ada", his.id, "processing"),
        None,
        ("eve", hers.id, "processing"),
        None,
        ("ada", upload.media_id, "pending"),
        ("ada", his.id, "processing"),
    ]
    one = (await call("media.getMedia", caller=SERVICE, mediaId=str(hers.id))).media
    assert items[2] == one


@pytest.mark.parametrize("caller", [Caller("ada"), Caller("ada", owners=frozenset({"event:42"}))])
async def test_nobody_else_gets_many(call, completed_media, caller):
    """Not even their own: a list is for that."""
    media = await completed_media()
    with pytest.raises(ServiceOnly):
        await call("media.getMany", caller=caller, mediaIds=[str(media.id)])


@pytest.mark.parametrize("ids", [[], [UNKNOWN] * 101, ["7"], "7"])
async def test_one_to_a_hundred_ids_are_asked_for(call, ids):
    with pytest.raises(ValidationFailed):
        await call("media.getMany", caller=SERVICE, mediaIds=ids)
    assert (await call("media.getMany", caller=SERVICE, mediaIds=[UNKNOWN] * 100)).items == [None] * 100
