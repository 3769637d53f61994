"""Every procedure against every kind of caller who may not: the exact code, and nothing changed."""

import json
import time
from dataclasses import replace
from typing import Any
from uuid import uuid4

import psycopg
import pytest

from contracts.errors import ServiceOnly
from procedures import PROCEDURES
from rpc.auth import Caller
from rpc.dispatch import validate
from rpc.procedure import Procedure, ProcedureKind
from tests.authorization_server import authorization_server
from tests.deployment import SECRET
from tests.tokens import OTHER_SECRET, by_hand, claims, token

TABLES = (
    "media", "storage_usage", "events", "idempotency_keys", "rate_windows", "profile_images", "audit",
    "procrastinate_jobs",
)  # fmt: skip
PRIVATE = [procedure for procedure in PROCEDURES if not procedure.public]
OF_ONE_MEDIA = [procedure for procedure in PRIVATE if {"mediaId", "mediaIds"} & set(procedure.parameters)]
OF_AN_OWNER = [procedure for procedure in PRIVATE if "owner" in procedure.parameters]
OF_MANY = ["media.deleteMany"]  # which answers for each of them
OF_SERVICES = [procedure for procedure in PRIVATE if ServiceOnly in procedure.raises]
NO_ERROR = {"data": {"rpcCode": 0}}
EVENT = {"type": "event", "id": "42"}
FILE = {"filename": "a.mp4", "contentType": "video/mp4", "size": 5, "idempotencyKey": "k"}
# What a procedure needs beside the id of a media for its input to be good.
INPUTS: dict[str, dict[str, Any]] = {
    "media.initiateUpload": FILE,
    "media.initiateUploads": {"uploads": [FILE]},
    "media.initiateMultipartUpload": FILE,
    "media.signParts": {"partNumbers": [1]},
    "media.uploadPart": {"partNumber": 1},
    "media.attachToPost": {"postId": "q"},
    "media.detachFromPost": {"postId": "p"},
    "media.listPostMedia": {"postId": "p"},
    "media.deletePostMedia": {"postId": "p"},
    "media.pollEvents": {"waitSeconds": 0},
    "media.setPlan": {"userId": "ada", "plan": "premium"},
    "media.purgeUser": {"userId": "ada"},
}
SESSIONS: dict[str, dict[str, Any]] = {
    "adas-session": {"sub": "ada"},
    "bens-session": {"sub": "ben", "owners": ["event:43"]},
    "a-services-session": {"sub": "ben", "scope": "service"},
    "a-hosts-session": {"sub": "ben", "owners": ["event:42"]},
    "a-session-with-bad-owners": {"sub": "ada", "owners": "event:42"},
    "expired-session": {"sub": "ada", "exp": int(time.time()) - 600},
}


def bearer_of(credential: str) -> dict[str, str]:
    return {"authorization": f"Bearer {credential}"}


def cookie_of(credential: str, **headers: str) -> dict[str, str]:
    return {"cookie": f"session={credential}", **headers}


