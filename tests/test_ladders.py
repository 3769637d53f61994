"""What a video becomes to be played: an MP4 and a playlist of every quality, decoded and held against the video."""

import struct
from fractions import Fraction
from itertools import pairwise

import m3u8
import pytest

from processing.failures import ProcessingFailed, Reason
from processing.protocol import Policy
from processing.video.ladder import rungs
from tests.images import CORNERS, difference, likeness
from tests.played import Played, hls, laddered, mp4, named
from tests.videos import KINDS, QUARTER_TURNS, beep, clip, edited, shown, turned

SIZES = {
    (16, 16): [(16, 16)],
    (320, 240): [(320, 240)],
    (323, 241): [(322, 240)],
    (640, 360): [(640, 360)],
    (719, 719): [(360, 360)],
    (720, 720): [(360, 360), (720, 720)],
    (571, 1015): [(360, 638)],
    (1280, 720): [(640, 360), (1280, 720)],
    (720, 1280): [(360, 640), (720, 1280)],
    (1920, 1080): [(640, 360), (1280, 720), (1920, 1080)],
    (1080, 1920): [(360, 640), (720, 1280), (1080, 1920)],
    (2560, 1440): [(640, 360), (1280, 720), (1920, 1080)],
    (3840, 2160): [(640, 360), (1280, 720), (1920, 1080), (3840, 2160)],
    (4096, 16): [(4096, 16)],
}


def assert_plays(played: Played, size: tuple[int, int], rung: tuple[int, int], frames: int = 10) -> None:
    """All frames are there; the first, a middle and the last one are those of the video."""
    assert len(played.timestamps) == frames
    middle = frames // 2
    for place, image in zip((0, middle, -1), played.images(0, middle, -1), strict=True):
        expected = shown(place % frames / frames, size).resize(rung)
        assert image.size == rung
        assert likeness(image, expected) > 0.95
        assert difference(image, expected) < 10


