"""A stock `@trpc/client` with the package's types, over each of its links, against a server and a worker."""

import re
from typing import Any

import psycopg
import pytest

from contracts.errors import ErrorCode
from contracts.renditions import NAMES
from procedures import PROCEDURES
from tests import media_files
from tests.deployment import APP, COOKIE
from tests.processes import until

LINKS = ["httpLink", "httpBatchLink", "httpBatchStreamLink"]
METHOD_OVERRIDES = [{}, {"methodOverride": "POST"}]
PHOTO = media_files.photo()
NOT_FOUND = {"rpcCode": 1300, "fact": None, "message": "Media not found", "key": "NOT_FOUND", "httpStatus": 404}


@pytest.fixture(scope="session")
def programs(web_app):
    """The programs that call, compiled strictly against the package."""
    sources = ["client.ts", "errors.ts", "life.ts", "batch.ts", "arrivals.ts", "refusals.ts"]
    assert web_app.compile(*sources, types=["node"]) == ""
    return web_app


@pytest.fixture
def run(programs, deployment, user):
    """What a program says, called as the user."""

    def answer(program: str, **order: Any) -> Any:
        return programs.answer(program, **{"url": deployment.served.url, "token": deployment.token(user), **order})

    return answer


def without_ids(told: Any) -> Any:
    """What was told of an error, less its request's id, which must be one."""
    if not isinstance(told, dict):
        return told
    assert re.fullmatch(r"req_\d{13}_[0-9a-f]{9}", told["requestId"])
    return {name: value for name, value in told.items() if name != "requestId"}


@pytest.mark.parametrize("override", METHOD_OVERRIDES, ids=["GET", "methodOverride"])
@pytest.mark.parametrize("link", LINKS)
def test_every_procedure_is_called(run, deployment, user, tmp_path, link, override):
    """The whole life of an upload, its bytes included, watched through the subscription's link."""
    (tmp_path / "photo.jpg").write_bytes(PHOTO)

    told = run("life.js", link=link, path=str(tmp_path / "photo.jpg"), **override)

    called = told.pop("requests")
    assert told == {
        "seen": [
            *(["upload.started true", "media.deleted true"]),
            *(["upload.started true", "media.processing true", *["media.progress true"] * 3, "media.ready true"]),
        ],
        "maxSize": 10 * 1024**2,
        "cancelled": True,
        "sent": 200,
        "completed": "processing",
        "media": ["ready", "photo.jpg", len(PHOTO), 64, 48],
        "listed": [[True], None],
        "downloaded": True,
        "made": ["ready", None, 100, 1, "ready", 1400],
        "renditions": [
            ["thumb150", 48, 48],
            ["thumb300", 48, 48],
            ["thumb600", 48, 48],
            ["thumb1200", 48, 48],
            ["full", 64, 48],
        ],
        "used": len(PHOTO),
        "portrait": [True, True],
        "post": ["walk", True, True, 0],
        "parts": [100, [], [True], "processing", None],
        "brought": ["photo.jpg", True, ["upload.started", "upload.progress", "media.processing"]],
        "forServices": [1100, 1100, 1100, 1100],
        "deletedMany": [[True, True, None]] * 3,
        "deleted": True,
        "left": [],
    }
    streams = link == "httpBatchStreamLink"  # which has begun before its calls are answered
    refused, conflict = (200, 200) if streams else (403, 409)
    query = override.get("methodOverride", "GET")
    assert called == [
        f"{query} /rpc/media.getSupportedFormats 200",
        "POST /rpc/media.initiateUploads 200",
        "POST /rpc/media.cancelUpload 200",
        "POST /rpc/media.initiateUpload 200",
        "POST /rpc/media.completeUpload 200",
        f"{query} /rpc/media.getMedia 200",
        f"{query} /rpc/media.listMedia 200",
        f"{query} /rpc/media.getDownloadUrl 200",
        f"{query} /rpc/media.getProcessingStatus 200",
        "POST /rpc/media.retryProcessing 200",
        f"POST /rpc/media.cancelProcessing {conflict}",
        f"{query} /rpc/media.getStorageUsage 200",
        "POST /rpc/media.setProfileImage 200",
        f"{query} /rpc/media.getProfileImage 200",
        "POST /rpc/media.initiateUpload 200",
        "POST /rpc/media.completeUpload 200",
        "POST /rpc/media.attachToPost 200",
        f"{query} /rpc/media.listPostMedia 200",
        "POST /rpc/media.detachFromPost 200",
        "POST /rpc/media.deletePostMedia 200",
        "POST /rpc/media.initiateMultipartUpload 200",
        "POST /rpc/media.signParts 200",
        f"{query} /rpc/media.getUploadStatus 200",
        f"{query} /rpc/media.listUploads 200",
        "POST /rpc/media.completeMultipartUpload 200",
        "POST /rpc/media.initiateMultipartUpload 200",
        "POST /rpc/media.uploadPart 200",
        "POST /rpc/media.cancelUpload 200",
        "POST /rpc/media.upload 200",
        f"{query} /rpc/media.pollEvents 200",
        f"POST /rpc/media.setPlan {refused}",
        f"POST /rpc/media.purgeUser {refused}",
        f"{query} /rpc/media.listAudit {refused}",
        f"{query} /rpc/media.getMany {refused}",
        "POST /rpc/media.deleteMany 200",
        "POST /rpc/media.deleteMedia 200",
        f"{query} /rpc/media.listMedia 200",
    ]
    until(lambda: deployment.served.logged("subscription", caller=user))
    names = {request.split()[1].removeprefix("/rpc/") for request in called}
    assert {*names, "media.watch"} == {procedure.name for procedure in PROCEDURES}


