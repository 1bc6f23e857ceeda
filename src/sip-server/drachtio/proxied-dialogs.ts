/**
 * Dialogs that we stay in as a proxy (Record-Route). Only for these is a request with our Route passed on: we are no open
 * relay. Keyed by Call-ID and both tags, in either direction.
 */
const MAX = 50_000;
const KEEP_MS = 24 * 3_600_000;

export class ProxiedDialogs {
  readonly #now: () => number;
  readonly #until = new Map<string, number>();

  constructor(now: () => number) {
    this.#now = now;
  }

  get size(): number {
    return this.#until.size;
  }

  add(callId: string, tagA: string, tagB: string): void {
    const key = keyOf(callId, tagA, tagB);
    this.#until.delete(key);
    if (this.#until.size >= MAX) this.#expire();
    this.#until.set(key, this.#now() + KEEP_MS);
  }

  has(callId: string, tagA: string, tagB: string): boolean {
    const until = this.#until.get(keyOf(callId, tagA, tagB));
    return until !== undefined && until > this.#now();
  }

  remove(callId: string, tagA: string, tagB: string): void {
    this.#until.delete(keyOf(callId, tagA, tagB));
  }

  /** The oldest stand first. */
  #expire(): void {
    for (const [key, until] of this.#until) {
      if (until > this.#now() && this.#until.size < MAX) return;
      this.#until.delete(key);
    }
  }
}

function keyOf(callId: string, tagA: string, tagB: string): string {
  return tagA < tagB ? `${callId}|${tagA}|${tagB}` : `${callId}|${tagB}|${tagA}`;
}
