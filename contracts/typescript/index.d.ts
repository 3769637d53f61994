// Written by `mediarpc typescript` from the server's models.
import type {
  TRPCBuiltRouter,
  TRPCDefaultErrorShape,
  TRPCMutationProcedure,
  TRPCQueryProcedure,
  TRPCSubscriptionProcedure,
} from '@trpc/server';

/** A value that is told from others of its type: no plain string is taken for a `MediaId`, but `text as MediaId` is. */
export type Brand<T, Name extends string> = T & { readonly __brand: Name };

export type Cursor = Brand<string, 'Cursor'>;

export type EventId = Brand<string, 'EventId'>;

export type ISODateTime = Brand<string, 'ISODateTime'>;

export type MediaId = Brand<string, 'MediaId'>;

/** What an audio file says of itself. */
export interface AudioTags {
  title?: string;
  artist?: string;
  album?: string;
}

/** Newest first; `nextCursor` is null on the last page. */
export interface AuditPage {
  items: AuditRecord[];
  nextCursor: string | null;
}

/**
 * One change: the user who asked for it, by which procedure, in which request, and what with.
 *
 * `userId` is empty for what was done by a command of this server. `input` leaves out what stands beside it, and has
 * lists by their lengths.
 */
export interface AuditRecord {
  id: string;
  at: ISODateTime;
  userId: string;
  procedure: string;
  requestId: string;
  owner: Owner;
  mediaId: MediaId | null;
  input: Record<string, unknown>;
}

/** How many media were deleted by this call; their bytes leave storage in the background. */
export interface DeletedPostMedia {
  deleted: number;
}

/** What came of one deletion. */
export interface Deletion {
  mediaId: MediaId;
  success: boolean;
  error: Refusal | null;
}

/** What came of each deletion, in the order asked. */
export interface Deletions {
  results: Deletion[];
}

/** What a download is called: as it was uploaded, or by its id alone. */
export type DownloadName = 'original' | 'neutral';

/** A signed GET, good until `expiresAt`. Whoever asks again before long gets the same. */
export interface DownloadUrl {
  url: string;
  expiresAt: ISODateTime;
}

/** What happened. */
export type EventType = 'upload.started' | 'upload.progress' | 'media.processing' | 'media.progress' | 'media.ready' | 'media.failed' | 'media.deleted';

/** One media, and the last event of its owner that it knows of: watch from there, and nothing is missed. */
export interface FoundMedia {
  media: Media;
  lastEventId: EventId;
}

/** The media of a post, in their order, and the last event of their owner that they know of. */
export interface FoundPostMedia {
  items: Media[];
  lastEventId: EventId;
}

/** The media that were asked for, in this order; null for what is not there. */
export interface ManyMedia {
  items: (Media | null)[];
}

/**
 * A media as its owner sees it. Sizes in bytes, width and height in pixels as displayed, duration in seconds.
 *
 * `userId` is the user who uploaded it.
 */
export interface Media {
  id: MediaId;
  ownerType: string;
  ownerId: string;
  userId: string;
  type: MediaType;
  purpose: Purpose;
  status: MediaState;
  url: string | null;
  thumbnailUrl: string | null;
  filename: string;
  size: number;
  mimeType: string;
  width: number | null;
  height: number | null;
  duration: number | null;
  renditions: Rendition[];
  hlsUrl: string | null;
  postId: string | null;
  /**
   * What is known of a media, by its `type`; what is not is left out, and everything until it is processed.
   *
   * An image has `format` (what its file is), `frames` (over 1 when it moves), `placeholder` (a ThumbHash in base64) and
   * `dominantColor` (#rrggbb). A video has `placeholder`, `dominantColor`, `codec` and `bitrate` (bits a second) of its
   * image, `fps`, `hasAudio`, `rotation` (by how many degrees clockwise it was turned upright), and `warnings` where
   * its renditions lack something. Audio has `codec`, `bitrate` and `tags`.
   */
  metadata: { format?: string; frames?: number; placeholder?: string; dominantColor?: string; codec?: string; bitrate?: number; fps?: number; hasAudio?: boolean; rotation?: number; tags?: AudioTags; warnings?: ('sound_unsupported' | 'sound_incomplete')[] };
  error: MediaError | null;
  createdAt: ISODateTime;
  updatedAt: ISODateTime;
}

/** One media. */
export interface MediaAnswer {
  media: Media;
}

/** Why a media failed: a stable word and a sentence. */
export interface MediaError {
  code: string;
  reason: string;
}

/** One change of one media; ids rise in the order in which an owner's changes took effect. */
export interface MediaEvent {
  id: EventId;
  type: EventType;
  mediaId: MediaId;
  ownerType: string;
  ownerId: string;
  at: ISODateTime;
  data: MediaEventData;
}

/**
 * The media as the event left it. Size in bytes.
 *
 * `uploadedBytes` of an upload in progress; `stage` and `progress` (percent) of a media that is worked at.
 */
export interface MediaEventData {
  status: MediaState;
  type: MediaType;
  size: number;
  uploadedBytes: number | null;
  stage: Stage | null;
  progress: number | null;
  error: MediaError | null;
}

/** Events in order, none when nothing happened in time; `lastEventId` is the next call's `since`. */
export interface MediaEvents {
  events: MediaEvent[];
  lastEventId: EventId;
}

/**
 * Newest first; `nextCursor` is null on the last page. `lastEventId` is the last event that the page knows of.
 *
 * A page of a search may hold less than asked for, or nothing, and yet not be the last.
 */
export interface MediaPage {
  items: Media[];
  nextCursor: Cursor | null;
  lastEventId: EventId;
}

/** Where a media is in its life. */
export type MediaState = 'pending' | 'processing' | 'ready' | 'failed' | 'deleted';

/** What kind of thing a media is; storage is counted by it. */
export type MediaType = 'image' | 'video' | 'audio';

/** An upload in parts: each has `partSize` bytes, the last one what is left. It lives until `expiresAt`. */
export interface MultipartTicket {
  uploadId: MediaId;
  mediaId: MediaId;
  partSize: number;
  totalParts: number;
  expiresAt: ISODateTime;
}

/** One of several uploads, as `media.initiateUpload` takes it. */
export interface NewUpload {
  filename: string;
  contentType: string;
  size: number;
  /** @default "post" */
  purpose?: Purpose;
  sha256?: string | null;
  idempotencyKey?: string | null;
  owner?: Owner | string | null;
}

/** A user, or something else that has media: an event, a team, named as the host application names it. */
export interface Owner {
  type: string;
  id: string;
}

/** The SHA-256 that the URL of a part is to be bound to. */
export interface PartChecksum {
  partNumber: number;
  sha256: string;
}

/** What the token's `plan` claim may say. */
export type Plan = 'free' | 'basic' | 'pro' | 'premium';

/** The media of a post, in their order. */
export interface PostMedia {
  items: Media[];
}

/**
 * How far processing is. `progress` is percent and never falls; `stage` is null while nobody works at it.
 *
 * `attempts` are those since it began, or was begun anew.
 */
export interface ProcessingStatus {
  mediaId: MediaId;
  status: MediaState;
  stage: Stage | null;
  progress: number;
  attempts: number;
  error: MediaError | null;
}

/** The profile image, null when there is none. */
export interface ProfileImage {
  media: Media | null;
}

/** How many media were deleted by this call; their bytes leave storage in the background. */
export interface Purged {
  deleted: number;
}

/** What a media is for. */
export type Purpose = 'post' | 'profile';

/** Why one of several media was not deleted: a number and its sentence of the error table. */
export interface Refusal {
  code: number;
  message: string;
}

/** One published form of a media. */
export interface Rendition {
  name: string;
  url: string;
  mimeType: string;
  size: number;
  width: number | null;
  height: number | null;
  duration: number | null;
}

/** A part as its sender knows it; what is said of it must be so. */
export interface SentPart {
  partNumber: number;
  etag?: string | null;
  size?: number | null;
}

/** Where and how to send one part: one PUT of exactly `size` bytes with `headers`, before `expiresAt`. */
export interface SignedPart {
  partNumber: number;
  uploadUrl: string;
  method: 'PUT';
  headers: Record<string, string>;
  size: number;
  expiresAt: ISODateTime;
}

/** In the order in which they were asked for. */
export interface SignedParts {
  parts: SignedPart[];
}

/** What a worker is at with a media that is `processing`. */
export type Stage = 'downloading' | 'scanning' | 'rendering' | 'encoding' | 'publishing';

/**
 * Bytes. `used`: completed originals; `reserved`: what signed URLs may still bring or tombstones still hold.
 *
 * `renditions`: what was made of them, which counts in `percentage` and against `quota` where the settings say so.
 * `limit` is the quota too, as callers of VRSS know it.
 */
export interface StorageUsage {
  used: number;
  quota: number;
  limit: number;
  percentage: number;
  reserved: number;
  renditions: number;
  breakdown: Partial<Record<MediaType, number>>;
}

/** A part that storage has. */
export interface StoredPart {
  partNumber: number;
  size: number;
}

/** The effect is there, now or from an earlier call. */
export interface Success {
  success: true;
}

/**
 * One accepted content type and its ceilings in bytes: of one request, and of an upload in parts.
 *
 * `aliases` are other names that are taken for it, in upper or lower case, with or without parameters.
 */
export interface SupportedFormat {
  contentType: string;
  aliases: string[];
  type: MediaType;
  extensions: string[];
  maxSize: number;
  maxMultipartSize: number;
}

/** What `media.initiateUpload` accepts, and the names of the renditions that are made. */
export interface SupportedFormats {
  formats: SupportedFormat[];
  renditions: string[];
  maxFilenameCharacters: number;
}

