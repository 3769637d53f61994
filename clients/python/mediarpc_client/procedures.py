"""Every procedure, to call and to await. Written by `mediarpc python`."""

from collections.abc import AsyncIterator, Iterator, Sequence
from typing import Literal

from mediarpc_client.models import (
    AuditPage,
    DeletedPostMedia,
    Deletions,
    DownloadName,
    DownloadUrl,
    FoundMedia,
    FoundPostMedia,
    ManyMedia,
    MediaAnswer,
    MediaEvent,
    MediaEvents,
    MediaPage,
    MediaType,
    MultipartTicket,
    NewUpload,
    Owner,
    PartChecksum,
    Plan,
    PostMedia,
    ProcessingStatus,
    ProfileImage,
    Purged,
    Purpose,
    SentPart,
    SignedParts,
    StorageUsage,
    Success,
    SupportedFormats,
    UploadedPart,
    UploadOutcomes,
    UploadPage,
    UploadStatus,
    UploadTicket,
)
from mediarpc_client.transport import AsyncTransport, Bytes, Transport


class MediaProcedures:
    """The procedures of `media`."""

    def __init__(self, transport: Transport) -> None:
        self._transport = transport

    def get_supported_formats(
        self,
    ) -> SupportedFormats:
        """Say which content types and sizes `media.initiateUpload` accepts."""
        return self._transport.call(
            "media.getSupportedFormats",
            {},
            SupportedFormats,
        )

    def initiate_upload(
        self,
        *,
        filename: str,
        content_type: str,
        size: int,
        purpose: Purpose | None = None,
        sha256: str | None = None,
        idempotency_key: str | None = None,
        owner: Owner | str | None = None,
    ) -> UploadTicket:
        """Reserve room for one object and sign the PUT that fills it.

        With an idempotency key, the same input finds the same upload again, with a fresh URL. Raises FileTooLarge
        over the type's ceiling, StorageLimitExceeded when the quota has no room, MediaLimitExceeded and
        PendingUploadLimitExceeded when the owner has too many, RateLimitExceeded, IdempotencyKeyTaken and
        ForeignOwner.

        - FORBIDDEN (ForeignOwner): The caller's token does not allow to act for this owner.
        - FILE_TOO_LARGE (FileTooLarge): The declared size is over the ceiling of its type.
        - STORAGE_LIMIT_EXCEEDED (StorageLimitExceeded): `required` bytes do not fit into what used and reserved
        bytes, and renditions that count, leave of the quota.

            `releases` are the `bytes` of deleted uploads that come back, by the minute `at` which they do, soonest
        first.
        - STORAGE_LIMIT_EXCEEDED (MediaLimitExceeded): The owner has `media` of `maxMedia` media, deleted ones until
        they are gone; so no byte is `available`.
        - STORAGE_LIMIT_EXCEEDED (PendingUploadLimitExceeded): The owner has `pendingUploads` of `maxPendingUploads`
        uploads to complete; so no byte is `available`.
        - CONFLICT (IdempotencyKeyTaken): The key named another input before, or an upload that was deleted since.
        """
        return self._transport.call(
            "media.initiateUpload",
            {
                "filename": filename,
                "contentType": content_type,
                "size": size,
                "purpose": purpose,
                "sha256": sha256,
                "idempotencyKey": idempotency_key,
                "owner": owner,
            },
            UploadTicket,
        )

    def initiate_uploads(
        self,
        *,
        uploads: Sequence[NewUpload],
    ) -> UploadOutcomes:
        """Begin each of these uploads as `media.initiateUpload` would, in their order; what came of each.

        What is refused hinders nothing else, and the call counts once. Idempotent with a key for each: then the URLs
        are fresh.
        """
        return self._transport.call(
            "media.initiateUploads",
            {
                "uploads": uploads,
            },
            UploadOutcomes,
        )

    def complete_upload(
        self,
        *,
        media_id: str,
        upload_id: str | None = None,
        wait_seconds: int | None = None,
    ) -> MediaAnswer:
        """Verify the bytes, publish them at a write-once key, and answer the media. Idempotent.

        With `waitSeconds` the media is answered once it is ready or failed, or as it is when the time is over.

        Raises UploadNotFound, UploadIncomplete or PartsMissing (not sent yet) or UploadExpired (not sent in time),
        SizeDiffers, DigestDiffers and PartDiffers (send again), InvalidFileType (refused; initiate anew).

        - NOT_FOUND (UploadNotFound): `completeUpload` knows no upload of this caller with this id.
        - CONFLICT (UploadIncomplete): The bytes have not arrived; the upload stays pending until `expiresAt`.
        - CONFLICT (PartsMissing): Storage does not have these parts; the upload stays pending until `expiresAt`.
        - INVALID_INPUT (PartDiffers): Storage has a part of another size or ETag than declared; the upload stays
        pending, so it can be sent again.
        - VALIDATION_ERROR (UploadExpired): The signed URL ran out before the bytes came.
        - INVALID_INPUT (SizeDiffers): Storage holds another number of bytes than declared; the upload stays pending,
        so the PUT can be repeated.
        - INVALID_INPUT (DigestDiffers): The bytes' SHA-256 is not the declared one; the upload stays pending, so the
        PUT can be repeated.
        - INVALID_FILE_TYPE (InvalidFileType): The bytes say another type than the declared one, or none; the upload
        is refused and its object goes.
        """
        return self._transport.call(
            "media.completeUpload",
            {
                "mediaId": media_id,
                "uploadId": upload_id,
                "waitSeconds": wait_seconds,
            },
            MediaAnswer,
        )

    def initiate_multipart_upload(
        self,
        *,
        filename: str,
        content_type: str,
        size: int,
        purpose: Purpose | None = None,
        sha256: str | None = None,
        idempotency_key: str | None = None,
        owner: Owner | str | None = None,
        part_size: int | None = None,
    ) -> MultipartTicket:
        """Reserve room for one object that comes in parts, and say how large they are.

        With an idempotency key, the same input finds the same upload again. Raises FileTooLarge over the type's
        ceiling, StorageLimitExceeded when the quota has no room, MediaLimitExceeded and PendingUploadLimitExceeded
        when the owner has too many, RateLimitExceeded, IdempotencyKeyTaken and ForeignOwner.

        - FORBIDDEN (ForeignOwner): The caller's token does not allow to act for this owner.
        - FILE_TOO_LARGE (FileTooLarge): The declared size is over the ceiling of its type.
        - STORAGE_LIMIT_EXCEEDED (StorageLimitExceeded): `required` bytes do not fit into what used and reserved
        bytes, and renditions that count, leave of the quota.

            `releases` are the `bytes` of deleted uploads that come back, by the minute `at` which they do, soonest
        first.
        - STORAGE_LIMIT_EXCEEDED (MediaLimitExceeded): The owner has `media` of `maxMedia` media, deleted ones until
        they are gone; so no byte is `available`.
        - STORAGE_LIMIT_EXCEEDED (PendingUploadLimitExceeded): The owner has `pendingUploads` of `maxPendingUploads`
        uploads to complete; so no byte is `available`.
        - CONFLICT (IdempotencyKeyTaken): The key named another input before, or an upload that was deleted since.
        """
        return self._transport.call(
            "media.initiateMultipartUpload",
            {
                "filename": filename,
                "contentType": content_type,
                "size": size,
                "purpose": purpose,
                "sha256": sha256,
                "idempotencyKey": idempotency_key,
                "owner": owner,
                "partSize": part_size,
            },
            MultipartTicket,
        )

    def sign_parts(
        self,
        *,
        media_id: str,
        part_numbers: Sequence[int],
        checksums: Sequence[PartChecksum] | None = None,
    ) -> SignedParts:
        """Sign a PUT for each of these parts of an upload, again and again, and put its end off.

        Raises UploadNotFound, UploadCompleted, UploadExpired, and PartUnknown for a number that the upload does not
        have.

        - NOT_FOUND (UploadNotFound): `completeUpload` knows no upload of this caller with this id.
        - CONFLICT (UploadCompleted): A completed media is not cancelled any more; `deleteMedia` deletes it.
        - VALIDATION_ERROR (UploadExpired): The signed URL ran out before the bytes came.
        - VALIDATION_ERROR (PartUnknown): The upload has no part of this number; an upload by one PUT has none at
        all.
        """
        return self._transport.call(
            "media.signParts",
            {
                "mediaId": media_id,
                "partNumbers": part_numbers,
                "checksums": checksums,
            },
            SignedParts,
        )

    def complete_multipart_upload(
        self,
        *,
        media_id: str,
        upload_id: str | None = None,
        parts: Sequence[SentPart] | None = None,
        wait_seconds: int | None = None,
    ) -> MediaAnswer:
        """Make one object of the parts that storage has, verify it, and answer the media. Idempotent.

        With `waitSeconds` the media is answered once it is ready or failed, or as it is when the time is over.

        Raises UploadNotFound, UploadExpired, PartsMissing and PartDiffers (send those parts), SizeDiffers,
        DigestDiffers and InvalidFileType (refused; initiate anew), and PartUnknown.

        - NOT_FOUND (UploadNotFound): `completeUpload` knows no upload of this caller with this id.
        - CONFLICT (UploadIncomplete): The bytes have not arrived; the upload stays pending until `expiresAt`.
        - CONFLICT (PartsMissing): Storage does not have these parts; the upload stays pending until `expiresAt`.
        - INVALID_INPUT (PartDiffers): Storage has a part of another size or ETag than declared; the upload stays
        pending, so it can be sent again.
        - VALIDATION_ERROR (UploadExpired): The signed URL ran out before the bytes came.
        - INVALID_INPUT (SizeDiffers): Storage holds another number of bytes than declared; the upload stays pending,
        so the PUT can be repeated.
        - INVALID_INPUT (DigestDiffers): The bytes' SHA-256 is not the declared one; the upload stays pending, so the
        PUT can be repeated.
        - INVALID_FILE_TYPE (InvalidFileType): The bytes say another type than the declared one, or none; the upload
        is refused and its object goes.
        - VALIDATION_ERROR (PartUnknown): The upload has no part of this number; an upload by one PUT has none at
        all.
        """
        return self._transport.call(
            "media.completeMultipartUpload",
            {
                "mediaId": media_id,
                "uploadId": upload_id,
                "parts": parts,
                "waitSeconds": wait_seconds,
            },
            MediaAnswer,
        )

    def upload(
        self,
        content: Bytes,
        *,
        filename: str | None = None,
        content_type: str | None = None,
        size: int | None = None,
        purpose: Purpose | None = None,
        sha256: str | None = None,
        idempotency_key: str | None = None,
        owner: Owner | str | None = None,
        wait_seconds: int | None = None,
    ) -> MediaAnswer:
        """Store bytes as they arrive, reserve room for them as they do, and answer the verified media.

        Raises FileTooLarge and StorageLimitExceeded as soon as it is so, MediaLimitExceeded,
        PendingUploadLimitExceeded, InvalidFileType, SizeDiffers and DigestDiffers, and leaves nothing then, nor when
        the client breaks off. With an idempotency key a repetition answers the media of the first call:
        IdempotencyKeyTaken for another input, UploadPending while that call is under way.

        - FORBIDDEN (ForeignOwner): The caller's token does not allow to act for this owner.
        - FILE_TOO_LARGE (FileTooLarge): The declared size is over the ceiling of its type.
        - STORAGE_LIMIT_EXCEEDED (StorageLimitExceeded): `required` bytes do not fit into what used and reserved
        bytes, and renditions that count, leave of the quota.

            `releases` are the `bytes` of deleted uploads that come back, by the minute `at` which they do, soonest
        first.
        - STORAGE_LIMIT_EXCEEDED (MediaLimitExceeded): The owner has `media` of `maxMedia` media, deleted ones until
        they are gone; so no byte is `available`.
        - STORAGE_LIMIT_EXCEEDED (PendingUploadLimitExceeded): The owner has `pendingUploads` of `maxPendingUploads`
        uploads to complete; so no byte is `available`.
        - INVALID_FILE_TYPE (InvalidFileType): The bytes say another type than the declared one, or none; the upload
        is refused and its object goes.
        - INVALID_INPUT (SizeDiffers): Storage holds another number of bytes than declared; the upload stays pending,
        so the PUT can be repeated.
        - INVALID_INPUT (DigestDiffers): The bytes' SHA-256 is not the declared one; the upload stays pending, so the
        PUT can be repeated.
        - CONFLICT (IdempotencyKeyTaken): The key named another input before, or an upload that was deleted since.
        - CONFLICT (UploadPending): The media has no verified bytes yet, so there is nothing to download.
        - VALIDATION_ERROR (UploadExpired): The signed URL ran out before the bytes came.
        """
        return self._transport.send(
            "media.upload",
            {
                "filename": filename,
                "contentType": content_type,
                "size": size,
                "purpose": purpose,
                "sha256": sha256,
                "idempotencyKey": idempotency_key,
                "owner": owner,
                "waitSeconds": wait_seconds,
            },
            MediaAnswer,
            content,
        )

    def upload_part(
        self,
        content: Bytes,
        *,
        media_id: str,
        part_number: int,
        sha256: str | None = None,
    ) -> UploadedPart:
        """Store one part of an upload in parts. Again with the same bytes is the same answer.

        Raises UploadNotFound, UploadCompleted, UploadExpired, PartUnknown, PartDiffers for another length or other
        bytes than storage keeps, and DigestDiffers.

        - NOT_FOUND (UploadNotFound): `completeUpload` knows no upload of this caller with this id.
        - CONFLICT (UploadCompleted): A completed media is not cancelled any more; `deleteMedia` deletes it.
        - VALIDATION_ERROR (UploadExpired): The signed URL ran out before the bytes came.
        - VALIDATION_ERROR (PartUnknown): The upload has no part of this number; an upload by one PUT has none at
        all.
        - INVALID_INPUT (PartDiffers): Storage has a part of another size or ETag than declared; the upload stays
        pending, so it can be sent again.
        - INVALID_INPUT (DigestDiffers): The bytes' SHA-256 is not the declared one; the upload stays pending, so the
        PUT can be repeated.
        """
        return self._transport.send(
            "media.uploadPart",
            {
                "mediaId": media_id,
                "partNumber": part_number,
                "sha256": sha256,
            },
            UploadedPart,
            content,
        )

    def get_upload_status(
        self,
        *,
        media_id: str,
    ) -> UploadStatus:
        """Say how far an upload is and what is missing, as storage has it. Raises UploadNotFound.

        - NOT_FOUND (UploadNotFound): `completeUpload` knows no upload of this caller with this id.
        """
        return self._transport.call(
            "media.getUploadStatus",
            {
                "mediaId": media_id,
            },
            UploadStatus,
        )

    def list_uploads(
        self,
        *,
        limit: int | None = None,
        cursor: str | None = None,
        direction: Literal["forward", "backward"] | None = None,
        owner: Owner | str | None = None,
    ) -> UploadPage:
        """Answer a page of an owner's unfinished uploads, newest first. Raises ForeignOwner.

        - FORBIDDEN (ForeignOwner): The caller's token does not allow to act for this owner.
        """
        return self._transport.call(
            "media.listUploads",
            {
                "limit": limit,
                "cursor": cursor,
                "direction": direction,
                "owner": owner,
            },
            UploadPage,
        )

    def cancel_upload(
        self,
        *,
        media_id: str,
    ) -> Success:
        """Give up an upload that is not completed. Idempotent.

        An upload in parts is free at once when storage has dropped it. What a signed PUT could still bring stays
        reserved until its end, for everything but the same file. Raises UploadCompleted and MediaNotFound.

        - CONFLICT (UploadCompleted): A completed media is not cancelled any more; `deleteMedia` deletes it.
        - NOT_FOUND (MediaNotFound): No media of this caller has this id: unknown, deleted and somebody else's read
        the same.
        """
        return self._transport.call(
            "media.cancelUpload",
            {
                "mediaId": media_id,
            },
            Success,
        )

    def get_media(
        self,
        *,
        media_id: str,
    ) -> FoundMedia:
        """Answer one media of the caller; MediaNotFound for unknown, deleted and other people's ids alike.

        - NOT_FOUND (MediaNotFound): No media of this caller has this id: unknown, deleted and somebody else's read
        the same.
        """
        return self._transport.call(
            "media.getMedia",
            {
                "mediaId": media_id,
            },
            FoundMedia,
        )

    def get_many(
        self,
        *,
        media_ids: Sequence[str],
    ) -> ManyMedia:
        """Answer up to 100 media by their ids, whoever owns them, in this order; null for what is unknown or deleted.

        For the scope `service` alone: it says for others what they may see. Raises ServiceOnly.

        - FORBIDDEN (ServiceOnly): The procedure is for tokens with the scope `service`.
        """
        return self._transport.call(
            "media.getMany",
            {
                "mediaIds": media_ids,
            },
            ManyMedia,
        )

    def list_media(
        self,
        *,
        limit: int | None = None,
        cursor: str | None = None,
        direction: Literal["forward", "backward"] | None = None,
        type: MediaType | None = None,
        status: Literal["pending", "processing", "ready", "failed"] | None = None,
        purpose: Literal["post", "profile", "any"] | None = None,
        post_id: str | None = None,
        search: str | None = None,
        owner: Owner | str | None = None,
    ) -> MediaPage:
        """Answer a page of an owner's media, newest first; unfinished uploads only with `status: "pending"`.

        Profile images only with `purpose: "profile"` or `"any"`.

        A page of a search goes on where names are left that it has not looked at, full or not. Raises ForeignOwner.

        - FORBIDDEN (ForeignOwner): The caller's token does not allow to act for this owner.
        """
        return self._transport.call(
            "media.listMedia",
            {
                "limit": limit,
                "cursor": cursor,
                "direction": direction,
                "type": type,
                "status": status,
                "purpose": purpose,
                "postId": post_id,
                "search": search,
                "owner": owner,
            },
            MediaPage,
        )

    def get_download_url(
        self,
        *,
        media_id: str,
        rendition: str | None = None,
        filename: DownloadName | None = None,
        inline: bool | None = None,
    ) -> DownloadUrl:
        """Sign a GET of the original, under its own name or one that tells nothing, as a download or to show in a page.

        The URL stays the same for a while, so that it can be cached, and is good for at least 15 minutes.

        A rendition's is public, and good for as long as the media is there.

        Raises MediaNotFound, UploadPending before completion, MediaInfected, MediaUnscanned, and RenditionNotFound.

        - NOT_FOUND (MediaNotFound): No media of this caller has this id: unknown, deleted and somebody else's read
        the same.
        - CONFLICT (UploadPending): The media has no verified bytes yet, so there is nothing to download.
        - CONFLICT (MediaInfected): The file holds malware: nobody gets it any more, and soon it goes.
        - CONFLICT (MediaUnscanned): No scanner has found the file clean, or not yet; what is ready can be
        downloaded.
        - NOT_FOUND (RenditionNotFound): The media has no rendition of this name (yet).
        """
        return self._transport.call(
            "media.getDownloadUrl",
            {
                "mediaId": media_id,
                "rendition": rendition,
                "filename": filename,
                "inline": inline,
            },
            DownloadUrl,
        )

    def get_processing_status(
        self,
        *,
        media_id: str,
    ) -> ProcessingStatus:
        """Answer how far the processing of a media is, in percent and words. Raises MediaNotFound.

        - NOT_FOUND (MediaNotFound): No media of this caller has this id: unknown, deleted and somebody else's read
        the same.
        """
        return self._transport.call(
            "media.getProcessingStatus",
            {
                "mediaId": media_id,
            },
            ProcessingStatus,
        )

    def retry_processing(
        self,
        *,
        media_id: str,
    ) -> MediaAnswer:
        """Begin the processing of a failed media anew; of any other, answer it as it is. Idempotent.

        Raises MediaNotFound, UploadPending before completion, MediaInfected, and RateLimitExceeded for what was
        begun anew three times within the hour.

        - NOT_FOUND (MediaNotFound): No media of this caller has this id: unknown, deleted and somebody else's read
        the same.
        - CONFLICT (UploadPending): The media has no verified bytes yet, so there is nothing to download.
        - CONFLICT (MediaInfected): The file holds malware: nobody gets it any more, and soon it goes.
        - RATE_LIMIT_EXCEEDED (RateLimitExceeded): The caller's window for this procedure is full; in `retryAfter`
        seconds it has room.
        """
        return self._transport.call(
            "media.retryProcessing",
            {
                "mediaId": media_id,
            },
            MediaAnswer,
        )

    def cancel_processing(
        self,
        *,
        media_id: str,
    ) -> Success:
        """End the processing of a media at once: it is `failed`, and can be begun anew. Idempotent.

        Raises MediaNotFound, UploadPending before completion, and MediaProcessed for what is ready.

        - NOT_FOUND (MediaNotFound): No media of this caller has this id: unknown, deleted and somebody else's read
        the same.
        - CONFLICT (UploadPending): The media has no verified bytes yet, so there is nothing to download.
        - CONFLICT (MediaProcessed): The media is ready: there is nothing to cancel any more.
        """
        return self._transport.call(
            "media.cancelProcessing",
            {
                "mediaId": media_id,
            },
            Success,
        )

    def attach_to_post(
        self,
        *,
        post_id: str,
        media_ids: Sequence[str],
    ) -> PostMedia:
        """Put media at the end of a post, in this order, all or none; answer the whole post. Idempotent.

        Raises MediaNotFound, OtherPurpose for profile images, MediaUnusable for what is neither processing nor
        ready, AttachedElsewhere for what belongs to another post, SeveralOwners, and PostFull over the limit.

        - NOT_FOUND (MediaNotFound): No media of this caller has this id: unknown, deleted and somebody else's read
        the same.
        - CONFLICT (OtherPurpose): The media was uploaded for another purpose: what is for posts is no profile image,
        and the other way round.
        - CONFLICT (MediaUnusable): A post or a profile takes only what is `processing` or `ready`: verified, and not
        failed.
        - CONFLICT (AttachedElsewhere): The media belongs to the post `postId`; detach it there first.
        - CONFLICT (SeveralOwners): The media belongs to another owner than the first one: a post has media of one
        owner.
        - CONFLICT (PostFull): The post has room for `limit` media, and `mediaId` would be the next; none was
        attached.
        """
        return self._transport.call(
            "media.attachToPost",
            {
                "postId": post_id,
                "mediaIds": media_ids,
            },
            PostMedia,
        )

    def detach_from_post(
        self,
        *,
        post_id: str,
        media_ids: Sequence[str],
    ) -> Success:
        """Take media out of a post; what does not stand in it stays as it is. Idempotent.

        Raises MediaNotFound, and then nothing was detached.

        - NOT_FOUND (MediaNotFound): No media of this caller has this id: unknown, deleted and somebody else's read
        the same.
        """
        return self._transport.call(
            "media.detachFromPost",
            {
                "postId": post_id,
                "mediaIds": media_ids,
            },
            Success,
        )

    def list_post_media(
        self,
        *,
        post_id: str,
        owner: Owner | str | None = None,
    ) -> FoundPostMedia:
        """Answer the media of an owner's post in their order; a post that nobody attached to has none.

        Raises ForeignOwner.

        - FORBIDDEN (ForeignOwner): The caller's token does not allow to act for this owner.
        """
        return self._transport.call(
            "media.listPostMedia",
            {
                "postId": post_id,
                "owner": owner,
            },
            FoundPostMedia,
        )

    def set_profile_image(
        self,
        *,
        media_id: str,
    ) -> MediaAnswer:
        """Make an image its owner's profile image, and delete the one that was. Idempotent.

        Raises MediaNotFound, OtherPurpose for what was not uploaded with the purpose `profile`, MediaUnusable for
        what is neither processing nor ready, and NoImage.

        - NOT_FOUND (MediaNotFound): No media of this caller has this id: unknown, deleted and somebody else's read
        the same.
        - CONFLICT (OtherPurpose): The media was uploaded for another purpose: what is for posts is no profile image,
        and the other way round.
        - CONFLICT (MediaUnusable): A post or a profile takes only what is `processing` or `ready`: verified, and not
        failed.
        - CONFLICT (NoImage): A profile image has to be an image.
        """
        return self._transport.call(
            "media.setProfileImage",
            {
                "mediaId": media_id,
            },
            MediaAnswer,
        )

    def get_profile_image(
        self,
        *,
        owner: Owner | str | None = None,
    ) -> ProfileImage:
        """Answer an owner's profile image, null when there is none or it was deleted. Raises ForeignOwner.

        - FORBIDDEN (ForeignOwner): The caller's token does not allow to act for this owner.
        """
        return self._transport.call(
            "media.getProfileImage",
            {
                "owner": owner,
            },
            ProfileImage,
        )

    def get_storage_usage(
        self,
        *,
        owner: Owner | str | None = None,
    ) -> StorageUsage:
        """Answer what an owner uses of the quota, in bytes. Raises ForeignOwner.

        - FORBIDDEN (ForeignOwner): The caller's token does not allow to act for this owner.
        """
        return self._transport.call(
            "media.getStorageUsage",
            {
                "owner": owner,
            },
            StorageUsage,
        )

    def delete_media(
        self,
        *,
        media_id: str,
    ) -> Success:
        """Give the bytes back at once and take the objects out of storage in the background. Idempotent.

        What a signed URL could still bring stays reserved until its end. Raises MediaNotFound.

        - NOT_FOUND (MediaNotFound): No media of this caller has this id: unknown, deleted and somebody else's read
        the same.
        """
        return self._transport.call(
            "media.deleteMedia",
            {
                "mediaId": media_id,
            },
            Success,
        )

    def delete_many(
        self,
        *,
        media_ids: Sequence[str],
    ) -> Deletions:
        """Delete each of these media as `media.deleteMedia` would, all of them at once; what came of each, in their
        order.

        What is not found hinders nothing else. Idempotent.
        """
        return self._transport.call(
            "media.deleteMany",
            {
                "mediaIds": media_ids,
            },
            Deletions,
        )

    def delete_post_media(
        self,
        *,
        post_id: str,
        owner: Owner | str | None = None,
    ) -> DeletedPostMedia:
        """Delete every media of an owner's post, as `media.deleteMedia` would, all of them at once. Raises
        ForeignOwner.

        - FORBIDDEN (ForeignOwner): The caller's token does not allow to act for this owner.
        """
        return self._transport.call(
            "media.deletePostMedia",
            {
                "postId": post_id,
                "owner": owner,
            },
            DeletedPostMedia,
        )

    def watch(
        self,
        *,
        media_id: str | None = None,
        last_event_id: str | None = None,
        since: Literal["start"] | str | None = None,
        owner: Owner | str | Literal["*"] | None = None,
    ) -> Iterator[MediaEvent]:
        """Answer an owner's events as they happen, in the order of the changes.

        First those of the log after `lastEventId` or `since` where it is given. Raises ForeignOwner, and
        MediaNotFound for a media that never was the caller's.

        - FORBIDDEN (ForeignOwner): The caller's token does not allow to act for this owner.
        - NOT_FOUND (MediaNotFound): No media of this caller has this id: unknown, deleted and somebody else's read
        the same.
        """
        return self._transport.watch(
            "media.watch",
            {
                "mediaId": media_id,
                "lastEventId": last_event_id,
                "since": since,
                "owner": owner,
            },
            MediaEvent,
        )

    def poll_events(
        self,
        *,
        media_id: str | None = None,
        since: Literal["start"] | str | None = None,
        wait_seconds: int | None = None,
        limit: int | None = None,
        owner: Owner | str | Literal["*"] | None = None,
    ) -> MediaEvents:
        """Answer the events after `since`, or wait up to `waitSeconds` for the next ones; none when nothing happens.

        Without `since` they are those from now on, and `lastEventId` says where that is.

        Raises ForeignOwner, and MediaNotFound for a media that never was the caller's.

        - FORBIDDEN (ForeignOwner): The caller's token does not allow to act for this owner.
        - NOT_FOUND (MediaNotFound): No media of this caller has this id: unknown, deleted and somebody else's read
        the same.
        """
        return self._transport.call(
            "media.pollEvents",
            {
                "mediaId": media_id,
                "since": since,
                "waitSeconds": wait_seconds,
                "limit": limit,
                "owner": owner,
            },
            MediaEvents,
        )

    def set_plan(
        self,
        *,
        plan: Plan,
        user_id: str | None = None,
        owner: Owner | str | None = None,
    ) -> StorageUsage:
        """Give a user, or another owner, the quota of a plan, and answer what is used of it. For the scope `service`
        alone.

        Less than is used takes nothing away: nothing more comes in until there is room. A token that names a plan
        itself goes on deciding for its own user, at the next initiate. Raises ServiceOnly.

        - FORBIDDEN (ServiceOnly): The procedure is for tokens with the scope `service`.
        """
        return self._transport.call(
            "media.setPlan",
            {
                "userId": user_id,
                "owner": owner,
                "plan": plan,
            },
            StorageUsage,
        )

    def purge_user(
        self,
        *,
        user_id: str,
    ) -> Purged:
        """Delete everything of a user: media, uploads on their way, the profile image, the plan. For `service` alone.

        Answers how many media this call deleted; what it did not get to, the next one does. Raises ServiceOnly.

        - FORBIDDEN (ServiceOnly): The procedure is for tokens with the scope `service`.
        """
        return self._transport.call(
            "media.purgeUser",
            {
                "userId": user_id,
            },
            Purged,
        )

    def list_audit(
        self,
        *,
        limit: int | None = None,
        cursor: str | None = None,
        direction: Literal["forward", "backward"] | None = None,
        owner: Owner | str | None = None,
        media_id: str | None = None,
    ) -> AuditPage:
        """Answer a page of the audit, newest first: of all, of an owner, of a media. For the scope `service` alone.

        Raises ServiceOnly.

        - FORBIDDEN (ServiceOnly): The procedure is for tokens with the scope `service`.
        """
        return self._transport.call(
            "media.listAudit",
            {
                "limit": limit,
                "cursor": cursor,
                "direction": direction,
                "owner": owner,
                "mediaId": media_id,
            },
            AuditPage,
        )


