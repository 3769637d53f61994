"""HLS playlists (RFC 8216), as they stand in the bucket of renditions and as they are shown of a private one."""

import re
from collections.abc import Callable, Iterable
from typing import Any

import m3u8

VERSION = "7"  # the first in which every playlist may name the header of fragmented MP4
MAX_BYTES = 1024 * 1024  # of a playlist: a day of segments
FILE = re.compile(r"[A-Za-z0-9_][A-Za-z0-9._-]*")
# The folder of an attempt has 24 digits, and had eight.
PLAYLIST = re.compile(r"[.][.]/[0-9a-f]{8}(?:[0-9a-f]{16})?/[a-z0-9-]+[.]m3u8")
# All that ours have. Others may name keys, tracks and pages, anywhere.
TAGS = frozenset({
    "#EXTM3U", "#EXT-X-VERSION", "#EXT-X-INDEPENDENT-SEGMENTS", "#EXT-X-STREAM-INF", "#EXT-X-TARGETDURATION",
    "#EXT-X-MEDIA-SEQUENCE", "#EXT-X-PLAYLIST-TYPE", "#EXT-X-MAP", "#EXTINF", "#EXT-X-ENDLIST",
})  # fmt: skip


class PlaylistDamaged(ValueError):
    """A playlist cannot be read, or names something that does not stand beside it."""


def master_playlist(qualities: Iterable[dict[str, Any]]) -> str:
    """The playlist of a video's playlists, lowest first, each by its place beside this one's folder."""
    master = m3u8.M3U8()
    master.version, master.is_independent_segments = VERSION, True
    for quality in sorted(qualities, key=lambda quality: int(quality["variant"]["bandwidth"])):
        attempt, _, name = quality["key"].rpartition("/")
        stream = {"resolution": f"{quality['width']}x{quality['height']}", **quality["variant"]}
        uri = f"../{attempt.rpartition('/')[2]}/{name}"
        master.add_playlist(m3u8.Playlist(uri, stream_info=stream, media=m3u8.MediaList(), base_uri=""))
    return str(master.dumps())


def signed(text: str, sign: Callable[[str], str]) -> str:
    """A playlist whose segments are named by their signed URLs; its references to other playlists stay."""
    playlist = read_own(text)
    for part in _parts(playlist):
        part.uri = sign(str(part.uri))
    return str(playlist.dumps())


def read_own(text: str) -> m3u8.M3U8:
    """A playlist that names what stands beside it and other playlists of ours; PlaylistDamaged for another."""
    lines = [line.strip() for line in text.splitlines()]
    if len(text) > MAX_BYTES or not all(_is_known(line) for line in lines if line):
        raise PlaylistDamaged
    try:
        playlist = m3u8.loads(text)
        playlist.dumps()
    except Exception as error:
        raise PlaylistDamaged from error  # the library raises whatever a line makes it stumble over
    if not all(FILE.fullmatch(part.uri or "") for part in _parts(playlist)):
        raise PlaylistDamaged
    return playlist


def _is_known(line: str) -> bool:
    """A tag, or what a player fetches."""
    if line.startswith("#"):
        return line.partition(":")[0] in TAGS
    return bool(FILE.fullmatch(line) or PLAYLIST.fullmatch(line))


def _parts(playlist: m3u8.M3U8) -> list[Any]:
    """What a player fetches of a playlist: segments, and their headers."""
    headers = {id(segment.init_section): segment.init_section for segment in playlist.segments if segment.init_section}
    return [*playlist.segments, *headers.values()]
