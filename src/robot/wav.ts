/** WAV files as the robots use them: read at 8000 Hz, written so. */
import { readFileSync, writeFileSync } from 'node:fs';
import { parseWav, WavError, writeWav as wavOf } from '../../media/codec/wav.ts';

/** Samples at 8000 Hz. @throws WavError that names the file and what is wrong with it */
export function readWav(path: string): Int16Array {
  try {
    return parseWav(readFileSync(path));
  } catch (error) {
    throw error instanceof WavError ? new WavError(`${path}: ${error.message}`, { cause: error }) : error;
  }
}

export function writeWav(path: string, pcm: Int16Array): void {
  writeFileSync(path, wavOf(pcm));
}
