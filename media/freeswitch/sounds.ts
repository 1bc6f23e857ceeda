/** What is played, in the words of FreeSWITCH; and its loudness measure in ours. Pure. */
import { isAbsolute } from 'node:path';
import type { PlaySource } from '../engine.ts';

/** 425 Hz, one second on, four off (ITU-T E.180, Europe). */
export const RINGBACK: PlaySource = { kind: 'tone', hz: [425], onMs: 1000, offMs: 4000, loop: true };

const LONGEST_MS = 3_600_000;

/**
 * The target of `uuid_displace`. `number` makes it unique: FreeSWITCH plays one of a name on a channel at a time, and tells
 * of its end by that name. @throws RangeError
 */
export function target(source: PlaySource, number: number): string {
  const mark = `{earshot=${String(number)}}`;
  if (source.kind === 'file') {
    if (!isAbsolute(source.path) || /['{}\p{Cc}]/u.test(source.path)) {
      throw new RangeError('the path of a sound is absolute, without quotes, braces and control characters');
    }
    return `${mark}${source.path}`;
  }
  const { hz, onMs, offMs = 0, loop = false } = source;
  const times = [onMs, offMs];
  if (!times.every((ms) => Number.isInteger(ms) && ms >= 0 && ms <= LONGEST_MS)) {
    throw new RangeError('onMs and offMs: 0 to 3,600,000');
  }
  if (!hz.every((tone) => tone > 0 && tone < 4000)) throw new RangeError('hz: above 0 and below 4000');
  return `${mark}tone_stream://%(${[...times, ...hz].join(',')})${loop ? ';loops=-1' : ''}`;
}

/** Flags of `uuid_displace`: on top of what is heard, and from the start again. */
export function flags(source: PlaySource): string {
  return source.loop === true ? 'ml' : 'm';
}

/** The peak factor between the mean of the absolute samples, which mod_conference measures, and the RMS of a sine. */
const RMS_OF_MEAN = Math.PI / (2 * Math.SQRT2);

/** dBov, -127 to 0, of a member's score: the mean of the absolute samples of its last frame. Exact for a sine. */
export function dbov(score: number): number {
  if (!(score > 0)) return -127;
  return Math.min(0, Math.max(-127, 20 * Math.log10((score * RMS_OF_MEAN) / 32_768)));
}