REQUESTS = {
    "httpLink": [
        "GET /rpc/media.getMedia 404",
        "GET /rpc/media.getStorageUsage 200",
        "GET /rpc/media.getSupportedFormats 200",
        "GET /rpc/media.listMedia 200",
        "POST /rpc/media.cancelUpload 404",
        "POST /rpc/media.initiateUpload 200",
    ],
    "httpBatchLink": [
        "GET /rpc/media.getStorageUsage,media.getMedia,media.listMedia,media.getSupportedFormats 207",
        "POST /rpc/media.cancelUpload,media.initiateUpload 207",
    ],
    "httpBatchStreamLink": [
        "GET /rpc/media.getStorageUsage,media.getMedia,media.listMedia,media.getSupportedFormats 200",
        "POST /rpc/media.cancelUpload,media.initiateUpload 200",
    ],
}


@pytest.mark.parametrize("override", METHOD_OVERRIDES, ids=["GET", "methodOverride"])
@pytest.mark.parametrize("link", LINKS)
def test_calls_made_in_one_go_share_a_request_and_nothing_else(run, link, override):
    """A request for the queries, one for the mutations; the call that fails leaves the others."""
    told = run("batch.js", link=link, **override)

    assert [without_ids(call) for call in told["calls"]] == [52_428_800, NOT_FOUND, NOT_FOUND, [], "PUT", [*NAMES]]
    query = override.get("methodOverride", "GET")
    assert told["requests"] == sorted(request.replace("GET", query) for request in REQUESTS[link])


def test_a_slow_call_holds_nothing_of_its_batch_back(programs, deployment, user):
    """One of two calls waits for a row that somebody else holds until the other's result has arrived."""
    site = deployment.site(user)
    told = {"filename": "a.jpg", "contentType": "image/jpeg", "size": 1}
    slow, quick = (site.rpc("media.initiateUpload", **told)["mediaId"] for _ in range(2))
    order = {"url": deployment.served.url, "token": site.token, "link": "httpBatchStreamLink"}
    with psycopg.connect(deployment.settings.database_url) as holding:
        holding.execute("select from media where id = %s for update", [slow])
        with programs.start("arrivals.js", slow=slow, quick=quick, **order) as program:
            program.wait_for('{"quick":true}\n')
            assert program.output == '{"quick":true}\n'
            holding.rollback()
            program.wait_for("requests")

    requests = '{"requests":["POST /rpc/media.cancelUpload,media.cancelUpload 200"]}\n'
    assert program.output == f'{{"quick":true}}\n{{"slow":true}}\n{requests}'


@pytest.mark.parametrize("link", LINKS)
def test_errors_are_narrowed_by_their_number(run, deployment, user, link):
    """The number tells what the details are; each refusal stands in the log under its request's id."""
    told = run("refusals.js", link=link, bad="bad")["refused"]

    pending = deployment.site(user).rpc("media.listMedia", status="pending")["items"][-1]["id"]
    facts = [(error["rpcCode"], error["fact"]) for error in told]
    (retry_after,) = [fact for code, fact in facts if code == 1500]
    assert 3000 < retry_after <= 3660  # a window has sixty slices
    assert facts == [
        (1200, "mediaId"),
        (1300, None),
        (1400, pending),
        (1601, "image/jpeg"),
        (1602, 10 * 1024**2),
        (1600, 50 * 1024**2 - 8),
        (1400, pending),
        (1500, retry_after),
        (1000, None),
        (1003, None),
    ]
    codes = {code.value: code for code in ErrorCode}
    for error in told:
        assert error["key"] == codes[error["rpcCode"]].trpc_key
        (line,) = deployment.served.logged("call", request_id=error["requestId"])
        assert (line["outcome"], line["dialect"]) == (error["rpcCode"], "trpc")


def test_a_page_of_the_app_calls_with_its_cookie(run, deployment, user):
    """No token is in the page's hands: the cookie and the page's origin are the browser's."""
    cookie = f"{COOKIE}={deployment.token(user)}"

    told = run("batch.js", link="httpBatchLink", token="", added={"cookie": cookie, "origin": APP})

    assert [without_ids(call) for call in told["calls"]] == [52_428_800, NOT_FOUND, NOT_FOUND, [], "PUT", [*NAMES]]


def test_another_page_does_not(run, deployment, user):
    """It hears of what is public, and nothing else."""
    cookie = f"{COOKIE}={deployment.token(user)}"

    told = run("batch.js", link="httpBatchLink", token="", added={"cookie": cookie, "origin": "https://evil.example"})

    *refused, public = [without_ids(call) for call in told["calls"]]
    assert (
        refused
        == [
            {
                "rpcCode": 1100,
                "fact": None,
                "message": "The cookie is not accepted from another site",
                "key": "FORBIDDEN",
                "httpStatus": 403,
            }
        ]
        * 5
    )
    assert public == [*NAMES]
    assert [request.rpartition(" ")[2] for request in told["requests"]] == ["207", "403"]
    assert deployment.site(user).rpc("media.listMedia", status="pending")["items"] == []
