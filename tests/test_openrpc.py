"""The OpenRPC document: what it says of the table of procedures."""

import json
import re
from collections.abc import AsyncIterator
from typing import Any

import pytest
from jsonschema import Draft7Validator
from pydantic import StrictInt

from contracts.errors import MediaNotFound, RenditionNotFound, UploadPending
from contracts.events import MediaEvent, WatchMedia
from contracts.examples import EXAMPLES
from contracts.wire import Wire
from procedures import PROCEDURES
from rpc.context import Context
from rpc.dispatch import validate
from rpc.procedure import ProcedureKind, query, subscription
from tests.described import Described, objects_in
from tests.sample_content import keep

METHODS = {procedure.name: procedure for procedure in PROCEDURES if procedure.kind is not ProcedureKind.SUBSCRIPTION}
DESCRIBED = Described.of(*PROCEDURES)
DOCUMENT = DESCRIBED.document
EVERY_EXAMPLE = [(name, example) for name in EXAMPLES for example in EXAMPLES[name]]


class Late(Wire):
    first: StrictInt = 1
    second: StrictInt | None = None
    third: StrictInt
    fourth: StrictInt


@query("late", public=True)
async def late(_ctx: Context, params: Late) -> Late:
    return params


@subscription("media.watch")
async def watch(_ctx: Context, _params: WatchMedia) -> AsyncIterator[MediaEvent]:
    yield MediaEvent.model_validate({})


def schemas() -> list[tuple[str, Any]]:
    """Every schema of the document, with where it stands."""
    methods = DOCUMENT["methods"]
    return [
        *DOCUMENT["components"]["schemas"].items(),
        *((f"{method['name']} {param['name']}", param["schema"]) for method in methods for param in method["params"]),
        *((f"{method['name']} result", method["result"]["schema"]) for method in methods),
    ]


def test_every_procedure_is_a_method_and_nothing_else_is():
    """The methods are the table's, in its order, each once."""
    assert DESCRIBED.names == list(METHODS)
    assert len(set(DESCRIBED.names)) == len(DESCRIBED.names)


def test_a_subscription_is_no_method():
    """JSON-RPC over HTTP has no answer that goes on, so what it cannot call is not listed, nor is what only it uses."""
    described = Described.of(watch, late)
    assert described.names == ["late"]
    assert "MediaEvent" not in described.document["components"]["schemas"]


def test_the_head_says_what_this_is():
    """Version of the specification, title, version and licence of the software."""
    assert DOCUMENT["openrpc"] == "1.4.1"
    told = {name: DOCUMENT["info"][name] for name in ("title", "version", "license")}
    assert told == {"title": "mediarpc", "version": "0.1.0", "license": {"name": "MIT"}}


