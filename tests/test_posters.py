"""What comes out of a video so far: facts, a poster, and its thumbnails."""

import io
import json
import subprocess
import time
from collections.abc import Callable
from fractions import Fraction
from types import SimpleNamespace
from typing import Any

import pytest
from PIL import Image

from processing.failures import ProcessingFailed, Reason
from processing.protocol import Outcome, Task
from processing.sandbox.child import processed
from processing.video.extent import Extent, rate_of
from processing.video.poster import process
from processing.video.video import open_video
from tests.audio_files import audio_file
from tests.clamd import zipped
from tests.images import CORNERS, likeness, scene
from tests.media_files import HTML, photo
from tests.played import laddered, mp4
from tests.test_audio_files import CONCAT, PLAYLIST, tried
from tests.videos import (
    KINDS,
    MIME_TYPES,
    MIRRORS,
    QUARTER_TURNS,
    clip,
    placed,
    said_to_last,
    shown,
    turned,
    unsaid,
)

BOUND_SECONDS = 60
Made = Callable[..., Outcome]


@pytest.fixture
def rendered_once() -> None:
    """Every job asks a child of its own: what it makes is the subject here."""


@pytest.fixture
def made(tmp_path) -> Made:
    """Process a video."""

    def make(body: bytes, mime_type: str = "video/mp4") -> Outcome:
        source, folder = tmp_path / "source", tmp_path / "made"
        source.write_bytes(body)
        folder.mkdir(exist_ok=True)
        return process(Task(source=source, mime_type=mime_type, folder=folder))

    return make


def opened(outcome: Outcome, name: str) -> Image.Image:
    (file,) = (file for file in outcome.files if file.name == name)
    image = Image.open(io.BytesIO(file.path.read_bytes()))
    assert (image.format, image.size) == ("WEBP", (file.width, file.height))
    return image.convert("RGB")


@pytest.mark.parametrize("kind", KINDS)
def test_every_kind_gets_a_poster_and_thumbnails(made, kind):
    outcome = made(clip(kind, 2.0, (640, 480)), MIME_TYPES[kind])

    assert [(file.name, file.width, file.height) for file in outcome.files] == [
        ("thumb150", 150, 113),
        ("thumb300", 300, 225),
        ("thumb600", 600, 450),
        ("thumb1200", 640, 480),
        ("poster", 640, 480),
    ]
    facts = outcome.facts
    assert (facts.width, facts.height, facts.duration) == (640, 480, pytest.approx(2.0, abs=0.15))
    assert facts.shown.codec == {"webm": "vp8"}.get(kind, "h264")
    assert (facts.shown.fps, facts.shown.has_audio, facts.shown.rotation) == (10.0, False, 0)
    assert likeness(opened(outcome, "poster"), scene(640, 480)) > 0.8


def test_the_poster_is_from_a_tenth_of_the_video(made):
    """The first frame is darker than it, the middle one brighter."""
    image = opened(made(clip("mp4", 10.0)), "poster")

    grey = sum(image.convert("L").histogram()[at] * at for at in range(256)) / (320 * 240)
    expected = [
        sum(frame.convert("L").histogram()[at] * at for at in range(256)) / (320 * 240)
        for part in (0.0, 0.1, 0.5)
        for frame in [shown(part)]
    ]
    assert abs(grey - expected[1]) < abs(grey - expected[0])
    assert abs(grey - expected[1]) < abs(grey - expected[2])


@pytest.mark.parametrize("degrees", QUARTER_TURNS)
def test_a_video_that_was_turned_is_upright(made, degrees):
    outcome = made(turned(clip("mp4", 1.0), degrees))

    size = (320, 240) if degrees % 180 == 0 else (240, 320)
    assert (outcome.facts.width, outcome.facts.height) == size
    assert outcome.facts.shown.rotation == degrees
    poster = opened(outcome, "poster")
    stored = {"top left": 0, "top right": 90, "bottom right": 180, "bottom left": 270}
    corner = {(90 * turn) % 360: name for turn, name in enumerate(stored)}
    first = poster.getpixel((10, 10))
    expected = CORNERS[corner[-degrees % 360]]
    assert isinstance(first, tuple)
    assert max(abs(one - other) for one, other in zip(first, expected, strict=True)) < 40


