/** RTCP of one leg: when to report, what to say, what the peer said. No socket. */
import type { ReceiveTimeline } from '../rtp/timeline.ts';
import { parseRtcp, RtcpSummary, writeRtcp } from '../rtp/rtcp.ts';

/** RFC 3550 section 6.2: about every 5 s, spread so that reports of many legs do not coincide. */
const INTERVAL_MS = 5000;

export class Reporter {
  /** The peer's view of what we send: fraction lost (0 to 1), NaN until it has told. */
  fractionLost = NaN;
  /** The peer said BYE. */
  bye = false;

  readonly #ssrc: number;
  readonly #cname: string;
  readonly #summary = new RtcpSummary();
  #nextAt = NaN;
  #sentBefore = 0;
  #expectedBefore = 0;
  #receivedBefore = 0;
  #lastReport = 0;
  #lastReportAt = 0;

  constructor(ssrc: number, cname: string) {
    this.#ssrc = ssrc;
    this.#cname = cname;
  }

  due(now: number): boolean {
    if (Number.isNaN(this.#nextAt)) this.#nextAt = now + INTERVAL_MS * Math.random();
    if (now < this.#nextAt) return false;
    this.#nextAt = now + INTERVAL_MS * (0.5 + Math.random());
    return true;
  }

  write(
    now: number,
    sent: { readonly packetsSent: number; readonly octetsSent: number },
    timeline: ReceiveTimeline,
    rtpTimestamp: number,
    bye: boolean,
  ): Uint8Array {
    const sending = sent.packetsSent > this.#sentBefore;
    this.#sentBefore = sent.packetsSent;
    const out = new Uint8Array(256);
    const length = writeRtcp(
      out,
      {
        ssrc: this.#ssrc,
        cname: this.#cname,
        sender: sending ? { rtpTimestamp, packets: sent.packetsSent, octets: sent.octetsSent } : null,
        source: timeline.highest < 0 ? null : this.#source(now, timeline),
        bye,
      },
      performance.timeOrigin + now,
    );
    return out.subarray(0, length);
  }

  /** A compound packet of the peer; what is not RTCP is ignored. */
  received(packet: Uint8Array, now: number): void {
    const summary = this.#summary;
    if (!parseRtcp(packet, this.#ssrc, summary)) return;
    if (summary.lastReport !== 0) {
      this.#lastReport = summary.lastReport;
      this.#lastReportAt = now;
    }
    if (!Number.isNaN(summary.fractionLost)) this.fractionLost = summary.fractionLost;
    if (summary.bye) this.bye = true;
  }

  #source(now: number, timeline: ReceiveTimeline) {
    const expected = timeline.highest + 1;
    const expectedNow = expected - this.#expectedBefore;
    const lostNow = expectedNow - (timeline.received - this.#receivedBefore);
    this.#expectedBefore = expected;
    this.#receivedBefore = timeline.received;
    return {
      ssrc: timeline.ssrc,
      fractionLost: expectedNow <= 0 || lostNow <= 0 ? 0 : lostNow / expectedNow,
      lost: expected - timeline.received,
      extendedHighest: timeline.extendedHighest,
      jitter: timeline.jitter * timeline.clockScale,
      lastReport: this.#lastReport,
      delaySinceLastReport: this.#lastReport === 0 ? 0 : Math.round(((now - this.#lastReportAt) / 1000) * 65536),
    };
  }
}