class AsyncMediaProcedures:
    """The procedures of `media`."""

    def __init__(self, transport: AsyncTransport) -> None:
        self._transport = transport

    async def get_supported_formats(
        self,
    ) -> SupportedFormats:
        """Say which content types and sizes `media.initiateUpload` accepts."""
        return await self._transport.call(
            "media.getSupportedFormats",
            {},
            SupportedFormats,
        )

    async def initiate_upload(
        self,
        *,
        filename: str,
        content_type: str,
        size: int,
        purpose: Purpose | None = None,
        sha256: str | None = None,
        idempotency_key: str | None = None,
        owner: Owner | str | None = None,
    ) -> UploadTicket:
        """Reserve room for one object and sign the PUT that fills it.

        With an idempotency key, the same input finds the same upload again, with a fresh URL. Raises FileTooLarge
        over the type's ceiling, StorageLimitExceeded when the quota has no room, MediaLimitExceeded and
        PendingUploadLimitExceeded when the owner has too many, RateLimitExceeded, IdempotencyKeyTaken and
        ForeignOwner.

        - FORBIDDEN (ForeignOwner): The caller's token does not allow to act for this owner.
        - FILE_TOO_LARGE (FileTooLarge): The declared size is over the ceiling of its type.
        - STORAGE_LIMIT_EXCEEDED (StorageLimitExceeded): `required` bytes do not fit into what used and reserved
        bytes, and renditions that count, leave of the quota.

            `releases` are the `bytes` of deleted uploads that come back, by the minute `at` which they do, soonest
        first.
        - STORAGE_LIMIT_EXCEEDED (MediaLimitExceeded): The owner has `media` of `maxMedia` media, deleted ones until
        they are gone; so no byte is `available`.
        - STORAGE_LIMIT_EXCEEDED (PendingUploadLimitExceeded): The owner has `pendingUploads` of `maxPendingUploads`
        uploads to complete; so no byte is `available`.
        - CONFLICT (IdempotencyKeyTaken): The key named another input before, or an upload that was deleted since.
        """
        return await self._transport.call(
            "media.initiateUpload",
            {
                "filename": filename,
                "contentType": content_type,
                "size": size,
                "purpose": purpose,
                "sha256": sha256,
                "idempotencyKey": idempotency_key,
                "owner": owner,
            },
            UploadTicket,
        )

    async def initiate_uploads(
        self,
        *,
        uploads: Sequence[NewUpload],
    ) -> UploadOutcomes:
        """Begin each of these uploads as `media.initiateUpload` would, in their order; what came of each.

        What is refused hinders nothing else, and the call counts once. Idempotent with a key for each: then the URLs
        are fresh.
        """
        return await self._transport.call(
            "media.initiateUploads",
            {
                "uploads": uploads,
            },
            UploadOutcomes,
        )

    async def complete_upload(
        self,
        *,
        media_id: str,
        upload_id: str | None = None,
        wait_seconds: int | None = None,
    ) -> MediaAnswer:
        """Verify the bytes, publish them at a write-once key, and answer the media. Idempotent.

        With `waitSeconds` the media is answered once it is ready or failed, or as it is when the time is over.

        Raises UploadNotFound, UploadIncomplete or PartsMissing (not sent yet) or UploadExpired (not sent in time),
        SizeDiffers, DigestDiffers and PartDiffers (send again), InvalidFileType (refused; initiate anew).

        - NOT_FOUND (UploadNotFound): `completeUpload` knows no upload of this caller with this id.
        - CONFLICT (UploadIncomplete): The bytes have not arrived; the upload stays pending until `expiresAt`.
        - CONFLICT (PartsMissing): Storage does not have these parts; the upload stays pending until `expiresAt`.
        - INVALID_INPUT (PartDiffers): Storage has a part of another size or ETag than declared; the upload stays
        pending, so it can be sent again.
        - VALIDATION_ERROR (UploadExpired): The signed URL ran out before the bytes came.
        - INVALID_INPUT (SizeDiffers): Storage holds another number of bytes than declared; the upload stays pending,
        so the PUT can be repeated.
        - INVALID_INPUT (DigestDiffers): The bytes' SHA-256 is not the declared one; the upload stays pending, so the
        PUT can be repeated.
        - INVALID_FILE_TYPE (InvalidFileType): The bytes say another type than the declared one, or none; the upload
        is refused and its object goes.
        """
        return await self._transport.call(
            "media.completeUpload",
            {
                "mediaId": media_id,
                "uploadId": upload_id,
                "waitSeconds": wait_seconds,
            },
            MediaAnswer,
        )

    async def initiate_multipart_upload(
        self,
        *,
        filename: str,
        content_type: str,
        size: int,
        purpose: Purpose | None = None,
        sha256: str | None = None,
        idempotency_key: str | None = None,
        owner: Owner | str | None = None,
        part_size: int | None = None,
    ) -> MultipartTicket:
        """Reserve room for one object that comes in parts, and say how large they are.

        With an idempotency key, the same input finds the same upload again. Raises FileTooLarge over the type's
        ceiling, StorageLimitExceeded when the quota has no room, MediaLimitExceeded and PendingUploadLimitExceeded
        when the owner has too many, RateLimitExceeded, IdempotencyKeyTaken and ForeignOwner.

        - FORBIDDEN (ForeignOwner): The caller's token does not allow to act for this owner.
        - FILE_TOO_LARGE (FileTooLarge): The declared size is over the ceiling of its type.
        - STORAGE_LIMIT_EXCEEDED (StorageLimitExceeded): `required` bytes do not fit into what used and reserved
        bytes, and renditions that count, leave of the quota.

            `releases` are the `bytes` of deleted uploads that come back, by the minute `at` which they do, soonest
        first.
        - STORAGE_LIMIT_EXCEEDED (MediaLimitExceeded): The owner has `media` of `maxMedia` media, deleted ones until
        they are gone; so no byte is `available`.
        - STORAGE_LIMIT_EXCEEDED (PendingUploadLimitExceeded): The owner has `pendingUploads` of `maxPendingUploads`
        uploads to complete; so no byte is `available`.
        - CONFLICT (IdempotencyKeyTaken): The key named another input before, or an upload that was deleted since.
        """
        return await self._transport.call(
            "media.initiateMultipartUpload",
            {
                "filename": filename,
                "contentType": content_type,
                "size": size,
                "purpose": purpose,
                "sha256": sha256,
                "idempotencyKey": idempotency_key,
                "owner": owner,
                "partSize": part_size,
            },
            MultipartTicket,
        )

    async def sign_parts(
        self,
        *,
        media_id: str,
        part_numbers: Sequence[int],
        checksums: Sequence[PartChecksum] | None = None,
    ) -> SignedParts:
        """Sign a PUT for each of these parts of an upload, again and again, and put its end off.

        Raises UploadNotFound, UploadCompleted, UploadExpired, and PartUnknown for a number that the upload does not
        have.

        - NOT_FOUND (UploadNotFound): `completeUpload` knows no upload of this caller with this id.
        - CONFLICT (UploadCompleted): A completed media is not cancelled any more; `deleteMedia` deletes it.
        - VALIDATION_ERROR (UploadExpired): The signed URL ran out before the bytes came.
        - VALIDATION_ERROR (PartUnknown): The upload has no part of this number; an upload by one PUT has none at
        all.
        """
        return await self._transport.call(
            "media.signParts",
            {
                "mediaId": media_id,
                "partNumbers": part_numbers,
                "checksums": checksums,
            },
            SignedParts,
        )

    async def complete_multipart_upload(
        self,
        *,
        media_id: str,
        upload_id: str | None = None,
        parts: Sequence[SentPart] | None = None,
        wait_seconds: int | None = None,
    ) -> MediaAnswer:
        """Make one object of the parts that storage has, verify it, and answer the media. Idempotent.

        With `waitSeconds` the media is answered once it is ready or failed, or as it is when the time is over.

        Raises UploadNotFound, UploadExpired, PartsMissing and PartDiffers (send those parts), SizeDiffers,
        DigestDiffers and InvalidFileType (refused; initiate anew), and PartUnknown.

        - NOT_FOUND (UploadNotFound): `completeUpload` knows no upload of this caller with this id.
        - CONFLICT (UploadIncomplete): The bytes have not arrived; the upload stays pending until `expiresAt`.
        - CONFLICT (PartsMissing): Storage does not have these parts; the upload stays pending until `expiresAt`.
        - INVALID_INPUT (PartDiffers): Storage has a part of another size or ETag than declared; the upload stays
        pending, so it can be sent again.
        - VALIDATION_ERROR (UploadExpired): The signed URL ran out before the bytes came.
        - INVALID_INPUT (SizeDiffers): Storage holds another number of bytes than declared; the upload stays pending,
        so the PUT can be repeated.
        - INVALID_INPUT (DigestDiffers): The bytes' SHA-256 is not the declared one; the upload stays pending, so the
        PUT can be repeated.
        - INVALID_FILE_TYPE (InvalidFileType): The bytes say another type than the declared one, or none; the upload
        is refused and its object goes.
        - VALIDATION_ERROR (PartUnknown): The upload has no part of this number; an upload by one PUT has none at
        all.
        """
        return await self._transport.call(
            "media.completeMultipartUpload",
            {
                "mediaId": media_id,
                "uploadId": upload_id,
                "parts": parts,
                "waitSeconds": wait_seconds,
            },
            MediaAnswer,
        )

    async def upload(
        self,
        content: Bytes,
        *,
        filename: str | None = None,
        content_type: str | None = None,
        size: int | None = None,
        purpose: Purpose | None = None,
        sha256: str | None = None,
        idempotency_key: str | None = None,
        owner: Owner | str | None = None,
        wait_seconds: int | None = None,
    ) -> MediaAnswer:
        """Store bytes as they arrive, reserve room for them as they do, and answer the verified media.

        Raises FileTooLarge and StorageLimitExceeded as soon as it is so, MediaLimitExceeded,
        PendingUploadLimitExceeded, InvalidFileType, SizeDiffers and DigestDiffers, and leaves nothing then, nor when
        the client breaks off. With an idempotency key a repetition answers the media of the first call:
        IdempotencyKeyTaken for another input, UploadPending while that call is under way.

        - FORBIDDEN (ForeignOwner): The caller's token does not allow to act for this owner.
        - FILE_TOO_LARGE (FileTooLarge): The declared size is over the ceiling of its type.
        - STORAGE_LIMIT_EXCEEDED (StorageLimitExceeded): `required` bytes do not fit into what used and reserved
        bytes, and renditions that count, leave of the quota.

            `releases` are the `bytes` of deleted uploads that come back, by the minute `at` which they do, soonest
        first.
        - STORAGE_LIMIT_EXCEEDED (MediaLimitExceeded): The owner has `media` of `maxMedia` media, deleted ones until
        they are gone; so no byte is `available`.
        - STORAGE_LIMIT_EXCEEDED (PendingUploadLimitExceeded): The owner has `pendingUploads` of `maxPendingUploads`
        uploads to complete; so no byte is `available`.
        - INVALID_FILE_TYPE (InvalidFileType): The bytes say another type than the declared one, or none; the upload
        is refused and its object goes.
        - INVALID_INPUT (SizeDiffers): Storage holds another number of bytes than declared; the upload stays pending,
        so the PUT can be repeated.
        - INVALID_INPUT (DigestDiffers): The bytes' SHA-256 is not the declared one; the upload stays pending, so the
        PUT can be repeated.
        - CONFLICT (IdempotencyKeyTaken): The key named another input before, or an upload that was deleted since.
        - CONFLICT (UploadPending): The media has no verified bytes yet, so there is nothing to download.
        - VALIDATION_ERROR (UploadExpired): The signed URL ran out before the bytes came.
        """
        return await self._transport.send(
            "media.upload",
            {
                "filename": filename,
                "contentType": content_type,
                "size": size,
                "purpose": purpose,
                "sha256": sha256,
                "idempotencyKey": idempotency_key,
                "owner": owner,
                "waitSeconds": wait_seconds,
            },
            MediaAnswer,
            content,
        )

    async def upload_part(
        self,
        content: Bytes,
        *,
        media_id: str,
        part_number: int,
        sha256: str | None = None,
    ) -> UploadedPart:
        """Store one part of an upload in parts. Again with the same bytes is the same answer.

        Raises UploadNotFound, UploadCompleted, UploadExpired, PartUnknown, PartDiffers for another length or other
        bytes than storage keeps, and DigestDiffers.

        - NOT_FOUND (UploadNotFound): `completeUpload` knows no upload of this caller with this id.
        - CONFLICT (UploadCompleted): A completed media is not cancelled any more; `deleteMedia` deletes it.
        - VALIDATION_ERROR (UploadExpired): The signed URL ran out before the bytes came.
        - VALIDATION_ERROR (PartUnknown): The upload has no part of this number; an upload by one PUT has none at
        all.
        - INVALID_INPUT (PartDiffers): Storage has a part of another size or ETag than declared; the upload stays
        pending, so it can be sent again.
        - INVALID_INPUT (DigestDiffers): The bytes' SHA-256 is not the declared one; the upload stays pending, so the
        PUT can be repeated.
        """
        return await self._transport.send(
            "media.uploadPart",
            {
                "mediaId": media_id,
                "partNumber": part_number,
                "sha256": sha256,
            },
            UploadedPart,
            content,
        )

    async def get_upload_status(
        self,
        *,
        media_id: str,
    ) -> UploadStatus:
        """Say how far an upload is and what is missing, as storage has it. Raises UploadNotFound.

        - NOT_FOUND (UploadNotFound): `completeUpload` knows no upload of this caller with this id.
        """
        return await self._transport.call(
            "media.getUploadStatus",
            {
                "mediaId": media_id,
            },
            UploadStatus,
        )

    async def list_uploads(
        self,
        *,
        limit: int | None = None,
        cursor: str | None = None,
        direction: Literal["forward", "backward"] | None = None,
        owner: Owner | str | None = None,
    ) -> UploadPage:
        """Answer a page of an owner's unfinished uploads, newest first. Raises ForeignOwner.

        - FORBIDDEN (ForeignOwner): The caller's token does not allow to act for this owner.
        """
        return await self._transport.call(
            "media.listUploads",
            {
                "limit": limit,
                "cursor": cursor,
                "direction": direction,
                "owner": owner,
            },
            UploadPage,
        )

    async def cancel_upload(
        self,
        *,
        media_id: str,
    ) -> Success:
        """Give up an upload that is not completed. Idempotent.

        An upload in parts is free at once when storage has dropped it. What a signed PUT could still bring stays
        reserved until its end, for everything but the same file. Raises UploadCompleted and MediaNotFound.

        - CONFLICT (UploadCompleted): A completed media is not cancelled any more; `deleteMedia` deletes it.
        - NOT_FOUND (MediaNotFound): No media of this caller has this id: unknown, deleted and somebody else's read
        the same.
        """
        return await self._transport.call(
            "media.cancelUpload",
            {
                "mediaId": media_id,
            },
            Success,
        )

    async def get_media(
        self,
        *,
        media_id: str,
    ) -> FoundMedia:
        """Answer one media of the caller; MediaNotFound for unknown, deleted and other people's ids alike.

        - NOT_FOUND (MediaNotFound): No media of this caller has this id: unknown, deleted and somebody else's read
        the same.
        """
        return await self._transport.call(
            "media.getMedia",
            {
                "mediaId": media_id,
            },
            FoundMedia,
        )

    async def get_many(
        self,
        *,
        media_ids: Sequence[str],
    ) -> ManyMedia:
        """Answer up to 100 media by their ids, whoever owns them, in this order; null for what is unknown or deleted.

        For the scope `service` alone: it says for others what they may see. Raises ServiceOnly.

        - FORBIDDEN (ServiceOnly): The procedure is for tokens with the scope `service`.
        """
        return await self._transport.call(
            "media.getMany",
            {
                "mediaIds": media_ids,
            },
            ManyMedia,
        )

    async def list_media(
        self,
        *,
        limit: int | None = None,
        cursor: str | None = None,
        direction: Literal["forward", "backward"] | None = None,
        type: MediaType | None = None,
        status: Literal["pending", "processing", "ready", "failed"] | None = None,
        purpose: Literal["post", "profile", "any"] | None = None,
        post_id: str | None = None,
        search: str | None = None,
        owner: Owner | str | None = None,
    ) -> MediaPage:
        """Answer a page of an owner's media, newest first; unfinished uploads only with `status: "pending"`.

        Profile images only with `purpose: "profile"` or `"any"`.

        A page of a search goes on where names are left that it has not looked at, full or not. Raises ForeignOwner.

        - FORBIDDEN (ForeignOwner): The caller's token does not allow to act for this owner.
        """
        return await self._transport.call(
            "media.listMedia",
            {
                "limit": limit,
                "cursor": cursor,
                "direction": direction,
                "type": type,
                "status": status,
                "purpose": purpose,
                "postId": post_id,
                "search": search,
                "owner": owner,
            },
            MediaPage,
        )

    async def get_download_url(
        self,
        *,
        media_id: str,
        rendition: str | None = None,
        filename: DownloadName | None = None,
        inline: bool | None = None,
    ) -> DownloadUrl:
        """Sign a GET of the original, under its own name or one that tells nothing, as a download or to show in a page.

        The URL stays the same for a while, so that it can be cached, and is good for at least 15 minutes.

        A rendition's is public, and good for as long as the media is there.

        Raises MediaNotFound, UploadPending before completion, MediaInfected, MediaUnscanned, and RenditionNotFound.

        - NOT_FOUND (MediaNotFound): No media of this caller has this id: unknown, deleted and somebody else's read
        the same.
        - CONFLICT (UploadPending): The media has no verified bytes yet, so there is nothing to download.
        - CONFLICT (MediaInfected): The file holds malware: nobody gets it any more, and soon it goes.
        - CONFLICT (MediaUnscanned): No scanner has found the file clean, or not yet; what is ready can be
        downloaded.
        - NOT_FOUND (RenditionNotFound): The media has no rendition of this name (yet).
        """
        return await self._transport.call(
            "media.getDownloadUrl",
            {
                "mediaId": media_id,
                "rendition": rendition,
                "filename": filename,
                "inline": inline,
            },
            DownloadUrl,
        )

    async def get_processing_status(
        self,
        *,
        media_id: str,
    ) -> ProcessingStatus:
        """Answer how far the processing of a media is, in percent and words. Raises MediaNotFound.

        - NOT_FOUND (MediaNotFound): No media of this caller has this id: unknown, deleted and somebody else's read
        the same.
        """
        return await self._transport.call(
            "media.getProcessingStatus",
            {
                "mediaId": media_id,
            },
            ProcessingStatus,
        )

    async def retry_processing(
        self,
        *,
        media_id: str,
    ) -> MediaAnswer:
        """Begin the processing of a failed media anew; of any other, answer it as it is. Idempotent.

        Raises MediaNotFound, UploadPending before completion, MediaInfected, and RateLimitExceeded for what was
        begun anew three times within the hour.

        - NOT_FOUND (MediaNotFound): No media of this caller has this id: unknown, deleted and somebody else's read
        the same.
        - CONFLICT (UploadPending): The media has no verified bytes yet, so there is nothing to download.
        - CONFLICT (MediaInfected): The file holds malware: nobody gets it any more, and soon it goes.
        - RATE_LIMIT_EXCEEDED (RateLimitExceeded): The caller's window for this procedure is full; in `retryAfter`
        seconds it has room.
        """
        return await self._transport.call(
            "media.retryProcessing",
            {
                "mediaId": media_id,
            },
            MediaAnswer,
        )

    async def cancel_processing(
        self,
        *,
        media_id: str,
    ) -> Success:
        """End the processing of a media at once: it is `failed`, and can be begun anew. Idempotent.

        Raises MediaNotFound, UploadPending before completion, and MediaProcessed for what is ready.

        - NOT_FOUND (MediaNotFound): No media of this caller has this id: unknown, deleted and somebody else's read
        the same.
        - CONFLICT (UploadPending): The media has no verified bytes yet, so there is nothing to download.
        - CONFLICT (MediaProcessed): The media is ready: there is nothing to cancel any more.
        """
        return await self._transport.call(
            "media.cancelProcessing",
            {
                "mediaId": media_id,
            },
            Success,
        )

    async def attach_to_post(
        self,
        *,
        post_id: str,
        media_ids: Sequence[str],
    ) -> PostMedia:
        """Put media at the end of a post, in this order, all or none; answer the whole post. Idempotent.

        Raises MediaNotFound, OtherPurpose for profile images, MediaUnusable for what is neither processing nor
        ready, AttachedElsewhere for what belongs to another post, SeveralOwners, and PostFull over the limit.

        - NOT_FOUND (MediaNotFound): No media of this caller has this id: unknown, deleted and somebody else's read
        the same.
        - CONFLICT (OtherPurpose): The media was uploaded for another purpose: what is for posts is no profile image,
        and the other way round.
        - CONFLICT (MediaUnusable): A post or a profile takes only what is `processing` or `ready`: verified, and not
        failed.
        - CONFLICT (AttachedElsewhere): The media belongs to the post `postId`; detach it there first.
        - CONFLICT (SeveralOwners): The media belongs to another owner than the first one: a post has media of one
        owner.
        - CONFLICT (PostFull): The post has room for `limit` media, and `mediaId` would be the next; none was
        attached.
        """
        return await self._transport.call(
            "media.attachToPost",
            {
                "postId": post_id,
                "mediaIds": media_ids,
            },
            PostMedia,
        )

    async def detach_from_post(
        self,
        *,
        post_id: str,
        media_ids: Sequence[str],
    ) -> Success:
        """Take media out of a post; what does not stand in it stays as it is. Idempotent.

        Raises MediaNotFound, and then nothing was detached.

        - NOT_FOUND (MediaNotFound): No media of this caller has this id: unknown, deleted and somebody else's read
        the same.
        """
        return await self._transport.call(
            "media.detachFromPost",
            {
                "postId": post_id,
                "mediaIds": media_ids,
            },
            Success,
        )

    async def list_post_media(
        self,
        *,
        post_id: str,
        owner: Owner | str | None = None,
    ) -> FoundPostMedia:
        """Answer the media of an owner's post in their order; a post that nobody attached to has none.

        Raises ForeignOwner.

        - FORBIDDEN (ForeignOwner): The caller's token does not allow to act for this owner.
        """
        return await self._transport.call(
            "media.listPostMedia",
            {
                "postId": post_id,
                "owner": owner,
            },
            FoundPostMedia,
        )

    async def set_profile_image(
        self,
        *,
        media_id: str,
    ) -> MediaAnswer:
        """Make an image its owner's profile image, and delete the one that was. Idempotent.

        Raises MediaNotFound, OtherPurpose for what was not uploaded with the purpose `profile`, MediaUnusable for
        what is neither processing nor ready, and NoImage.

        - NOT_FOUND (MediaNotFound): No media of this caller has this id: unknown, deleted and somebody else's read
        the same.
        - CONFLICT (OtherPurpose): The media was uploaded for another purpose: what is for posts is no profile image,
        and the other way round.
        - CONFLICT (MediaUnusable): A post or a profile takes only what is `processing` or `ready`: verified, and not
        failed.
        - CONFLICT (NoImage): A profile image has to be an image.
        """
        return await self._transport.call(
            "media.setProfileImage",
            {
                "mediaId": media_id,
            },
            MediaAnswer,
        )

    async def get_profile_image(
        self,
        *,
        owner: Owner | str | None = None,
    ) -> ProfileImage:
        """Answer an owner's profile image, null when there is none or it was deleted. Raises ForeignOwner.

        - FORBIDDEN (ForeignOwner): The caller's token does not allow to act for this owner.
        """
        return await self._transport.call(
            "media.getProfileImage",
            {
                "owner": owner,
            },
            ProfileImage,
        )

    async def get_storage_usage(
        self,
        *,
        owner: Owner | str | None = None,
    ) -> StorageUsage:
        """Answer what an owner uses of the quota, in bytes. Raises ForeignOwner.

        - FORBIDDEN (ForeignOwner): The caller's token does not allow to act for this owner.
        """
        return await self._transport.call(
            "media.getStorageUsage",
            {
                "owner": owner,
            },
            StorageUsage,
        )

    async def delete_media(
        self,
        *,
        media_id: str,
    ) -> Success:
        """Give the bytes back at once and take the objects out of storage in the background. Idempotent.

        What a signed URL could still bring stays reserved until its end. Raises MediaNotFound.

        - NOT_FOUND (MediaNotFound): No media of this caller has this id: unknown, deleted and somebody else's read
        the same.
        """
        return await self._transport.call(
            "media.deleteMedia",
            {
                "mediaId": media_id,
            },
            Success,
        )

    async def delete_many(
        self,
        *,
        media_ids: Sequence[str],
    ) -> Deletions:
        """Delete each of these media as `media.deleteMedia` would, all of them at once; what came of each, in their
        order.

        What is not found hinders nothing else. Idempotent.
        """
        return await self._transport.call(
            "media.deleteMany",
            {
                "mediaIds": media_ids,
            },
            Deletions,
        )

    async def delete_post_media(
        self,
        *,
        post_id: str,
        owner: Owner | str | None = None,
    ) -> DeletedPostMedia:
        """Delete every media of an owner's post, as `media.deleteMedia` would, all of them at once. Raises
        ForeignOwner.

        - FORBIDDEN (ForeignOwner): The caller's token does not allow to act for this owner.
        """
        return await self._transport.call(
            "media.deletePostMedia",
            {
                "postId": post_id,
                "owner": owner,
            },
            DeletedPostMedia,
        )

    def watch(
        self,
        *,
        media_id: str | None = None,
        last_event_id: str | None = None,
        since: Literal["start"] | str | None = None,
        owner: Owner | str | Literal["*"] | None = None,
    ) -> AsyncIterator[MediaEvent]:
        """Answer an owner's events as they happen, in the order of the changes.

        First those of the log after `lastEventId` or `since` where it is given. Raises ForeignOwner, and
        MediaNotFound for a media that never was the caller's.

        - FORBIDDEN (ForeignOwner): The caller's token does not allow to act for this owner.
        - NOT_FOUND (MediaNotFound): No media of this caller has this id: unknown, deleted and somebody else's read
        the same.
        """
        return self._transport.watch(
            "media.watch",
            {
                "mediaId": media_id,
                "lastEventId": last_event_id,
                "since": since,
                "owner": owner,
            },
            MediaEvent,
        )

    async def poll_events(
        self,
        *,
        media_id: str | None = None,
        since: Literal["start"] | str | None = None,
        wait_seconds: int | None = None,
        limit: int | None = None,
        owner: Owner | str | Literal["*"] | None = None,
    ) -> MediaEvents:
        """Answer the events after `since`, or wait up to `waitSeconds` for the next ones; none when nothing happens.

        Without `since` they are those from now on, and `lastEventId` says where that is.

        Raises ForeignOwner, and MediaNotFound for a media that never was the caller's.

        - FORBIDDEN (ForeignOwner): The caller's token does not allow to act for this owner.
        - NOT_FOUND (MediaNotFound): No media of this caller has this id: unknown, deleted and somebody else's read
        the same.
        """
        return await self._transport.call(
            "media.pollEvents",
            {
                "mediaId": media_id,
                "since": since,
                "waitSeconds": wait_seconds,
                "limit": limit,
                "owner": owner,
            },
            MediaEvents,
        )

    async def set_plan(
        self,
        *,
        plan: Plan,
        user_id: str | None = None,
        owner: Owner | str | None = None,
    ) -> StorageUsage:
        """Give a user, or another owner, the quota of a plan, and answer what is used of it. For the scope `service`
        alone.

        Less than is used takes nothing away: nothing more comes in until there is room. A token that names a plan
        itself goes on deciding for its own user, at the next initiate. Raises ServiceOnly.

        - FORBIDDEN (ServiceOnly): The procedure is for tokens with the scope `service`.
        """
        return await self._transport.call(
            "media.setPlan",
            {
                "userId": user_id,
                "owner": owner,
                "plan": plan,
            },
            StorageUsage,
        )

    async def purge_user(
        self,
        *,
        user_id: str,
    ) -> Purged:
        """Delete everything of a user: media, uploads on their way, the profile image, the plan. For `service` alone.

        Answers how many media this call deleted; what it did not get to, the next one does. Raises ServiceOnly.

        - FORBIDDEN (ServiceOnly): The procedure is for tokens with the scope `service`.
        """
        return await self._transport.call(
            "media.purgeUser",
            {
                "userId": user_id,
            },
            Purged,
        )

    async def list_audit(
        self,
        *,
        limit: int | None = None,
        cursor: str | None = None,
        direction: Literal["forward", "backward"] | None = None,
        owner: Owner | str | None = None,
        media_id: str | None = None,
    ) -> AuditPage:
        """Answer a page of the audit, newest first: of all, of an owner, of a media. For the scope `service` alone.

        Raises ServiceOnly.

        - FORBIDDEN (ServiceOnly): The procedure is for tokens with the scope `service`.
        """
        return await self._transport.call(
            "media.listAudit",
            {
                "limit": limit,
                "cursor": cursor,
                "direction": direction,
                "owner": owner,
                "mediaId": media_id,
            },
            AuditPage,
        )
