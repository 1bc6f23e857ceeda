/** RTP packets (RFC 3550 section 5.1) for the judge; knows nothing of the product's own code. */
export interface RtpPacket {
  readonly payloadType: number;
  readonly marker: boolean;
  readonly sequence: number;
  readonly timestamp: number;
  readonly ssrc: number;
  readonly payload: Buffer;
}

/** What arrived, and when (ms, `performance.now()`), and from which port. */
export interface Received extends RtpPacket {
  readonly at: number;
  readonly fromPort: number;
}

export function writeRtp(packet: RtpPacket): Buffer {
  const header = Buffer.alloc(12);
  header[0] = 0x80;
  header[1] = (packet.marker ? 0x80 : 0) | packet.payloadType;
  header.writeUInt16BE(packet.sequence & 0xffff, 2);
  header.writeUInt32BE(packet.timestamp >>> 0, 4);
  header.writeUInt32BE(packet.ssrc >>> 0, 8);
  return Buffer.concat([header, packet.payload]);
}

/** null for anything that is not RTP version 2 with a whole header. */
export function readRtp(data: Buffer): RtpPacket | null {
  if (data.length < 12 || data[0]! >> 6 !== 2) return null;
  let offset = 12 + 4 * (data[0]! & 0x0f);
  if (data[0]! & 0x10) {
    if (data.length < offset + 4) return null;
    offset += 4 + 4 * data.readUInt16BE(offset + 2);
  }
  const padding = data[0]! & 0x20 ? data[data.length - 1]! : 0;
  if (offset + padding > data.length) return null;
  return {
    payloadType: data[1]! & 0x7f,
    marker: (data[1]! & 0x80) !== 0,
    sequence: data.readUInt16BE(2),
    timestamp: data.readUInt32BE(4),
    ssrc: data.readUInt32BE(8),
    payload: Buffer.from(data.subarray(offset, data.length - padding)),
  };
}

/** Every break in a received stream, in words: sequence numbers, timestamps and SSRC as RFC 3550 wants them to go on. */
export function continuityFaults(packets: readonly RtpPacket[], samplesPerPacket = 160): readonly string[] {
  const faults: string[] = [];
  for (let i = 1; i < packets.length; i += 1) {
    const before = packets[i - 1]!;
    const now = packets[i]!;
    const at = `packet ${i} (sequence ${now.sequence})`;
    if (now.ssrc !== before.ssrc) faults.push(`${at}: SSRC ${before.ssrc} became ${now.ssrc}`);
    const step = (now.sequence - before.sequence) & 0xffff;
    if (step !== 1) faults.push(`${at}: sequence number steps by ${step > 0x7fff ? step - 0x10000 : step}`);
    const elapsed = (now.timestamp - before.timestamp) | 0;
    if (elapsed !== samplesPerPacket) faults.push(`${at}: timestamp steps by ${elapsed}`);
    if (now.payloadType !== before.payloadType) {
      faults.push(`${at}: payload type ${before.payloadType} became ${now.payloadType}`);
    }
  }
  return faults;
}
