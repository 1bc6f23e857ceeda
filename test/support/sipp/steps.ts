/** The steps of a sipp's calls, read from the log that its scenario writes. */
import { closeSync, openSync, readSync } from 'node:fs';

// Marks that no SIP message holds and that mean nothing to sipp.
export const STEP_BEGIN = '@@step ';
export const STEP_TEXT = '@@text ';
export const STEP_END = '@@end';

export interface Step {
  readonly callId: string;
  /** `invite`, `answered`, `hungup` ..., or `aborted` where sipp gave the call up. */
  readonly name: string;
  /** The SIP message that led to it, whole. */
  readonly message: string;
}

const POLL_MS = 5;

/** Follows a log that grows. */
export class Steps {
  readonly #path: string;
  readonly #onStep: (step: Step) => void;
  readonly #timer: NodeJS.Timeout;
  readonly #chunk = Buffer.alloc(65_536);
  #offset = 0;
  #text = '';

  constructor(path: string, onStep: (step: Step) => void) {
    this.#path = path;
    this.#onStep = onStep;
    this.#timer = setInterval(() => this.#read(), POLL_MS);
  }

  close(): void {
    clearInterval(this.#timer);
    this.#read();
  }

  #read(): void {
    let file: number;
    try {
      file = openSync(this.#path, 'r');
    } catch {
      return; // nothing logged so far
    }
    try {
      for (;;) {
        const count = readSync(file, this.#chunk, 0, this.#chunk.length, this.#offset);
        if (count === 0) break;
        this.#offset += count;
        this.#text += this.#chunk.toString('latin1', 0, count);
      }
    } finally {
      closeSync(file);
    }
    const parts = this.#text.split(STEP_END);
    this.#text = parts.pop() ?? '';
    for (const part of parts) this.#onStep(parseStep(part));
  }
}

function parseStep(text: string): Step {
  const begin = text.indexOf(STEP_BEGIN) + STEP_BEGIN.length;
  const middle = text.indexOf(STEP_TEXT, begin);
  const [name, callId] = text.slice(begin, middle).split(' ');
  return { name: name ?? '', callId: callId ?? '', message: text.slice(middle + STEP_TEXT.length).trimStart() };
}
