"""What a caller may upload, and how much is left."""

from contracts.errors import ForeignOwner
from contracts.formats import FORMATS, MediaType
from contracts.media import MAX_FILENAME_CHARACTERS, OfOwner, StorageUsage, SupportedFormat, SupportedFormats
from contracts.renditions import NAMES
from contracts.wire import NoInput
from rpc.context import Context
from rpc.procedure import query
from sql.rows import UsageRow

# Looked up once: an enum takes 0.4 us to find a member of its own.
IMAGE, VIDEO, AUDIO = MediaType.IMAGE, MediaType.VIDEO, MediaType.AUDIO


@query("media.getSupportedFormats", public=True)
async def get_supported_formats(ctx: Context, _params: NoInput) -> SupportedFormats:
    """Say which content types and sizes `media.initiateUpload` accepts."""
    ceilings = ctx.resources.ceilings
    formats = [
        SupportedFormat(
            content_type=accepted.content_type,
            aliases=list(accepted.aliases),
            type=accepted.type,
            extensions=list(accepted.extensions),
            max_size=ceilings.of_put(accepted),
            max_multipart_size=ceilings.of_multipart(accepted),
        )
        for accepted in FORMATS.values()
    ]
    return SupportedFormats(formats=formats, renditions=list(NAMES), max_filename_characters=MAX_FILENAME_CHARACTERS)


@query("media.getStorageUsage", raises=(ForeignOwner,))
async def get_storage_usage(ctx: Context, params: OfOwner) -> StorageUsage:
    """Answer what an owner uses of the quota, in bytes. Raises ForeignOwner."""
    owner = ctx.owner(params.owner)
    return shown(ctx, await read_usage(ctx, owner))


async def read_usage(ctx: Context, owner: str) -> UsageRow:
    """What an owner uses, under the caller's plan."""
    return await ctx.db.shared(
        UsageRow,
        "read_usage",
        owner_id=owner,
        quota_bytes=ctx.quota_of(owner),
        free_quota_bytes=ctx.resources.plans.free,
    )


def held_bytes(ctx: Context, usage: UsageRow) -> int:
    """What weighs on the quota, but for what is reserved."""
    return usage.used_bytes + (usage.rendition_bytes if ctx.resources.renditions_count else 0)


def shown(ctx: Context, usage: UsageRow) -> StorageUsage:
    """A usage as its owner sees it."""
    return StorageUsage(
        used=usage.used_bytes,
        quota=usage.quota_bytes,
        limit=usage.quota_bytes,
        percentage=round(held_bytes(ctx, usage) / usage.quota_bytes * 100, 2),
        reserved=usage.reserved_bytes,
        renditions=usage.rendition_bytes,
        breakdown={IMAGE: usage.image_bytes, VIDEO: usage.video_bytes, AUDIO: usage.audio_bytes},
    )
