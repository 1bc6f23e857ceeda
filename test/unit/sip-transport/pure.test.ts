/** The parts without sockets: rate, addresses, Via, names, errors. */
import { describe, expect, it } from 'vitest';
import fc from 'fast-check';
import { header, parseMessage } from '../../../src/sip-server/message/index.ts';
import { LocalAddresses, plainAddress } from '../../../src/sip-server/transport/address.ts';
import {
  TransportError,
  formatListenPoint,
  parseListenPoint,
  resolve,
  responseFlow,
  transportError,
  withReceived,
} from '../../../src/sip-server/transport/index.ts';
import type { Flow, NameService } from '../../../src/sip-server/transport/index.ts';
import { RateLimiter } from '../../../src/sip-server/transport/rate.ts';
import { orderSrv } from '../../../src/sip-server/transport/resolve.ts';

describe('RateLimiter', () => {
  it('gives burst at once, then perSecond', () => {
    const rate = new RateLimiter({ perSecond: 10, burst: 3 });
    const takes = (n: number, now: number): boolean[] => Array.from({ length: n }, () => rate.take('a', now));
    expect(takes(4, 0)).toEqual([true, true, true, false]);
    expect(takes(2, 100)).toEqual([true, false]);
    expect(takes(4, 10_000)).toEqual([true, true, true, false]);
    expect(rate.take('b', 10_000)).toBe(true);
  });

  it('never gives more than burst + rate × time, whatever the clock does', () => {
    fc.assert(
      fc.property(fc.array(fc.integer({ min: -50, max: 500 }), { maxLength: 100 }), (steps) => {
        const rate = new RateLimiter({ perSecond: 10, burst: 5 });
        let now = 0;
        let latest = 0;
        let given = 0;
        for (const step of steps) {
          now += step;
          latest = Math.max(latest, now);
          if (rate.take('a', now)) given += 1;
        }
        expect(given).toBeLessThanOrEqual(5 + latest / 100 + 1e-9);
      }),
    );
  });

  it('charges down to none, not below', () => {
    const rate = new RateLimiter({ perSecond: 10, burst: 5 });
    rate.charge('a', 0, 1000);
    expect([rate.take('a', 0), rate.take('a', 100)]).toEqual([false, true]);
  });

  it('takes an IPv6 /64 for one source, and forgets sources that are quiet', () => {
    const rate = new RateLimiter({ perSecond: 1, burst: 1 });
    expect([rate.take('2001:db8::1', 0), rate.take('2001:db8:0:0:1::2', 0), rate.take('2001:db8:0:1::1', 0)]).toEqual([
      true,
      false,
      true,
    ]);
    for (let i = 0; i < 50_000; i++) rate.take(`10.${i >> 16}.${(i >> 8) & 255}.${i & 255}`, i);
    expect(rate.sources).toBeLessThanOrEqual(10_000);
  });
});

describe('addresses', () => {
  it.each([
    ['udp://127.0.0.1:5060', { protocol: 'udp', host: '127.0.0.1', port: 5060 }],
    ['TLS://[::1]', { protocol: 'tls', host: '::1', port: 5061 }],
    ['ws://sip.example.com:0/', { protocol: 'ws', host: 'sip.example.com', port: 0 }],
  ])('%s', (text, point) => {
    expect(parseListenPoint(text)).toEqual(point);
    expect(parseListenPoint(formatListenPoint(parseListenPoint(text)))).toEqual(point);
  });

  it.each(['', 'udp:127.0.0.1', 'sctp://x:1', 'udp://:5060', 'udp://x:70000', 'udp://::1:5060', 'udp://x:5060/a'])(
    'refuses %j',
    (text) => {
      expect(() => parseListenPoint(text)).toThrow('expected udp|tcp|tls|ws|wss://HOST:PORT');
    },
  );

  it('plain forms', () => {
    expect(['::ffff:10.0.0.1', 'FE80::1%eth0', '[::1]', '1.2.3.4'].map(plainAddress)).toEqual([
      '10.0.0.1',
      'fe80::1',
      '::1',
      '1.2.3.4',
    ]);
  });

  it('the address that faces a peer', () => {
    const local = new LocalAddresses();
    expect(local.facing('192.0.2.7', '127.0.0.1', 0)).toBe('192.0.2.7');
    expect(local.facing('0.0.0.0', '127.0.0.5', 0)).toBe('127.0.0.1');
  });
});

describe('Via (RFC 3261 18.2, RFC 3581)', () => {
  const flow: Flow = {
    protocol: 'udp',
    local: { host: '192.0.2.1', port: 5060 },
    remote: { host: '192.0.2.9', port: 40000 },
  };
  const message = (via: string): ReturnType<typeof parseMessage> =>
    parseMessage(Buffer.from(`OPTIONS sip:x SIP/2.0\r\nVia: ${via}, SIP/2.0/UDP below\r\n\r\n`), { complete: false });
  const stamped = (via: string): string | undefined => header(withReceived(message(via), flow), 'Via');

  it.each([
    ['SIP/2.0/UDP 192.0.2.9:5062;branch=b', 'SIP/2.0/UDP 192.0.2.9:5062;branch=b'],
    ['SIP/2.0/UDP pc:5062;branch=b', 'SIP/2.0/UDP pc:5062;branch=b;received=192.0.2.9'],
    ['SIP/2.0/UDP 10.0.0.1;rport;branch=b', 'SIP/2.0/UDP 10.0.0.1;rport=40000;branch=b;received=192.0.2.9'],
    ['SIP/2.0/UDP 192.0.2.9;rport', 'SIP/2.0/UDP 192.0.2.9;rport=40000;received=192.0.2.9'],
    ['SIP/2.0/UDP h;;', 'SIP/2.0/UDP h;;'],
  ])('%s is stamped %s', (via, expected) => {
    expect(stamped(via)).toBe(`${expected}, SIP/2.0/UDP below`);
  });

  it.each([
    ['SIP/2.0/UDP 192.0.2.9:5062', 5062],
    ['SIP/2.0/UDP pc', 5060],
    ['SIP/2.0/UDP pc:5062;rport', 40000],
    ['SIP/2.0/UDP pc:5062;;', 5062],
    ['no via', 40000],
  ])('the answer to %s goes to port %i of the source', (via, port) => {
    expect(responseFlow(message(via), flow).remote).toEqual({ host: '192.0.2.9', port });
  });

  it('over a connection it goes back on it', () => {
    const tcp: Flow = { ...flow, protocol: 'tcp', connection: 'c1' };
    expect(responseFlow(message('SIP/2.0/TCP pc:5062'), tcp)).toBe(tcp);
  });
});

