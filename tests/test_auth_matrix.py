"""Every procedure against every kind of caller who may not: the exact code, and nothing changed."""

import json
import time
from dataclasses import replace
from typing import Any

import psycopg
import pytest

from procedures import PROCEDURES
from tests.authorization_server import authorization_server
from tests.deployment import SECRET
from tests.tokens import OTHER_SECRET, by_hand, claims, token

TABLES = (
    *("media", "storage_usage", "events", "idempotency_keys", "rate_windows", "procrastinate_jobs", "profile_images"),
    "audit",
)
PRIVATE = [procedure for procedure in PROCEDURES if not procedure.public]
OF_ONE_MEDIA = [procedure for procedure in PRIVATE if "mediaId" in procedure.parameters]
OF_A_POST = ["media.attachToPost", "media.detachFromPost"]
INPUTS: dict[str, dict[str, Any]] = {
    "media.initiateUpload": {"filename": "a.jpg", "contentType": "image/jpeg", "size": 5, "idempotencyKey": "k"},
    "media.attachToPost": {"postId": "q"},
    "media.detachFromPost": {"postId": "p"},
    "media.listPostMedia": {"postId": "p"},
    "media.deletePostMedia": {"postId": "p"},
}
SESSIONS: dict[str, dict[str, Any]] = {
    "adas-session": {"sub": "ada"},
    "bens-session": {"sub": "ben", "scope": "media:write"},
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
    "unknown-session": (bearer_of("unknown-session"), 1003),
    "expired-session": (bearer_of("expired-session"), 1002),
    "unknown-session-in-the-cookie": (cookie_of("unknown-session"), 1003),
    "token-in-the-cookie-from-another-site": (cookie_of(token(SECRET), origin="https://evil.example"), 1100),
    "session-in-the-cookie-from-another-site": (cookie_of("adas-session", **{"sec-fetch-site": "cross-site"}), 1100),
}
OTHERS = {
    "other-owner": bearer_of(token(SECRET, sub="ben")),
    "other-owner-with-many-scopes": bearer_of(token(SECRET, sub="ben", scope="admin services * media:write ada")),
    "other-owner-with-owners": bearer_of(token(SECRET, sub="ben", owners=["event:42", "user:Ada", "team:ada"])),
    "other-owner-by-case": bearer_of(token(SECRET, sub="Ada")),
    "other-owner-by-session": bearer_of("bens-session"),
    "other-owner-by-cookie": cookie_of("bens-session"),
}


def named(procedure: Any) -> str:
    return str(procedure.name)


def good_input(procedure: Any, media_id: str) -> dict[str, Any]:
    """What ada might ask a procedure of her media."""
    told = dict(INPUTS.get(procedure.name, {}))
    if procedure in OF_ONE_MEDIA:
        told["mediaId"] = media_id
    if "mediaIds" in procedure.parameters:
        told["mediaIds"] = [media_id]
    return told


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
    """The codes of a call in the dialects that have it."""

    async def ask(name: str, params: Any, headers: dict[str, str]) -> set[int]:
        trpc = await http.post(f"/rpc/{name}", json=params, headers=headers)
        if name == "media.watch":
            told = trpc.text.partition("event: serialized-error\ndata: ")[2].partition("\n")[0]
            return {json.loads(told)["data"]["rpcCode"]}
        document = {"jsonrpc": "2.0", "id": 1, "method": name, "params": params}
        jsonrpc = (await http.post("/rpc", json=document, headers=headers)).json()
        envelope = (await http.post("/rpc", json={"procedure": name, "input": params}, headers=headers)).json()
        told = trpc.json()["error"]["data"]["rpcCode"]
        return {told, jsonrpc["error"]["data"]["rpcCode"], envelope["error"]["code"]}

    return ask


@pytest.fixture
async def medias(pending_upload, ready_media, call):
    """An id of ada's in each state that she sees; the ready one stands in a post."""
    media_ids = [str((await pending_upload()).media_id), str((await ready_media()).id)]
    await call("media.attachToPost", postId="p", mediaIds=media_ids[1:])
    return media_ids


@pytest.fixture
async def portrait(completed_media, call):
    """The id of ada's profile image."""
    media_id = str((await completed_media(purpose="profile")).id)
    await call("media.setProfileImage", mediaId=media_id)
    return media_id


def test_one_procedure_alone_is_public():
    assert [procedure.name for procedure in PROCEDURES if procedure.public] == ["media.getSupportedFormats"]


@pytest.mark.parametrize("procedure", PRIVATE, ids=named)
@pytest.mark.parametrize(("headers", "code"), REFUSED.values(), ids=REFUSED.keys())
async def test_a_bad_credential_is_refused(medias, rows, codes, procedure, headers, code):
    """In every dialect, with an input that would be good, and with none."""
    before = rows()
    params = good_input(procedure, medias[1])

    assert await codes(procedure.name, params, headers) == {code}
    assert await codes(procedure.name, {}, headers) == {code}
    assert rows() == before


