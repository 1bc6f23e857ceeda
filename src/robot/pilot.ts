/**
 * Pilot tones: faint, above the band of the robots' speech, one per robot. By Goertzel's filter a robot knows at any moment
 * which of the others is in what it receives. Pure; 8 kHz.
 */
export const SAMPLE_RATE = 8000;
export const FRAME = 160; // samples in 20 ms

/** Well apart from each other, from speech cut off at 2.5 kHz, and from keys, ringing and music. */
export const PILOTS = { customer: 2850, agent: 3150, supervisor: 3450 } as const;
export type RobotName = keyof typeof PILOTS;

/** Peak of the pilot, about -36 dB below full scale. */
export const PILOT_PEAK = 500;

const WINDOW = 800; // 100 ms
/**
 * Looked at in pieces of 10 ms whose powers are added: a jitter buffer that wins back delay leaves out a sample here and
 * there, and the tone's phase jumps. With a Hann window 200 Hz from the peak to the first zero.
 */
const PIECE = 80;
const HOP = 40;
const HEARD = PILOT_PEAK / 3; // well above what a codec leaves of a voice at a pilot that is not there

export class PilotTone {
  readonly #step: number;
  #phase = 0;

  constructor(hz: number) {
    this.#step = (2 * Math.PI * hz) / SAMPLE_RATE;
  }

  /** Adds the next samples of the tone to a frame. */
  addTo(frame: Int16Array): void {
    for (let i = 0; i < frame.length; i++) {
      const sum = (frame[i] ?? 0) + PILOT_PEAK * Math.sin(this.#phase);
      frame[i] = Math.max(-32768, Math.min(32767, Math.round(sum)));
      this.#phase += this.#step;
    }
    this.#phase %= 2 * Math.PI;
  }
}

/** Amplitude of one frequency in a block: root mean square over its pieces. */
export function amplitudeOf(block: Int16Array, hz: number): number {
  let power = 0;
  let pieces = 0;
  for (let from = 0; from + PIECE <= block.length; from += HOP) {
    power += piecePower(block, from, hz);
    pieces++;
  }
  return pieces === 0 ? 0 : Math.sqrt(power / pieces);
}

/** Squared amplitude in one piece under a Hann window, by Goertzel's filter. */
function piecePower(block: Int16Array, from: number, hz: number): number {
  const coefficient = 2 * Math.cos((2 * Math.PI * hz) / SAMPLE_RATE);
  let before = 0;
  let last = 0;
  for (let i = 0; i < PIECE; i++) {
    const hann = 0.5 - 0.5 * Math.cos((2 * Math.PI * i) / PIECE);
    const value = (block[from + i] ?? 0) * hann + coefficient * last - before;
    before = last;
    last = value;
  }
  const power = last * last + before * before - coefficient * last * before;
  return (16 * Math.max(0, power)) / (PIECE * PIECE);
}

const SILENT_AFTER = 100; // ms without a frame

/** Listens to the last 100 ms. `now` is passed in, ms. */
export class PilotEar {
  readonly #pilots: ReadonlyMap<string, number>;
  readonly #window = new Int16Array(WINDOW);
  #last = -Infinity;

  constructor(pilots: ReadonlyMap<string, number>) {
    this.#pilots = pilots;
  }

  push(frame: Int16Array, now: number): void {
    this.#last = now;
    const part = frame.length > WINDOW ? frame.subarray(frame.length - WINDOW) : frame;
    this.#window.copyWithin(0, part.length);
    this.#window.set(part, WINDOW - part.length);
  }

  /** Names of those heard, in the order of the map. */
  heard(now: number): readonly string[] {
    if (now - this.#last > SILENT_AFTER) return [];
    return [...this.#pilots].filter(([, hz]) => amplitudeOf(this.#window, hz) > HEARD).map(([name]) => name);
  }

  /** Forgets what was heard. */
  clear(): void {
    this.#window.fill(0);
  }
}
