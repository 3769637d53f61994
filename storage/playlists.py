"""HLS playlists (RFC 8216), as they stand in the bucket of renditions and as they are shown of a private one."""

import re
from collections.abc import Callable, Iterable
from typing import Any

import m3u8

VERSION = "7"  # the first in which every playlist may name the header of fragmented MP4
FILE = re.compile(r"[A-Za-z0-9_][A-Za-z0-9._-]*")
PLAYLIST = re.compile(r"[.][.]/[0-9a-f]{8}/[a-z0-9-]+[.]m3u8")
# All that ours have. Others may name keys, tracks and pages, anywhere.
TAGS = frozenset({
    "#EXTM3U", "#EXT-X-VERSION", "#EXT-X-INDEPENDENT-SEGMENTS", "#EXT-X-STREAM-INF", "#EXT-X-TARGETDURATION",
    "#EXT-X-MEDIA-SEQUENCE", "#EXT-X-PLAYLIST-TYPE", "#EXT-X-MAP", "#EXTINF", "#EXT-X-ENDLIST",
})  # fmt: skip


class PlaylistDamaged(ValueError):
    """A playlist cannot be read, or names something that does not stand beside it."""


def master_playlist(qualities: Iterable[dict[str, Any]]) -> str:
    """The playlist of a film's playlists, lowest first, each by its place beside this one's folder."""
    master = m3u8.M3U8()
    master.version, master.is_independent_segments = VERSION, True
    for made in sorted(qualities, key=lambda made: int(made["variant"]["bandwidth"])):
        attempt, _, name = made["key"].rpartition("/")
        stream = {"resolution": f"{made['width']}x{made['height']}", **made["variant"]}
        uri = f"../{attempt.rpartition('/')[2]}/{name}"
        master.add_playlist(m3u8.Playlist(uri, stream_info=stream, media=m3u8.MediaList(), base_uri=""))
    return str(master.dumps())


def signed(text: str, sign: Callable[[str], str]) -> str:
    """A playlist whose segments are named by their signed URLs; its references to other playlists stay."""
    playlist = _read(text)
    if any(not PLAYLIST.fullmatch(quality.uri or "") for quality in playlist.playlists):
        raise PlaylistDamaged
    headers = {id(segment.init_section): segment.init_section for segment in playlist.segments if segment.init_section}
    for part in (*playlist.segments, *headers.values()):
        if part.uri is None or not FILE.fullmatch(part.uri):
            raise PlaylistDamaged(part.uri)
        part.uri = sign(part.uri)
    return str(playlist.dumps())


def _read(text: str) -> m3u8.M3U8:
    lines = (line.strip() for line in text.splitlines())
    if any(line.partition(":")[0] not in TAGS for line in lines if line.startswith("#")):
        raise PlaylistDamaged
    try:
        return m3u8.loads(text)
    except Exception as error:
        raise PlaylistDamaged from error  # the library raises whatever a line makes it stumble over