REFUSED: dict[str, tuple[dict[str, str], int]] = {
    "no-token": ({}, 1000),
    "empty-token": (bearer_of(""), 1000),
    "expired": (bearer_of(token(SECRET, exp=int(time.time()) - 600)), 1002),
    "wrong-key": (bearer_of(token(OTHER_SECRET)), 1003),
    "wrong-alg": (bearer_of(by_hand({"alg": "HS512"}, claims(), SECRET)), 1003),
    "alg-none": (bearer_of(by_hand({"alg": "none"}, claims(), None)), 1003),
    "unknown-plan": (bearer_of(token(SECRET, plan="gold")), 1003),
    "scope-of-another-kind": (bearer_of(token(SECRET, scope=["service"])), 1003),
    "owners-of-another-kind": (bearer_of(token(SECRET, owners="event:42")), 1003),
    "an-owner-without-a-type": (bearer_of(token(SECRET, owners=["42"])), 1003),
    "owners-of-another-kind-by-session": (bearer_of("a-session-with-bad-owners"), 1003),
    "unknown-session": (bearer_of("unknown-session"), 1003),
    "expired-session": (bearer_of("expired-session"), 1002),
    "unknown-session-in-the-cookie": (cookie_of("unknown-session"), 1003),
    "token-in-the-cookie-from-another-site": (cookie_of(token(SECRET), origin="https://evil.example"), 1100),
    "session-in-the-cookie-from-another-site": (cookie_of("adas-session", **{"sec-fetch-site": "cross-site"}), 1100),
}
OTHERS = {
    "other-owner": bearer_of(token(SECRET, sub="ben")),
    "other-owner-with-other-scopes": bearer_of(token(SECRET, sub="ben", scope="admin services * media:write ada")),
    "other-owner-by-case": bearer_of(token(SECRET, sub="Ada")),
    "other-owner-who-may-touch-others-owners": bearer_of(token(SECRET, sub="ben", owners=["event:43", "user:carl"])),
    "other-owner-named-like-the-event": bearer_of(token(SECRET, sub="event:42")),
    "other-owner-by-session": bearer_of("bens-session"),
    "other-owner-by-cookie": cookie_of("bens-session"),
}
SERVICES = {
    "service": bearer_of(token(SECRET, sub="ben", scope="service")),
    "service-among-scopes": bearer_of(token(SECRET, sub="ben", scope="admin service * media:write")),
    "service-by-session": bearer_of("a-services-session"),
    "service-by-cookie": cookie_of("a-services-session"),
}
HOSTS = {
    "host": bearer_of(token(SECRET, sub="ben", owners=["event:42"])),
    "host-of-many": bearer_of(token(SECRET, sub="ben", owners=["team:1", "event:42"])),
    "host-by-session": bearer_of("a-hosts-session"),
    "host-by-cookie": cookie_of("a-hosts-session"),
}


def good_input(procedure: Procedure, media_id: str) -> dict[str, Any]:
    """An input that would be accepted of the one who may."""
    ids = {"mediaId": media_id, "mediaIds": [media_id]}
    named = {name: told for name, told in ids.items() if name in procedure.parameters}
    return {**named, **INPUTS.get(procedure.name, {})}


@pytest.fixture
async def sessions():
    """An authorization server that knows `SESSIONS`."""
    async with authorization_server() as server:
        server.tokens.update(SESSIONS)
        yield server


@pytest.fixture
def settings(settings, sessions):
    """Every way to name a caller, set up at once."""
    return replace(settings, auth_introspection_url=sessions.url, auth_cookie="session")


@pytest.fixture
def rows(database_url):
    """Everything that the database holds."""

    def read() -> dict[str, list[Any]]:
        with psycopg.connect(database_url, autocommit=True) as connection:
            return {table: connection.execute(f"select * from {table} order by 1").fetchall() for table in TABLES}

    return read


@pytest.fixture
def codes(http):
    """The codes of a call in the dialects that have it; 0 for an answer that is none."""

    async def ask(procedure: Procedure, params: Any, headers: dict[str, str]) -> set[int]:
        name = procedure.name
        if procedure.takes_content:
            sent = {**headers, "content-type": "application/octet-stream"}
            query = {"input": json.dumps(params)}
            brought = await http.post(f"/rpc/{name}", params=query, content=b"bytes", headers=sent)
            return {brought.json().get("error", NO_ERROR)["data"]["rpcCode"]}
        trpc = await http.post(f"/rpc/{name}", json=params, headers=headers)
        if procedure.kind is ProcedureKind.SUBSCRIPTION:
            told = trpc.text.partition("event: serialized-error\ndata: ")[2].partition("\n")[0]
            return {json.loads(told)["data"]["rpcCode"]}
        document = {"jsonrpc": "2.0", "id": 1, "method": name, "params": params}
        jsonrpc = (await http.post("/rpc", json=document, headers=headers)).json()
        envelope = (await http.post("/rpc", json={"procedure": name, "input": params}, headers=headers)).json()
        of_trpc, of_jsonrpc = (answer.get("error", NO_ERROR)["data"]["rpcCode"] for answer in (trpc.json(), jsonrpc))
        return {of_trpc, of_jsonrpc, envelope.get("error", {"code": 0})["code"]}

    return ask


