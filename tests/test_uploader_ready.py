"""The npm package's uploader, told to wait until the media is ready, against a server and a worker."""

from itertools import pairwise
from typing import Any

import pytest

from tests import media_files
from tests.deployment import Deployment
from tests.processes import Site
from tests.test_uploader_parts import said, told
from tests.videos import clip

PHOTO = media_files.photo()
DAMAGED = PHOTO[: len(PHOTO) // 3]
JPEG = {"filename": "photo.jpg", "contentType": "image/jpeg"}


@pytest.fixture
def site(deployment: Deployment, user: str) -> Site:
    """The server, as the user calls it."""
    return deployment.site(user)


@pytest.fixture(scope="session")
def program(web_app):
    """The compiled program."""
    assert web_app.compile("large.ts", types=["node"]) == ""
    return web_app


@pytest.fixture
def upload(program, deployment, site, tmp_path):
    """Run an uploader to its end; all that it said."""

    def run(body: bytes, options: dict[str, Any], **order: Any) -> list[dict[str, Any]]:
        path = tmp_path / "file"
        path.write_bytes(body)
        uploader = {"url": deployment.served.url, "token": site.token}
        with program.start("large.js", uploader=uploader, path=str(path), options=options, **order) as started:
            assert started.process.wait(120) == 0, started.output
            return said(started)

    return run


def test_a_media_that_is_ready_can_be_shown(upload):
    """What is answered has its renditions and its address."""
    media = upload(PHOTO, {**JPEG, "until": "ready"})[-1]["media"]

    assert (media["status"], len(media["renditions"])) == ("ready", 5)
    assert None not in {media["url"], media["thumbnailUrl"]}


def test_a_file_that_cannot_be_processed_is_an_error(upload, site):
    """With the code and the reason that the media has; it was uploaded all the same."""
    error = upload(DAMAGED, {**JPEG, "until": "ready"})[-1]["error"]

    failed = site.rpc("media.getMedia", mediaId=error["id"])["media"]["error"]
    assert error == {"name": "MediaProcessingError", "id": error["id"], **failed}
    assert failed["code"] == "image_damaged"


def test_the_progress_of_processing_is_told(upload):
    """Stage and percent, each once, after all bytes have gone."""
    lines = upload(clip("mp4", 3.0, (640, 360)), {"until": "ready"})

    progress = told(lines, "processing")
    assert lines[-1]["media"]["status"] == "ready"
    assert "encoding" in {step["stage"] for step in progress}
    assert all(one != other for one, other in pairwise(progress))
    assert lines.index({"processing": progress[0]}) > max(n for n, line in enumerate(lines) if "sent" in line)


def test_who_gives_up_waiting_keeps_the_media(upload, site):
    """The signal's reason is the error, and the server goes on by itself."""
    lines = upload(clip("mp4", 3.0, (640, 360)), {"until": "ready"}, abortProcessing=True)

    assert lines[-1]["error"]["name"] == "AbortError"
    media_id = told(lines, "mediaId")[0]
    assert site.rpc("media.getMedia", mediaId=media_id)["media"]["status"] in {"processing", "ready"}
