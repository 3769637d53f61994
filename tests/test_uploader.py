"""The npm package's uploader, in Node.js, against a running server and a real store."""

import hashlib
import json
import shutil
from collections.abc import Iterator

import pytest

from server.embedded import free_port
from tests import media_files
from tests.faults import Cut, Proxy, proxy_of
from tests.processes import Site
from tests.proxied import served_behind
from tests.web_app import SOURCES

INITIATE, COMPLETE, CANCEL = "media.initiateUpload", "media.completeUpload", "media.cancelUpload"
SIZE = 200_000
PHOTO = media_files.padded(media_files.photo(), SIZE)
UNAVAILABLE = {"code": 1903, "message": "Service unavailable", "data": {"rpcCode": 1903, "requestId": "req_1"}}
OTHER_BYTES = {"code": -32602, "message": "The bytes differ", "data": {"rpcCode": 1201, "requestId": "req_2"}}


@pytest.fixture
def proxy(settings, store_server) -> Iterator[Proxy]:
    """What stands between the uploader and both servers."""
    with proxy_of("", store_server.endpoint) as made:
        yield made


@pytest.fixture
def rate_limits() -> str:
    """How often the server lets itself be called."""
    return "off"


@pytest.fixture
def site(resources, configured, proxy, rate_limits) -> Iterator[Site]:
    """A running server, whose signed URLs lead through the proxy."""
    with served_behind(proxy, configured, RATE_LIMITS=rate_limits) as served:
        yield served


@pytest.fixture(scope="session")
def uploading(web_app):
    """The compiled program, in Node.js."""
    assert web_app.compile("upload.ts", types=["node"]) == ""
    shutil.copy2(SOURCES / "browser.mjs", web_app.folder)

    def run(*, in_browser: bool = False, **order):
        preloaded = ["--import", "./browser.mjs"] if in_browser else []
        ran = web_app.run(*preloaded, "upload.js", json.dumps(order))
        assert ran.stderr == ""
        return json.loads(ran.stdout)

    return run


@pytest.fixture
def upload(uploading, site, proxy, tmp_path):
    """Upload bytes through the proxy; the media or the error, and how many bytes were told to have gone."""

    def run(body: bytes = PHOTO, **order):
        path = tmp_path / "upload"
        path.write_bytes(body)
        asked = {"url": f"{proxy.origin}/rpc", "token": site.token, "path": str(path), "type": "image/jpeg", **order}
        return uploading(**asked)

    return run


def ids(site: Site) -> list[str]:
    """The ids of everything that ada has, pending uploads too."""
    listed = [*site.rpc("media.listMedia")["items"], *site.rpc("media.listMedia", status="pending")["items"]]
    return [media["id"] for media in listed]


def test_a_file_is_uploaded_with_progress(upload, site, proxy):
    """The media is the server's, the bytes are the file's, and progress goes from nothing to all."""
    answered = upload()

    assert answered["sent"] == [0, 65536, 131072, 196608, 200000]
    media = answered["media"]
    assert (media["filename"], media["mimeType"], media["size"]) == ("photo.jpg", "image/jpeg", 200000)
    assert proxy.names == [INITIATE, "PUT", COMPLETE]
    assert site.download(media["id"]) == PHOTO
    assert proxy.inputs(INITIATE)[0].keys() == {"filename", "contentType", "size", "idempotencyKey"}


def test_options_are_told_to_the_server(upload, proxy):
    """A name, a type and a purpose of the caller's choice take the place of the file's."""
    options = {"filename": "me.jpeg", "contentType": "image/jpeg", "purpose": "profile"}

    answered = upload(type="text/plain", options=options)

    assert answered["media"]["filename"] == "me.jpeg"
    told = proxy.inputs(INITIATE)[0]
    assert {name: told[name] for name in options} == options


@pytest.mark.parametrize(
    ("said", "filename"),
    [
        ("", "holiday.JPG"),
        ("application/octet-stream", "holiday.jpeg"),
        ("image/pjpeg", "holiday"),
        ("image/JPG;q=1", "a.b"),
    ],
)
def test_a_file_goes_by_the_type_that_is_meant_or_by_its_extension(upload, said, filename):
    """A browser that does not know a type says none, or one that means nothing."""
    uploaded = upload(type=said, options={"filename": filename})

    assert (uploaded["media"]["filename"], uploaded["media"]["mimeType"]) == (filename, "image/jpeg")


def test_a_file_without_type_and_known_extension_is_not_sent(upload, proxy):
    assert upload(type="", options={"filename": "notes.txt"})["error"]["name"] == "TypeError"
    assert proxy.names == []


def test_the_digest_is_worked_out_when_asked_for(upload, proxy):
    """The server and storage hold the bytes to it."""
    answered = upload(options={"sha256": True})

    assert answered["media"]["size"] == 200000
    assert proxy.inputs(INITIATE)[0]["sha256"] == hashlib.sha256(PHOTO).hexdigest()


