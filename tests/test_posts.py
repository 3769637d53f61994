"""The media of posts: attached in order, all or none, to one post each, up to the limit."""

import asyncio
import uuid
from dataclasses import replace
from itertools import pairwise, product
from typing import Any

import psycopg
import pytest

from contracts.errors import (
    AttachedElsewhere,
    ForeignOwner,
    MediaNotFound,
    MediaUnusable,
    OtherPurpose,
    PostFull,
    RpcError,
    SeveralOwners,
    ValidationFailed,
)
from rpc.auth import Caller
from tests.at_once import at_once
from tests.callers import SERVICE
from tests.media_files import photo

BEN = Caller("ben")
ORGANISER = Caller("ada", owners=frozenset({"event:42"}))
EVENT = {"type": "event", "id": "42"}


@pytest.fixture
def made(completed_media):
    """The ids of so many new media."""

    async def make(count: int, **params):
        return [str((await completed_media(photo(10 + n, 10), **params)).id) for n in range(count)]

    return make


@pytest.fixture
def attach(call):
    """Attach media to a post; the ids in it."""

    async def run(post: str, ids: list[str], **who) -> list[str]:
        answer = await call("media.attachToPost", postId=post, mediaIds=ids, **who)
        assert {media.post_id for media in answer.items} == {post}
        return [str(media.id) for media in answer.items]

    return run


@pytest.fixture
def listed(call):
    """The ids in a post."""

    async def run(post: str, **params) -> list[str]:
        return [str(media.id) for media in (await call("media.listPostMedia", postId=post, **params)).items]

    return run


@pytest.fixture
def fetch(database_url):
    def run(query: str, *values: object) -> list[Any]:
        with psycopg.connect(database_url, autocommit=True) as connection:
            cursor = connection.execute(query, values)
            return cursor.fetchall() if cursor.description else []

    return run


async def test_media_stand_in_the_order_given(made, attach, listed):
    a, b, c = await made(3)
    assert await attach("p", [c, a, b]) == [c, a, b]
    assert await listed("p") == [c, a, b]


async def test_what_is_attached_later_comes_after(made, attach, listed):
    a, b, c = await made(3)
    await attach("p", [b])
    assert await attach("p", [c, a]) == [b, c, a]
    assert await listed("p") == [b, c, a]


async def test_attaching_again_is_the_same_answer(made, attach, call):
    """No media moves, in whatever order it is named, and none is changed."""
    a, b = await made(2)
    assert await attach("p", [a, b]) == [a, b]
    before = (await call("media.listPostMedia", postId="p")).items
    assert await attach("p", [a, b]) == [a, b]
    assert await attach("p", [b, a]) == [a, b]
    assert [media.updated_at for media in (await call("media.listPostMedia", postId="p")).items] == [
        media.updated_at for media in before
    ]


async def test_a_media_that_is_named_twice_is_attached_once(made, attach):
    a, b = await made(2)
    assert await attach("p", [b, a, b]) == [b, a]


async def test_a_detached_media_may_be_attached_elsewhere(made, attach, listed, call):
    a, b, c = await made(3)
    await attach("p", [a, b, c])
    assert (await call("media.detachFromPost", postId="p", mediaIds=[b])).success is True
    assert (await call("media.getMedia", mediaId=b)).media.post_id is None
    assert await listed("p") == [a, c]
    assert await attach("q", [b]) == [b]
    assert await attach("p", [a, c]) == [a, c]


async def test_detaching_what_is_not_attached_there_is_the_same_answer(made, attach, listed, call):
    """Twice, from another post, and what was deleted since."""
    a, b = await made(2)
    await attach("p", [a])
    for post, media_id in (("p", b), ("q", a), ("q", b), ("p", a), ("p", a)):
        assert (await call("media.detachFromPost", postId=post, mediaIds=[media_id])).success is True
    assert await listed("p") == []
    await call("media.deleteMedia", mediaId=a)
    assert (await call("media.detachFromPost", postId="p", mediaIds=[a])).success is True


async def test_detaching_is_all_or_nothing(made, attach, listed, call):
    (a,) = await made(1)
    (foreign,) = await made(1, caller=BEN)
    await attach("p", [a])
    for unknown in (foreign, str(uuid.uuid4())):
        with pytest.raises(MediaNotFound):
            await call("media.detachFromPost", postId="p", mediaIds=[a, unknown])
    assert await listed("p") == [a]


@pytest.mark.parametrize("state", ["unknown", "foreign", "deleted"])
async def test_what_the_caller_does_not_have_is_not_found(made, attach, listed, call, state):
    """Unknown, somebody else's and deleted read the same, and nothing is attached beside them."""
    (a,) = await made(1)
    (other,) = (
        [str(uuid.uuid4())] if state == "unknown" else await made(1, caller=BEN if state == "foreign" else ORGANISER)
    )
    if state == "deleted":
        await call("media.deleteMedia", mediaId=other)
    with pytest.raises(MediaNotFound):
        await attach("p", [a, other])
    assert await listed("p") == []


