/**
 * G.711 for the judge, written from ITU-T G.711 and independent of the product's own tables: segment arithmetic here,
 * so that a fault in the product's codec cannot hide behind the same fault in the test.
 */
export type G711 = 'PCMU' | 'PCMA';

export const PAYLOAD_TYPE: Readonly<Record<G711, number>> = { PCMU: 0, PCMA: 8 };

/** mu-law byte to 16-bit linear. */
export function muLawDecode(byte: number): number {
  const inverted = ~byte & 0xff;
  const exponent = (inverted >> 4) & 7;
  const magnitude = ((((inverted & 0x0f) << 3) + 0x84) << exponent) - 0x84;
  return inverted & 0x80 ? -magnitude : magnitude;
}

/** 16-bit linear to mu-law byte. */
export function muLawEncode(sample: number): number {
  const sign = sample < 0 ? 0x80 : 0;
  const magnitude = Math.min(Math.abs(Math.trunc(sample)), 32635) + 0x84;
  let exponent = 7;
  while (exponent > 0 && (magnitude & (0x80 << exponent)) === 0) exponent -= 1;
  return ~(sign | (exponent << 4) | ((magnitude >> (exponent + 3)) & 0x0f)) & 0xff;
}

/** A-law byte to 16-bit linear. */
export function aLawDecode(byte: number): number {
  const value = byte ^ 0x55;
  const exponent = (value >> 4) & 7;
  const mantissa = value & 0x0f;
  const magnitude = exponent === 0 ? (mantissa << 4) + 8 : ((mantissa << 4) + 0x108) << (exponent - 1);
  return value & 0x80 ? magnitude : -magnitude;
}

/** 16-bit linear to A-law byte. */
export function aLawEncode(sample: number): number {
  const sign = sample >= 0 ? 0x80 : 0;
  // Negative values are coded by their ones' complement, as G.711's decision values want it.
  const magnitude = Math.min(sample >= 0 ? Math.trunc(sample) : ~Math.trunc(sample), 32767) >> 4;
  if (magnitude < 16) return (sign | magnitude) ^ 0x55;
  let exponent = 1;
  while (magnitude >> (exponent + 4) > 0) exponent += 1;
  return (sign | (exponent << 4) | ((magnitude >> (exponent - 1)) & 0x0f)) ^ 0x55;
}

export function decode(codec: G711, payload: Uint8Array): Int16Array {
  const decodeByte = codec === 'PCMU' ? muLawDecode : aLawDecode;
  return Int16Array.from(payload, decodeByte);
}

export function encode(codec: G711, pcm: Int16Array): Buffer {
  const encodeSample = codec === 'PCMU' ? muLawEncode : aLawEncode;
  const payload = Buffer.alloc(pcm.length);
  for (let i = 0; i < pcm.length; i += 1) payload[i] = encodeSample(pcm[i]!);
  return payload;
}