describe('resolve (RFC 3263)', () => {
  const asked: string[] = [];
  const names = (
    srv: Record<string, [string, number, number, number][]>,
    hosts: Record<string, string[]>,
  ): NameService => ({
    srv: (name) => {
      asked.push(name);
      const found = srv[name];
      if (!found) return Promise.reject(new Error('ENODATA'));
      return Promise.resolve(found.map(([n, port, priority, weight]) => ({ name: n, port, priority, weight })));
    },
    addresses: (name) => {
      const found = hosts[name];
      return found ? Promise.resolve(found) : Promise.reject(Object.assign(new Error('no'), { code: 'ENOTFOUND' }));
    },
  });

  it('an address passes as it is, with the default port of its protocol', async () => {
    const none = names({}, {});
    expect(await resolve('192.0.2.1', 5070, 'udp', { names: none })).toEqual([
      { protocol: 'udp', host: '192.0.2.1', port: 5070 },
    ]);
    expect(await resolve('[::1]', undefined, 'tls', { names: none })).toEqual([
      { protocol: 'tls', host: '::1', port: 5061 },
    ]);
  });

  it('SRV without a port, by priority, then addresses; the name asked for is the one TLS checks', async () => {
    const service = names(
      {
        '_sips._tcp.trunk.example': [
          ['b.example', 5071, 20, 0],
          ['a.example', 5081, 10, 0],
          ['dead.example', 1, 5, 0],
        ],
      },
      { 'a.example': ['192.0.2.1', '2001:db8::1'], 'b.example': ['192.0.2.2'] },
    );
    const found = await resolve('trunk.example', undefined, 'tls', { names: service });
    expect(found.map((t) => `${t.host} ${t.port} ${t.serverName ?? ''}`)).toEqual([
      '192.0.2.1 5081 trunk.example',
      '2001:db8::1 5081 trunk.example',
      '192.0.2.2 5071 trunk.example',
    ]);
  });

  it('addresses where there is a port, no SRV, or a bare host name', async () => {
    const service = names({}, { 'h.example': ['192.0.2.3'], localhost: ['127.0.0.1'] });
    asked.length = 0;
    const find = async (host: string, port?: number): Promise<number | undefined> =>
      (await resolve(host, port, 'udp', { names: service }))[0]?.port;
    expect([await find('h.example', 5090), await find('h.example'), await find('localhost')]).toEqual([
      5090, 5060, 5060,
    ]);
    expect(asked).toEqual(['_sip._udp.h.example']);
  });

  it('fails with not_found, and with timeout where nobody answers', async () => {
    await expect(resolve('x.example', 1, 'udp', { names: names({}, {}) })).rejects.toMatchObject({ code: 'not_found' });
    await expect(resolve('x', 1, 'udp', { names: names({}, { x: [] }) })).rejects.toMatchObject({ code: 'not_found' });
    const deaf: NameService = {
      srv: () => new Promise(() => undefined),
      addresses: () => new Promise(() => undefined),
    };
    await expect(resolve('x.example', 1, 'udp', { names: deaf, timeoutMs: 5 })).rejects.toMatchObject({
      code: 'timeout',
    });
  });

  it('draws among equals by weight (RFC 2782)', () => {
    const record = (name: string, weight: number): Parameters<typeof orderSrv>[0][0] => ({
      name,
      weight,
      port: 1,
      priority: 1,
    });
    const records = [record('a', 1), record('b', 3), record('c', 0)];
    const first = (lot: number): string | undefined => orderSrv(records, () => lot)[0]?.name;
    expect([first(0), first(0.2), first(0.3), first(0.99)]).toEqual(['a', 'a', 'b', 'b']);
    expect(orderSrv(records, () => 0.99).map((r) => r.name)).toEqual(['b', 'a', 'c']);
  });
});

describe('errors', () => {
  it.each([
    ['ECONNREFUSED', 'refused'],
    ['ENOTFOUND', 'not_found'],
    ['EAGAIN', 'busy'],
    ['EPIPE', 'closed'],
    ['EMSGSIZE', 'too_large'],
    ['ENETUNREACH', 'unreachable'],
    ['DEPTH_ZERO_SELF_SIGNED_CERT', 'tls'],
    ['EWHATEVER', 'failed'],
  ])('%s is %s, its cause kept', (system, code) => {
    const cause = Object.assign(new Error('text'), { code: system });
    const error = transportError(cause, 'udp 192.0.2.1:5060');
    expect(error).toMatchObject({ code, cause });
    expect(error.message).toContain('udp 192.0.2.1:5060');
    expect(transportError(error, 'again')).toBe(error);
  });

  it('takes what is no Error', () => {
    expect(transportError('text', 'x')).toBeInstanceOf(TransportError);
  });
});
