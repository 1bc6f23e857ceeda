/**
 * Who hears whom, told from recorded audio alone: the spectrum of what each phone received is searched for the tone of
 * every party. A tone counts as heard at its full level, as not heard at least 25 dB below; anything between is
 * unclear and fails whatever was expected. What is left beside the tones must be as far down: nothing else is heard.
 */
import { setTimeout as sleep } from 'node:timers/promises';
import { SAMPLE_RATE, TONE_LEVEL_DB } from './tones.ts';
import { realFreeSwitch } from './real.ts';

/** Something that sends a tone and records what it receives. */
export interface Ear {
  readonly name: string;
  readonly hz: number;
  /** What arrived between two moments (`performance.now()`), 8 kHz, 16 bit. */
  audioBetween(from: number, to: number): Int16Array;
  /** How many frames the machine under the test let this party send too late to be a phone's. */
  lateFrames?(from: number, to: number): number;
}

/** Listener to the names of those heard; `music` stands for audio that is no party's tone. */
export type Expected = Readonly<Record<string, readonly string[]>>;

/** A conversation between customer and agent, ... */
export const TALK: Expected = { customer: ['agent'], agent: ['customer'] };
/** ... and with a supervisor of the agent, by mode (R-HEAR-2, 3, 4). */
export const MODES = {
  listen: { ...TALK, supervisor: ['customer', 'agent'] },
  whisper: { customer: ['agent'], agent: ['customer', 'supervisor'], supervisor: ['customer', 'agent'] },
  barge: { customer: ['agent', 'supervisor'], agent: ['customer', 'supervisor'], supervisor: ['customer', 'agent'] },
} as const satisfies Record<string, Expected>;

export const SEPARATION_DB = 25;
const HEARD_TOLERANCE_DB = 4;
const CHUNK = 1600; // 200 ms: with a Hann window 20 Hz between the first zeros
const SHORT = 320; // 40 ms
const HOP = 80;
const LOBE = 3; // bins on either side that hold a tone's energy under a Hann window
const SILENCE_DB = -120;
const MOMENTS = 3;
const HELD_UP_ATTEMPTS = 5;
/** How long a frame may be on its way through a jitter buffer into a window. */
const HELD_BACK_MS = 100;

export interface Hearing {
  /** dB below a full-scale sine, per party: the lowest and the highest over the chunks of the window. */
  readonly levels: ReadonlyMap<string, { readonly lowest: number; readonly highest: number }>;
  /** The highest level of what is no party's tone. */
  readonly residual: number;
  readonly samples: number;
}

export interface Party {
  readonly name: string;
  readonly hz: number;
}

export function joinPcm(blocks: readonly Int16Array[]): Int16Array {
  const joined = new Int16Array(blocks.reduce((sum, block) => sum + block.length, 0));
  let at = 0;
  for (const block of blocks) {
    joined.set(block, at);
    at += block.length;
  }
  return joined;
}

/** Level of one frequency in a piece of audio under a Hann window, dB below a full-scale sine. */
export function levelOf(pcm: Int16Array, hz: number, from = 0, length = pcm.length): number {
  return powerDb(goertzel(hann(pcm, from, length), hz));
}