@pytest.mark.parametrize("degrees", MIRRORS)
def test_a_video_that_was_mirrored_is_shown_as_it_plays(made, tmp_path, degrees):
    body = placed(clip("mp4", 1.0, (640, 480)), MIRRORS[degrees])
    outcome = made(body)
    first = mp4(laddered(tmp_path / "played", body)).images(1)[0]

    assert outcome.facts.shown.rotation == degrees
    assert likeness(opened(outcome, "poster").resize(first.size), first) > 0.95


def test_a_video_of_one_frame_has_a_poster(made):
    outcome = made(clip("mp4", 0.1))

    assert opened(outcome, "poster").size == (320, 240)


def test_odd_sizes_are_kept(made):
    outcome = made(clip("webm", 0.5, (323, 241)), "video/webm")

    assert opened(outcome, "poster").size == (323, 241)


def test_bytes_behind_a_video_change_nothing(made):
    assert made(clip("mp4") + b"\0" * 100_000).facts == made(clip("mp4")).facts


def test_a_video_that_is_too_long_is_refused(made):
    body = clip("mp4", 181.0, (64, 48), fps=1)

    assert tried(lambda: made(body)) == Reason.VIDEO_TOO_LONG


def test_a_video_whose_keyframes_are_far_apart_is_shown_by_an_earlier_frame(tmp_path, monkeypatch):
    """Nobody waits for a poster behind the thousands of frames that lead to another's."""
    source = tmp_path / "source"
    source.write_bytes(clip("mp4", 20.0, (64, 48)))

    def moment() -> float | None:
        with open_video(source, "video/mp4") as opened:
            return opened.still(10.0).time

    assert moment() == 10.0
    monkeypatch.setattr("processing.video.video.STILL_PIXELS", 50 * 64 * 48)
    assert moment() == pytest.approx(5.0, abs=1.0)


def test_a_video_that_is_too_large_is_refused(made):
    assert tried(lambda: made(clip("mp4", 0.1, (4098, 16)))) == Reason.VIDEO_TOO_LARGE
    assert isinstance(tried(lambda: made(clip("mp4", 0.1, (4096, 16)))), Outcome)


