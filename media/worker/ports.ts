/** Pairs of UDP ports: an even one for RTP, the next for RTCP (RFC 3550 section 11). */

/** A pair that was given back rests this long, in ms, so that stragglers of its former call find nobody. */
const QUARANTINE_MS = 5000;
/** A pair that another program held is not tried again for this long. */
const BUSY_MS = 30_000;

export class PortAllocator {
  readonly #first: number;
  readonly #pairs: number;
  readonly #used = new Set<number>();
  readonly #resting = new Map<number, number>(); // port to the time until which it rests, oldest first
  #next: number;

  /** Ports from `low` to `high`, both included. `start`: which pair is tried first. */
  constructor(low: number, high: number, start = 0) {
    this.#first = low + (low % 2);
    this.#pairs = Math.max(0, Math.floor((high - this.#first + 1) / 2));
    this.#next = this.#pairs === 0 ? 0 : start % this.#pairs;
  }

  get size(): number {
    return this.#pairs;
  }

  /** An RTP port, or null: all are in use. The longest rested one is taken where no other is left. */
  take(now: number): number | null {
    for (let tried = 0; tried < this.#pairs; tried++) {
      const port = this.#first + 2 * ((this.#next + tried) % this.#pairs);
      if (this.#used.has(port) || (this.#resting.get(port) ?? 0) > now) continue;
      this.#next = (this.#next + tried + 1) % this.#pairs;
      return this.#use(port);
    }
    const rested = this.#resting.keys().next().value;
    return rested === undefined ? null : this.#use(rested);
  }

  give(port: number, now: number): void {
    this.#rest(port, now + QUARANTINE_MS);
  }

  /** Another program holds it. */
  busy(port: number, now: number): void {
    this.#rest(port, now + BUSY_MS);
  }

  #use(port: number): number {
    this.#resting.delete(port);
    this.#used.add(port);
    return port;
  }

  #rest(port: number, until: number): void {
    if (!this.#used.delete(port)) return;
    this.#resting.set(port, until);
  }
}
