"""Who changed what: every mutation that takes effect leaves its records, together with its effect."""

import json
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Any

import psycopg
import pytest

from procedures import PROCEDURES
from rpc.auth import Caller
from rpc.procedure import ProcedureKind
from tests import logs
from tests.at_once import at_once
from tests.callers import SERVICE
from tests.media_files import HTML, photo, video

MUTATIONS = [procedure.name for procedure in PROCEDURES if procedure.kind is ProcedureKind.MUTATION]
PHOTO = {"filename": "photo.jpg", "contentType": "image/jpeg", "size": len(photo())}
VIDEO = {"filename": "walk.mp4", "contentType": "video/mp4", "size": len(video())}
UNKNOWN = "00000000-0000-4000-8000-000000000000"
Prepare = Callable[..., Awaitable[dict[str, Any]]]


@dataclass(frozen=True)
class Case:
    """A mutation that takes effect: its input once everything is prepared, and what is recorded of the input."""

    prepare: Prepare
    recorded: dict[str, Any]
    of_media: bool = True
    token: tuple[tuple[str, str], ...] = ()
    owner: str = "ada"
    content: bytes | None = None


@dataclass(frozen=True)
class Makers:
    """What cases are prepared with."""

    call: Callable[..., Awaitable[Any]]
    client: Any
    arrived_upload: Callable[..., Awaitable[Any]]
    pending_upload: Callable[..., Awaitable[Any]]
    sql: Callable[[str], list[Any]]

    async def arrived(self) -> dict[str, Any]:
        return {"mediaId": str((await self.arrived_upload()).media_id)}

    async def pending(self) -> dict[str, Any]:
        return {"mediaId": str((await self.pending_upload()).media_id)}

    async def clip(self) -> dict[str, Any]:
        return {"mediaId": str((await self.call("media.initiateMultipartUpload", **VIDEO)).media_id)}

    async def completed(self, **params: Any) -> str:
        ticket = await self.arrived_upload(**params)
        await self.call("media.completeUpload", mediaId=str(ticket.media_id))
        return str(ticket.media_id)

    async def processing(self) -> dict[str, Any]:
        return {"mediaId": await self.completed()}

    async def failed(self) -> dict[str, Any]:
        params = await self.processing()
        await self.call("media.cancelProcessing", **params)
        return params

    async def portrait(self) -> dict[str, Any]:
        return {"mediaId": await self.completed(purpose="profile")}

    async def several(self) -> dict[str, Any]:
        return {"mediaIds": [await self.completed()]}

    async def for_a_post(self) -> dict[str, Any]:
        return {"postId": "p", **await self.several()}

    async def in_a_post(self) -> dict[str, Any]:
        params = await self.for_a_post()
        await self.call("media.attachToPost", **params)
        return params

    async def post(self) -> dict[str, Any]:
        await self.in_a_post()
        return {"postId": "p"}

    async def video_that_arrived(self) -> dict[str, Any]:
        clip = await self.clip()
        (part,) = (await self.call("media.signParts", **clip, partNumbers=[1])).parts
        assert (await self.client.put(part.upload_url, content=video(), headers=part.headers)).status_code == 200
        return clip


def given(**told: Any) -> Prepare:
    """An input for which nothing has to be prepared."""

    async def prepare(_: Makers) -> dict[str, Any]:
        return told

    return prepare


async def signing(makers: Makers) -> dict[str, Any]:
    """A part of an upload that the store knows already, of which no record is left.

    What the store calls the upload is nobody's change.
    """
    asked = {**await makers.clip(), "partNumbers": [1], "checksums": [{"partNumber": 1, "sha256": "0" * 64}]}
    await makers.call("media.signParts", **asked)
    makers.sql("delete from audit")
    return asked


async def sending(makers: Makers) -> dict[str, Any]:
    return {**await makers.video_that_arrived(), "partNumber": 1}


async def a_user_with_media(makers: Makers) -> dict[str, Any]:
    await makers.pending()
    return {"userId": "ada"}