@pytest.fixture
async def medias(rendered_once, pending_upload, ready_media, call):
    """An id of ada's in each state that she sees, and of the event's, which carl has uploaded for."""
    clip = await call("media.initiateMultipartUpload", **FILE | {"idempotencyKey": None})
    carl = Caller("carl", owners=frozenset({"event:42"}))
    of_event = await pending_upload(caller=carl, owner=EVENT)
    ready = await ready_media()
    await call("media.attachToPost", postId="p", mediaIds=[str(ready.id)])
    return [str((await pending_upload()).media_id), str(clip.media_id), str(of_event.media_id), str(ready.id)]


@pytest.fixture
async def portrait(completed_media, call):
    """The id of ada's profile image."""
    media_id = str((await completed_media(purpose="profile")).id)
    await call("media.setProfileImage", mediaId=media_id)
    return media_id


def test_one_procedure_alone_is_public():
    assert [procedure.name for procedure in PROCEDURES if procedure.public] == ["media.getSupportedFormats"]


def test_every_input_is_good():
    """What the tests below send would be accepted of the one who may: refusals are not for its sake."""
    for procedure in PRIVATE:
        validate(procedure, good_input(procedure, str(uuid4())))
    assert set(INPUTS) <= {procedure.name for procedure in PRIVATE}


@pytest.mark.exhaustive
@pytest.mark.parametrize(("headers", "code"), REFUSED.values(), ids=REFUSED.keys())
async def test_a_bad_credential_is_refused(medias, rows, codes, headers, code):
    """By every procedure, in every dialect, with an input that would be good, and with none."""
    before = rows()
    for procedure in PRIVATE:
        answers = [await codes(procedure, told, headers) for told in (good_input(procedure, medias[-1]), {})]
        assert (procedure.name, answers) == (procedure.name, [{code}, {code}])
    assert rows() == before


@pytest.mark.exhaustive
@pytest.mark.parametrize("headers", OTHERS.values(), ids=OTHERS.keys())
async def test_the_media_of_another_owner_are_not_found(medias, rows, codes, headers):
    """Whatever is asked of them; it reads like an id that nobody has."""
    before = rows()
    for procedure in OF_ONE_MEDIA:
        for media_id in () if procedure in OF_SERVICES or procedure.name in OF_MANY else medias:
            answer = await codes(procedure, good_input(procedure, media_id), headers)
            assert (procedure.name, answer) == (procedure.name, {1300})
    assert rows() == before


@pytest.mark.exhaustive
@pytest.mark.parametrize("headers", OTHERS.values(), ids=OTHERS.keys())
async def test_what_others_own_as_a_whole_is_forbidden(medias, rows, codes, headers):
    """To name another owner, as a user or not, and what is for services: 1100, whoever that owner is."""
    before = rows()
    for procedure in PRIVATE:
        told = good_input(procedure, medias[-1])
        if procedure in OF_SERVICES:
            assert (procedure.name, await codes(procedure, told, headers)) == (procedure.name, {1100})
        elif procedure in OF_AN_OWNER:
            told.pop("mediaId", None)
            for owner in (EVENT, {"type": "user", "id": "ada"}, {"type": "event", "id": "nobody"}):
                answer = await codes(procedure, {**told, "owner": owner}, headers)
                assert (procedure.name, owner, answer) == (procedure.name, owner, {1100})
    assert rows() == before


@pytest.mark.exhaustive
@pytest.mark.parametrize("headers", OTHERS.values(), ids=OTHERS.keys())
async def test_the_posts_and_the_profile_image_of_another_owner_are_out_of_reach(
    medias, portrait, rows, http, codes, headers
):
    """Under the same ids there is nothing to see or to delete."""
    before = rows()

    async def ask(name: str, **params: Any) -> Any:
        return (await http.post("/rpc", json={"procedure": name, "input": params}, headers=headers)).json()["data"]

    assert await ask("media.listPostMedia", postId="p") == {"items": [], "lastEventId": "0"}
    assert await ask("media.deletePostMedia", postId="p") == {"deleted": 0}
    assert await ask("media.getProfileImage") == {"media": None}
    told = await ask("media.deleteMany", mediaIds=[*medias, portrait])
    assert [(deletion["success"], deletion["error"]["code"]) for deletion in told["results"]] == [(False, 1300)] * 5
    assert rows() == before


