"""When how much comes back of the bytes that deleted uploads still hold."""

from dataclasses import replace
from typing import TypeVar

from contracts.errors import RpcError, StorageLimitExceeded
from contracts.wire import iso_milliseconds
from rpc.context import Context
from sql.rows import ReleaseRow

Refusal = TypeVar("Refusal", bound=RpcError)


async def with_releases(ctx: Context, owner: str, refusal: Refusal) -> Refusal:
    """A refusal, which tells when how much comes back if it is for want of room."""
    if not isinstance(refusal, StorageLimitExceeded):
        return refusal
    rows = await ctx.db.many(ReleaseRow, "read_releases", owner_id=owner, now=ctx.now)
    return replace(refusal, releases=[{"at": iso_milliseconds(row.at), "bytes": row.bytes} for row in rows])