OF_SERVICE = (("scope", "service"),)
CASES: dict[str, Case] = {
    "media.initiateUpload": Case(given(**PHOTO, idempotencyKey="k"), PHOTO),
    "media.initiateUploads": Case(given(uploads=[{**PHOTO, "idempotencyKey": "k"}]), PHOTO),
    "media.completeUpload": Case(Makers.arrived, {}),
    "media.initiateMultipartUpload": Case(given(**VIDEO), VIDEO),
    "media.signParts": Case(signing, {"partNumbers": 1, "checksums": 1}),
    "media.completeMultipartUpload": Case(Makers.video_that_arrived, {}),
    "media.upload": Case(given(**PHOTO), PHOTO, content=photo()),
    "media.uploadPart": Case(sending, {"partNumber": 1}, content=video()),
    "media.cancelUpload": Case(Makers.pending, {}),
    "media.retryProcessing": Case(Makers.failed, {}),
    "media.cancelProcessing": Case(Makers.processing, {}),
    "media.attachToPost": Case(Makers.for_a_post, {"postId": "p"}),
    "media.detachFromPost": Case(Makers.in_a_post, {"postId": "p"}),
    "media.setProfileImage": Case(Makers.portrait, {}),
    "media.deleteMedia": Case(Makers.arrived, {}),
    "media.deleteMany": Case(Makers.several, {}),
    "media.deletePostMedia": Case(Makers.post, {"postId": "p"}),
    "media.setPlan": Case(
        given(userId="ben", plan="pro"), {"userId": "ben", "plan": "pro"}, False, OF_SERVICE, owner="ben"
    ),
    "media.purgeUser": Case(a_user_with_media, {"userId": "ada"}, False, OF_SERVICE),
}
EVERY_CASE = [pytest.param(name, case, id=name) for name, case in CASES.items()]


@pytest.fixture
def makers(call, client, arrived_upload, pending_upload, sql):
    return Makers(call, client, arrived_upload, pending_upload, sql)


@pytest.fixture
def sql(database_url):
    """Run a statement of the test's own; its rows."""

    def run(statement: str) -> list[Any]:
        with psycopg.connect(database_url, autocommit=True) as connection:
            cursor = connection.execute(statement)
            return cursor.fetchall() if cursor.description else []

    return run


@pytest.fixture
def effects(sql):
    """Everything that a mutation can change, but the audit."""
    tables = ("media", "storage_usage", "events", "idempotency_keys", "profile_images", "procrastinate_jobs")

    def read() -> dict[str, list[Any]]:
        return {table: sql(f"select * from {table} order by 1") for table in tables}

    return read


@pytest.fixture
def ask(http, bearer):
    """Call over the envelope as ada, with content if the case has any; the answer, and its data's one media id."""

    async def send(name: str, params: Any, **claims: Any) -> Any:
        content = CASES[name].content
        if content is not None:
            return await _bring(http, name, params, content, bearer("ada", **claims))
        document = {"procedure": name, "input": params}
        return (await http.post("/rpc", json=document, headers=bearer("ada", **claims))).json()

    return send


def test_every_mutation_has_a_case():
    """One that is added without a case here fails."""
    assert list(CASES) == MUTATIONS


@pytest.mark.parametrize(("name", "case"), EVERY_CASE)
async def test_a_mutation_leaves_its_record(name, case, makers, ask, sql, call):
    """Who, what, when, of whom, and under the request id that its answer carries; no URL, no key, no digest."""
    params = await case.prepare(makers)
    known = sql("select coalesce(max(id), 0) from audit")[0][0]

    answer = await ask(name, params, **dict(case.token))

    assert answer["success"]
    assert sql(
        "select user_id, procedure, request_id, owner_id, input, at <= now(), at > now() - interval '1 minute'"
        f" from audit where id > {known}"
    ) == [("ada", name, answer["metadata"]["requestId"], case.owner, case.recorded, True, True)]
    ((media_id,),) = sql(f"select media_id from audit where id > {known}")
    assert [(media_id,)] == (sql("select max(id::text)::uuid from media") if case.of_media else [(None,)])


BROKEN = {
    "as it is written": "create trigger fail after insert on audit for each row execute function fail()",
    "at the commit": (
        "create constraint trigger fail after insert on audit deferrable initially deferred"
        " for each row execute function fail()"
    ),
}


@pytest.mark.exhaustive
@pytest.mark.parametrize("trigger", BROKEN.values(), ids=BROKEN.keys())
@pytest.mark.parametrize(("name", "case"), EVERY_CASE)
async def test_a_mutation_and_its_record_take_effect_together_or_not_at_all(
    name, case, trigger, makers, ask, sql, effects
):
    """A record that cannot be kept takes the effect with it, even when both have been written."""
    params = await case.prepare(makers)
    before, records = effects(), sql("select count(*) from audit")
    sql("create function fail() returns trigger language plpgsql as $$ begin raise 'no audit'; end $$")
    sql(trigger)

    answer = await ask(name, params, **dict(case.token))

    assert answer["error"]["code"] == 1900
    assert effects() == before
    assert sql("select count(*) from audit") == records
    sql("drop function fail cascade")
    again = await ask(name, params, **dict(case.token))
    assert again["success"]


