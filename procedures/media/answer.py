"""A media row as its owner sees it."""

from contracts.media import Media, MediaAnswer, MediaError
from contracts.owners import named
from rpc.context import Context
from sql.rows import MediaRow

DOWNLOAD_TTL_SECONDS = 900


def answer(ctx: Context, row: MediaRow) -> MediaAnswer:
    """One media, as an answer."""
    return MediaAnswer(media=shown(ctx, row))


def shown(ctx: Context, row: MediaRow) -> Media:
    """A row as its owner sees it. Until renditions exist, `url` is a signed GET of the private original."""
    url = None
    if row.original_key is not None:
        url = ctx.resources.presigner.get(
            row.original_key,
            filename=row.filename,
            content_type=row.mime_type,
            now=ctx.now,
            ttl_seconds=DOWNLOAD_TTL_SECONDS,
            inline=True,
        )
    owner_type, owner_id = named(row.owner_id)
    return Media(
        id=row.id,
        owner_type=owner_type,
        owner_id=owner_id,
        user_id=row.user_id,
        type=row.type,
        status=row.state,
        url=url,
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


def _error(row: MediaRow) -> MediaError | None:
    if row.error_code is None or row.error_reason is None:
        return None
    return MediaError(code=row.error_code, reason=row.error_reason)
