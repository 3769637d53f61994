"""Every procedure against every kind of caller who may not: the exact code, and nothing changed."""

import json
import time
from typing import Any

import psycopg
import pytest

from procedures import PROCEDURES
from tests.conftest import SECRET
from tests.tokens import OTHER_SECRET, by_hand, claims, token

TABLES = ("media", "storage_usage", "events", "idempotency_keys", "rate_windows", "procrastinate_jobs")
PRIVATE = [procedure for procedure in PROCEDURES if not procedure.public]
OF_ONE_MEDIA = [procedure for procedure in PRIVATE if "mediaId" in procedure.parameters]
INPUTS: dict[str, dict[str, Any]] = {
    "media.initiateUpload": {"filename": "a.jpg", "contentType": "image/jpeg", "size": 5, "idempotencyKey": "k"}
}
REFUSED = {
    "no-token": (None, 1000),
    "empty-token": ("", 1000),
    "expired": (token(SECRET, exp=int(time.time()) - 600), 1002),
    "wrong-key": (token(OTHER_SECRET), 1003),
    "wrong-alg": (by_hand({"alg": "HS512"}, claims(), SECRET), 1003),
    "alg-none": (by_hand({"alg": "none"}, claims(), None), 1003),
    "unknown-plan": (token(SECRET, plan="gold"), 1003),
    "scope-of-another-kind": (token(SECRET, scope=["service"]), 1003),
}
OTHERS = {
    "other-owner": {"sub": "ben"},
    "other-owner-with-the-service-scope": {"sub": "ben", "scope": "service"},
    "other-owner-with-every-scope": {"sub": "ben", "scope": "admin service * media:write ada"},
    "other-owner-by-case": {"sub": "Ada"},
}


def named(procedure: Any) -> str:
    return str(procedure.name)


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

    async def ask(name: str, params: Any, credential: str | None) -> set[int]:
        headers = {} if credential is None else {"authorization": f"Bearer {credential}"}
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
async def medias(pending_upload, ready_media):
    """An id of ada's in each state that she sees."""
    return [str((await pending_upload()).media_id), str((await ready_media()).id)]


def test_one_procedure_alone_is_public():
    assert [procedure.name for procedure in PROCEDURES if procedure.public] == ["media.getSupportedFormats"]


@pytest.mark.parametrize("procedure", PRIVATE, ids=named)
@pytest.mark.parametrize(("credential", "code"), REFUSED.values(), ids=REFUSED.keys())
async def test_a_bad_credential_is_refused(medias, rows, codes, procedure, credential, code):
    """In every dialect, with an input that would be good, and with none."""
    before = rows()
    params = INPUTS.get(procedure.name, {"mediaId": medias[1]} if procedure in OF_ONE_MEDIA else {})

    assert await codes(procedure.name, params, credential) == {code}
    assert await codes(procedure.name, {}, credential) == {code}
    assert rows() == before


@pytest.mark.parametrize("procedure", OF_ONE_MEDIA, ids=named)
@pytest.mark.parametrize("different", OTHERS.values(), ids=OTHERS.keys())
async def test_the_media_of_another_owner_are_not_found(medias, rows, codes, procedure, different):
    """Whatever the scope; it reads like an id that nobody has."""
    before = rows()
    for media_id in medias:
        assert await codes(procedure.name, {"mediaId": media_id}, token(SECRET, **different)) == {1300}
    assert rows() == before


@pytest.mark.parametrize("different", OTHERS.values(), ids=OTHERS.keys())
async def test_a_listing_and_a_usage_are_the_callers_own(medias, rows, http, different):
    """Another owner's id as cursor shows nothing of the other owner."""
    headers = {"authorization": f"Bearer {token(SECRET, **different)}"}
    before = rows()
    for params in ({}, {"status": "pending"}, {"cursor": medias[1]}):
        listed = await http.post("/rpc", json={"procedure": "media.listMedia", "input": params}, headers=headers)
        assert listed.json()["data"] == {"items": [], "nextCursor": None}
    usage = (await http.post("/rpc", json={"procedure": "media.getStorageUsage"}, headers=headers)).json()["data"]
    assert (usage["used"], usage["reserved"]) == (0, 0)
    assert rows() == before


@pytest.mark.parametrize("credential", [told[0] for told in REFUSED.values()], ids=REFUSED.keys())
async def test_the_public_procedure_asks_nobody(http, credential):
    headers = {} if credential is None else {"authorization": f"Bearer {credential}"}
    answer = await http.post("/rpc", json={"procedure": "media.getSupportedFormats"}, headers=headers)
    assert len(answer.json()["data"]["formats"]) == 13
