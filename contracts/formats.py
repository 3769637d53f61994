"""The accepted media types, their ceilings in bytes, and what the first bytes of each are recognised as.

`inline` are those that every browser shows by itself, as pictures and sound that run nothing; the others are always
saved to a file.
"""

from dataclasses import dataclass
from enum import StrEnum

MIB = 1024 * 1024


class MediaType(StrEnum):
    """What kind of thing a media is; storage is counted by it."""

    IMAGE = "image"
    VIDEO = "video"
    AUDIO = "audio"


@dataclass(frozen=True, slots=True)
class Format:
    """One accepted content type. `detected_as` are the names that the sniffer may give to its bytes."""

    content_type: str
    extensions: tuple[str, ...]
    detected_as: frozenset[str]
    type: MediaType
    inline: bool
    max_bytes: int
    multipart_max_bytes: int


def _format(
    content_type: str,
    *extensions: str,
    also: tuple[str, ...] = (),
    inline: bool = False,
    max_bytes: int,
    multipart_max_bytes: int | None = None,
) -> Format:
    return Format(
        content_type=content_type,
        extensions=extensions,
        detected_as=frozenset({content_type, *also}),
        type=MediaType(content_type.partition("/")[0]),
        inline=inline,
        max_bytes=max_bytes,
        multipart_max_bytes=multipart_max_bytes or max_bytes,
    )


FORMATS: dict[str, Format] = {
    accepted.content_type: accepted
    for accepted in (
        _format("image/jpeg", "jpg", "jpeg", inline=True, max_bytes=10 * MIB),
        _format("image/png", "png", also=("image/apng",), inline=True, max_bytes=10 * MIB),
        _format("image/gif", "gif", inline=True, max_bytes=10 * MIB),
        _format("image/webp", "webp", inline=True, max_bytes=10 * MIB),
        _format("image/heic", "heic", also=("image/heif",), max_bytes=10 * MIB),
        _format("image/heif", "heif", also=("image/heic",), max_bytes=10 * MIB),
        _format("image/avif", "avif", inline=True, max_bytes=10 * MIB),
        _format(
            "video/mp4", "mp4", also=("video/x-m4v",), inline=True, max_bytes=100 * MIB, multipart_max_bytes=500 * MIB
        ),
        _format("video/webm", "webm", inline=True, max_bytes=100 * MIB, multipart_max_bytes=500 * MIB),
        _format("video/quicktime", "mov", max_bytes=100 * MIB, multipart_max_bytes=500 * MIB),
        _format("audio/mpeg", "mp3", inline=True, max_bytes=20 * MIB),
        _format("audio/wav", "wav", also=("audio/x-wav",), inline=True, max_bytes=20 * MIB),
        _format("audio/mp4", "m4a", inline=True, max_bytes=20 * MIB),
        _format("audio/ogg", "ogg", "oga", inline=True, max_bytes=20 * MIB),
    )
}
