import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { parseMessage } from '../../../src/sip-server/message/index.ts';
import type { SipRequest, SipResponse } from '../../../src/sip-server/message/index.ts';
import { parseAppMessage } from '../../../src/sip-server/drachtio/app-message.ts';
import { Bindings } from '../../../src/sip-server/drachtio/bindings.ts';
import { FrameReader, FramingError, encodeFrame } from '../../../src/sip-server/drachtio/framing.ts';
import { Network, isUnreachable } from '../../../src/sip-server/drachtio/network.ts';
import { ProxiedDialogs } from '../../../src/sip-server/drachtio/proxied-dialogs.ts';
import { RecentSet } from '../../../src/sip-server/drachtio/recent-set.ts';
import { clockTime, wireProtocol } from '../../../src/sip-server/drachtio/wire.ts';
import { parseUri } from '../../../src/sip-server/message/uri.ts';
import type { Flow, ListenPoint } from '../../../src/sip-server/transport/types.ts';

describe('frames', () => {
  it('come out as they went in, however they are cut up', () => {
    const payloads = fc.array(fc.string({ minLength: 1, unit: 'grapheme' }), { minLength: 1, maxLength: 6 });
    fc.assert(
      fc.property(payloads, fc.array(fc.integer({ min: 1, max: 40 }), { minLength: 1 }), (texts, cuts) => {
        const stream = Buffer.concat(texts.map((t) => encodeFrame(t)));
        const reader = new FrameReader();
        const out: string[] = [];
        for (let at = 0, i = 0; at < stream.length; i++) {
          const end = at + cuts[i % cuts.length]!;
          reader.push(stream.subarray(at, end));
          for (let frame = reader.next(); frame; frame = reader.next()) out.push(frame.toString());
          at = end;
        }
        expect(out).toEqual(texts);
      }),
    );
  });

  it('count octets, not characters', () => {
    expect(encodeFrame('é|', Buffer.from('ü')).toString()).toBe('5#é|ü');
  });

  it.each(['#x', 'x#', '12x4#', '12345678', '99999999#', '0#', '-1#a', ' 1#a', '1048577#'])('%j is refused', (text) => {
    const reader = new FrameReader();
    reader.push(Buffer.from(text));
    expect(() => reader.next()).toThrow(FramingError);
  });

  it('take more than 12 KB, up to their limit', () => {
    const reader = new FrameReader(20_000);
    reader.push(encodeFrame('x'.repeat(20_000)));
    expect(reader.next()?.length).toBe(20_000);
    reader.push(encodeFrame('x'.repeat(20_001)));
    expect(() => reader.next()).toThrow('20001');
  });
});

describe('messages of applications', () => {
  it('names in any case, folded lines, a body with its own idea of its length', () => {
    const app = parseAppMessage(
      Buffer.from('INVITE sip:a SIP/2.0\r\nfrom: x\r\nx-ODD: 1\r\n two\r\ncontent-length: 3\r\n\r\nähm'),
    );
    expect(app.start).toMatchObject({ kind: 'request', method: 'INVITE', uri: 'sip:a' });
    expect(app.headers).toEqual([
      { name: 'From', value: 'x' },
      { name: 'x-ODD', value: '1 two' },
      { name: 'Content-Length', value: '3' },
    ]);
    expect(app.body.toString()).toBe('ähm');
  });

  it('a status line with and without reason', () => {
    const start = (text: string): unknown => parseAppMessage(Buffer.from(text)).start;
    expect(start('SIP/2.0 183 Session Progress\r\n\r\n')).toEqual({
      kind: 'response',
      status: 183,
      reason: 'Session Progress',
    });
    expect(start('SIP/2.0 200\r\n\r\n')).toEqual({ kind: 'response', status: 200, reason: '' });
  });

  it('anything else throws what is expected and nothing else', () => {
    fc.assert(
      fc.property(fc.string({ unit: 'binary' }), (text) => {
        try {
          parseAppMessage(Buffer.from(text));
        } catch (error) {
          expect((error as Error).name).toBe('SipParseError');
        }
      }),
    );
  });
});

describe('words', () => {
  it('time in UTC, to the microsecond', () => {
    expect(clockTime(Date.UTC(2026, 0, 2, 3, 4, 5, 67))).toBe('03:04:05.067000');
    expect(clockTime(Date.UTC(2026, 0, 2, 23, 59, 59, 999))).toBe('23:59:59.999000');
  });

  it('a WebSocket is told as tcp', () => {
    expect((['udp', 'tcp', 'tls', 'ws', 'wss'] as const).map(wireProtocol)).toEqual([
      'udp',
      'tcp',
      'tls',
      'tcp',
      'tcp',
    ]);
  });
});