async def test_a_pending_upload_is_not_attached(pending_upload, made, attach, listed):
    (a,) = await made(1)
    ticket = await pending_upload()
    with pytest.raises(MediaUnusable) as refused:
        await attach("p", [a, str(ticket.media_id)])
    assert refused.value.details == {"mediaId": str(ticket.media_id), "status": "pending"}
    assert await listed("p") == []


async def test_a_failed_media_is_not_attached(made, attach, fetch):
    """One that fails afterwards stays where it is."""
    a, b = await made(2)
    assert await attach("p", [a]) == [a]
    fetch("update media set state = 'failed', error_code = 'x', error_reason = 'y'")
    with pytest.raises(MediaUnusable) as refused:
        await attach("p", [a, b])
    assert refused.value.details == {"mediaId": b, "status": "failed"}
    assert await attach("p", [a]) == [a]


async def test_a_ready_media_is_attached(ready_media, attach):
    media_id = str((await ready_media()).id)
    assert await attach("p", [media_id]) == [media_id]


async def test_a_profile_image_is_not_attached(made, attach):
    (a,) = await made(1, purpose="profile")
    with pytest.raises(OtherPurpose) as refused:
        await attach("p", [a])
    assert (int(refused.value.code), refused.value.details) == (1400, {"mediaId": a, "purpose": "profile"})


async def test_a_media_belongs_to_one_post(made, attach, listed):
    a, b = await made(2)
    await attach("p", [a])
    with pytest.raises(AttachedElsewhere) as refused:
        await attach("q", [b, a])
    assert (int(refused.value.code), refused.value.details) == (1400, {"mediaId": a, "postId": "p"})
    assert (await listed("p"), await listed("q")) == ([a], [])


async def test_a_post_has_ten_media_at_most(made, attach, listed):
    """The eleventh is refused, with all that came with it; what is there already may be named again."""
    ids = await made(11)
    await attach("p", ids[:9])
    with pytest.raises(PostFull) as refused:
        await attach("p", ids[9:])
    assert (int(refused.value.code), refused.value.details) == (1400, {"mediaId": ids[10], "postId": "p", "limit": 10})
    assert await listed("p") == ids[:9]
    assert await attach("p", ids[:10]) == ids[:10]
    with pytest.raises(PostFull):
        await attach("p", ids)


class TestWithALowerLimit:
    """Where a post has room for two."""

    @pytest.fixture
    def settings(self, settings):
        return replace(settings, post_media_limit=2)

    async def test_the_limit_is_a_setting(self, made, attach, listed):
        ids = await made(3)
        with pytest.raises(PostFull) as refused:
            await attach("p", ids)
        assert refused.value.details == {"mediaId": ids[2], "postId": "p", "limit": 2}
        assert await attach("p", ids[:2]) == ids[:2]

    async def test_a_post_that_has_more_is_left_alone(self, made, attach, fetch):
        """When the limit was higher before: the same list is the same answer, and nothing is added."""
        ids = await made(4)
        for place, media_id in enumerate(ids[:3]):
            fetch("update media set post_id = 'p', post_position = %s where id = %s", place, media_id)
        assert await attach("p", ids[:3]) == ids[:3]
        with pytest.raises(PostFull):
            await attach("p", ids)


async def test_a_post_has_media_of_one_owner(made, attach, listed):
    (mine,) = await made(1)
    (theirs,) = await made(1, caller=ORGANISER, owner=EVENT)
    with pytest.raises(SeveralOwners) as refused:
        await attach("p", [mine, theirs], caller=ORGANISER)
    assert (int(refused.value.code), refused.value.details) == (1400, {"mediaId": theirs})
    with pytest.raises(SeveralOwners):
        await attach("p", [theirs, mine], caller=SERVICE)
    assert await listed("p") == []


async def test_an_event_has_posts_of_its_own(made, attach, listed, call):
    """The same id is another post for another owner; both are changed by whoever may act for the owner."""
    (mine,) = await made(1)
    theirs = await made(2, caller=ORGANISER, owner=EVENT)
    await attach("p", [mine])
    assert await attach("p", theirs, caller=ORGANISER) == theirs
    assert await listed("p") == [mine]
    assert await listed("p", caller=ORGANISER, owner=EVENT) == theirs
    assert await listed("p", caller=SERVICE, owner=EVENT) == theirs
    await call("media.detachFromPost", caller=SERVICE, postId="p", mediaIds=theirs[:1])
    assert await listed("p", caller=SERVICE, owner=EVENT) == theirs[1:]
    assert (await call("media.deletePostMedia", caller=ORGANISER, postId="p", owner=EVENT)).deleted == 1
    assert await listed("p") == [mine]


async def test_posts_of_a_foreign_owner_are_forbidden(made, attach, listed, call):
    theirs = await made(1, caller=ORGANISER, owner=EVENT)
    await attach("p", theirs, caller=ORGANISER)
    for name in ("media.listPostMedia", "media.deletePostMedia"):
        with pytest.raises(ForeignOwner):
            await call(name, caller=BEN, postId="p", owner=EVENT)
    with pytest.raises(MediaNotFound):
        await attach("p", theirs, caller=BEN)
    assert await listed("p", caller=ORGANISER, owner=EVENT) == theirs


