import { isOffline, isPassing, online, retryAfter } from './outage.js';

export interface Retries {
  /** How often a step is tried in all whose bytes or whose URL were refused. */
  tries: number;
  /** Seconds: how long a step is tried again while no answer can be had. */
  seconds: number;
  /** Milliseconds: the longest pause before the second try; it doubles with each further one. */
  delay: number;
  onWait?: ((wait: UploadWait) => void) | undefined;
}

export interface RetryOptions {
  /** Seconds: how long a step is tried again while no answer can be had; 300 unless told otherwise. */
  retrySeconds?: number;
  /** How often a step is tried in all whose bytes came damaged or whose URL was refused; 5 unless told otherwise. */
  tries?: number;
  /** Milliseconds: the longest pause before the second try, doubled with each further one; 500 unless told otherwise. */
  retryDelay?: number;
}

export function retriesOf({ retrySeconds = 300, tries = 5, retryDelay = 500 }: RetryOptions): Retries {
  return { seconds: retrySeconds, tries, delay: retryDelay };
}

/** A pause before the next try. */
export interface UploadWait {
  /** How long it is; null until the browser is online again. */
  seconds: number | null;
  reason: 'rateLimit' | 'outage' | 'offline';
  /** What the last try ended with. */
  error: unknown;
}

const LONGEST_PAUSE = 10_000; // milliseconds
const LONGEST_TRY = 60_000; // milliseconds: what counts of a try, so that a slow line has several

/** What `attempt` resolves to, tried again after the errors that `again` says are worth it. */
export async function retrying<T>(
  attempt: () => Promise<T>,
  retries: Retries,
  signal?: AbortSignal,
  again: (error: unknown) => boolean = isPassing,
): Promise<T> {
  for (const patience = new Patience(retries, signal); ; ) {
    const began = performance.now();
    try {
      signal?.throwIfAborted();
      return await attempt();
    } catch (error) {
      signal?.throwIfAborted();
      if (!again(error)) throw error;
      await patience.wait(error, performance.now() - began);
    }
  }
}

/** Waits between the tries of one step, and throws the last error once it has waited for long enough. */
class Patience {
  #spent = 0; // milliseconds, since the server answered last
  #failures = 0;
  #refusals = 0;

  constructor(
    readonly retries: Retries,
    readonly signal: AbortSignal | undefined,
  ) {}

  async wait(error: unknown, tried: number): Promise<void> {
    this.#failures += 1;
    if (!isPassing(error)) return this.#afterRefusal(error);
    const seconds = retryAfter(error);
    if (seconds !== undefined) return this.#forRoom(error, seconds);
    if (isOffline()) return this.#offline(error);
    return this.#outage(error, tried);
  }

  async #afterRefusal(error: unknown): Promise<void> {
    this.#refusals += 1;
    if (this.#refusals >= this.retries.tries) throw error;
    await pause(this.#backoff(), this.signal);
  }

  /** As long as the server asks, unless that is longer than anything is waited for. */
  async #forRoom(error: unknown, seconds: number): Promise<void> {
    if (seconds > this.retries.seconds) throw error;
    this.#spent = 0;
    await this.#tell(seconds * 1000 + this.#backoff(), 'rateLimit', error);
  }

  async #offline(error: unknown): Promise<void> {
    this.#spent = this.#failures = 0;
    this.retries.onWait?.({ seconds: null, reason: 'offline', error });
    await orAborted(online(), this.signal);
  }

  async #outage(error: unknown, tried: number): Promise<void> {
    this.#spent += Math.min(tried, LONGEST_TRY);
    const left = this.retries.seconds * 1000 - this.#spent;
    if (left <= 0) throw error;
    const wait = Math.min(this.#backoff(), left);
    this.#spent += wait;
    await this.#tell(wait, 'outage', error);
  }

  async #tell(milliseconds: number, reason: UploadWait['reason'], error: unknown): Promise<void> {
    this.retries.onWait?.({ seconds: Math.ceil(milliseconds / 1000), reason, error });
    await pause(milliseconds, this.signal);
  }

  /** Exponential backoff with jitter: half of the longest pause to all of it. */
  #backoff(): number {
    return (0.5 + Math.random() / 2) * Math.min(LONGEST_PAUSE, this.retries.delay * 2 ** (this.#failures - 1));
  }
}

/** What a promise resolves to, unless the signal aborts before. */
export function orAborted<T>(promise: Promise<T>, signal: AbortSignal | undefined): Promise<T> {
  return new Promise((resolve, reject) => {
    const stop = () => reject(signal?.reason);
    if (signal?.aborted) stop();
    signal?.addEventListener('abort', stop, { once: true });
    promise.then(resolve, reject).finally(() => signal?.removeEventListener('abort', stop));
  });
}

/** Wait for so long. */
export function pause(milliseconds: number, signal: AbortSignal | undefined): Promise<void> {
  let timer: ReturnType<typeof setTimeout>;
  const waited = new Promise<void>((resolve) => (timer = setTimeout(resolve, milliseconds)));
  return orAborted(waited, signal).finally(() => clearTimeout(timer));
}
