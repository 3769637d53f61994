"""Image and sound of a video stay together in its segments, for players that read no edit lists as well."""

import struct
import subprocess
from pathlib import Path

import av
import imageio_ffmpeg
import pytest

from processing.protocol import Outcome, Task
from processing.video.transcode import process

FFMPEG = imageio_ffmpeg.get_ffmpeg_exe()
SECONDS = 3
IMAGE = ["-f", "lavfi", "-i", f"testsrc2=size=640x360:rate=25:duration={SECONDS}"]
SOUND = ["-f", "lavfi", "-i", f"sine=sample_rate=48000:duration={SECONDS}"]
LATE = ["-itsoffset", "1"]
VIDEOS = {
    "together": [*IMAGE, *SOUND],
    "sound a second late": [*IMAGE, *LATE, *SOUND],
    "image a second late": [*SOUND, *LATE, *IMAGE],
}


@pytest.fixture(params=VIDEOS)
def made(request, tmp_path) -> Outcome:
    """What a video becomes whose streams begin so."""
    source, folder = tmp_path / "source.mp4", tmp_path / "made"
    encoded = ["-c:v", "libx264", "-preset", "ultrafast", "-pix_fmt", "yuv420p", "-c:a", "aac", source]
    subprocess.run([FFMPEG, "-v", "error", *VIDEOS[request.param], *encoded], check=True)
    folder.mkdir()
    return process(Task(source=source, mime_type="video/mp4", folder=folder))


def edits(init: bytes) -> list[list[int]]:
    """Where in its media each edit of each track begins; -1 is an empty edit (ISO 14496-12, 8.6.6)."""
    found = []
    for box in init.split(b"elst")[1:]:
        (count,) = struct.unpack_from(">I", box, 4)
        found.append([struct.unpack_from(">Iii", box, 8 + 12 * entry)[1] for entry in range(count)])
    return found


def first_seconds(path: Path) -> list[float | None]:
    """When image and sound begin."""
    with av.open(str(path)) as clip:
        (image,), (sound,) = clip.streams.video, clip.streams.audio
        return [next(clip.decode(image)).time, next(clip.decode(sound)).time]


def test_image_and_sound_begin_at_0_in_every_form(made):
    """One edit of each track leaves out what its encoder put before; none would have a player wait."""
    for file in made.files:
        assert first_seconds(file.path) == pytest.approx([0.0, 0.0], abs=0.03)
    (playlist,) = (file.path for file in made.files if file.path.suffix == ".m3u8")
    init = playlist.with_name(f"{playlist.stem}-init.mp4").read_bytes()
    assert [(len(track), track[0] >= 0) for track in edits(init)] == [(1, True), (1, True)]
