"""The media of a post, and an owner's profile image. Posts are the host application's: here they are ids."""

from contracts.media import Media, MediaIds, PostId
from contracts.owners import NamedOwner
from contracts.wire import LastEventId, Wire


class MediaOfPost(Wire):
    """Input of `media.attachToPost` and `media.detachFromPost`."""

    post_id: PostId
    media_ids: MediaIds


class PostReference(Wire):
    """Input of `media.listPostMedia` and `media.deletePostMedia`."""

    post_id: PostId
    owner: NamedOwner | None = None


class PostMedia(Wire):
    """The media of a post, in their order."""

    items: list[Media]


class FoundPostMedia(PostMedia):
    """The media of a post, in their order, and the last event of their owner that they know of."""

    last_event_id: LastEventId


class DeletedPostMedia(Wire):
    """How many media were deleted by this call; their bytes leave storage in the background."""

    deleted: int


class ProfileImage(Wire):
    """The profile image, null when there is none."""

    media: Media | None
