"""Who changed what, for the host application: `media.listAudit`."""

from contracts.audit import AuditPage, AuditRecord, ListAudit
from contracts.errors import ServiceOnly
from contracts.owners import Owner, named
from rpc.context import Context
from rpc.procedure import query
from sql.rows import AuditRow


@query("media.listAudit", raises=(ServiceOnly,))
async def list_audit(ctx: Context, params: ListAudit) -> AuditPage:
    """Answer a page of the audit, newest first: of all, of an owner, of a media. For the scope `service` alone.

    Raises ServiceOnly.
    """
    ctx.require_service()
    rows = await _page(ctx, params)
    page = rows[: params.limit]
    more = len(rows) > params.limit
    return AuditPage(items=[_shown(row) for row in page], next_cursor=str(page[-1].id) if more else None)


async def _page(ctx: Context, params: ListAudit) -> list[AuditRow]:
    """The records of a page, and one more when there is one."""
    owner_id = params.owner.key if params.owner else None
    page = {"before": params.cursor and int(params.cursor), "limit": params.limit + 1}
    if params.media_id is not None:
        return await ctx.db.many(AuditRow, "list_audit_of_media", media_id=params.media_id, owner_id=owner_id, **page)
    if owner_id is not None:
        return await ctx.db.many(AuditRow, "list_audit_of_owner", owner_id=owner_id, **page)
    return await ctx.db.many(AuditRow, "list_audit", **page)


def _shown(row: AuditRow) -> AuditRecord:
    kind, name = named(row.owner_id)
    return AuditRecord(
        id=str(row.id),
        at=row.at,
        user_id=row.user_id,
        procedure=row.procedure,
        request_id=row.request_id,
        owner=Owner(type=kind, id=name),
        media_id=row.media_id,
        input=row.input,
    )