/** An upload that can be resumed; `uploadedBytes` as they were when somebody looked last. */
export interface UnfinishedUpload {
  mediaId: MediaId;
  uploadId: MediaId;
  filename: string;
  contentType: string;
  size: number;
  partSize: number | null;
  totalParts: number | null;
  uploadedBytes: number;
  expiresAt: ISODateTime;
  createdAt: ISODateTime;
}

/** What came of one upload: its ticket, or why it has none. */
export interface UploadOutcome {
  ticket: UploadTicket | null;
  error: UploadRefusal | null;
}

/** What came of each upload, in the order asked. */
export interface UploadOutcomes {
  results: UploadOutcome[];
}

/** Newest first; `nextCursor` is null on the last page. `lastEventId` is the last event that the page knows of. */
export interface UploadPage {
  items: UnfinishedUpload[];
  nextCursor: Cursor | null;
  lastEventId: EventId;
}

/** Why one of several uploads was not begun: a number and its sentence of the error table, and its facts. */
export interface UploadRefusal {
  code: number;
  message: string;
  details: Record<string, unknown> | null;
  requestId: string;
}

/**
 * How far an upload is, as storage says. `etaSeconds` by the rate of the last minute's parts, null without one.
 *
 * `partSize` and `totalParts` are null for an upload by one PUT. `nextPart` is the first of `missingParts`. `sha256`
 * is what was declared.
 */
export interface UploadStatus {
  mediaId: MediaId;
  uploadId: MediaId;
  status: MediaState;
  filename: string;
  contentType: string;
  uploadedBytes: number;
  totalBytes: number;
  progress: number;
  sha256: string | null;
  partSize: number | null;
  totalParts: number | null;
  parts: StoredPart[];
  missingParts: number[];
  nextPart: number | null;
  etaSeconds: number | null;
  expiresAt: ISODateTime;
}

/** Where and how to send the bytes: one request of `method` to `uploadUrl` with `headers`, before `expiresAt`. */
export interface UploadTicket {
  uploadId: MediaId;
  mediaId: MediaId;
  uploadUrl: string;
  method: 'PUT';
  headers: Record<string, string>;
  expiresAt: ISODateTime;
}

/** A part that storage has now, and how much of the upload it has altogether. */
export interface UploadedPart {
  partNumber: number;
  size: number;
  uploadedBytes: number;
  totalBytes: number;
  nextPart: number | null;
}

