"""Media of owners other than users: whose token lists the owner may touch them, and nobody else."""

from dataclasses import replace
from typing import Any

import psycopg
import pytest

from contracts.errors import (
    ForeignOwner,
    IdempotencyKeyTaken,
    MediaNotFound,
    StorageLimitExceeded,
    UploadNotFound,
    ValidationFailed,
)
from contracts.owners import Owner
from contracts.plans import Plan
from rpc.auth import Caller
from tests.callers import SERVICE
from tests.media_files import photo
from tests.tokens import SECRET, by_hand, claims, token

MIB = 1024**2
EVENT = {"type": "event", "id": "42"}
OTHER_EVENT = {"type": "event", "id": "43"}
HOST = Caller("host", owners=frozenset({"event:42"}))
GUEST = Caller("guest", owners=frozenset({"event:42"}))
STRANGER = Caller("stranger", owners=frozenset({"event:43", "team:42"}))
LOOKALIKE = Caller("event:42")
VIDEO: dict[str, Any] = {"filename": "walk.mp4", "contentType": "video/mp4", "size": 12 * MIB}


@pytest.fixture
def of_event(pending_upload):
    """An upload for the event, begun by its host."""

    async def begin(caller: Caller = HOST, **params: Any) -> str:
        return str((await pending_upload(caller=caller, owner=EVENT, **params)).media_id)

    return begin


async def test_a_media_of_an_event_says_whose_it_is_and_who_brought_it(ready_media, call, client):
    media = await ready_media(caller=HOST, owner=EVENT)
    assert (media.owner_type, media.owner_id, media.user_id) == ("event", "42", "host")
    url = (await call("media.getDownloadUrl", caller=GUEST, mediaId=str(media.id))).url
    assert (await client.get(url)).content == photo()


@pytest.mark.parametrize("caller", [HOST, GUEST, SERVICE], ids=["host", "guest", "service"])
async def test_whoever_the_owner_is_listed_for_may_do_everything(call, put, of_event, caller, client):
    """List, see the usage, complete, get, delete; and begin, resume and cancel uploads in parts."""
    for name in ("media.listMedia", "media.listUploads"):
        assert (await call(name, caller=caller, owner=EVENT)).items == []
    ticket = await call(
        "media.initiateUpload",
        caller=caller, owner=EVENT, filename="photo.jpg", contentType="image/jpeg", size=len(photo()),
    )  # fmt: skip
    assert (await call("media.getStorageUsage", caller=caller, owner=EVENT)).reserved == len(photo())
    assert (await put(ticket, photo())).status_code == 200
    media_id = str(ticket.media_id)
    assert (await call("media.completeUpload", caller=caller, mediaId=media_id)).media.owner_id == "42"
    assert [item.id for item in (await call("media.listMedia", caller=caller, owner=EVENT)).items] == [ticket.media_id]
    assert (await call("media.listMedia", caller=caller)).items == []
    told = await call("media.pollEvents", caller=caller, owner=EVENT, since="start", waitSeconds=0)
    assert [event.type for event in told.events] == ["upload.started", "media.processing"]
    told = await call("media.pollEvents", caller=caller, mediaId=media_id, since="start", waitSeconds=0)
    assert len(told.events) == 2
    assert (await call("media.deleteMedia", caller=caller, mediaId=media_id)).success

    clip = await call("media.initiateMultipartUpload", caller=caller, owner=EVENT, **VIDEO)
    video_id = str(clip.media_id)
    uploads = await call("media.listUploads", caller=caller, owner=EVENT)
    assert [upload.media_id for upload in uploads.items] == [clip.media_id]
    assert len((await call("media.signParts", caller=caller, mediaId=video_id, partNumbers=[1, 2])).parts) == 2
    assert (await call("media.getUploadStatus", caller=caller, mediaId=video_id)).missing_parts == [1, 2]
    assert (await call("media.cancelUpload", caller=caller, mediaId=video_id)).success


NAMED: dict[str, dict[str, Any]] = {
    "media.initiateUpload": {"filename": "a.jpg", "contentType": "image/jpeg", "size": 5},
    "media.initiateMultipartUpload": VIDEO,
    "media.listMedia": {},
    "media.listUploads": {},
    "media.getStorageUsage": {},
    "media.pollEvents": {"waitSeconds": 0},
}
BY_ID: dict[str, dict[str, Any]] = {
    "media.getMedia": {},
    "media.getDownloadUrl": {},
    "media.getUploadStatus": {},
    "media.completeUpload": {},
    "media.completeMultipartUpload": {},
    "media.signParts": {"partNumbers": [1]},
    "media.cancelUpload": {},
    "media.deleteMedia": {},
    "media.pollEvents": {"waitSeconds": 0},
}


