import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { DtmfDetector } from '../../../media/rtp/dtmf.ts';
import { isRtcp, parseRtp, RtpHeader, writeRtpHeader } from '../../../media/rtp/packet.ts';
import { parseRtcp, RtcpSummary, writeRtcp } from '../../../media/rtp/rtcp.ts';
import { ReceiveTimeline } from '../../../media/rtp/timeline.ts';

describe('RTP packets (RFC 3550 section 5.1)', () => {
  const header = new RtpHeader();

  it('reads what it wrote', () => {
    fc.assert(
      fc.property(
        fc.boolean(),
        fc.nat(127),
        fc.nat(0xffff),
        fc.nat(0xffffffff),
        fc.nat(0xffffffff),
        fc.uint8Array({ maxLength: 300 }),
        (marker, payloadType, sequence, timestamp, ssrc, payload) => {
          const packet = new Uint8Array(12 + payload.length);
          packet.set(payload, 12);
          writeRtpHeader(packet, marker, payloadType, sequence, timestamp, ssrc);
          expect(parseRtp(packet, header)).toBe(true);
          expect(header).toMatchObject({ marker, payloadType, sequence, timestamp, ssrc, payloadStart: 12 });
          expect(header.payloadEnd).toBe(packet.length);
        },
      ),
    );
  });

  it('finds the payload behind contributing sources, an extension and before padding', () => {
    const packet = new Uint8Array(12 + 8 + 8 + 5 + 3);
    writeRtpHeader(packet, false, 0, 1, 2, 3);
    packet[0] = 0x80 | 0x20 | 0x10 | 2;
    packet[12 + 8 + 3] = 1; // one word of extension
    packet[packet.length - 1] = 3;
    expect(parseRtp(packet, header)).toBe(true);
    expect([header.payloadStart, header.payloadEnd]).toEqual([28, 33]);
  });

  it('whatever comes, it throws nothing and never points outside the packet', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 100 }), (packet) => {
        if (packet.length > 0) packet[0] = 0x80 | (packet[0]! & 0x3f);
        if (!parseRtp(packet, header)) return;
        expect(header.payloadStart).toBeGreaterThanOrEqual(12);
        expect(header.payloadEnd).toBeGreaterThanOrEqual(header.payloadStart);
        expect(header.payloadEnd).toBeLessThanOrEqual(packet.length);
      }),
      { numRuns: 2000 },
    );
  });

  it.each([
    ['short', new Uint8Array(11).fill(0x80)],
    ['of version 1', new Uint8Array(20).fill(0x40)],
    ['with contributing sources that are not there', Uint8Array.of(0x8f, ...new Uint8Array(19))],
    ['with an extension that is not there', Uint8Array.of(0x90, ...new Uint8Array(11))],
    ['with an endless extension', Uint8Array.of(0x90, ...new Uint8Array(13), 0xff, 0xff, 0)],
    ['with padding of zero octets', Uint8Array.of(0xa0, ...new Uint8Array(19))],
    ['with more padding than payload', Uint8Array.of(0xa0, ...new Uint8Array(18), 9)],
    ['too long', new Uint8Array(1501).fill(0x80)],
  ])('refuses a packet %s', (_, packet) => {
    expect(parseRtp(packet, header)).toBe(false);
  });
});

