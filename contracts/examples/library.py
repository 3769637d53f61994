"""What somebody has: seen, attached to a post, shown as a portrait, deleted."""

from contracts.examples.media import (
    ATTACHED_PHOTO,
    CONCERT,
    CONCERT_ID,
    DOWNLOAD_EXPIRES_AT,
    PENDING_VIDEO,
    PHOTO_BYTES,
    PHOTO_CDN,
    PHOTO_ID,
    PHOTO_URL,
    PORTRAIT,
    PORTRAIT_ID,
    POST_ID,
    READY_PHOTO,
    UNKNOWN_ID,
    VIDEO_BYTES,
    Example,
)
from contracts.sizes import MIB

LIBRARY: dict[str, tuple[Example, ...]] = {
    "media.getMedia": (
        Example(
            name="The photo is ready", input={"mediaId": PHOTO_ID}, output={"media": READY_PHOTO, "lastEventId": "45"}
        ),
    ),
    "media.getMany": (
        Example(
            name="What a post of the host application shows, and an id is nobody's",
            input={"mediaIds": [PHOTO_ID, UNKNOWN_ID]},
            output={"items": [READY_PHOTO, None]},
        ),
    ),
    "media.listMedia": (
        Example(
            name="The newest media", input={}, output={"items": [READY_PHOTO], "nextCursor": None, "lastEventId": "45"}
        ),
        Example(
            name="Unfinished uploads",
            input={"status": "pending", "limit": 50},
            output={"items": [PENDING_VIDEO], "nextCursor": None, "lastEventId": "45"},
        ),
        Example(
            name="Media of a post, by a part of their name",
            input={"postId": POST_ID, "search": "HARB"},
            output={"items": [ATTACHED_PHOTO], "nextCursor": None, "lastEventId": "45"},
        ),
    ),
    "media.getDownloadUrl": (
        Example(
            name="The original",
            input={"mediaId": PHOTO_ID},
            output={"url": PHOTO_URL, "expiresAt": DOWNLOAD_EXPIRES_AT},
        ),
        Example(
            name="The original, to show in a page, under a name that tells nothing",
            input={"mediaId": PHOTO_ID, "filename": "neutral", "inline": True},
            output={"url": PHOTO_URL, "expiresAt": DOWNLOAD_EXPIRES_AT},
        ),
        Example(
            name="A thumbnail",
            input={"mediaId": PHOTO_ID, "rendition": "thumb300"},
            output={"url": f"{PHOTO_CDN}/thumb300.webp", "expiresAt": DOWNLOAD_EXPIRES_AT},
        ),
    ),
    "media.getProcessingStatus": (
        Example(
            name="The photo is ready",
            input={"mediaId": PHOTO_ID},
            output={
                "mediaId": PHOTO_ID,
                "status": "ready",
                "stage": None,
                "progress": 100,
                "attempts": 1,
                "error": None,
            },
        ),
    ),
    "media.retryProcessing": (
        Example(name="The video is begun anew", input={"mediaId": CONCERT_ID}, output={"media": CONCERT}),
    ),
    "media.cancelProcessing": (
        Example(name="Nobody needs the video now", input={"mediaId": CONCERT_ID}, output={"success": True}),
    ),
    "media.attachToPost": (
        Example(
            name="A post with one photo",
            input={"postId": POST_ID, "mediaIds": [PHOTO_ID]},
            output={"items": [ATTACHED_PHOTO]},
        ),
    ),
    "media.detachFromPost": (
        Example(
            name="The photo is free for another post",
            input={"postId": POST_ID, "mediaIds": [PHOTO_ID]},
            output={"success": True},
        ),
    ),
    "media.listPostMedia": (
        Example(
            name="What the post shows",
            input={"postId": POST_ID},
            output={"items": [ATTACHED_PHOTO], "lastEventId": "45"},
        ),
    ),
    "media.setProfileImage": (Example(name="A portrait", input={"mediaId": PORTRAIT_ID}, output={"media": PORTRAIT}),),
    "media.getProfileImage": (Example(name="The portrait", input={}, output={"media": PORTRAIT}),),
    "media.getStorageUsage": (
        Example(
            name="A photo is stored, and a video is on its way",
            input={},
            output={
                "used": PHOTO_BYTES,
                "quota": 50 * MIB,
                "limit": 50 * MIB,
                "percentage": 0.5,
                "reserved": VIDEO_BYTES,
                "renditions": 0,
                "breakdown": {"image": PHOTO_BYTES, "video": 0, "audio": 0},
            },
        ),
    ),
    "media.deleteMedia": (Example(name="The photo goes", input={"mediaId": PHOTO_ID}, output={"success": True}),),
    "media.deleteMany": (
        Example(
            name="The photo goes, and an id is nobody's",
            input={"mediaIds": [PHOTO_ID, UNKNOWN_ID]},
            output={
                "results": [
                    {"mediaId": PHOTO_ID, "success": True, "error": None},
                    {"mediaId": UNKNOWN_ID, "success": False, "error": {"code": 1300, "message": "Media not found"}},
                ]
            },
        ),
    ),
    "media.deletePostMedia": (Example(name="The post goes", input={"postId": POST_ID}, output={"deleted": 1}),),
}
