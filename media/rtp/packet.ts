/** RTP packets (RFC 3550 section 5.1): checked parsing into a reused header, and writing of the fixed header. */

/** Largest datagram that is looked at: an Ethernet frame's worth. Longer ones are no telephone audio. */
export const MAX_PACKET = 1500;
export const HEADER_LENGTH = 12;

/** One header, reused for every packet: nothing is allocated per packet. `payloadStart`/`payloadEnd` index the datagram. */
export class RtpHeader {
  marker = false;
  payloadType = 0;
  sequence = 0;
  timestamp = 0;
  ssrc = 0;
  payloadStart = 0;
  payloadEnd = 0;
}

/** RTP and RTCP on one port are told apart by the second octet (RFC 5761 section 4). */
export function isRtcp(packet: Uint8Array): boolean {
  const type = packet[1] ?? 0;
  return type >= 192 && type <= 223;
}

/** Reads `packet` into `header`. False where it is not RTP: short, another version, or lengths that lie. */
export function parseRtp(packet: Uint8Array, header: RtpHeader): boolean {
  const length = packet.length;
  if (length < HEADER_LENGTH || length > MAX_PACKET) return false;
  const first = packet[0]!;
  if (first >> 6 !== 2) return false;
  let start = HEADER_LENGTH + (first & 0x0f) * 4;
  if ((first & 0x10) !== 0) {
    if (start + 4 > length) return false;
    start += 4 + ((packet[start + 2]! << 8) | packet[start + 3]!) * 4;
  }
  if (start > length) return false;
  let end = length;
  if ((first & 0x20) !== 0) {
    const padding = packet[length - 1]!;
    if (padding === 0 || start + padding > length) return false;
    end -= padding;
  }
  const second = packet[1]!;
  header.marker = (second & 0x80) !== 0;
  header.payloadType = second & 0x7f;
  header.sequence = (packet[2]! << 8) | packet[3]!;
  header.timestamp = readU32(packet, 4);
  header.ssrc = readU32(packet, 8);
  header.payloadStart = start;
  header.payloadEnd = end;
  return true;
}

/** Writes the fixed header at the front of `out`. `sequence` and `timestamp` may be any integers; they wrap. */
export function writeRtpHeader(
  out: Uint8Array,
  marker: boolean,
  payloadType: number,
  sequence: number,
  timestamp: number,
  ssrc: number,
): void {
  out[0] = 0x80;
  out[1] = (marker ? 0x80 : 0) | payloadType;
  out[2] = (sequence >>> 8) & 0xff;
  out[3] = sequence & 0xff;
  writeU32(out, 4, timestamp);
  writeU32(out, 8, ssrc);
}

export function readU32(from: Uint8Array, at: number): number {
  return ((from[at]! << 24) | (from[at + 1]! << 16) | (from[at + 2]! << 8) | from[at + 3]!) >>> 0;
}

/** Writes the low 32 bits of `value`, which may lie beyond 32 bits (an unwrapped timestamp). */
export function writeU32(out: Uint8Array, at: number, value: number): void {
  const low = value >>> 0;
  out[at] = low >>> 24;
  out[at + 1] = (low >>> 16) & 0xff;
  out[at + 2] = (low >>> 8) & 0xff;
  out[at + 3] = low & 0xff;
}
