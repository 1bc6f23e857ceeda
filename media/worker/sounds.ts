/** Sound files, read once and shared with the media threads without copying. */
import { readFile, stat } from 'node:fs/promises';
import { parseWav } from '../codec/wav.ts';

/** Prompts are short; when more than this is held, in octets, the oldest are read again. */
const MAX_HELD = 64 * 1024 * 1024;

interface Sound {
  readonly modified: number;
  readonly size: number;
  readonly samples: SharedArrayBuffer;
}

export class SoundCache {
  readonly #sounds = new Map<string, Sound>();
  #held = 0;

  /** Samples at 8000 Hz, 16 bit. Rejects where the file cannot be read or is no WAV that we play. */
  async load(path: string): Promise<SharedArrayBuffer> {
    const { mtimeMs: modified, size } = await stat(path);
    const known = this.#sounds.get(path);
    if (known?.modified === modified && known.size === size) return known.samples;
    const audio = parseWav(await readFile(path));
    const samples = new SharedArrayBuffer(audio.byteLength);
    new Int16Array(samples).set(audio);
    this.#keep(path, { modified, size, samples });
    return samples;
  }

  #keep(path: string, sound: Sound): void {
    this.#drop(path);
    this.#sounds.set(path, sound);
    this.#held += sound.samples.byteLength;
    for (const oldest of this.#sounds.keys()) {
      if (this.#held <= MAX_HELD || oldest === path) break;
      this.#drop(oldest);
    }
  }

  #drop(path: string): void {
    this.#held -= this.#sounds.get(path)?.samples.byteLength ?? 0;
    this.#sounds.delete(path);
  }
}
