"""A JPEG may lead its decoder through all its pixels again and again; it is refused before that, and so is a video."""

from collections.abc import Callable

import pytest

from processing.failures import ProcessingFailed, Reason
from processing.image import process as images
from processing.image.jpeg import MOST_SCANS, has_many_scans
from processing.protocol import Outcome, Task
from processing.video import poster as videos
from processing.video import transcode as ladders
from tests.attacks.growth import is_linear
from tests.attacks.scans import baseline, progressive, video_of


@pytest.fixture
def found(tmp_path):
    """What comes of bytes, or why nothing does."""

    def find(process: Callable[[Task], Outcome], body: bytes, mime_type: str) -> Outcome | Reason:
        source = tmp_path / "source"
        source.write_bytes(body)
        try:
            return process(Task(source=source, mime_type=mime_type, folder=tmp_path))
        except ProcessingFailed as failed:
            return failed.reason

    return find


def test_a_jpeg_of_many_scans_is_damaged(found):
    assert found(images.process, progressive(MOST_SCANS + 1), "image/jpeg") == Reason.IMAGE_DAMAGED


def test_a_jpeg_of_some_scans_is_decoded(found):
    assert isinstance(found(images.process, progressive(MOST_SCANS), "image/jpeg"), Outcome)


def test_what_is_no_scan_is_not_counted(found):
    """Images within segments have scans of their own, and what follows the image looks like anything."""
    body = baseline(segment=b"\xff\xda" * 1000, behind=b"\xff\xda" * 1000)

    assert isinstance(found(images.process, body, "image/jpeg"), Outcome)


@pytest.mark.parametrize("process", [videos.process, ladders.process], ids=["its poster", "its qualities"])
@pytest.mark.parametrize("frames", [1, 3])
def test_a_video_of_such_images_is_damaged(found, process, frames):
    body = video_of(progressive(MOST_SCANS + 1), frames)

    assert found(process, body, "video/quicktime") == Reason.VIDEO_DAMAGED


@pytest.mark.parametrize("process", [videos.process, ladders.process], ids=["its poster", "its qualities"])
def test_a_video_of_ordinary_images_is_shown(found, process):
    assert isinstance(found(process, video_of(baseline()), "video/quicktime"), Outcome)


HIDDEN = {
    "behind the end of a scan": b"\xff\xd0",
    "behind what no decoder passes over by its length": b"\xff\x02\xff\xff",
    "behind a marker that is filled up": b"\xff\xff\xff",
}


@pytest.mark.parametrize("before", HIDDEN.values(), ids=HIDDEN)
def test_no_scan_is_hidden(before):
    body = progressive(MOST_SCANS + 1).replace(b"\xff\xda", before + b"\xff\xda")

    assert has_many_scans(body)


BODIES = {
    "scans": lambda size: progressive(size // 12),
    "segments": lambda size: b"\xff\xd8" + b"\xff\xe1\0\4\xff\xda" * (size // 6),
    "markers": lambda size: b"\xff\xda\0\0" * 50 + b"\xff" * size + b"\xff\xda" * 60,
    "bytes": lambda size: b"\xff\xda\0\0" * 50 + b"\xff\0" * (size // 2) + b"\xff\xda" * 60,
}


@pytest.mark.parametrize("body", BODIES.values(), ids=BODIES)
def test_scans_are_counted_in_linear_time(body):
    assert is_linear(has_many_scans, body)
