/**
 * One listener's reading of one source's ring: a jitter buffer of its own. It never jumps over audio that has come: where
 * the source is late the reader waits (and its delay grows by a frame); where the delay has been needlessly long for a
 * while it is won back by leaving out a period of the voice here and there, faster in silence.
 */
import { MIN_LAG } from './conceal.ts';
import { FRAME, FRAME_MS, SAMPLES_PER_MS } from './constants.ts';
import type { SampleRing } from './ring.ts';

/** More than this is no jitter: the reader goes to the newest audio. 800 ms, what the ring holds with room to spare. */
const MAX_DELAY = 800 * SAMPLES_PER_MS;
/** Where the delay is longer than this, in ms, half of it is won back at once. */
const MUCH_DELAY_MS = 100;
/** After so many frames without enough audio what is left is played, padded: the speaker has paused. */
const FLUSH_AFTER = 3;
/** A hole that was not waited through already is skipped when it is longer than this: 60 ms. */
const MAX_WAIT = 60 * SAMPLES_PER_MS;
/** Packets over which the delay is judged: about a second. */
const WINDOW = 50;
const MAX_MARGIN_MS = 60;

export class Reader {
  active = false;
  /** Next sample to be read. */
  position = 0;
  /** Frames in which nothing could be read although the link was reading. */
  misses = 0;

  #ring: SampleRing | null = null;
  #playing = false;
  #debt = 0; // samples of time waited since the source ran dry
  #lastArrival = 0;
  #margin = 0; // ms that a packet should lie ready before it is due
  #since = 0; // where it began
  #jumped = 0; // samples that were lost and passed over since the last frame was read ...
  #collapsed = 0; // ... and what the ring had collapsed then
  #spare = Infinity; // least time between a packet's arrival and its use, in this window
  #arrivals = 0;
  #trim = 0; // samples still to be left out

  start(ring: SampleRing): void {
    this.#ring = ring;
    this.active = true;
    this.position = this.#since = ring.open();
    this.#jumped = 0;
    this.#collapsed = ring.collapsed;
    this.misses = 0;
    this.#playing = false;
    this.#debt = 0;
    this.#trim = 0;
    this.#spare = Infinity;
    this.#arrivals = 0;
  }

  stop(): void {
    this.active = false;
    this.#ring = null;
  }

  /** A packet was written in order, `hole` samples behind the head so far. `nextMixAt`: when the next frame is mixed. */
  arrived(previousHead: number, hole: number, now: number, nextMixAt: number): void {
    this.#lastArrival = now;
    const dry = this.position >= previousHead;
    if (dry) {
      this.misses = 0;
      // What was waited stands for what was lost; the wait must not come on top of it.
      if (hole > 0) {
        const jump = hole - this.#debt > MAX_WAIT ? hole : Math.min(hole, this.#debt);
        this.position += jump;
        this.#jumped += jump;
      }
    }
    if (!this.#playing) return;
    const framesAhead = Math.max(0, Math.floor((previousHead + hole - this.position) / FRAME));
    this.#judge(nextMixAt + framesAhead * FRAME_MS - now);
  }

  /** Whether a frame can be read at `now`. `jitterMs`: of the source. */
  due(now: number, jitterMs: number): boolean {
    const ring = this.#ring;
    if (ring === null) return false;
    let available = ring.head - this.position;
    if (available > MAX_DELAY) {
      this.position = ring.head - FRAME;
      available = FRAME;
    }
    this.#margin = Math.min(MAX_MARGIN_MS, 1 + jitterMs);
    if (available <= 0) return false;
    if (!this.#playing) {
      // The newest packet has lain ready long enough, or there is more than one frame.
      this.#playing = available >= 2 * FRAME || (available >= FRAME && now - this.#lastArrival >= this.#margin);
    }
    return (this.#playing && available >= FRAME) || this.misses >= FLUSH_AFTER;
  }

  /** Nothing was due in this frame, and none was sent. */
  wait(): void {
    this.misses++;
    this.#debt += FRAME;
    if (this.misses >= FLUSH_AFTER) this.#playing = false;
  }

  /** Nothing was due in this frame: adds what may stand in for it. False: silence, nothing was added. */
  conceal(sum: Int32Array, first: boolean): boolean {
    const added =
      this.#playing && this.unread === 0
        ? this.#ring!.addConcealed(sum, this.position, this.misses * FRAME, this.#since, first)
        : false;
    this.wait();
    return added;
  }

  /**
   * Of `paused` samples of time in which nothing could be read: how many will never come. What is only late is not among
   * them; all are where the source was not heard before the pause either.
   */
  missing(paused: number): number {
    if (this.#debt !== paused) return paused;
    return Math.min(paused, this.#jumped + this.#ring!.collapsed - this.#collapsed);
  }

  /** Adds the frame that is due to `sum` (`first`: nothing stands there yet). False: it is silence, nothing was added. */
  read(sum: Int32Array, first: boolean): boolean {
    const ring = this.#ring!;
    const available = ring.head - this.position;
    const from = this.position;
    const silent = from >= ring.lastSignal;
    this.misses = 0;
    this.#debt = 0;
    this.#jumped = 0;
    this.#collapsed = ring.collapsed;
    if (available < FRAME) {
      // The rest of a talk spurt.
      this.position = ring.head;
      if (silent) return false;
      if (first) sum.fill(0, available, FRAME);
      ring.add(sum, 0, from, available, first);
      return true;
    }
    this.#playing = true;
    this.position = from + FRAME;
    if (silent) {
      const extra = Math.min(this.#trim, available - FRAME, FRAME / 2);
      this.position += extra;
      this.#trim -= extra;
      return false;
    }
    const half = FRAME / 2;
    if (this.#trim >= MIN_LAG && available >= FRAME + half) {
      // A period of the voice is left out in the middle: it sounds on without a break, and no frame is left out whole.
      const period = ring.period(from + FRAME, half);
      ring.add(sum, 0, from, half, first);
      ring.add(sum, half, from + half + period, half, first);
      this.position += period;
      this.#trim = Math.max(0, this.#trim - period);
    } else ring.add(sum, 0, from, FRAME, first);
    return true;
  }

  /** Samples that have come and were not read yet. */
  get unread(): number {
    return this.#ring === null ? 0 : Math.max(0, this.#ring.head - this.position);
  }

  /** Reads up to a frame of what is there to `sum`, for good; returns the samples. */
  drain(sum: Int32Array): number {
    this.position = Math.max(this.position, this.#ring!.head - MAX_DELAY);
    const count = Math.min(FRAME, this.unread);
    if (count > 0) this.#ring!.add(sum, 0, this.position, count, true);
    this.position += count;
    return count;
  }

  /** `spareMs`: how long a packet lay ready before its use. A whole frame too long, all the time: one frame is won back. */
  #judge(spareMs: number): void {
    this.#spare = Math.min(this.#spare, spareMs);
    if (++this.#arrivals < WINDOW) return;
    if (this.#trim < MIN_LAG && this.#spare >= FRAME_MS + 4 + this.#margin) {
      this.#trim = this.#spare > MUCH_DELAY_MS ? Math.floor(this.#spare / FRAME_MS / 2) * FRAME : FRAME;
    }
    this.#spare = Infinity;
    this.#arrivals = 0;
  }
}
