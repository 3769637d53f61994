import type { SignedPart } from 'mediarpc';

const BATCH = 8; // parts

/** The signed URLs of parts: asked for when they are needed, a few at a time. */
export class PartUrls {
  readonly #signed = new Map<number, Promise<SignedPart[]>>();

  constructor(
    /** The parts, in the order in which they will be asked for. */
    readonly numbers: readonly number[],
    readonly sign: (numbers: number[]) => Promise<SignedPart[]>,
  ) {}

  async of(number: number): Promise<SignedPart> {
    const signed = await this.#find(number);
    if (Date.parse(signed.expiresAt) > Date.now()) return signed;
    await this.forget(signed);
    return this.#find(number);
  }

  /** Ask for this URL anew when it is needed next, and for those that were signed with it. */
  async forget(ended: SignedPart): Promise<void> {
    const signing = this.#signed.get(ended.partNumber);
    if ((await signing)?.includes(ended)) this.#drop(signing);
  }

  async #find(number: number): Promise<SignedPart> {
    const parts = await (this.#signed.get(number) ?? this.#signBatch(number));
    return parts.find(({ partNumber }) => partNumber === number)!;
  }

  #signBatch(first: number): Promise<SignedPart[]> {
    const start = this.numbers.indexOf(first);
    const batch = this.numbers.slice(start, start + BATCH).filter((number) => !this.#signed.has(number));
    const signing = this.sign(batch);
    for (const number of batch) this.#signed.set(number, signing);
    signing.catch(() => this.#drop(signing));
    return signing;
  }

  #drop(dropped: Promise<SignedPart[]> | undefined): void {
    for (const [number, signing] of this.#signed) if (signing === dropped) this.#signed.delete(number);
  }
}
