"""JSON-RPC clients from their registries, unmodified, against the running server."""

import json
from collections.abc import Iterator
from typing import Any

import httpx
import pytest
from pjrpc.client.backend.httpx import Client
from pjrpc.client.exceptions import JsonRpcError

from procedures import PROCEDURES
from server.token import sign_token
from tests.described import Described
from tests.fork import fork
from tests.media_files import photo
from tests.node import node_with_packages
from tests.processes import Site

DOCUMENT = Described.of(*PROCEDURES).document
HERE = {"servers": DOCUMENT["servers"]}  # whatever address this server has
PHOTO = photo()
TOLD: dict[str, Any] = {"filename": "a.jpg", "contentType": "image/jpeg", "size": len(PHOTO)}
FREE = 52_428_800
UNKNOWN = "00000000-0000-4000-8000-000000000000"


@pytest.fixture
def site(resources, settings, configured, tmp_path) -> Iterator[Site]:
    """A `mediarpc serve` with its buckets."""
    with fork(tmp_path, "serve", **configured) as serve:
        serve.wait_for("mediarpc serves on")
        yield Site(f"http://127.0.0.1:{configured['PORT']}", sign_token(settings, user="ada"))


@pytest.fixture
def pjrpc(site: Site) -> Iterator[Client]:
    """A client of the server, with a token in its headers."""
    with httpx.Client(headers={"authorization": f"Bearer {site.token}"}, timeout=30) as http:
        yield Client(f"{site.origin}/rpc", http_client=http)


def usage(**different: Any) -> dict[str, Any]:
    """An owner's usage on the free plan, empty but for what is said."""
    nothing = {"image": 0, "video": 0, "audio": 0}
    known = {
        "used": 0,
        "quota": FREE,
        "limit": FREE,
        "percentage": 0.0,
        "reserved": 0,
        "renditions": 0,
        "breakdown": nothing,
    }
    return {**known, **different}


class TestPjrpc:
    """Python: pjrpc over httpx."""

    def test_it_uploads(self, pjrpc: Client):
        """Each call is a method of its proxy."""
        ticket: Any = pjrpc.call("media.initiateUpload", **TOLD)
        sent = httpx.put(ticket["uploadUrl"], content=PHOTO, headers=ticket["headers"], timeout=30)
        assert sent.status_code == 200
        completed: Any = pjrpc.call("media.completeUpload", mediaId=ticket["mediaId"])
        assert (completed["media"]["status"], completed["media"]["size"]) == ("processing", len(PHOTO))
        found: Any = pjrpc.call("media.getMedia", ticket["mediaId"])
        assert {**found["media"], "url": None} == {**completed["media"], "url": None}

    def test_it_batches(self, pjrpc: Client):
        """The answers are the calls', in their order; a notification among them has none."""
        ticket: Any = pjrpc.call("media.initiateUpload", **TOLD)
        with pjrpc.batch() as batch:
            batch("media.getStorageUsage")
            batch.notify("media.getStorageUsage")
            batch("media.listMedia", status="pending")
        reserved, pending = batch.get_results()
        assert reserved == usage(reserved=len(PHOTO))
        assert [media["id"] for media in pending["items"]] == [ticket["mediaId"]]

    def test_it_notifies(self, pjrpc: Client):
        """Nothing is answered, and it is done."""
        ticket: Any = pjrpc.call("media.initiateUpload", **TOLD)
        pjrpc.notify("media.cancelUpload", mediaId=ticket["mediaId"])
        with pytest.raises(JsonRpcError) as gone:
            pjrpc.call("media.getMedia", mediaId=ticket["mediaId"])
        assert gone.value.code == 1300

    @pytest.mark.parametrize(
        ("method", "params", "code", "message"),
        [
            ("media.getMedia", {"mediaId": UNKNOWN}, 1300, "Media not found"),
            ("media.getMedia", {"mediaId": "5"}, -32602, "Invalid media ID format"),
            ("media.nothing", {}, -32601, "Method not found"),
        ],
    )
    def test_it_raises_errors(self, pjrpc: Client, method: str, params: dict[str, Any], code: int, message: str):
        """With their number and their sentence."""
        with pytest.raises(JsonRpcError) as refused:
            pjrpc.call(method, **params)
        assert (refused.value.code, refused.value.message) == (code, message)

    def test_it_discovers(self, pjrpc: Client):
        """What it can call is what the document says."""
        document: Any = pjrpc.call("rpc.discover")
        assert document | HERE == DOCUMENT


class TestJayson:
    """JavaScript: jayson over Node's http."""

    def test_it_calls(self, site: Site, request):
        """Single, batch, notification, error and discovery, as jayson gives them to its caller."""
        ran = node_with_packages().run("node", request.path.with_name("jayson_calls.mjs"), site.origin, site.token)
        assert (ran.returncode, ran.stderr) == (0, "")
        told = json.loads(ran.stdout)

        assert told["single"]["result"]["headers"] == {"content-type": "image/jpeg"}
        assert len(told["batch"]) == 3
        used, malformed, unknown = told["batch"]
        assert used == {"jsonrpc": "2.0", "id": "usage", "result": usage(reserved=1000)}
        assert (malformed["id"], malformed["error"]["code"], malformed["error"]["data"]["rpcCode"]) == (7, -32602, 1200)
        assert (unknown["id"], unknown["error"]["code"]) == ("unknown", -32601)
        assert unknown["error"]["message"] == "Method not found"
        assert "notification" not in told
        gone = told["positional"]["error"]
        assert (gone["code"], gone["message"]) == (1300, "Media not found")
        assert told["discovered"]["result"] | HERE == DOCUMENT
