"""What a processor is asked and what it answers: records that cross the pipe between two processes as JSON."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

import msgspec
from msgspec import Struct

from processing.failures import Reason
from processing.processors import Limits

T = TypeVar("T")


@dataclass(frozen=True, slots=True, kw_only=True)
class Task:
    """One file to process. `mime_type` is what its bytes show, whatever anybody said about it.

    `square`: thumbnails are cut square around the centre, as those of profile images are.
    """

    source: Path
    mime_type: str
    folder: Path
    square: bool = False
    keep_location: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class File:
    """One rendition, as a file in the task's folder. Sizes in bytes and pixels, duration in seconds."""

    name: str
    path: Path
    mime_type: str
    size: int
    width: int | None = None
    height: int | None = None
    duration: float | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Location:
    """Where a photo was taken: degrees, north and east positive, and metres above the sea."""

    latitude: float
    longitude: float
    altitude: float | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Capture:
    """How a photo was taken, for its owner alone. `captured_at` is ISO 8601, with an offset if the camera knew one."""

    make: str | None = None
    model: str | None = None
    lens: str | None = None
    captured_at: str | None = None
    location: Location | None = None


class Tags(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """What a recording says of itself."""

    title: str | None = None
    artist: str | None = None
    album: str | None = None


class Shown(Struct, frozen=True, kw_only=True, rename="camel", omit_defaults=True):
    """What is safe to show: the `metadata` of a media, less what is not known of it.

    `placeholder` is a ThumbHash in base64, `dominant_color` #rrggbb, `bitrate` in bits a second, `rotation` in degrees
    clockwise: by how much a film was turned to be upright.
    """

    format: str | None = None
    frames: int | None = None
    placeholder: str | None = None
    dominant_color: str | None = None
    codec: str | None = None
    bitrate: int | None = None
    fps: float | None = None
    has_audio: bool | None = None
    rotation: int | None = None
    tags: Tags | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Facts:
    """What is known of a file. Width and height are those of the source, upright; duration in seconds."""

    shown: Shown
    width: int | None = None
    height: int | None = None
    duration: float | None = None
    capture: Capture | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """Facts, and renditions in their fixed order."""

    facts: Facts
    files: tuple[File, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Order:
    """What a child is told: its task, the limits to bind itself to, and the process that it dies with."""

    task: Task
    limits: Limits
    parent: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """What a child says in the end: an outcome, or why there is none."""

    outcome: Outcome | None = None
    failure: Reason | None = None
    detail: str = ""


def to_json(record: Any) -> bytes:
    """A record as JSON."""
    return msgspec.json.encode(record, enc_hook=str)


def from_json(record: type[T], text: bytes | str) -> T:
    """The record that JSON holds; msgspec.DecodeError when it holds another."""
    return msgspec.json.decode(text, type=record, dec_hook=lambda kind, value: kind(value))
