/** WAV files, 16 bit mono: written for a softphone's microphone, read from its recording while it still grows. */
import { readFileSync, writeFileSync } from 'node:fs';

const HEADER = 44;

export function writeWav(path: string, pcm: Int16Array, rate = 8000): void {
  const header = Buffer.alloc(HEADER);
  const bytes = pcm.length * 2;
  header.write('RIFF', 0);
  header.writeUInt32LE(36 + bytes, 4);
  header.write('WAVEfmt ', 8);
  header.writeUInt32LE(16, 16);
  header.writeUInt16LE(1, 20); // PCM
  header.writeUInt16LE(1, 22); // channels
  header.writeUInt32LE(rate, 24);
  header.writeUInt32LE(rate * 2, 28);
  header.writeUInt16LE(2, 32); // bytes per sample
  header.writeUInt16LE(16, 34);
  header.write('data', 36);
  header.writeUInt32LE(bytes, 40);
  writeFileSync(path, Buffer.concat([header, Buffer.from(pcm.buffer, pcm.byteOffset, bytes)]));
}

/** The samples written so far. The header's sizes are not looked at: they are only right once the file is closed. */
export function readGrowingWav(path: string): Int16Array {
  const file = readFileSync(path);
  if (file.length < HEADER || file.toString('latin1', 0, 4) !== 'RIFF') return new Int16Array(0);
  const samples = Math.floor((file.length - HEADER) / 2);
  return Int16Array.from({ length: samples }, (_, i) => file.readInt16LE(HEADER + 2 * i));
}
