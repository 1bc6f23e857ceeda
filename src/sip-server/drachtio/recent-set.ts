/** The texts added last, up to a number; the oldest are forgotten first. */
export class RecentSet {
  readonly #max: number;
  readonly #texts = new Set<string>();

  constructor(max: number) {
    this.#max = max;
  }

  add(text: string): void {
    this.#texts.add(text);
    if (this.#texts.size <= this.#max) return;
    const oldest = this.#texts.values().next().value;
    if (oldest !== undefined) this.#texts.delete(oldest);
  }

  has(text: string): boolean {
    return this.#texts.has(text);
  }
}
