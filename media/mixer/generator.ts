/** Sources that are not legs: hold music, ringback, prompts and tones, made frame by frame on the mixer's step. */
import { CLOCK_RATE } from '../codec/codecs.ts';
import { FRAME } from './constants.ts';

export interface Generator {
  /** It has come to its end and will be silent. */
  readonly ended: boolean;
  /** Writes the next frame to `into`. False: it is silence, and `into` was not touched. */
  read(into: Int16Array): boolean;
}

/** Plays samples (8000 Hz), again and again where `loop`. */
export class Clip implements Generator {
  readonly #samples: Int16Array;
  readonly #loop: boolean;
  #at = 0;

  constructor(samples: Int16Array, loop: boolean) {
    this.#samples = samples;
    this.#loop = loop;
  }

  get ended(): boolean {
    return this.#at >= this.#samples.length;
  }

  read(into: Int16Array): boolean {
    if (this.ended) return false;
    const { length } = this.#samples;
    for (let i = 0; i < FRAME; i++) {
      into[i] = this.#at < length ? this.#samples[this.#at++]! : 0;
      if (this.#at === length && this.#loop) this.#at = 0;
    }
    return true;
  }
}

/** One step of a cadence: so many ms of these frequencies together; none: silence. */
export interface CadenceStep {
  readonly hz: readonly number[];
  readonly ms: number;
}

export interface Cadence {
  readonly steps: readonly CadenceStep[];
  readonly loop: boolean;
}

/** Peak of a tone, all its frequencies together: -14 dBov, a usual level of call progress tones. */
const TONE_PEAK = 6500;

/** Sine tones by a cadence. Phases go on through the steps' frames, so that there is no click within a step. */
export class ToneGenerator implements Generator {
  ended = false;
  readonly #cadence: Cadence;
  #step = 0;
  #inStep = 0; // samples

  constructor(cadence: Cadence) {
    this.#cadence = cadence;
    if (cadence.steps.every((step) => samplesOf(step) === 0)) this.ended = true;
  }

  read(into: Int16Array): boolean {
    let signal = false;
    for (let i = 0; i < FRAME; i++) {
      let sample = 0;
      if (!this.ended) {
        const step = this.#cadence.steps[this.#step]!;
        for (const hz of step.hz) sample += Math.sin((2 * Math.PI * hz * this.#inStep) / CLOCK_RATE);
        if (step.hz.length > 0) sample = (sample * TONE_PEAK) / step.hz.length;
        if (sample !== 0) signal = true;
        if (++this.#inStep >= samplesOf(step)) this.#advance();
      }
      into[i] = sample;
    }
    return signal;
  }

  #advance(): void {
    this.#inStep = 0;
    do {
      if (++this.#step < this.#cadence.steps.length) continue;
      if (!this.#cadence.loop) {
        this.ended = true;
        return;
      }
      this.#step = 0;
    } while (samplesOf(this.#cadence.steps[this.#step]!) === 0);
  }
}

function samplesOf(step: CadenceStep): number {
  return Math.round((step.ms * CLOCK_RATE) / 1000);
}

/** Ringback as in most of Europe (ITU-T E.180): 425 Hz, one second on, four off. */
export const RINGBACK: Cadence = {
  steps: [
    { hz: [425], ms: 1000 },
    { hz: [], ms: 4000 },
  ],
  loop: true,
};
