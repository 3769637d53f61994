"""What the examples are made of: a call and its answer, and the media that they tell of."""

from dataclasses import dataclass
from typing import Any

from contracts.renditions import OF_IMAGES
from contracts.sizes import MIB


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
CONCERT_ID = "019a2b6e-7b20-7d11-a5f3-0c4d92e1b8a7"
CONCERT_BYTES = 20 * MIB
QUAY_ID = "019a2b6e-8a31-7c02-9e4d-61b0f3c7d2a5"
PIER_ID = "019a2b6e-8d44-7a90-b6c1-2f5d7e3a9c08"

CDN = "https://cdn.example"
STORAGE = "https://storage.example/media"
STAGING = f"{STORAGE}/staging/users/ada/posts"
PHOTO_URL = (
    f"{STORAGE}/users/ada/posts/{PHOTO_ID}_1f0c7a3e5b9d42c68e17f03a_harbour.jpg?X-Amz-Expires=1800&X-Amz-Signature=5d0e"
)
INITIATED_AT = "2026-01-02T03:04:05.678Z"
COMPLETED_AT = "2026-01-02T03:04:09.012Z"
READY_AT = "2026-01-02T03:04:10.345Z"
EXPIRES_AT = "2026-01-02T03:19:05.678Z"
TOMORROW = "2026-01-03T03:04:05.678Z"
CONCERT_URL = f"{STORAGE}/users/ada/posts/{CONCERT_ID}_8d21f0b4c6e95a7301bd4f28_concert.mp4"
DOWNLOAD_EXPIRES_AT = "2026-01-02T03:30:00.000Z"


def renditions_of(media_id: str, attempt: str, *sizes: tuple[int, int, int]) -> list[dict[str, Any]]:
    """Renditions of these widths, heights and byte counts, in their order."""
    return [
        {
            "name": name,
            "url": f"{CDN}/{media_id}/{attempt}/{name}.webp",
            "mimeType": "image/webp",
            "size": size,
            "width": width,
            "height": height,
            "duration": None,
        }
        for name, (width, height, size) in zip(OF_IMAGES, sizes, strict=True)
    ]


PHOTO: dict[str, Any] = {
    "id": PHOTO_ID,
    "ownerType": "user",
    "ownerId": "ada",
    "userId": "ada",
    "type": "image",
    "purpose": "post",
    "status": "processing",
    "url": None,
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
    "createdAt": INITIATED_AT,
    "updatedAt": COMPLETED_AT,
}
PHOTO_CDN = f"{CDN}/{PHOTO_ID}/4be01d7a93c25f68ab04e17d"
READY_PHOTO: dict[str, Any] = {
    **PHOTO,
    "status": "ready",
    "url": f"{PHOTO_CDN}/full.webp",
    "thumbnailUrl": f"{PHOTO_CDN}/thumb300.webp",
    "renditions": renditions_of(
        PHOTO_ID,
        "4be01d7a93c25f68ab04e17d",
        (150, 113, 4_410),
        (300, 225, 13_562),
        (600, 450, 43_118),
        (640, 480, 48_226),
        (640, 480, 61_874),
    ),
    "metadata": {
        "format": "jpeg",
        "frames": 1,
        "placeholder": "2fcFDYB4d5eHiIeIh4iHd4hwWA==",
        "dominantColor": "#4a6d8c",
    },
    "updatedAt": READY_AT,
}
PENDING_VIDEO = {
    **PHOTO,
    "id": VIDEO_ID,
    "type": "video",
    "status": "pending",
    "url": None,
    "filename": "walk.mp4",
    "size": VIDEO_BYTES,
    "mimeType": "video/mp4",
    "width": None,
    "height": None,
    "updatedAt": INITIATED_AT,
}
CONCERT = {
    **PENDING_VIDEO,
    "id": CONCERT_ID,
    "status": "processing",
    "filename": "concert.mp4",
    "size": CONCERT_BYTES,
    "updatedAt": COMPLETED_AT,
}

ATTACHED_PHOTO = {**READY_PHOTO, "postId": POST_ID}
PORTRAIT: dict[str, Any] = {
    **READY_PHOTO,
    "id": PORTRAIT_ID,
    "purpose": "profile",
    "url": f"{CDN}/{PORTRAIT_ID}/7be21c04f8a63d95e2710b4c/full.webp",
    "thumbnailUrl": f"{CDN}/{PORTRAIT_ID}/7be21c04f8a63d95e2710b4c/thumb300.webp",
    "filename": "ada.jpg",
    "renditions": renditions_of(
        PORTRAIT_ID,
        "7be21c04f8a63d95e2710b4c",
        (150, 150, 5_204),
        (300, 300, 16_890),
        (480, 480, 37_012),
        (480, 480, 37_012),
        (640, 480, 61_874),
    ),
}
PIER = {
    **PHOTO,
    "id": PIER_ID,
    "filename": "pier.jpg",
}
