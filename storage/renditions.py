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
class RenditionKind:
    """The headers that an object is served with."""

    content_type: str
    cache_control: str


KINDS: dict[str, RenditionKind] = {
    "webp": RenditionKind("image/webp", IMAGE_CACHING),
    "avif": RenditionKind("image/avif", IMAGE_CACHING),
    "jpg": RenditionKind("image/jpeg", IMAGE_CACHING),
    "jpeg": RenditionKind("image/jpeg", IMAGE_CACHING),
    "png": RenditionKind("image/png", IMAGE_CACHING),
    "gif": RenditionKind("image/gif", IMAGE_CACHING),
    "mp4": RenditionKind("video/mp4", STREAM_CACHING),
    "m4s": RenditionKind("video/iso.segment", STREAM_CACHING),
    "ts": RenditionKind("video/mp2t", STREAM_CACHING),
    "webm": RenditionKind("video/webm", STREAM_CACHING),
    "m4a": RenditionKind("audio/mp4", STREAM_CACHING),
    "aac": RenditionKind("audio/aac", STREAM_CACHING),
    "mp3": RenditionKind("audio/mpeg", STREAM_CACHING),
    "ogg": RenditionKind("audio/ogg", STREAM_CACHING),
    "wav": RenditionKind("audio/wav", STREAM_CACHING),
    "json": RenditionKind("application/json", IMAGE_CACHING),
    "m3u8": RenditionKind("application/vnd.apple.mpegurl", MANIFEST_CACHING),
}
UNKNOWN = RenditionKind("application/octet-stream", "no-cache")


def kind_of(key: str) -> RenditionKind:
    """What an object is by the end of its key; any other one is plain bytes, which a cache asks about each time."""
    return KINDS.get(key.rpartition(".")[2].lower(), UNKNOWN)
