/**
 * The codecs that the mixer decodes and encodes, all at 8000 Hz mono. A frame of audio is an Int16Array; payloads are read
 * and written in place.
 */
import { ALAW_TO_LINEAR, ALAW_TO_ULAW, LINEAR_TO_ALAW, LINEAR_TO_ULAW, ULAW_TO_ALAW, ULAW_TO_LINEAR } from './g711.ts';

export const CLOCK_RATE = 8000;

/** Codecs without a memory: one object of each serves all legs. */
export type CodecName = 'PCMU' | 'PCMA' | 'L16';
/** Whatever can be negotiated. Opus has a memory, and every leg has its own (opus.ts). */
export type AnyCodecName = CodecName | 'opus';

export interface AudioCodec {
  readonly name: AnyCodecName;
  /** Payload type by RFC 3551 section 6; null where it must be mapped in the SDP. */
  readonly staticPayloadType: number | null;
  /** RTP clock ticks in a sample at 8000 Hz. */
  readonly clockScale: number;
  /** Samples in the payload `from[start, end)`, the next to be decoded; 0: it is not valid. */
  samples(from: Uint8Array, start: number, end: number): number;
  /** Decodes `from[start, end)` into the ring `into` (`mask` = its length - 1) from position `at`; false: all of it is silence. */
  decode(from: Uint8Array, start: number, end: number, into: Int16Array, at: number, mask: number): boolean;
  /** Encodes the first `count` of `from`, clipped to 16 bits (here and nowhere else), at `into[at]`; returns the octets. */
  encode(from: Int16Array | Int32Array, count: number, into: Uint8Array, at: number): number;
  /** What `encode` makes of `count` samples: as many, or with silence behind them up to a length that the codec has. */
  padded(count: number): number;
  /** Sum of the squares of the samples. */
  energy(from: Uint8Array, start: number, end: number): number;
  /** What was decoded before shall not be heard in what is decoded now. */
  restartDecoding?(): void;
  /** The same for encoding. */
  restartEncoding?(): void;
}

/** To 16 bits. */
export function clip(sample: number): number {
  return sample > 32767 ? 32767 : sample < -32768 ? -32768 : sample;
}

function g711(name: 'PCMU' | 'PCMA', payloadType: number, toLinear: Int16Array, fromLinear: Uint8Array): AudioCodec {
  const squares = Float64Array.from(toLinear, (sample) => sample * sample);
  return {
    name,
    staticPayloadType: payloadType,
    clockScale: 1,
    samples: (_from, start, end) => end - start,
    padded: (count) => count,
    decode(from, start, end, into, at, mask) {
      let signal = 0;
      for (let i = start; i < end; i++) {
        const sample = toLinear[from[i]!]!;
        into[at++ & mask] = sample;
        // The smallest magnitudes (8 in A-law, which has no zero) are silence on the line.
        signal |= sample < 0 ? -sample : sample;
      }
      return signal > 8;
    },
    encode(from, count, into, at) {
      for (let i = 0; i < count; i++) into[at + i] = fromLinear[clip(from[i]!) & 0xffff]!;
      return count;
    },
    energy(from, start, end) {
      let sum = 0;
      for (let i = start; i < end; i++) sum += squares[from[i]!]!;
      return sum;
    },
  };
}

/** RFC 3551 section 4.5.11, at 8000 Hz: lossless, for tests and measuring gear. */
const l16: AudioCodec = {
  name: 'L16',
  staticPayloadType: null,
  clockScale: 1,
  samples: (_from, start, end) => (end - start) >> 1,
  padded: (count) => count,
  decode(from, start, end, into, at, mask) {
    let signal = 0;
    for (let i = start; i + 1 < end; i += 2) {
      const sample = ((from[i]! << 24) >> 16) | from[i + 1]!;
      into[at++ & mask] = sample;
      signal |= sample;
    }
    return signal !== 0;
  },
  encode(from, count, into, at) {
    for (let i = 0; i < count; i++) {
      const sample = clip(from[i]!);
      into[at++] = (sample >> 8) & 0xff;
      into[at++] = sample & 0xff;
    }
    return count * 2;
  },
  energy(from, start, end) {
    let sum = 0;
    for (let i = start; i + 1 < end; i += 2) {
      const sample = ((from[i]! << 24) >> 16) | from[i + 1]!;
      sum += sample * sample;
    }
    return sum;
  },
};

export const CODECS: Readonly<Record<CodecName, AudioCodec>> = {
  PCMU: g711('PCMU', 0, ULAW_TO_LINEAR, LINEAR_TO_ULAW),
  PCMA: g711('PCMA', 8, ALAW_TO_LINEAR, LINEAR_TO_ALAW),
  L16: l16,
};

export function isCodecName(name: string): name is CodecName {
  return Object.hasOwn(CODECS, name);
}

export function isAnyCodecName(name: string): name is AnyCodecName {
  return name === 'opus' || isCodecName(name);
}

/**
 * How a payload is passed from a source to a listener without decoding: `same` as it is, a 256-entry table octet by octet,
 * or null: it must go through the mixer.
 */
export type Transcoding = 'same' | Uint8Array | null;

export function transcoding(from: AudioCodec, to: AudioCodec): Transcoding {
  if (from.name === to.name) return 'same';
  if (from.name === 'PCMU' && to.name === 'PCMA') return ULAW_TO_ALAW;
  if (from.name === 'PCMA' && to.name === 'PCMU') return ALAW_TO_ULAW;
  return null;
}
