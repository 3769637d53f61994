import type { TRPCClientError } from '@trpc/client';
import { ErrorCode, type AppRouter } from 'mediarpc';
import { isRenewable, tokenOf, type Endpoint } from './endpoint.js';

type ClientError = TRPCClientError<AppRouter>;

const ENDED = new Set<unknown>([ErrorCode.SESSION_EXPIRED, ErrorCode.INVALID_TOKEN]);
const PASSING = new Set<unknown>([
  ErrorCode.RATE_LIMIT_EXCEEDED,
  ErrorCode.INTERNAL_SERVER_ERROR,
  ErrorCode.SERVICE_UNAVAILABLE,
  undefined, // no answer of the server's: a lost connection, a proxy
]);
const MOST_TOKENS = 5; // in a row that are refused
const LIVED = 2500; // milliseconds: a connection that lasted for so long had been accepted
const FIRST_PAUSE = 500; // milliseconds
const LONGEST_PAUSE = 10_000; // milliseconds

/** Whether a call was refused because its token is good no more, or never was. */
export function hasEnded({ data }: ClientError): boolean {
  return ENDED.has(data?.rpcCode);
}

/** Says whether one subscription goes on after an error, and when. */
export class Persistence {
  #failures = 0; // in a row
  #began = 0;
  #asked = 0; // seconds

  constructor(readonly endpoint: Endpoint) {}

  /** A fresh token, for one more connection. */
  begin(): Promise<string | undefined> {
    this.#began = performance.now();
    return tokenOf(this.endpoint);
  }

  outlasts(error: ClientError): boolean {
    if (performance.now() - this.#began > LIVED) this.#failures = 0;
    this.#failures += 1;
    this.#asked = error.data?.rpcCode === ErrorCode.RATE_LIMIT_EXCEEDED ? error.data.details.retryAfter : 0;
    if (hasEnded(error)) return isRenewable(this.endpoint) && this.#failures <= MOST_TOKENS;
    return PASSING.has(error.data?.rpcCode);
  }

  /** Milliseconds until the next connection: none at first, then ever more. */
  get pause(): number {
    const backoff = this.#failures === 1 ? 0 : Math.min(LONGEST_PAUSE, FIRST_PAUSE * 2 ** (this.#failures - 1));
    return this.#asked * 1000 + (0.5 + Math.random() / 2) * backoff;
  }
}
