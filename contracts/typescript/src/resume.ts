import { ErrorCode, type MediaId, type MediaProcedures, type UploadStatus } from 'mediarpc';
import { call } from './call.js';
import { MediaRpcError } from './errors.js';
import { described } from './input.js';
import type { Parts } from './parts.js';
import { retrying } from './retry.js';
import type { Uploading } from './upload.js';

/** What storage lacks of an earlier upload of the file; nothing when there is none that can be resumed. */
export async function found(
  uploading: Uploading,
  resume: MediaId | 'auto',
  sha256: string | undefined,
): Promise<Parts | undefined> {
  const mediaId = resume === 'auto' ? await alike(uploading) : resume;
  const status = mediaId && (await statusOf(uploading, mediaId));
  if (!status || isLost(status)) return undefined;
  if (status.totalBytes !== uploading.file.size) {
    throw new TypeError(`The upload is of ${status.totalBytes} bytes, the file of ${uploading.file.size}: it is another file`);
  }
  if (sha256 && status.sha256 && status.sha256 !== sha256) {
    if (resume === 'auto') return undefined;
    throw new TypeError('The upload was declared with another SHA-256 than that of the file: it is another file');
  }
  const { partSize, parts, missingParts } = status;
  return { mediaId: status.mediaId, partSize: partSize ?? status.totalBytes, stored: parts, missing: missingParts };
}

/** The newest unfinished upload in parts of the same name, size and type that was not given up here. */
async function alike({ endpoint, retries, file, options, abandoned }: Uploading): Promise<MediaId | undefined> {
  const { filename, contentType } = described(file, options);
  const input: MediaProcedures.ListUploads.Input = options.owner ? { owner: options.owner } : {};
  for (;;) {
    const page = await retrying(() => call(endpoint, 'media.listUploads', input), retries, options.signal);
    const same = page.items.find(
      (item) =>
        item.partSize !== null &&
        !abandoned.has(item.mediaId) &&
        item.filename === filename &&
        item.size === file.size &&
        item.contentType === contentType,
    );
    if (same || page.nextCursor === null) return same?.mediaId;
    input.cursor = page.nextCursor;
  }
}

async function statusOf({ endpoint, retries, options }: Uploading, mediaId: MediaId): Promise<UploadStatus | undefined> {
  try {
    return await retrying(() => call(endpoint, 'media.getUploadStatus', { mediaId }), retries, options.signal);
  } catch (error) {
    if (error instanceof MediaRpcError && (error.is(ErrorCode.NOT_FOUND) || areRefusedBytes(error))) return undefined;
    throw error;
  }
}

/** Whether an upload is over because of what had come: other bytes than were declared. */
function areRefusedBytes(error: MediaRpcError): boolean {
  return error.is(ErrorCode.INVALID_INPUT) || error.is(ErrorCode.INVALID_FILE_TYPE);
}

/** Whether an upload takes no more bytes: it has expired, or it was begun as one PUT. */
function isLost({ status, uploadedBytes, totalBytes, partSize, expiresAt }: UploadStatus): boolean {
  if (status !== 'pending' || uploadedBytes === totalBytes) return false;
  return partSize === null || Date.parse(expiresAt) <= Date.now();
}