describe('the timeline of a received stream', () => {
  class Stream {
    readonly timeline = new ReceiveTimeline(8000);
    now = 1000;
    readonly #header = new RtpHeader();

    packet(sequence: number, timestamp: number, ssrc = 1, samples = 160): [number, number] | null {
      Object.assign(this.#header, { sequence: sequence & 0xffff, timestamp: timestamp >>> 0, ssrc });
      const accepted = this.timeline.accept(this.#header, samples, this.now);
      return accepted ? [this.timeline.sequence, this.timeline.timestamp] : null;
    }

    after(ms: number): this {
      this.now += ms;
      return this;
    }
  }

  it('goes on where sequence numbers and timestamps wrap', () => {
    const stream = new Stream();
    for (let i = 0; i < 10; i++) {
      expect(stream.after(20).packet(65_530 + i, 2 ** 32 - 800 + i * 160)).toEqual([i, i * 160]);
    }
    expect(stream.timeline.lost).toBe(0);
    expect(stream.timeline.extendedHighest).toBe(65_539);
  });

  it('passes reordering and loss on, drops duplicates, counts', () => {
    const stream = new Stream();
    const got = [0, 1, 3, 2, 2, 3, 7, 5].map((i) => stream.packet(100 + i, i * 160));
    expect(got).toEqual([[0, 0], [1, 160], [3, 480], [2, 320], null, null, [7, 1120], [5, 800]]);
    expect(stream.timeline).toMatchObject({ received: 6, duplicates: 2, lost: 2, highest: 7, head: 1280 });
  });

  it('keeps a pause of the speaker (DTX) as it is', () => {
    const stream = new Stream();
    stream.packet(1, 0);
    expect(stream.after(3000).packet(2, 24_000)).toEqual([1, 24_000]);
  });

  it('a new SSRC goes on after the time that has passed; stragglers of the former one are dropped', () => {
    const stream = new Stream();
    stream.packet(500, 90_000, 1);
    expect(stream.after(20).packet(7, 5, 2)).toEqual([1, 160]);
    expect(stream.timeline.restarted).toBe(true);
    expect(stream.packet(501, 90_160, 1)).toBeNull();
    expect(stream.after(20).packet(8, 165, 2)).toEqual([2, 320]);
    expect(stream.after(1020).packet(9, 77, 3)).toEqual([3, 480 + 8000]);
  });

  it('a jump of the sequence number is believed when the next packet confirms it (RFC 3550 A.1)', () => {
    const stream = new Stream();
    stream.packet(1, 0);
    expect(stream.after(20).packet(30_000, 160)).toBeNull();
    expect(stream.after(20).packet(30_001, 320)).toEqual([1, 160]);
    expect(stream.after(20).packet(30_002, 480)).toEqual([2, 320]);
  });

  it('a timestamp that is set back or leaps is taken for a restart of the counter', () => {
    const stream = new Stream();
    stream.packet(1, 1_000_000);
    expect(stream.after(20).packet(2, 0)).toEqual([1, 160]);
    expect(stream.after(20).packet(3, 160)).toEqual([2, 320]);
    expect(stream.after(20).packet(4, 1_500_000_000)).toEqual([3, 480]);
  });

  it('telephone-events carry no audio and do not move the head', () => {
    const stream = new Stream();
    stream.packet(1, 0);
    for (let i = 0; i < 3; i++) expect(stream.packet(2 + i, 160, 1, 0)).toEqual([1 + i, 160]);
    expect(stream.timeline.head).toBe(160);
    expect(stream.packet(5, 160 + 480)).toEqual([4, 640]);
  });

  it('whatever comes, sequence and head never go back', () => {
    const packet = fc.record({
      sequence: fc.nat(0xffff),
      timestamp: fc.nat(0xffffffff),
      ssrc: fc.nat(2),
      ms: fc.nat(100),
    });
    fc.assert(
      fc.property(fc.array(packet, { maxLength: 60 }), (list) => {
        const stream = new Stream();
        for (const { sequence, timestamp, ssrc, ms } of list) {
          const { highest, head } = stream.timeline;
          stream.after(ms).packet(sequence, timestamp, ssrc);
          expect(stream.timeline.highest).toBeGreaterThanOrEqual(highest);
          expect(stream.timeline.head).toBeGreaterThanOrEqual(head);
        }
      }),
    );
  });
});

describe('telephone-events (RFC 4733)', () => {
  function detector(): {
    digits: string[];
    press: DtmfDetector;
    packet: (event: number, at: number, end?: boolean, marker?: boolean, now?: number) => void;
  } {
    const digits: string[] = [];
    const press = new DtmfDetector((digit) => digits.push(digit));
    return {
      digits,
      press,
      packet: (event, at, end = false, marker = false, now = 0) =>
        press.packet(Uint8Array.of(event, end ? 0x8a : 0x0a, 0, 160), 0, 4, marker, at, now),
    };
  }

  it('a press is reported once, at its end', () => {
    const { digits, packet } = detector();
    packet(5, 100, false, true);
    packet(5, 100);
    expect(digits).toEqual([]);
    for (let i = 0; i < 3; i++) packet(5, 100, true);
    expect(digits).toEqual(['5']);
    for (const end of [false, true, true, true]) packet(5, 900, end);
    packet(11, 1700, true);
    expect(digits).toEqual(['5', '5', '#']);
  });

  it('where all ends are lost it is reported with the next press, or after a while', () => {
    const { digits, packet, press } = detector();
    packet(1, 100, false, true, 0);
    packet(2, 900, false, true, 100);
    expect(digits).toEqual(['1']);
    press.expire(300);
    expect(digits).toEqual(['1']);
    press.expire(700);
    expect(digits).toEqual(['1', '2']);
    press.expire(2000);
    packet(2, 900, true); // a straggler
    expect(digits).toEqual(['1', '2']);
  });

  it('a long press in segments is one press', () => {
    const { digits, packet } = detector();
    packet(3, 0, false, true);
    packet(3, 0xffff);
    packet(3, 0x1fffe, true);
    expect(digits).toEqual(['3']);
  });

  it('what is no key, or no event, is not reported; nor are more presses than fingers can', () => {
    const { digits, packet, press } = detector();
    packet(16, 10, true);
    press.packet(Uint8Array.of(1, 0x80), 0, 2, true, 20, 0);
    expect(digits).toEqual([]);
    for (let i = 0; i < 100; i++) packet(1, 100 + i, true, true, 1);
    expect(digits.length).toBeLessThanOrEqual(20);
  });
});

describe('RTCP (RFC 3550 section 6)', () => {
  const source = {
    ssrc: 9,
    fractionLost: 0.25,
    lost: -1,
    extendedHighest: 70_000,
    jitter: 12.4,
    lastReport: 77,
    delaySinceLastReport: 65_536,
  };
  const report = {
    ssrc: 5,
    cname: 'abc',
    sender: { rtpTimestamp: 2 ** 32 + 4, packets: 3, octets: 480 },
    source,
    bye: false,
  };

  it('a sender report with a report block, CNAME and BYE, all lengths right', () => {
    const out = Buffer.alloc(256);
    const length = writeRtcp(out, { ...report, bye: true }, 1_700_000_000_500);
    const types: number[] = [];
    let at = 0;
    for (; at < length; at += (out.readUInt16BE(at + 2) + 1) * 4) types.push(out[at + 1]!);
    expect(at).toBe(length);
    expect(types).toEqual([200, 202, 203]);
    expect(out.readUInt32BE(8)).toBe(1_700_000_000 + 2_208_988_800);
    expect(out.readUInt32BE(12)).toBe(2 ** 31);
    expect(out.readUInt32BE(16)).toBe(4);
    expect(out.readUInt32BE(28)).toBe(9);
    expect(out[32]).toBe(64);
    expect(out.readIntBE(33, 3)).toBe(-1);
    expect(isRtcp(out)).toBe(true);
  });

  it('reads what a peer reports of us', () => {
    const out = new Uint8Array(256);
    const summary = new RtcpSummary();
    const length = writeRtcp(out, report, 1_700_000_000_500);
    expect(parseRtcp(out.subarray(0, length), 9, summary)).toBe(true);
    expect(summary).toMatchObject({ fractionLost: 0.25, bye: false });
    expect(summary.lastReport).toBe((((1_700_000_000 + 2_208_988_800) & 0xffff) * 65536 + 0x8000) >>> 0);
    const receiver = writeRtcp(out, { ...report, sender: null, source: null, bye: true }, 0);
    expect(parseRtcp(out.subarray(0, receiver), 9, summary)).toBe(true);
    expect(summary).toMatchObject({ fractionLost: NaN, lastReport: 0, bye: true });
  });

  it('whatever comes, it throws nothing', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 80 }), fc.integer({ min: 200, max: 204 }), (packet, type) => {
        packet[0] = 0x80 | ((packet[0] ?? 0) & 0x1f);
        if (packet.length > 1) packet[1] = type;
        expect(typeof parseRtcp(packet, 1, new RtcpSummary())).toBe('boolean');
      }),
      { numRuns: 2000 },
    );
    expect(parseRtcp(Uint8Array.of(0x80, 202, 0, 0), 1, new RtcpSummary())).toBe(false);
  });
});
