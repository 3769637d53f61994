import { ErrorCode, type Media, type MediaId, type MediaProcedures, type SignedPart, type StoredPart } from 'mediarpc';
import { call } from './call.js';
import { isEndedUrl, MediaRpcError } from './errors.js';
import { digestOf } from './input.js';
import { isPassing } from './outage.js';
import { Progress } from './progress.js';
import { retrying } from './retry.js';
import { send } from './send.js';
import type { Uploading } from './upload.js';
import { PartUrls } from './urls.js';

const MIB = 1024 ** 2; // bytes
const LEAST_PART = 5 * MIB; // S3's own limit
const SMALL = 100 * MIB; // a file that goes in the smallest parts, so that more of them are whole when it is broken off

/** A file that goes in parts, some of which storage may have already. */
export interface Parts {
  mediaId: MediaId;
  partSize: number;
  stored: StoredPart[];
  missing: number[];
}

export async function beginParts(
  { endpoint, retries, partSize, options }: Uploading,
  described: MediaProcedures.InitiateUpload.Input,
): Promise<Parts> {
  const wish = partSize ?? (described.size <= SMALL ? LEAST_PART : undefined);
  const input = wish === undefined ? described : { ...described, partSize: wish };
  const initiate = () => call(endpoint, 'media.initiateMultipartUpload', input);
  const ticket = await retrying(initiate, retries, options.signal);
  const missing = Array.from({ length: ticket.totalParts }, (_, index) => index + 1);
  return { mediaId: ticket.mediaId, partSize: ticket.partSize, stored: [], missing };
}

export async function deliverParts(uploading: Uploading, { mediaId, partSize, stored, missing }: Parts): Promise<Media> {
  const { endpoint, retries, file, options } = uploading;
  const { onProgress, signal } = options;
  const sizes = new Map(stored.map(({ partNumber, size }) => [partNumber, size]));
  const parts = new SentParts(uploading, mediaId, partSize, new Progress(file.size, onProgress, signal, sizes));
  const complete = () => call(endpoint, 'media.completeMultipartUpload', { mediaId }, signal);
  let numbers = missing;
  const deliverAndComplete = async () => {
    try {
      await parts.send(numbers);
      return await retrying(complete, retries, signal);
    } catch (error) {
      numbers = lackingAfter(error) ?? [];
      throw error;
    }
  };
  return (await retrying(deliverAndComplete, retries, signal, (error) => lackingAfter(error) !== undefined)).media;
}

/** The parts that are to be sent before completing again; none when somebody else has completed the upload. */
function lackingAfter(error: unknown): number[] | undefined {
  if (!(error instanceof MediaRpcError)) return undefined;
  const details: { missingParts?: number[]; partNumber?: number } = error.details ?? {};
  if (error.is(ErrorCode.CONFLICT)) return details.missingParts ?? [];
  if (error.is(ErrorCode.INVALID_INPUT) && details.partNumber) return [details.partNumber];
  return undefined;
}

class SentParts {
  constructor(
    readonly uploading: Uploading,
    readonly mediaId: MediaId,
    readonly partSize: number,
    readonly progress: Progress,
  ) {}

  /** Send parts, several at once, in order. When one cannot be sent, stop the others. */
  async send(numbers: number[]): Promise<void> {
    const { file, options } = this.uploading;
    const aQuarter = Math.ceil(file.size / this.partSize / 4);
    const stopping = new AbortController();
    const signal = options.signal ? AbortSignal.any([options.signal, stopping.signal]) : stopping.signal;
    const urls = new PartUrls(numbers, (batch) => this.sign(batch, signal));
    const waiting = numbers.values();
    const sendNext = async () => {
      for (const number of waiting) await this.sendPart(number, urls, signal);
    };
    this.progress.report();
    const senders = Array.from({ length: Math.min(this.uploading.parallel, aQuarter) }, sendNext);
    await Promise.all(senders).catch((error: unknown) => stopping.abort(error));
    await Promise.allSettled(senders);
    signal.throwIfAborted();
  }

  /** Send one part until storage has it. After a failure that may have followed its arrival, storage is asked first. */
  private async sendPart(number: number, urls: PartUrls, signal: AbortSignal): Promise<void> {
    const { endpoint, retries, gate } = this.uploading;
    const bytes = this.bytesOf(number);
    const onSent = this.progress.of(number);
    let mayHaveArrived = false;
    const attempt = async (signal: AbortSignal) => {
      if (mayHaveArrived && (await this.isStored(number, signal))) return onSent(bytes.size);
      const part = await urls.of(number);
      try {
        await send(part, bytes, onSent, signal, endpoint.fetch);
      } catch (error) {
        mayHaveArrived = !isEndedUrl(error);
        if (!mayHaveArrived) await urls.forget(part);
        throw error;
      }
    };
    const again = (error: unknown) => isPassing(error) || isEndedUrl(error);
    await retrying(() => gate.pass(attempt, signal), retries, signal, again);
  }

  private async isStored(number: number, signal: AbortSignal): Promise<boolean> {
    const { missingParts } = await call(this.uploading.endpoint, 'media.getUploadStatus', { mediaId: this.mediaId }, signal);
    return !missingParts.includes(number);
  }

  private async sign(partNumbers: number[], signal: AbortSignal): Promise<SignedPart[]> {
    const { endpoint, options } = this.uploading;
    const input: MediaProcedures.SignParts.Input = { mediaId: this.mediaId, partNumbers };
    if (options.sha256 === true) input.checksums = await this.checksumsOf(partNumbers);
    return (await call(endpoint, 'media.signParts', input, signal)).parts;
  }

  private async checksumsOf(numbers: number[]): Promise<{ partNumber: number; sha256: string }[]> {
    const checksums = [];
    for (const partNumber of numbers) checksums.push({ partNumber, sha256: await digestOf(this.bytesOf(partNumber)) });
    return checksums;
  }

  private bytesOf(number: number): Blob {
    return this.uploading.file.slice((number - 1) * this.partSize, number * this.partSize);
  }
}
