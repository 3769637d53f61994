"""What the public bucket holds, told by the end of a key: its type, and how long everybody may keep a copy.

Whoever writes a rendition stores both with it, for the CDN to pass on. A key is never written twice, so what an image's
URL shows is there for good; a manifest may name more renditions tomorrow.
"""

from dataclasses import dataclass

DAY_SECONDS = 24 * 3600

IMAGE_CACHING = f"public, max-age={365 * DAY_SECONDS}, immutable"
STREAM_CACHING = f"public, max-age={30 * DAY_SECONDS}"
MANIFEST_CACHING = "public, max-age=3600"


@dataclass(frozen=True, slots=True)
class Kind:
    """The headers that an object is served with."""

    content_type: str
    cache_control: str


KINDS: dict[str, Kind] = {
    "webp": Kind("image/webp", IMAGE_CACHING),
    "avif": Kind("image/avif", IMAGE_CACHING),
    "jpg": Kind("image/jpeg", IMAGE_CACHING),
    "jpeg": Kind("image/jpeg", IMAGE_CACHING),
    "png": Kind("image/png", IMAGE_CACHING),
    "gif": Kind("image/gif", IMAGE_CACHING),
    "mp4": Kind("video/mp4", STREAM_CACHING),
    "m4s": Kind("video/iso.segment", STREAM_CACHING),
    "ts": Kind("video/mp2t", STREAM_CACHING),
    "webm": Kind("video/webm", STREAM_CACHING),
    "m4a": Kind("audio/mp4", STREAM_CACHING),
    "aac": Kind("audio/aac", STREAM_CACHING),
    "mp3": Kind("audio/mpeg", STREAM_CACHING),
    "ogg": Kind("audio/ogg", STREAM_CACHING),
    "wav": Kind("audio/wav", STREAM_CACHING),
    "json": Kind("application/json", IMAGE_CACHING),
    "m3u8": Kind("application/vnd.apple.mpegurl", MANIFEST_CACHING),
}
UNKNOWN = Kind("application/octet-stream", "no-cache")


def kind_of(key: str) -> Kind:
    """What an object is by the end of its key; any other one is plain bytes, which a cache asks about each time."""
    return KINDS.get(key.rpartition(".")[2].lower(), UNKNOWN)
