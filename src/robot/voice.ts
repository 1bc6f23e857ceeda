/** What a robot says: its speech over and over, with its pilot tone in it. */
import { FRAME, PilotTone } from './pilot.ts';

export class Voice {
  readonly #speech: Int16Array;
  readonly #pilot: PilotTone;
  #at = 0;

  /** `speech` may be empty: then only the pilot is sent. */
  constructor(speech: Int16Array, pilotHz: number) {
    this.#speech = speech;
    this.#pilot = new PilotTone(pilotHz);
  }

  /** The next 20 ms. */
  frame(): Int16Array {
    const frame = new Int16Array(FRAME);
    if (this.#speech.length > 0) {
      for (let i = 0; i < FRAME; i++) {
        frame[i] = this.#speech[this.#at] ?? 0;
        this.#at = (this.#at + 1) % this.#speech.length;
      }
    }
    this.#pilot.addTo(frame);
    return frame;
  }
}
