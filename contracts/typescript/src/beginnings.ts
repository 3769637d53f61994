import { ErrorCode, type MediaProcedures, type RpcErrorDetails, type UploadOutcome, type UploadTicket } from 'mediarpc';
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
  /** Not with others: its input is refused, and it is to have the sentence that a call of its own has. */
  isAlone?: boolean;
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
    while (this.#waiting.length > 0) await this.#beginAll(this.#next());
    this.#isCalling = false;
  }

  #next(): Beginning[] {
    const alone = this.#waiting.findIndex(({ isAlone }) => isAlone);
    return this.#waiting.splice(0, alone < 0 ? MOST : Math.min(MOST, alone || 1));
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
    try {
      const { results } = await call(this.endpoint, 'media.initiateUploads', { uploads: all.map(({ input }) => input) });
      all.forEach(({ resolve, reject }, place) => settle(results[place], resolve, reject));
    } catch (error) {
      this.#separate(all, error);
    }
  }

  /** Have those begun without the others whose input is refused. Throws what is about none of them. */
  #separate(all: Beginning[], error: unknown): void {
    const refused = all.filter((_, place) => isAbout(error, place));
    if (refused.length === 0) throw error;
    this.#waiting.unshift(...all.filter((beginning) => !refused.includes(beginning)));
    this.#waiting.push(...refused.map((beginning) => ({ ...beginning, isAlone: true })));
  }
}

/** Those that somebody still wants; the others reject. */
function withoutAborted(all: Beginning[]): Beginning[] {
  for (const { signal, reject } of all) if (signal?.aborted) reject(signal.reason);
  return all.filter(({ signal }) => !signal?.aborted);
}

/** Whether the server refuses the input of the upload that has this place in the call. */
function isAbout(error: unknown, place: number): boolean {
  if (!(error instanceof MediaRpcError && error.is(ErrorCode.VALIDATION_ERROR))) return false;
  const issues = error.details && 'errors' in error.details ? error.details.errors : [];
  return issues.some(({ path }) => path[0] === 'uploads' && path[1] === place);
}

function settle(outcome: UploadOutcome | undefined, resolve: Beginning['resolve'], reject: Beginning['reject']): void {
  if (outcome?.ticket) return resolve(outcome.ticket);
  if (!outcome?.error) return reject(new TypeError('The server did not say what came of an upload'));
  const { message, code, details, requestId } = outcome.error;
  reject(new MediaRpcError(message, code as ErrorCode, details as RpcErrorDetails[ErrorCode], requestId));
}
