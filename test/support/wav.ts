/** A softphone's recording (WAV, 16 bit mono), read while it still grows. */
import { readFileSync } from 'node:fs';

const HEADER = 44;

/** The samples written so far. The header's sizes are not looked at: they are only right once the file is closed. */
export function readGrowingWav(path: string): Int16Array {
  const file = readFileSync(path);
  if (file.length < HEADER || file.toString('latin1', 0, 4) !== 'RIFF') return new Int16Array(0);
  const samples = Math.floor((file.length - HEADER) / 2);
  return Int16Array.from({ length: samples }, (_, i) => file.readInt16LE(HEADER + 2 * i));
}
