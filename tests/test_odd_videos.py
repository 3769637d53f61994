"""Videos that are whole, but not as videos usually are: their frames, their sound, what else is in the file."""

import av
import pytest
from PIL import Image, ImageChops, ImageStat

from processing.failures import Reason
from processing.protocol import Outcome, Task
from processing.video import poster as videos
from tests.images import likeness
from tests.played import hls, laddered, mp4, named
from tests.test_audio_files import tried
from tests.videos import KINDS, beep, clip, edited, shown

UNEVEN = tuple(number / 20 + number * 7919 % 97 / 3300 for number in range(40))
FINE = tuple(number / 30 + number % 3 / 90_000 for number in range(30))
BURST = (0.0, *(1 + number / 30 for number in range(30)), 4.0)
SLOW = tuple(float(number) for number in range(10))


@pytest.mark.parametrize(
    ("timestamps", "seconds"),
    [(UNEVEN, 2.07), (FINE, 1.0), (BURST, 4.1), (SLOW, 9.1)],
    ids=["uneven", "a clock's rate", "a burst", "one a second"],
)
def test_frames_that_come_as_they_like_come_evenly(tmp_path, timestamps, seconds):
    """None is missed where the rate allows it, and there is not one for every tick of a clock."""
    outcome = laddered(tmp_path, clip("mp4", timestamps=timestamps, size=(640, 360)))

    variant = named(outcome, "hls-360p").variant
    assert variant
    assert variant.frame_rate
    assert 25 < variant.frame_rate <= 30
    for played in (mp4(outcome), hls(outcome)):
        assert len(played.timestamps) == pytest.approx(seconds * variant.frame_rate, abs=2)
        even = [number / variant.frame_rate for number in range(len(played.timestamps))]
        assert played.timestamps == pytest.approx(even, abs=0.002)
        for number in (0, len(timestamps) // 2, len(timestamps) - 1):
            at = min(round(timestamps[number] * variant.frame_rate), len(played.timestamps) - 1)
            assert likeness(played.images(at)[0], shown(number / len(timestamps), (640, 360))) > 0.95


def test_no_video_has_more_than_sixty_frames_a_second(tmp_path):
    outcome = laddered(tmp_path, clip("mp4", 1.0, fps=120))

    assert mp4(outcome).timestamps == pytest.approx([number / 60 for number in range(60)], abs=0.001)
    variant = named(outcome, "hls-360p").variant
    assert variant
    assert variant.frame_rate == 60.0


@pytest.mark.parametrize("kind", KINDS)
def test_a_video_may_have_one_frame(tmp_path, kind):
    outcome = laddered(tmp_path, clip(kind, 0.1), kind)

    assert len(mp4(outcome).timestamps) == len(hls(outcome).timestamps) == 1
    assert likeness(mp4(outcome).images(0)[0], shown(0.0)) > 0.95


def assert_steady(outcome: Outcome, seconds: float, beeps: float | None) -> None:
    """Image and sound last as long, in both forms, and the sound is heard at its time."""
    assert outcome.facts.duration == pytest.approx(seconds, abs=0.04)
    for played in (mp4(outcome), hls(outcome)):
        assert played.streams == ["h264", "aac"]
        assert len(played.timestamps) == pytest.approx(seconds * 10, abs=1)
        assert len(played.sound) == pytest.approx(len(played.timestamps) * 100, abs=60)
        if beeps is not None:
            assert played.beeps == pytest.approx(beeps, abs=0.04)
            assert max(played.sound[: round(beeps * 1000) - 60], default=0) < 300


NINE = "pan=9C|" + "|".join(f"c{number}=c0" for number in range(9))
SOUNDS: dict[str, tuple[tuple[str, ...], float, float]] = {
    "mono": ((*beep(1.2, 2), "-ac", "1"), 2.0, 1.2),
    "5.1": ((*beep(1.2, 2), "-ac", "6"), 2.0, 1.2),
    "nine channels": ((*beep(1.2, 2), "-af", NINE, "-c:a", "pcm_s16le"), 2.0, 1.2),
    "AC-3": ((*beep(1.2, 2), "-c:a", "ac3"), 2.0, 1.2),
    "44.1 kHz": ((*beep(1.2, 2), "-ar", "44100"), 2.0, 1.2),
    "longer than the image": (beep(4.5, 5), 5.0, 4.5),
    "shorter than the image": (beep(0.5, 0.8), 2.0, 0.5),
    "begun later": (("-itsoffset", "0.7", *beep(0.5, 1)), 2.0, 1.2),
}


@pytest.mark.parametrize(("arguments", "seconds", "beeps"), SOUNDS.values(), ids=SOUNDS)
def test_sound_is_heard_at_its_moment(tmp_path, arguments, seconds, beeps):
    body = edited(clip("mp4", 2.0), *arguments, "-c:v", "copy", kind="mov")

    outcome = laddered(tmp_path, body, "mov")
    assert_steady(outcome, seconds, beeps)
    assert likeness(mp4(outcome).images(-1)[0], shown(0.95)) > 0.95


def test_a_hole_in_the_sound_is_silent(tmp_path):
    """What comes after it is heard at its own time."""
    holed = ("-af", "aselect='not(between(t,0.4,1.2))'", "-c:v", "copy", "-c:a", "libopus")
    body = edited(clip("webm", 2.0), *beep(1.5, 2), *holed, kind="webm")

    assert_steady(laddered(tmp_path, body, "webm"), 2.0, 1.5)


@pytest.mark.parametrize("holes", ["between(t,0.5,0.58)", "lt(mod(t,0.25),0.02)*lt(t,1.4)"], ids=["one", "many"])
def test_short_holes_in_the_sound_are_silent_too(tmp_path, holes):
    """Some hundredths of a second do not make what comes after them early; those before the beginning are no hole."""
    holed = ("-af", f"aselect='not({holes})'", "-c:v", "copy", "-c:a", "libopus", "-frame_duration", "10")
    outcome = laddered(tmp_path, edited(clip("webm", 2.0), *beep(1.5, 2), *holed, kind="webm"), "webm")

    for played in (mp4(outcome), hls(outcome)):
        assert played.beeps == pytest.approx(1.5, abs=0.012)


@pytest.mark.parametrize("kind", ["mp4", "webm"])
def test_an_image_that_begins_later_than_the_sound_is_there_from_the_beginning(tmp_path, kind):
    codecs = ("-c:a", "libopus") if kind == "webm" else ()
    late = edited(clip(kind, 1.0), *beep(1.2, 2), "-c:v", "copy", "-bsf:v", "setts=ts=TS+0.5/TB", *codecs, kind=kind)

    assert_steady(laddered(tmp_path, late, kind), 2.0, 1.2)


def test_a_video_without_sound_has_none(tmp_path):
    outcome = laddered(tmp_path, clip())

    assert mp4(outcome).streams == hls(outcome).streams == ["h264"]


def test_a_sound_that_has_no_beginning_is_silence_or_none(tmp_path):
    """A track of sound is told of, and nothing is in it."""
    body = edited(
        clip("webm", 2.0), *beep(1, 2), "-c:v", "copy", "-c:a", "libopus", "-bsf:a", "noise=drop=1", kind="webm"
    )
    outcome = laddered(tmp_path, body, "webm")

    assert len(mp4(outcome).timestamps) == 20
    assert mp4(outcome).streams[0] == "h264"


def test_the_first_sound_that_can_be_decoded_is_heard(tmp_path):
    """A phone's other track is spatial sound that only it understands."""
    two = edited(clip(), *beep(0.5, 2), *beep(1.5, 2), "-map", "0", "-map", "1", "-map", "2", "-c:v", "copy")
    outcome = laddered(tmp_path, two.replace(b"mp4a", b"apac", 1).replace(b"esds", b"free", 1))

    assert_steady(outcome, 2.0, 1.5)


def test_a_video_whose_sound_nobody_reads_plays_silently_and_says_so(tmp_path):
    body = edited(clip("mov", 2.0), *beep(1.2, 2), "-c:v", "copy", "-c:a", "adpcm_ima_qt", kind="mov")
    (tmp_path / "source").write_bytes(body)
    shown = videos.process(Task(source=tmp_path / "source", mime_type="video/quicktime", folder=tmp_path)).facts.shown

    assert (shown.has_audio, shown.warnings) == (False, ("sound_unsupported",))
    assert mp4(laddered(tmp_path / "played", body, "mov")).streams == ["h264"]


def test_a_cover_is_no_moving_image(tmp_path):
    """Though it comes first in the file."""
    cover = edited(clip("mp4", 0.1, (64, 48)), "-frames:v", "1", kind="png")
    covered = edited(
        clip(),
        *("-i", "cover.png", "-map", "1", "-map", "0", "-c", "copy", "-disposition:v:0", "attached_pic"),
        beside={"cover.png": cover},
    )
    outcome = laddered(tmp_path, covered)

    assert mp4(outcome).streams == ["h264"]
    assert len(mp4(outcome).timestamps) == 20
    assert likeness(mp4(outcome).images(10)[0], shown(0.5)) > 0.95


def test_a_video_whose_size_changes_keeps_its_first(tmp_path):
    first, second = clip("webm", 1.0, (640, 480)), clip("webm", 1.0, (320, 240))
    joined = edited(
        b"ffconcat version 1.0\nfile one.webm\nfile two.webm\n",
        *("-c", "copy"),
        kind="webm",
        beside={"one.webm": first, "two.webm": second},
    )
    outcome = laddered(tmp_path, joined, "webm")

    images = mp4(outcome).images(5, 15)
    assert [image.size for image in images] == [(480, 360), (480, 360)]
    assert likeness(images[1], shown(0.5, (480, 360))) > 0.9


def test_frames_that_become_enormous_are_not_decoded(tmp_path):
    """One of 16,383 x 16,383 takes 400 MiB, and as many follow as fit the file: what came before them stays."""
    joined = edited(
        b"ffconcat version 1.0\nfile small.webm\nfile large.webm\n",
        *("-c", "copy"),
        kind="webm",
        beside={"small.webm": clip("webm", 0.2, (320, 240)), "large.webm": clip("webm", 0.2, (5000, 3750))},
    )
    outcome = laddered(tmp_path, joined, "webm")

    (last,) = mp4(outcome).images(3)
    assert max(ImageStat.Stat(ImageChops.difference(last, shown(0.5))).mean) < 8


def streamed(kind: str) -> bytes:
    """A video that can be played while it arrives: its index comes first."""
    codecs = ("-c:a", "libopus") if kind == "webm" else ("-movflags", "+faststart")
    return edited(clip(kind, 2.0, (640, 360)), *beep(1, 2), "-c:v", "copy", *codecs, kind=kind)


@pytest.mark.exhaustive
@pytest.mark.parametrize("tenths", range(10))
@pytest.mark.parametrize("kind", ["mp4", "webm"])
def test_a_video_that_was_cut_off_plays_as_far_as_it_goes(tmp_path, kind, tenths):
    body = streamed(kind)
    found = tried(lambda: laddered(tmp_path, body[: len(body) * tenths // 10], kind))

    if isinstance(found, Outcome):
        seconds = found.facts.duration or 0.0
        assert seconds == pytest.approx(2.0 * tenths / 10, abs=0.5)
        assert len(mp4(found).timestamps) == len(hls(found).timestamps) == pytest.approx(seconds * 10, abs=1)
    else:
        assert found == Reason.VIDEO_DAMAGED
        assert tenths < 3


def combed(image: Image.Image) -> float:
    """How much of it every second line differs from both of its neighbours, 0 to 255."""
    grey = image.convert("L")
    lines = [grey.crop((0, y, grey.width, y + 1)) for y in range(grey.height)]
    apart = [
        ImageStat.Stat(ImageChops.difference(lines[y], lines[y + 1])).mean[0]
        - ImageStat.Stat(ImageChops.difference(lines[y], lines[y + 2])).mean[0]
        for y in range(len(lines) - 2)
    ]
    return sum(apart) / len(apart)


def test_an_interlaced_video_is_shown_in_whole_frames(tmp_path):
    """A bar moves between one field and the next."""
    bar = edited(
        clip("mp4", 0.1, (640, 360)),
        *("-f", "lavfi", "-i", "color=black:s=640x360:r=50:d=2", "-f", "lavfi", "-i", "color=white:s=40x360:r=50:d=2"),
        *("-filter_complex", "[1][2]overlay=x='mod(n*8,600)',interlace[out]", "-map", "[out]"),
        *("-c:v", "libx264", "-flags", "+ilme+ildct", "-pix_fmt", "yuv420p"),
    )
    (tmp_path / "bar.mp4").write_bytes(bar)
    with av.open(str(tmp_path / "bar.mp4")) as container:
        source = [frame.to_image() for frame in container.decode(video=0)]
    shown = videos.process(Task(source=tmp_path / "bar.mp4", mime_type="video/mp4", folder=tmp_path))

    assert combed(source[5]) > 2
    assert combed(Image.open(named(shown, "poster").path)) < 0.2
    assert max(map(combed, mp4(laddered(tmp_path / "played", bar)).images(5, 20, 40))) < 0.2
