import type { ErrorCode, MediaProcedures, RpcErrorDetails, UploadOutcome, UploadTicket } from 'mediarpc';
import { call } from './call.js';
import type { Endpoint } from './endpoint.js';
import { MediaRpcError } from './errors.js';
import { retrying, type Retries, type UploadWait } from './retry.js';

type Input = MediaProcedures.InitiateUpload.Input;

/** An upload that is to be begun. */
interface Beginning {
  input: Input;
  onWait: ((wait: UploadWait) => void) | undefined;
  signal: AbortSignal | undefined;
  resolve: (ticket: UploadTicket) => void;
  reject: (error: unknown) => void;
}

const MOST = 50; // uploads that one call begins

/** Begins uploads by one PUT, one call at a time: those that come while a call is under way are the next one's. */
export class Beginnings {
  #waiting: Beginning[] = [];
  #isCalling = false;

  constructor(
    readonly endpoint: Endpoint,
    readonly retries: Retries,
  ) {}

  /** The ticket of a new upload. Rejects with the server's refusal, or with the signal's reason. */
  begin(input: Input, { onWait }: Retries, signal: AbortSignal | undefined): Promise<UploadTicket> {
    return new Promise((resolve, reject) => {
      this.#waiting.push({ input, onWait, signal, resolve, reject });
      if (!this.#isCalling) void this.#callWhileAnyWait();
    });
  }

  async #callWhileAnyWait(): Promise<void> {
    this.#isCalling = true;
    await new Promise((resolve) => setTimeout(resolve)); // whoever starts several uploads has started them all by then
    while (this.#waiting.length > 0) await this.#beginAll(this.#waiting.splice(0, MOST));
    this.#isCalling = false;
  }

  async #beginAll(all: Beginning[]): Promise<void> {
    const onWait = (wait: UploadWait) => [...all, ...this.#waiting].forEach((beginning) => beginning.onWait?.(wait));
    const unwanted = new AbortController();
    const look = () => all.every(({ signal }) => signal?.aborted) && unwanted.abort();
    all.forEach(({ signal }) => signal?.addEventListener('abort', look));
    try {
      await retrying(() => this.#attempt(withoutAborted(all)), { ...this.retries, onWait }, unwanted.signal);
    } catch (error) {
      all.forEach(({ reject, signal }) => reject(signal?.aborted ? signal.reason : error));
    } finally {
      all.forEach(({ signal }) => signal?.removeEventListener('abort', look));
    }
  }

  async #attempt(all: Beginning[]): Promise<void> {
    const [first, ...others] = all;
    if (!first) return;
    if (others.length === 0) return first.resolve(await call(this.endpoint, 'media.initiateUpload', first.input));
    const { results } = await call(this.endpoint, 'media.initiateUploads', { uploads: all.map(({ input }) => input) });
    all.forEach(({ resolve, reject }, place) => settle(results[place], resolve, reject));
  }
}

/** Those that somebody still wants; the others reject. */
function withoutAborted(all: Beginning[]): Beginning[] {
  for (const { signal, reject } of all) if (signal?.aborted) reject(signal.reason);
  return all.filter(({ signal }) => !signal?.aborted);
}

function settle(outcome: UploadOutcome | undefined, resolve: Beginning['resolve'], reject: Beginning['reject']): void {
  if (outcome?.ticket) return resolve(outcome.ticket);
  if (!outcome?.error) return reject(new TypeError('The server did not say what came of an upload'));
  const { message, code, details, requestId } = outcome.error;
  reject(new MediaRpcError(message, code as ErrorCode, details as RpcErrorDetails[ErrorCode], requestId));
}
