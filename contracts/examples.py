"""Calls and their answers as they look on the wire: uploads from their first call to their last, and one given up."""

from dataclasses import dataclass
from typing import Any

from contracts.formats import FORMATS, MIB
from contracts.media import MAX_FILENAME_CHARACTERS


@dataclass(frozen=True, slots=True, kw_only=True)
class Example:
    """One call of a procedure, and what it is answered."""

    name: str
    input: dict[str, Any]
    output: dict[str, Any]


PHOTO_ID = "019a2b6e-1f00-7c3a-9d41-5b8e7f60c2a1"
VIDEO_ID = "019a2b6e-4a10-7e55-8c02-91d3a4b7e6f0"
UNKNOWN_ID = "019a2b6e-9999-7000-8000-000000000000"
PORTRAIT_ID = "019a2b6e-7c20-7b1f-a3d8-0e6f4c9b2d57"
POST_ID = "harbour-walk"
PHOTO_BYTES = 262_144
VIDEO_BYTES = 8 * MIB
FILM_ID = "019a2b6e-7b20-7d11-a5f3-0c4d92e1b8a7"
FILM_BYTES = 20 * MIB

_STORAGE = "https://storage.example/media"
_STAGING = f"{_STORAGE}/staging/users/ada/posts"
_PHOTO_URL = f"{_STORAGE}/users/ada/posts/{PHOTO_ID}_1f0c7a3e_harbour.jpg?X-Amz-Expires=1800&X-Amz-Signature=5d0e"
_INITIATED_AT = "2026-01-02T03:04:05.678Z"
_COMPLETED_AT = "2026-01-02T03:04:09.012Z"
_READY_AT = "2026-01-02T03:04:10.345Z"
_EXPIRES_AT = "2026-01-02T03:19:05.678Z"
_TOMORROW = "2026-01-03T03:04:05.678Z"
_FILM_URL = f"{_STORAGE}/users/ada/posts/{FILM_ID}_8d21f0b4_concert.mp4"
_DOWNLOAD_EXPIRES_AT = "2026-01-02T03:30:00.000Z"

_PHOTO: dict[str, Any] = {
    "id": PHOTO_ID,
    "ownerType": "user",
    "ownerId": "ada",
    "userId": "ada",
    "type": "image",
    "status": "processing",
    "url": _PHOTO_URL,
    "thumbnailUrl": None,
    "filename": "harbour.jpg",
    "size": PHOTO_BYTES,
    "mimeType": "image/jpeg",
    "width": 640,
    "height": 480,
    "duration": None,
    "renditions": [],
    "hlsUrl": None,
    "postId": None,
    "metadata": {},
    "error": None,
    "createdAt": _INITIATED_AT,
    "updatedAt": _COMPLETED_AT,
}
_READY_PHOTO: dict[str, Any] = {**_PHOTO, "status": "ready", "updatedAt": _READY_AT}
_PENDING_VIDEO = {
    **_PHOTO,
    "id": VIDEO_ID,
    "type": "video",
    "status": "pending",
    "url": None,
    "filename": "walk.mp4",
    "size": VIDEO_BYTES,
    "mimeType": "video/mp4",
    "width": None,
    "height": None,
    "updatedAt": _INITIATED_AT,
}
_FILM = {
    **_PENDING_VIDEO,
    "id": FILM_ID,
    "status": "processing",
    "url": f"{_FILM_URL}?X-Amz-Expires=900&X-Amz-Signature=41bc",
    "filename": "concert.mp4",
    "size": FILM_BYTES,
    "updatedAt": _COMPLETED_AT,
}

_ATTACHED_PHOTO = {**_READY_PHOTO, "postId": POST_ID}
_PORTRAIT: dict[str, Any] = {
    **_READY_PHOTO,
    "id": PORTRAIT_ID,
    "url": f"{_STORAGE}/users/ada/profile/{PORTRAIT_ID}_7be21c04_ada.jpg?X-Amz-Expires=900&X-Amz-Signature=88a1",
    "filename": "ada.jpg",
}

