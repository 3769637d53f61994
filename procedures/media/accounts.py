"""What the host application does to an owner as a whole: `media.setPlan` and `media.purgeUser`."""

from contracts.accounts import Purged, PurgeUser, SetPlan
from contracts.errors import ServiceOnly
from contracts.media import StorageUsage
from media.deletion import purge_user as purge
from procedures.media.usage import shown
from rpc.context import Context
from rpc.procedure import mutation
from sql.rows import UsageRow


@mutation("media.setPlan", raises=(ServiceOnly,))
async def set_plan(ctx: Context, params: SetPlan) -> StorageUsage:
    """Give a user, or another owner, the quota of a plan, and answer what is used of it. For the scope `service` alone.

    Less than is used takes nothing away: nothing more comes in until there is room. A token that names a plan itself
    goes on deciding for its own user, at the next initiate. Raises ServiceOnly.
    """
    ctx.require_service()
    async with ctx.db.transaction() as tx:
        usage = await tx.one(
            UsageRow, "set_quota", owner_id=params.owner_meant.key, quota_bytes=ctx.resources.plans.of(params.plan)
        )
    assert usage
    return shown(ctx, usage)


@mutation("media.purgeUser", raises=(ServiceOnly,))
async def purge_user(ctx: Context, params: PurgeUser) -> Purged:
    """Delete everything of a user: media, uploads on their way, the profile image, the plan. For `service` alone.

    Answers how many media this call deleted; what it did not get to, the next one does. Raises ServiceOnly.
    """
    ctx.require_service()
    return Purged(deleted=await purge(ctx.db, params.user_id, ctx.now))
