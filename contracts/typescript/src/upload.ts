import type { Media, MediaId, MediaProcedures, Purpose } from 'mediarpc';
import { Beginnings } from './beginnings.js';
import { call } from './call.js';
import type { Endpoint } from './endpoint.js';
import { MediaProcessingError, MediaRpcError, MediaTransportError } from './errors.js';
import { Gate } from './gate.js';
import { declaredDigest, inputOf } from './input.js';
import { beginParts, deliverParts, type Parts } from './parts.js';
import type { UploadProgress } from './progress.js';
import { ready, type ProcessingProgress } from './ready.js';
import { found } from './resume.js';
import { orAborted, retriesOf, retrying, type Retries, type RetryOptions, type UploadWait } from './retry.js';
import { Slots } from './slots.js';
import { beginWhole, deliverWhole, type Whole } from './whole.js';

export { cachedToken } from './token.js';
export { MediaProcessingError, MediaRpcError, MediaTransportError };
export type { ProcessingProgress, UploadProgress, UploadWait };

export interface UploaderOptions extends Endpoint, RetryOptions {
  /** How many files are sent at once; all unless told otherwise. */
  limit?: number;
  /** How many parts are sent at once, of no file more than a quarter; 4 unless told otherwise. */
  parallel?: number;
  /** Bytes: larger files go in parts; 10 MiB unless told otherwise. */
  multipartThreshold?: number;
  /** Bytes: the wished size of a part, 5 MiB or more; 5 MiB up to files of 100, then the server's choice. */
  partSize?: number;
}

export interface UploadOptions {
  /** The name to keep; a `File` brings its own. */
  filename?: string;
  /** The type of the bytes, by any name that is known; a `Blob` with a type brings its own, a name has an extension. */
  contentType?: string;
  purpose?: Purpose;
  /** Whose the media is to be, when it is not the caller's own. */
  owner?: NonNullable<MediaProcedures.InitiateUpload.Input['owner']>;
  /** The SHA-256 that the bytes must have, in hexadecimal digits; `true` works it out, also that of each part. */
  sha256?: string | boolean;
  /**
   * The id of an earlier upload of the same file: only the parts that storage lacks are sent. `auto` looks for one of
   * the same name, size and type. What cannot be resumed is uploaded anew.
   */
  resume?: MediaId | 'auto';
  /** Told the id by which the upload can be resumed, as soon as there is one. */
  onMediaId?: (mediaId: MediaId) => void;
  /** Told as the bytes go; `sent` never falls, not even when they are sent again. */
  onProgress?: (progress: UploadProgress) => void;
  /** Resolve when the media can be shown, and reject when it cannot be processed; else when its bytes are verified. */
  until?: 'ready';
  /** Told as the server makes renditions, with `until: 'ready'`. */
  onProcessing?: (progress: ProcessingProgress) => void;
  /** Told when nothing goes for a while: until there is room under a rate limit, an answer, or a network. */
  onWait?: (wait: UploadWait) => void;
  /** Gives the upload up, here and on the server; a media whose bytes are verified stays. */
  signal?: AbortSignal;
}

/**
 * The media once its bytes are verified, or once it is ready. Rejects with MediaRpcError, MediaTransportError,
 * MediaProcessingError or the signal's reason.
 */
export interface RunningUpload extends Promise<Media> {
  /** Stop sending. What was on its way is sent again; parts that arrived are not. */
  pause(): void;
  /** Go on sending. */
  resume(): void;
}

/** Upload a file. */
export type Upload = (file: Blob, options?: UploadOptions) => RunningUpload;

/** One upload of one file, as its steps know it. */
export interface Uploading {
  endpoint: Endpoint;
  retries: Retries;
  parallel: number;
  threshold: number;
  partSize: number | undefined;
  file: Blob;
  options: UploadOptions;
  gate: Gate;
  beginnings: Beginnings;
  slots: Slots;
  /** Uploads that were given up: the server may not have been told yet. */
  abandoned: Set<MediaId>;
}

/** An `upload` for one server and caller. */
export function createUploader(options: UploaderOptions): Upload {
  const { parallel = 4, multipartThreshold = 10 * 1024 ** 2, partSize, limit = Infinity } = options;
  const retries = retriesOf(options);
  const shared = {
    endpoint: options,
    parallel,
    threshold: multipartThreshold,
    partSize,
    beginnings: new Beginnings(options, retries),
    slots: new Slots(limit),
    abandoned: new Set<MediaId>(),
  };
  return (file, options = {}) => {
    const gate = new Gate();
    const running = upload({ ...shared, retries: { ...retries, onWait: options.onWait }, file, options, gate });
    return Object.assign(running, { pause: () => gate.close(), resume: () => gate.open() });
  };
}

async function upload(uploading: Uploading): Promise<Media> {
  const media = await uploaded(uploading);
  return uploading.options.until === 'ready' ? ready(uploading, media) : media;
}

/** Small files are begun before their turn comes, many of them by one call. */
async function uploaded(uploading: Uploading): Promise<Media> {
  const { file, threshold, slots, options } = uploading;
  const { signal } = options;
  let beginning: Promise<Whole | Parts> | undefined;
  const begun = () => orAborted((beginning = begin(uploading)), signal);
  try {
    const ahead = file.size <= threshold && !resumed(uploading) ? await begun() : undefined;
    const send = async () => deliver(uploading, ahead && !isOver(ahead) ? ahead : await begun());
    return await slots.hold(send, signal);
  } catch (error) {
    if (signal?.aborted && beginning) giveUp(uploading, beginning);
    throw error;
  }
}

/** It goes on when the signal aborts, to tell what is to be cancelled. */
async function begin(uploading: Uploading): Promise<Whole | Parts> {
  const { file, options, threshold } = uploading;
  const sha256 = await declaredDigest(file, options);
  const resume = resumed(uploading);
  const earlier = resume && (await found(uploading, resume, sha256));
  if (earlier) return earlier;
  const input = inputOf(file, options, sha256);
  return file.size > threshold ? beginParts(uploading, input) : beginWhole(uploading, input);
}

/** What is to be resumed; nothing is looked for in the place of a file that goes by one PUT. */
function resumed({ file, threshold, options }: Uploading): UploadOptions['resume'] {
  return options.resume === 'auto' && file.size <= threshold ? undefined : options.resume;
}

/** Whether an upload was begun so long ago that the server may have cleared it. */
function isOver(begun: Whole | Parts): boolean {
  return 'ticket' in begun && Date.parse(begun.ticket.expiresAt) <= Date.now();
}

function deliver(uploading: Uploading, begun: Whole | Parts): Promise<Media> {
  uploading.options.onMediaId?.(begun.mediaId);
  return 'partSize' in begun ? deliverParts(uploading, begun) : deliverWhole(uploading, begun);
}

function giveUp({ endpoint, retries, abandoned }: Uploading, beginning: Promise<Whole | Parts>): void {
  const quietly = { ...retries, onWait: undefined };
  beginning
    .then(({ mediaId }) => {
      abandoned.add(mediaId);
      return retrying(() => call(endpoint, 'media.cancelUpload', { mediaId }), quietly);
    })
    .catch(() => undefined); // what nobody cancels, the server clears
}
