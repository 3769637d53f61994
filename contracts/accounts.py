"""What the host application does to an owner as a whole: `media.setPlan` and `media.purgeUser`."""

from contracts.owners import Owner, OwnerId
from contracts.plans import Plan
from contracts.wire import Wire


class SetPlan(Wire):
    """Input of `media.setPlan`: for a user, or for another owner."""

    user_id: OwnerId | None = None
    owner: Owner | None = None
    plan: Plan


class PurgeUser(Wire):
    """Input of `media.purgeUser`."""

    user_id: OwnerId


class Purged(Wire):
    """How many media were deleted by this call; their bytes leave storage in the background."""

    deleted: int
