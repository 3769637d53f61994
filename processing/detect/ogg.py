"""Ogg: its streams each begin with a page that names the codec, before anything else of any of them."""

from processing.detect.reading import Reader

SOUNDS = (b"\1vorbis", b"OpusHead", b"\x7fFLAC")
VIDEOS = (b"\x80theora", b"BBCD\0", b"OVP80", b"\1video")
BEGINS = 2
FIXED_BYTES = 27  # of a page's header; the last tells how many sizes follow
MAX_HEADER_BYTES = FIXED_BYTES + 255
MAX_STREAMS = 32


def in_pages(size: int) -> Reader[str | None]:
    """Sound in Ogg, when a stream of it is sound and none is a video."""
    start, streams = 0, list[bytes]()
    while start < size and len(streams) < MAX_STREAMS:
        page = yield start, MAX_HEADER_BYTES
        if not page.startswith(b"OggS\0") or len(page) <= FIXED_BYTES or not page[5] & BEGINS:
            break
        sizes = page[FIXED_BYTES : FIXED_BYTES + page[FIXED_BYTES - 1]]
        start += FIXED_BYTES + len(sizes)
        streams.append((yield start, 8))
        start += sum(sizes)
    is_sound = any(stream.startswith(SOUNDS) for stream in streams)
    return "audio/ogg" if is_sound and not any(stream.startswith(VIDEOS) for stream in streams) else None