export declare namespace MediaProcedures {
  /** Say which content types and sizes `media.initiateUpload` accepts. */
  interface GetSupportedFormats {
    input: GetSupportedFormats.Input;
    output: GetSupportedFormats.Output;
  }
  namespace GetSupportedFormats {
    type Input = void;
    type Output = SupportedFormats;
  }
  /**
   * Reserve room for one object and sign the PUT that fills it.
   *
   * With an idempotency key, the same input finds the same upload again, with a fresh URL. Raises FileTooLarge over the
   * type's ceiling, StorageLimitExceeded when the quota has no room, MediaLimitExceeded and PendingUploadLimitExceeded
   * when the owner has too many, RateLimitExceeded, IdempotencyKeyTaken and ForeignOwner.
   *
   * @throws FORBIDDEN (ForeignOwner): The caller's token does not allow to act for this owner.
   * @throws FILE_TOO_LARGE (FileTooLarge): The declared size is over the ceiling of its type.
   * @throws STORAGE_LIMIT_EXCEEDED (StorageLimitExceeded): `required` bytes do not fit into what used and reserved
   * bytes, and renditions that count, leave of the quota.
   *
   *     `releases` are the `bytes` of deleted uploads that come back, by the minute `at` which they do, soonest first.
   *
   * @throws STORAGE_LIMIT_EXCEEDED (MediaLimitExceeded): The owner has `media` of `maxMedia` media, deleted ones until
   * they are gone; so no byte is `available`.
   * @throws STORAGE_LIMIT_EXCEEDED (PendingUploadLimitExceeded): The owner has `pendingUploads` of `maxPendingUploads`
   * uploads to complete; so no byte is `available`.
   * @throws CONFLICT (IdempotencyKeyTaken): The key named another input before, or an upload that was deleted since.
   */
  interface InitiateUpload {
    input: InitiateUpload.Input;
    output: InitiateUpload.Output;
  }
  namespace InitiateUpload {
    interface Input {
      filename: string;
      contentType: string;
      size: number;
      /** @default "post" */
      purpose?: Purpose;
      sha256?: string | null;
      idempotencyKey?: string | null;
      owner?: Owner | string | null;
    }
    type Output = UploadTicket;
  }
  /**
   * Begin each of these uploads as `media.initiateUpload` would, in their order; what came of each.
   *
   * What is refused hinders nothing else, and the call counts once. Idempotent with a key for each: then the
   * URLs are fresh.
   */
  interface InitiateUploads {
    input: InitiateUploads.Input;
    output: InitiateUploads.Output;
  }
  namespace InitiateUploads {
    interface Input {
      uploads: NewUpload[];
    }
    type Output = UploadOutcomes;
  }
  /**
   * Verify the bytes, publish them at a write-once key, and answer the media. Idempotent.
   *
   * With `waitSeconds` the media is answered once it is ready or failed, or as it is when the time is over.
   *
   * Raises UploadNotFound, UploadIncomplete or PartsMissing (not sent yet) or UploadExpired (not sent in time),
   * SizeDiffers, DigestDiffers and PartDiffers (send again), InvalidFileType (refused; initiate anew).
   *
   * @throws NOT_FOUND (UploadNotFound): `completeUpload` knows no upload of this caller with this id.
   * @throws CONFLICT (UploadIncomplete): The bytes have not arrived; the upload stays pending until `expiresAt`.
   * @throws CONFLICT (PartsMissing): Storage does not have these parts; the upload stays pending until `expiresAt`.
   * @throws INVALID_INPUT (PartDiffers): Storage has a part of another size or ETag than declared; the upload stays
   * pending, so it can be sent again.
   * @throws VALIDATION_ERROR (UploadExpired): The signed URL ran out before the bytes came.
   * @throws INVALID_INPUT (SizeDiffers): Storage holds another number of bytes than declared; the upload stays pending,
   * so the PUT can be repeated.
   * @throws INVALID_INPUT (DigestDiffers): The bytes' SHA-256 is not the declared one; the upload stays pending, so the
   * PUT can be repeated.
   * @throws INVALID_FILE_TYPE (InvalidFileType): The bytes say another type than the declared one, or none; the upload
   * is refused and its object goes.
   */
  interface CompleteUpload {
    input: CompleteUpload.Input;
    output: CompleteUpload.Output;
  }
  namespace CompleteUpload {
    interface Input {
      mediaId: MediaId;
      uploadId?: MediaId | null;
      waitSeconds?: number | null;
    }
    type Output = MediaAnswer;
  }
  /**
   * Reserve room for one object that comes in parts, and say how large they are.
   *
   * With an idempotency key, the same input finds the same upload again. Raises FileTooLarge over the type's ceiling,
   * StorageLimitExceeded when the quota has no room, MediaLimitExceeded and PendingUploadLimitExceeded when the owner
   * has too many, RateLimitExceeded, IdempotencyKeyTaken and ForeignOwner.
   *
   * @throws FORBIDDEN (ForeignOwner): The caller's token does not allow to act for this owner.
   * @throws FILE_TOO_LARGE (FileTooLarge): The declared size is over the ceiling of its type.
   * @throws STORAGE_LIMIT_EXCEEDED (StorageLimitExceeded): `required` bytes do not fit into what used and reserved
   * bytes, and renditions that count, leave of the quota.
   *
   *     `releases` are the `bytes` of deleted uploads that come back, by the minute `at` which they do, soonest first.
   *
   * @throws STORAGE_LIMIT_EXCEEDED (MediaLimitExceeded): The owner has `media` of `maxMedia` media, deleted ones until
   * they are gone; so no byte is `available`.
   * @throws STORAGE_LIMIT_EXCEEDED (PendingUploadLimitExceeded): The owner has `pendingUploads` of `maxPendingUploads`
   * uploads to complete; so no byte is `available`.
   * @throws CONFLICT (IdempotencyKeyTaken): The key named another input before, or an upload that was deleted since.
   */
  interface InitiateMultipartUpload {
    input: InitiateMultipartUpload.Input;
    output: InitiateMultipartUpload.Output;
  }
  namespace InitiateMultipartUpload {
    interface Input {
      filename: string;
      contentType: string;
      size: number;
      /** @default "post" */
      purpose?: Purpose;
      sha256?: string | null;
      idempotencyKey?: string | null;
      owner?: Owner | string | null;
      partSize?: number | null;
    }
    type Output = MultipartTicket;
  }
  /**
   * Sign a PUT for each of these parts of an upload, again and again, and put its end off.
   *
   * Raises UploadNotFound, UploadCompleted, UploadExpired, and PartUnknown for a number that the upload does not have.
   *
   * @throws NOT_FOUND (UploadNotFound): `completeUpload` knows no upload of this caller with this id.
   * @throws CONFLICT (UploadCompleted): A completed media is not cancelled any more; `deleteMedia` deletes it.
   * @throws VALIDATION_ERROR (UploadExpired): The signed URL ran out before the bytes came.
   * @throws VALIDATION_ERROR (PartUnknown): The upload has no part of this number; an upload by one PUT has none at all.
   */
  interface SignParts {
    input: SignParts.Input;
    output: SignParts.Output;
  }
  namespace SignParts {
    interface Input {
      mediaId: MediaId;
      partNumbers: number[];
      checksums?: PartChecksum[];
    }
    type Output = SignedParts;
  }
  /**
   * Make one object of the parts that storage has, verify it, and answer the media. Idempotent.
   *
   * With `waitSeconds` the media is answered once it is ready or failed, or as it is when the time is over.
   *
   * Raises UploadNotFound, UploadExpired, PartsMissing and PartDiffers (send those parts), SizeDiffers, DigestDiffers
   * and InvalidFileType (refused; initiate anew), and PartUnknown.
   *
   * @throws NOT_FOUND (UploadNotFound): `completeUpload` knows no upload of this caller with this id.
   * @throws CONFLICT (UploadIncomplete): The bytes have not arrived; the upload stays pending until `expiresAt`.
   * @throws CONFLICT (PartsMissing): Storage does not have these parts; the upload stays pending until `expiresAt`.
   * @throws INVALID_INPUT (PartDiffers): Storage has a part of another size or ETag than declared; the upload stays
   * pending, so it can be sent again.
   * @throws VALIDATION_ERROR (UploadExpired): The signed URL ran out before the bytes came.
   * @throws INVALID_INPUT (SizeDiffers): Storage holds another number of bytes than declared; the upload stays pending,
   * so the PUT can be repeated.
   * @throws INVALID_INPUT (DigestDiffers): The bytes' SHA-256 is not the declared one; the upload stays pending, so the
   * PUT can be repeated.
   * @throws INVALID_FILE_TYPE (InvalidFileType): The bytes say another type than the declared one, or none; the upload
   * is refused and its object goes.
   * @throws VALIDATION_ERROR (PartUnknown): The upload has no part of this number; an upload by one PUT has none at all.
   */
  interface CompleteMultipartUpload {
    input: CompleteMultipartUpload.Input;
    output: CompleteMultipartUpload.Output;
  }
  namespace CompleteMultipartUpload {
    interface Input {
      mediaId: MediaId;
      uploadId?: MediaId | null;
      parts?: SentPart[] | null;
      waitSeconds?: number | null;
    }
    type Output = MediaAnswer;
  }
  /**
   * Store bytes as they arrive, reserve room for them as they do, and answer the verified media.
   *
   * Raises FileTooLarge and StorageLimitExceeded as soon as it is so, MediaLimitExceeded, PendingUploadLimitExceeded,
   * InvalidFileType, SizeDiffers and DigestDiffers, and leaves nothing then, nor when the client breaks off. With an
   * idempotency key a repetition answers the media of the first call: IdempotencyKeyTaken for another input,
   * UploadPending while that call is under way.
   *
   * @throws FORBIDDEN (ForeignOwner): The caller's token does not allow to act for this owner.
   * @throws FILE_TOO_LARGE (FileTooLarge): The declared size is over the ceiling of its type.
   * @throws STORAGE_LIMIT_EXCEEDED (StorageLimitExceeded): `required` bytes do not fit into what used and reserved
   * bytes, and renditions that count, leave of the quota.
   *
   *     `releases` are the `bytes` of deleted uploads that come back, by the minute `at` which they do, soonest first.
   *
   * @throws STORAGE_LIMIT_EXCEEDED (MediaLimitExceeded): The owner has `media` of `maxMedia` media, deleted ones until
   * they are gone; so no byte is `available`.
   * @throws STORAGE_LIMIT_EXCEEDED (PendingUploadLimitExceeded): The owner has `pendingUploads` of `maxPendingUploads`
   * uploads to complete; so no byte is `available`.
   * @throws INVALID_FILE_TYPE (InvalidFileType): The bytes say another type than the declared one, or none; the upload
   * is refused and its object goes.
   * @throws INVALID_INPUT (SizeDiffers): Storage holds another number of bytes than declared; the upload stays pending,
   * so the PUT can be repeated.
   * @throws INVALID_INPUT (DigestDiffers): The bytes' SHA-256 is not the declared one; the upload stays pending, so the
   * PUT can be repeated.
   * @throws CONFLICT (IdempotencyKeyTaken): The key named another input before, or an upload that was deleted since.
   * @throws CONFLICT (UploadPending): The media has no verified bytes yet, so there is nothing to download.
   * @throws VALIDATION_ERROR (UploadExpired): The signed URL ran out before the bytes came.
   */
  interface Upload {
    input: Upload.Input;
    output: Upload.Output;
  }
  namespace Upload {
    /** The fields of the form, which stand before its file; beside other bytes, the JSON in `?input=`. */
    interface Fields {
      filename?: string | null;
      contentType?: string | null;
      size?: number | null;
      /** @default "post" */
      purpose?: Purpose;
      sha256?: string | null;
      idempotencyKey?: string | null;
      owner?: Owner | string | null;
      waitSeconds?: number | null;
    }
    type Input = FormData | Blob | Uint8Array;
    type Output = MediaAnswer;
  }
  /**
   * Store one part of an upload in parts. Again with the same bytes is the same answer.
   *
   * Raises UploadNotFound, UploadCompleted, UploadExpired, PartUnknown, PartDiffers for another length or other bytes
   * than storage keeps, and DigestDiffers.
   *
   * @throws NOT_FOUND (UploadNotFound): `completeUpload` knows no upload of this caller with this id.
   * @throws CONFLICT (UploadCompleted): A completed media is not cancelled any more; `deleteMedia` deletes it.
   * @throws VALIDATION_ERROR (UploadExpired): The signed URL ran out before the bytes came.
   * @throws VALIDATION_ERROR (PartUnknown): The upload has no part of this number; an upload by one PUT has none at all.
   * @throws INVALID_INPUT (PartDiffers): Storage has a part of another size or ETag than declared; the upload stays
   * pending, so it can be sent again.
   * @throws INVALID_INPUT (DigestDiffers): The bytes' SHA-256 is not the declared one; the upload stays pending, so the
   * PUT can be repeated.
   */
  interface UploadPart {
    input: UploadPart.Input;
    output: UploadPart.Output;
  }
  namespace UploadPart {
    /** The fields of the form, which stand before its file; beside other bytes, the JSON in `?input=`. */
    interface Fields {
      mediaId: MediaId;
      partNumber: number;
      sha256?: string | null;
    }
    type Input = FormData | Blob | Uint8Array;
    type Output = UploadedPart;
  }
  /**
   * Say how far an upload is and what is missing, as storage has it. Raises UploadNotFound.
   *
   * @throws NOT_FOUND (UploadNotFound): `completeUpload` knows no upload of this caller with this id.
   */
  interface GetUploadStatus {
    input: GetUploadStatus.Input;
    output: GetUploadStatus.Output;
  }
  namespace GetUploadStatus {
    interface Input {
      mediaId: MediaId;
    }
    type Output = UploadStatus;
  }
  /**
   * Answer a page of an owner's unfinished uploads, newest first. Raises ForeignOwner.
   *
   * @throws FORBIDDEN (ForeignOwner): The caller's token does not allow to act for this owner.
   */
  interface ListUploads {
    input: ListUploads.Input;
    output: ListUploads.Output;
  }
  namespace ListUploads {
    interface Input {
      /** @default 20 */
      limit?: number;
      cursor?: Cursor | null;
      /** @default "forward" */
      direction?: 'forward' | 'backward';
      owner?: Owner | string | null;
    }
    type Output = UploadPage;
  }
  /**
   * Give up an upload that is not completed. Idempotent.
   *
   * An upload in parts is free at once when storage has dropped it. What a signed PUT could still bring stays reserved
   * until its end, for everything but the same file. Raises UploadCompleted and MediaNotFound.
   *
   * @throws CONFLICT (UploadCompleted): A completed media is not cancelled any more; `deleteMedia` deletes it.
   * @throws NOT_FOUND (MediaNotFound): No media of this caller has this id: unknown, deleted and somebody else's read
   * the same.
   */
  interface CancelUpload {
    input: CancelUpload.Input;
    output: CancelUpload.Output;
  }
  namespace CancelUpload {
    interface Input {
      mediaId: MediaId;
    }
    type Output = Success;
  }
  /**
   * Answer one media of the caller; MediaNotFound for unknown, deleted and other people's ids alike.
   *
   * @throws NOT_FOUND (MediaNotFound): No media of this caller has this id: unknown, deleted and somebody else's read
   * the same.
   */
  interface GetMedia {
    input: GetMedia.Input;
    output: GetMedia.Output;
  }
  namespace GetMedia {
    interface Input {
      mediaId: MediaId;
    }
    type Output = FoundMedia;
  }
  /**
   * Answer up to 100 media by their ids, whoever owns them, in this order; null for what is unknown or deleted.
   *
   * For the scope `service` alone: it says for others what they may see. Raises ServiceOnly.
   *
   * @throws FORBIDDEN (ServiceOnly): The procedure is for tokens with the scope `service`.
   */
  interface GetMany {
    input: GetMany.Input;
    output: GetMany.Output;
  }
  namespace GetMany {
    interface Input {
      mediaIds: MediaId[];
    }
    type Output = ManyMedia;
  }
  /**
   * Answer a page of an owner's media, newest first; unfinished uploads only with `status: "pending"`.
   *
   * Profile images only with `purpose: "profile"` or `"any"`.
   *
   * A page of a search goes on where names are left that it has not looked at, full or not. Raises ForeignOwner.
   *
   * @throws FORBIDDEN (ForeignOwner): The caller's token does not allow to act for this owner.
   */
  interface ListMedia {
    input: ListMedia.Input;
    output: ListMedia.Output;
  }
  namespace ListMedia {
    interface Input {
      /** @default 20 */
      limit?: number;
      cursor?: Cursor | null;
      /** @default "forward" */
      direction?: 'forward' | 'backward';
      type?: MediaType | null;
      status?: 'pending' | 'processing' | 'ready' | 'failed' | null;
      /** @default "post" */
      purpose?: 'post' | 'profile' | 'any';
      postId?: string | null;
      search?: string | null;
      owner?: Owner | string | null;
    }
    type Output = MediaPage;
  }
  /**
   * Sign a GET of the original, under its own name or one that tells nothing, as a download or to show in a page.
   *
   * The URL stays the same for a while, so that it can be cached, and is good for at least 15 minutes.
   *
   * A rendition's is public, and good for as long as the media is there.
   *
   * Raises MediaNotFound, UploadPending before completion, MediaInfected, MediaUnscanned, and RenditionNotFound.
   *
   * @throws NOT_FOUND (MediaNotFound): No media of this caller has this id: unknown, deleted and somebody else's read
   * the same.
   * @throws CONFLICT (UploadPending): The media has no verified bytes yet, so there is nothing to download.
   * @throws CONFLICT (MediaInfected): The file holds malware: nobody gets it any more, and soon it goes.
   * @throws CONFLICT (MediaUnscanned): No scanner has found the file clean, or not yet; what is ready can be downloaded.
   * @throws NOT_FOUND (RenditionNotFound): The media has no rendition of this name (yet).
   */
  interface GetDownloadUrl {
    input: GetDownloadUrl.Input;
    output: GetDownloadUrl.Output;
  }
  namespace GetDownloadUrl {
    interface Input {
      mediaId: MediaId;
      rendition?: string | null;
      /** @default "original" */
      filename?: DownloadName;
      /** @default false */
      inline?: boolean;
    }
    type Output = DownloadUrl;
  }
  /**
   * Answer how far the processing of a media is, in percent and words. Raises MediaNotFound.
   *
   * @throws NOT_FOUND (MediaNotFound): No media of this caller has this id: unknown, deleted and somebody else's read
   * the same.
   */
  interface GetProcessingStatus {
    input: GetProcessingStatus.Input;
    output: GetProcessingStatus.Output;
  }
  namespace GetProcessingStatus {
    interface Input {
      mediaId: MediaId;
    }
    type Output = ProcessingStatus;
  }
  /**
   * Begin the processing of a failed media anew; of any other, answer it as it is. Idempotent.
   *
   * Raises MediaNotFound, UploadPending before completion, MediaInfected, and RateLimitExceeded for what was begun anew
   * three times within the hour.
   *
   * @throws NOT_FOUND (MediaNotFound): No media of this caller has this id: unknown, deleted and somebody else's read
   * the same.
   * @throws CONFLICT (UploadPending): The media has no verified bytes yet, so there is nothing to download.
   * @throws CONFLICT (MediaInfected): The file holds malware: nobody gets it any more, and soon it goes.
   * @throws RATE_LIMIT_EXCEEDED (RateLimitExceeded): The caller's window for this procedure is full; in `retryAfter`
   * seconds it has room.
   */
  interface RetryProcessing {
    input: RetryProcessing.Input;
    output: RetryProcessing.Output;
  }
  namespace RetryProcessing {
    interface Input {
      mediaId: MediaId;
    }
    type Output = MediaAnswer;
  }
  /**
   * End the processing of a media at once: it is `failed`, and can be begun anew. Idempotent.
   *
   * Raises MediaNotFound, UploadPending before completion, and MediaProcessed for what is ready.
   *
   * @throws NOT_FOUND (MediaNotFound): No media of this caller has this id: unknown, deleted and somebody else's read
   * the same.
   * @throws CONFLICT (UploadPending): The media has no verified bytes yet, so there is nothing to download.
   * @throws CONFLICT (MediaProcessed): The media is ready: there is nothing to cancel any more.
   */
  interface CancelProcessing {
    input: CancelProcessing.Input;
    output: CancelProcessing.Output;
  }
  namespace CancelProcessing {
    interface Input {
      mediaId: MediaId;
    }
    type Output = Success;
  }
  /**
   * Put media at the end of a post, in this order, all or none; answer the whole post. Idempotent.
   *
   * Raises MediaNotFound, OtherPurpose for profile images, MediaUnusable for what is neither processing nor ready,
   * AttachedElsewhere for what belongs to another post, SeveralOwners, and PostFull over the limit.
   *
   * @throws NOT_FOUND (MediaNotFound): No media of this caller has this id: unknown, deleted and somebody else's read
   * the same.
   * @throws CONFLICT (OtherPurpose): The media was uploaded for another purpose: what is for posts is no profile image,
   * and the other way round.
   * @throws CONFLICT (MediaUnusable): A post or a profile takes only what is `processing` or `ready`: verified, and not
   * failed.
   * @throws CONFLICT (AttachedElsewhere): The media belongs to the post `postId`; detach it there first.
   * @throws CONFLICT (SeveralOwners): The media belongs to another owner than the first one: a post has media of one
   * owner.
   * @throws CONFLICT (PostFull): The post has room for `limit` media, and `mediaId` would be the next; none was
   * attached.
   */
  interface AttachToPost {
    input: AttachToPost.Input;
    output: AttachToPost.Output;
  }
  namespace AttachToPost {
    interface Input {
      postId: string;
      mediaIds: MediaId[];
    }
    type Output = PostMedia;
  }
  /**
   * Take media out of a post; what does not stand in it stays as it is. Idempotent.
   *
   * Raises MediaNotFound, and then nothing was detached.
   *
   * @throws NOT_FOUND (MediaNotFound): No media of this caller has this id: unknown, deleted and somebody else's read
   * the same.
   */
  interface DetachFromPost {
    input: DetachFromPost.Input;
    output: DetachFromPost.Output;
  }
  namespace DetachFromPost {
    interface Input {
      postId: string;
      mediaIds: MediaId[];
    }
    type Output = Success;
  }
  /**
   * Answer the media of an owner's post in their order; a post that nobody attached to has none.
   *
   * Raises ForeignOwner.
   *
   * @throws FORBIDDEN (ForeignOwner): The caller's token does not allow to act for this owner.
   */
  interface ListPostMedia {
    input: ListPostMedia.Input;
    output: ListPostMedia.Output;
  }
  namespace ListPostMedia {
    interface Input {
      postId: string;
      owner?: Owner | string | null;
    }
    type Output = FoundPostMedia;
  }
  /**
   * Make an image its owner's profile image, and delete the one that was. Idempotent.
   *
   * Raises MediaNotFound, OtherPurpose for what was not uploaded with the purpose `profile`, MediaUnusable for what is
   * neither processing nor ready, and NoImage.
   *
   * @throws NOT_FOUND (MediaNotFound): No media of this caller has this id: unknown, deleted and somebody else's read
   * the same.
   * @throws CONFLICT (OtherPurpose): The media was uploaded for another purpose: what is for posts is no profile image,
   * and the other way round.
   * @throws CONFLICT (MediaUnusable): A post or a profile takes only what is `processing` or `ready`: verified, and not
   * failed.
   * @throws CONFLICT (NoImage): A profile image has to be an image.
   */
  interface SetProfileImage {
    input: SetProfileImage.Input;
    output: SetProfileImage.Output;
  }
  namespace SetProfileImage {
    interface Input {
      mediaId: MediaId;
    }
    type Output = MediaAnswer;
  }
  /**
   * Answer an owner's profile image, null when there is none or it was deleted. Raises ForeignOwner.
   *
   * @throws FORBIDDEN (ForeignOwner): The caller's token does not allow to act for this owner.
   */
  interface GetProfileImage {
    input: GetProfileImage.Input;
    output: GetProfileImage.Output;
  }
  namespace GetProfileImage {
    interface Input {
      owner?: Owner | string | null;
    }
    type Output = ProfileImage;
  }
  /**
   * Answer what an owner uses of the quota, in bytes. Raises ForeignOwner.
   *
   * @throws FORBIDDEN (ForeignOwner): The caller's token does not allow to act for this owner.
   */
  interface GetStorageUsage {
    input: GetStorageUsage.Input;
    output: GetStorageUsage.Output;
  }
  namespace GetStorageUsage {
    interface Input {
      owner?: Owner | string | null;
    }
    type Output = StorageUsage;
  }
  /**
   * Give the bytes back at once and take the objects out of storage in the background. Idempotent.
   *
   * What a signed URL could still bring stays reserved until its end. Raises MediaNotFound.
   *
   * @throws NOT_FOUND (MediaNotFound): No media of this caller has this id: unknown, deleted and somebody else's read
   * the same.
   */
  interface DeleteMedia {
    input: DeleteMedia.Input;
    output: DeleteMedia.Output;
  }
  namespace DeleteMedia {
    interface Input {
      mediaId: MediaId;
    }
    type Output = Success;
  }
  /**
   * Delete each of these media as `media.deleteMedia` would, all of them at once; what came of each, in their order.
   *
   * What is not found hinders nothing else. Idempotent.
   */
  interface DeleteMany {
    input: DeleteMany.Input;
    output: DeleteMany.Output;
  }
  namespace DeleteMany {
    interface Input {
      mediaIds: MediaId[];
    }
    type Output = Deletions;
  }
  /**
   * Delete every media of an owner's post, as `media.deleteMedia` would, all of them at once. Raises ForeignOwner.
   *
   * @throws FORBIDDEN (ForeignOwner): The caller's token does not allow to act for this owner.
   */
  interface DeletePostMedia {
    input: DeletePostMedia.Input;
    output: DeletePostMedia.Output;
  }
  namespace DeletePostMedia {
    interface Input {
      postId: string;
      owner?: Owner | string | null;
    }
    type Output = DeletedPostMedia;
  }
  /**
   * Answer an owner's events as they happen, in the order of the changes.
   *
   * First those of the log after `lastEventId` or `since` where it is given. Raises ForeignOwner, and MediaNotFound for
   * a media that never was the caller's.
   *
   * @throws FORBIDDEN (ForeignOwner): The caller's token does not allow to act for this owner.
   * @throws NOT_FOUND (MediaNotFound): No media of this caller has this id: unknown, deleted and somebody else's read
   * the same.
   */
  interface Watch {
    input: Watch.Input;
    output: Watch.Output;
  }
  namespace Watch {
    interface Input {
      mediaId?: MediaId | null;
      lastEventId?: EventId | null;
      since?: 'start' | EventId | null;
      owner?: Owner | string | '*' | null;
    }
    type Output = MediaEvent;
  }
  /**
   * Answer the events after `since`, or wait up to `waitSeconds` for the next ones; none when nothing happens.
   *
   * Without `since` they are those from now on, and `lastEventId` says where that is.
   *
   * Raises ForeignOwner, and MediaNotFound for a media that never was the caller's.
   *
   * @throws FORBIDDEN (ForeignOwner): The caller's token does not allow to act for this owner.
   * @throws NOT_FOUND (MediaNotFound): No media of this caller has this id: unknown, deleted and somebody else's read
   * the same.
   */
  interface PollEvents {
    input: PollEvents.Input;
    output: PollEvents.Output;
  }
  namespace PollEvents {
    interface Input {
      mediaId?: MediaId | null;
      since?: 'start' | EventId | null;
      /** @default 25 */
      waitSeconds?: number;
      /** @default 200 */
      limit?: number;
      owner?: Owner | string | '*' | null;
    }
    type Output = MediaEvents;
  }
  /**
   * Give a user, or another owner, the quota of a plan, and answer what is used of it. For the scope `service` alone.
   *
   * Less than is used takes nothing away: nothing more comes in until there is room. A token that names a plan itself
   * goes on deciding for its own user, at the next initiate. Raises ServiceOnly.
   *
   * @throws FORBIDDEN (ServiceOnly): The procedure is for tokens with the scope `service`.
   */
  interface SetPlan {
    input: SetPlan.Input;
    output: SetPlan.Output;
  }
  namespace SetPlan {
    interface Input {
      userId?: string | null;
      owner?: Owner | string | null;
      plan: Plan;
    }
    type Output = StorageUsage;
  }
  /**
   * Delete everything of a user: media, uploads on their way, the profile image, the plan. For `service` alone.
   *
   * Answers how many media this call deleted; what it did not get to, the next one does. Raises ServiceOnly.
   *
   * @throws FORBIDDEN (ServiceOnly): The procedure is for tokens with the scope `service`.
   */
  interface PurgeUser {
    input: PurgeUser.Input;
    output: PurgeUser.Output;
  }
  namespace PurgeUser {
    interface Input {
      userId: string;
    }
    type Output = Purged;
  }
  /**
   * Answer a page of the audit, newest first: of all, of an owner, of a media. For the scope `service` alone.
   *
   * Raises ServiceOnly.
   *
   * @throws FORBIDDEN (ServiceOnly): The procedure is for tokens with the scope `service`.
   */
  interface ListAudit {
    input: ListAudit.Input;
    output: ListAudit.Output;
  }
  namespace ListAudit {
    interface Input {
      /** @default 20 */
      limit?: number;
      cursor?: string | null;
      /** @default "forward" */
      direction?: 'forward' | 'backward';
      owner?: Owner | string | null;
      mediaId?: MediaId | null;
    }
    type Output = AuditPage;
  }
}

