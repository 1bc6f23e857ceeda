/**
 * When a listener's mix is made. Steps lie on a grid of 5 ms of the thread's clock; a listener takes every fourth, the one
 * that suits its sources, so that what they say waits as little as it can. It stays there for as long as it hears a mix.
 */
import { FRAME_MS, SAMPLES_PER_MS } from './constants.ts';
import type { Source } from './source.ts';

export const PHASES = 4;
export const PHASE_MS = FRAME_MS / PHASES;

/**
 * So long before a step, in ms, a packet should be there, besides its jitter: a reader asks for one, and timers may fire one
 * too early.
 */
const READY_MS = 2;
/** A source that has not sent for so long, in ms, has no say. */
const ALIVE_MS = 100;

/** The phase in which the packet that waits longest waits least; `fallback` where nobody sends. */
export function bestPhase(sources: readonly Source[], now: number, fallback: number): number {
  let best = fallback;
  let least = Infinity;
  for (let phase = 0; phase < PHASES; phase++) {
    let longest = -1;
    for (const { timeline } of sources) {
      if (timeline.highest < 0 || now - timeline.lastArrival > ALIVE_MS) continue;
      const ready = timeline.lastArrival + READY_MS + (2 * timeline.jitter) / SAMPLES_PER_MS;
      const wait = (((phase * PHASE_MS - ready) % FRAME_MS) + FRAME_MS) % FRAME_MS;
      longest = Math.max(longest, wait);
    }
    if (longest >= 0 && longest < least) {
      least = longest;
      best = phase;
    }
  }
  return best;
}
