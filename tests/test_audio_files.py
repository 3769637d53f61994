"""What comes out of an audio file: facts, the sound alone, and how loud it is from moment to moment."""

import io
import json
import struct
import subprocess
import time
from collections.abc import Callable
from typing import Any

import av
import pytest
from av.audio.resampler import AudioResampler
from PIL import Image

from processing.audio import audio as sound
from processing.audio.transcode import process
from processing.failures import ProcessingFailed, Reason
from processing.protocol import File, Outcome, Tags, Task
from processing.sandbox.child import processed
from tests.audio_files import CODECS, MIME_TYPES, TAGS, audio_file
from tests.clamd import zipped
from tests.media_files import HTML, photo

Made = Callable[..., Outcome]
BOUND_SECONDS = 60


@pytest.fixture
def rendered_once() -> None:
    """Every job asks a child of its own: what it makes is the subject here."""


@pytest.fixture
def made(tmp_path) -> Made:
    """Process an audio file."""

    def make(body: bytes, mime_type: str = "audio/mpeg", most_seconds: float | None = None) -> Outcome:
        source, folder = tmp_path / "source", tmp_path / "made"
        source.write_bytes(body)
        folder.mkdir(exist_ok=True)
        return process(Task(source=source, mime_type=mime_type, folder=folder, most_seconds=most_seconds))

    return make


def named(outcome: Outcome, name: str) -> File:
    (found,) = (file for file in outcome.files if file.name == name)
    assert found.path.stat().st_size == found.size
    return found


def loudness(file: File) -> list[float]:
    """How loud each quarter of a rendition is, which must be AAC in MP4 and nothing else."""
    heard: list[int] = []
    with av.open(str(file.path)) as container:
        assert container.format.name.split(",")[1] == "mp4"
        assert [stream.type for stream in container.streams] == ["audio"]
        assert container.streams.audio[0].codec_context.name == "aac"
        quiet = AudioResampler(format="s16", layout="mono", rate=8000)
        for frame in container.decode(audio=0):
            for piece in quiet.resample(frame):
                heard += memoryview(bytes(piece.planes[0])[: 2 * piece.samples]).cast("h").tolist()
    quarter = len(heard) // 4
    return [sum(map(abs, heard[at : at + quarter])) / quarter for at in range(0, 4 * quarter, quarter)]


def peaks(outcome: Outcome) -> dict[str, Any]:
    told: dict[str, Any] = json.loads(named(outcome, "peaks").path.read_bytes())
    return told


@pytest.mark.parametrize("kind", CODECS)
def test_every_kind_becomes_aac_an_image_and_peaks(made, kind):
    outcome = made(audio_file(kind), MIME_TYPES[kind])

    assert [(file.name, file.mime_type) for file in outcome.files] == [
        ("full", "audio/mp4"),
        ("waveform", "image/webp"),
        ("peaks", "application/json"),
    ]
    assert outcome.facts.duration == pytest.approx(2.0, abs=0.1)
    assert named(outcome, "full").duration == outcome.facts.duration
    assert outcome.facts.shown.codec == {"wav": "pcm_s16le", "ogg": "opus", "webm": "opus", "m4a": "aac"}.get(
        kind, kind.split()[0]
    )
    assert (outcome.facts.shown.bitrate or 0) > 16_000
    first, *_, last = quarters = loudness(named(outcome, "full"))
    assert quarters == sorted(quarters)
    assert last > 4 * first


@pytest.mark.parametrize(
    ("rate", "layout", "expected"),
    [
        (8000, "mono", (8000, 1)),
        (44_100, "stereo", (44_100, 2)),
        (96_000, "stereo", (48_000, 2)),
        (7350, "mono", (8000, 1)),
        (48_000, "5.1", (48_000, 2)),
    ],
)
def test_rates_and_channels_are_those_that_every_player_has(made, rate, layout, expected):
    outcome = made(audio_file("wav", 1.0, rate, layout), "audio/wav")

    with av.open(str(named(outcome, "full").path)) as container:
        context = container.streams.audio[0].codec_context
        assert (context.sample_rate, context.layout.nb_channels) == expected
    assert outcome.facts.duration == pytest.approx(1.0, abs=0.1)


