/** Owns time in a media thread: calls the step every 20 ms from an absolute deadline, so that no error adds up. */
import { FRAME_MS } from '../mixer/constants.ts';

/** A step that runs later than this after its deadline counts as late. */
const LATE_MS = FRAME_MS / 2;
/** A timer that fires later than this: the thread had to wait, and so have packets. */
const HELD_UP_MS = 2;
/** After standing still for longer than this many steps (what the buffers hold) they are left out. */
const MAX_CATCH_UP = 40;

export class Ticker {
  ticks = 0;
  late = 0;
  skipped = 0;
  readonly #step: (now: number) => void;
  #deadline = 0;
  #timer: NodeJS.Timeout | undefined;
  #immediate: NodeJS.Immediate | undefined;

  constructor(step: (now: number) => void) {
    this.#step = step;
  }

  get running(): boolean {
    return this.#timer !== undefined || this.#immediate !== undefined;
  }

  start(): void {
    if (this.running) return;
    this.#deadline = performance.now() + FRAME_MS;
    this.#arm(FRAME_MS);
  }

  stop(): void {
    clearTimeout(this.#timer);
    clearImmediate(this.#immediate);
    this.#timer = this.#immediate = undefined;
  }

  #arm(delay: number): void {
    this.#timer = setTimeout(() => this.#run(false), delay);
  }

  /** `read`: the sockets have been read since the deadline. Node runs timers before it looks at them. */
  #run(read: boolean): void {
    const now = performance.now();
    const lateness = now - this.#deadline;
    this.#timer = this.#immediate = undefined;
    // Timers fire on whole milliseconds, so up to one too early.
    if (lateness < -1) {
      this.#arm(-lateness);
      return;
    }
    if (lateness > HELD_UP_MS && !read) {
      this.#immediate = setImmediate(() => this.#run(true));
      return;
    }
    if (lateness > LATE_MS) this.late++;
    const owed = Math.floor(lateness / FRAME_MS);
    if (owed > MAX_CATCH_UP) {
      this.skipped += owed;
      this.#deadline += owed * FRAME_MS;
    }
    this.ticks++;
    this.#deadline += FRAME_MS;
    // Armed first: the step may stop the ticker.
    const wait = this.#deadline - performance.now();
    // What came while the thread stood still is read before the steps that it missed.
    if (wait <= 0) this.#immediate = setImmediate(() => this.#run(true));
    else this.#arm(wait);
    this.#step(now);
  }
}
