/**
 * G.711 (ITU-T G.711) by tables: 256 entries to decode, 65,536 to encode (indexed by the sample's 16 bits), 256 to go from
 * one law to the other. Built once per thread.
 */

function decodeUlaw(code: number): number {
  const inverted = ~code & 0xff;
  const magnitude = (((inverted & 0x0f) << 3) + 0x84) << ((inverted & 0x70) >> 4);
  return (inverted & 0x80) !== 0 ? 0x84 - magnitude : magnitude - 0x84;
}

function encodeUlaw(sample: number): number {
  const sign = sample < 0 ? 0x80 : 0;
  const magnitude = Math.min(Math.abs(sample), 32635) + 0x84;
  const segment = 24 - Math.clz32(magnitude);
  return ~(sign | (segment << 4) | ((magnitude >> (segment + 3)) & 0x0f)) & 0xff;
}

function decodeAlaw(code: number): number {
  const value = code ^ 0x55;
  const segment = (value & 0x70) >> 4;
  const step = ((value & 0x0f) << 4) + 8;
  const magnitude = segment === 0 ? step : (step + 0x100) << (segment - 1);
  return (value & 0x80) !== 0 ? magnitude : -magnitude;
}

function encodeAlaw(sample: number): number {
  const mask = sample >= 0 ? 0xd5 : 0x55;
  const magnitude = (sample >= 0 ? sample : ~sample) >> 3; // 13 bits
  const segment = Math.max(0, 27 - Math.clz32(magnitude));
  const mantissa = segment < 2 ? (magnitude >> 1) & 0x0f : (magnitude >> segment) & 0x0f;
  return ((segment << 4) | mantissa) ^ mask;
}

function table(entries: number, value: (index: number) => number): Uint8Array {
  return Uint8Array.from({ length: entries }, (_, index) => value(index));
}

export const ULAW_TO_LINEAR = Int16Array.from({ length: 256 }, (_, code) => decodeUlaw(code));
export const ALAW_TO_LINEAR = Int16Array.from({ length: 256 }, (_, code) => decodeAlaw(code));
export const LINEAR_TO_ULAW = table(65536, (bits) => encodeUlaw((bits << 16) >> 16));
export const LINEAR_TO_ALAW = table(65536, (bits) => encodeAlaw((bits << 16) >> 16));
export const ULAW_TO_ALAW = table(256, (code) => encodeAlaw(ULAW_TO_LINEAR[code]!));
export const ALAW_TO_ULAW = table(256, (code) => encodeUlaw(ALAW_TO_LINEAR[code]!));
