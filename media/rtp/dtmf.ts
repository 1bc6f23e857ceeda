/** Telephone-events (RFC 4733): reading them, and reporting each key press once. */

export const DIGITS = '0123456789*#ABCD';
export const EVENT_LENGTH = 4;

/** A press whose end was never received is reported when nothing has come for this long, in ms. */
const PRESS_TIMEOUT_MS = 500;
/** No finger is faster than this many presses a second; more is an attack on whoever is told. */
const MAX_PRESSES_PER_SECOND = 20;

/**
 * Reports a key at the first packet that has its end bit. Where all three are lost it is reported when the next press
 * begins, or by `expire`. A press longer than 0xffff samples goes on in segments (RFC 4733 section 2.5.1.3): still one.
 */
export class DtmfDetector {
  readonly #report: (digit: string) => void;
  #event = -1;
  #timestamp = 0;
  #pending = false;
  /** Length of a segment of a long press, in samples (RFC 4733 section 2.5.1.3). */
  segment = 0xffff;
  #lastPacket = 0;
  #secondStart = -Infinity;
  #inSecond = 0;

  constructor(report: (digit: string) => void) {
    this.#report = report;
  }

  /** `payload[start, end)` is the event, `timestamp` its place on the source's timeline. */
  packet(payload: Uint8Array, start: number, end: number, marker: boolean, timestamp: number, now: number): void {
    if (end - start < EVENT_LENGTH) return;
    const event = payload[start]!;
    const ended = (payload[start + 1]! & 0x80) !== 0;
    if (timestamp < this.#timestamp && this.#event >= 0) return; // a straggler of an earlier press
    if (timestamp !== this.#timestamp || event !== this.#event) {
      const segment =
        !marker && event === this.#event && this.#pending && Math.abs(timestamp - this.#timestamp - this.segment) <= 1;
      if (!segment) {
        this.#finish(now);
        this.#pending = true;
      }
      this.#event = event;
      this.#timestamp = timestamp;
    }
    this.#lastPacket = now;
    if (ended) this.#finish(now);
  }

  /** To be called now and then. */
  expire(now: number): void {
    if (this.#pending && now - this.#lastPacket >= PRESS_TIMEOUT_MS) this.#finish(now);
  }

  #finish(now: number): void {
    if (!this.#pending) return;
    this.#pending = false;
    const digit = DIGITS[this.#event];
    if (digit === undefined) return; // tones and signals other than keys
    if (now - this.#secondStart >= 1000) {
      this.#secondStart = now;
      this.#inSecond = 0;
    }
    if (++this.#inSecond <= MAX_PRESSES_PER_SECOND) this.#report(digit);
  }
}
