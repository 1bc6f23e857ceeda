import { readFileSync } from 'node:fs';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { CODECS, transcoding } from '../../../media/codec/codecs.ts';
import type { AudioCodec, CodecName } from '../../../media/codec/codecs.ts';
import { parseWav, WavError, writeWav } from '../../../media/codec/wav.ts';
import { share } from '../../integration/media/phone.ts';

function decode(codec: AudioCodec, payload: Uint8Array): Int16Array {
  const ring = new Int16Array(1024);
  codec.decode(payload, 0, payload.length, ring, 0, 1023);
  return ring.slice(0, codec.samples(payload, 0, payload.length));
}

function encode(codec: AudioCodec, samples: ArrayLike<number>): Uint8Array {
  const out = new Uint8Array(2048);
  return out.slice(0, codec.encode(Int32Array.from(samples), samples.length, out, 0));
}

describe('G.711', () => {
  it.each<[CodecName, number, number]>([
    ['PCMU', 0xff, 0],
    ['PCMU', 0x80, 32124],
    ['PCMU', 0x00, -32124],
    ['PCMU', 0xf0, 120],
    ['PCMU', 0xce, 988],
    ['PCMA', 0xd5, 8],
    ['PCMA', 0x55, -8],
    ['PCMA', 0xaa, 32256],
    ['PCMA', 0x2a, -32256],
    ['PCMA', 0xd4, 24],
  ])('%s: code 0x%s is %i (values of the ITU-T tables)', (name, code, sample) => {
    expect(decode(CODECS[name], Uint8Array.of(code))[0]).toBe(sample);
  });

  it.each<CodecName>(['PCMU', 'PCMA'])('%s: what was decoded is encoded to the same code', (name) => {
    const codes = Uint8Array.from({ length: 256 }, (_, i) => i);
    const again = encode(CODECS[name], decode(CODECS[name], codes));
    // PCMU has two codes for zero.
    expect([...again]).toEqual([...codes].map((code) => (name === 'PCMU' && code === 0x7f ? 0xff : code)));
  });

  it.each<CodecName>(['PCMU', 'PCMA'])('%s: every sample comes back within half a quantizing step', (name) => {
    for (let sample = -32768; sample <= 32767; sample += 7) {
      const got = decode(CODECS[name], encode(CODECS[name], [sample]))[0]!;
      expect(Math.abs(got - sample)).toBeLessThanOrEqual(Math.max(16, Math.abs(sample) / 30));
    }
  });

  it('clips what is beyond 16 bits, once', () => {
    for (const codec of Object.values(CODECS)) {
      expect(encode(codec, [70_000, -70_000])).toEqual(encode(codec, [32_767, -32_768]));
    }
  });

  it('from one law to the other by a table, as by decoding and encoding', () => {
    const codes = Uint8Array.from({ length: 256 }, (_, i) => i);
    for (const [from, to] of [
      ['PCMU', 'PCMA'],
      ['PCMA', 'PCMU'],
    ] as const) {
      const table = transcoding(CODECS[from], CODECS[to]) as Uint8Array;
      expect([...table]).toEqual([...encode(CODECS[to], decode(CODECS[from], codes))]);
    }
    expect(transcoding(CODECS.PCMU, CODECS.PCMU)).toBe('same');
    expect(transcoding(CODECS.L16, CODECS.PCMU)).toBeNull();
  });

  it('L16 is lossless, and energy is the sum of squares', () => {
    fc.assert(
      fc.property(fc.array(fc.integer({ min: -32768, max: 32767 }), { maxLength: 100 }), (samples) => {
        const payload = encode(CODECS.L16, samples);
        expect([...decode(CODECS.L16, payload)]).toEqual(samples);
        expect(CODECS.L16.energy(payload, 0, payload.length)).toBe(samples.reduce((sum, x) => sum + x * x, 0));
      }),
    );
  });

  it('tells silence from sound', () => {
    const ring = new Int16Array(256);
    const is = (name: CodecName, code: number) =>
      CODECS[name].decode(new Uint8Array(160).fill(code), 0, 160, ring, 0, 255);
    expect([is('PCMU', 0xff), is('PCMU', 0x7f), is('PCMA', 0xd5), is('PCMA', 0x55)]).toEqual([
      false,
      false,
      false,
      false,
    ]);
    expect([is('PCMU', 0xf0), is('PCMA', 0xd0)]).toEqual([true, true]);
  });
});

describe('WAV files', () => {
  it('reads what it wrote', () => {
    const samples = Int16Array.from({ length: 999 }, (_, i) => i * 13 - 5000);
    expect(parseWav(writeWav(samples))).toEqual(samples);
  });

  it('halves 16 kHz: a tone stays, what would alias goes', () => {
    const tone = (hz: number) =>
      Int16Array.from({ length: 16_000 }, (_, i) => 10_000 * Math.sin((2 * Math.PI * hz * i) / 16_000));
    const low = parseWav(writeWav(tone(1000), 16_000));
    expect(low.length).toBe(8000);
    expect(share(low, 1000)).toBeGreaterThan(0.99);
    const peak = Math.max(...parseWav(writeWav(tone(7000), 16_000)).subarray(100));
    expect(peak).toBeLessThan(1500);
  });

  it.each([
    ['empty', new Uint8Array(0)],
    ['no RIFF', Buffer.from('RIFX....WAVEfmt ')],
    ['stereo', patch(22, 2)],
    ['8 bit', patch(34, 8)],
    ['not linear', patch(20, 7)],
    ['44.1 kHz', patch32(24, 44_100)],
    ['without data', writeWav(new Int16Array(10)).slice(0, 36)],
    ['data before the format', Buffer.from('RIFF\x00\x00\x00\x00WAVEdata\x02\x00\x00\x00ab', 'latin1')],
  ])('refuses a file that is %s', (_, file) => {
    expect(() => parseWav(file)).toThrow(WavError);
  });

  it('whatever comes, it throws nothing else, and lengths that lie are cut', () => {
    const good = writeWav(Int16Array.from({ length: 50 }, (_, i) => i));
    fc.assert(
      fc.property(fc.nat(43), fc.nat(255), fc.nat(100), (at, octet, cut) => {
        const file = good.slice(0, good.length - cut);
        file[at] = octet;
        try {
          expect(parseWav(file).length).toBeLessThanOrEqual(50);
        } catch (error) {
          expect(error).toBeInstanceOf(WavError);
        }
      }),
    );
  });

  it('the default music is recognised by its steady note', () => {
    const music = parseWav(readFileSync(new URL('../../../media/sounds/music.wav', import.meta.url)));
    for (let at = 0; at + 8000 <= music.length; at += 8000) {
      expect(share(music.subarray(at, at + 8000), 330)).toBeGreaterThan(0.3);
    }
  });
});

function patch(at: number, value: number): Uint8Array {
  const file = writeWav(new Int16Array(10));
  file[at] = value;
  return file;
}

function patch32(at: number, value: number): Uint8Array {
  const file = writeWav(new Int16Array(10));
  new DataView(file.buffer).setUint32(at, value, true);
  return file;
}
