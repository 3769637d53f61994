"""A video that was made to play, played: by hls.js and a plain element in Chromium, and by ffmpeg, all over HTTP."""

import json
import shutil
import subprocess
from collections.abc import Callable, Iterator
from fractions import Fraction
from typing import Any
from urllib.parse import urlsplit

import imageio_ffmpeg
import pytest

from tests.deployment import developing
from tests.node import PACKAGE, node_with_packages
from tests.processes import Dev
from tests.web_app import SOURCES

SECONDS, FRAMES = 10, 250
FFMPEG = imageio_ffmpeg.get_ffmpeg_exe()
# The upper left quarter is a clock: it grows brighter with every frame.
DARKEST, BRIGHTER = 40, 16  # of luma, at first and in a second
CLOCK_SECONDS = 0.25  # as exact as an encoded clock can be read
IMAGE = (
    f"testsrc2=size=1280x720:rate=25:duration={SECONDS}[moving];"
    f"color=size=32x18:rate=25:duration={SECONDS},format=yuv444p,"
    f"geq=lum='{DARKEST}+{BRIGHTER}*T':cb=128:cr=128,scale=640:360[clock];[moving][clock]overlay"
)
SOUND = f"sine=frequency=440:sample_rate=48000:duration={SECONDS}"
ENCODED = ["-c:v", "libx264", "-preset", "ultrafast", "-pix_fmt", "yuv420p", "-c:a", "aac"]

Told = dict[str, Any]
Play = Callable[..., Told]


@pytest.fixture(scope="session")
def dev(servers, tmp_path_factory) -> Iterator[Dev]:
    with developing(servers, tmp_path_factory.mktemp("dev")) as started:
        yield started


@pytest.fixture(scope="session")
def taken(tmp_path_factory: pytest.TempPathFactory) -> bytes:
    """Ten seconds in 720p, with a tone."""
    path = tmp_path_factory.mktemp("film") / "video.mp4"
    made = [FFMPEG, "-v", "error", "-f", "lavfi", "-i", IMAGE, "-f", "lavfi", "-i", SOUND, *ENCODED, path]
    subprocess.run(made, check=True)
    return path.read_bytes()


def shown(dev: Dev, taken: bytes) -> Told:
    """The media of a video, once it is ready."""
    media_id = dev.site.upload(taken, "video.mp4", "video/mp4")
    media: Told = dev.site.rpc("media.getMedia", mediaId=media_id)["media"]
    return media


@pytest.fixture(scope="session")
def clip(dev, taken) -> Told:
    return shown(dev, taken)


@pytest.fixture(scope="session")
def private_video(servers, taken, tmp_path_factory) -> Iterator[Told]:
    """The same, where every URL is signed."""
    with developing(servers, tmp_path_factory.mktemp("private"), PRIVATE_RENDITIONS="true") as started:
        yield shown(started, taken)


@pytest.fixture(scope="session")
def play(browser, tmp_path_factory) -> Play:
    """Play a URL to its end in Chromium, in a page of another origin, four times as fast; all that the page told."""
    node = node_with_packages()
    folder = tmp_path_factory.mktemp("player")
    for name in ("playback.mjs", "opened.mjs", "player.js"):
        shutil.copy2(SOURCES / name, folder)
    (folder / "node_modules").symlink_to(PACKAGE / "node_modules")

    def run(url: str, **order: Any) -> Told:
        asked = {"browser": browser, "url": url, "rate": 4, **order}
        ran = node.run("node", "playback.mjs", json.dumps(asked), cwd=folder)
        assert (ran.returncode, ran.stderr) == (0, "")
        told: Told = json.loads(ran.stdout)
        assert urlsplit(told["origin"]).netloc != urlsplit(url).netloc
        return told

    return run


def ends_well(told: Told) -> None:
    """All of the video was played, with its sound, and at each second the image of that second was seen."""
    assert (told["ended"], told["errors"], told["duration"], told["played"]) == (True, [], SECONDS, [[0, SECONDS]])
    assert told["soundBytes"] > 0
    seen_in_time(told)


def seen_in_time(told: Told) -> None:
    """The clock in the image showed the second that the player was at, in every frame that was looked at."""
    assert told["seen"] != []
    for second, brightness in told["seen"]:
        luma = 16 + brightness * 219 / 255
        assert (luma - DARKEST) / BRIGHTER == pytest.approx(second, abs=CLOCK_SECONDS), told["seen"]


def test_hls_js_plays_a_video_to_its_end(play, clip):
    """It begins low, and ends in the best quality. Ten seconds of video take ten: faster, it would not change."""
    told = play(clip["hlsUrl"], rate=1)

    ends_well(told)
    assert told["offered"] == [[640, 360, 25, "avc1,mp4a"], [1280, 720, 25, "avc1,mp4a"]]
    assert (told["levels"], told["sizes"]) == ([0, 1], [[640, 360], [1280, 720]])
    assert told["frames"] == FRAMES


