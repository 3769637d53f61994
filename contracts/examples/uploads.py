"""Uploads from their first call to their last, and one given up."""

from contracts.ceilings import DEFAULT_CEILINGS
from contracts.examples.media import (
    CONCERT,
    CONCERT_BYTES,
    CONCERT_ID,
    CONCERT_URL,
    EXPIRES_AT,
    INITIATED_AT,
    PHOTO,
    PHOTO_BYTES,
    PHOTO_ID,
    PIER,
    QUAY_ID,
    STAGING,
    TOMORROW,
    VIDEO_BYTES,
    VIDEO_ID,
    Example,
)
from contracts.formats import FORMATS
from contracts.media import MAX_FILENAME_CHARACTERS
from contracts.renditions import NAMES
from contracts.sizes import MIB

UPLOADS: dict[str, tuple[Example, ...]] = {
    "media.getSupportedFormats": (
        Example(
            name="What may be uploaded",
            input={},
            output={
                "formats": [
                    {
                        "contentType": accepted.content_type,
                        "aliases": list(accepted.aliases),
                        "type": accepted.type.value,
                        "extensions": list(accepted.extensions),
                        "maxSize": DEFAULT_CEILINGS.of_put(accepted),
                        "maxMultipartSize": DEFAULT_CEILINGS.of_multipart(accepted),
                    }
                    for accepted in FORMATS.values()
                ],
                "renditions": list(NAMES),
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
                "uploadUrl": f"{STAGING}/{PHOTO_ID}_harbour.jpg?X-Amz-Signature=9f3c",
                "method": "PUT",
                "headers": {"content-type": "image/jpeg"},
                "expiresAt": EXPIRES_AT,
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
                "uploadUrl": f"{STAGING}/{VIDEO_ID}_walk.mp4?X-Amz-Signature=c07a",
                "method": "PUT",
                "headers": {
                    "content-type": "video/mp4",
                    "x-amz-checksum-sha256": "La6x82CVtEsxhBCz9Oi12Yncx7sCPRQmxJLasKMFPnQ=",
                },
                "expiresAt": EXPIRES_AT,
            },
        ),
    ),
    "media.initiateUploads": (
        Example(
            name="Two photos, of which the other is too large",
            input={
                "uploads": [
                    {"filename": "quay.jpg", "contentType": "image/jpeg", "size": PHOTO_BYTES},
                    {"filename": "bay.jpg", "contentType": "image/jpeg", "size": 11 * MIB},
                ]
            },
            output={
                "results": [
                    {
                        "ticket": {
                            "uploadId": QUAY_ID,
                            "mediaId": QUAY_ID,
                            "uploadUrl": f"{STAGING}/{QUAY_ID}_quay.jpg?X-Amz-Signature=41b7",
                            "method": "PUT",
                            "headers": {"content-type": "image/jpeg"},
                            "expiresAt": EXPIRES_AT,
                        },
                        "error": None,
                    },
                    {
                        "ticket": None,
                        "error": {
                            "code": 1602,
                            "message": "File size exceeds maximum allowed for image/jpeg",
                            "details": {"size": 11 * MIB, "maxSize": 10 * MIB, "contentType": "image/jpeg"},
                            "requestId": "req_1767323045679_1b2c3d4e5",
                        },
                    },
                ]
            },
        ),
    ),
    "media.completeUpload": (
        Example(name="The photo has arrived", input={"mediaId": PHOTO_ID}, output={"media": PHOTO}),
    ),
    "media.initiateMultipartUpload": (
        Example(
            name="A long video",
            input={"filename": "concert.mp4", "contentType": "video/mp4", "size": CONCERT_BYTES},
            output={
                "uploadId": CONCERT_ID,
                "mediaId": CONCERT_ID,
                "partSize": 8 * MIB,
                "totalParts": 3,
                "expiresAt": TOMORROW,
            },
        ),
    ),
    "media.signParts": (
        Example(
            name="The last part",
            input={"mediaId": CONCERT_ID, "partNumbers": [3]},
            output={
                "parts": [
                    {
                        "partNumber": 3,
                        "uploadUrl": f"{CONCERT_URL}?partNumber=3&uploadId=2~x1&X-Amz-Signature=77aa",
                        "method": "PUT",
                        "headers": {},
                        "size": 4 * MIB,
                        "expiresAt": EXPIRES_AT,
                    }
                ]
            },
        ),
    ),
    "media.completeMultipartUpload": (
        Example(name="Every part has arrived", input={"mediaId": CONCERT_ID}, output={"media": CONCERT}),
    ),
    "media.upload": (
        Example(name="A photo through the server", input={"filename": "pier.jpg"}, output={"media": PIER}),
    ),
    "media.uploadPart": (
        Example(
            name="The second part, through the server",
            input={"mediaId": CONCERT_ID, "partNumber": 2},
            output={
                "partNumber": 2,
                "size": 8 * MIB,
                "uploadedBytes": 16 * MIB,
                "totalBytes": CONCERT_BYTES,
                "nextPart": 3,
            },
        ),
    ),
    "media.getUploadStatus": (
        Example(
            name="Two of three parts are there",
            input={"mediaId": CONCERT_ID},
            output={
                "mediaId": CONCERT_ID,
                "uploadId": CONCERT_ID,
                "status": "pending",
                "filename": "concert.mp4",
                "contentType": "video/mp4",
                "uploadedBytes": 16 * MIB,
                "totalBytes": CONCERT_BYTES,
                "progress": 80.0,
                "sha256": None,
                "partSize": 8 * MIB,
                "totalParts": 3,
                "parts": [{"partNumber": 1, "size": 8 * MIB}, {"partNumber": 2, "size": 8 * MIB}],
                "missingParts": [3],
                "nextPart": 3,
                "etaSeconds": 4,
                "expiresAt": TOMORROW,
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
                        "mediaId": CONCERT_ID,
                        "uploadId": CONCERT_ID,
                        "filename": "concert.mp4",
                        "contentType": "video/mp4",
                        "size": CONCERT_BYTES,
                        "partSize": 8 * MIB,
                        "totalParts": 3,
                        "uploadedBytes": 16 * MIB,
                        "expiresAt": TOMORROW,
                        "createdAt": INITIATED_AT,
                    }
                ],
                "nextCursor": None,
                "lastEventId": "45",
            },
        ),
    ),
    "media.cancelUpload": (
        Example(name="The video is given up", input={"mediaId": VIDEO_ID}, output={"success": True}),
    ),
}
