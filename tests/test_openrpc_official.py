"""The OpenRPC document before the specification's own tool, `@open-rpc/schema-utils-js`."""

import json
from collections.abc import Callable
from typing import Any

import pytest

from contracts.examples import EXAMPLES
from contracts.examples.media import PHOTO_ID
from procedures import PROCEDURES
from rpc.openrpc import describe
from tests.described import Described, Json, objects_in
from tests.node import node_with_packages

DOCUMENT = Described.of(*PROCEDURES).document
SCRIPT = "openrpc_tool.mjs"
GOOD = [(name, example.input) for name, examples in EXAMPLES.items() for example in examples]


@pytest.fixture
def tool(tmp_path, request) -> Callable[..., Json]:
    """What the tool says of a document and of calls to it."""
    node = node_with_packages()

    def say(document: Json, calls: Any = ()) -> Json:
        asked = tmp_path / "asked.json"
        asked.write_text(json.dumps({"document": document, "calls": list(calls)}), encoding="utf-8")
        ran = node.run("node", request.path.with_name(SCRIPT), asked)
        assert (ran.returncode, ran.stderr) == (0, "")
        return dict(json.loads(ran.stdout))

    return say


@pytest.mark.parametrize("url", ["http://[::1]:8000/rpc", "https://media.example.com/api/rpc"])
def test_the_document_is_valid(tool, url):
    """By the metaschema of 1.4, which is not taken for another version; wherever it says that the endpoint is."""
    described = json.loads(describe(PROCEDURES, url).model_dump_json(by_alias=True))
    assert described["servers"] == [{"name": "mediarpc", "url": url}]
    assert tool(described)["valid"] is True


@pytest.mark.parametrize(
    "broken",
    [
        {"openrpc": "1.4"},
        {"methods": [{"name": "a"}]},
        {"methods": [{**DOCUMENT["methods"][0], "kind": "query"}]},
        {"servers": [{"name": "here"}]},
    ],
    ids=["version", "no params", "unknown member", "server without url"],
)
def test_a_broken_document_is_not(tool, broken):
    """The tool does look."""
    told = tool({**DOCUMENT, **broken})["valid"]
    assert isinstance(told, str)
    assert told.startswith("Error validating OpenRPC Document")


def test_every_reference_is_followed(tool):
    """Dereferenced, parameters, results and errors stand in the methods themselves."""
    methods = tool(DOCUMENT)["methods"]
    left = [path for path, found in objects_in(methods) if "$ref" in found and "/x-" not in path]
    assert left == []
    by_name = {method["name"]: method for method in methods}
    assert by_name["media.deleteMedia"]["result"]["schema"]["title"] == "Success"
    assert by_name["media.getMedia"]["errors"][0] == {"code": 1000, "message": "Authentication required"}


def test_our_calls_fit(tool):
    """Every example, null and the extremes of what may be left out, and the specification's own method."""
    more = [
        ("media.listMedia", {"limit": 1, "cursor": None, "type": None, "status": None}),
        ("media.listMedia", {"limit": 100, "cursor": PHOTO_ID, "type": "video", "status": "failed"}),
        ("media.completeUpload", {"mediaId": PHOTO_ID, "uploadId": PHOTO_ID}),
        ("media.getDownloadUrl", {"mediaId": PHOTO_ID, "rendition": None, "filename": "original", "inline": False}),
        ("media.initiateUpload", {**GOOD[1][1], "purpose": "profile", "sha256": None, "idempotencyKey": None}),
        ("rpc.discover", {}),
    ]
    calls = [*GOOD, *more]
    assert tool(DOCUMENT, calls)["issues"] == [[]] * len(calls)


def test_wrong_calls_do_not(tool):
    """What is missing, and what is of another type, is named."""
    photo = GOOD[1][1]
    wrong = [
        ("media.getMedia", {}, ["mediaId"]),
        ("media.getMedia", {"mediaId": 5}, ["mediaId"]),
        ("media.getMedia", {"mediaId": "nonsense"}, ["mediaId"]),
        ("media.initiateUpload", {}, ["filename", "contentType", "size"]),
        ("media.initiateUpload", {**photo, "size": 0}, ["size"]),
        ("media.initiateUpload", {**photo, "size": "1"}, ["size"]),
        ("media.initiateUpload", {**photo, "purpose": "banner"}, ["purpose"]),
        ("media.listMedia", {"limit": 101}, ["limit"]),
        ("media.listMedia", {"status": "deleted", "type": "text"}, ["type", "status"]),
        ("media.nothing", {}, "MethodNotFoundError"),
    ]
    assert tool(DOCUMENT, [call[:2] for call in wrong])["issues"] == [call[2] for call in wrong]