@pytest.mark.parametrize("procedure", OF_ONE_MEDIA, ids=named)
@pytest.mark.parametrize("headers", OTHERS.values(), ids=OTHERS.keys())
async def test_the_media_of_another_owner_are_not_found(medias, rows, codes, procedure, headers):
    """Whatever the scope; it reads like an id that nobody has."""
    before = rows()
    for media_id in medias:
        assert await codes(procedure.name, {"mediaId": media_id}, headers) == {1300}
    assert rows() == before


@pytest.mark.parametrize("name", OF_A_POST)
@pytest.mark.parametrize("headers", OTHERS.values(), ids=OTHERS.keys())
async def test_the_media_of_another_owner_are_not_found_for_a_post(medias, rows, codes, name, headers):
    """Neither the post in which they stand nor another."""
    before = rows()
    for post in ("p", "q"):
        assert await codes(name, {"postId": post, "mediaIds": medias}, headers) == {1300}
    assert rows() == before


@pytest.mark.parametrize("headers", OTHERS.values(), ids=OTHERS.keys())
async def test_the_posts_and_the_profile_image_of_another_owner_are_out_of_reach(
    medias, portrait, rows, http, codes, headers
):
    """Under the same ids there is nothing to see or to delete, and by name the owner is refused."""
    before = {table: told for table, told in rows().items() if table != "audit"}

    async def ask(name: str, **params: Any) -> Any:
        return (await http.post("/rpc", json={"procedure": name, "input": params}, headers=headers)).json()["data"]

    assert await ask("media.listPostMedia", postId="p") == {"items": []}
    assert await ask("media.deletePostMedia", postId="p") == {"deleted": 0}
    assert await ask("media.getProfileImage") == {"media": None}
    told = await ask("media.deleteMany", mediaIds=[*medias, portrait])
    assert [(deletion["success"], deletion["error"]["code"]) for deletion in told["results"]] == [(False, 1300)] * 3
    owner = {"owner": {"type": "user", "id": "ada"}}
    assert await codes("media.getProfileImage", owner, headers) == {1100}
    for name in ("media.listPostMedia", "media.deletePostMedia"):
        assert await codes(name, {"postId": "p", **owner}, headers) == {1100}
    assert {table: told for table, told in rows().items() if table != "audit"} == before


@pytest.mark.parametrize("headers", OTHERS.values(), ids=OTHERS.keys())
async def test_a_listing_and_a_usage_are_the_callers_own(medias, rows, http, headers):
    """Another owner's id as cursor shows nothing of the other owner."""
    before = rows()
    for params in ({}, {"status": "pending"}, {"cursor": medias[1]}, {"postId": "p"}, {"search": "photo"}):
        listed = await http.post("/rpc", json={"procedure": "media.listMedia", "input": params}, headers=headers)
        assert listed.json()["data"] == {"items": [], "nextCursor": None}
    usage = (await http.post("/rpc", json={"procedure": "media.getStorageUsage"}, headers=headers)).json()["data"]
    assert (usage["used"], usage["reserved"]) == (0, 0)
    assert rows() == before


@pytest.mark.parametrize("headers", [told[0] for told in REFUSED.values()], ids=REFUSED.keys())
async def test_the_public_procedure_asks_nobody(http, sessions, headers):
    answer = await http.post("/rpc", json={"procedure": "media.getSupportedFormats"}, headers=headers)
    assert len(answer.json()["data"]["formats"]) == 13
    assert sessions.asked == []


@pytest.mark.parametrize("procedure", PRIVATE, ids=named)
async def test_nobody_gets_in_while_the_authorization_server_is_down(medias, rows, codes, sessions, procedure):
    """Not by a session that is good; who has a JWT does not notice."""
    before = rows()
    sessions.status = 503
    params = good_input(procedure, medias[1])
    for headers in (bearer_of("adas-session"), cookie_of("adas-session"), bearer_of("unknown-session")):
        assert await codes(procedure.name, params, headers) == {1903}
    assert await codes("media.getMedia", {"mediaId": medias[1]}, OTHERS["other-owner"]) == {1300}
    assert rows() == before


@pytest.mark.parametrize(
    "headers",
    [bearer_of(token(SECRET)), cookie_of(token(SECRET)), bearer_of("adas-session"), cookie_of("adas-session")],
    ids=["bearer", "cookie", "session", "session-in-the-cookie"],
)
async def test_every_good_credential_names_the_owner(medias, http, headers):
    """The same media, whichever way ada comes."""
    listed = await http.post("/rpc", json={"procedure": "media.listMedia"}, headers=headers)
    assert [item["id"] for item in listed.json()["data"]["items"]] == [medias[1]]
