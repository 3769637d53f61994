"""What a processor is asked and what it answers: records that cross the pipe between two processes as JSON."""

from collections.abc import Callable
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import Annotated, Any, TypeVar

import msgspec
from msgspec import Meta, Struct

from processing.failures import Reason
from processing.registry import Limits

T = TypeVar("T")

# What the database and the store take: text without NUL, whole numbers of 31 bits and of 62, time that passes.
Text = Annotated[str, Meta(pattern="\\A[^\\x00]*\\Z")]
Pixels = Annotated[int, Meta(gt=0, lt=2**31)]
Count = Annotated[int, Meta(ge=0, lt=2**62)]
Positive = Annotated[int, Meta(gt=0, lt=2**62)]
Seconds = Annotated[float, Meta(gt=0)]
FrameRate = Annotated[float, Meta(gt=0, le=1000)]
Codecs = Annotated[str, Meta(pattern="\\A[A-Za-z0-9.,]{1,60}\\Z")]


@dataclass(frozen=True, slots=True, kw_only=True)
class Policy:
    """What settings say of processing: whether a photo's place is kept, and the longest and largest videos."""

    keep_location: bool = False
    video_seconds: int = 180
    video_side: int = 4096


@dataclass(frozen=True, slots=True, kw_only=True)
class Task:
    """One file to process. `mime_type` is what its bytes show, whatever anybody said about it.

    `square`: thumbnails are cut square around the centre, as those of profile images are.
    `made`: the names of renditions that are there already, and are not to be made again. `cores`: how many there are.
    `most_seconds`: an audio file of so many or more is left for a later run; the outcome has a duration and no files.
    """

    source: Path
    mime_type: str
    folder: Path
    square: bool = False
    most_seconds: float | None = None
    made: tuple[str, ...] = ()
    policy: Policy = Policy()
    cores: int = 1


@dataclass(frozen=True, slots=True, kw_only=True)
class Variant:
    """What a master playlist says of one of its playlists (RFC 8216, 4.3.4.2): bits a second at most and on average."""

    bandwidth: Positive
    average_bandwidth: Positive
    codecs: Codecs
    frame_rate: FrameRate | None


@dataclass(frozen=True, slots=True, kw_only=True)
class File:
    """One rendition, as a file in the task's folder. Sizes in bytes and pixels, duration in seconds.

    With `variant` it is a playlist: its segments stand beside it, under names that begin with its own and a hyphen.
    """

    name: Text
    path: Path
    mime_type: Text
    size: Count
    width: Pixels | None = None
    height: Pixels | None = None
    duration: Seconds | None = None
    variant: Variant | None = None

    @property
    def segments(self) -> list[Path]:
        """The files that a playlist names."""
        return sorted(self.path.parent.glob(f"{self.path.stem}-*")) if self.variant else []


@dataclass(frozen=True, slots=True, kw_only=True)
class Location:
    """Where a photo was taken: degrees, north and east positive, and metres above the sea."""

    latitude: float
    longitude: float
    altitude: float | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Exif:
    """How a photo was taken, for its owner alone. `captured_at` is ISO 8601, with an offset if the camera knew one."""

    make: Text | None = None
    model: Text | None = None
    lens: Text | None = None
    captured_at: Text | None = None
    location: Location | None = None


class Loss(StrEnum):
    """What a file holds and its renditions do not, since nobody reads it; the value is the word for callers."""

    SOUND_UNSUPPORTED = "sound_unsupported"
    SOUND_INCOMPLETE = "sound_incomplete"


class Tags(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """What an audio file says of itself."""

    title: Text | None = None
    artist: Text | None = None
    album: Text | None = None


class Shown(Struct, frozen=True, kw_only=True, rename="camel", omit_defaults=True):
    """What is safe to show: the `metadata` of a media, less what is not known of it.

    `placeholder` is a ThumbHash in base64, `dominant_color` #rrggbb, `bitrate` in bits a second, `rotation` in degrees
    clockwise: by how much a video was turned to be upright, `warnings` what was lost on the way.
    """

    format: Text | None = None
    frames: Count | None = None
    placeholder: Text | None = None
    dominant_color: Text | None = None
    codec: Text | None = None
    bitrate: Count | None = None
    fps: FrameRate | None = None
    has_audio: bool | None = None
    rotation: Count | None = None
    tags: Tags | None = None
    warnings: tuple[Loss, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Facts:
    """What is known of a file. Width and height are those of the source, upright; duration in seconds."""

    shown: Shown
    width: Pixels | None = None
    height: Pixels | None = None
    duration: Seconds | None = None
    exif: Exif | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """Facts, and renditions in their fixed order; none of an audio file that is left for a later run."""

    facts: Facts
    files: tuple[File, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Order:
    """What a child is told: a module and its task, the limits to bind itself to, and the process that it dies with.

    `user`: the id of the user to become; none where the parent may not change it.
    """

    module: str
    task: Task
    limits: Limits
    parent: int
    user: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """What a child says on a line: how much of its work is done (0 to 1), or in the end an outcome, or why not."""

    done: Annotated[float, Meta(ge=0, le=1)] | None = None
    outcome: Outcome | None = None
    failure: Reason | None = None
    detail: str = ""


Tell = Callable[[float], None]


def unheard(_done: float) -> None:
    """Tell nobody how much is done."""


def to_json(record: Any) -> bytes:
    """A record as JSON."""
    return msgspec.json.encode(record, enc_hook=str)


def from_json(record: type[T], text: bytes | str) -> T:
    """The record that JSON holds; msgspec.DecodeError when it holds another."""
    return msgspec.json.decode(text, type=record, dec_hook=lambda kind, value: kind(value))
