"""A media row as its owner sees it."""

from datetime import timedelta

from contracts.formats import FORMATS
from contracts.media import DownloadName, DownloadUrl, Media, MediaAnswer, MediaError
from contracts.owners import named
from rpc.context import Context
from sql.rows import MediaRow
from storage.presign import window_start

# Signed at the start of a window, a URL is the same for the whole of it, and good for another one after its end.
DOWNLOAD_WINDOW_SECONDS = 900
DOWNLOAD_TTL_SECONDS = 2 * DOWNLOAD_WINDOW_SECONDS


def answer(ctx: Context, row: MediaRow) -> MediaAnswer:
    """One media, as an answer."""
    return MediaAnswer(media=shown(ctx, row))


def shown(ctx: Context, row: MediaRow) -> Media:
    """A row as its owner sees it. Until renditions exist, `url` is a signed GET of the private original."""
    original = download(ctx, row, inline=True)
    owner_type, owner_id = named(row.owner_id)
    return Media(
        id=row.id,
        owner_type=owner_type,
        owner_id=owner_id,
        user_id=row.user_id,
        type=row.type,
        status=row.state,
        url=original.url if original else None,
        thumbnail_url=None,
        filename=row.filename,
        size=row.size_bytes,
        mime_type=row.mime_type,
        width=row.width,
        height=row.height,
        duration=None,
        renditions=[],
        hls_url=None,
        post_id=row.post_id,
        metadata={},
        error=_error(row),
        created_at=row.created_at,
        updated_at=row.updated_at,
    )


def download(
    ctx: Context, row: MediaRow, *, filename: DownloadName = DownloadName.ORIGINAL, inline: bool = False
) -> DownloadUrl | None:
    """A signed GET of the original, None before there is one; inline only what is safe to show in a page."""
    if row.original_key is None:
        return None
    accepted = FORMATS[row.mime_type]
    signed_at = window_start(ctx.now, DOWNLOAD_WINDOW_SECONDS)
    url = ctx.resources.presigner.get(
        row.original_key,
        filename=row.filename if filename == DownloadName.ORIGINAL else f"{row.id}.{accepted.extensions[0]}",
        content_type=row.mime_type,
        now=signed_at,
        ttl_seconds=DOWNLOAD_TTL_SECONDS,
        inline=inline and accepted.inline,
    )
    return DownloadUrl(url=url, expires_at=signed_at + timedelta(seconds=DOWNLOAD_TTL_SECONDS))


def _error(row: MediaRow) -> MediaError | None:
    if row.error_code is None or row.error_reason is None:
        return None
    return MediaError(code=row.error_code, reason=row.error_reason)
