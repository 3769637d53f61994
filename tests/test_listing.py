"""`media.listMedia`: pages by key."""

import base64
from typing import Any

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


@pytest.mark.parametrize("procedure", ["media.listMedia", "media.listUploads", "media.listAudit"])
async def test_an_infinite_query_of_trpc_is_answered(call, procedure):
    """It says in which direction it goes, which is forward."""
    service = Caller("admin", scopes=frozenset({"service"}))
    assert (await call(procedure, direction="forward", caller=service)).next_cursor is None
    with pytest.raises(ValidationFailed, match="direction must be forward"):
        await call(procedure, direction="backward", caller=service)


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
    image = await completed_media()
    sound = await completed_media(b"RIFF\x24\0\0\0WAVEfmt " + b"\0" * 40, contentType="audio/wav", filename="a.wav")

    assert await ids(type="image") == ([image.id], None)
    assert await ids(type="audio") == ([sound.id], None)
    assert await ids(type="video") == ([], None)


async def test_profile_images_are_listed_only_when_asked_for(completed_media, pending_upload, ids, call):
    """By their purpose, beside every other filter; a media says what it is for."""
    portrait, upload = await completed_media(purpose="profile"), await pending_upload(purpose="profile")
    image = await completed_media(photo(11, 10))

    assert await ids() == ([image.id], None)
    assert await ids(purpose="post") == ([image.id], None)
    assert await ids(purpose="profile") == ([portrait.id], None)
    assert await ids(purpose="any") == ([image.id, portrait.id], None)
    assert await ids(purpose="any", limit=1) == ([image.id], image.id)
    assert await ids(status="pending") == ([], None)
    assert await ids(status="pending", purpose="profile") == ([upload.media_id], None)
    assert await ids(search="PHOTO") == ([image.id], None)
    assert await ids(search="PHOTO", purpose="profile") == ([portrait.id], None)
    assert await ids(search="PHOTO", purpose="any") == ([image.id, portrait.id], None)
    found = (await call("media.listMedia", purpose="any")).items
    assert [media.purpose for media in found] == ["post", "profile"]


@pytest.fixture
def named(completed_media):
    """The id of a new image of this name."""

    async def make(filename, **params):
        return (await completed_media(filename=filename, **params)).id

    return make


async def test_pages_stay_as_they_are_while_media_come_and_go(completed_media, pending_upload, call, ids):
    """What was shown goes, the media at the cursor too, and others arrive: nothing is shown twice or left out."""
    made = [(await completed_media(photo(10 + n, 10))).id for n in range(8)]
    seen, cursor = await ids(limit=3)
    assert (seen, cursor) == (made[:4:-1], made[5])

    await call("media.deleteMany", mediaIds=[str(made[6]), str(made[5]), str(made[3])])
    await completed_media()
    await pending_upload()

    seen, cursor = await ids(limit=3, cursor=str(cursor))
    assert (seen, cursor) == ([made[4], made[2], made[1]], made[1])
    assert await ids(limit=3, cursor=str(cursor)) == ([made[0]], None)


async def test_a_page_holds_one_post_when_asked(completed_media, call, ids):
    """Newest first, whatever the order of the post, beside every other filter."""
    a, b, c = [(await completed_media(photo(10 + n, 10))).id for n in range(3)]
    await call("media.attachToPost", postId="p", mediaIds=[str(b), str(c), str(a)])
    await completed_media()

    assert await ids(postId="p") == ([c, b, a], None)
    assert await ids(postId="p", limit=2) == ([c, b], b)
    assert await ids(postId="p", limit=2, cursor=str(b)) == ([a], None)
    assert await ids(postId="p", type="video") == ([], None)
    assert await ids(postId="p", status="processing", search="PHOTO") == ([c, b, a], None)
    assert await ids(postId="p", search="other") == ([], None)
    assert await ids(postId="q") == ([], None)
    assert await ids(postId="p", caller=Caller("ben")) == ([], None)


async def test_a_detached_or_deleted_media_is_not_listed_with_its_post(completed_media, call, ids):
    a, b, c = [(await completed_media(photo(10 + n, 10))).id for n in range(3)]
    await call("media.attachToPost", postId="p", mediaIds=[str(a), str(b), str(c)])
    await call("media.detachFromPost", postId="p", mediaIds=[str(a)])
    await call("media.deleteMedia", mediaId=str(b))

    assert await ids(postId="p") == ([c], None)