def test_bytes_that_differ_from_a_given_digest_are_refused(upload, store_server, proxy):
    """By storage, once and for all, where it checks; else by the server, which lets them be sent again."""
    error = upload(options={"sha256": hashlib.sha256(b"other bytes").hexdigest()})["error"]

    if store_server.name == "embedded":
        assert (error["name"], error["code"]) == ("MediaRpcError", 1201)
        assert proxy.names == [INITIATE, *["PUT", COMPLETE] * 3]
    else:
        message = "Storage refused the bytes with HTTP 400"
        assert error == {"name": "MediaTransportError", "message": message, "status": 400}
        assert proxy.names == [INITIATE, "PUT"]


def test_bytes_of_another_type_are_refused_with_a_typed_error(upload, proxy):
    """Code, details and request id are the server's."""
    error = upload(media_files.HTML)["error"]

    assert error.pop("requestId").startswith("req_")
    assert error == {
        "name": "MediaRpcError",
        "message": "The bytes are not of the declared type",
        "code": 1601,
        "details": {"declared": "image/jpeg", "reason": "The bytes show no known media type"},
    }
    assert proxy.names == [INITIATE, "PUT", COMPLETE]


def test_a_refused_upload_sends_nothing(upload, proxy):
    """A refusal that would be repeated is not asked for again."""
    size = 10 * 1024**2 + 1
    answered = upload(media_files.padded(PHOTO, size))

    assert answered["error"].pop("requestId").startswith("req_")
    assert answered == {
        "error": {
            "name": "MediaRpcError",
            "message": "File size exceeds maximum allowed for image/jpeg",
            "code": 1602,
            "details": {"size": size, "maxSize": 10 * 1024**2, "contentType": "image/jpeg"},
        },
        "sent": [],
    }
    assert proxy.names == ["media.initiateMultipartUpload"]


def test_a_bad_token_is_refused_soon(upload, proxy):
    """Once another one has been asked for. Errors without facts have no details."""
    error = upload(token="bad")["error"]

    assert (error["name"], error["code"], "details" in error) == ("MediaRpcError", 1003, False)
    assert proxy.names == [INITIATE] * 2


@pytest.mark.exhaustive
@pytest.mark.parametrize(
    ("faults", "names"),
    [
        ({INITIATE: [Cut.BEFORE]}, [INITIATE, INITIATE, "PUT", COMPLETE]),
        ({INITIATE: [Cut.AFTER]}, [INITIATE, INITIATE, "PUT", COMPLETE]),
        ({INITIATE: [502, 503]}, [INITIATE, INITIATE, INITIATE, "PUT", COMPLETE]),
        ({INITIATE: [UNAVAILABLE]}, [INITIATE, INITIATE, "PUT", COMPLETE]),
        ({"PUT": [Cut.BEFORE, 503]}, [INITIATE, "PUT", "PUT", "PUT", COMPLETE]),
        ({"PUT": [Cut.AFTER]}, [INITIATE, "PUT", "PUT", COMPLETE]),
        ({"PUT": [403]}, [INITIATE, "PUT", INITIATE, "PUT", COMPLETE]),
        ({COMPLETE: [Cut.BEFORE]}, [INITIATE, "PUT", COMPLETE, COMPLETE]),
        ({COMPLETE: [Cut.AFTER]}, [INITIATE, "PUT", COMPLETE, COMPLETE]),
        ({COMPLETE: [UNAVAILABLE, UNAVAILABLE]}, [INITIATE, "PUT", COMPLETE, COMPLETE, COMPLETE]),
        ({COMPLETE: [OTHER_BYTES]}, [INITIATE, "PUT", COMPLETE, "PUT", COMPLETE]),
    ],
    ids=[
        "initiate cut",
        "initiate's answer lost",
        "a proxy's 502 and 503",
        "initiate 1903",
        "PUT cut and 503",
        "PUT's answer lost",
        "URL ended",
        "complete cut",
        "complete's answer lost",
        "complete 1903",
        "complete 1201",
    ],
)
def test_what_may_pass_is_tried_again(upload, site, proxy, faults, names):
    """Each fault is met by one more try of its step; in the end there is one media, with the file's bytes."""
    proxy.faults = faults

    answered = upload()

    assert proxy.names == names
    assert answered["sent"] == [0, 65536, 131072, 196608, 200000]
    assert ids(site) == [answered["media"]["id"]]
    assert site.download(answered["media"]["id"]) == PHOTO
    assert len({told["idempotencyKey"] for told in proxy.inputs(INITIATE)}) == 1


@pytest.mark.exhaustive
@pytest.mark.parametrize(
    ("faults", "error", "names"),
    [
        (
            {"PUT": [403] * 9},
            {"name": "MediaTransportError", "message": "Storage refused the bytes with HTTP 403", "status": 403},
            [INITIATE, "PUT"] * 3,
        ),
        (
            {COMPLETE: [OTHER_BYTES] * 9},
            {"name": "MediaRpcError", "message": "The bytes differ", "code": 1201, "requestId": "req_2"},
            [INITIATE, *["PUT", COMPLETE] * 3],
        ),
        (
            {INITIATE: [404] * 9},
            {"name": "MediaTransportError", "message": "media.initiateUpload failed: HTTP 404", "status": 404},
            [INITIATE],
        ),
    ],
    ids=["PUT 403", "1201", "another server"],
)
def test_tries_after_refusals_are_bounded(upload, proxy, faults, error, names):
    """After the third try the last error is the caller's; what will not pass is tried once."""
    proxy.faults = faults

    assert upload()["error"] == error
    assert proxy.names == names


