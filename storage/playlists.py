"""HLS playlists (RFC 8216), as they stand in the bucket of renditions."""

from collections.abc import Iterable
from typing import Any

import m3u8

VERSION = "7"  # the first that has fragmented MP4 with EXT-X-MAP in playlists of all kinds


def master_playlist(qualities: Iterable[dict[str, Any]]) -> str:
    """The playlist of a film's playlists, lowest first, each by its place beside this one's folder."""
    master = m3u8.M3U8()
    master.version, master.is_independent_segments = VERSION, True
    for made in sorted(qualities, key=lambda made: made["variant"]["bandwidth"]):
        attempt, _, name = made["key"].rpartition("/")
        stream = {"resolution": f"{made['width']}x{made['height']}", **made["variant"]}
        uri = f"../{attempt.rpartition('/')[2]}/{name}"
        master.add_playlist(m3u8.Playlist(uri, stream_info=stream, media=m3u8.MediaList(), base_uri=""))
    return str(master.dumps())