def test_a_method_is_told_in_full():
    """Everything that the document has on one method."""
    assert DESCRIBED.method("media.getDownloadUrl") == {
        "name": "media.getDownloadUrl",
        "summary": (
            "Sign a GET of the original, under its own name or one that tells nothing, as a download or to show in a "
            "page."
        ),
        "description": (
            "Sign a GET of the original, under its own name or one that tells nothing, as a download or to show in a "
            "page.\n\n"
            "The URL stays the same for a while, so that it can be cached, and is good for at least 15 minutes.\n\n"
            "A rendition's is public, and good for as long as the media is there.\n\n"
            "Raises MediaNotFound, UploadPending before completion, MediaInfected, MediaUnscanned, and "
            "RenditionNotFound."
        ),
        "paramStructure": "by-name",
        "params": [
            {
                "name": "mediaId",
                "required": True,
                "schema": {"type": "string", "format": "uuid", "x-ts-brand": "MediaId"},
            },
            {
                "name": "rendition",
                "required": False,
                "schema": {
                    "anyOf": [{"type": "string", "minLength": 1, "maxLength": 64}, {"type": "null"}],
                    "default": None,
                },
            },
            {
                "name": "filename",
                "required": False,
                "schema": {"allOf": [{"$ref": "#/components/schemas/DownloadName"}], "default": "original"},
            },
            {"name": "inline", "required": False, "schema": {"type": "boolean", "default": False}},
        ],
        "result": {"name": "DownloadUrl", "schema": {"$ref": "#/components/schemas/DownloadUrl"}},
        "errors": [
            {"$ref": "#/components/errors/UNAUTHORIZED"},
            {"$ref": "#/components/errors/SESSION_EXPIRED"},
            {"$ref": "#/components/errors/INVALID_TOKEN"},
            {"$ref": "#/components/errors/FORBIDDEN"},
            {"$ref": "#/components/errors/RATE_LIMIT_EXCEEDED"},
            {"$ref": "#/components/errors/NOT_FOUND"},
            {"$ref": "#/components/errors/CONFLICT"},
            {"$ref": "#/components/errors/TOO_MANY_REQUESTS"},
            {"$ref": "#/components/errors/INVALID_PARAMS"},
            {"$ref": "#/components/errors/SERVICE_UNAVAILABLE"},
            {"$ref": "#/components/errors/INTERNAL_ERROR"},
        ],
        "examples": [
            {
                "name": "The original",
                "params": [{"name": "mediaId", "value": "019a2b6e-1f00-7c3a-9d41-5b8e7f60c2a1"}],
                "result": {"name": "DownloadUrl", "value": EXAMPLES["media.getDownloadUrl"][0].output},
            },
            {
                "name": "The original, to show in a page, under a name that tells nothing",
                "params": [
                    {"name": "mediaId", "value": "019a2b6e-1f00-7c3a-9d41-5b8e7f60c2a1"},
                    {"name": "filename", "value": "neutral"},
                    {"name": "inline", "value": True},
                ],
                "result": {"name": "DownloadUrl", "value": EXAMPLES["media.getDownloadUrl"][1].output},
            },
            {
                "name": "A thumbnail",
                "params": [
                    {"name": "mediaId", "value": "019a2b6e-1f00-7c3a-9d41-5b8e7f60c2a1"},
                    {"name": "rendition", "value": "thumb300"},
                ],
                "result": {"name": "DownloadUrl", "value": EXAMPLES["media.getDownloadUrl"][2].output},
            },
        ],
        "x-kind": "query",
        "x-public": False,
        "x-input": {"$ref": "#/components/schemas/GetDownloadUrl"},
        "x-errors": [
            {"$ref": "#/x-errors/AuthenticationRequired"},
            {"$ref": "#/x-errors/SessionExpired"},
            {"$ref": "#/x-errors/InvalidToken"},
            {"$ref": "#/x-errors/ForeignSite"},
            {"$ref": "#/x-errors/RateLimitExceeded"},
            {"$ref": "#/x-errors/MediaNotFound"},
            {"$ref": "#/x-errors/UploadPending"},
            {"$ref": "#/x-errors/MediaInfected"},
            {"$ref": "#/x-errors/MediaUnscanned"},
            {"$ref": "#/x-errors/RenditionNotFound"},
            {"$ref": "#/x-errors/AnswersTooLarge"},
            {"$ref": "#/x-errors/ValidationFailed"},
            {"$ref": "#/x-errors/ServiceUnavailable"},
            {"$ref": "#/x-errors/InternalError"},
        ],
    }


def test_a_method_that_takes_bytes_says_so():
    """JSON-RPC can call it no more than a subscription, but what it is called with and answers is the same."""
    described = Described.of(keep, late)
    method, other = described.document["methods"]
    assert method["x-content"] is True
    assert method["description"] == (
        "Tell what came.\n\nIt takes bytes, which JSON-RPC cannot carry: send them to this method's path below the "
        "endpoint, as multipart/form-data whose fields are the params, or as application/octet-stream with the params "
        "in `?input=`."
    )
    assert [param["name"] for param in method["params"]][:2] == ["pageTitle", "pages"]
    assert {"$ref": "#/x-errors/ContentStalled"} in method["x-errors"]
    assert "x-content" not in other


def test_an_answer_is_told_in_full():
    """A result's schema names every member as required, and allows no other."""
    assert DOCUMENT["components"]["schemas"]["Success"] == {
        "title": "Success",
        "description": "The effect is there, now or from an earlier call.",
        "type": "object",
        "properties": {"success": {"type": "boolean", "const": True, "default": True}},
        "required": ["success"],
        "additionalProperties": False,
    }


def test_an_error_is_told_in_full():
    """Its number is JSON-RPC's, its data has our own code and its facts by their wire names."""
    assert DOCUMENT["components"]["errors"]["INVALID_PARAMS"] == {"code": -32602, "message": "Invalid params"}
    assert DOCUMENT["x-errors"]["SizeDiffers"] == {
        "code": -32602,
        "message": "The uploaded size differs from the declared size",
        "description": (
            "Storage holds another number of bytes than declared; the upload stays pending, so the PUT can be repeated."
        ),
        "data": {"$ref": "#/components/schemas/SizeDiffersData"},
    }
    assert DOCUMENT["components"]["schemas"]["SizeDiffersData"] == {
        "title": "SizeDiffersData",
        "type": "object",
        "properties": {
            "rpcCode": {"type": "integer", "const": 1201},
            "requestId": {"type": "string"},
            "details": {"$ref": "#/components/schemas/SizeDiffersDetails"},
        },
        "required": ["rpcCode", "requestId", "details"],
        "additionalProperties": False,
    }
    assert DOCUMENT["components"]["schemas"]["SizeDiffersDetails"]["properties"] == {
        "declared": {"type": "integer"},
        "actual": {"type": "integer"},
    }


