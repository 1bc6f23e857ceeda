/** Concealment of lost audio: the last period of the voice goes on and fades away (the idea of G.711 appendix I, shortened). */

export const MIN_LAG = 40; // 200 Hz
/** Nothing older than this many samples is heard again. */
export const MAX_LAG = 120; // 67 Hz
const MATCH = 80;
/** After this many samples concealment has faded to silence: 30 ms. */
export const FADE = 240;

/** Fills `count` samples from position `at` of a ring (`mask` = length - 1) from what stands before them. */
export function conceal(ring: Int16Array, mask: number, at: number, count: number): void {
  const lag = pitch(ring, mask, at);
  for (let i = 0; i < count; i++) ring[(at + i) & mask] = concealed(ring, mask, at, lag, i);
}

/** The sample `i` after position `at`, made from what stands before it; `lag` by `pitch`. */
export function concealed(ring: Int16Array, mask: number, at: number, lag: number, i: number): number {
  return i >= FADE ? 0 : Math.trunc((ring[(at - lag + (i % lag)) & mask]! * (FADE - i)) / FADE);
}

/** The lag, up to `most`, at which the samples before `at` resemble those before them most. */
export function pitch(ring: Int16Array, mask: number, at: number, most = MAX_LAG): number {
  let best = MIN_LAG;
  let bestScore = -Infinity;
  for (let lag = MIN_LAG; lag <= most; lag++) {
    let product = 0;
    let energy = 1;
    for (let i = 1; i <= MATCH; i += 2) {
      const then = ring[(at - i - lag) & mask]!;
      product += ring[(at - i) & mask]! * then;
      energy += then * then;
    }
    const score = product / Math.sqrt(energy);
    if (score > bestScore) {
      bestScore = score;
      best = lag;
    }
  }
  return best;
}
