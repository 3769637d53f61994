"""What a caller has: `media.getMedia`, `media.getMany`, `media.listMedia`, `media.getDownloadUrl`."""

from uuid import UUID

from contracts.errors import (
    ForeignOwner,
    MediaInfected,
    MediaNotFound,
    MediaUnscanned,
    RenditionNotFound,
    ServiceOnly,
    UploadPending,
)
from contracts.media import (
    DownloadUrl,
    FoundMedia,
    GetDownloadUrl,
    ListMedia,
    ManyMedia,
    MediaPage,
    MediaReference,
    MediaReferences,
)
from contracts.processing import INFECTED
from procedures.media.answer import download, last_event, published, shown
from procedures.media.search import in_any_case
from rpc.context import Context
from rpc.procedure import query
from sql.database import Statements
from sql.rows import FoundRow, ListedRow, MediaRow

# What one search may cost: some 100,000 names of the usual length, or a fifth of a second of the database's for any.
SEARCH_BUDGET = 100_000_000
ANY = "any"


@query("media.getMedia", raises=(MediaNotFound,))
async def get_media(ctx: Context, params: MediaReference) -> FoundMedia:
    """Answer one media of the caller; MediaNotFound for unknown, deleted and other people's ids alike."""
    found = await ctx.db.one(FoundRow, "find_media_and_log", id=params.media_id, owners=ctx.owners)
    if found is None:
        raise MediaNotFound
    return FoundMedia(media=shown(ctx, found), last_event_id=last_event([found]))


@query("media.getMany", raises=(ServiceOnly,))
async def get_many(ctx: Context, params: MediaReferences) -> ManyMedia:
    """Answer up to 100 media by their ids, whoever owns them, in this order; null for what is unknown or deleted.

    For the scope `service` alone: it says for others what they may see. Raises ServiceOnly.
    """
    ctx.require_service()
    rows = await ctx.db.many(MediaRow, "find_many", ids=params.media_ids)
    found = {row.id: shown(ctx, row) for row in rows}
    return ManyMedia(items=[found.get(media_id) for media_id in params.media_ids])


@query("media.listMedia", raises=(ForeignOwner,))
async def list_media(ctx: Context, params: ListMedia) -> MediaPage:
    """Answer a page of an owner's media, newest first; unfinished uploads only with `status: "pending"`.

    Profile images only with `purpose: "profile"` or `"any"`.

    A page of a search goes on where names are left that it has not looked at, full or not. Raises ForeignOwner.
    """
    rows = await _rows(ctx, params)
    page = rows[: params.limit]
    goes_on = len(rows) > params.limit or any(row.is_last for row in page)
    return MediaPage(
        items=[shown(ctx, row) for row in page if row.is_found],
        next_cursor=page[-1].id if goes_on else None,
        last_event_id=last_event(rows),
    )


async def _rows(ctx: Context, params: ListMedia) -> list[ListedRow]:
    """One more than the page has room for."""
    asked = {
        "owner_id": ctx.owner(params.owner),
        "before": params.cursor,
        "type": params.type,
        "purpose": None if params.purpose == ANY else params.purpose,
        "state": params.status,
        "limit": params.limit + 1,
    }
    if params.post_id is not None:
        part = in_any_case(params.search)
        return await ctx.db.many(ListedRow, "list_media_of_post", post_id=params.post_id, **part, **asked)
    if params.search is not None:
        part = in_any_case(params.search)
        return await ctx.db.many(ListedRow, "search_media", **part, **asked, budget=SEARCH_BUDGET)
    return await ctx.db.many(ListedRow, "list_media", **asked)


@query("media.getDownloadUrl", raises=(MediaNotFound, UploadPending, MediaInfected, MediaUnscanned, RenditionNotFound))
async def get_download_url(ctx: Context, params: GetDownloadUrl) -> DownloadUrl:
    """Sign a GET of the original, under its own name or one that tells nothing, as a download or to show in a page.

    The URL stays the same for a while, so that it can be cached, and is good for at least 15 minutes.

    A rendition's is public, and good for as long as the media is there.

    Raises MediaNotFound, UploadPending before completion, MediaInfected, MediaUnscanned, and RenditionNotFound.
    """
    media = await find_media(ctx, params.media_id)
    if media.error_code == INFECTED:
        raise MediaInfected
    if media.original_key is None:
        raise UploadPending(media_id=str(media.id))
    original = download(ctx, media, filename=params.filename, inline=params.inline)
    if original is None:
        raise MediaUnscanned
    if params.rendition is None:
        return original
    found = published(ctx, media, params.rendition)
    if found is None:
        raise RenditionNotFound(rendition=params.rendition)
    return found


async def find_media(ctx: Context, media_id: UUID, *, within: Statements | None = None) -> MediaRow:
    """A media that the caller may touch, as a transaction sees it where one is named; MediaNotFound."""
    media = await (within or ctx.db).one(MediaRow, "find_media", id=media_id, owners=ctx.owners)
    if media is None:
        raise MediaNotFound
    return media
