"""Stock Uppy with the npm package's options for `@uppy/aws-s3`, in Node.js, against real servers."""

import hashlib
import shutil
import signal
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest

from tests import media_files
from tests.faults import Cut, Proxy, proxy_of
from tests.processes import Running, Site, until
from tests.proxied import served_behind
from tests.test_uploader_parts import (
    CANCEL,
    COMPLETE,
    INITIATE,
    PART,
    PARTS,
    SHORT_VIDEO,
    SIGN,
    SIZE,
    STATUS,
    VIDEO,
    said,
    told,
)
from tests.web_app import SOURCES

PHOTO = media_files.padded(media_files.photo(), 200_000)


@pytest.fixture
def proxy(settings, store_server) -> Iterator[Proxy]:
    """What stands between Uppy and both servers."""
    with proxy_of("", store_server.endpoint) as made:
        yield made


@pytest.fixture
def site(resources, configured, proxy) -> Iterator[Site]:
    """A running server behind the proxy."""
    with served_behind(proxy, configured) as served:
        yield served


@pytest.fixture(scope="session")
def program(web_app):
    """The compiled program, and what gives it a browser's requests."""
    for name in ("browser.mjs", "browser.d.mts"):
        shutil.copy2(SOURCES / name, web_app.folder)
    assert web_app.compile("uppy.ts", types=["node"]) == ""
    return web_app


@pytest.fixture(params=["stock", "ours"], ids=["with @uppy/aws-s3", "with the package's uploader"])
def sender(request) -> str:
    """What sends Uppy's files."""
    return str(request.param)


@pytest.fixture
def client(program, site, proxy, sender, tmp_path):
    """Uppy in a process of its own; what it says is on its log."""

    @contextmanager
    def start(body: bytes = VIDEO, **order: Any) -> Iterator[Running]:
        path = tmp_path / "film"
        path.write_bytes(body)
        called = {"url": f"{proxy.origin}/rpc", "token": site.token}
        wished = {"type": "video/mp4", "partSize": PART, "parallel": 1, **order}
        with program.start("uppy.js", sender=sender, path=str(path), **called, **wished) as started:
            yield started

    return start


@pytest.fixture
def upload(client):
    """Run Uppy to its end; all that it said."""

    def run(**order: Any) -> list[dict[str, Any]]:
        with client(**order) as started:
            assert started.process.wait(120) == 0, started.output
            return said(started)

    return run


@pytest.fixture
def killed_at(client, proxy):
    """Kill Uppy without warning while it sends the part after so many; what it had noted of the file."""

    def run(parts: int) -> dict[str, Any]:
        proxy.faults = {"PUT": [*[None] * parts, Cut.HELD]}
        with client() as started:
            until(lambda: len(proxy.inputs("PUT")) == parts + 1)
            started.stop(signal.SIGKILL)
            noted: dict[str, Any] = told(said(started), "noted")[-1]
        proxy.requests.clear()
        return noted

    return run


def ends_well(site: Site, lines: list[dict[str, Any]], body: bytes = VIDEO) -> str:
    """The id of the media that Uppy ended with: the only one of ada, with the file's bytes."""
    assert "uploaded" in lines[-1], lines[-1]
    answered = lines[-1]["uploaded"]
    media_id = str(answered["id"] if "id" in answered else answered["key"])
    listed = [*site.rpc("media.listMedia")["items"], *site.rpc("media.listMedia", status="pending")["items"]]
    assert [found["id"] for found in listed] == [media_id]
    assert hashlib.sha256(site.download(media_id)).digest() == hashlib.sha256(body).digest()
    return media_id


@pytest.mark.parametrize(
    ("sender", "names"),
    [
        ("stock", [INITIATE, SIGN, "PUT", COMPLETE]),
        ("ours", ["media.initiateUpload", "PUT", "media.completeUpload"]),
    ],
    indirect=["sender"],
)
def test_a_small_file_goes_by_one_put(upload, site, proxy, names):
    """Uppy's plugin makes an upload in one part of it, the package's uploader one without parts."""
    lines = upload(body=PHOTO, type="image/jpeg")

    assert proxy.names == names
    ends_well(site, lines, PHOTO)
    assert told(lines, "sent")[-1] == len(PHOTO)


@pytest.mark.parametrize("said", ["", "application/octet-stream", "video/x-m4v"])
def test_a_file_without_a_type_goes_by_its_extension(upload, site, said):
    lines = upload(body=SHORT_VIDEO, type=said)

    ends_well(site, lines, SHORT_VIDEO)