describe('what is remembered', () => {
  it('recent texts, no more than so many', () => {
    const recent = new RecentSet(2);
    for (const text of ['a', 'b', 'c']) recent.add(text);
    expect(['a', 'b', 'c'].map((t) => recent.has(t))).toEqual([false, true, true]);
  });

  it('proxied dialogs, in both directions, for a day', () => {
    let now = 0;
    const dialogs = new ProxiedDialogs(() => now);
    dialogs.add('c', 'x', 'y');
    expect([dialogs.has('c', 'y', 'x'), dialogs.has('c', 'x', 'z'), dialogs.has('d', 'x', 'y')]).toEqual([
      true,
      false,
      false,
    ]);
    now = 25 * 3_600_000;
    expect(dialogs.has('c', 'x', 'y')).toBe(false);
    dialogs.add('c', 'x', 'y');
    dialogs.remove('c', 'y', 'x');
    expect(dialogs.size).toBe(0);
  });
});

const TCP: Flow = {
  protocol: 'tcp',
  local: { host: '10.0.0.1', port: 5060 },
  remote: { host: '203.0.113.9', port: 40_000 },
  connection: 'c1',
};

function register(contact: string, extra = ''): SipRequest {
  const text =
    'REGISTER sip:x SIP/2.0\r\nVia: SIP/2.0/TCP h;branch=z9hG4bK1\r\nFrom: <sip:a@x>;tag=1\r\nTo: <sip:a@x>\r\n' +
    `Call-ID: 1\r\nCSeq: 1 REGISTER\r\nMax-Forwards: 70\r\n${extra}Contact: ${contact}\r\nContent-Length: 0\r\n\r\n`;
  return parseMessage(Buffer.from(text)) as SipRequest;
}

function ok(contact: string): SipResponse {
  return {
    kind: 'response',
    status: 200,
    reason: 'OK',
    headers: [{ name: 'Contact', value: contact }],
    body: Buffer.alloc(0),
  };
}

function find(bindings: Bindings, uri: string): Flow | undefined {
  const parsed = parseUri(uri);
  return parsed.kind === 'sip' ? bindings.find(parsed) : undefined;
}

describe('registered contacts', () => {
  it('are reached by the connection they registered over, for as long as granted', () => {
    let now = 0;
    const bindings = new Bindings(() => now);
    bindings.granted(
      register('<sip:a@192.168.1.2:5060;transport=tcp>'),
      TCP,
      ok('<sip:a@192.168.1.2:5060>;expires=60'),
    );
    expect(find(bindings, 'sip:a@192.168.1.2:5060;transport=tcp')).toBe(TCP);
    expect(find(bindings, 'sip:b@192.168.1.2:5060')).toBeUndefined();
    expect(find(bindings, 'sip:a@192.168.1.2:5061')).toBeUndefined();
    now = 60_000;
    expect(find(bindings, 'sip:a@192.168.1.2:5060')).toBeUndefined();
    expect(bindings.size).toBe(0);
  });

  it('are forgotten with Expires 0, and with their connection', () => {
    const bindings = new Bindings(() => 0);
    for (const contact of ['<sip:a@x.invalid>', '<sip:b@x.invalid>'])
      bindings.granted(register(contact), TCP, ok(contact));
    expect(bindings.size).toBe(2);
    bindings.granted(register('<sip:a@x.invalid>;expires=0'), TCP, ok('<sip:other@x>'));
    expect([bindings.size, find(bindings, 'sip:b@x.invalid')]).toEqual([1, TCP]);
    bindings.connectionClosed('c1');
    expect(bindings.size).toBe(0);
  });

  it('over UDP: the source is kept only where the Contact is another; not behind a proxy', () => {
    const bindings = new Bindings(() => 0);
    const udp: Flow = { protocol: 'udp', local: TCP.local, remote: { host: '203.0.113.9', port: 5062 } };
    bindings.granted(register('<sip:a@203.0.113.9:5062>'), udp, ok('<sip:a@203.0.113.9:5062>'));
    bindings.granted(register('<sip:a@203.0.113.9:5080>'), udp, ok('<sip:a@203.0.113.9:5080>')); // listens elsewhere
    expect(bindings.size).toBe(0);
    bindings.granted(register('<sip:a@10.1.1.1>', 'Path: <sip:p;lr>\r\n'), udp, ok('<sip:a@10.1.1.1>'));
    expect(bindings.size).toBe(0);
    bindings.granted(register('<sip:a@10.1.1.1>'), udp, ok('<sip:a@10.1.1.1>'));
    expect(find(bindings, 'sip:a@10.1.1.1')).toBe(udp);
  });
});

