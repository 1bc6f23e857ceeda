/**
 * Owns time in a media thread: calls the step of each phase that is wanted every 20 ms, from absolute deadlines on a grid of
 * the thread's clock, so that no error adds up.
 */
import { FRAME_MS } from '../mixer/constants.ts';
import { PHASE_MS, PHASES } from '../mixer/phase.ts';

/** A step that runs later than this after its deadline counts as late. */
const LATE_MS = FRAME_MS / 2;
/** A timer that fires later than this: the thread had to wait, and so have packets. */
const HELD_UP_MS = 2;
/** After standing still for longer than this many frames (what the buffers hold) they are left out. */
const MAX_CATCH_UP = 40;

export class Ticker {
  ticks = 0;
  late = 0;
  skipped = 0;
  readonly #step: (now: number, phase: number) => void;
  /** By phase: the deadline of its next step; Infinity: not wanted. */
  readonly #deadlines: number[] = new Array<number>(PHASES).fill(Infinity);
  /** The phase whose step is next. */
  #next = 0;
  #timer: NodeJS.Timeout | undefined;
  #immediate: NodeJS.Immediate | undefined;

  constructor(step: (now: number, phase: number) => void) {
    this.#step = step;
  }

  /** Whether the phase has anything to do. A phase that begins does so in the future. */
  want(phase: number, on: boolean): void {
    const now = performance.now();
    if (on === this.#deadlines[phase]! < Infinity) return;
    const frames = Math.floor(now / FRAME_MS - phase / PHASES) + 1;
    this.#deadlines[phase] = on ? frames * FRAME_MS + phase * PHASE_MS : Infinity;
    this.#disarm();
    this.#arm(now);
  }

  #disarm(): void {
    clearTimeout(this.#timer);
    clearImmediate(this.#immediate);
    this.#timer = this.#immediate = undefined;
  }

  #arm(now: number): void {
    this.#next = this.#deadlines.indexOf(Math.min(...this.#deadlines));
    const wait = this.#deadlines[this.#next]! - now;
    if (wait === Infinity) return;
    // What came while the thread stood still is read before the steps that it missed.
    if (wait <= 0) this.#immediate = setImmediate(() => this.#run(true));
    else this.#timer = setTimeout(() => this.#run(false), Math.ceil(wait));
  }

  /** `read`: the sockets have been read since the deadline. Node runs timers before it looks at them. */
  #run(read: boolean): void {
    const phase = this.#next;
    const now = performance.now();
    const lateness = now - this.#deadlines[phase]!;
    this.#timer = this.#immediate = undefined;
    // Timers fire on whole milliseconds, so up to one too early.
    if (lateness < -1) {
      this.#arm(now);
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
      this.#deadlines[phase]! += owed * FRAME_MS;
    }
    this.ticks++;
    this.#deadlines[phase]! += FRAME_MS;
    // Armed first: the step may want or give up a phase.
    this.#arm(performance.now());
    this.#step(now, phase);
  }
}