/** The number of every error. */
export declare const ErrorCode: {
  /** Authentication required. */
  readonly UNAUTHORIZED: 1000;
  /** Invalid credentials. */
  readonly INVALID_CREDENTIALS: 1001;
  /** Session expired. */
  readonly SESSION_EXPIRED: 1002;
  /** Invalid token. */
  readonly INVALID_TOKEN: 1003;
  /** Email not verified. */
  readonly EMAIL_NOT_VERIFIED: 1004;
  /** Account disabled. */
  readonly ACCOUNT_DISABLED: 1005;
  /** Forbidden. */
  readonly FORBIDDEN: 1100;
  /** Insufficient permissions. */
  readonly INSUFFICIENT_PERMISSIONS: 1101;
  /** Access denied. */
  readonly ACCESS_DENIED: 1102;
  /** Invalid input. */
  readonly VALIDATION_ERROR: 1200;
  /** The uploaded bytes differ from what was declared. */
  readonly INVALID_INPUT: 1201;
  /** A required field is missing. */
  readonly MISSING_REQUIRED_FIELD: 1202;
  /** Invalid format. */
  readonly INVALID_FORMAT: 1203;
  /** Invalid email. */
  readonly INVALID_EMAIL: 1204;
  /** Invalid password. */
  readonly INVALID_PASSWORD: 1205;
  /** Invalid username. */
  readonly INVALID_USERNAME: 1206;
  /** Media not found. */
  readonly NOT_FOUND: 1300;
  /** Resource not found. */
  readonly RESOURCE_NOT_FOUND: 1301;
  /** User not found. */
  readonly USER_NOT_FOUND: 1302;
  /** Post not found. */
  readonly POST_NOT_FOUND: 1303;
  /** Feed not found. */
  readonly FEED_NOT_FOUND: 1304;
  /** Conversation not found. */
  readonly CONVERSATION_NOT_FOUND: 1305;
  /** Message not found. */
  readonly MESSAGE_NOT_FOUND: 1306;
  /** The media is in another state. */
  readonly CONFLICT: 1400;
  /** Already exists. */
  readonly ALREADY_EXISTS: 1401;
  /** Username taken. */
  readonly DUPLICATE_USERNAME: 1402;
  /** Email taken. */
  readonly DUPLICATE_EMAIL: 1403;
  /** Already following. */
  readonly ALREADY_FOLLOWING: 1404;
  /** Already friends. */
  readonly ALREADY_FRIENDS: 1405;
  /** Rate limit exceeded. */
  readonly RATE_LIMIT_EXCEEDED: 1500;
  /** Too many requests. */
  readonly TOO_MANY_REQUESTS: 1501;
  /** Quota exceeded. */
  readonly QUOTA_EXCEEDED: 1502;
  /** Storage quota exceeded. */
  readonly STORAGE_LIMIT_EXCEEDED: 1600;
  /** The bytes are not of the declared type. */
  readonly INVALID_FILE_TYPE: 1601;
  /** File size exceeds maximum allowed. */
  readonly FILE_TOO_LARGE: 1602;
  /** Storage quota exceeded. */
  readonly STORAGE_QUOTA_EXCEEDED: 1603;
  /** Internal server error. */
  readonly INTERNAL_SERVER_ERROR: 1900;
  /** Database error. */
  readonly DATABASE_ERROR: 1901;
  /** External service error. */
  readonly EXTERNAL_SERVICE_ERROR: 1902;
  /** Service unavailable. */
  readonly SERVICE_UNAVAILABLE: 1903;
  /** Unknown error. */
  readonly UNKNOWN_ERROR: 9999;
};
export type ErrorCode = (typeof ErrorCode)[keyof typeof ErrorCode];