def test_a_video_has_no_more_pixels_over_its_frames_than_the_longest_may_have(tmp_path, monkeypatch):
    """Many frames a second are as good as many seconds."""
    monkeypatch.setattr("processing.video.extent.MOST_PIXELS", 320 * 240 * 10 // Policy().video_seconds + 1)

    assert named(laddered(tmp_path / "ten", clip(seconds=1.0, fps=10)), "mp4-360p")
    with pytest.raises(ProcessingFailed) as failed:
        laddered(tmp_path / "eleven", clip(seconds=1.0, fps=11))
    assert failed.value.reason == Reason.VIDEO_TOO_LARGE


@pytest.mark.parametrize("kind", KINDS)
def test_every_kind_plays_in_every_quality(tmp_path, kind):
    outcome = laddered(tmp_path, clip(kind, 1.0, (1280, 720)), kind)

    assert [(file.name, file.mime_type, file.width, file.height, file.duration) for file in outcome.files] == [
        ("mp4-360p", "video/mp4", 640, 360, 1.0),
        ("hls-360p", "application/vnd.apple.mpegurl", 640, 360, 1.0),
        ("mp4-720p", "video/mp4", 1280, 720, 1.0),
        ("hls-720p", "application/vnd.apple.mpegurl", 1280, 720, 1.0),
    ]
    assert outcome.facts.duration == 1.0
    for side, rung in ((360, (640, 360)), (720, (1280, 720))):
        for played in (mp4(outcome, side), hls(outcome, side)):
            assert_plays(played, (1280, 720), rung)
            assert played.streams == ["h264"]


@pytest.mark.parametrize(
    ("kind", "codec"),
    [
        ("mp4", "libx265"),
        ("mp4", "mpeg4"),
        ("mp4", "libsvtav1"),
        ("webm", "libsvtav1"),
        ("webm", "libvpx-vp9"),
        ("mov", "mjpeg"),
        ("mov", "prores_ks"),
    ],
)
def test_every_codec_becomes_one_that_every_player_has(tmp_path, kind, codec):
    outcome = laddered(tmp_path, clip(kind, 1.0, codec=codec), kind)

    for played in (mp4(outcome), hls(outcome)):
        assert_plays(played, (320, 240), (320, 240))
        assert played.streams == ["h264"]


@pytest.mark.parametrize("size", SIZES)
def test_no_quality_is_larger_than_the_video(size):
    made = rungs(*size)

    assert [(rung.width, rung.height) for rung in made] == SIZES[size]
    assert [rung.side for rung in made] == [360, 720, 1080, 2160][: len(made)]


def test_no_side_is_short_of_the_quality_that_it_has():
    for side in range(360, 4097):
        for rung in (*rungs(side, 2 * side), *rungs(2 * side, side)):
            assert min(rung.width, rung.height) == min(rung.side, side - side % 2)


def test_a_video_in_4k_has_four_qualities(tmp_path):
    outcome = laddered(tmp_path, clip("mp4", 0.2, (3840, 2160)))

    assert [file.name for file in outcome.files if not file.variant] == [
        "mp4-360p",
        "mp4-720p",
        "mp4-1080p",
        "mp4-2160p",
    ]
    assert_plays(mp4(outcome, 2160), (3840, 2160), (3840, 2160), frames=2)
    bitrates = [file.variant.bandwidth for file in outcome.files if file.variant]
    assert bitrates == sorted(set(bitrates))


@pytest.mark.parametrize("degrees", QUARTER_TURNS)
def test_a_video_that_was_turned_is_upright_and_turned_no_further(tmp_path, degrees):
    outcome = laddered(tmp_path, turned(clip("mp4", 0.5, (640, 360)), degrees))

    size = (640, 360) if degrees % 180 == 0 else (360, 640)
    corner = ["top left", "bottom left", "bottom right", "top right"][degrees // 90]
    for played in (mp4(outcome), hls(outcome)):
        (image,) = played.images(0)
        assert image.size == size
        pixel = image.getpixel((10, 10))
        assert isinstance(pixel, tuple)
        assert max(abs(one - other) for one, other in zip(pixel, CORNERS[corner], strict=True)) < 40


@pytest.mark.parametrize("degrees", [0, 90])
def test_pixels_that_are_not_square_become_so(tmp_path, degrees):
    stretched = edited(clip("mp4", 0.5, (640, 360)), "-c", "copy", "-bsf:v", "h264_metadata=sample_aspect_ratio=4/3")
    outcome = laddered(tmp_path, turned(stretched, degrees))

    (image,) = mp4(outcome).images(0)
    upright = image.rotate(degrees, expand=True)
    assert upright.size == (852, 360)
    assert likeness(upright, shown(0.0, (640, 360)).resize((852, 360))) > 0.95


@pytest.mark.exhaustive
@pytest.mark.parametrize("fps", ["24000/1001", "25", "30"])
def test_keyframes_stand_at_the_same_moments_in_all_qualities(tmp_path, fps):
    """Every four seconds, and nowhere else, though the scene is cut: where a segment begins."""
    cut = clip("mp4", 9.0, (720, 720), fps=1)
    body = edited(cut, *beep(8.5, 9), "-vf", f"fps={fps},negate=enable='between(t,1,2)'", "-preset", "ultrafast")
    outcome = laddered(tmp_path, body)

    second = 1.001 if "/" in fps else 1.0
    for side in (360, 720):
        assert mp4(outcome, side).keys == hls(outcome, side).keys == [0.0, round(4 * second, 3), round(8 * second, 3)]
    assert mp4(outcome, 360).timestamps == mp4(outcome, 720).timestamps
    assert (
        hls(outcome, 360).timestamps
        == hls(outcome, 720).timestamps
        == pytest.approx(mp4(outcome).timestamps, abs=0.002)
    )
    assert hls(outcome, 360).begins == hls(outcome, 720).begins
    assert len(mp4(outcome).timestamps) == pytest.approx(float(9 * Fraction(fps)), abs=1)
    assert mp4(outcome).beeps == pytest.approx(8.5, abs=0.03)
    assert hls(outcome, 720).beeps == pytest.approx(8.5, abs=0.03)


def test_a_playlist_names_what_is_there(tmp_path):
    outcome = laddered(tmp_path, edited(clip("mp4", 9.0), *beep(1, 9)))
    file = named(outcome, "hls-360p")
    playlist = m3u8.load(str(file.path))

    assert [segment.duration for segment in playlist.segments] == [4.0, 4.0, 1.0]
    assert [segment.uri for segment in playlist.segments] == [f"hls-360p-{number:05}.m4s" for number in range(3)]
    assert [begin.uri for begin in playlist.segment_map] == ["hls-360p-init.mp4"]
    told = [
        line for line in file.path.read_text(encoding="utf-8").splitlines() if "EXTINF" not in line and line[0] == "#"
    ]
    assert told == [
        "#EXTM3U",
        "#EXT-X-VERSION:7",
        "#EXT-X-TARGETDURATION:4",
        "#EXT-X-MEDIA-SEQUENCE:0",
        "#EXT-X-PLAYLIST-TYPE:VOD",
        "#EXT-X-INDEPENDENT-SEGMENTS",
        '#EXT-X-MAP:URI="hls-360p-init.mp4"',
        "#EXT-X-ENDLIST",
    ]
    named_files = {"hls-360p-init.mp4", *(segment.uri for segment in playlist.segments)}
    assert {path.name for path in file.segments} == named_files
    assert {path.name for path in file.path.parent.iterdir()} == {"hls-360p.m3u8", "mp4-360p.mp4", *named_files}
    assert len(hls(outcome).timestamps) == len(mp4(outcome).timestamps) == 90


def test_every_segment_plays_without_those_before_it(tmp_path):
    outcome = laddered(tmp_path, clip("mp4", 9.0))
    begin, *segments = sorted(named(outcome, "hls-360p").segments, key=lambda path: path.suffix == ".m4s")

    for segment, frames in zip(segments, (40, 40, 10), strict=True):
        alone = tmp_path / "alone"
        alone.write_bytes(begin.read_bytes() + segment.read_bytes())
        assert (len(Played(alone).timestamps), Played(alone).keys) == (frames, [0.0])


def test_a_variant_says_what_a_playlist_needs(tmp_path):
    outcome = laddered(tmp_path, edited(clip("mp4", 9.0), *beep(1, 9)))
    file = named(outcome, "hls-360p")

    assert file.variant
    assert file.variant.codecs == "avc1.64000d,mp4a.40.2"
    assert file.variant.frame_rate == 10.0
    bits = [8 * path.stat().st_size for path in file.segments if path.suffix == ".m4s"]
    assert file.variant.bandwidth == round(max(bits[0] / 4, bits[1] / 4, bits[2]))
    assert file.variant.average_bandwidth == pytest.approx(sum(bits) / 9, abs=1)


def test_an_mp4_begins_with_its_index(tmp_path):
    body = named(laddered(tmp_path, clip("mp4", 1.0)), "mp4-360p").path.read_bytes()

    boxes, place = [], 0
    while place < len(body):
        size, name = struct.unpack_from(">I4s", body, place)
        boxes.append(name)
        place += size
    assert boxes.index(b"moov") < boxes.index(b"mdat")


def test_progress_rises_to_the_end(tmp_path):
    told: list[float] = []
    laddered(tmp_path, clip("mp4", 20.0), tell=told.append)

    assert 0 < told[0] < 1
    assert all(one <= other for one, other in pairwise(told))
    assert told[-1] == 1.0


def test_what_is_there_is_not_made_again(tmp_path):
    outcome = laddered(tmp_path, clip("mp4", 0.5, (1280, 720)), made=("poster", "mp4-360p", "hls-360p", "mp4-720p"))

    assert [file.name for file in outcome.files] == ["mp4-720p", "hls-720p"]
    assert not list((tmp_path / "made").glob("*360p*"))


def test_nothing_is_made_where_all_is_there(tmp_path):
    outcome = laddered(tmp_path, clip("mp4", 0.5), made=("mp4-360p", "hls-360p"))

    assert outcome.files == ()
    assert list((tmp_path / "made").iterdir()) == []
