import type { MediaId, MediaProcedures, Purpose } from 'mediarpc';
import { call } from './call.js';
import type { Endpoint } from './endpoint.js';
import { inputOf } from './input.js';
import { retriesOf, retrying, type Retries, type RetryOptions } from './retry.js';

const MIB = 1024 ** 2; // bytes
const MOST_PARTS = 10_000;

export interface AwsS3OptionsInput extends Endpoint, RetryOptions {
  /** Bytes: the size of a part, 5 MiB or more; 8 MiB unless told otherwise. */
  partSize?: number;
  purpose?: Purpose;
  /** Whose the media are to be, when they are not the caller's own. */
  owner?: NonNullable<MediaProcedures.InitiateUpload.Input['owner']>;
}

/** What stock `@uppy/aws-s3` takes, from version 6.2.1 on. */
export interface AwsS3Options {
  shouldUseMultipart: true;
  getChunkSize: (file: { size: number }) => number;
  generateObjectKey: (file: UppyFile) => string;
  signRequest: (request: S3Request) => Promise<SignedRequest>;
}

/** What is needed of a file of Uppy's. */
export interface UppyFile {
  id: string;
  name: string;
  type: string;
  data: Blob | { size: number | null } | undefined;
}

/** What `@uppy/aws-s3` is about to ask S3. */
export interface S3Request {
  method: 'GET' | 'PUT' | 'POST' | 'DELETE';
  key: string;
  uploadId?: string;
  partNumber?: number;
}

export interface SignedRequest {
  url: string;
  key?: string;
  headers?: Record<string, string>;
}

/**
 * Options with which stock `@uppy/aws-s3` uploads to mediarpc: `uppy.use(AwsS3, awsS3Options({ url: '/rpc' }))`.
 *
 * Every file goes in parts, a small one in a single part. Only the parts go to storage: whatever else Uppy would ask S3
 * is asked of the server, and Uppy reads the answer in a `data:` URL. The key that Uppy tells is the id of the media.
 */
export function awsS3Options(options: AwsS3OptionsInput): AwsS3Options {
  const s3 = new S3Calls(options, retriesOf(options));
  return {
    shouldUseMultipart: true,
    getChunkSize: ({ size }) => s3.partSizeOf(size),
    generateObjectKey: (file) => s3.expect(file),
    signRequest: (request) => s3.answer(request),
  };
}

type Input = MediaProcedures.InitiateUpload.Input;

/** Takes each call of the S3 API that an upload in parts consists of to the procedure that does the same. */
class S3Calls {
  readonly #inputs = new Map<string, () => Input>();

  constructor(
    readonly options: AwsS3OptionsInput,
    readonly retries: Retries,
  ) {}

  /** The size that the server is told to make the parts of: Uppy has cut the file before it asks. */
  partSizeOf(size: number): number {
    return Math.max(this.options.partSize ?? 8 * MIB, Math.ceil(size / MOST_PARTS / MIB) * MIB);
  }

  /** Take note of a file; the key under which an upload of it will be asked for. */
  expect({ id, name, type, data }: UppyFile): string {
    const { purpose, owner } = this.options;
    const told = { filename: name, contentType: type, ...(purpose && { purpose }), ...(owner && { owner }) };
    let input: Input | undefined; // made once, so that a repeated call finds the same upload
    this.#inputs.set(id, () => (input ??= inputOf(data as Blob, told, undefined)));
    return id;
  }

  async answer({ method, key, uploadId, partNumber }: S3Request): Promise<SignedRequest> {
    const mediaId = uploadId as MediaId | undefined;
    if (method === 'POST' && !mediaId) return this.#begin(key);
    if (method === 'PUT' && mediaId && partNumber) return this.#sign(mediaId, partNumber);
    if (method === 'GET' && mediaId) return this.#list(mediaId);
    if (method === 'POST' && mediaId) return this.#complete(mediaId);
    if (method === 'DELETE' && mediaId) return this.#cancel(mediaId);
    throw new TypeError(`Uppy asked for ${method} ${key}, which is no part of an upload in parts; an empty file has none`);
  }

  async #begin(key: string): Promise<SignedRequest> {
    const input = this.#inputs.get(key)?.();
    if (!input) throw new TypeError(`${key} is of no file: generateObjectKey must not be replaced`);
    const partSize = this.partSizeOf(input.size);
    const ticket = await this.#retry(() => call(this.options, 'media.initiateMultipartUpload', { ...input, partSize }));
    const url = answer({ InitiateMultipartUploadResult: { UploadId: ticket.mediaId } });
    return { url, key: ticket.mediaId };
  }

  async #sign(mediaId: MediaId, partNumber: number): Promise<SignedRequest> {
    const partNumbers = [partNumber];
    const { parts } = await this.#retry(() => call(this.options, 'media.signParts', { mediaId, partNumbers }));
    return { url: parts[0]!.uploadUrl, headers: parts[0]!.headers };
  }

  /** Uppy takes a part for stored that has an ETag; which one does not matter, as the server needs none. */
  async #list(mediaId: MediaId): Promise<SignedRequest> {
    const status = await this.#retry(() => call(this.options, 'media.getUploadStatus', { mediaId }));
    if (status.partSize !== this.partSizeOf(status.totalBytes)) {
      throw new TypeError(`The upload was begun with parts of ${status.partSize} bytes: add the file anew`);
    }
    const missing = new Set(status.missingParts);
    const stored = Array.from({ length: status.totalParts! }, (_, index) => index + 1).filter((part) => !missing.has(part));
    return { url: answer({ ListPartsResult: { Part: stored.map((PartNumber) => ({ PartNumber, ETag: 'stored' })) } }) };
  }

  async #complete(mediaId: MediaId): Promise<SignedRequest> {
    const { media } = await this.#retry(() => call(this.options, 'media.completeMultipartUpload', { mediaId }));
    return { url: answer({ CompleteMultipartUploadResult: { Location: `urn:uuid:${media.id}`, Key: media.id } }) };
  }

  async #cancel(mediaId: MediaId): Promise<SignedRequest> {
    await this.#retry(() => call(this.options, 'media.cancelUpload', { mediaId }));
    return { url: answer({}) };
  }

  #retry<T>(asked: () => Promise<T>): Promise<T> {
    return retrying(asked, this.retries);
  }
}

/** A URL that answers a document. */
function answer(document: Elements): string {
  return `data:application/xml,${encodeURIComponent(xml(document))}`;
}

interface Elements {
  [name: string]: string | number | Elements | Elements[];
}

function xml(elements: Elements): string {
  return Object.entries(elements)
    .flatMap(([name, content]) => [content].flat().map((one) => [name, typeof one === 'object' ? xml(one) : one]))
    .map(([name, content]) => `<${name}>${content}</${name}>`)
    .join('');
}
