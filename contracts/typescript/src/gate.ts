import { orAborted } from './retry.js';

/** Lets steps pass while it is open. Closing it stops those on their way; they are taken again once it opens. */
export class Gate {
  #closing = new AbortController();
  #opened: Promise<void> = Promise.resolve();
  #open: (() => void) | undefined;

  close(): void {
    if (this.#open) return;
    this.#opened = new Promise((open) => (this.#open = open));
    this.#closing.abort();
  }

  open(): void {
    this.#closing = new AbortController();
    this.#open?.();
    this.#open = undefined;
  }

  async pass<T>(step: (signal: AbortSignal) => Promise<T>, signal?: AbortSignal): Promise<T> {
    for (;;) {
      await orAborted(this.#opened, signal);
      const closing = this.#closing.signal;
      try {
        return await step(signal ? AbortSignal.any([signal, closing]) : closing);
      } catch (error) {
        if (signal?.aborted || !closing.aborted) throw error;
      }
    }
  }
}
