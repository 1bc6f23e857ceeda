/**
 * Failed authentications per source: after `limit` failures within `window`, further attempts from there are not
 * even looked at until the window has passed. A success clears nothing: whoever has one account may not guess at others.
 * `now` is passed in.
 */
export class FailureThrottle {
  readonly #limit: number;
  readonly #window: number;
  readonly #maxSources: number;
  readonly #failures = new Map<string, { count: number; since: number }>();

  constructor(options: { limit: number; window: number; maxSources?: number }) {
    this.#limit = options.limit;
    this.#window = options.window;
    this.#maxSources = options.maxSources ?? 10_000;
  }

  /** Seconds until this source may try again; 0 where it may now. */
  blockedFor(source: string, now: number): number {
    const entry = this.#failures.get(source);
    if (entry === undefined || entry.count < this.#limit) return 0;
    const left = entry.since + this.#window - now;
    if (left <= 0) {
      this.#failures.delete(source);
      return 0;
    }
    return Math.ceil(left / 1000);
  }

  failed(source: string, now: number): void {
    const entry = this.#failures.get(source);
    if (entry !== undefined && now - entry.since < this.#window) {
      entry.count++;
      return;
    }
    this.#failures.delete(source);
    // Oldest first: a flood of forged sources cannot grow the table without end.
    for (const [oldest, { since }] of this.#failures) {
      if (this.#failures.size < this.#maxSources && now - since < this.#window) break;
      this.#failures.delete(oldest);
    }
    this.#failures.set(source, { count: 1, since: now });
  }
}
