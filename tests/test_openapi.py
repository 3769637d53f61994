"""The OpenAPI document: valid, made of the table of procedures, and true of the server that hands it out."""

import json
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import httpx
import pytest
from jsonschema import Draft202012Validator
from openapi_spec_validator import OpenAPIV31SpecValidator, validate

from contracts.examples import EXAMPLES
from procedures import PROCEDURES
from rpc.openapi import describe
from rpc.openrpc import describe as openrpc
from rpc.procedure import ProcedureKind
from tests.described import Json, objects_in
from tests.processes import TLS, mediarpc
from tests.sample_procedures import serving

PHOTO = (Path(__file__).parent.parent / "docs/photo.jpg").read_bytes()
UNKNOWN = "019a2b6e-9999-7000-8000-000000000000"
DOCUMENT: Json = json.loads(describe(PROCEDURES).model_dump_json(by_alias=True))


def operation(name: str) -> tuple[str, Json]:
    """The one method of a procedure's path, and what is said of it."""
    ((method, told),) = DOCUMENT["paths"][f"/{name}"].items()
    return method, told


def issues(schema: Json, value: Any) -> list[str]:
    """What keeps a value from fitting a schema."""
    rooted = {**schema, "components": DOCUMENT["components"]}
    return [f"{issue.json_path}: {issue.message}" for issue in Draft202012Validator(rooted).iter_errors(value)]


class Site:
    """A server, called as the document says and no otherwise; every answer is as the document says."""

    def __init__(self, client: httpx.AsyncClient, url: str, token: str | None) -> None:
        self.client, self.url, self.token = client, url, token

    async def call(self, name: str, asked: Json | None = None, **request: Any) -> tuple[int, Any]:
        method, told = operation(name)
        if asked is not None and (place := self.place_of(told)) is not None:
            request[place] = {"input": json.dumps(asked)} if place == "params" else asked
        secured = told.get("security", DOCUMENT["security"]) and self.token
        headers = {**request.pop("headers", {}), **({"authorization": f"Bearer {self.token}"} if secured else {})}
        answer = await self.client.request(method, f"{self.url}/{name}", headers=headers, **request)
        described = told["responses"].get(str(answer.status_code), told["responses"]["default"])
        body = answer.json()
        assert issues(described["content"]["application/json"]["schema"], body) == []
        return answer.status_code, body["result"]["data"] if "result" in body else body["error"]["data"]

    def place_of(self, told: Json) -> str | None:
        if "application/json" in told.get("requestBody", {}).get("content", {}):
            return "json"
        return "params" if any(parameter["name"] == "input" for parameter in told.get("parameters", ())) else None


@pytest.fixture
async def site(deployment, user) -> AsyncIterator[Site]:
    """A deployed server, as a user calls it."""
    async with httpx.AsyncClient(timeout=30, verify=TLS) as client:
        yield Site(client, deployment.served.url, deployment.token(user))


def test_the_document_is_valid():
    """By OpenAPI 3.1's own schema, references and examples included."""
    validate(DOCUMENT, cls=OpenAPIV31SpecValidator)


def test_a_broken_document_is_not():
    """The validator does look."""
    assert list(
        OpenAPIV31SpecValidator({**DOCUMENT, "paths": {"/a": {"get": {"responses": {"ok": {}}}}}}).iter_errors()
    )


def test_every_procedure_is_a_path_and_nothing_else_is():
    """Queries and subscriptions are GETs, mutations are POSTs."""
    methods = {path.removeprefix("/"): list(item) for path, item in DOCUMENT["paths"].items()}
    assert methods == {
        procedure.name: ["post" if procedure.kind is ProcedureKind.MUTATION else "get"] for procedure in PROCEDURES
    }


def test_it_says_the_same_as_the_openrpc_document():
    """The schemas of what is asked and answered are the very same."""
    other = json.loads(openrpc(PROCEDURES).model_dump_json(by_alias=True))["components"]["schemas"]
    ours = DOCUMENT["components"]["schemas"]
    shared = {name for name in other if name in ours}
    assert {name: ours[name] for name in shared} == {name: other[name] for name in shared}
    assert {"Media", "InitiateUpload", "UploadTicket", "SizeDiffersDetails"} <= shared


def test_every_schema_is_one():
    """By the metaschema of draft 2020-12, which is OpenAPI 3.1's."""
    for schema in DOCUMENT["components"]["schemas"].values():
        Draft202012Validator.check_schema(schema)


def test_every_error_of_a_procedure_is_documented(subtests):
    """Under the status that tRPC answers it with; those that share one are told apart by their numbers."""
    for procedure in PROCEDURES:
        if procedure.kind is ProcedureKind.SUBSCRIPTION:
            continue
        with subtests.test(name=procedure.name):
            _, told = operation(procedure.name)
            listed = {found["$ref"].rpartition("/")[2] for _, found in objects_in(told["responses"]) if "$ref" in found}
            assert {f"{error.__name__}Failure" for error in procedure.errors} <= listed


