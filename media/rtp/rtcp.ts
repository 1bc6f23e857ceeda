/** RTCP (RFC 3550 section 6): compound sender and receiver reports with a CNAME, BYE; and reading what a peer reports. */
import { readU32, writeU32 } from './packet.ts';

const SENDER_REPORT = 200;
const RECEIVER_REPORT = 201;
const SOURCE_DESCRIPTION = 202;
const BYE = 203;
const NTP_EPOCH = 2_208_988_800; // seconds from 1900 to 1970

/** What a report says of us as a sender and of the peer as a source. Filled in place. */
export interface RtcpReport {
  ssrc: number;
  cname: string;
  /** Absent (null): nothing was sent since the last report, a receiver report will do. */
  sender: { rtpTimestamp: number; packets: number; octets: number } | null;
  /** Absent (null): nothing was received yet. */
  source: {
    ssrc: number;
    fractionLost: number; // 0 to 1
    lost: number;
    extendedHighest: number;
    jitter: number; // timestamp units
    lastReport: number; // middle 32 bits of the NTP time of the peer's last sender report
    delaySinceLastReport: number; // 1/65536 s
  } | null;
  bye: boolean;
}

/** Writes a compound packet into `out` (256 octets suffice) and returns its length. `wallClock`: ms since 1970. */
export function writeRtcp(out: Uint8Array, report: RtcpReport, wallClock: number): number {
  let at = 0;
  const blocks = report.source === null ? 0 : 1;
  out[0] = 0x80 | blocks;
  out[1] = report.sender === null ? RECEIVER_REPORT : SENDER_REPORT;
  writeU32(out, 4, report.ssrc);
  at = 8;
  if (report.sender !== null) {
    writeU32(out, at, Math.floor(wallClock / 1000) + NTP_EPOCH);
    writeU32(out, at + 4, Math.floor(((wallClock % 1000) / 1000) * 2 ** 32));
    writeU32(out, at + 8, report.sender.rtpTimestamp);
    writeU32(out, at + 12, report.sender.packets);
    writeU32(out, at + 16, report.sender.octets);
    at += 20;
  }
  if (report.source !== null) {
    const source = report.source;
    writeU32(out, at, source.ssrc);
    const lost = Math.max(-0x800000, Math.min(0x7fffff, source.lost));
    writeU32(out, at + 4, (Math.min(255, Math.floor(source.fractionLost * 256)) << 24) | (lost & 0xffffff));
    writeU32(out, at + 8, source.extendedHighest);
    writeU32(out, at + 12, Math.round(source.jitter));
    writeU32(out, at + 16, source.lastReport);
    writeU32(out, at + 20, source.delaySinceLastReport);
    at += 24;
  }
  writeLength(out, 0, at);
  at = writeCname(out, at, report.ssrc, report.cname);
  if (report.bye) {
    out[at] = 0x81;
    out[at + 1] = BYE;
    writeLength(out, at, at + 8);
    writeU32(out, at + 4, report.ssrc);
    at += 8;
  }
  return at;
}

function writeLength(out: Uint8Array, start: number, end: number): void {
  const words = (end - start) / 4 - 1;
  out[start + 2] = words >> 8;
  out[start + 3] = words & 0xff;
}

function writeCname(out: Uint8Array, start: number, ssrc: number, cname: string): number {
  out[start] = 0x81;
  out[start + 1] = SOURCE_DESCRIPTION;
  writeU32(out, start + 4, ssrc);
  out[start + 8] = 1; // CNAME
  out[start + 9] = cname.length;
  let at = start + 10;
  for (let i = 0; i < cname.length; i++) out[at++] = cname.charCodeAt(i) & 0x7f;
  do out[at++] = 0;
  while ((at - start) % 4 !== 0);
  writeLength(out, start, at);
  return at;
}

/** What a received compound packet told. Reused. */
export class RtcpSummary {
  /** Middle 32 bits of the NTP time in a sender report; 0 where there was none. */
  lastReport = 0;
  /** Fraction of our packets that the peer missed, 0 to 1; NaN where it did not say. */
  fractionLost = NaN;
  bye = false;
}

/** Reads a compound packet into `summary`; `ours` is our own SSRC. False: it is not valid RTCP (RFC 3550 appendix A.2). */
export function parseRtcp(packet: Uint8Array, ours: number, summary: RtcpSummary): boolean {
  summary.lastReport = 0;
  summary.fractionLost = NaN;
  summary.bye = false;
  let at = 0;
  while (at < packet.length) {
    if (at + 4 > packet.length || packet[at]! >> 6 !== 2) return false;
    const type = packet[at + 1]!;
    const end = at + (((packet[at + 2]! << 8) | packet[at + 3]!) + 1) * 4;
    if (end > packet.length) return false;
    if (at === 0 && type !== SENDER_REPORT && type !== RECEIVER_REPORT) return false;
    if (type === SENDER_REPORT || type === RECEIVER_REPORT) readReport(packet, at, end, ours, summary);
    else if (type === BYE) summary.bye = true;
    at = end;
  }
  return packet.length >= 8;
}

function readReport(packet: Uint8Array, at: number, end: number, ours: number, summary: RtcpSummary): void {
  let block = at + 8;
  if (packet[at + 1] === SENDER_REPORT) {
    if (at + 28 > end) return;
    summary.lastReport = ((readU32(packet, at + 8) & 0xffff) * 65536 + (readU32(packet, at + 12) >>> 16)) >>> 0;
    block = at + 28;
  }
  for (let count = packet[at]! & 0x1f; count > 0 && block + 24 <= end; count--, block += 24) {
    if (readU32(packet, block) === ours) summary.fractionLost = packet[block + 4]! / 256;
  }
}
