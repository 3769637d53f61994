"""Images that are whole, but not as images usually are: their end, their turn."""

from typing import Any

import pytest
from PIL import Image, ImageDraw

from processing.failures import Reason
from processing.image.process import process
from processing.protocol import Outcome, Task
from tests.images import STORED, difference, encoded, scene
from tests.test_audio_files import tried


@pytest.fixture
def made(tmp_path):
    """Process an image."""

    def make(body: bytes, mime_type: str) -> Outcome:
        source, folder = tmp_path / "source", tmp_path / "made"
        source.write_bytes(body)
        folder.mkdir(exist_ok=True)
        return process(Task(source=source, mime_type=mime_type, folder=folder))

    return make


def full(outcome: Outcome) -> Image.Image:
    return Image.open(next(file.path for file in outcome.files if file.name == "full"))


@pytest.mark.parametrize("progressive", [False, True])
@pytest.mark.parametrize("lacking", [1, 2])
def test_a_jpeg_that_lacks_its_end_and_no_pixel_is_whole(made, progressive, lacking):
    body = encoded(scene(), progressive=progressive)
    outcome = made(body[:-lacking], "image/jpeg")

    assert difference(full(outcome), scene()) < 3
    assert [file.size for file in outcome.files] == [file.size for file in made(body, "image/jpeg").files]


@pytest.mark.parametrize("progressive", [False, True])
@pytest.mark.parametrize("lacking", [12, 100, 2000])
def test_a_jpeg_that_lacks_pixels_is_damaged(made, progressive, lacking):
    body = encoded(scene(), progressive=progressive)

    assert tried(lambda: made(body[:-lacking], "image/jpeg")) == Reason.IMAGE_DAMAGED


def test_bytes_behind_the_end_of_a_jpeg_change_nothing(made):
    assert made(encoded(scene()) + bytes(100), "image/jpeg").facts.width == 480


@pytest.mark.parametrize("orientation", STORED)
def test_each_frame_of_an_animation_is_upright(made, orientation):
    turn, exif, frames = STORED[orientation], Image.Exif(), []
    exif[0x0112] = orientation
    for number in range(4):
        frame = Image.new("RGB", (120, 90), (40 * number, 60, 120))
        ImageDraw.Draw(frame).rectangle((10 * number, 10, 10 * number + 20, 40), fill=(250, 220, 10))
        frames.append(frame)
    stored = [frame if turn is None else frame.transpose(turn) for frame in frames]
    told = {"save_all": True, "append_images": stored[1:], "duration": 70, "exif": exif.tobytes()}
    outcome = made(encoded(stored[0], "WEBP", **told), "image/webp")

    shown: Any = full(outcome)
    assert (shown.size, shown.n_frames, outcome.facts.width) == ((120, 90), 4, 120)
    for number, frame in enumerate(frames):
        shown.seek(number)
        assert difference(shown.convert("RGB"), frame) < 6
        assert shown.info["duration"] == 70