def test_every_example_is_there_and_fits(subtests):
    """In the request and in the answer."""
    for name, examples in EXAMPLES.items():
        with subtests.test(name=name):
            _, told = operation(name)
            content = told["responses"]["200"]["content"]["application/json"]
            assert {example["value"]["result"]["data"] is not None for example in content["examples"].values()} == {
                True
            }
            for example in examples:
                assert issues(content["schema"], content["examples"][example.name]["value"]) == []


def test_what_needs_no_caller_says_so():
    """All else asks for a bearer token."""
    public = {name for name in DOCUMENT["paths"] if operation(name.removeprefix("/"))[1].get("security") == []}
    assert public == {f"/{procedure.name}" for procedure in PROCEDURES if procedure.public}
    assert DOCUMENT["security"] == [{"bearer": []}]


async def test_it_is_served_and_printed():
    """To everybody, with the address by which it was asked for."""
    async with serving(PROCEDURES) as client:
        served = (await client.get("/openapi.json")).json()
    assert served == {**DOCUMENT, "servers": [{"url": "http://media.test/rpc"}]}
    assert json.loads(mediarpc("openapi").stdout) == DOCUMENT


async def test_an_upload_works_as_it_says(site: Site):
    """From what may be uploaded to the deletion."""
    assert (await site.call("media.getSupportedFormats"))[0] == 200
    photo = {"filename": "photo.jpg", "contentType": "image/jpeg", "size": len(PHOTO)}
    status, ticket = await site.call("media.initiateUpload", photo)
    assert status == 200
    await site.client.put(ticket["uploadUrl"], content=PHOTO, headers=ticket["headers"])
    media_id = {"mediaId": ticket["mediaId"]}
    assert (await site.call("media.completeUpload", media_id))[1]["media"]["filename"] == "photo.jpg"
    assert (await site.call("media.getMedia", media_id))[1]["media"]["id"] == ticket["mediaId"]
    assert len((await site.call("media.listMedia", {"limit": 1}))[1]["items"]) == 1
    assert (await site.call("media.pollEvents", {"waitSeconds": 0, "since": "start"}))[1]["events"]
    assert (await site.call("media.deleteMedia", media_id))[1] == {"success": True}


async def test_bytes_are_sent_as_it_says(site: Site):
    """As a form, whose members that are no text are JSON; and raw, with the input in the URL."""
    _, told = operation("media.upload")
    content = told["requestBody"]["content"]
    assert list(content) == ["multipart/form-data", "application/octet-stream"]
    assert list(content["multipart/form-data"]["schema"]["properties"])[-1] == "file"
    assert content["multipart/form-data"]["encoding"]["size"] == {"contentType": "application/json"}

    form = {"size": json.dumps(len(PHOTO)), "filename": "form.jpg"}
    status, kept = await site.call("media.upload", data=form, files={"file": ("other.jpg", PHOTO, "image/jpeg")})
    assert (status, kept["media"]["filename"]) == (200, "form.jpg")

    described = {"filename": "raw.jpg", "contentType": "image/jpeg"}
    raw = {"content-type": "application/octet-stream"}
    status, kept = await site.call("media.upload", described, content=PHOTO, headers=raw)
    assert (status, kept["media"]["filename"]) == (200, "raw.jpg")


async def test_failures_are_as_it_says(site: Site):
    """Each by its status, and in it by its number."""
    stranger = Site(site.client, site.url, None)
    large = {"filename": "a.jpg", "contentType": "image/jpeg", "size": 10**9}
    cases: list[tuple[Site, str, Json, int, int]] = [
        (stranger, "media.listMedia", {}, 401, 1000),
        (site, "media.getMedia", {"mediaId": UNKNOWN}, 404, 1300),
        (site, "media.getMedia", {"mediaId": "nonsense"}, 400, 1200),
        (site, "media.initiateUpload", large, 413, 1602),
        (site, "media.setPlan", {"userId": "ada", "plan": "pro"}, 403, 1100),
    ]
    for caller, name, asked, status, number in cases:
        answered, told = await caller.call(name, asked)
        assert (name, answered, told["rpcCode"]) == (name, status, number)


async def test_a_subscription_is_answered_as_it_says(site: Site):
    """By a stream of server-sent events whose data is the model's."""
    await site.call("media.initiateUpload", {"filename": "a.jpg", "contentType": "image/jpeg", "size": 5})
    _, told = operation("media.watch")
    stream = told["responses"]["200"]["content"]["text/event-stream"]["schema"]
    headers = {"authorization": f"Bearer {site.token}", "last-event-id": "0"}
    async with site.client.stream("GET", f"{site.url}/media.watch", headers=headers) as answer:
        assert answer.headers["content-type"].startswith("text/event-stream")
        data = [line.removeprefix("data: ") async for line in _lines_until(answer, "upload.started")]
    assert issues(stream["x-data"], json.loads(data[-1])) == []


async def _lines_until(answer: httpx.Response, said: str) -> AsyncIterator[str]:
    async for line in answer.aiter_lines():
        yield line
        if said in line:
            return
