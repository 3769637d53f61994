"""Nothing that a video says of itself, or carries beside image and sound, is in what is played."""

import json
import subprocess
from itertools import chain
from pathlib import Path

import pytest

from processing.protocol import Outcome
from tests.played import hls, laddered, mp4
from tests.videos import beep, clip, edited

SECRET = "secret-7781"
SAID = {
    **dict.fromkeys(("title", "artist", "comment", "encoder", "copyright"), SECRET),
    "creation_time": "2024-05-06T07:08:09Z",
    "location": "+33.8568+151.2153/",
    "com.apple.quicktime.make": SECRET,
    "com.apple.quicktime.model": SECRET,
    "com.apple.quicktime.location.ISO6709": "+33.8568+151.2153+058.000/",
}
BESIDE = {
    "subtitles.srt": f"1\n00:00:00,000 --> 00:00:01,000\n{SECRET}\n".encode(),
    "chapters.txt": f";FFMETADATA1\n[CHAPTER]\nTIMEBASE=1/1000\nSTART=0\nEND=500\ntitle={SECRET}\n".encode(),
}
# All that exiftool may find: what any MP4 has, as ours says it.
SAYS_NOTHING = {
    "CompressorName": "Lavc libx264",
    "HandlerVendorID": "Apple",
    "MediaLanguageCode": "und",
}
PERSONAL = {
    *("Title", "Artist", "Comment", "Copyright", "Encoder", "Make", "Model", "Location", "LocationInformation"),
    *(
        "CreationTime",
        "Timecode",
        "TimeCode",
        "ChapterList",
        "ChapterListTrackID",
        "Text",
        "OtherFormat",
        "UserDataEnc",
    ),
}


def tagged(kind: str) -> bytes:
    """A video that says all that it can: of itself, of each stream, in chapters, subtitles and between its frames."""
    tags = chain.from_iterable(("-metadata", f"{name}={value}") for name, value in SAID.items())
    of_streams = chain.from_iterable(
        (f"-metadata:s:{stream}", f"{name}={SECRET}") for stream in "vas" for name in ("handler_name", "title")
    )
    codecs = {"webm": ("-c:a", "libopus", "-c:s", "webvtt")}.get(kind, ("-c:s", "mov_text", "-timecode", "01:02:03:04"))
    between = {"webm": ()}.get(
        kind, ("-bsf:v", f"h264_metadata=sei_user_data=086f3693-b7b3-4f2c-9653-21492feee5b8+{SECRET}")
    )
    return edited(
        clip(kind, 1.0),
        *(*beep(0.5, 1), "-i", "subtitles.srt", "-i", "chapters.txt", "-map", "0:v", "-map", "1:a", "-map", "2:s"),
        *("-map_chapters", "3", "-c:v", "copy", *codecs, *between, *tags, *of_streams),
        *{"mov": ("-movflags", "use_metadata_tags")}.get(kind, ()),
        kind=kind,
        beside=BESIDE,
    )


def told_by(path: Path) -> dict[str, str]:
    """What exiftool finds in a video, with all that is embedded."""
    found = subprocess.run(["exiftool", "-j", "-a", "-ee", "-G1", path], capture_output=True, check=True).stdout
    (told,) = json.loads(found)
    return {name.rpartition(":")[2]: str(value) for name, value in told.items() if not name.startswith("System:")}


def files(outcome: Outcome) -> list[Path]:
    return [path for file in outcome.files for path in (file.path, *file.segments)]


@pytest.mark.parametrize("kind", ["mp4", "mov", "webm"])
def test_nothing_that_a_video_says_is_in_what_is_played(tmp_path, kind):
    body = tagged(kind)
    assert body.count(SECRET.encode()) > 6
    outcome = laddered(tmp_path, body, kind)

    assert mp4(outcome).streams == hls(outcome).streams == ["h264", "aac"]
    for path in files(outcome):
        content = path.read_bytes()
        assert SECRET.encode() not in content
        assert SECRET.encode("utf-16-le") not in content
        assert b"+33.8" not in content
        assert b"2024-05-06" not in content


@pytest.mark.parametrize("kind", ["mp4", "mov"])
def test_exiftool_finds_nothing_personal_in_what_is_played(tmp_path, kind):
    """It does in the video."""
    outcome = laddered(tmp_path, tagged(kind), kind)
    said = told_by(tmp_path / "source")
    assert {"Title", "Artist", "Comment", "ChapterListTrackID"} <= set(said)
    assert any("GPS" in name for name in said)
    assert "2024:05:06 07:08:09" in said.values()

    for path in (mp4(outcome).path, hls(outcome).path):
        told = told_by(path)
        assert not {name for name in told if name in PERSONAL or "GPS" in name}
        assert {value for name, value in told.items() if name.endswith("Date")} == {"0000:00:00 00:00:00"}
        assert told["HandlerDescription"] in {"VideoHandler", "SoundHandler"}
        assert {name: told[name] for name in SAYS_NOTHING} == SAYS_NOTHING


def captioned(body: bytes) -> bytes:
    """The video, with closed captions in each frame (ATSC A/53, 6.2.3) that say `A` and `B`."""
    captions = bytes([0xB5, 0x00, 0x31]) + b"GA94\x03" + bytes([0x40 | 1, 0xFF, 0xFC, 0xC1, 0xC2, 0xFF])
    unit = b"\0\0\0\1\x06" + bytes([4, len(captions)]) + captions + b"\x80"
    stream = edited(body, "-c", "copy", "-bsf:v", "h264_mp4toannexb", kind="h264")
    frames = stream.replace(b"\0\0\1\x65", unit + b"\0\0\1\x65").replace(b"\0\0\0\1\x65", unit + b"\0\0\0\1\x65")
    return edited(frames, "-c", "copy")


def test_captions_between_the_frames_are_left_out(tmp_path):
    body = captioned(clip())
    assert b"GA94" in body
    outcome = laddered(tmp_path, body)

    assert not [path for path in files(outcome) if b"GA94" in path.read_bytes()]