/** The accepted types, what else they are called, and the extensions of their files. */
export declare const formats: readonly {
  readonly contentType: string;
  readonly aliases: readonly string[];
  readonly extensions: readonly string[];
}[];

/** The facts that an error tells, by its code. */
export interface RpcErrorDetails {
  /** AuthenticationRequired: The procedure needs a caller and the request names none. */
  1000: undefined;
  1001: undefined;
  /** SessionExpired: The token was good once; its `exp` has passed. */
  1002: undefined;
  /**
   * InvalidToken: The token's signature, algorithm, issuer, audience or claims are not what this server accepts.
   *
   *     The log has the fault. So has the answer of `mediarpc dev`; others learn no more than that it is invalid.
   *
   */
  1003: undefined;
  1004: undefined;
  1005: undefined;
  /**
   * ForeignOwner: The caller's token does not allow to act for this owner.
   * ForeignSite: The caller is named by a cookie alone, and the request may have been made by a page of another site.
   * ServiceOnly: The procedure is for tokens with the scope `service`.
   */
  1100: { owner: string } | undefined;
  1101: undefined;
  1102: undefined;
  /**
   * PartUnknown: The upload has no part of this number; an upload by one PUT has none at all.
   * UploadExpired: The signed URL ran out before the bytes came.
   * ValidationFailed: The input does not fit the procedure's model; the message is the first issue's.
   */
  1200: { field: string; errors: { path: (string | number)[]; code: string; message: string }[]; fieldErrors: Record<string, string[]> } | { partNumber: number; totalParts: number } | undefined;
  /**
   * ContentStalled: Nothing of the content came for `idleSeconds` seconds: what the call began is undone.
   * DigestDiffers: The bytes' SHA-256 is not the declared one; the upload stays pending, so the PUT can be repeated.
   * PartDiffers: Storage has a part of another size or ETag than declared; the upload stays pending, so it can be sent
   * again.
   * SizeDiffers: Storage holds another number of bytes than declared; the upload stays pending, so the PUT can be
   * repeated.
   */
  1201: { declared: number; actual: number } | { idleSeconds: number } | { partNumber: number; declared: number | string; actual: number | string } | undefined;
  1202: undefined;
  1203: undefined;
  1204: undefined;
  1205: undefined;
  1206: undefined;
  /**
   * MediaNotFound: No media of this caller has this id: unknown, deleted and somebody else's read the same.
   * RenditionNotFound: The media has no rendition of this name (yet).
   * UploadNotFound: `completeUpload` knows no upload of this caller with this id.
   */
  1300: { rendition: string } | undefined;
  1301: undefined;
  1302: undefined;
  1303: undefined;
  1304: undefined;
  1305: undefined;
  1306: undefined;
  /**
   * AttachedElsewhere: The media belongs to the post `postId`; detach it there first.
   * IdempotencyKeyTaken: The key named another input before, or an upload that was deleted since.
   * MediaInfected: The file holds malware: nobody gets it any more, and soon it goes.
   * MediaProcessed: The media is ready: there is nothing to cancel any more.
   * MediaUnscanned: No scanner has found the file clean, or not yet; what is ready can be downloaded.
   * MediaUnusable: A post or a profile takes only what is `processing` or `ready`: verified, and not failed.
   * NoImage: A profile image has to be an image.
   * OtherPurpose: The media was uploaded for another purpose: what is for posts is no profile image, and the other way
   * round.
   * PartsMissing: Storage does not have these parts; the upload stays pending until `expiresAt`.
   * PostFull: The post has room for `limit` media, and `mediaId` would be the next; none was attached.
   * SeveralOwners: The media belongs to another owner than the first one: a post has media of one owner.
   * UploadCompleted: A completed media is not cancelled any more; `deleteMedia` deletes it.
   * UploadIncomplete: The bytes have not arrived; the upload stays pending until `expiresAt`.
   * UploadPending: The media has no verified bytes yet, so there is nothing to download.
   */
  1400: { mediaId: string } | { mediaId: string; expiresAt: string } | { mediaId: string; missingParts: number[]; expiresAt: string } | { mediaId: string; postId: string } | { mediaId: string; postId: string; limit: number } | { mediaId: string; purpose: string } | { mediaId: string; status: string } | { mediaId: string; type: string } | undefined;
  1401: undefined;
  1402: undefined;
  1403: undefined;
  1404: undefined;
  1405: undefined;
  /** RateLimitExceeded: The caller's window for this procedure is full; in `retryAfter` seconds it has room. */
  1500: { retryAfter: number };
  /** AnswersTooLarge: The answers of a batch are larger than `limitBytes` together; ask for the rest in another request. */
  1501: { limitBytes: number };
  1502: undefined;
  /**
   * MediaLimitExceeded: The owner has `media` of `maxMedia` media, deleted ones until they are gone; so no byte is
   * `available`.
   * PendingUploadLimitExceeded: The owner has `pendingUploads` of `maxPendingUploads` uploads to complete; so no byte is
   * `available`.
   * StorageLimitExceeded: `required` bytes do not fit into what used and reserved bytes, and renditions that count,
   * leave of the quota.
   *
   *     `releases` are the `bytes` of deleted uploads that come back, by the minute `at` which they do, soonest first.
   *
   */
  1600: { used: number; reserved: number; quota: number; available: number; required: number; releases: { at: string; bytes: number }[] } | { used: number; reserved: number; quota: number; available: number; required: number; releases: { at: string; bytes: number }[]; media: number; maxMedia: number } | { used: number; reserved: number; quota: number; available: number; required: number; releases: { at: string; bytes: number }[]; pendingUploads: number; maxPendingUploads: number };
  /**
   * InvalidFileType: The bytes say another type than the declared one, or none; the upload is refused and its object
   * goes.
   */
  1601: { declared: string; reason: string };
  /** FileTooLarge: The declared size is over the ceiling of its type. */
  1602: { size: number; maxSize: number; contentType: string };
  1603: undefined;
  /** InternalError: Anything unforeseen; the log has it under the request id. */
  1900: undefined;
  1901: undefined;
  1902: undefined;
  /**
   * ServiceUnavailable: `service` (database, storage, authentication or this server) is down or too slow; the call may
   * be repeated.
   */
  1903: { service: string };
  9999: undefined;
}