def test_a_large_file_goes_in_parts(upload, site, proxy):
    """Each is signed for when its turn has come, and sent once."""
    lines = upload()

    assert proxy.inputs("PUT") == PARTS
    assert [proxy.names.count(name) for name in (INITIATE, COMPLETE, STATUS)] == [1, 1, 0]
    ends_well(site, lines)
    assert told(lines, "sent")[-1] == SIZE


@pytest.mark.parametrize("sender", ["stock"], indirect=True)
def test_the_plugin_is_told_the_id_of_the_media(upload, site, proxy):
    """It is the object's key, and names the media in the place of a URL."""
    answered = upload(body=PHOTO, type="image/jpeg")[-1]["uploaded"]

    media_id = site.rpc("media.listMedia")["items"][0]["id"]
    assert answered == {"location": f"urn:uuid:{media_id}", "key": media_id}


def test_it_pauses_and_resumes(upload, site, proxy):
    """Nothing goes while Uppy is paused; then storage is asked what it has, and the rest goes."""
    lines = upload(pauseAt=3 * PART + 1000)

    assert lines.index({"resumed": True}) == lines.index({"paused": True}) + 1
    assert proxy.names.count(STATUS) == 1
    assert proxy.inputs("PUT") == PARTS
    ends_well(site, lines)


@pytest.mark.exhaustive
@pytest.mark.parametrize("parts", [1, 2, 4], ids=["after the first part", "in the middle", "before the last part"])
def test_it_resumes_after_a_restart(killed_at, upload, site, proxy, parts):
    """From what Uppy keeps of a file, a fresh process goes on where a killed one was."""
    noted = killed_at(parts)

    lines = upload(noted=noted)

    assert proxy.inputs("PUT") == PARTS[parts:]
    assert INITIATE not in proxy.names
    assert told(lines, "sent")[0] == parts * PART
    assert ends_well(site, lines) in noted.values() or noted["s3Multipart"].values()


def test_a_cancelled_upload_is_cancelled_on_the_server(client, site, proxy):
    """Nothing of it is left to its owner."""
    with client(cancelAt=PART + 1000):
        until(lambda: CANCEL in proxy.names and site.rpc("media.listUploads")["items"] == [])

    assert proxy.names.count(CANCEL) == 1
    assert COMPLETE not in proxy.names
    assert site.rpc("media.listMedia", status="pending")["items"] == []


@pytest.mark.exhaustive
@pytest.mark.parametrize("name", [INITIATE, SIGN, COMPLETE])
@pytest.mark.parametrize("fault", [Cut.BEFORE, Cut.AFTER, 503], ids=["cut", "the answer is lost", "503"])
def test_a_call_that_may_pass_is_made_again(upload, site, proxy, name, fault):
    """In the end there is one media, and each part was sent once."""
    proxy.faults = {name: [fault]}

    lines = upload(body=SHORT_VIDEO, multipartThreshold=PART)

    assert proxy.inputs("PUT") == [1, 2, 3]
    ends_well(site, lines, SHORT_VIDEO)


def test_a_refusal_keeps_its_code(upload, proxy):
    """What Uppy tells as an error is the server's own."""
    lines = upload(body=PHOTO, type="text/plain")

    assert [line["code"] for line in lines] == [1200]
    assert lines[0]["error"].startswith("Invalid content type. Allowed types: image/jpeg, ")


@pytest.mark.parametrize("sender", ["stock"], indirect=True)
def test_parts_of_another_size_are_not_mixed(killed_at, upload):
    """When the size of parts was changed in between, the file has to be added anew."""
    lines = upload(noted=killed_at(1), partSize=PART + 1024**2)

    assert told(lines, "error") == [f"The upload was begun with parts of {PART} bytes: add the file anew"]


@pytest.mark.parametrize("sender", ["stock"], indirect=True)
def test_the_plugin_needs_etags(upload, proxy):
    """Storage that does not let a page read them is no storage for `@uppy/aws-s3`."""
    proxy.hides_etags = True

    assert told(upload(body=PHOTO, type="image/jpeg"), "error") == [
        "[s3mini] Missing ETag in uploadPart response headers"
    ]


@pytest.mark.parametrize("sender", ["ours"], indirect=True)
def test_the_packages_uploader_needs_no_etags(upload, site, proxy):
    """The server asks storage itself which parts there are."""
    proxy.hides_etags = True

    ends_well(site, upload())
