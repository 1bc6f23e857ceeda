/**
 * The newest second of a source's audio, indexed by time. Any packet length, order and loss: a packet goes where its
 * timestamp says, what never came is silence. Readers keep their own positions, so that each hears the source as the matrix
 * allows it, whatever the others do.
 */
import type { AudioCodec } from '../codec/codecs.ts';
import { FRAME, SAMPLES_PER_MS } from './constants.ts';
import { conceal, concealed, FADE, MAX_LAG, pitch } from './conceal.ts';

const SIZE = 8192;
const MASK = SIZE - 1;
/** A longer gap is a pause of the speaker, not loss: nobody waits through it. */
const MAX_HOLE = 100 * SAMPLES_PER_MS;

export class SampleRing {
  readonly samples = new Int16Array(SIZE);
  /** End of the newest audio. Only `[position, head)` with a position taken from an earlier `head` may be read. */
  head = 0;
  /** End of the newest audio that is not silence. */
  lastSignal = 0;
  /** Samples of pauses that were left out, all together. */
  collapsed = 0;
  readonly #concealment: boolean;
  #origin = 0; // where position 0 lies on the source's timeline
  #floor = 0; // nothing may be written below
  #barrier = 0; // where the newest reader began: lost audio after it is not patched with what went before (R-HEAR-7)

  /** `concealment`: what never came is made up from what went before, for a moment (else silence). */
  constructor(concealment: boolean) {
    this.#concealment = concealment;
  }

  /** Begins anew: what is written from now on follows `timelineHead`. */
  restart(timelineHead: number): void {
    this.head = 0;
    this.lastSignal = 0;
    this.collapsed = 0;
    this.#floor = 0;
    this.#origin = timelineHead;
    this.#barrier = 0;
    this.samples.fill(0);
  }

  /** A listener begins to read: it may hear nothing of what came until now. Returns its position. */
  open(): number {
    this.#barrier = this.head;
    return this.head;
  }

  /** Position of a place on the source's timeline. */
  positionOf(timestamp: number): number {
    return timestamp - this.#origin;
  }

  /**
   * Decodes a payload of `count` samples to its place. Returns the length of the hole that it leaves behind it: audio that
   * is missing between the head so far and this packet; -1 where the packet is late.
   */
  write(codec: AudioCodec, from: Uint8Array, start: number, end: number, count: number, timestamp: number): number {
    let at = timestamp - this.#origin;
    let hole = at - this.head;
    if (hole > MAX_HOLE) {
      this.#origin += hole;
      this.collapsed += hole;
      at = this.#floor = this.head;
      hole = 0;
    }
    if (at < this.#floor || at + count < this.head - SIZE / 2) return -1;
    if (hole > 0) {
      if (this.#concealment && this.head - MAX_LAG >= this.#barrier && this.lastSignal === this.head) {
        conceal(this.samples, MASK, this.head, hole);
        this.lastSignal = at;
      } else for (let i = this.head; i < at; i++) this.samples[i & MASK] = 0;
    }
    const signal = codec.decode(from, start, end, this.samples, at, MASK);
    if (signal && at + count > this.lastSignal) this.lastSignal = at + count;
    if (at + count > this.head) this.head = at + count;
    return hole < 0 ? -1 : hole;
  }

  /**
   * Adds to `sum` a frame that stands in for the audio after `position`, `offset` samples of which were made up before.
   * `since`: where the reader began; nothing older is heard (R-HEAR-7). False: silence, nothing was added.
   */
  addConcealed(sum: Int32Array, position: number, offset: number, since: number, first: boolean): boolean {
    const silent = this.lastSignal < position || offset >= FADE;
    if (!this.#concealment || silent || position - MAX_LAG < since) return false;
    const lag = pitch(this.samples, MASK, position);
    for (let i = 0; i < FRAME; i++) {
      const sample = concealed(this.samples, MASK, position, lag, offset + i);
      sum[i] = first ? sample : sum[i]! + sample;
    }
    return true;
  }

  /** The period of the voice before `position`, up to `most` samples. */
  period(position: number, most: number): number {
    return pitch(this.samples, MASK, position, most);
  }

  /** Adds `count` samples from `position` to `sum[at…]`; `first`: nothing stands there yet. */
  add(sum: Int32Array, at: number, position: number, count: number, first: boolean): void {
    const { samples } = this;
    const end = at + count;
    let from = position & MASK;
    if (first) {
      for (let i = at; i < end; i++) {
        sum[i] = samples[from]!;
        from = (from + 1) & MASK;
      }
    } else {
      for (let i = at; i < end; i++) {
        sum[i]! += samples[from]!;
        from = (from + 1) & MASK;
      }
    }
  }
}

/** Rings are kept for the next source that is mixed: 16 KB each, only as many as were ever needed at once. */
export class RingPool {
  readonly #free: SampleRing[] = [];
  readonly #concealment: boolean;

  constructor(concealment: boolean) {
    this.#concealment = concealment;
  }

  take(timelineHead: number): SampleRing {
    const ring = this.#free.pop() ?? new SampleRing(this.#concealment);
    ring.restart(timelineHead);
    return ring;
  }

  give(ring: SampleRing): void {
    this.#free.push(ring);
  }
}