@pytest.mark.parametrize(("level", "size"), [(0, [640, 360]), (1, [1280, 720])])
def test_hls_js_plays_each_quality(play, clip, level, size):
    told = play(clip["hlsUrl"], level=level)

    ends_well(told)
    assert (told["levels"], told["sizes"], told["frames"]) == ([level], [size], FRAMES)


@pytest.mark.exhaustive
@pytest.mark.parametrize("how", ["currentLevel", "nextLevel"])
@pytest.mark.parametrize(("first", "then"), [(0, 1), (1, 0)])
def test_the_quality_changes_in_the_middle(play, clip, first, then, how):
    """At once or at the next segment, up or down: nothing is left out."""
    told = play(clip["hlsUrl"], level=first, change={"at": 3, "how": how, "level": then})

    ends_well(told)
    assert told["levels"] == [first, then]


def test_hls_js_seeks(play, clip):
    """Into a later segment, back into an earlier one, and on from the middle of another."""
    told = play(clip["hlsUrl"], level=1, seeks=[8.5, 2, 5])

    assert (told["ended"], told["errors"], told["duration"]) == (True, [], SECONDS)
    assert told["played"][-1] == [5, SECONDS]
    seen_in_time(told)
    for second in (8.5, 2, 5):
        assert any(second - 0.05 < seen < second + 0.2 for seen, _ in told["seen"]), told["seen"]


def test_the_best_mp4_plays_without_hls(play, clip):
    """In a plain element, which asks for it by ranges."""
    told = play(clip["url"], plain=True)

    ends_well(told)
    assert (told["sizes"], told["frames"]) == ([[1280, 720]], FRAMES)


def test_the_best_mp4_seeks(play, clip):
    told = play(clip["url"], plain=True, seeks=[8.5, 2, 5])

    assert (told["ended"], told["errors"], told["played"][-1]) == (True, [], [5, SECONDS])
    seen_in_time(told)


@pytest.mark.parametrize(
    ("name", "plain", "error"),
    [("hlsUrl", False, "manifestLoadError"), ("url", True, "MEDIA_ELEMENT_ERROR: Format error")],
)
def test_what_is_not_there_does_not_play(play, clip, name, plain, error):
    """What the tests above rely on does fail."""
    told = play(f"{clip[name]}.none", plain=plain)

    assert (told["ended"], told["errors"], told["played"], told["seen"]) == (False, [error], [], [])


@pytest.mark.parametrize(("number", "size"), [(0, "640x360"), (1, "1280x720")])
def test_ffmpeg_plays_each_quality_to_its_end(clip, number, size):
    """Every frame of the image and all of the sound are decoded, both from 0 on."""
    told = decoded_by_ffmpeg(clip["hlsUrl"], number)

    assert f"#dimensions 0: {size}\n" in told
    image, sound = (times_of(told, stream) for stream in (0, 1))
    assert image == [Fraction(frame, 25) for frame in range(FRAMES)]
    assert sound == [Fraction(block * 1024, 48000) for block in range(469)]  # as many as begin before the tenth second


def test_a_private_video_plays_with_no_cookie(play, private_video):
    """By playlists that the server signs, in the best quality, and with a change in the middle."""
    assert "/hls/" in private_video["hlsUrl"]
    assert "X-Amz-Signature" in private_video["url"]

    ends_well(play(private_video["hlsUrl"], level=0, change={"at": 3, "how": "nextLevel", "level": 1}))
    ends_well(play(private_video["url"], plain=True))


def test_ffmpeg_plays_a_private_video_to_its_end(private_video):
    told = decoded_by_ffmpeg(private_video["hlsUrl"], 1)

    assert times_of(told, 0) == [Fraction(frame, 25) for frame in range(FRAMES)]


def decoded_by_ffmpeg(url: str, number: int) -> str:
    """What ffmpeg reads of one quality of a master playlist: a line for each frame. It has nothing to complain of."""
    asked = ["-xerror", "-copyts", "-i", url, "-map", f"0:p:{number}", "-fps_mode", "passthrough"]
    command = [FFMPEG, "-nostdin", "-v", "warning", *asked, "-f", "framecrc", "-"]
    ran = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
    assert (ran.returncode, ran.stderr) == (0, "")
    return ran.stdout


def times_of(told: str, stream: int) -> list[Fraction]:
    """The second at which each frame of a stream begins."""
    lines = [line.split(",") for line in told.splitlines()]
    (tick,) = (Fraction(line[0].split()[-1]) for line in lines if line[0].startswith(f"#tb {stream}:"))
    return [int(line[2]) * tick for line in lines if line[0] == str(stream)]
