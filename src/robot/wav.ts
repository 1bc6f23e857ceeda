/** WAV files as the robots use them: 8 kHz, 16 bit, mono (RIFF, little endian). */
import { readFileSync, writeFileSync } from 'node:fs';
import { SAMPLE_RATE } from './pilot.ts';

const HEADER = 44;

/** Throws an Error that names the file where it is not 8 kHz, 16 bit, mono PCM. */
export function readWav(path: string): Int16Array {
  const file = readFileSync(path);
  if (file.length < 12 || file.toString('latin1', 0, 4) !== 'RIFF' || file.toString('latin1', 8, 12) !== 'WAVE') {
    throw new Error(`${path} is no WAV file`);
  }
  let format: { code: number; channels: number; rate: number; bits: number } | null = null;
  for (let at = 12; at + 8 <= file.length;) {
    const name = file.toString('latin1', at, at + 4);
    const size = file.readUInt32LE(at + 4);
    const start = at + 8;
    const end = Math.min(start + size, file.length);
    if (name === 'fmt ' && end - start >= 16) {
      format = {
        code: file.readUInt16LE(start),
        channels: file.readUInt16LE(start + 2),
        rate: file.readUInt32LE(start + 4),
        bits: file.readUInt16LE(start + 14),
      };
    }
    if (name === 'data') {
      if (format?.code !== 1 || format.channels !== 1 || format.rate !== SAMPLE_RATE || format.bits !== 16) {
        throw new Error(`${path} is not 8 kHz, 16 bit, mono PCM`);
      }
      return Int16Array.from({ length: (end - start) >> 1 }, (_, i) => file.readInt16LE(start + 2 * i));
    }
    at = start + size + (size % 2);
  }
  throw new Error(`${path} has no audio`);
}

export function writeWav(path: string, pcm: Int16Array): void {
  const header = Buffer.alloc(HEADER);
  const bytes = pcm.length * 2;
  header.write('RIFF', 0);
  header.writeUInt32LE(36 + bytes, 4);
  header.write('WAVEfmt ', 8);
  header.writeUInt32LE(16, 16);
  header.writeUInt16LE(1, 20); // PCM
  header.writeUInt16LE(1, 22); // channels
  header.writeUInt32LE(SAMPLE_RATE, 24);
  header.writeUInt32LE(SAMPLE_RATE * 2, 28);
  header.writeUInt16LE(2, 32); // bytes per sample
  header.writeUInt16LE(16, 34);
  header.write('data', 36);
  header.writeUInt32LE(bytes, 40);
  writeFileSync(path, Buffer.concat([header, Buffer.from(pcm.buffer, pcm.byteOffset, bytes)]));
}