/** Levels of all parties and of the rest, over chunks of 200 ms that overlap by half. */
export function analyse(pcm: Int16Array, parties: readonly Party[]): Hearing {
  const levels = new Map<string, { lowest: number; highest: number }>();
  let residual = SILENCE_DB;
  const length = Math.min(CHUNK, pcm.length);
  for (const party of parties) levels.set(party.name, { lowest: Infinity, highest: SILENCE_DB });
  for (let from = 0; length > 0 && from + length <= pcm.length; from += CHUNK / 2) {
    const windowed = hann(pcm, from, length);
    let rest = windowed.reduce((sum, sample) => sum + sample * sample, 0) * length;
    for (const party of parties) {
      const level = powerDb(goertzel(windowed, party.hz));
      const range = levels.get(party.name)!;
      range.lowest = Math.min(range.lowest, level);
      range.highest = Math.max(range.highest, level);
      // Parseval: a real tone holds its energy in the bins of its main lobe and their mirror images.
      if (level > TONE_LEVEL_DB - SEPARATION_DB) rest -= 2 * lobeEnergy(windowed, party.hz);
    }
    // To the scale of goertzel: amplitude of a sine that would hold the same energy under this window (sum of w^2 is 3/8 N).
    const amplitude = Math.sqrt((2 * Math.max(rest, 0)) / length / (length * 0.375));
    residual = Math.max(residual, powerDb(amplitude));
  }
  for (const range of levels.values()) if (range.lowest === Infinity) range.lowest = SILENCE_DB;
  return { levels, residual, samples: pcm.length };
}

interface Fault {
  readonly text: string;
  /** Somebody is heard who must not be. */
  readonly leak: boolean;
}

/** What is wrong with a listener's audio, in words; empty if exactly the expected parties are heard and nothing else. */
export function hearingFaults(
  pcm: Int16Array,
  listener: string,
  parties: readonly Party[],
  expected: readonly string[],
): readonly string[] {
  return faultsIn(pcm, listener, parties, expected).map(({ text }) => text);
}

function faultsIn(
  pcm: Int16Array,
  listener: string,
  parties: readonly Party[],
  expected: readonly string[],
): readonly Fault[] {
  const music = expected.includes('music');
  const hearing = analyse(pcm, parties);
  const faults: Fault[] = [];
  const fault = (what: string, leak = false): void => void faults.push({ text: `${listener} ${what}`, leak });
  const heardFrom = TONE_LEVEL_DB - HEARD_TOLERANCE_DB;
  const silentBelow = TONE_LEVEL_DB - SEPARATION_DB;
  if (expected.length > 0 && hearing.samples < CHUNK) fault(`received only ${hearing.samples} samples`);
  for (const party of parties) {
    const { lowest, highest } = hearing.levels.get(party.name)!;
    if (expected.includes(party.name)) {
      if (lowest < heardFrom) fault(`does not hear ${party.name} (${lowest.toFixed(1)} dB)`);
      if (highest > TONE_LEVEL_DB + HEARD_TOLERANCE_DB) {
        fault(`hears ${party.name} too loud (${highest.toFixed(1)} dB)`);
      }
    } else if (highest > silentBelow) fault(`hears ${party.name} (${highest.toFixed(1)} dB)`, true);
  }
  if (music && hearing.residual <= silentBelow) fault('hears no music');
  if (!music && hearing.residual > silentBelow) fault(`hears something else (${hearing.residual.toFixed(1)} dB)`);
  return faults;
}

export interface MatrixOptions {
  /** Audio listened to, ms. */
  readonly windowMs?: number;
  /** Left out before it, for frames that were under way when the change was confirmed: 100, of FreeSWITCH 300. */
  readonly settleMs?: number;
  /** Windows taken before a leak counts, for peers whose own lateness is not known. Default 1. */
  readonly attempts?: number;
}

/**
 * Asserts the whole hear matrix among `ears` from audio that arrives after the call of this function. Every ear is
 * checked against every party; a listener that `expected` does not name must hear nobody.
 *
 * A leak counts at once. What is missing, or foreign, must be so in some windows one after the other: a jitter buffer that
 * conceals or wins back delay is heard for a moment. Where the machine held up the test's own senders, no window counts.
 */