async def test_a_refused_call_leaves_no_record(subtests, makers, ask, sql):
    """Not of bad input, not of somebody else's media, not of what only services may."""
    for name, case in CASES.items():
        with subtests.test(name=name):
            params = await case.prepare(makers)
            records = sql("select count(*) from audit")
            stranger = {**params, "mediaId": UNKNOWN} if "mediaId" in params else {**params, "size": 2**50}

            assert not (await ask(name, {**params, "more": 1}, **dict(case.token)))["success"]
            assert not (await ask(name, stranger))["success"]
            assert sql("select count(*) from audit") == records


# Those that begin another upload, bring bytes (`tests/attacks/test_rows.py` repeats those), or say again what holds.
NEVER_A_REPETITION = {"media.initiateMultipartUpload", "media.upload", "media.uploadPart", "media.setPlan"}
REPEATED = [name for name in CASES if name not in NEVER_A_REPETITION]


@pytest.mark.parametrize("name", REPEATED)
async def test_a_repetition_that_changes_nothing_leaves_no_record(name, makers, ask, sql):
    """Ten at once and one more leave the one record of the call that took effect."""
    case = CASES[name]
    params = await case.prepare(makers)
    known = sql("select coalesce(max(id), 0) from audit")[0][0]

    answers = await at_once(*(ask(name, params, **dict(case.token)) for _ in range(10)))
    answers.append(await ask(name, params, **dict(case.token)))

    assert [answer["success"] for answer in answers] == [True] * 11
    assert sql(f"select procedure from audit where id > {known}") == [(name,)]


async def test_a_call_that_fails_for_another_reason_leaves_no_record(ask, pending_upload, call, sql):
    """Completing too early, cancelling too late, deleting what is nobody's or somebody else's."""
    ticket = await pending_upload(caller=Caller("ben"))
    mine = await pending_upload()
    records = sql("select count(*) from audit")
    for name, media_id in [
        ("media.completeUpload", mine.media_id),
        ("media.deleteMedia", ticket.media_id),
        ("media.cancelUpload", ticket.media_id),
        ("media.signParts", mine.media_id),
    ]:
        params = {"partNumbers": [1]} if name == "media.signParts" else {}
        assert not (await ask(name, {"mediaId": str(media_id), **params}))["success"]
    assert sql("select count(*) from audit") == records


async def test_an_upload_that_is_refused_for_its_bytes_has_a_record(ask, arrived_upload, sql):
    """The call fails with 1601, and deletes the upload: that took effect."""
    ticket = await arrived_upload(HTML, contentType="image/png")

    answer = await ask("media.completeUpload", {"mediaId": str(ticket.media_id)})

    assert answer["error"]["code"] == 1601
    assert sql("select procedure, request_id from audit where procedure = 'media.completeUpload'") == [
        ("media.completeUpload", answer["metadata"]["requestId"])
    ]


async def test_a_service_is_named_with_the_owner_it_acts_for(call, pending_upload, sql):
    """The user is who called, the owner whose media it is."""
    ticket = await pending_upload()
    await call("media.deleteMedia", caller=SERVICE, mediaId=str(ticket.media_id))
    assert sql("select user_id, procedure, owner_id from audit order by id") == [
        ("ada", "media.initiateUpload", "ada"),
        ("backend", "media.deleteMedia", "ada"),
    ]


async def test_a_secret_that_is_no_input_is_in_no_record(call, makers, client, ask, sql):
    """Neither a token nor a signed URL, whatever was called."""
    clip = await makers.video_that_arrived()
    await ask("media.completeMultipartUpload", {**clip, "parts": [{"partNumber": 1, "size": len(video())}]})
    await ask("media.initiateUpload", {**PHOTO, "idempotencyKey": "a key of its own", "sha256": "0" * 64})
    ((whole,),) = sql("select string_agg(audit::text, ' ') from audit")
    for secret in ("http", "X-Amz", "Bearer", "eyJ", "a key of its own", "000000", "etag"):
        assert secret not in whole


async def _bring(http, name: str, params: Any, content: bytes, headers: dict[str, str]) -> Any:
    """Call a procedure that takes content; the answer in the form of an envelope, its request id as the log has it."""
    sent = {**headers, "content-type": "application/octet-stream"}
    with logs.events() as events:
        told = await http.post(f"/rpc/{name}", params={"input": json.dumps(params)}, content=content, headers=sent)
    (request_id,) = [event["request_id"] for event in events if event["event"] == "call"]
    answer, metadata = told.json(), {"requestId": request_id}
    if "error" in answer:
        return {"success": False, "error": {"code": answer["error"]["data"]["rpcCode"]}, "metadata": metadata}
    return {"success": True, "data": answer["result"]["data"], "metadata": metadata}
