import { orAborted } from './retry.js';

/** Lets so many work at once; the others wait for their turn, in their order. */
export class Slots {
  #free: number;
  readonly #waiting: (() => void)[] = [];

  constructor(slots: number) {
    this.#free = slots;
  }

  /** What the work resolves to, once it had its turn. Rejects with the signal's reason when that aborts before. */
  async hold<T>(work: () => Promise<T>, signal: AbortSignal | undefined): Promise<T> {
    await this.#take(signal);
    try {
      return await work();
    } finally {
      this.#give();
    }
  }

  async #take(signal: AbortSignal | undefined): Promise<void> {
    signal?.throwIfAborted();
    if (this.#free > 0) {
      this.#free -= 1;
      return;
    }
    let turn = () => {};
    const waited = new Promise<void>((resolve) => (turn = resolve));
    this.#waiting.push(turn);
    try {
      await orAborted(waited, signal);
    } catch (error) {
      const place = this.#waiting.indexOf(turn);
      if (place === -1) this.#give(); // its turn came as it left
      else this.#waiting.splice(place, 1);
      throw error;
    }
  }

  #give(): void {
    const next = this.#waiting.shift();
    if (next) next();
    else this.#free += 1;
  }
}