@pytest.mark.exhaustive
@pytest.mark.parametrize("tenths", range(10))
@pytest.mark.parametrize("kind", KINDS)
def test_a_video_that_was_cut_off_is_shown_as_far_as_it_goes(made, kind, tenths):
    """An MP4 has its index at its end."""
    body = clip(kind)
    found = tried(lambda: made(body[: len(body) * tenths // 10], MIME_TYPES[kind]))

    assert found == Reason.VIDEO_DAMAGED or (kind == "webm" and isinstance(found, Outcome))


def test_no_poster_holds_what_a_video_says_of_itself(made):
    tags = (("location", "+33.8568+151.2153/"), ("title", "secret-7781"), ("artist", "secret-7781"))
    outcome = made(clip("mp4", 1.0, tags=tags))

    for file in outcome.files:
        assert b"secret-7781" not in file.path.read_bytes()
        told = json.loads(subprocess.run(["exiftool", "-j", file.path], capture_output=True, check=True).stdout)[0]
        assert not {name for name in told if "GPS" in name or name in {"Title", "Artist"}}


def test_a_video_whose_tags_are_not_utf_8_is_shown(made):
    named = clip("mp4", 1.0, tags=(("title", "Gruesse"),))

    assert made(named.replace(b"Gruesse", b"Gr\xfc\xdfe..")).facts.width == 320


def test_what_a_header_does_not_say_is_measured(made):
    body = clip("webm", 4.0)
    outcome = made(unsaid(body), "video/webm")

    assert outcome.facts.duration == pytest.approx(4.0, abs=0.11)
    assert outcome.facts.shown.fps == pytest.approx(10.0, abs=0.01)
    assert outcome.facts.shown.bitrate == pytest.approx(8 * len(body) / 4, rel=0.2)
    assert likeness(opened(outcome, "poster"), opened(made(body, "video/webm"), "poster")) > 0.99


@pytest.mark.parametrize("average", [Fraction(2), Fraction(48), None])
def test_a_single_frame_has_no_rate(average):
    """Whatever FFmpeg answers, which is what its memory happens to hold: from run to run another number."""
    stream: Any = SimpleNamespace(average_rate=average)
    assert rate_of(stream, Extent(seconds=0.1, frames=1, size=100, first=0.0)) is None


@pytest.mark.parametrize("seconds", [0.5, 3600.0])
def test_a_duration_that_is_not_so_is_not_believed(made, seconds):
    outcome = made(said_to_last(clip("webm", 4.0), seconds), "video/webm")

    assert outcome.facts.duration == pytest.approx(4.0, abs=0.11)
    assert outcome.facts.shown.fps == pytest.approx(10.0, abs=0.01)


def test_a_video_is_too_long_whatever_its_header_says(made):
    body = clip("webm", 182.0, (64, 48), fps=1)

    assert tried(lambda: made(unsaid(body), "video/webm")) == Reason.VIDEO_TOO_LONG
    assert tried(lambda: made(said_to_last(body, 1.0), "video/webm")) == Reason.VIDEO_TOO_LONG


async def test_a_rate_that_no_video_has_is_left_out(tmp_path):
    """The header tells 10,000 frames a second; its answer is still one that the parent believes."""
    source = tmp_path / "source"
    source.write_bytes(clip("mp4", 0.001, (64, 48), fps=10_000))

    async with processed(source, "video/mp4") as outcome:
        assert outcome.facts.shown.fps is None


HOSTILE = {
    "nothing": b"",
    "a web page": HTML,
    "an image": photo(),
    "an archive": zipped(b"x" * 1000),
    "a playlist": PLAYLIST,
    "a concat script": CONCAT,
    "what an MP4 begins with": b"\0\0\0\x18ftypmp42\0\0\0\0mp42isom",
    "a box that is never closed": b"\0\0\0\x18ftypmp42\0\0\0\0mp42isom\x7f\xff\xff\xffmoov",
    "boxes in boxes": b"\0\0\0\x18ftypmp42\0\0\0\0mp42isom" + b"\0\0\xff\xffmoov\0\0\xff\xfetrak" * 2000,
    "an audio file": audio_file("m4a"),
}


@pytest.mark.parametrize("mime_type", ["video/mp4", "video/webm"])
@pytest.mark.parametrize("body", HOSTILE.values(), ids=HOSTILE)
async def test_what_is_no_video_is_refused_in_bounded_time(tmp_path, body, mime_type):
    source, root = tmp_path / "source", tmp_path / "root"
    source.write_bytes(body)
    root.mkdir()
    began = time.monotonic()

    with pytest.raises(ProcessingFailed) as failed:
        async with processed(source, mime_type, root=root):
            pass

    assert failed.value.reason in {Reason.VIDEO_DAMAGED, Reason.FORMAT_UNSUPPORTED}
    assert time.monotonic() - began < BOUND_SECONDS
    assert list(root.iterdir()) == []


async def test_a_video_is_shown_by_its_poster(ready_media, original):
    body = clip("mp4", 1.0)
    media = await ready_media(body, filename="walk.mp4", contentType="video/mp4")

    assert media.status == "ready"
    assert [made.name for made in media.renditions] == [
        "thumb150", "thumb300", "thumb600", "thumb1200", "poster", "mp4-360p",
    ]  # fmt: skip
    assert media.url == media.renditions[-1].url
    assert media.thumbnail_url == media.renditions[1].url
    assert (media.width, media.height, media.duration) == (320, 240, pytest.approx(1.0, abs=0.1))
    assert {"codec", "fps", "hasAudio", "rotation", "placeholder", "dominantColor"} <= set(media.metadata)
    assert await original(media.id) == body


async def test_a_video_that_cannot_be_seen_fails_with_a_reason(ready_media):
    media = await ready_media(clip("mp4")[:4000], filename="walk.mp4", contentType="video/mp4")

    assert (media.status, media.error.code) == ("failed", "video_damaged")
