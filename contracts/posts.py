"""The media of a post, and an owner's profile image. Posts are the host application's: here they are ids."""

from typing import Annotated

from pydantic import AfterValidator, Field, StrictStr
from pydantic_core import PydanticCustomError

from contracts.media import Media, MediaId
from contracts.owners import Owner
from contracts.wire import Wire

MAX_IDS = 100


def _post_id(value: str) -> str:
    if not value.isprintable():
        raise PydanticCustomError("post_id", "postId must be printable")
    return value


PostId = Annotated[StrictStr, Field(min_length=1, max_length=64), AfterValidator(_post_id)]
MediaIds = Annotated[list[MediaId], Field(min_length=1, max_length=MAX_IDS)]


class MediaOfPost(Wire):
    """Input of `media.attachToPost` and `media.detachFromPost`."""

    post_id: PostId
    media_ids: MediaIds


class PostReference(Wire):
    """Input of `media.listPostMedia` and `media.deletePostMedia`."""

    post_id: PostId
    owner: Owner | None = None


class PostMedia(Wire):
    """The media of a post, in their order."""

    items: list[Media]


class GetProfileImage(Wire):
    """Input of `media.getProfileImage`."""

    owner: Owner | None = None


class ProfileImage(Wire):
    """The profile image, null when there is none."""

    media: Media | None