@pytest.mark.exhaustive
@pytest.mark.parametrize("headers", OTHERS.values(), ids=OTHERS.keys())
async def test_a_listing_and_a_usage_are_the_callers_own(medias, rows, http, headers):
    """Another owner's id as cursor shows nothing of the other owner."""
    before = rows()
    for params in ({}, {"status": "pending"}, {"cursor": medias[-1]}, {"postId": "p"}, {"search": "photo"}):
        listed = await http.post("/rpc", json={"procedure": "media.listMedia", "input": params}, headers=headers)
        assert listed.json()["data"] == {"items": [], "nextCursor": None, "lastEventId": "0"}
    usage = (await http.post("/rpc", json={"procedure": "media.getStorageUsage"}, headers=headers)).json()["data"]
    assert (usage["used"], usage["reserved"]) == (0, 0)
    assert rows() == before


@pytest.mark.exhaustive
@pytest.mark.parametrize("headers", SERVICES.values(), ids=SERVICES.keys())
async def test_a_service_may_act_on_everybodys_media(medias, http, headers):
    """By id, and for owners by name; what names nobody is still its own."""
    for media_id in medias:
        assert await found(http, headers, media_id) == media_id
    assert await unfinished(http, headers, EVENT) == [medias[2]]
    assert await unfinished(http, headers, {"type": "user", "id": "ada"}) == [medias[0], medias[1]]
    assert await unfinished(http, headers, None) == []
    deleted = {"procedure": "media.deleteMedia", "input": {"mediaId": medias[0]}}
    assert (await http.post("/rpc", json=deleted, headers=headers)).json()["data"] == {"success": True}


@pytest.mark.exhaustive
@pytest.mark.parametrize("headers", HOSTS.values(), ids=HOSTS.keys())
async def test_a_host_may_act_on_the_media_of_its_owners(medias, http, headers):
    """The event's by id and by name, and nobody else's."""
    assert [await found(http, headers, media_id) for media_id in medias] == [None, None, medias[2], None]
    assert await unfinished(http, headers, EVENT) == [medias[2]]
    assert await unfinished(http, headers, {"type": "user", "id": "ada"}) is None
    assert await unfinished(http, headers, None) == []


async def found(http, headers, media_id: str) -> str | None:
    """The id that a media is found by."""
    document = {"procedure": "media.getMedia", "input": {"mediaId": media_id}}
    answer = (await http.post("/rpc", json=document, headers=headers)).json()
    return answer["data"]["media"]["id"] if answer["success"] else None


async def unfinished(http, headers, owner: dict[str, str] | None) -> list[str] | None:
    """The ids of an owner's uploads, newest first; None when they may not be seen."""
    document = {"procedure": "media.listMedia", "input": {"status": "pending", "owner": owner}}
    answer = (await http.post("/rpc", json=document, headers=headers)).json()
    return [item["id"] for item in answer["data"]["items"]] if answer["success"] else None


@pytest.mark.parametrize("headers", [told[0] for told in REFUSED.values()], ids=REFUSED.keys())
async def test_the_public_procedure_asks_nobody(http, sessions, headers):
    answer = await http.post("/rpc", json={"procedure": "media.getSupportedFormats"}, headers=headers)
    assert len(answer.json()["data"]["formats"]) == 17
    assert sessions.asked == []


async def test_nobody_gets_in_while_the_authorization_server_is_down(medias, rows, codes, sessions):
    """Not by a session that is good; who has a JWT does not notice."""
    before = rows()
    sessions.status = 503
    for procedure in PRIVATE:
        told = good_input(procedure, medias[-1])
        for headers in (bearer_of("adas-session"), cookie_of("adas-session"), bearer_of("unknown-session")):
            assert (procedure.name, await codes(procedure, told, headers)) == (procedure.name, {1903})
        if procedure.name == "media.getMedia":
            assert await codes(procedure, told, OTHERS["other-owner"]) == {1300}
    assert rows() == before


@pytest.mark.parametrize(
    "headers",
    [bearer_of(token(SECRET)), cookie_of(token(SECRET)), bearer_of("adas-session"), cookie_of("adas-session")],
    ids=["bearer", "cookie", "session", "session-in-the-cookie"],
)
async def test_every_good_credential_names_the_owner(medias, http, headers):
    """The same media, whichever way ada comes."""
    listed = await http.post("/rpc", json={"procedure": "media.listMedia"}, headers=headers)
    assert [item["id"] for item in listed.json()["data"]["items"]] == [medias[-1]]
