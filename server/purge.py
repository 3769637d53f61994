"""`mediarpc purge-user`: what `media.purgeUser` does, without a server or a token."""

from datetime import UTC, datetime

from contracts.accounts import PurgeUser
from contracts.owners import USER, Owner
from media.deletion import purge_user
from rpc.dispatch import new_request_id, recorded
from server.settings import Settings
from sql.database import Database
from sql.pool import create_pool

OPERATOR = ""  # nobody's user id


async def purge_as_operator(settings: Settings, user_id: str) -> int:
    """Delete everything of a user; how many media. The audit has it without a user who asked for it."""
    assert settings.database_url
    now = datetime.now(UTC)
    async with create_pool(settings.database_url, size=1) as pool:
        db = Database(pool).for_call(OPERATOR, charge=None, record=_record(user_id, now))
        return await purge_user(db, user_id, now)


def _record(user_id: str, now: datetime) -> dict[str, object]:
    owner = Owner(type=USER, id=user_id)
    return {
        "now": now,
        "user_id": OPERATOR,
        "user_key": owner.key,
        "procedure": "mediarpc purge-user",
        "once": False,
        "request_id": new_request_id(),
        "owner_id": owner.key,
        "input": recorded(PurgeUser(user_id=user_id)),
    }