@pytest.mark.parametrize("caller", [Caller("ada"), STRANGER, LOOKALIKE], ids=["nobody", "other", "lookalike"])
async def test_whoever_the_owner_is_not_listed_for_may_do_nothing(call, of_event, caller):
    """A named owner is foreign; a media of it is not found, as an id is that nobody has."""
    media_id = await of_event()
    for name, params in NAMED.items():
        with pytest.raises(ForeignOwner) as foreign:
            await call(name, caller=caller, owner=EVENT, **params)
        assert (foreign.value.code, foreign.value.owner) == (1100, "event:42")
    for name, params in BY_ID.items():
        with pytest.raises((MediaNotFound, UploadNotFound)) as missing:
            await call(name, caller=caller, mediaId=media_id, **params)
        assert missing.value.code == 1300
    assert (await call("media.getMedia", caller=HOST, mediaId=media_id)).media.status == "pending"


async def test_events_of_a_media_are_those_of_the_owner_who_is_named(call, of_event):
    """Foreign is foreign, whichever media stands beside it; of any other owner's events it has none."""
    media_id, poll = await of_event(), "media.pollEvents"
    told = await call(poll, caller=HOST, mediaId=media_id, owner=EVENT, since="start", waitSeconds=0)
    assert len(told.events) == 1
    with pytest.raises(ForeignOwner):
        await call(poll, caller=HOST, mediaId=media_id, owner={"type": "event", "id": "43"}, waitSeconds=0)
    with pytest.raises(MediaNotFound):
        await call(poll, caller=HOST, mediaId=media_id, owner={"type": "user", "id": "host"}, waitSeconds=0)


async def test_a_foreign_owner_changes_nothing(call, database_url):
    with pytest.raises(ForeignOwner):
        await call("media.initiateUpload", owner=EVENT, **NAMED["media.initiateUpload"])
    with psycopg.connect(database_url) as connection:
        for table in ("media", "storage_usage", "events", "audit"):
            assert connection.execute(f"select count(*) from {table}").fetchone() == (0,)


async def test_naming_oneself_is_naming_nobody(call, pending_upload):
    """As a user, by the id of the token."""
    for caller in (Caller("ada"), LOOKALIKE, Caller("auth0:1")):
        oneself = {"type": "user", "id": caller.id}
        ticket = await pending_upload(caller=caller, owner=oneself)
        listed = await call("media.listMedia", caller=caller, owner=oneself, status="pending")
        assert listed == await call("media.listMedia", caller=caller, status="pending")
        (media,) = listed.items
        assert (media.id, media.owner_type, media.owner_id) == (ticket.media_id, "user", caller.id)


USERS = ("event:42", "user:event:42", "user:ada", "ada", "auth0:1", "user:auth0:1", ":", "a:", ":a", "%", "e_ent:42")


async def test_no_user_is_taken_for_another_owner(call, pending_upload, of_event, database_url):
    """Ids with colons, in every disguise: each user has the one upload of their own, and the event has its own."""
    theirs = {user: (await pending_upload(caller=Caller(user))).media_id for user in USERS}
    of_the_event = await of_event()

    for user, media_id in theirs.items():
        caller = Caller(user)
        listed = (await call("media.listMedia", caller=caller, status="pending")).items
        assert [(item.id, item.owner_type, item.owner_id, item.user_id) for item in listed] == [
            (media_id, "user", user, user)
        ]
        for other in [of_the_event, *(str(other) for other in theirs.values() if other != media_id)]:
            with pytest.raises(MediaNotFound):
                await call("media.getMedia", caller=caller, mediaId=other)
        with pytest.raises(MediaNotFound):
            await call("media.getMedia", caller=HOST, mediaId=str(media_id))
    listed = (await call("media.listMedia", caller=HOST, owner=EVENT, status="pending")).items
    assert [str(item.id) for item in listed] == [of_the_event]
    with psycopg.connect(database_url) as connection:
        keys = connection.execute("select count(distinct owner_id), count(distinct staging_key) from media").fetchone()
    assert keys == (len(USERS) + 1, len(USERS) + 1)


KEYS = [
    (Owner(type="user", id="ada"), "ada"),
    (Owner(type="user", id="auth0:1"), "user:auth0:1"),
    (Owner(type="user", id="user:1"), "user:user:1"),
    (Owner(type="event", id="42"), "event:42"),
    (Owner(type="event", id="a:b"), "event:a:b"),
]


def test_an_owner_and_its_key_stand_for_each_other(subtests):
    for owner, key in KEYS:
        with subtests.test(owner=owner, key=key):
            assert owner.key == key
            assert Owner.of(key) == owner


NO_OWNERS = [
    "event",
    "event:",
    "Event:42",
    "event:4\n2",
    {"type": "event"},
    {"id": "42"},
    {"type": "Event", "id": "42"},
    {"type": "", "id": "42"},
    {"type": "e" * 33, "id": "42"},
    {"type": "event:42", "id": "x"},
    {"type": "event\n", "id": "42"},
    {"type": "event", "id": ""},
    {"type": "event", "id": "4" * 65},
    {"type": "event", "id": "4\n2"},
    {"type": "event", "id": 42},
    {"type": "event", "id": "42", "role": "admin"},
]


