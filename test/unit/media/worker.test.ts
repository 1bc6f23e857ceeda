import { describe, expect, it } from 'vitest';
import { Gate } from '../../../media/worker/gate.ts';
import { PortAllocator } from '../../../media/worker/ports.ts';
import { Reporter } from '../../../media/worker/reporter.ts';
import { ReceiveTimeline } from '../../../media/rtp/timeline.ts';
import { RtpHeader } from '../../../media/rtp/packet.ts';

describe('who may send to a leg', () => {
  const peer = { address: '192.0.2.7', port: 4000, rtcpPort: 4001 };

  it('the address and port of the description alone, where signalling comes from there too or is not known', () => {
    for (const signalling of [null, '192.0.2.7']) {
      const gate = new Gate(signalling);
      expect(gate.mayPass('192.0.2.7', 4000)).toBe(false); // nothing was agreed yet
      gate.expect(peer);
      expect(gate.mayPass('192.0.2.7', 4000)).toBe(true);
      expect(gate.mayPass('192.0.2.7', 4002)).toBe(false);
      expect(gate.mayPass('192.0.2.8', 4000)).toBe(false);
      gate.passed('192.0.2.7', 4000);
      expect(gate.target).toBe(peer);
      expect(gate.rtcpPort).toBe(4001);
    }
  });

  it('behind NAT the first packet from the signalling address decides, until the description changes', () => {
    const gate = new Gate('203.0.113.5');
    gate.expect(peer);
    expect(gate.target).toBe(peer);
    expect(gate.mayPass('198.51.100.1', 4000)).toBe(false);
    expect(gate.mayPass('203.0.113.5', 61_000)).toBe(true);
    gate.passed('203.0.113.5', 61_000);
    expect(gate.target).toEqual({ address: '203.0.113.5', port: 61_000 });
    expect(gate.rtcpPort).toBe(61_001);
    for (const [address, port] of [
      ['203.0.113.5', 61_002],
      ['192.0.2.7', 4000],
    ] as const) {
      expect(gate.mayPass(address, port)).toBe(false);
    }
    gate.expect({ ...peer }); // a re-INVITE that moves nothing
    expect(gate.mayPass('203.0.113.5', 61_000)).toBe(true);
    gate.expect({ ...peer, port: 5000 });
    expect(gate.target).toMatchObject({ port: 5000 });
    expect(gate.mayPass('203.0.113.5', 62_000)).toBe(true);
  });

  it('where the peer is as described after all, that is what latches', () => {
    const gate = new Gate('203.0.113.5');
    gate.expect(peer);
    gate.passed('192.0.2.7', 4000);
    expect(gate.mayPass('203.0.113.5', 61_000)).toBe(false);
    expect(gate.rtcpPort).toBe(4001);
  });
});

describe('RTP ports', () => {
  it('even ones within the range, each once, until all are in use', () => {
    const ports = new PortAllocator(10_001, 10_007, 1);
    expect(ports.size).toBe(3);
    expect([ports.take(0), ports.take(0), ports.take(0), ports.take(0)]).toEqual([10_004, 10_006, 10_002, null]);
  });

  it('one that was given back rests, and is taken early only where no other is left', () => {
    const ports = new PortAllocator(10_000, 10_005);
    for (let i = 0; i < 3; i++) ports.take(0);
    ports.give(10_002, 0);
    ports.give(10_000, 1000);
    expect(ports.take(5500)).toBe(10_002); // rested
    expect(ports.take(5500)).toBe(10_000); // not rested, but the only one
    expect(ports.take(5500)).toBeNull();
  });

  it('one that another program holds rests longer; giving back twice does nothing', () => {
    const ports = new PortAllocator(10_000, 10_003);
    expect(ports.take(0)).toBe(10_000);
    ports.busy(10_000, 0);
    expect(ports.take(10_000)).toBe(10_002);
    ports.give(10_002, 10_000);
    ports.give(10_002, 20_000);
    expect(ports.take(16_000)).toBe(10_002);
    expect(new PortAllocator(5, 5).take(0)).toBeNull();
  });
});

describe('RTCP reports of a leg', () => {
  it('come about every five seconds and say what was lost since the last', () => {
    const reporter = new Reporter(77, 'name');
    const timeline = new ReceiveTimeline(8000);
    const header = new RtpHeader();
    const times: number[] = [];
    for (let now = 0; now < 100_000; now += 100) if (reporter.due(now)) times.push(now);
    expect(times.length).toBeGreaterThanOrEqual(13);
    expect(times.length).toBeLessThanOrEqual(41);

    for (const sequence of [1, 2, 4]) {
      Object.assign(header, { sequence, timestamp: sequence * 160, ssrc: 9 });
      timeline.accept(header, 160, sequence * 20);
    }
    const sent = { packetsSent: 5, octetsSent: 800 };
    const first = Buffer.from(reporter.write(1000, sent, timeline, 640, false));
    expect([first[1], first[32], first.readIntBE(33, 3)]).toEqual([200, 64, 1]);
    const second = Buffer.from(reporter.write(2000, sent, timeline, 640, false));
    expect([second[1], second[12], second.readIntBE(13, 3)]).toEqual([201, 0, 1]); // nothing sent since: a receiver report
    reporter.received(Buffer.from(reporter.write(3000, { packetsSent: 6, octetsSent: 1 }, timeline, 0, true)), 3000);
    expect(reporter.bye).toBe(true);
  });
});