async def test_a_deleted_media_leaves_its_post(made, attach, listed, call):
    a, b = await made(2)
    await attach("p", [a, b])
    await call("media.deleteMedia", mediaId=a)
    assert await listed("p") == [b]


async def test_the_media_of_a_post_are_deleted_together(
    made, attach, listed, call, run_pending, objects, after_the_url
):
    """Once; what is not in the post stays, and storage holds nothing else afterwards."""
    a, b, other = await made(3)
    await run_pending()
    await attach("p", [a, b])
    assert (await call("media.deletePostMedia", postId="p")).deleted == 2
    assert (await call("media.deletePostMedia", postId="p")).deleted == 0
    assert await listed("p") == []
    assert [str(media.id) for media in (await call("media.listMedia")).items] == [other]
    await run_pending(after_the_url)
    assert {key.rpartition("/")[2][:36] for key in await objects() if key.startswith("users/")} == {other}


@pytest.mark.usefixtures("unhurried")
async def test_of_two_posts_one_wins(made, call, listed):
    """Twenty at once for one media: one post has it, the others are told which."""
    (a,) = await made(1)

    async def attempt(post: str) -> RpcError | None:
        try:
            await call("media.attachToPost", postId=post, mediaIds=[a])
        except RpcError as refused:
            return refused
        return None

    posts = [f"p{n}" for n in range(20)]
    outcomes = dict(zip(posts, await at_once(*map(attempt, posts)), strict=True))

    (winner,) = [post for post, refused in outcomes.items() if refused is None]
    assert {str(refused.details) for refused in outcomes.values() if refused} == {str({"mediaId": a, "postId": winner})}
    assert await listed(winner) == [a]


@pytest.mark.usefixtures("unhurried")
async def test_calls_at_once_never_pass_the_limit(made, call, listed, fetch):
    """Fourteen media one by one and in overlapping pairs, in both orders: ten stand in the post, each at its place."""
    ids = await made(14)
    pairs = [[a, b] for a, b in pairwise(ids)]

    async def attempt(chosen: list[str]) -> bool:
        try:
            await call("media.attachToPost", postId="p", mediaIds=chosen)
        except PostFull:
            return False
        return True

    outcomes = await at_once(*(attempt(chosen) for pair in pairs for chosen in (pair, pair[::-1], pair[:1])))

    assert 0 < sum(outcomes) < len(outcomes)
    assert len(await listed("p")) == 10
    places = fetch("select post_position from media where post_id = 'p'")
    assert len(set(places)) == len(places)


@pytest.mark.usefixtures("unhurried")
async def test_calls_at_once_do_not_wait_in_a_circle(made, call, fetch):
    """Everything that takes several media, in both orders, of two owners: every call is answered."""
    mine, theirs = await made(4), await made(4, caller=ORGANISER, owner=EVENT)

    async def attempt(name: str, **params) -> None:
        try:
            await call(name, caller=ORGANISER, **params)
        except (AttachedElsewhere, MediaNotFound):
            return

    calls = []
    for ids in (mine, mine[::-1], theirs, theirs[::-1]):
        calls += [attempt("media.attachToPost", postId=post, mediaIds=ids) for post in ("p", "q")]
        calls += [attempt("media.detachFromPost", postId=post, mediaIds=ids) for post in ("p", "q")]
    for ids in ([*mine, *theirs], [*theirs, *mine]):
        calls += [attempt("media.deleteMany", mediaIds=ids[:2] + ids[4:6]), attempt("media.deleteMany", mediaIds=ids)]
    calls += [attempt("media.deletePostMedia", postId="p"), attempt("media.deletePostMedia", postId="p", owner=EVENT)]
    async with asyncio.timeout(60):
        await at_once(*calls)

    assert fetch("select distinct state, post_id from media") == [("deleted", None)]


NO_ATTACHMENTS: dict[str, dict[str, Any]] = {
    "empty": {"postId": "", "mediaIds": [str(uuid.uuid4())]},
    "long": {"postId": "p" * 65, "mediaIds": [str(uuid.uuid4())]},
    "nul": {"postId": "a\0b", "mediaIds": [str(uuid.uuid4())]},
    "number": {"postId": 5, "mediaIds": [str(uuid.uuid4())]},
    "none": {"postId": "p", "mediaIds": []},
    "no id": {"postId": "p", "mediaIds": ["x"]},
    "101": {"postId": "p", "mediaIds": [str(uuid.uuid4()) for _ in range(101)]},
    "missing": {"postId": "p"},
}


async def test_what_cannot_be_attached_is_invalid_input(subtests, call):
    for (case, params), name in product(NO_ATTACHMENTS.items(), ("media.attachToPost", "media.detachFromPost")):
        with subtests.test(case, name=name, params=params), pytest.raises(ValidationFailed):
            await call(name, **params)
