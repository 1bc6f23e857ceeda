/** Loudness of a source, measured only while somebody watches. */
import type { Source } from './source.ts';

/** Silence: dBov. */
export const MIN_LEVEL = -127;
const FULL_SCALE = 32768 * 32768;

/** RMS level in dBov (-127 to 0) of what came since the last call; what did not come counts as silence. */
export function levelOf(source: Source): number {
  const { energy, energySamples } = source;
  source.energy = 0;
  source.energySamples = 0;
  if (energySamples === 0 || energy === 0) return MIN_LEVEL;
  return Math.max(MIN_LEVEL, Math.min(0, 10 * Math.log10(energy / energySamples / FULL_SCALE)));
}
