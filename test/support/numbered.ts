/**
 * Numbered frames: each 20 ms of audio spells its own number, so that what a listener received can be counted frame by
 * frame, after forwarding, transcoding, or a mix with silence, and at whatever alignment a mixer cut its packets.
 *
 * A frame is 16 symbols of 10 samples at plus or minus PEAK: 11 bits of number, 5 bits of check, high bit first.
 */
import { FRAME } from './tones.ts';

const PEAK = 9000;
const SYMBOLS = 16;
const SYMBOL = FRAME / SYMBOLS;
const NUMBERS = 2048;

export function numberedFrame(number: number): Int16Array {
  const word = codeword(number % NUMBERS);
  const pcm = new Int16Array(FRAME);
  for (let i = 0; i < FRAME; i += 1) {
    const bit = (word >> (SYMBOLS - 1 - Math.floor(i / SYMBOL))) & 1;
    pcm[i] = bit === 1 ? PEAK : -PEAK;
  }
  return pcm;
}

export interface FrameCount {
  /** Numbers in the order received, unwrapped: they rise beyond 2047. */
  readonly numbers: readonly number[];
  /** Numbers missing between the first and the last received. */
  readonly lost: readonly number[];
  /** Numbers received again. */
  readonly doubled: readonly number[];
  /** Samples between the first and the last frame that belong to no whole frame. */
  readonly strayed: number;
}

/** Counts the numbered frames in a recording. */
export function countFrames(pcm: Int16Array): FrameCount {
  const numbers: number[] = [];
  let strayed = 0;
  let pending = 0;
  let at = 0;
  while (at + FRAME <= pcm.length) {
    const number = readFrame(pcm, at);
    if (number === null) {
      pending += 1;
      at += 1;
      continue;
    }
    if (numbers.length > 0) strayed += pending; // what lies before the first frame is not the stream's
    pending = 0;
    numbers.push(unwrap(number, numbers.at(-1)));
    at += FRAME;
  }
  const seen = new Set<number>();
  const doubled = numbers.filter((number) => {
    if (seen.has(number)) return true;
    seen.add(number);
    return false;
  });
  const lost: number[] = [];
  const last = numbers.length === 0 ? -1 : Math.max(...numbers);
  for (let n = numbers[0] ?? 0; n <= last; n += 1) if (!seen.has(n)) lost.push(n);
  return { numbers, lost, doubled, strayed };
}

function readFrame(pcm: Int16Array, at: number): number | null {
  let word = 0;
  for (let symbol = 0; symbol < SYMBOLS; symbol += 1) {
    const start = at + symbol * SYMBOL;
    const positive = pcm[start]! > 0;
    for (let i = start; i < start + SYMBOL; i += 1) {
      const sample = pcm[i]!;
      if (Math.abs(sample) < PEAK / 2 || sample > 0 !== positive) return null;
    }
    word = (word << 1) | (positive ? 1 : 0);
  }
  const number = word >> 5;
  return codeword(number) === word ? number : null;
}

function codeword(number: number): number {
  return (number << 5) | ((number ^ (number >> 5) ^ (number >> 10) ^ 0b10101) & 0x1f);
}

/** The number nearest to the one before that has these low bits. */
function unwrap(number: number, before: number | undefined): number {
  if (before === undefined) return number;
  const ahead = (((number - before) % NUMBERS) + NUMBERS) % NUMBERS;
  return ahead <= NUMBERS / 2 ? before + ahead : before + ahead - NUMBERS;
}
