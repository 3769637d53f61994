import { ErrorCode } from 'mediarpc';
import { MediaRpcError, MediaTransportError } from './errors.js';

/** Whether the same call may be answered otherwise later. */
export function isPassing(error: unknown): boolean {
  if (error instanceof MediaTransportError) return error.isPassing;
  return error instanceof MediaRpcError && (error.is(ErrorCode.SERVICE_UNAVAILABLE) || isRateLimit(error));
}

/** The seconds that the server asks to wait for room under a rate limit; none when there is none. */
export function retryAfter(error: unknown): number | undefined {
  return isRateLimit(error) ? error.details.retryAfter : undefined;
}

function isRateLimit(error: unknown): error is MediaRpcError<typeof ErrorCode.RATE_LIMIT_EXCEEDED> {
  return error instanceof MediaRpcError && error.is(ErrorCode.RATE_LIMIT_EXCEEDED);
}

/** Whether a browser says that there is no network. */
export function isOffline(): boolean {
  return typeof navigator === 'object' && navigator.onLine === false;
}

/** Resolves once the browser is online. */
export function online(): Promise<void> {
  return new Promise((resolve) => globalThis.addEventListener('online', () => resolve(), { once: true }));
}
