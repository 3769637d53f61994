export interface UploadProgress {
  sent: number;
  total: number;
}

/** Adds up what has been sent of each part, and tells it whenever it is more than ever before. */
export class Progress {
  #sum: number;
  #told = -1;

  constructor(
    readonly total: number,
    readonly tell: ((progress: UploadProgress) => void) | undefined,
    readonly signal: AbortSignal | undefined,
    /** The bytes of each part that storage has already. */
    readonly parts = new Map<number, number>(),
  ) {
    this.#sum = [...parts.values()].reduce((sum, bytes) => sum + bytes, 0);
  }

  /** What takes how many bytes of a part have been sent. */
  of(part: number): (bytes: number) => void {
    return (bytes) => {
      this.#sum += bytes - (this.parts.get(part) ?? 0);
      this.parts.set(part, bytes);
      this.report();
    };
  }

  report(): void {
    if (this.#sum <= this.#told || this.signal?.aborted) return;
    this.#told = this.#sum;
    this.tell?.({ sent: this.#sum, total: this.total });
  }
}
