import { ErrorCode, type Media, type MediaId, type MediaProcedures, type UploadTicket } from 'mediarpc';
import { call } from './call.js';
import { isEndedUrl, MediaRpcError } from './errors.js';
import { isPassing } from './outage.js';
import { Progress } from './progress.js';
import { retrying } from './retry.js';
import { send } from './send.js';
import type { Uploading } from './upload.js';

/** A file that goes by one PUT. */
export interface Whole {
  mediaId: MediaId;
  ticket: UploadTicket;
  /** The same upload, with a fresh URL. */
  renew: () => Promise<UploadTicket>;
}

export async function beginWhole(
  { endpoint, retries, beginnings, options }: Uploading,
  input: MediaProcedures.InitiateUpload.Input,
): Promise<Whole> {
  const ticket = await beginnings.begin(input, retries, options.signal);
  const renew = () => call(endpoint, 'media.initiateUpload', input);
  return { mediaId: ticket.mediaId, ticket, renew };
}

export async function deliverWhole(uploading: Uploading, whole: Whole): Promise<Media> {
  const { endpoint, retries, options, gate } = uploading;
  const { signal } = options;
  const deliver = delivery(uploading, whole);
  const complete = () => call(endpoint, 'media.completeUpload', { mediaId: whole.mediaId }, signal);
  const deliverAndComplete = async () => {
    const passing = () => gate.pass(deliver, signal);
    await retrying(passing, retries, signal, (error) => isPassing(error) || isEndedUrl(error));
    return retrying(complete, retries, signal);
  };
  return (await retrying(deliverAndComplete, retries, signal, areOtherBytes)).media;
}

/** What sends the whole file, each time it is called, with a fresh URL once the one before has ended. */
function delivery({ endpoint, file, options }: Uploading, whole: Whole): (signal: AbortSignal) => Promise<void> {
  const onSent = new Progress(file.size, options.onProgress, options.signal).of(1);
  let ticket: UploadTicket | undefined = whole.ticket;
  return async (signal) => {
    const { expiresAt } = (ticket ??= await whole.renew());
    try {
      await send(ticket, file, onSent, signal, endpoint.fetch);
    } catch (error) {
      if (isEndedUrl(error) || Date.parse(expiresAt) <= Date.now()) ticket = undefined;
      throw error;
    }
  };
}

function areOtherBytes(error: unknown): boolean {
  return error instanceof MediaRpcError && error.is(ErrorCode.INVALID_INPUT);
}