@pytest.mark.exhaustive
@pytest.mark.parametrize(
    ("name", "fault", "error"),
    [
        (
            "PUT",
            503,
            {"name": "MediaTransportError", "message": "Storage refused the bytes with HTTP 503", "status": 503},
        ),
        ("PUT", Cut.BEFORE, {"name": "MediaTransportError", "message": "Storage cannot be reached"}),
        (
            COMPLETE,
            UNAVAILABLE,
            {"name": "MediaRpcError", "message": "Service unavailable", "code": 1903, "requestId": "req_1"},
        ),
    ],
    ids=["PUT 503", "PUT cut", "1903"],
)
def test_an_outage_without_end_is_given_up_in_time(upload, proxy, name, fault, error):
    """The last error is the caller's, after more than five tries with ever longer pauses between them."""
    proxy.faults = {name: [fault] * 99}

    assert upload(retrySeconds=2)["error"] == error
    assert 5 < proxy.names.count(name) < 12


def test_a_server_that_is_not_there_is_told(uploading, tmp_path):
    """There is no status without a reply."""
    (tmp_path / "upload").write_bytes(PHOTO)
    origin = f"http://127.0.0.1:{free_port()}"

    answered = uploading(
        url=f"{origin}/rpc", token="t", path=str(tmp_path / "upload"), type="image/jpeg", retrySeconds=1
    )

    assert answered == {
        "error": {"name": "MediaTransportError", "message": "The server cannot be reached"},
        "sent": [],
    }


@pytest.mark.parametrize("rate_limits", ["media.initiateUpload=1/60"])
def test_a_window_that_is_full_for_longer_than_anything_is_waited_for_is_an_error(upload):
    """It is told at once, with the seconds."""
    upload()

    error = upload(retrySeconds=5)["error"]

    assert (error["name"], error["code"]) == ("MediaRpcError", 1500)
    assert 5 < error["details"]["retryAfter"] <= 61


@pytest.mark.parametrize("rate_limits", ["media.initiateUpload=1/5"])
def test_a_full_window_is_waited_for(upload, site, proxy):
    """The server's own rate limit refuses the second upload at first, and has room after the seconds that it told."""
    first = upload()["media"]["id"]
    second = upload()["media"]["id"]

    assert sorted(ids(site)) == sorted([first, second])
    assert proxy.names == [INITIATE, "PUT", COMPLETE, INITIATE, INITIATE, "PUT", COMPLETE]


@pytest.mark.parametrize(
    ("abort", "sent", "names"),
    [(131072, [0, 65536, 131072], [INITIATE, CANCEL]), ("first call", [], [INITIATE, CANCEL])],
    ids=["between the bytes", "before there is a ticket"],
)
def test_an_aborted_upload_is_cancelled_on_the_server(upload, site, proxy, abort, sent, names):
    """The promise rejects with the signal's reason, and nothing of the upload is left to its owner."""
    answered = upload(abort=abort)

    assert answered == {"error": {"name": "AbortError"}, "sent": sent}
    assert proxy.names == names
    assert ids(site) == []
    assert proxy.inputs(CANCEL)[0].keys() == {"mediaId"}


def test_a_browser_tells_its_progress(upload, site, proxy):
    """Where there is an XMLHttpRequest it sends the bytes; a refused PUT is repeated."""
    proxy.faults = {"PUT": [503]}

    answered = upload(in_browser=True)

    assert (answered["sent"][0], answered["sent"][-1]) == (0, 200000)
    assert answered["sent"] == sorted(answered["sent"])
    assert proxy.names == [INITIATE, "PUT", "PUT", COMPLETE]
    assert site.download(answered["media"]["id"]) == PHOTO


def test_a_browser_is_told_when_storage_is_out_of_reach(upload, proxy):
    """What the browser says to a lost connection is a transport error like any other."""
    proxy.faults = {"PUT": [Cut.BEFORE] * 99}

    error = upload(in_browser=True, retrySeconds=1)["error"]

    assert error == {"name": "MediaTransportError", "message": "Storage cannot be reached"}
    assert {*proxy.names} == {INITIATE, "PUT"}


@pytest.mark.parametrize("abort", [0, 1], ids=["before the first byte", "after some bytes"])
def test_a_browser_gives_up_when_told(upload, site, proxy, abort):
    """The request ends, and the upload is cancelled on the server."""
    answered = upload(in_browser=True, abort=abort)

    assert answered["error"] == {"name": "AbortError"}
    assert (CANCEL in proxy.names, COMPLETE in proxy.names) == (True, False)
    assert ids(site) == []