async def test_what_is_no_owner_is_refused(subtests, call):
    for owner in NO_OWNERS:
        with subtests.test(owner=owner):
            with pytest.raises(ValidationFailed) as refused:
                await call("media.listMedia", caller=SERVICE, owner=owner)
            assert refused.value.field.startswith("owner")


async def test_the_quota_is_the_owners(call, pending_upload):
    """The free plan's until one is set, whatever plan the caller has; and what comes in weighs on the owner alone."""
    rich = Caller("host", Plan.PREMIUM, owners=frozenset({"event:42"}))
    large = {"filename": "w.mp4", "contentType": "video/mp4"}
    await pending_upload(caller=rich, owner=EVENT, size=40 * MIB, **large)
    with pytest.raises(StorageLimitExceeded) as refused:
        await pending_upload(caller=rich, owner=EVENT, size=20 * MIB, **large)
    assert (refused.value.quota, refused.value.available) == (50 * MIB, 10 * MIB)
    assert (await call("media.getStorageUsage", caller=rich, owner=EVENT)).limit == 50 * MIB

    await call("media.setPlan", caller=SERVICE, owner=EVENT, plan="basic")
    await pending_upload(caller=rich, owner=EVENT, size=20 * MIB, **large)

    of_event = await call("media.getStorageUsage", caller=rich, owner=EVENT)
    assert (of_event.reserved, of_event.limit) == (60 * MIB, 1024 * MIB)
    own = await call("media.getStorageUsage", caller=rich)
    assert (own.reserved, own.limit) == (0, 10 * 1024 * MIB)


async def test_an_idempotency_key_is_the_callers(pending_upload, of_event):
    """Two callers may use one key for one owner; one caller may not use it for two owners."""
    first = await of_event(HOST, idempotencyKey="k")
    assert await of_event(HOST, idempotencyKey="k") == first
    assert await of_event(GUEST, idempotencyKey="k") != first
    for owner in ({}, {"owner": OTHER_EVENT}):
        host = Caller("host", owners=frozenset({"event:42", "event:43"}))
        with pytest.raises(IdempotencyKeyTaken):
            await pending_upload(caller=host, idempotencyKey="k", **owner)


async def test_an_owner_can_be_taken_from_a_token(call, of_event):
    """Who begins an upload may lose the owner: then it is not theirs to go on with."""
    media_id = await of_event(HOST)
    with pytest.raises(UploadNotFound):
        await call("media.completeUpload", caller=Caller("host"), mediaId=media_id)


@pytest.fixture
def asked(http):
    """List the event's media over HTTP with a token of these claims; the code, or how many there are."""

    async def ask(**claims: Any) -> int | str:
        headers = {"authorization": f"Bearer {token(SECRET, **claims)}"}
        document = {"procedure": "media.listMedia", "input": {"owner": EVENT, "status": "pending"}}
        answer = (await http.post("/rpc", json=document, headers=headers)).json()
        return len(answer["data"]["items"]) if answer["success"] else str(answer["error"]["code"])

    return ask


@pytest.fixture
def settings(settings):
    return replace(settings, auth_jwt_secret=SECRET)


CLAIMS: list[tuple[dict[str, Any], int | str]] = [
    ({"owners": ["event:42"]}, 1),
    ({"owners": ["team:1", "event:42", "event:42"]}, 1),
    ({"scope": "service"}, 1),
    ({"scope": "media service", "owners": []}, 1),
    ({}, "1100"),
    ({"owners": []}, "1100"),
    ({"owners": ["event:43"]}, "1100"),
    ({"owners": ["event:4"]}, "1100"),
    ({"owners": ["user:event:42"]}, "1100"),
    ({"sub": "event:42"}, "1100"),
    ({"scope": "services"}, "1100"),
    ({"owners": "event:42"}, "1003"),
    ({"owners": {"event": "42"}}, "1003"),
    ({"owners": 42}, "1003"),
    ({"owners": [42]}, "1003"),
    ({"owners": ["event"]}, "1003"),
    ({"owners": ["event:42", "event"]}, "1003"),
    ({"owners": [""]}, "1003"),
    ({"owners": [":42"]}, "1003"),
    ({"owners": ["event:"]}, "1003"),
    ({"owners": ["Event:42"]}, "1003"),
    ({"owners": [f"event:{'4' * 65}"]}, "1003"),
    ({"owners": ["event:4\n2"]}, "1003"),
    ({"owners": [None]}, "1003"),
    ({"owners": [["event:42"]]}, "1003"),
]


async def test_the_claim_lists_owners(subtests, asked, of_event):
    """`["event:42"]`; what is no list of owners makes the token bad, whatever is asked for."""
    await of_event()
    for told, answer in CLAIMS:
        with subtests.test(told=told):
            assert await asked(**told) == answer


async def test_a_claim_that_is_null_is_bad(http):
    """In a JWT; an introspection answer's null says nothing."""
    credential = by_hand({"alg": "HS256"}, {**claims(), "owners": None}, SECRET)
    answer = await http.post(
        "/rpc", json={"procedure": "media.listMedia"}, headers={"authorization": f"Bearer {credential}"}
    )
    assert answer.json()["error"]["code"] == 1003
