"""What happened, and what the host application does to an owner as a whole."""

from typing import Any

from contracts.examples.media import INITIATED_AT, PHOTO_BYTES, PHOTO_ID, READY_AT, VIDEO_BYTES, VIDEO_ID, Example
from contracts.sizes import MIB


def _told(number: int, kind: str, status: str, *, stage: str | None = None, progress: int | None = None) -> Any:
    """An event of the photo."""
    return {
        "id": str(number),
        "type": kind,
        "mediaId": PHOTO_ID,
        "ownerType": "user",
        "ownerId": "ada",
        "at": READY_AT,
        "data": {
            "status": status,
            "type": "image",
            "size": PHOTO_BYTES,
            "uploadedBytes": None,
            "stage": stage,
            "progress": progress,
            "error": None,
        },
    }


OWNERS: dict[str, tuple[Example, ...]] = {
    "media.pollEvents": (
        Example(
            name="What happened since",
            input={"since": "41", "waitSeconds": 25},
            output={
                "events": [
                    _told(42, "media.progress", "processing", stage="downloading", progress=0),
                    _told(43, "media.progress", "processing", stage="rendering", progress=20),
                    _told(44, "media.progress", "processing", stage="publishing", progress=80),
                    _told(45, "media.ready", "ready"),
                ],
                "lastEventId": "45",
            },
        ),
    ),
    "media.setPlan": (
        Example(
            name="An event gets room for its guests' videos",
            input={"owner": {"type": "event", "id": "42"}, "plan": "pro"},
            output={
                "used": 0,
                "quota": 5 * 1024 * MIB,
                "limit": 5 * 1024 * MIB,
                "percentage": 0.0,
                "reserved": 0,
                "renditions": 0,
                "breakdown": {"image": 0, "video": 0, "audio": 0},
            },
        ),
    ),
    "media.purgeUser": (Example(name="A user leaves", input={"userId": "ada"}, output={"deleted": 3}),),
    "media.listAudit": (
        Example(
            name="What was done to the video",
            input={"mediaId": VIDEO_ID},
            output={
                "items": [
                    {
                        "id": "17",
                        "at": READY_AT,
                        "userId": "ada",
                        "procedure": "media.cancelUpload",
                        "requestId": "req_1767323050345_0c1d2e3f4",
                        "owner": {"type": "user", "id": "ada"},
                        "mediaId": VIDEO_ID,
                        "input": {},
                    },
                    {
                        "id": "16",
                        "at": INITIATED_AT,
                        "userId": "ada",
                        "procedure": "media.initiateUpload",
                        "requestId": "req_1767323045678_9a8b7c6d5",
                        "owner": {"type": "user", "id": "ada"},
                        "mediaId": VIDEO_ID,
                        "input": {"filename": "walk.mp4", "contentType": "video/mp4", "size": VIDEO_BYTES},
                    },
                ],
                "nextCursor": None,
            },
        ),
    ),
}