FOUND = [
    ("Harbour at dawn.jpg", "BOUR AT"),
    ("Harbour.jpg", "harbour.JPG"),
    ("ПРИВЕТ мир.jpg", "привет МИР"),
    ("\u039f\u0394\u039f\u03a3.jpg", "\u03b4\u03bf\u03c2"),
    ("\u039f\u0394\u039f\u03a3.jpg", "\u03b4\u03bf\u03c3"),
    ("\u03bf\u03b4\u03cc\u03c2.jpg", "\u039f\u0394\u038c\u03a3"),
    ("\u00c6r\u00f8.jpg", "\u00c6R\u00d8"),
    ("\U00010428.jpg", "\U00010400"),
    ("a|b(c)^$+?{2}\u005b.jpg", "|B(C)^$+?{2}\u005b"),
    ("Ärger.jpg", "ÄRGER"),
    ("Cafe\u0301.jpg", "CAF\u00c9"),
    ("Caf\u00e9.jpg", "cafe\u0301"),
    ("写真 2026.jpg", "真 20"),
    ("שלום.jpg", "לו"),
    ("\u0645\u06cc\u200c\u062e.jpg", "\u200c\u062e"),
    ("🏖 beach.jpg", "🏖"),
    ("100%.jpg", "0%."),
    ("a_b.jpg", "A_B"),
    ("a'b.jpg", "'B"),
    (".*[x].jpg", "*[X]"),
    ("Screenshot 2026-11-29 at 9.41\u202fPM.png", "9.41 pm"),
    ("Screenshot 2026-11-29 at 9.41 PM.png", "9.41\u202fPM"),
    ("a\u00a0b.jpg", "A B"),
    ("STRASSE.jpg", "straße"),
    ("Straße.jpg", "STRASSE"),
    ("STRA\u1e9eE.jpg", "stras"),
    ("ma\u00dfe.jpg", "MA\u1e9eE"),
    ("\u0130stanbul.jpg", "istanbul"),
    ("I\u0307stanbul.jpg", "ISTANBUL"),
    ("i\u0307stanbul.jpg", "\u0130STAN"),
    ("istanbul.jpg", "\u0130STANBUL"),
    ("\uff30\uff28\uff2f\uff34\uff2f.jpg", "photo"),
    ("o\ufb03ce.jpg", "OFFICE"),
    ("\uff8a\uff9f.jpg", "\u30d1"),
    ("\ufdfa.jpg", "\ufdfa"),
    ("x" * 255, "X" * 255),
]


async def test_a_search_finds_a_part_of_the_name(subtests, named, ids):
    """In upper and lower case of every script, with accents in either form; wildcards are plain characters."""
    for number, (filename, search) in enumerate(FOUND):
        with subtests.test(filename=filename, search=search):
            owner = Caller(f"owner-{number}")
            found = await named(filename, caller=owner)
            await named("something else.png", caller=owner)

            assert await ids(search=search, caller=owner) == ([found], None)


async def test_what_is_not_in_the_name_is_not_found(subtests, named, ids):
    await named("photo.jpg")
    await named("café.jpg")
    await named("aXb.jpg")

    for search in ("%", "_", "\\", "a.b", "*", "photo%", "p_oto", "cafe", " "):
        with subtests.test(search=search):
            assert await ids(search=search) == ([], None)


async def test_a_search_is_paged_beside_every_other_filter(named, pending_upload, ids):
    """Pages hold what was found, however much lies in between."""
    made = []
    for _ in range(3):
        made.append(await named("Cat.jpg"))
        await named("dog.jpg")
    upload = await pending_upload(filename="a CAT.jpg")
    await named("cat.jpg", caller=Caller("ben"))

    assert await ids(search="cat", limit=2) == ([made[2], made[1]], made[1])
    assert await ids(search="cat", limit=2, cursor=str(made[1])) == ([made[0]], None)
    assert await ids(search="cat", status="pending") == ([upload.media_id], None)
    assert await ids(search="cat", type="audio") == ([], None)


async def test_deleted_media_leave_the_list_at_once(completed_media, call, ids):
    media = await completed_media()
    await call("media.deleteMedia", mediaId=str(media.id))

    assert await ids() == ([], None)


async def test_a_page_holds_the_callers_media_only(completed_media, ids):
    await completed_media(caller=Caller("ben"))
    mine = await completed_media()

    assert await ids() == ([mine.id], None)


NO_PAGES: list[dict[str, Any]] = [
    {"limit": 0},
    {"limit": 101},
    {"limit": "5"},
    {"cursor": "x"},
    {"cursor": base64.b64encode(b"0" * 27).decode()},
    {"type": "document"},
    {"status": "deleted"},
    {"purpose": "portrait"},
    {"purpose": 5},
    {"postId": ""},
    {"postId": "p" * 65},
    {"postId": "a\nb"},
    {"search": ""},
    {"search": "x" * 256},
    {"search": "a\0b"},
    {"search": 5},
    {"direction": "backward"},
    {"direction": "up"},
]


async def test_a_page_that_cannot_be_is_invalid_input(subtests, ids):
    for params in NO_PAGES:
        with subtests.test(params=params), pytest.raises(ValidationFailed):
            await ids(**params)