def test_required_parameters_come_first():
    """Whatever the order in the model, and otherwise in its order."""
    method = Described.of(late).method("late")
    assert [(param["name"], param["required"]) for param in method["params"]] == [
        ("third", True),
        ("fourth", True),
        ("first", False),
        ("second", False),
    ]


def test_every_member_of_the_input_is_a_parameter(subtests):
    """Each under its wire name, required as the model has it, the required ones first."""
    for name, procedure in METHODS.items():
        with subtests.test(name=name):
            params = DESCRIBED.method(name)["params"]
            members = procedure.input.model_fields.values()
            assert {param["name"]: param["required"] for param in params} == {
                member.alias: member.is_required() for member in members
            }
            assert [param["required"] for param in params] == sorted(
                (param["required"] for param in params), reverse=True
            )


def test_every_error_of_a_procedure_is_documented(subtests):
    """Each by its name, and its number among the method's, where no number stands twice."""
    for name, procedure in METHODS.items():
        with subtests.test(name=name):
            numbers = [DESCRIBED.follow(listed)["code"] for listed in DESCRIBED.method(name)["errors"]]
            assert list(DESCRIBED.errors(name)) == [error.__name__ for error in procedure.errors]
            assert len(set(numbers)) == len(numbers)
            assert set(numbers) == {error.code.jsonrpc for error in procedure.errors}


def test_errors_that_share_a_number_are_told_apart():
    """Two errors of one method with the number 1300 are one number and two names."""

    @query("three", raises=(MediaNotFound, RenditionNotFound, UploadPending))
    async def three(_ctx: Context, params: Late) -> Late:
        return params

    described = Described.of(three)
    assert {"$ref": "#/components/errors/NOT_FOUND"} in described.method("three")["errors"]
    assert described.document["components"]["errors"]["NOT_FOUND"] == {"code": 1300, "message": "Media not found"}
    messages = {name: error["message"] for name, error in described.errors("three").items() if error["code"] == 1300}
    assert messages == {"MediaNotFound": "Media not found", "RenditionNotFound": "Rendition not found"}


def test_every_schema_is_draft_07(subtests):
    """By the metaschema, with no word that draft-07 does not know, and nothing beside a reference."""
    for place, schema in schemas():
        with subtests.test(place):
            Draft7Validator.check_schema(schema)
            for path, found in objects_in(schema):
                if not path.endswith("/properties"):
                    assert {word for word in found if not word.startswith("x-")} <= set(
                        Draft7Validator.META_SCHEMA["properties"]
                    )
                assert "$ref" not in found or len(found) == 1, path


def test_every_reference_leads_somewhere():
    """To something in the document itself."""
    references = [found for _, found in objects_in(DOCUMENT) if "$ref" in found]
    assert len(references) > 100
    assert all(DESCRIBED.follow(reference) for reference in references)


def test_the_prose_names_members_as_the_wire_does():
    """No description names a member in Python's spelling."""
    prose = [found["description"] for _, found in objects_in(DOCUMENT) if isinstance(found.get("description"), str)]
    assert len(prose) > 40
    assert [text for text in prose if re.search(r"[a-z]_[a-z]", text)] == []


def test_every_method_has_an_example():
    """And no example is of anything else."""
    assert list(EXAMPLES) == list(METHODS)
    assert all(DESCRIBED.method(name)["examples"] for name in METHODS)


def test_an_example_is_what_the_models_say(subtests):
    """The model reads the input, and writes the output to the letter."""
    for name, example in EVERY_EXAMPLE:
        with subtests.test(name=name, example=example.name):
            procedure = METHODS[name]
            validate(procedure, example.input)
            read = procedure.output.model_validate(example.output, by_name=False, by_alias=True)
            assert json.loads(read.model_dump_json(by_alias=True)) == example.output


def test_an_example_is_what_the_schemas_say(subtests):
    """Input and output fit the schemas that stand beside them."""
    for name, example in EVERY_EXAMPLE:
        with subtests.test(name=name, example=example.name):
            method = DESCRIBED.method(name)
            assert DESCRIBED.issues(method["x-input"], example.input) == []
            assert DESCRIBED.issues(method["result"]["schema"], example.output) == []
            for param in method["params"]:
                if param["name"] in example.input:
                    assert DESCRIBED.issues(param["schema"], example.input[param["name"]]) == []


@pytest.mark.parametrize(
    ("output", "issue"),
    [
        ({"success": False}, "$.success: True was expected"),
        ({}, "$: 'success' is a required property"),
        ({"success": True, "more": 1}, "$: Additional properties are not allowed ('more' was unexpected)"),
    ],
)
def test_a_wrong_answer_does_not_fit(output, issue):
    """What the schemas are asked for in the other tests can fail."""
    assert DESCRIBED.issues(DESCRIBED.method("media.deleteMedia")["result"]["schema"], output) == [issue]