function network(...points: ListenPoint[]): Network {
  const onFault = (error: unknown): never => {
    throw error;
  };
  return new Network({ listenPoints: () => points, bindings: new Bindings(() => 0), now: () => 0, onFault });
}

function locate(n: Network, uri: string): string {
  let found = '';
  n.locate(uri, (result) => {
    found =
      result instanceof Error
        ? `${result.name}: ${result.message}`
        : `${result.protocol} ${result.remote.host}:${result.remote.port}`;
  });
  return found;
}

describe('the way to a URI', () => {
  const all = network(
    { protocol: 'udp', host: '10.0.0.1', port: 5060 },
    { protocol: 'udp', host: '127.0.0.1', port: 5080 },
    { protocol: 'tcp', host: '10.0.0.1', port: 5060 },
    { protocol: 'tls', host: '10.0.0.1', port: 5061, external: { host: 'pbx.example.com' } },
    { protocol: 'udp', host: '2001:db8::1', port: 5060 },
  );

  it.each([
    ['sip:a@10.9.9.9', 'udp 10.9.9.9:5060'],
    ['sip:a@10.9.9.9:5070;transport=TCP', 'tcp 10.9.9.9:5070'],
    ['sips:a@10.9.9.9', 'tls 10.9.9.9:5061'],
    ['sip:a@10.9.9.9;transport=ws', 'LocateError: requested protocol/transport not available'],
    ['sip:a@[2001:db8::9]', 'udp 2001:db8::9:5060'],
    ['sip:a@[2001:db8::9];transport=tcp', 'LocateError: requested protocol/transport not available'],
    ['sip:10.0.0.1', 'LocateError: can not send request to myself'],
    ['tel:+4420', 'LocateError: tel:+4420'],
    ['sip:a@host;maddr=10.8.8.8', 'udp 10.8.8.8:5060'],
  ])('%s: %s', (uri, way) => {
    expect(locate(all, uri)).toBe(way);
  });

  it('from the address that fits: loopback for loopback, the same family, the external one for others', () => {
    const via = (protocol: 'udp' | 'tls', host: string): string =>
      all.via(all.flowTo(protocol, { host, port: 1 })!, 'b');
    expect(via('udp', '10.9.9.9')).toBe('SIP/2.0/UDP 10.0.0.1:5060;rport;branch=b');
    expect(via('udp', '127.0.0.9')).toBe('SIP/2.0/UDP 127.0.0.1:5080;rport;branch=b');
    expect(via('udp', '2001:db8::9')).toBe('SIP/2.0/UDP [2001:db8::1]:5060;rport;branch=b');
    expect(via('tls', '10.9.9.9')).toBe('SIP/2.0/TLS pbx.example.com:5061;branch=b');
    expect(all.contact(all.flowTo('tls', { host: '10.9.9.9', port: 1 })!)).toBe(
      '<sip:pbx.example.com:5061;transport=tls>',
    );
    expect(all.hostports('public')).toContain('tls/pbx.example.com:5061');
    expect(all.hostports('local')).toContain('tls/10.0.0.1:5061');
  });

  it('knows its own URIs', () => {
    expect(
      ['sip:10.0.0.1', 'sip:x@10.0.0.1:5060', 'sip:pbx.example.com:5061', 'sip:10.0.0.1:5070', 'sip:10.0.0.2'].map(
        (u) => all.isOurs(parseUri(u)),
      ),
    ).toEqual([true, true, true, false, false]);
  });

  it('takes a private or invented Contact of a peer elsewhere for unreachable', () => {
    expect(isUnreachable('x.invalid', '203.0.113.9')).toBe(true);
    expect(isUnreachable('192.168.1.2', '203.0.113.9')).toBe(true);
    expect(isUnreachable('192.168.1.2', '10.0.0.9')).toBe(false);
    expect(isUnreachable('203.0.113.10', '203.0.113.9')).toBe(false);
  });
});
