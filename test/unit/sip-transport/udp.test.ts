import { networkInterfaces } from 'node:os';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { header } from '../../../src/sip-server/message/index.ts';
import { DEFAULT_LIMITS } from '../../../src/sip-server/transport/index.ts';
import { until } from '../../support/until.ts';
import { openTransport, options, udpPeer, unreadable } from './peers.ts';
import type { Subject, UdpPeer } from './peers.ts';

/** Some containers have no IPv6. */
const hasIpv6 = Object.values(networkInterfaces()).some((list) => list?.some((i) => i.address === '::1'));

let subject: Subject;
let peer: UdpPeer;
let port: number;

beforeEach(async () => {
  subject = await openTransport(['udp://127.0.0.1:0']);
  ({ port } = subject.point('udp'));
  peer = await udpPeer();
});

afterEach(async () => {
  peer.close();
  await subject.transport.close();
});

/** What was sent before has been dealt with once this has: one socket keeps its order. */
async function settled(): Promise<void> {
  const before = subject.received.length;
  peer.send(options('settled'), port);
  await subject.message(before);
}

describe('UDP', () => {
  it('tells the bound port and the true source', async () => {
    expect(port).toBeGreaterThan(0);
    peer.send(options('one'), port);
    const { message, flow, bytes } = await subject.message(0);
    expect(flow).toEqual({
      protocol: 'udp',
      local: { host: '127.0.0.1', port },
      remote: { host: '127.0.0.1', port: peer.port },
    });
    expect([header(message, 'Call-ID'), bytes]).toEqual(['one', options('one').length]);
  });

  it('sends to an address and to a name', async () => {
    await subject.transport.send(options('a'), subject.flowTo('udp', peer.port));
    const local = { host: '127.0.0.1', port };
    await subject.transport.send(options('b'), {
      protocol: 'udp',
      local,
      remote: { host: 'localhost', port: peer.port },
    });
    await until('both', () => peer.received.length === 2);
    expect(subject.transport.counts().sent).toBe(2);
  });

  it('answers an unreadable request with 400, back to the source with rport', async () => {
    peer.send(unreadable('bad'), port);
    const answer = await until('400', () => peer.received[0]);
    expect(answer).toMatch(/^SIP\/2\.0 400 /);
    expect(answer).toContain(`rport=${peer.port};received=127.0.0.1`);
    expect(answer).toMatch(/To: <sip:bob@127\.0\.0\.1>;tag=\w+/);
    expect(answer).toContain('CSeq: 1 INVITE');
    expect(subject.received).toEqual([]);
  });

  it('without rport the answer goes to the port of sent-by (RFC 3261 18.2.2)', async () => {
    const other = await udpPeer();
    const octets = Buffer.from(
      unreadable('bad').toString().replace('peer.invalid', `127.0.0.1:${other.port}`).replace(';rport', ''),
    );
    peer.send(octets, port);
    expect(await until('400', () => other.received[0])).toMatch(/^SIP\/2\.0 400 /);
    expect(peer.received).toEqual([]);
    other.close();
  });

  it('is silent to what must not be answered, and counts it', async () => {
    peer.send(
      options('r', (t) => t.replace(/^OPTIONS.*/, 'SIP/2.0 200 OK').replace('1 OPTIONS', 'x')),
      port,
    );
    peer.send(
      options('a', (t) => t.replace(/^OPTIONS/, 'ACK')),
      port,
    );
    peer.send('noise without end', port);
    peer.send(Buffer.from([0x00, 0x01, 0xff, 0xfe, 0x80]), port);
    await settled();
    expect(peer.received).toEqual([]);
    expect(subject.transport.counts()).toMatchObject({ malformed: 4, answered: 0, received: 1 });
  });

  it('takes keep-alives for what they are', async () => {
    for (const octets of ['', '\r\n', '\r\n\r\n', '\0\0\0\0']) peer.send(octets, port);
    await settled();
    expect(subject.transport.counts()).toMatchObject({ malformed: 0, received: 1, limited: 0 });
  });

  it('a datagram longer than Content-Length is cut, a shorter one is a 400', async () => {
    peer.send(Buffer.concat([options('long'), options('hidden')]), port);
    peer.send(
      options('short', (t) => t.replace('Length: 0', 'Length: 5')),
      port,
    );
    await settled();
    expect(subject.received.map((r) => header(r.message, 'Call-ID'))).toEqual(['long', 'settled']);
    await until('400', () => peer.received.length === 1);
  });

  it('survives sending to a closed port and goes on', async () => {
    const gone = await udpPeer();
    const flow = subject.flowTo('udp', gone.port);
    gone.close();
    for (let i = 0; i < 5; i++) await subject.transport.send(options('x'), flow);
    await settled();
  });

  it.each([
    ['a datagram beyond what IP carries', 70_000, 5060, 'too_large'],
    ['a port that is none', 10, 70_000, 'failed'],
  ])('%s is an error with a code', async (_, size, to, code) => {
    const flow = { ...subject.flowTo('udp', 9), remote: { host: '127.0.0.1', port: to } };
    await expect(subject.transport.send(Buffer.alloc(size), flow)).rejects.toMatchObject({ code });
    expect(subject.transport.counts().sendErrors).toBe(1);
  });

  it('an unknown host is not_found, an unknown protocol no_transport', async () => {
    const local = { host: '127.0.0.1', port };
    const lost = { protocol: 'udp', local, remote: { host: 'nowhere.invalid', port: 5060 } } as const;
    await expect(subject.transport.send(options('x'), lost)).rejects.toMatchObject({ code: 'not_found' });
    expect(subject.transport.flowTo('tls', { host: '127.0.0.1', port: 1 })).toBeUndefined();
    const six = { protocol: 'udp', local, remote: { host: '::1', port: 5060 } } as const;
    await expect(subject.transport.send(options('x'), six)).rejects.toMatchObject({ code: 'no_transport' });
  });

  it.skipIf(!hasIpv6)('a socket for both families speaks IPv4 and IPv6 with plain addresses', async () => {
    const both = await openTransport(['udp://[::]:0']);
    const to = both.point('udp').port;
    peer.send(options('four'), to);
    const { flow } = await both.message(0);
    expect([flow.remote, flow.local]).toEqual([
      { host: '127.0.0.1', port: peer.port },
      { host: '127.0.0.1', port: to },
    ]);
    await both.transport.send(options('back'), flow);
    await until('answer', () => peer.received.length === 1);
    const self = { protocol: 'udp', local: flow.local, remote: { host: '::1', port: to } } as const;
    await both.transport.send(options('six'), self);
    expect((await both.message(1)).flow).toMatchObject({ remote: { host: '::1', port: to }, local: { host: '::1' } });
    await both.transport.close();
  });

  it('a handler that throws ends nothing', async () => {
    const lines: string[] = [];
    const odd = await openTransport(['udp://127.0.0.1:0'], { log: (level, line) => lines.push(`${level} ${line}`) });
    let calls = 0;
    odd.transport.onMessage = () => {
      calls += 1;
      throw new Error('fault of the application');
    };
    peer.send(options('1'), odd.point('udp').port);
    peer.send(options('2'), odd.point('udp').port);
    await until('both', () => calls === 2);
    expect(lines.filter((l) => l.startsWith('error') && l.includes('fault of the application'))).toHaveLength(2);
    await odd.transport.close();
  });

  it('close is idempotent and final', async () => {
    const flow = subject.flowTo('udp', peer.port);
    await Promise.all([subject.transport.close(), subject.transport.close()]);
    await subject.transport.close();
    await expect(subject.transport.send(options('x'), flow)).rejects.toMatchObject({ code: 'closed' });
    const again = await udpPeer(port); // the port is free again
    again.close();
  });

  it('an address in use is an error, and what was open before is closed', async () => {
    const attempt = openTransport(['tcp://127.0.0.1:0', `udp://127.0.0.1:${port}`]);
    await expect(attempt).rejects.toMatchObject({ code: 'address_in_use' });
  });
});

describe('the rate limit', () => {
  it('stops a flood of garbage from one source, silently', async () => {
    let now = 1_000_000;
    const limited = await openTransport(['udp://127.0.0.1:0'], {
      now: () => now,
      limits: { rate: { perSecond: 100, burst: 200 }, garbageCost: 50 },
    });
    const to = limited.point('udp').port;
    for (let i = 0; i < 20; i++) peer.send(unreadable(`g${i}`), to);
    const { transport } = limited;
    await until('all seen', () => transport.counts().malformed + transport.counts().limited === 20);
    expect(transport.counts()).toMatchObject({ malformed: 4, limited: 16 });
    peer.send(options('still none'), to);
    await until('limited', () => transport.counts().limited === 17);
    now += 1000; // a second later the source may speak again
    peer.send(options('good'), to);
    expect(header((await limited.message(0)).message, 'Call-ID')).toBe('good');
    await transport.close();
  });

  it('never meets a trunk with 200 calls a second', () => {
    // some 15 messages a call: INVITE, 100, 180, 200, ACK, re-INVITEs, BYE, both directions
    expect(DEFAULT_LIMITS.rate.perSecond).toBeGreaterThan(200 * 15);
  });
});
