import { ErrorCode } from 'mediarpc';
import { MediaRpcError, MediaTransportError } from './errors.js';

export interface Retries {
  /** How often a step is tried in all. */
  tries: number;
  /** Milliseconds: the longest pause before the second try; it doubles with each further one. */
  delay: number;
}

const LONGEST_PAUSE = 30_000; // milliseconds

/** Whether the same call may be answered otherwise later. */
export function isPassing(error: unknown): boolean {
  if (error instanceof MediaTransportError) return error.isPassing;
  return (
    error instanceof MediaRpcError &&
    (error.is(ErrorCode.SERVICE_UNAVAILABLE) || error.is(ErrorCode.RATE_LIMIT_EXCEEDED))
  );
}

/** What `attempt` resolves to, tried again after the errors that `again` says are worth it. */
export async function retrying<T>(
  attempt: () => Promise<T>,
  { tries, delay }: Retries,
  signal?: AbortSignal,
  again: (error: unknown) => boolean = isPassing,
): Promise<T> {
  for (let tried = 1; ; tried += 1) {
    try {
      signal?.throwIfAborted();
      return await attempt();
    } catch (error) {
      signal?.throwIfAborted();
      if (tried >= tries || !again(error)) throw error;
      await pause(told(error) + jitter(delay, tried), signal);
    }
  }
}

/** Exponential backoff with full jitter: anything from nothing to twice the longest pause before. */
function jitter(delay: number, tried: number): number {
  return Math.random() * Math.min(LONGEST_PAUSE, delay * 2 ** (tried - 1));
}

/** The milliseconds that the server asked to wait. */
function told(error: unknown): number {
  return error instanceof MediaRpcError && error.is(ErrorCode.RATE_LIMIT_EXCEEDED) ? error.details.retryAfter * 1000 : 0;
}

/** What a promise resolves to, unless the signal aborts before. */
export function orAborted<T>(promise: Promise<T>, signal: AbortSignal | undefined): Promise<T> {
  return new Promise((resolve, reject) => {
    const stop = () => reject(signal?.reason);
    signal?.addEventListener('abort', stop, { once: true });
    promise.then(resolve, reject).finally(() => signal?.removeEventListener('abort', stop));
  });
}

function pause(milliseconds: number, signal: AbortSignal | undefined): Promise<void> {
  return orAborted(new Promise((resolve) => setTimeout(resolve, milliseconds)), signal);
}
