"""What the host application does to an owner as a whole: `media.setPlan` and `media.purgeUser`."""

from typing import Self

from pydantic import model_validator
from pydantic_core import PydanticCustomError

from contracts.owners import USER, NamedOwner, Owner, OwnerId
from contracts.plans import Plan
from contracts.wire import Wire


class SetPlan(Wire):
    """Input of `media.setPlan`: for a user, by `userId`, or for another owner; exactly one of them is named."""

    user_id: OwnerId | None = None
    owner: NamedOwner | None = None
    plan: Plan

    @model_validator(mode="after")
    def _names_one(self) -> Self:
        if (self.user_id is None) == (self.owner is None):
            raise PydanticCustomError("owner", "Name either userId or owner")
        return self

    @property
    def owner_meant(self) -> Owner:
        """The owner whose plan it is."""
        return self.owner or Owner(type=USER, id=self.user_id or "")


class PurgeUser(Wire):
    """Input of `media.purgeUser`."""

    user_id: OwnerId

    @property
    def owner_meant(self) -> Owner:
        """The user as an owner."""
        return Owner(type=USER, id=self.user_id)


class Purged(Wire):
    """How many media were deleted by this call; their bytes leave storage in the background."""

    deleted: int
