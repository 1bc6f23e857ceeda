/**
 * Opus (RFC 6716, RTP payload RFC 7587) as a codec of the mixer: libopus in WebAssembly, decoding to and encoding from
 * 8000 Hz mono, whatever the peer's bandwidth and channels. Unlike G.711 it has a memory, so that every leg has one of its own.
 * A packet that is forwarded is not decoded: the decoder starts from silence when somebody begins to read.
 */
import { createDecoder, createEncoder } from 'libopus-wasm';
import type { OpusDecoderHandle, OpusEncoderHandle } from 'libopus-wasm';
import { clip, CLOCK_RATE } from './codecs.ts';
import type { AudioCodec } from './codecs.ts';

/** RFC 7587 section 4.1: timestamps count at 48000 Hz, whatever is encoded. */
export const OPUS_CLOCK_RATE = 48_000;

const FRAME_SIZES = [20, 40, 80, 160] as const; // 2.5 to 20 ms
const MAX_SAMPLES = 960; // 120 ms, RFC 6716 section 3.2.5
const MAX_OCTETS = 400;
const BITRATE = 20_000;
/** Of 10; what is above is not heard in a narrow band. */
const COMPLEXITY = 2;
const VOIP = 2048;
const VOICE = 3001;

/** Samples at 8000 Hz in a packet, by its first octets (RFC 6716 section 3.1); 0: it is not valid. */
export function opusSamples(packet: Uint8Array, start: number, end: number): number {
  if (end <= start) return 0;
  const toc = packet[start]!;
  const config = toc >> 3;
  let frame: number;
  if (config >= 16) frame = 20 << (config & 3);
  else if (config >= 12) frame = 80 << (config & 1);
  else frame = (config & 3) === 3 ? 480 : 80 << (config & 3);
  const code = toc & 3;
  let frames = code === 0 ? 1 : 2;
  if (code === 3) frames = end - start < 2 ? 0 : packet[start + 1]! & 0x3f;
  const samples = frame * frames;
  return samples > MAX_SAMPLES ? 0 : samples;
}

export class OpusCodec implements AudioCodec {
  readonly name = 'opus';
  readonly staticPayloadType = null;
  readonly clockScale = OPUS_CLOCK_RATE / CLOCK_RATE;
  readonly #decoder: OpusDecoderHandle;
  readonly #encoder: OpusEncoderHandle;
  readonly #silence: Uint8Array;
  readonly #frames = new Map<number, Int16Array>(FRAME_SIZES.map((size) => [size, new Int16Array(size)]));
  readonly #encoding = { frameSize: 160, maxPacketBytes: MAX_OCTETS };
  #decoded: Int16Array | null = null; // of the packet in hand
  #closed = false;

  private constructor(decoder: OpusDecoderHandle, encoder: OpusEncoderHandle) {
    this.#decoder = decoder;
    this.#encoder = encoder;
    this.#silence = encoder.encode(new Int16Array(160));
  }

  /** @throws where WebAssembly has no memory left */
  static async create(): Promise<OpusCodec> {
    const format = { channels: 1, sampleRate: CLOCK_RATE } as const;
    const decoder = await createDecoder(format);
    try {
      const encoder = await createEncoder({
        ...format,
        application: VOIP,
        signal: VOICE,
        bitrate: BITRATE,
        complexity: COMPLEXITY,
        frameSize: 160,
      });
      return new OpusCodec(decoder, encoder);
    } catch (error) {
      decoder.free();
      throw error;
    }
  }

  samples(from: Uint8Array, start: number, end: number): number {
    this.#decoded = null;
    return opusSamples(from, start, end);
  }

  decode(from: Uint8Array, start: number, end: number, into: Int16Array, at: number, mask: number): boolean {
    const pcm = this.#decode(from, start, end);
    let signal = 0;
    for (let i = 0; i < pcm.length; i++) {
      const sample = pcm[i]!;
      into[at++ & mask] = sample;
      signal |= sample < 0 ? -sample : sample;
    }
    return signal > 8; // as in A-law
  }

  encode(from: Int16Array | Int32Array, count: number, into: Uint8Array, at: number): number {
    if (this.#closed) return 0;
    const size = this.padded(count);
    const frame = this.#frames.get(size)!;
    for (let i = 0; i < count; i++) frame[i] = clip(from[i]!);
    frame.fill(0, count);
    this.#encoding.frameSize = size;
    const packet = this.#encoder.encode(frame, this.#encoding);
    into.set(packet, at);
    return packet.length;
  }

  padded(count: number): number {
    return FRAME_SIZES.find((size) => size >= count) ?? 160;
  }

  energy(from: Uint8Array, start: number, end: number): number {
    let sum = 0;
    for (const sample of this.#decode(from, start, end)) sum += sample * sample;
    return sum;
  }

  /** Nothing of what was decoded before sounds on (R-HEAR-1). */
  restartDecoding(): void {
    if (this.#closed) return;
    for (let i = 0; i < 2; i++) this.#decoder.decode(this.#silence);
  }

  /** Nothing of what was encoded before sounds on (R-HEAR-1): the encoder holds back 6.5 ms. */
  restartEncoding(): void {
    if (this.#closed) return;
    const frame = this.#frames.get(160)!.fill(0);
    this.#encoding.frameSize = 160;
    this.#encoder.encode(frame, this.#encoding);
  }

  /** Gives its memory back. Idempotent; what is decoded after it is silence. */
  close(): void {
    if (this.#closed) return;
    this.#closed = true;
    this.#decoder.free();
    this.#encoder.free();
  }

  /** Once per packet, however many ask. What cannot be decoded is silence. */
  #decode(from: Uint8Array, start: number, end: number): Int16Array {
    this.#decoded ??= this.#decodeNow(from, start, end);
    return this.#decoded;
  }

  #decodeNow(from: Uint8Array, start: number, end: number): Int16Array {
    const count = opusSamples(from, start, end);
    if (this.#closed) return new Int16Array(count);
    try {
      const pcm = this.#decoder.decode(from.subarray(start, end));
      return pcm.length === count ? pcm : new Int16Array(count);
    } catch {
      return new Int16Array(count);
    }
  }
}
