"""`media.listMedia`: pages by key."""

import base64

import pytest

from contracts.errors import ValidationFailed
from rpc.auth import Caller
from tests.media_files import photo


@pytest.fixture
def ids(call):
    """The ids of a page, and its cursor."""

    async def page(**params):
        answer = await call("media.listMedia", **params)
        return [media.id for media in answer.items], answer.next_cursor

    return page


async def test_an_owner_without_media_has_an_empty_page(ids):
    assert await ids() == ([], None)


async def test_pages_follow_each_other_newest_first(completed_media, ids):
    """Nothing is shown twice or left out, whatever arrives in between."""
    made = [(await completed_media(photo(10 + n, 10))).id for n in range(5)]

    first, cursor = await ids(limit=2)
    assert first == [made[4], made[3]]
    await completed_media()
    second, cursor = await ids(limit=2, cursor=str(cursor))
    assert second == [made[2], made[1]]
    assert await ids(limit=2, cursor=str(cursor)) == ([made[0]], None)


async def test_a_full_last_page_has_no_cursor(completed_media, ids):
    made = [(await completed_media(photo(10 + n, 10))).id for n in range(2)]

    assert await ids(limit=2) == (made[::-1], None)


async def test_unfinished_uploads_are_shown_only_when_asked_for(pending_upload, completed_media, ids):
    upload, media = await pending_upload(), await completed_media()

    assert await ids() == ([media.id], None)
    assert await ids(status="pending") == ([upload.media_id], None)
    assert await ids(status="processing") == ([media.id], None)
    assert await ids(status="ready") == ([], None)


async def test_a_page_holds_one_type_when_asked(completed_media, ids):
    picture = await completed_media()
    sound = await completed_media(b"RIFF\x24\0\0\0WAVEfmt " + b"\0" * 40, contentType="audio/wav", filename="a.wav")

    assert await ids(type="image") == ([picture.id], None)
    assert await ids(type="audio") == ([sound.id], None)
    assert await ids(type="video") == ([], None)


async def test_deleted_media_leave_the_list_at_once(completed_media, call, ids):
    media = await completed_media()
    await call("media.deleteMedia", mediaId=str(media.id))

    assert await ids() == ([], None)


async def test_a_page_holds_the_callers_media_only(completed_media, ids):
    await completed_media(caller=Caller("ben"))
    mine = await completed_media()

    assert await ids() == ([mine.id], None)


@pytest.mark.parametrize(
    "params",
    [
        {"limit": 0},
        {"limit": 101},
        {"limit": "5"},
        {"cursor": "x"},
        {"cursor": base64.b64encode(b"0" * 27).decode()},
        {"type": "document"},
        {"status": "deleted"},
    ],
    ids=str,
)
async def test_a_page_that_cannot_be_is_invalid_input(ids, params):
    with pytest.raises(ValidationFailed):
        await ids(**params)
