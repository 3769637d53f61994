"""What a player sees and hears of a video: decoded for real."""

from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import av
import m3u8
from av.audio.resampler import AudioResampler
from PIL import Image

from processing.protocol import File, Outcome, Task, Tell, unheard
from processing.video.transcode import process
from tests.videos import MIME_TYPES

LOUD = 3000  # of 32768


@dataclass(frozen=True)
class Played:
    """A video from its first frame to its last; timestamps in seconds from the first."""

    path: Path

    @cached_property
    def _timestamps(self) -> list[tuple[float, bool]]:
        with av.open(str(self.path)) as container:
            return [(frame.time or 0.0, bool(frame.key_frame)) for frame in container.decode(video=0)]

    @property
    def begins(self) -> float:
        """The time that its first frame has in the file."""
        return self._timestamps[0][0]

    @property
    def timestamps(self) -> list[float]:
        return [round(time - self.begins, 3) for time, _ in self._timestamps]

    @property
    def keys(self) -> list[float]:
        """The timestamps of its keyframes."""
        return [round(time - self.begins, 3) for time, is_key in self._timestamps if is_key]

    def images(self, *places: int) -> list[Image.Image]:
        """The frames at these places, which must be upright as they are stored, in square pixels."""
        with av.open(str(self.path)) as container:
            assert container.streams.video[0].sample_aspect_ratio in {None, 1}
            frames = list(container.decode(video=0))
        assert {frame.rotation for frame in frames} == {0}
        return [frames[place].to_image() for place in places]

    @cached_property
    def sound(self) -> list[int]:
        """Loudness from millisecond to millisecond, from the first frame on; what begins before it is left out."""
        heard: list[int] = []
        with av.open(str(self.path)) as container:
            quiet = AudioResampler(format="s16", layout="mono", rate=8000)
            first = None
            for frame in container.decode(audio=0):
                first = frame.time or 0.0 if first is None else first
                for piece in quiet.resample(frame):
                    heard += memoryview(bytes(piece.planes[0])[: 2 * piece.samples]).cast("h").tolist()
        late = round(((first or 0.0) - self.begins) * 8000)
        heard = [0] * late + heard[max(0, -late) :]
        return [max(map(abs, heard[at : at + 8])) for at in range(0, len(heard), 8)]

    @property
    def beeps(self) -> float:
        """The timestamp at which it is first loud."""
        return next(at for at, loudness in enumerate(self.sound) if loudness > LOUD) / 1000

    @property
    def streams(self) -> list[str]:
        with av.open(str(self.path)) as container:
            return [stream.codec_context.name for stream in container.streams]


def laddered(
    folder: Path, body: bytes, kind: str = "mp4", *, made: tuple[str, ...] = (), tell: Tell = unheard
) -> Outcome:
    """What becomes of a video, in a folder of its own."""
    source, target = folder / "source", folder / "made"
    target.mkdir(parents=True)
    source.write_bytes(body)
    return process(Task(source=source, mime_type=MIME_TYPES[kind], folder=target, made=made), tell)


def named(outcome: Outcome, name: str) -> File:
    (found,) = (file for file in outcome.files if file.name == name)
    assert found.path.stat().st_size == found.size
    return found


def mp4(outcome: Outcome, side: int = 360) -> Played:
    """A quality in one file."""
    return Played(named(outcome, f"mp4-{side}p").path)


def hls(outcome: Outcome, side: int = 360) -> Played:
    """A quality as its playlist tells it: what its segments begin with, and all of them."""
    path = named(outcome, f"hls-{side}p").path
    playlist = m3u8.load(str(path))
    (begin,) = playlist.segment_map
    parts = [begin.uri, *(segment.uri for segment in playlist.segments)]
    joined = path.with_suffix(".joined")
    joined.write_bytes(b"".join((path.parent / part).read_bytes() for part in parts if part))
    return Played(joined)