/** What one call is refused with: the code tells the error, and what its details are. */
export type RpcErrorData<Code extends ErrorCode = ErrorCode> = Code extends ErrorCode
  ? { rpcCode: Code; requestId: string } & RpcErrorFacts<Code>
  : never;

type RpcErrorFacts<Code extends ErrorCode> = undefined extends RpcErrorDetails[Code]
  ? { details?: RpcErrorDetails[Code] }
  : { details: RpcErrorDetails[Code] };

/** The request of the VRSS envelope. */
export interface RPCRequest<T = unknown> {
  procedure: string;
  input: T;
  context?: { correlationId?: string; clientVersion?: string };
}

/** The error of the VRSS envelope. */
export type RPCError<Code extends ErrorCode = ErrorCode> = Code extends ErrorCode
  ? { code: Code; message: string } & RpcErrorFacts<Code>
  : never;

/** When (milliseconds since 1970) and under which id a request was answered. */
export interface RPCMetadata {
  timestamp: number;
  requestId: string;
}

/** The response of the VRSS envelope: `success` tells whether there is `data` or an `error`. */
export type RPCResponse<T = unknown> =
  | { success: true; data: T; error?: undefined; metadata: RPCMetadata }
  | { success: false; data?: undefined; error: RPCError; metadata: RPCMetadata };

/** The error that tRPC's clients find in `TRPCClientError.shape`; its `data` in `TRPCClientError.data`. */
export interface RpcErrorShape extends TRPCDefaultErrorShape {
  data: TRPCDefaultErrorShape['data'] & RpcErrorData;
}

type Root = { ctx: object; meta: object; errorShape: RpcErrorShape; transformer: false };
type Query<Input, Output> = TRPCQueryProcedure<{ input: Input; output: Output; meta: object }>;
type Mutation<Input, Output> = TRPCMutationProcedure<{ input: Input; output: Output; meta: object }>;
type Subscription<Input, Output extends { id: unknown }> = TRPCSubscriptionProcedure<{
  input: Input;
  output: AsyncIterable<{ id: Output['id']; data: Output }, void, unknown>;
  meta: object;
}>;

// Only what says so is exported.
export {};