EXAMPLES: dict[str, tuple[Example, ...]] = {
    "media.getSupportedFormats": (
        Example(
            name="What may be uploaded",
            input={},
            output={
                "formats": [
                    {
                        "contentType": accepted.content_type,
                        "type": accepted.type.value,
                        "extensions": list(accepted.extensions),
                        "maxSize": accepted.max_bytes,
                        "maxMultipartSize": accepted.multipart_max_bytes,
                    }
                    for accepted in FORMATS.values()
                ],
                "renditions": [],
                "maxFilenameCharacters": MAX_FILENAME_CHARACTERS,
            },
        ),
    ),
    "media.initiateUpload": (
        Example(
            name="A photo",
            input={"filename": "harbour.jpg", "contentType": "image/jpeg", "size": PHOTO_BYTES},
            output={
                "uploadId": PHOTO_ID,
                "mediaId": PHOTO_ID,
                "uploadUrl": f"{_STAGING}/{PHOTO_ID}_harbour.jpg?X-Amz-Signature=9f3c",
                "method": "PUT",
                "headers": {"content-type": "image/jpeg"},
                "expiresAt": _EXPIRES_AT,
            },
        ),
        Example(
            name="A video whose bytes are bound by their digest, in a call that may be repeated",
            input={
                "filename": "walk.mp4",
                "contentType": "video/mp4",
                "size": VIDEO_BYTES,
                "sha256": "2daeb1f36095b44b318410b3f4e8b5d989dcc7bb023d1426c492dab0a3053e74",
                "idempotencyKey": "walk.mp4 of 2 January",
            },
            output={
                "uploadId": VIDEO_ID,
                "mediaId": VIDEO_ID,
                "uploadUrl": f"{_STAGING}/{VIDEO_ID}_walk.mp4?X-Amz-Signature=c07a",
                "method": "PUT",
                "headers": {
                    "content-type": "video/mp4",
                    "x-amz-checksum-sha256": "La6x82CVtEsxhBCz9Oi12Yncx7sCPRQmxJLasKMFPnQ=",
                },
                "expiresAt": _EXPIRES_AT,
            },
        ),
    ),
    "media.completeUpload": (
        Example(name="The photo has arrived", input={"mediaId": PHOTO_ID}, output={"media": _PHOTO}),
    ),
    "media.initiateMultipartUpload": (
        Example(
            name="A long video",
            input={"filename": "concert.mp4", "contentType": "video/mp4", "size": FILM_BYTES},
            output={
                "uploadId": FILM_ID,
                "mediaId": FILM_ID,
                "partSize": 8 * MIB,
                "totalParts": 3,
                "expiresAt": _TOMORROW,
            },
        ),
    ),
    "media.signParts": (
        Example(
            name="The last part",
            input={"mediaId": FILM_ID, "partNumbers": [3]},
            output={
                "parts": [
                    {
                        "partNumber": 3,
                        "uploadUrl": f"{_FILM_URL}?partNumber=3&uploadId=2~x1&X-Amz-Signature=77aa",
                        "method": "PUT",
                        "headers": {},
                        "size": 4 * MIB,
                        "expiresAt": _EXPIRES_AT,
                    }
                ]
            },
        ),
    ),
    "media.getUploadStatus": (
        Example(
            name="Two of three parts are there",
            input={"mediaId": FILM_ID},
            output={
                "mediaId": FILM_ID,
                "uploadId": FILM_ID,
                "status": "pending",
                "filename": "concert.mp4",
                "contentType": "video/mp4",
                "uploadedBytes": 16 * MIB,
                "totalBytes": FILM_BYTES,
                "progress": 80.0,
                "partSize": 8 * MIB,
                "totalParts": 3,
                "parts": [{"partNumber": 1, "size": 8 * MIB}, {"partNumber": 2, "size": 8 * MIB}],
                "missingParts": [3],
                "nextPart": 3,
                "etaSeconds": 4,
                "expiresAt": _TOMORROW,
            },
        ),
    ),
    "media.listUploads": (
        Example(
            name="What can be gone on with",
            input={},
            output={
                "items": [
                    {
                        "mediaId": FILM_ID,
                        "uploadId": FILM_ID,
                        "filename": "concert.mp4",
                        "contentType": "video/mp4",
                        "size": FILM_BYTES,
                        "partSize": 8 * MIB,
                        "totalParts": 3,
                        "uploadedBytes": 16 * MIB,
                        "expiresAt": _TOMORROW,
                        "createdAt": _INITIATED_AT,
                    }
                ],
                "nextCursor": None,
            },
        ),
    ),
    "media.completeMultipartUpload": (
        Example(name="Every part has arrived", input={"mediaId": FILM_ID}, output={"media": _FILM}),
    ),
    "media.pollEvents": (
        Example(
            name="What happened since",
            input={"since": "41", "waitSeconds": 25},
            output={
                "events": [
                    {
                        "id": "42",
                        "type": "media.ready",
                        "mediaId": PHOTO_ID,
                        "at": _READY_AT,
                        "data": {
                            "status": "ready",
                            "type": "image",
                            "size": PHOTO_BYTES,
                            "uploadedBytes": None,
                            "error": None,
                        },
                    }
                ],
                "lastEventId": "42",
            },
        ),
    ),
    "media.cancelUpload": (
        Example(name="The video is given up", input={"mediaId": VIDEO_ID}, output={"success": True}),
    ),
    "media.getMedia": (
        Example(name="The photo is ready", input={"mediaId": PHOTO_ID}, output={"media": _READY_PHOTO}),
    ),
    "media.listMedia": (
        Example(name="The newest media", input={}, output={"items": [_READY_PHOTO], "nextCursor": None}),
        Example(
            name="Unfinished uploads",
            input={"status": "pending", "limit": 50},
            output={"items": [_PENDING_VIDEO], "nextCursor": None},
        ),
        Example(
            name="Media of a post, by a part of their name",
            input={"postId": POST_ID, "search": "HARB"},
            output={"items": [_ATTACHED_PHOTO], "nextCursor": None},
        ),
    ),
    "media.getDownloadUrl": (
        Example(
            name="The original",
            input={"mediaId": PHOTO_ID},
            output={"url": _PHOTO_URL, "expiresAt": _DOWNLOAD_EXPIRES_AT},
        ),
        Example(
            name="The original, to show in a page, under a name that tells nothing",
            input={"mediaId": PHOTO_ID, "filename": "neutral", "inline": True},
            output={"url": _PHOTO_URL, "expiresAt": _DOWNLOAD_EXPIRES_AT},
        ),
    ),
    "media.attachToPost": (
        Example(
            name="A post with one photo",
            input={"postId": POST_ID, "mediaIds": [PHOTO_ID]},
            output={"items": [_ATTACHED_PHOTO]},
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
        Example(name="What the post shows", input={"postId": POST_ID}, output={"items": [_ATTACHED_PHOTO]}),
    ),
    "media.setProfileImage": (Example(name="A portrait", input={"mediaId": PORTRAIT_ID}, output={"media": _PORTRAIT}),),
    "media.getProfileImage": (Example(name="The portrait", input={}, output={"media": _PORTRAIT}),),
    "media.getStorageUsage": (
        Example(
            name="A photo is stored, and a video is on its way",
            input={},
            output={
                "used": PHOTO_BYTES,
                "limit": 50 * MIB,
                "percentage": 0.5,
                "reserved": VIDEO_BYTES,
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
