/**
 * One tone per party. The frequencies are no multiples of each other and keep clear of each other's second and third
 * order products (harmonics and intermodulation, aliased at 8 kHz), of ringback (400 to 480 Hz) and of the keys'
 * tones, so that a tone found in a recording can only have come from its party. test/unit/support holds this.
 */
export const SAMPLE_RATE = 8000;
export const FRAME = 160; // samples in 20 ms

/** Peak of every party's tone: five of them together do not clip. */
export const TONE_PEAK = 6000;

/** Level of a party's tone where it is heard, dB below a full-scale sine. */
export const TONE_LEVEL_DB = 20 * Math.log10(TONE_PEAK / 32768);

export const TONES = {
  customer: 1157,
  agent: 1523,
  supervisor: 2117,
  second: 2461,
  third: 2911,
} as const;

/** A continuous sine, block by block. */
export class Sine {
  #phase = 0;
  readonly #step: number;
  readonly #peak: number;

  constructor(hz: number, peak: number = TONE_PEAK) {
    this.#step = (2 * Math.PI * hz) / SAMPLE_RATE;
    this.#peak = peak;
  }

  next(samples: number): Int16Array {
    const block = new Int16Array(samples);
    for (let i = 0; i < samples; i += 1) {
      block[i] = Math.round(this.#peak * Math.sin(this.#phase));
      this.#phase += this.#step;
    }
    this.#phase %= 2 * Math.PI;
    return block;
  }
}
