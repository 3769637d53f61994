import { ErrorCode, type Media, type MediaProcedures, type Purpose, type UploadTicket } from 'mediarpc';
import { call, type Endpoint } from './call.js';
import { MediaRpcError, MediaTransportError } from './errors.js';
import { isPassing, orAborted, retrying, type Retries } from './retry.js';
import { send } from './send.js';

export { MediaRpcError, MediaTransportError };

export interface UploaderOptions extends Endpoint {
  /** How often each step is tried in all; 5 unless told otherwise. */
  tries?: number;
  /** Milliseconds: the longest pause before the second try, doubled with each further one; 500 unless told otherwise. */
  retryDelay?: number;
}

export interface UploadOptions {
  /** The name to keep; a `File` brings its own. */
  filename?: string;
  /** The type of the bytes; a `Blob` with a type brings its own. */
  contentType?: string;
  purpose?: Purpose;
  /** The SHA-256 that the bytes must have, in hexadecimal digits; `true` works it out. */
  sha256?: string | boolean;
  /** Told as the bytes go; `sent` never falls, not even when they are sent again. */
  onProgress?: (progress: UploadProgress) => void;
  /** Gives the upload up, here and on the server. */
  signal?: AbortSignal;
}

export interface UploadProgress {
  sent: number;
  total: number;
}

/** Upload a file: the media once its bytes are verified. Rejects with MediaRpcError, MediaTransportError or the signal's reason. */
export type Upload = (file: Blob, options?: UploadOptions) => Promise<Media>;

/** An `upload` for one server and caller. */
export function createUploader({ tries = 5, retryDelay = 500, ...endpoint }: UploaderOptions): Upload {
  const retries = { tries, delay: retryDelay };
  return async (file, options = {}) => upload({ endpoint, retries, file, options, input: await described(file, options) });
}

interface Uploading {
  endpoint: Endpoint;
  retries: Retries;
  file: Blob;
  options: UploadOptions;
  input: MediaProcedures.InitiateUpload.Input;
}

async function upload(uploading: Uploading): Promise<Media> {
  const { endpoint, retries, options } = uploading;
  const { signal } = options;
  const initiating = initiate(uploading);
  try {
    const ticket = await orAborted(initiating, signal);
    const deliver = delivery(uploading, ticket);
    const complete = () => call(endpoint, 'media.completeUpload', { mediaId: ticket.mediaId }, signal);
    const deliverAndComplete = async () => {
      await retrying(deliver, retries, signal, (error) => isPassing(error) || isEndedUrl(error));
      return retrying(complete, retries, signal);
    };
    return (await retrying(deliverAndComplete, retries, signal, areOtherBytes)).media;
  } catch (error) {
    if (signal?.aborted) giveUp(endpoint, retries, initiating);
    throw error;
  }
}

/** The ticket; the same one again, with a fresh URL. It goes on when the signal aborts, to tell what is to be cancelled. */
function initiate({ endpoint, retries, options, input }: Uploading): Promise<UploadTicket> {
  return retrying(() => call(endpoint, 'media.initiateUpload', input), retries, options.signal);
}

/** What sends the whole file, each time it is called, with a fresh URL once the one before has ended. */
function delivery(uploading: Uploading, first: UploadTicket): () => Promise<void> {
  const { endpoint, file, options } = uploading;
  const onSent = progress(file, options);
  let ticket = first;
  return async () => {
    try {
      await send(ticket, file, onSent, options.signal, endpoint.fetch);
    } catch (error) {
      if (isEndedUrl(error) || Date.parse(ticket.expiresAt) <= Date.now()) ticket = await initiate(uploading);
      throw error;
    }
  };
}

/** Storage says 403 to a URL that has ended. */
function isEndedUrl(error: unknown): boolean {
  return error instanceof MediaTransportError && error.status === 403;
}

function areOtherBytes(error: unknown): boolean {
  return error instanceof MediaRpcError && error.is(ErrorCode.INVALID_INPUT);
}

function giveUp(endpoint: Endpoint, retries: Retries, initiating: Promise<UploadTicket>): void {
  initiating
    .then(({ mediaId }) => retrying(() => call(endpoint, 'media.cancelUpload', { mediaId }), retries))
    .catch(() => undefined); // what nobody cancels, the server clears
}

function progress(file: Blob, { onProgress, signal }: UploadOptions): (bytes: number) => void {
  let sent = -1;
  return (bytes) => {
    if (bytes <= sent || signal?.aborted) return;
    sent = bytes;
    onProgress?.({ sent, total: file.size });
  };
}

async function described(file: Blob, options: UploadOptions): Promise<MediaProcedures.InitiateUpload.Input> {
  const { filename = nameOf(file), contentType = file.type, purpose, sha256 } = options;
  if (!filename) throw new TypeError('filename is needed: the file has no name of its own');
  if (!contentType) throw new TypeError('contentType is needed: the file has no type of its own');
  const input: MediaProcedures.InitiateUpload.Input = { filename, contentType, size: file.size, idempotencyKey: newKey() };
  if (purpose) input.purpose = purpose;
  if (sha256) input.sha256 = sha256 === true ? await digestOf(file) : sha256;
  return input;
}

function nameOf(file: Blob): string | undefined {
  return 'name' in file && typeof file.name === 'string' ? file.name : undefined;
}

/** A name for this upload, by which a repeated initiateUpload finds the same one. */
function newKey(): string {
  return hexadecimal(crypto.getRandomValues(new Uint8Array(16)));
}

async function digestOf(file: Blob): Promise<string> {
  return hexadecimal(new Uint8Array(await crypto.subtle.digest('SHA-256', await file.arrayBuffer())));
}

function hexadecimal(bytes: Uint8Array): string {
  return Array.from(bytes, (byte) => byte.toString(16).padStart(2, '0')).join('');
}
