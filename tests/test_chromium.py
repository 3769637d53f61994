"""The npm package in a real browser: its uploader, and Uppy, from a page of another origin than the server's."""

import hashlib
import json
import shutil
from collections.abc import Iterator
from itertools import pairwise
from typing import Any

import pytest

from server.settings import Settings
from server.token import sign_token
from tests import media_files
from tests.deployment import SECRET, developing
from tests.node import PACKAGE
from tests.processes import Dev, Site, until
from tests.test_uploader_parts import LONG_VIDEO, MIB, PART, PARTS, VIDEO, told
from tests.test_uppy import PHOTO
from tests.web_app import SOURCES

LONG_PARTS = [1, 2, 3, 4, 5, 6, 7, 8, 9, 10]
EACH_SENDER = pytest.mark.parametrize("sender", ["upload", "stock", "ours"])
BUILD = ["--bundle", "--format=esm", "--outfile=page.js", "--log-level=warning"]


@pytest.fixture(scope="session")
def page(web_app):
    """The compiled and bundled page, and what opens it."""
    assert web_app.compile("page.ts", module="esnext", moduleResolution="bundler", noEmit=True) == ""
    built = web_app.run(str(PACKAGE / "node_modules" / "esbuild" / "bin" / "esbuild"), "page.ts", *BUILD)
    assert (built.returncode, built.stderr) == (0, "")
    for name in ("chromium.mjs", "opened.mjs"):
        shutil.copy2(SOURCES / name, web_app.folder)
    return web_app


@pytest.fixture(scope="session")
def dev(servers, tmp_path_factory) -> Iterator[Dev]:
    """`mediarpc dev`: with its own store under its own origin, or with one that the browser reaches itself."""
    with developing(servers, tmp_path_factory.mktemp("dev")) as started:
        yield started


@pytest.fixture
def site(dev, user) -> Site:
    """The server, as a user of the test's own calls it."""
    return Site(f"http://127.0.0.1:{dev.port}", sign_token(Settings(auth_jwt_secret=SECRET), user=user))


@pytest.fixture
def browse(browser, page, site, tmp_path):
    """Open the page and upload a file; all that the page told, in order."""

    def run(
        sender: str, body: bytes = VIDEO, name: str = "video.mp4", uploader: Any = None, **order: Any
    ) -> list[dict[str, Any]]:
        path = tmp_path / name
        path.write_bytes(body)
        told = {"url": f"{site.origin}/rpc", "token": site.token, "partSize": PART, **(uploader or {})}
        asked = {"browser": browser, "path": str(path), "sender": sender, "uploader": told, **order}
        ran = page.run("chromium.mjs", json.dumps(asked))
        assert ran.returncode == 0, ran.stdout + ran.stderr
        return [json.loads(line) for line in ran.stdout.splitlines()]

    return run


def ends_well(site: Site, lines: list[dict[str, Any]], body: bytes = VIDEO) -> None:
    """The page ended with the only media of its user, which has the file's bytes."""
    media_id = lines[-1].get("uploaded")
    listed = [*site.rpc("media.listMedia")["items"], *site.rpc("media.listMedia", status="pending")["items"]]
    assert [found["id"] for found in listed] == [media_id], lines[-3:]
    assert hashlib.sha256(site.download(str(media_id))).digest() == hashlib.sha256(body).digest()


@pytest.mark.exhaustive
@EACH_SENDER
def test_a_large_file_goes_in_parts(browse, site, sender):
    """Each part is sent once, and progress ends at the file's size."""
    lines = browse(sender)

    ends_well(site, lines)
    assert sorted(told(lines, "put")) == PARTS
    assert told(lines, "sent")[-1] == len(VIDEO)


@pytest.mark.exhaustive
@EACH_SENDER
def test_a_small_file_goes_by_one_put(browse, site, sender):
    """Of all its bytes."""
    lines = browse(sender, PHOTO, "photo.jpg")

    ends_well(site, lines, PHOTO)
    assert len(told(lines, "put")) == 1


def test_progress_is_told_within_a_part(browse):
    """The browser tells it to XMLHttpRequest while the bytes go; it never falls."""
    sent = told(browse("upload", LONG_VIDEO), "sent")

    assert (sent[0], sent[-1]) == (0, len(LONG_VIDEO))
    assert any(bytes_ % PART for bytes_ in sent[1:-1])
    assert all(earlier < later for earlier, later in pairwise(sent))


@pytest.mark.exhaustive
@EACH_SENDER
def test_it_pauses_and_resumes(browse, site, sender):
    """Nothing goes during the pause, and everything in the end."""
    lines = browse(sender, stop="pause", stopAt=2 * PART)

    assert lines.index({"resumed": True}) == lines.index({"paused": True}) + 1
    ends_well(site, lines)


def test_it_waits_for_the_network(browse, site):
    """Until the browser says that it is online again; then what was on its way is sent again."""
    lines = browse("upload", LONG_VIDEO, stop="disconnect", stopAt=2 * PART)

    ends_well(site, lines, LONG_VIDEO)
    assert {"wait": "offline", "seconds": None} in lines[: lines.index({"online": True})]


@pytest.mark.exhaustive
@EACH_SENDER
def test_a_cancelled_upload_leaves_nothing(browse, site, sender):
    """The server has cancelled it."""
    lines = browse(sender, stop="cancel", stopAt=2 * PART)

    assert told(lines, "uploaded") == []
    assert told(lines, "error") == (["AbortError"] if sender == "upload" else [])
    until(lambda: site.rpc("media.listUploads")["items"] == [])  # a page is told before the server
    assert site.rpc("media.listMedia", status="pending")["items"] == []


@pytest.mark.exhaustive
@pytest.mark.parametrize("sender", ["stock", "ours"])
def test_uppy_goes_on_after_a_reload(browse, site, sender):
    """Golden Retriever brings back the file, and only what storage lacks of it, as the server tells, is sent again.

    When five parts' bytes had gone, up to four parts were still on their way.
    """
    lines = browse(sender, LONG_VIDEO, stop="leave", stopAt=5 * PART)

    reloaded = lines.index({"reloaded": True})
    before, after = told(lines[:reloaded], "put"), told(lines[reloaded:], "put")
    ends_well(site, lines, LONG_VIDEO)
    assert sorted({*before, *after}) == LONG_PARTS
    stored = told(lines[reloaded:], "sent")[0] // PART
    assert stored >= 2
    assert len(after) == len(LONG_PARTS) - stored


def test_a_reload_keeps_the_parts_that_were_whole(browse, site):
    """A video of 31 MiB that was left at 72 % goes on from the parts that storage has, and progress with it."""
    clip = media_files.video() + bytes(31 * MIB - len(media_files.video()))
    lines = browse("upload", clip, uploader={"partSize": None}, stop="leave", stopAt=int(0.72 * len(clip)))

    reloaded = lines.index({"reloaded": True})
    before, after = told(lines[:reloaded], "put"), told(lines[reloaded:], "put")
    ends_well(site, lines, clip)
    assert {*before, *after} == {1, 2, 3, 4, 5, 6, 7}
    assert len(after) <= 4
    assert told(lines[reloaded:], "sent")[0] == (7 - len(after)) * PART