export async function expectMatrix(
  ears: readonly Ear[],
  expected: Expected,
  options: MatrixOptions = {},
): Promise<void> {
  for (const name of Object.keys(expected)) {
    if (!ears.some((ear) => ear.name === name)) throw new Error(`the matrix names ${name}, which is no ear`);
  }
  await sleep(options.settleMs ?? (realFreeSwitch === null ? 100 : 300));
  for (let attempt = 1; ; attempt += 1) {
    const from = performance.now();
    await sleep(options.windowMs ?? 320);
    const to = performance.now();
    const faults = ears.flatMap((ear) =>
      faultsIn(ear.audioBetween(from, to), ear.name, ears, expected[ear.name] ?? []),
    );
    if (faults.length === 0) return;
    const leak = faults.some((fault) => fault.leak);
    const late = ears.reduce((sum, ear) => sum + (ear.lateFrames?.(from - HELD_BACK_MS, to) ?? 0), 0);
    if (attempt >= Math.max(options.attempts ?? 1, late > 0 ? HELD_UP_ATTEMPTS : leak ? 1 : MOMENTS)) {
      const excuse = late === 0 ? '' : ` (${late} frames were sent late by this machine)`;
      throw new Error(`the hear matrix is not as expected${excuse}:\n  ${faults.map(({ text }) => text).join('\n  ')}`);
    }
  }
}

/**
 * The loudest moment of a frequency in a whole recording, from windows of 40 ms every 10 ms: finds a single frame.
 * The floor under another party's steady tone is about -60 dB, at its sudden start or end about 35 dB below it. What is
 * known to sound for longer is told better from its neighbours by longer windows (`samples`).
 */
export function loudestMoment(
  pcm: Int16Array,
  hz: number,
  samples = SHORT,
): { readonly db: number; readonly atMs: number } {
  let loudest = { db: SILENCE_DB, atMs: 0 };
  for (let from = 0; from + samples <= pcm.length; from += HOP) {
    const db = levelOf(pcm, hz, from, samples);
    if (db > loudest.db) loudest = { db, atMs: (from * 1000) / SAMPLE_RATE };
  }
  return loudest;
}

/** Asserts that a listener never heard a party, not for one frame, in all that arrived between two moments. */
export function expectNeverHeard(listener: Ear, party: Party, from = 0, to = Infinity): void {
  const { db, atMs } = loudestMoment(listener.audioBetween(from, to), party.hz);
  if (db > TONE_LEVEL_DB - SEPARATION_DB) {
    throw new Error(
      `${listener.name} heard ${party.name} (${db.toFixed(1)} dB, ${atMs.toFixed(0)} ms into the window)`,
    );
  }
}

function hann(pcm: Int16Array, from: number, length: number): Float64Array {
  const windowed = new Float64Array(length);
  for (let i = 0; i < length; i += 1) {
    windowed[i] = pcm[from + i]! * (0.5 - 0.5 * Math.cos((2 * Math.PI * i) / length));
  }
  return windowed;
}

/** Amplitude of a frequency, in sample units: a sine of amplitude A gives A. */
function goertzel(windowed: Float64Array, hz: number): number {
  // The gain of a Hann window is one half, and a real sine holds half its amplitude at either frequency.
  return (4 * Math.sqrt(energyAt(windowed, hz))) / windowed.length;
}

function energyAt(windowed: Float64Array, hz: number): number {
  const coefficient = 2 * Math.cos((2 * Math.PI * hz) / SAMPLE_RATE);
  let before = 0;
  let last = 0;
  for (const sample of windowed) {
    const next = sample + coefficient * last - before;
    before = last;
    last = next;
  }
  return Math.max(0, last * last + before * before - coefficient * last * before);
}

function lobeEnergy(windowed: Float64Array, hz: number): number {
  const bin = SAMPLE_RATE / windowed.length;
  const centre = Math.round(hz / bin);
  let energy = 0;
  for (let k = centre - LOBE; k <= centre + LOBE; k += 1) energy += energyAt(windowed, k * bin);
  return energy;
}

function powerDb(amplitude: number): number {
  return amplitude <= 0 ? SILENCE_DB : Math.max(SILENCE_DB, 20 * Math.log10(amplitude / 32768));
}
