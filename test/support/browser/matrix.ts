/**
 * The hear matrix where browsers are among the parties. On a busy machine a browser plays, records and sends with gaps,
 * which spread the energy of a tone: so each allowed pair must be heard clearly in some window, and in the last window
 * nobody may be heard at all who is not allowed. Who is heard clearly and is not allowed is a leak at once: what gaps spread
 * is far weaker.
 */
import { setTimeout as sleep } from 'node:timers/promises';
import type { Floor } from '../floor.ts';
import { analyse, MODES, TALK, type Ear, type Expected } from '../hear.ts';
import { TONE_LEVEL_DB } from '../tones.ts';

const SETTLE_MS = 700;
const WINDOW_MS = 600;
const WINDOWS = 25;
const CLEAR_DB = TONE_LEVEL_DB - 4;
const SILENT_DB = TONE_LEVEL_DB - 15;
const MUSIC_DB = TONE_LEVEL_DB - 25;
/** What is heard besides the parties' tones; gaps look like it. */
const MUSIC = 'music';

/** Who is heard in a piece of audio: clearly, and at all. */
function heardIn(pcm: Int16Array, ears: readonly Ear[]): { clear: Set<string>; some: Set<string> } {
  const { levels, residual, samples } = analyse(pcm, ears);
  const above = (limit: number): string[] =>
    samples === 0 ? [] : [...levels].filter(([, { highest }]) => highest > limit).map(([name]) => name);
  return {
    clear: new Set([...above(CLEAR_DB), ...(residual > MUSIC_DB ? [MUSIC] : [])]),
    some: new Set(above(SILENT_DB)),
  };
}

/** Asserts who hears whom among `ears` from now on; a listener that `expected` does not name must hear nobody. */
export async function expectBrowserMatrix(ears: readonly Ear[], expected: Expected): Promise<void> {
  const missing = new Set(
    Object.entries(expected).flatMap(([listener, sources]) => sources.map((source) => `${listener} hears ${source}`)),
  );
  const allowed = (ear: Ear, source: string): boolean => expected[ear.name]?.includes(source) === true;
  let wrong: string[] = [];
  await sleep(SETTLE_MS);
  for (let window = 0; window < WINDOWS; window++) {
    const from = performance.now();
    await sleep(WINDOW_MS);
    wrong = [];
    for (const ear of ears) {
      const { clear, some } = heardIn(ear.audioBetween(from, performance.now()), ears);
      for (const source of clear) {
        missing.delete(`${ear.name} hears ${source}`);
        if (source !== MUSIC && !allowed(ear, source))
          throw new Error(`${ear.name} hears ${source} clearly, and may not`);
      }
      for (const source of some) {
        if (!allowed(ear, source)) wrong.push(`${ear.name} hears ${source}, and may not`);
      }
    }
    if (missing.size === 0 && wrong.length === 0) return;
  }
  throw new Error(
    `the hear matrix is not as expected:\n  ${[...[...missing].map((pair) => `not so: ${pair}`), ...wrong].join('\n  ')}`,
  );
}

/**
 * Every mode of a supervision by sam, and the pause, the matrix asserted in each; returns the supervision's id. `rung`: sam's
 * phone has been.
 */
export async function everyMode(
  floor: Floor,
  ears: readonly Ear[],
  callId: string,
  rung: () => Promise<unknown>,
): Promise<string> {
  const sam = floor.api('sam');
  const { id } = await sam.supervise(callId, { mode: 'listen' });
  await rung();
  await floor.supervision(id, 'active');
  await expectBrowserMatrix(ears, MODES.listen);
  await sam.change(id, { mode: 'whisper' });
  await expectBrowserMatrix(ears, MODES.whisper);
  await sam.change(id, { mode: 'barge' });
  await expectBrowserMatrix(ears, MODES.barge);
  await sam.change(id, { paused: true });
  await expectBrowserMatrix(ears, TALK);
  return id;
}
