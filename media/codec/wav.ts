/** WAV files (RIFF): 16 bit linear, mono, 8 or 16 kHz. Parsed without trust; every length is checked. */

export class WavError extends Error {}

const MAX_BYTES = 64 * 1024 * 1024;

/** Samples at 8000 Hz. @throws WavError saying what is wrong */
export function parseWav(file: Uint8Array): Int16Array {
  if (file.length > MAX_BYTES) throw new WavError('the file is longer than 64 MB');
  const view = new DataView(file.buffer, file.byteOffset, file.byteLength);
  if (file.length < 12 || tag(view, 0) !== 'RIFF' || tag(view, 8) !== 'WAVE') throw new WavError('not a WAV file');
  let rate = 0;
  for (let at = 12; at + 8 <= file.length;) {
    const name = tag(view, at);
    const length = Math.min(view.getUint32(at + 4, true), file.length - at - 8);
    if (name === 'fmt ') rate = readFormat(view, at + 8, length);
    else if (name === 'data') {
      if (rate === 0) throw new WavError('the format (fmt) does not come before the data');
      return samples(view, at + 8, length >> 1, rate);
    }
    at += 8 + length + (length % 2);
  }
  throw new WavError('there is no data in the file');
}

function tag(view: DataView, at: number): string {
  return String.fromCharCode(view.getUint8(at), view.getUint8(at + 1), view.getUint8(at + 2), view.getUint8(at + 3));
}

function readFormat(view: DataView, at: number, length: number): number {
  if (length < 16) throw new WavError('the format (fmt) is too short');
  const format = view.getUint16(at, true);
  const channels = view.getUint16(at + 2, true);
  const rate = view.getUint32(at + 4, true);
  const bits = view.getUint16(at + 14, true);
  if (format !== 1 || bits !== 16) throw new WavError('16 bit linear PCM is wanted');
  if (channels !== 1) throw new WavError('one channel is wanted');
  if (rate !== 8000 && rate !== 16000) throw new WavError(`8000 or 16000 Hz are wanted, not ${rate}`);
  return rate;
}

function samples(view: DataView, at: number, count: number, rate: number): Int16Array {
  const sample = (i: number) => (i < 0 || i >= count ? 0 : view.getInt16(at + i * 2, true));
  if (rate === 8000) return Int16Array.from({ length: count }, (_, i) => sample(i));
  // Half the rate: a short half-band filter against aliases, every second sample kept.
  return Int16Array.from({ length: count >> 1 }, (_, i) => {
    const middle = i * 2;
    const value =
      0.5 * sample(middle) +
      0.3 * (sample(middle - 1) + sample(middle + 1)) -
      0.05 * (sample(middle - 3) + sample(middle + 3));
    return Math.max(-32768, Math.min(32767, Math.round(value)));
  });
}

/** A WAV file with these samples, mono, 16 bit. */
export function writeWav(audio: Int16Array, rate = 8000): Uint8Array {
  const file = new Uint8Array(44 + audio.length * 2);
  const view = new DataView(file.buffer);
  const text = (at: number, value: string) =>
    Buffer.from(value, 'latin1').forEach((octet, i) => view.setUint8(at + i, octet));
  text(0, 'RIFF');
  view.setUint32(4, 36 + audio.length * 2, true);
  text(8, 'WAVEfmt ');
  view.setUint32(16, 16, true);
  view.setUint16(20, 1, true);
  view.setUint16(22, 1, true);
  view.setUint32(24, rate, true);
  view.setUint32(28, rate * 2, true);
  view.setUint16(32, 2, true);
  view.setUint16(34, 16, true);
  text(36, 'data');
  view.setUint32(40, audio.length * 2, true);
  audio.forEach((sample, i) => view.setInt16(44 + i * 2, sample, true));
  return file;
}
