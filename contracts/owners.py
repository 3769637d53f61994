"""Whom media belong to: users, and whatever else of the host application has media of its own."""

from typing import Annotated, Any, Self

from pydantic import AfterValidator, BeforeValidator, Field, StrictStr
from pydantic_core import PydanticCustomError

from contracts.wire import Wire

USER = "user"
MAX_ID_CHARACTERS = 64


def _printable(value: str) -> str:
    if not value.isprintable():
        raise PydanticCustomError("owner", "The owner's id must be printable")
    return value


OwnerType = Annotated[StrictStr, Field(pattern=r"^[a-z][a-z0-9_-]{0,31}$")]
OwnerId = Annotated[StrictStr, Field(min_length=1, max_length=MAX_ID_CHARACTERS), AfterValidator(_printable)]


class Owner(Wire):
    """A user, or something else that has media: an event, a team, named as the host application names it."""

    type: OwnerType
    id: OwnerId

    @property
    def key(self) -> str:
        """The owner as the database knows it: a user's id as it is, `type:id` for others.

        A user's id that holds a colon stands as `user:id`, so that no user is taken for another owner.
        """
        return self.id if self.type == USER and ":" not in self.id else f"{self.type}:{self.id}"

    @classmethod
    def of(cls, key: str) -> Self:
        """The owner that a key stands for; pydantic's ValidationError when it stands for none."""
        kind, colon, name = key.partition(":")
        return cls(type=kind, id=name) if colon else cls(type=USER, id=key)


def _members(value: Any) -> Any:
    """The members of an owner that an input names, as an object or as `type:id`."""
    if isinstance(value, str) and ":" in value:
        kind, _, name = value.partition(":")
        return {"type": kind, "id": name}
    if not isinstance(value, dict | Owner):
        raise PydanticCustomError("owner", 'owner must be like {"type": "event", "id": "42"} or like "event:42"')
    return value


# What an input takes for an owner; an answer has the object.
NamedOwner = Annotated[Owner, BeforeValidator(_members, json_schema_input_type=Owner | str)]


def key_of_user(user_id: str) -> str:
    """The key of a user's own media."""
    return user_id if ":" not in user_id else f"{USER}:{user_id}"


def named(key: str) -> tuple[str, str]:
    """The type and the id that a key of the database stands for."""
    kind, colon, name = key.partition(":")
    return (kind, name) if colon else (USER, key)