@pytest.mark.parametrize("kind", CODECS)
def test_what_an_audio_says_of_itself_is_told_and_not_carried_along(made, kind):
    """Title, artist and album are facts; no rendition holds them, nor anything else."""
    outcome = made(audio_file(kind), MIME_TYPES[kind])

    assert outcome.facts.shown.tags == Tags(title="Harbour", artist="The Gulls", album="Low tide")
    full = named(outcome, "full").path
    assert not any(told.encode() in file.path.read_bytes() for file in outcome.files for told in TAGS.values())
    told = json.loads(subprocess.run(["exiftool", "-j", "-a", "-G1", full], capture_output=True, check=True).stdout)[0]
    assert not {name for name in told if name.partition(":")[2] in {"Title", "Artist", "Album", "Comment", "Encoder"}}


def test_tags_fit_on_a_line(made):
    outcome = made(audio_file("mp3", tags=(("title", "one\ntwo\x07 " + "x" * 5000), ("artist", " \n "))))

    assert outcome.facts.shown.tags
    assert outcome.facts.shown.tags.title == ("one two " + "x" * 5000)[:200]
    assert outcome.facts.shown.tags.artist is None


def test_tags_in_another_encoding_than_utf_8_are_no_damage(made):
    """WAV has none that it says, and programs write that of their machine."""
    said = b"INFOINAM" + struct.pack("<I", 6) + "Grüße\0".encode("latin-1")
    wav = audio_file("wav", tags=())
    body = wav[:12] + b"LIST" + struct.pack("<I", len(said)) + said + wav[12:]

    outcome = made(body, "audio/wav")

    assert outcome.facts.duration == pytest.approx(2.0, abs=0.1)
    assert outcome.facts.shown.tags
    assert outcome.facts.shown.tags.title == "Gr\N{REPLACEMENT CHARACTER}\N{REPLACEMENT CHARACTER}e"


def test_an_audio_without_tags_has_none(made):
    assert made(audio_file("mp3", tags=())).facts.shown.tags is None


