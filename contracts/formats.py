"""The accepted media types, by what else they are called.

`inline` are those that every browser shows by itself, as images and sound that run nothing; the others are always
saved to a file.
"""

from dataclasses import dataclass
from enum import StrEnum


class MediaType(StrEnum):
    """What kind of thing a media is; storage is counted by it."""

    IMAGE = "image"
    VIDEO = "video"
    AUDIO = "audio"


@dataclass(frozen=True, slots=True)
class Format:
    """One accepted content type, and what browsers and systems call it, too.

    `taken_as` are the types that its bytes may be of: its own, and others that the same decoder reads.
    """

    content_type: str
    extensions: tuple[str, ...]
    aliases: tuple[str, ...]
    taken_as: frozenset[str]
    type: MediaType
    inline: bool


def _format(
    content_type: str,
    *extensions: str,
    aliases: tuple[str, ...] = (),
    also: str | None = None,
    inline: bool = False,
) -> Format:
    return Format(
        content_type=content_type,
        extensions=extensions,
        aliases=aliases,
        taken_as=frozenset({content_type, also or content_type}),
        type=MediaType(content_type.partition("/")[0]),
        inline=inline,
    )


def _sound(content_type: str, *extensions: str, aliases: tuple[str, ...] = ()) -> Format:
    return _format(content_type, *extensions, aliases=aliases, inline=True)


FORMATS: dict[str, Format] = {
    accepted.content_type: accepted
    for accepted in (
        _format("image/jpeg", "jpg", "jpeg", "jfif", aliases=("image/jpg", "image/pjpeg"), inline=True),
        _format("image/png", "png", "apng", aliases=("image/apng", "image/x-png"), inline=True),
        _format("image/gif", "gif", inline=True),
        _format("image/webp", "webp", inline=True),
        _format("image/heic", "heic", "heics", aliases=("image/heic-sequence",), also="image/heif"),
        _format("image/heif", "heif", "heifs", "hif", aliases=("image/heif-sequence",), also="image/heic"),
        _format("image/avif", "avif", "avifs", aliases=("image/avif-sequence",), inline=True),
        _format("video/mp4", "mp4", "m4v", aliases=("video/x-m4v", "video/m4v"), also="video/quicktime", inline=True),
        _format("video/webm", "webm", "mkv", aliases=("video/x-matroska", "video/matroska"), inline=True),
        _format("video/quicktime", "mov", "qt", also="video/mp4"),
        _sound(
            "audio/mpeg", "mp3", aliases=("audio/mp3", "audio/x-mp3", "audio/x-mpeg", "audio/mpeg3", "audio/x-mpeg-3")
        ),
        _sound("audio/wav", "wav", aliases=("audio/x-wav", "audio/wave", "audio/vnd.wave", "audio/x-pn-wav")),
        _sound("audio/mp4", "m4a", "m4b", aliases=("audio/x-m4a", "audio/m4a", "audio/x-m4b")),
        _sound("audio/aac", "aac", "adts", aliases=("audio/x-aac", "audio/aacp", "audio/vnd.dlna.adts")),
        _sound("audio/flac", "flac", aliases=("audio/x-flac",)),
        _sound("audio/ogg", "ogg", "oga", "opus", aliases=("application/ogg", "audio/opus", "audio/x-opus+ogg")),
        _sound("audio/webm", "weba", "mka", aliases=("audio/x-matroska", "audio/matroska")),
    )
}
# Of one container, whose tracks may stand at the end of the file.
TOLD_BY_TRACKS = frozenset({"video/mp4", "video/quicktime", "audio/mp4"})

_CANONICAL = {name: known.content_type for known in FORMATS.values() for name in (known.content_type, *known.aliases)}


def canonical(content_type: str) -> str | None:
    """The accepted type of this name, whatever its case, alias and parameters; None when none is meant."""
    return _CANONICAL.get(content_type.partition(";")[0].strip().lower())