/** What `createTRPCClient` from @trpc/client is told of this server. */
export type AppRouter = TRPCBuiltRouter<
  Root,
  {
    media: {
      /** Say which content types and sizes `media.initiateUpload` accepts. */
      getSupportedFormats: Query<MediaProcedures.GetSupportedFormats.Input, MediaProcedures.GetSupportedFormats.Output>;
      /**
       * Reserve room for one object and sign the PUT that fills it.
       *
       * With an idempotency key, the same input finds the same upload again, with a fresh URL. Raises FileTooLarge over the
       * type's ceiling, StorageLimitExceeded when the quota has no room, MediaLimitExceeded and PendingUploadLimitExceeded
       * when the owner has too many, RateLimitExceeded, IdempotencyKeyTaken and ForeignOwner.
       *
       * @throws FORBIDDEN (ForeignOwner): The caller's token does not allow to act for this owner.
       * @throws FILE_TOO_LARGE (FileTooLarge): The declared size is over the ceiling of its type.
       * @throws STORAGE_LIMIT_EXCEEDED (StorageLimitExceeded): `required` bytes do not fit into what used and reserved
       * bytes, and renditions that count, leave of the quota.
       *
       *     `releases` are the `bytes` of deleted uploads that come back, by the minute `at` which they do, soonest first.
       *
       * @throws STORAGE_LIMIT_EXCEEDED (MediaLimitExceeded): The owner has `media` of `maxMedia` media, deleted ones until
       * they are gone; so no byte is `available`.
       * @throws STORAGE_LIMIT_EXCEEDED (PendingUploadLimitExceeded): The owner has `pendingUploads` of `maxPendingUploads`
       * uploads to complete; so no byte is `available`.
       * @throws CONFLICT (IdempotencyKeyTaken): The key named another input before, or an upload that was deleted since.
       */
      initiateUpload: Mutation<MediaProcedures.InitiateUpload.Input, MediaProcedures.InitiateUpload.Output>;
      /**
       * Begin each of these uploads as `media.initiateUpload` would, in their order; what came of each.
       *
       * What is refused hinders nothing else, and the call counts once. Idempotent with a key for each: then the
       * URLs are fresh.
       */
      initiateUploads: Mutation<MediaProcedures.InitiateUploads.Input, MediaProcedures.InitiateUploads.Output>;
      /**
       * Verify the bytes, publish them at a write-once key, and answer the media. Idempotent.
       *
       * With `waitSeconds` the media is answered once it is ready or failed, or as it is when the time is over.
       *
       * Raises UploadNotFound, UploadIncomplete or PartsMissing (not sent yet) or UploadExpired (not sent in time),
       * SizeDiffers, DigestDiffers and PartDiffers (send again), InvalidFileType (refused; initiate anew).
       *
       * @throws NOT_FOUND (UploadNotFound): `completeUpload` knows no upload of this caller with this id.
       * @throws CONFLICT (UploadIncomplete): The bytes have not arrived; the upload stays pending until `expiresAt`.
       * @throws CONFLICT (PartsMissing): Storage does not have these parts; the upload stays pending until `expiresAt`.
       * @throws INVALID_INPUT (PartDiffers): Storage has a part of another size or ETag than declared; the upload stays
       * pending, so it can be sent again.
       * @throws VALIDATION_ERROR (UploadExpired): The signed URL ran out before the bytes came.
       * @throws INVALID_INPUT (SizeDiffers): Storage holds another number of bytes than declared; the upload stays pending,
       * so the PUT can be repeated.
       * @throws INVALID_INPUT (DigestDiffers): The bytes' SHA-256 is not the declared one; the upload stays pending, so the
       * PUT can be repeated.
       * @throws INVALID_FILE_TYPE (InvalidFileType): The bytes say another type than the declared one, or none; the upload
       * is refused and its object goes.
       */
      completeUpload: Mutation<MediaProcedures.CompleteUpload.Input, MediaProcedures.CompleteUpload.Output>;
      /**
       * Reserve room for one object that comes in parts, and say how large they are.
       *
       * With an idempotency key, the same input finds the same upload again. Raises FileTooLarge over the type's ceiling,
       * StorageLimitExceeded when the quota has no room, MediaLimitExceeded and PendingUploadLimitExceeded when the owner
       * has too many, RateLimitExceeded, IdempotencyKeyTaken and ForeignOwner.
       *
       * @throws FORBIDDEN (ForeignOwner): The caller's token does not allow to act for this owner.
       * @throws FILE_TOO_LARGE (FileTooLarge): The declared size is over the ceiling of its type.
       * @throws STORAGE_LIMIT_EXCEEDED (StorageLimitExceeded): `required` bytes do not fit into what used and reserved
       * bytes, and renditions that count, leave of the quota.
       *
       *     `releases` are the `bytes` of deleted uploads that come back, by the minute `at` which they do, soonest first.
       *
       * @throws STORAGE_LIMIT_EXCEEDED (MediaLimitExceeded): The owner has `media` of `maxMedia` media, deleted ones until
       * they are gone; so no byte is `available`.
       * @throws STORAGE_LIMIT_EXCEEDED (PendingUploadLimitExceeded): The owner has `pendingUploads` of `maxPendingUploads`
       * uploads to complete; so no byte is `available`.
       * @throws CONFLICT (IdempotencyKeyTaken): The key named another input before, or an upload that was deleted since.
       */
      initiateMultipartUpload: Mutation<MediaProcedures.InitiateMultipartUpload.Input, MediaProcedures.InitiateMultipartUpload.Output>;
      /**
       * Sign a PUT for each of these parts of an upload, again and again, and put its end off.
       *
       * Raises UploadNotFound, UploadCompleted, UploadExpired, and PartUnknown for a number that the upload does not have.
       *
       * @throws NOT_FOUND (UploadNotFound): `completeUpload` knows no upload of this caller with this id.
       * @throws CONFLICT (UploadCompleted): A completed media is not cancelled any more; `deleteMedia` deletes it.
       * @throws VALIDATION_ERROR (UploadExpired): The signed URL ran out before the bytes came.
       * @throws VALIDATION_ERROR (PartUnknown): The upload has no part of this number; an upload by one PUT has none at all.
       */
      signParts: Mutation<MediaProcedures.SignParts.Input, MediaProcedures.SignParts.Output>;
      /**
       * Make one object of the parts that storage has, verify it, and answer the media. Idempotent.
       *
       * With `waitSeconds` the media is answered once it is ready or failed, or as it is when the time is over.
       *
       * Raises UploadNotFound, UploadExpired, PartsMissing and PartDiffers (send those parts), SizeDiffers, DigestDiffers
       * and InvalidFileType (refused; initiate anew), and PartUnknown.
       *
       * @throws NOT_FOUND (UploadNotFound): `completeUpload` knows no upload of this caller with this id.
       * @throws CONFLICT (UploadIncomplete): The bytes have not arrived; the upload stays pending until `expiresAt`.
       * @throws CONFLICT (PartsMissing): Storage does not have these parts; the upload stays pending until `expiresAt`.
       * @throws INVALID_INPUT (PartDiffers): Storage has a part of another size or ETag than declared; the upload stays
       * pending, so it can be sent again.
       * @throws VALIDATION_ERROR (UploadExpired): The signed URL ran out before the bytes came.
       * @throws INVALID_INPUT (SizeDiffers): Storage holds another number of bytes than declared; the upload stays pending,
       * so the PUT can be repeated.
       * @throws INVALID_INPUT (DigestDiffers): The bytes' SHA-256 is not the declared one; the upload stays pending, so the
       * PUT can be repeated.
       * @throws INVALID_FILE_TYPE (InvalidFileType): The bytes say another type than the declared one, or none; the upload
       * is refused and its object goes.
       * @throws VALIDATION_ERROR (PartUnknown): The upload has no part of this number; an upload by one PUT has none at all.
       */
      completeMultipartUpload: Mutation<MediaProcedures.CompleteMultipartUpload.Input, MediaProcedures.CompleteMultipartUpload.Output>;
      /**
       * Store bytes as they arrive, reserve room for them as they do, and answer the verified media.
       *
       * Raises FileTooLarge and StorageLimitExceeded as soon as it is so, MediaLimitExceeded, PendingUploadLimitExceeded,
       * InvalidFileType, SizeDiffers and DigestDiffers, and leaves nothing then, nor when the client breaks off. With an
       * idempotency key a repetition answers the media of the first call: IdempotencyKeyTaken for another input,
       * UploadPending while that call is under way.
       *
       * @throws FORBIDDEN (ForeignOwner): The caller's token does not allow to act for this owner.
       * @throws FILE_TOO_LARGE (FileTooLarge): The declared size is over the ceiling of its type.
       * @throws STORAGE_LIMIT_EXCEEDED (StorageLimitExceeded): `required` bytes do not fit into what used and reserved
       * bytes, and renditions that count, leave of the quota.
       *
       *     `releases` are the `bytes` of deleted uploads that come back, by the minute `at` which they do, soonest first.
       *
       * @throws STORAGE_LIMIT_EXCEEDED (MediaLimitExceeded): The owner has `media` of `maxMedia` media, deleted ones until
       * they are gone; so no byte is `available`.
       * @throws STORAGE_LIMIT_EXCEEDED (PendingUploadLimitExceeded): The owner has `pendingUploads` of `maxPendingUploads`
       * uploads to complete; so no byte is `available`.
       * @throws INVALID_FILE_TYPE (InvalidFileType): The bytes say another type than the declared one, or none; the upload
       * is refused and its object goes.
       * @throws INVALID_INPUT (SizeDiffers): Storage holds another number of bytes than declared; the upload stays pending,
       * so the PUT can be repeated.
       * @throws INVALID_INPUT (DigestDiffers): The bytes' SHA-256 is not the declared one; the upload stays pending, so the
       * PUT can be repeated.
       * @throws CONFLICT (IdempotencyKeyTaken): The key named another input before, or an upload that was deleted since.
       * @throws CONFLICT (UploadPending): The media has no verified bytes yet, so there is nothing to download.
       * @throws VALIDATION_ERROR (UploadExpired): The signed URL ran out before the bytes came.
       */
      upload: Mutation<MediaProcedures.Upload.Input, MediaProcedures.Upload.Output>;
      /**
       * Store one part of an upload in parts. Again with the same bytes is the same answer.
       *
       * Raises UploadNotFound, UploadCompleted, UploadExpired, PartUnknown, PartDiffers for another length or other bytes
       * than storage keeps, and DigestDiffers.
       *
       * @throws NOT_FOUND (UploadNotFound): `completeUpload` knows no upload of this caller with this id.
       * @throws CONFLICT (UploadCompleted): A completed media is not cancelled any more; `deleteMedia` deletes it.
       * @throws VALIDATION_ERROR (UploadExpired): The signed URL ran out before the bytes came.
       * @throws VALIDATION_ERROR (PartUnknown): The upload has no part of this number; an upload by one PUT has none at all.
       * @throws INVALID_INPUT (PartDiffers): Storage has a part of another size or ETag than declared; the upload stays
       * pending, so it can be sent again.
       * @throws INVALID_INPUT (DigestDiffers): The bytes' SHA-256 is not the declared one; the upload stays pending, so the
       * PUT can be repeated.
       */
      uploadPart: Mutation<MediaProcedures.UploadPart.Input, MediaProcedures.UploadPart.Output>;
      /**
       * Say how far an upload is and what is missing, as storage has it. Raises UploadNotFound.
       *
       * @throws NOT_FOUND (UploadNotFound): `completeUpload` knows no upload of this caller with this id.
       */
      getUploadStatus: Query<MediaProcedures.GetUploadStatus.Input, MediaProcedures.GetUploadStatus.Output>;
      /**
       * Answer a page of an owner's unfinished uploads, newest first. Raises ForeignOwner.
       *
       * @throws FORBIDDEN (ForeignOwner): The caller's token does not allow to act for this owner.
       */
      listUploads: Query<MediaProcedures.ListUploads.Input | undefined, MediaProcedures.ListUploads.Output>;
      /**
       * Give up an upload that is not completed. Idempotent.
       *
       * An upload in parts is free at once when storage has dropped it. What a signed PUT could still bring stays reserved
       * until its end, for everything but the same file. Raises UploadCompleted and MediaNotFound.
       *
       * @throws CONFLICT (UploadCompleted): A completed media is not cancelled any more; `deleteMedia` deletes it.
       * @throws NOT_FOUND (MediaNotFound): No media of this caller has this id: unknown, deleted and somebody else's read
       * the same.
       */
      cancelUpload: Mutation<MediaProcedures.CancelUpload.Input, MediaProcedures.CancelUpload.Output>;
      /**
       * Answer one media of the caller; MediaNotFound for unknown, deleted and other people's ids alike.
       *
       * @throws NOT_FOUND (MediaNotFound): No media of this caller has this id: unknown, deleted and somebody else's read
       * the same.
       */
      getMedia: Query<MediaProcedures.GetMedia.Input, MediaProcedures.GetMedia.Output>;
      /**
       * Answer up to 100 media by their ids, whoever owns them, in this order; null for what is unknown or deleted.
       *
       * For the scope `service` alone: it says for others what they may see. Raises ServiceOnly.
       *
       * @throws FORBIDDEN (ServiceOnly): The procedure is for tokens with the scope `service`.
       */
      getMany: Query<MediaProcedures.GetMany.Input, MediaProcedures.GetMany.Output>;
      /**
       * Answer a page of an owner's media, newest first; unfinished uploads only with `status: "pending"`.
       *
       * Profile images only with `purpose: "profile"` or `"any"`.
       *
       * A page of a search goes on where names are left that it has not looked at, full or not. Raises ForeignOwner.
       *
       * @throws FORBIDDEN (ForeignOwner): The caller's token does not allow to act for this owner.
       */
      listMedia: Query<MediaProcedures.ListMedia.Input | undefined, MediaProcedures.ListMedia.Output>;
      /**
       * Sign a GET of the original, under its own name or one that tells nothing, as a download or to show in a page.
       *
       * The URL stays the same for a while, so that it can be cached, and is good for at least 15 minutes.
       *
       * A rendition's is public, and good for as long as the media is there.
       *
       * Raises MediaNotFound, UploadPending before completion, MediaInfected, MediaUnscanned, and RenditionNotFound.
       *
       * @throws NOT_FOUND (MediaNotFound): No media of this caller has this id: unknown, deleted and somebody else's read
       * the same.
       * @throws CONFLICT (UploadPending): The media has no verified bytes yet, so there is nothing to download.
       * @throws CONFLICT (MediaInfected): The file holds malware: nobody gets it any more, and soon it goes.
       * @throws CONFLICT (MediaUnscanned): No scanner has found the file clean, or not yet; what is ready can be downloaded.
       * @throws NOT_FOUND (RenditionNotFound): The media has no rendition of this name (yet).
       */
      getDownloadUrl: Query<MediaProcedures.GetDownloadUrl.Input, MediaProcedures.GetDownloadUrl.Output>;
      /**
       * Answer how far the processing of a media is, in percent and words. Raises MediaNotFound.
       *
       * @throws NOT_FOUND (MediaNotFound): No media of this caller has this id: unknown, deleted and somebody else's read
       * the same.
       */
      getProcessingStatus: Query<MediaProcedures.GetProcessingStatus.Input, MediaProcedures.GetProcessingStatus.Output>;
      /**
       * Begin the processing of a failed media anew; of any other, answer it as it is. Idempotent.
       *
       * Raises MediaNotFound, UploadPending before completion, MediaInfected, and RateLimitExceeded for what was begun anew
       * three times within the hour.
       *
       * @throws NOT_FOUND (MediaNotFound): No media of this caller has this id: unknown, deleted and somebody else's read
       * the same.
       * @throws CONFLICT (UploadPending): The media has no verified bytes yet, so there is nothing to download.
       * @throws CONFLICT (MediaInfected): The file holds malware: nobody gets it any more, and soon it goes.
       * @throws RATE_LIMIT_EXCEEDED (RateLimitExceeded): The caller's window for this procedure is full; in `retryAfter`
       * seconds it has room.
       */
      retryProcessing: Mutation<MediaProcedures.RetryProcessing.Input, MediaProcedures.RetryProcessing.Output>;
      /**
       * End the processing of a media at once: it is `failed`, and can be begun anew. Idempotent.
       *
       * Raises MediaNotFound, UploadPending before completion, and MediaProcessed for what is ready.
       *
       * @throws NOT_FOUND (MediaNotFound): No media of this caller has this id: unknown, deleted and somebody else's read
       * the same.
       * @throws CONFLICT (UploadPending): The media has no verified bytes yet, so there is nothing to download.
       * @throws CONFLICT (MediaProcessed): The media is ready: there is nothing to cancel any more.
       */
      cancelProcessing: Mutation<MediaProcedures.CancelProcessing.Input, MediaProcedures.CancelProcessing.Output>;
      /**
       * Put media at the end of a post, in this order, all or none; answer the whole post. Idempotent.
       *
       * Raises MediaNotFound, OtherPurpose for profile images, MediaUnusable for what is neither processing nor ready,
       * AttachedElsewhere for what belongs to another post, SeveralOwners, and PostFull over the limit.
       *
       * @throws NOT_FOUND (MediaNotFound): No media of this caller has this id: unknown, deleted and somebody else's read
       * the same.
       * @throws CONFLICT (OtherPurpose): The media was uploaded for another purpose: what is for posts is no profile image,
       * and the other way round.
       * @throws CONFLICT (MediaUnusable): A post or a profile takes only what is `processing` or `ready`: verified, and not
       * failed.
       * @throws CONFLICT (AttachedElsewhere): The media belongs to the post `postId`; detach it there first.
       * @throws CONFLICT (SeveralOwners): The media belongs to another owner than the first one: a post has media of one
       * owner.
       * @throws CONFLICT (PostFull): The post has room for `limit` media, and `mediaId` would be the next; none was
       * attached.
       */
      attachToPost: Mutation<MediaProcedures.AttachToPost.Input, MediaProcedures.AttachToPost.Output>;
      /**
       * Take media out of a post; what does not stand in it stays as it is. Idempotent.
       *
       * Raises MediaNotFound, and then nothing was detached.
       *
       * @throws NOT_FOUND (MediaNotFound): No media of this caller has this id: unknown, deleted and somebody else's read
       * the same.
       */
      detachFromPost: Mutation<MediaProcedures.DetachFromPost.Input, MediaProcedures.DetachFromPost.Output>;
      /**
       * Answer the media of an owner's post in their order; a post that nobody attached to has none.
       *
       * Raises ForeignOwner.
       *
       * @throws FORBIDDEN (ForeignOwner): The caller's token does not allow to act for this owner.
       */
      listPostMedia: Query<MediaProcedures.ListPostMedia.Input, MediaProcedures.ListPostMedia.Output>;
      /**
       * Make an image its owner's profile image, and delete the one that was. Idempotent.
       *
       * Raises MediaNotFound, OtherPurpose for what was not uploaded with the purpose `profile`, MediaUnusable for what is
       * neither processing nor ready, and NoImage.
       *
       * @throws NOT_FOUND (MediaNotFound): No media of this caller has this id: unknown, deleted and somebody else's read
       * the same.
       * @throws CONFLICT (OtherPurpose): The media was uploaded for another purpose: what is for posts is no profile image,
       * and the other way round.
       * @throws CONFLICT (MediaUnusable): A post or a profile takes only what is `processing` or `ready`: verified, and not
       * failed.
       * @throws CONFLICT (NoImage): A profile image has to be an image.
       */
      setProfileImage: Mutation<MediaProcedures.SetProfileImage.Input, MediaProcedures.SetProfileImage.Output>;
      /**
       * Answer an owner's profile image, null when there is none or it was deleted. Raises ForeignOwner.
       *
       * @throws FORBIDDEN (ForeignOwner): The caller's token does not allow to act for this owner.
       */
      getProfileImage: Query<MediaProcedures.GetProfileImage.Input | undefined, MediaProcedures.GetProfileImage.Output>;
      /**
       * Answer what an owner uses of the quota, in bytes. Raises ForeignOwner.
       *
       * @throws FORBIDDEN (ForeignOwner): The caller's token does not allow to act for this owner.
       */
      getStorageUsage: Query<MediaProcedures.GetStorageUsage.Input | undefined, MediaProcedures.GetStorageUsage.Output>;
      /**
       * Give the bytes back at once and take the objects out of storage in the background. Idempotent.
       *
       * What a signed URL could still bring stays reserved until its end. Raises MediaNotFound.
       *
       * @throws NOT_FOUND (MediaNotFound): No media of this caller has this id: unknown, deleted and somebody else's read
       * the same.
       */
      deleteMedia: Mutation<MediaProcedures.DeleteMedia.Input, MediaProcedures.DeleteMedia.Output>;
      /**
       * Delete each of these media as `media.deleteMedia` would, all of them at once; what came of each, in their order.
       *
       * What is not found hinders nothing else. Idempotent.
       */
      deleteMany: Mutation<MediaProcedures.DeleteMany.Input, MediaProcedures.DeleteMany.Output>;
      /**
       * Delete every media of an owner's post, as `media.deleteMedia` would, all of them at once. Raises ForeignOwner.
       *
       * @throws FORBIDDEN (ForeignOwner): The caller's token does not allow to act for this owner.
       */
      deletePostMedia: Mutation<MediaProcedures.DeletePostMedia.Input, MediaProcedures.DeletePostMedia.Output>;
      /**
       * Answer an owner's events as they happen, in the order of the changes.
       *
       * First those of the log after `lastEventId` or `since` where it is given. Raises ForeignOwner, and MediaNotFound for
       * a media that never was the caller's.
       *
       * @throws FORBIDDEN (ForeignOwner): The caller's token does not allow to act for this owner.
       * @throws NOT_FOUND (MediaNotFound): No media of this caller has this id: unknown, deleted and somebody else's read
       * the same.
       */
      watch: Subscription<MediaProcedures.Watch.Input | undefined, MediaProcedures.Watch.Output>;
      /**
       * Answer the events after `since`, or wait up to `waitSeconds` for the next ones; none when nothing happens.
       *
       * Without `since` they are those from now on, and `lastEventId` says where that is.
       *
       * Raises ForeignOwner, and MediaNotFound for a media that never was the caller's.
       *
       * @throws FORBIDDEN (ForeignOwner): The caller's token does not allow to act for this owner.
       * @throws NOT_FOUND (MediaNotFound): No media of this caller has this id: unknown, deleted and somebody else's read
       * the same.
       */
      pollEvents: Query<MediaProcedures.PollEvents.Input | undefined, MediaProcedures.PollEvents.Output>;
      /**
       * Give a user, or another owner, the quota of a plan, and answer what is used of it. For the scope `service` alone.
       *
       * Less than is used takes nothing away: nothing more comes in until there is room. A token that names a plan itself
       * goes on deciding for its own user, at the next initiate. Raises ServiceOnly.
       *
       * @throws FORBIDDEN (ServiceOnly): The procedure is for tokens with the scope `service`.
       */
      setPlan: Mutation<MediaProcedures.SetPlan.Input, MediaProcedures.SetPlan.Output>;
      /**
       * Delete everything of a user: media, uploads on their way, the profile image, the plan. For `service` alone.
       *
       * Answers how many media this call deleted; what it did not get to, the next one does. Raises ServiceOnly.
       *
       * @throws FORBIDDEN (ServiceOnly): The procedure is for tokens with the scope `service`.
       */
      purgeUser: Mutation<MediaProcedures.PurgeUser.Input, MediaProcedures.PurgeUser.Output>;
      /**
       * Answer a page of the audit, newest first: of all, of an owner, of a media. For the scope `service` alone.
       *
       * Raises ServiceOnly.
       *
       * @throws FORBIDDEN (ServiceOnly): The procedure is for tokens with the scope `service`.
       */
      listAudit: Query<MediaProcedures.ListAudit.Input | undefined, MediaProcedures.ListAudit.Output>;
    }
  }
>;
