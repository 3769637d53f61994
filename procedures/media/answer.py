"""A media row as its owner sees it."""

from collections.abc import Sequence
from datetime import timedelta
from typing import Any

from contracts.formats import FORMATS, MediaType
from contracts.media import DownloadName, DownloadUrl, Media, MediaAnswer, MediaError, MediaState, Rendition
from contracts.owners import named
from contracts.processing import INFECTED
from contracts.renditions import FULL, MASTER, PLAYLIST_TYPE, SHOWN_FIRST
from rpc.context import Context
from sql.rows import FoundRow, MediaRow
from storage.presign import window_start

# Signed at the start of a window, a URL is the same for the whole of it, and good for another one after its end.
DOWNLOAD_WINDOW_SECONDS = 900
DOWNLOAD_TTL_SECONDS = 2 * DOWNLOAD_WINDOW_SECONDS


def answer(ctx: Context, row: MediaRow) -> MediaAnswer:
    """One media, as an answer."""
    return MediaAnswer(media=shown(ctx, row))


def shown(ctx: Context, row: MediaRow) -> Media:
    """A row as its owner sees it. `url` is that of a rendition; of video, of its best MP4."""
    files = (rendition for rendition in row.renditions if rendition["mime_type"] != PLAYLIST_TYPE)
    renditions = [_rendition(ctx, row, file) for file in files]
    urls = {rendition.name: rendition.url for rendition in renditions}
    owner_type, owner_id = named(row.owner_id)
    return Media(
        id=row.id,
        owner_type=owner_type,
        owner_id=owner_id,
        user_id=row.user_id,
        type=row.type,
        purpose=row.purpose,
        status=row.state,
        url=_best(renditions) if row.type == MediaType.VIDEO else urls.get(FULL),
        thumbnail_url=urls.get(SHOWN_FIRST),
        filename=row.filename,
        size=row.size_bytes,
        mime_type=row.content_type,
        width=row.width,
        height=row.height,
        duration=row.duration,
        renditions=renditions,
        hls_url=next((_url(ctx, row, rendition) for rendition in row.renditions if rendition["name"] == MASTER), None),
        post_id=row.post_id,
        metadata=row.metadata,
        error=failure(row),
        created_at=row.created_at,
        updated_at=row.updated_at,
    )


def last_event(page: Sequence[FoundRow]) -> str:
    """Where the owner's log ended when a page was read, which has a row at least."""
    return str(page[0].last_event_id)


def download(
    ctx: Context, row: MediaRow, *, filename: DownloadName = DownloadName.ORIGINAL, inline: bool = False
) -> DownloadUrl | None:
    """A signed GET of the original, None without one that is not withheld; inline only what is safe in a page."""
    if row.original_key is None or is_withheld(ctx, row):
        return None
    accepted = FORMATS[row.content_type]
    signed_at = window_start(ctx.now, DOWNLOAD_WINDOW_SECONDS)
    url = ctx.resources.presigner.get(
        row.original_key,
        filename=row.filename if filename == DownloadName.ORIGINAL else f"{row.id}.{accepted.extensions[0]}",
        content_type=row.content_type,
        now=signed_at,
        ttl_seconds=DOWNLOAD_TTL_SECONDS,
        inline=inline and accepted.inline,
    )
    return DownloadUrl(url=url, expires_at=signed_at + timedelta(seconds=DOWNLOAD_TTL_SECONDS))


def is_withheld(ctx: Context, row: MediaRow) -> bool:
    """Whether nobody gets the original: it holds malware, or has not been found clean where it has to be."""
    return row.error_code == INFECTED or (ctx.resources.scans and row.state != MediaState.READY)


def published(ctx: Context, row: MediaRow, name: str) -> DownloadUrl | None:
    """The URL of a rendition, None when there is none of this name; it outlives what it is said to."""
    url = next((_url(ctx, row, rendition) for rendition in row.renditions if rendition["name"] == name), None)
    end = window_start(ctx.now, DOWNLOAD_WINDOW_SECONDS) + timedelta(seconds=DOWNLOAD_TTL_SECONDS)
    return None if url is None else DownloadUrl(url=url, expires_at=end)


def failure(row: MediaRow) -> MediaError | None:
    """Why a media failed."""
    if row.error_code is None or row.error_reason is None:
        return None
    return MediaError(code=row.error_code, reason=row.error_reason)


def _rendition(ctx: Context, row: MediaRow, rendition: dict[str, Any]) -> Rendition:
    return Rendition(
        name=rendition["name"],
        url=_url(ctx, row, rendition),
        mime_type=rendition["mime_type"],
        size=rendition["size_bytes"],
        width=rendition["width"],
        height=rendition["height"],
        duration=rendition["duration"],
    )


def _url(ctx: Context, row: MediaRow, rendition: dict[str, Any]) -> str:
    addresses = ctx.resources.addresses
    if rendition["mime_type"] == PLAYLIST_TYPE:
        return addresses.of_playlist(row.id, rendition["key"], ctx.now)
    return addresses.of(rendition["key"], ctx.now)


def _best(renditions: list[Rendition]) -> str | None:
    """The MP4 of the highest quality, which comes last."""
    return next((rendition.url for rendition in reversed(renditions) if rendition.mime_type == "video/mp4"), None)