def test_peaks_are_of_the_form_that_players_read(made):
    """The one that grows louder from beginning to end does so here too."""
    told = peaks(made(audio_file("wav"), "audio/wav"))

    assert (told["version"], told["channels"], told["bits"], told["sample_rate"]) == (2, 1, 8, 8000)
    assert len(told["data"]) == 2 * told["length"]
    assert told["length"] * told["samples_per_pixel"] == pytest.approx(2.0 * 8000, rel=0.05)
    assert all(-128 <= value <= 127 for value in told["data"])
    highs = told["data"][1::2]
    assert highs[len(highs) // 4] < highs[len(highs) // 2] < highs[-5]
    assert max(highs) > 100


def test_a_long_audio_has_no_more_peaks(made):
    outcome = made(audio_file("wav", 400.0, 8000, "mono"), "audio/wav")

    told = peaks(outcome)
    assert 500 <= told["length"] <= 1000
    assert told["length"] * told["samples_per_pixel"] == pytest.approx(400 * 8000, rel=0.01)
    assert named(outcome, "peaks").size < 10_000


def test_the_image_shows_what_grows_louder(made):
    image = Image.open(io.BytesIO(named(made(audio_file("wav"), "audio/wav"), "waveform").path.read_bytes()))

    assert (image.format, image.size, image.mode) == ("WEBP", (1200, 240), "RGBA")
    opaque = image.getchannel("A").point(lambda value: 255 if value else 0)
    heights = []
    for left in (300, 600, 1150):
        bounds = opaque.crop((left, 0, left + 20, 240)).getbbox()
        assert bounds
        heights.append(bounds[3] - bounds[1])
    assert heights == sorted(heights)
    assert heights[-1] > 220


def test_an_audio_that_changes_its_rate_and_channels_midway_is_heard_to_its_end(made):
    outcome = made(audio_file("mp3", 1.0, 44_100, "stereo") + audio_file("mp3", 1.0, 22_050, "mono"))

    assert outcome.facts.duration == pytest.approx(2.0, abs=0.2)
    assert min(loudness(named(outcome, "full"))[1::2]) > 1000


def test_silence_is_an_audio_too(made):
    wav = audio_file("wav")
    told = peaks(made(wav[:200] + b"\0" * (len(wav) - 200), "audio/wav"))

    assert set(told["data"][100:]) == {0}


@pytest.mark.exhaustive
@pytest.mark.parametrize("rate", [8000, 44_100, 48_000, 384_000])
@pytest.mark.parametrize("samples", [1, 2, 10, 23, 24, 50, 100, 127, 128])
def test_the_shortest_audios_last_some_time_or_are_none(made, rate, samples):
    """A duration of zero is none: the database would refuse it for ever."""
    found = tried(lambda: made(wav_header(1, rate, 2 * samples) + b"\1\1" * samples, "audio/wav"))

    if samples < rate / 2000:
        assert found == Reason.AUDIO_DAMAGED
    elif samples > rate / 1000:
        assert isinstance(found, Outcome)
        assert (found.facts.duration or 0) >= 0.001
        assert len(peaks(found)["data"]) >= 2


@pytest.mark.exhaustive
@pytest.mark.parametrize("tenths", range(10))
@pytest.mark.parametrize("kind", CODECS)
def test_an_audio_that_was_cut_off_is_heard_as_far_as_it_goes(made, kind, tenths):
    """Some kinds have their index at their end, everything in their last page, or much before the sound."""
    body = audio_file(kind)
    found = tried(lambda: made(body[: len(body) * tenths // 10], MIME_TYPES[kind]))

    if isinstance(found, Reason):
        assert found == Reason.AUDIO_DAMAGED
        assert kind in {"m4a", "flac"} or "ogg" in kind or tenths == 0
    else:
        assert 0 < (found.facts.duration or 0) <= 2.1


def tried(make: Callable[[], Outcome]) -> Outcome | Reason:
    """What is made, or why it is not."""
    try:
        return make()
    except ProcessingFailed as failed:
        return failed.reason


PLAYLIST = b"#EXTM3U\n#EXT-X-VERSION:3\n#EXTINF:10,\nfile:///etc/passwd\n#EXT-X-ENDLIST\n"
CONCAT = b"ffconcat version 1.0\nfile '/etc/passwd'\nfile 'http://127.0.0.1:1/x'\n"


def wav_header(channels: int, rate: int, data: int = 2000) -> bytes:
    """What a WAV of 16 bits begins with."""
    told = struct.pack("<HHIIHH", 1, channels, rate, (rate * channels * 2) % 2**32, (channels * 2) % 2**16, 16)
    return (
        b"RIFF"
        + struct.pack("<I", data)
        + b"WAVEfmt "
        + struct.pack("<I", len(told))
        + told
        + b"data"
        + struct.pack("<I", data)
    )


HOSTILE = {
    "nothing": b"",
    "a byte": b"\xff",
    "a web page": HTML,
    "an image": photo(),
    "an archive": zipped(b"x" * 1000),
    "a playlist": PLAYLIST,
    "a concat script": CONCAT,
    "a playlist behind ID3": b"ID3\x03\0\0\0\0\0\0" + PLAYLIST,
    "a header alone": wav_header(2, 48_000, 2**31 - 1),
    "65535 channels": wav_header(65_535, 48_000) + b"\1" * 2000,
    "no rate": wav_header(2, 0) + b"\1" * 2000,
    "no channel": wav_header(0, 48_000) + b"\1" * 2000,
    "noise": bytes(at * 7919 % 251 for at in range(100_000)),
}


@pytest.mark.parametrize("mime_type", ["audio/mpeg", "audio/wav", "audio/ogg", "audio/mp4"])
@pytest.mark.parametrize("body", HOSTILE.values(), ids=HOSTILE)
async def test_what_is_no_audio_is_refused_in_bounded_time(tmp_path, body, mime_type):
    """By its child, which reads no other file, asks nobody, and leaves nothing; noise may sound like noise."""
    source = tmp_path / "source"
    source.write_bytes(body)
    root = tmp_path / "root"
    root.mkdir()
    began = time.monotonic()

    found: Outcome | Reason
    try:
        async with processed(source, mime_type, root=root) as found:
            pass
    except ProcessingFailed as failed:
        found = failed.reason

    assert found in {Reason.AUDIO_DAMAGED, Reason.FORMAT_UNSUPPORTED} or (
        isinstance(found, Outcome) and (found.facts.duration or 0) < 10
    )
    assert time.monotonic() - began < BOUND_SECONDS
    assert list(root.iterdir()) == []


def test_what_never_ends_is_refused(made, monkeypatch):
    monkeypatch.setattr(sound, "MAX_SECONDS", 1.0)

    with pytest.raises(ProcessingFailed) as failed:
        made(audio_file("mp3"))
    assert failed.value.reason == Reason.AUDIO_TOO_LONG


@pytest.mark.parametrize("kind", ["m4a", "mp3", "ogg", "wav"])
def test_what_lasts_longer_than_a_run_may_is_left_for_later(made, kind):
    """The outcome says how long it is at least."""
    outcome = made(audio_file(kind, seconds=3.0), MIME_TYPES[kind], most_seconds=1.0)

    assert outcome.files == ()
    assert outcome.facts.duration >= 1.0
    assert len(made(audio_file(kind), MIME_TYPES[kind], most_seconds=4.0).files) == 3


def test_what_lasts_longer_than_its_header_says_is_left_for_later_as_well(made):
    """An Ogg that is cut has no last page to tell by."""
    stream = audio_file("ogg", seconds=3.0)
    liar = stream[: stream.rindex(b"OggS")] + audio_file("ogg", seconds=0.5)[-2000:]

    outcome = made(liar, "audio/ogg", most_seconds=2.0)

    assert outcome.files == ()


def test_a_video_without_sound_is_no_audio(made, tmp_path):
    path = tmp_path / "silent.mp4"
    with av.open(str(path), "w") as target:
        stream = target.add_stream("mpeg4", rate=10)
        stream.width, stream.height, stream.pix_fmt = 64, 48, "yuv420p"
        for _ in range(3):
            target.mux(stream.encode(av.VideoFrame(64, 48, "yuv420p")))
        target.mux(stream.encode(None))

    with pytest.raises(ProcessingFailed) as failed:
        made(path.read_bytes(), "audio/mp4")
    assert failed.value.reason == Reason.AUDIO_DAMAGED


async def test_an_audio_is_shown_by_what_was_made_of_it(ready_media, resources):
    media = await ready_media(audio_file("mp3"), filename="gulls.mp3", contentType="audio/mpeg")

    assert media.status == "ready"
    assert [made.name for made in media.renditions] == ["full", "waveform", "peaks"]
    assert media.duration == pytest.approx(2.0, abs=0.1)
    assert (media.url, media.thumbnail_url) == (media.renditions[0].url, None)
    assert media.metadata == {
        "codec": "mp3",
        "bitrate": 128_000,
        "tags": {"title": "Harbour", "artist": "The Gulls", "album": "Low tide"},
    }
    assert media.renditions[0].duration == media.duration


async def test_an_audio_that_cannot_be_heard_fails_with_a_reason(ready_media):
    media = await ready_media(b"RIFF\x24\0\0\0WAVEfmt " + b"\0" * 40, filename="a.wav", contentType="audio/wav")

    assert (media.status, media.error.code) == ("failed", "audio_damaged")
    assert media.error.reason == "The audio file is damaged, or holds no sound."


def test_the_bits_a_second_are_those_that_are_heard(made):
    """Half a minute is told, and a second is there."""
    whole = audio_file("wav", 1.0, layout="mono")
    longer = whole.replace(struct.pack("<I", 96_000), struct.pack("<I", 2_880_000), 1)
    assert longer != whole

    assert made(longer, "audio/wav").facts.shown.bitrate == made(whole, "audio/wav").facts.shown.bitrate == 768_000


@pytest.mark.parametrize("kind", ["ogg", "flac in ogg"])
def test_a_chained_ogg_is_heard_to_its_end(made, kind):
    outcome = made(audio_file(kind, 1.0) + audio_file(kind, 2.0), "audio/ogg")

    assert outcome.facts.duration == pytest.approx(3.0, abs=0.1)
    assert outcome.facts.shown.warnings == ()


def test_a_chained_ogg_of_other_channels_is_heard_as_far_as_its_first_link_goes(made):
    outcome = made(audio_file("ogg", 1.0) + audio_file("ogg", 2.0, layout="mono"), "audio/ogg")

    assert outcome.facts.duration == pytest.approx(1.0, abs=0.1)
    assert outcome.facts.shown.warnings == ("sound_incomplete",)


@pytest.mark.parametrize("channels", [9, 10, 31])
def test_channels_without_places_are_heard_too(made, channels):
    """One of them alone has sound."""
    loud = b"".join(struct.pack("<h", 20_000 * (at // 20 % 2)) + bytes(2 * channels - 2) for at in range(8000))
    shape = struct.pack("<HHIIHH", 1, channels, 8000, 16_000 * channels, 2 * channels, 16)
    body = b"WAVEfmt \x10\0\0\0" + shape + b"data" + struct.pack("<I", len(loud)) + loud
    outcome = made(b"RIFF" + struct.pack("<I", len(body)) + body, "audio/wav")

    assert outcome.facts.duration == pytest.approx(1.0, abs=0.01)
    assert min(loudness(named(outcome, "full"))) > 100
