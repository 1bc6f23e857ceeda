import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { configSchema, type UserConfig } from '../../../src/config/schema.ts';
import { dtmfOfInfo, reasonHeader, reasonText, sessionDescription, sipFragment } from '../../../src/sip/body.ts';
import { callerFromTrunk, claimOf, Directory } from '../../../src/sip/identify.ts';
import { parseReferTo, parseReplaces } from '../../../src/sip/refer.ts';
import type { SipMessage } from '../../../src/sip/srf.ts';
import { bestFailure, sendable } from '../../../src/sip/status.ts';
import { FailureThrottle } from '../../../src/sip/throttle.ts';
import { outboundUri, Trunks } from '../../../src/sip/trunks.ts';

const config = configSchema.parse({
  users: [{ id: 'alice', name: 'Alice', role: 'agent', team: 't', extension: '1001', password: 'p' }],
  trunks: [
    { id: 'one', hosts: ['192.0.2.1', '198.51.100.0/24', '2001:db8::/32'] },
    { id: 'two', hosts: ['gateway.example'] },
  ],
});
const users: readonly UserConfig[] = config.users;

function message(body: string, type?: string): SipMessage {
  const headers: Record<string, string> = type === undefined ? {} : { 'content-type': type };
  return {
    method: 'INVITE',
    uri: 'sip:x',
    status: 0,
    reason: '',
    body,
    headers,
    get: (name) => headers[name.toLowerCase()],
    has: (name) => name.toLowerCase() in headers,
  };
}

describe('whose request it is', () => {
  const directory = new Directory(users);
  const trunks = new Trunks(config.trunks);

  it('wants proof of an extension, whatever its source address', () => {
    expect(claimOf('1001', '192.0.2.1', directory, trunks)).toMatchObject({ kind: 'user', user: { id: 'alice' } });
    expect(claimOf('1001', '203.0.113.9', directory, trunks)).toMatchObject({ kind: 'user' });
  });

  it.each([
    ['192.0.2.1', { kind: 'trunk', trunkId: 'one' }],
    ['::ffff:192.0.2.1', { kind: 'trunk', trunkId: 'one' }],
    ['198.51.100.77', { kind: 'trunk', trunkId: 'one' }],
    ['2001:db8::5', { kind: 'trunk', trunkId: 'one' }],
    ['192.0.2.2', { kind: 'stranger' }],
    ['', { kind: 'stranger' }],
    ['not an address', { kind: 'stranger' }],
  ])('takes others by their source address alone: %s', (address, expected) => {
    expect(claimOf('+441632960000', address, directory, trunks)).toEqual(expected);
  });

  it('resolves host names, and keeps what it had when that fails', async () => {
    let answers: readonly string[] | null = ['203.0.113.5'];
    const named = new Trunks(config.trunks, () => {
      return answers === null ? Promise.reject(new Error('no DNS')) : Promise.resolve(answers);
    });
    const faults: string[] = [];
    expect(named.hasNames).toBe(true);
    expect(named.bySource('203.0.113.5')).toBeNull();
    await named.refresh((name) => faults.push(name));
    expect(named.bySource('203.0.113.5')).toBe('two');
    answers = null;
    await named.refresh((name) => faults.push(name));
    expect(named.bySource('203.0.113.5')).toBe('two');
    expect(faults).toEqual(['gateway.example']);
  });

  it.each(['192.0.2.0/33', '2001:db8::/129', 'gateway.example/24'])('says where a network is none: %s', (host) => {
    const { trunks: faulty } = configSchema.parse({ trunks: [{ id: 'x', hosts: ['192.0.2.1', host] }] });
    expect(() => new Trunks(faulty)).toThrow(`trunks[0].hosts[1]: ${host} is no network`);
  });

  it('believes the asserted identity of a trunk, but not one that is an extension', () => {
    const from = '"Ann" <sip:+441@x>;tag=1';
    expect(callerFromTrunk(from, undefined, directory)).toEqual({ number: '+441', name: 'Ann' });
    expect(callerFromTrunk(from, '"Bob" <sip:+442@x>', directory)).toEqual({ number: '+442', name: 'Bob' });
    expect(callerFromTrunk(from, '<sip:1001@x>', directory)).toEqual({ number: '+441', name: 'Ann' });
    expect(callerFromTrunk('nonsense <', 'nonsense <', directory)).toEqual({ number: '', name: '' });
  });
});

it.each([
  ['sip:127.0.0.1:5070', '+44', 'sip:+44@127.0.0.1:5070'],
  ['sip:old@gw;transport=tcp', '#1', 'sip:%231@gw;transport=tcp'],
  ['sips:gw', '9;x@y', 'sips:9%3Bx%40y@gw'],
  ['nonsense', '1', null],
])('places a call by %s to %s', (outbound, number, expected) => {
  expect(outboundUri(outbound, number)).toBe(expected);
});

describe('bodies', () => {
  const sdp = 'v=0\r\no=- 1 1 IN IP4 127.0.0.1\r\n';
  it.each([
    ['', undefined, { sdp: null }],
    [sdp, 'application/sdp', { sdp }],
    [sdp, 'Application/SDP; charset=utf-8', { sdp }],
    [sdp, undefined, { sdp }],
    ['<x/>', 'application/pidf+xml', 'unsupported'],
    ['<x/>', undefined, 'unsupported'],
    ['--b\r\nContent-Type: text/plain\r\n\r\nx\r\n--b--', 'multipart/mixed;boundary=b', 'unsupported'],
    ['x', 'multipart/mixed', 'unsupported'],
    [
      `--b\r\nContent-Type: text/plain\r\n\r\nx\r\n--b\r\nContent-Type: application/sdp\r\n\r\n${sdp}\r\n--b--\r\n`,
      'multipart/mixed;boundary="b"',
      { sdp },
    ],
  ])('finds the session description of %j as %s', (body, type, expected) => {
    expect(sessionDescription(message(body, type))).toEqual(expected);
  });

  it.each([
    ['application/dtmf-relay', 'Signal=5\r\nDuration=160\r\n', { digit: '5' }],
    ['application/dtmf-relay; x=y', 'signal= 11\r\n', { digit: '#' }],
    ['application/dtmf-relay', 'Signal=10', { digit: '*' }],
    ['application/dtmf-relay', 'Signal=16', { digit: null }],
    ['application/dtmf-relay', 'nothing', { digit: null }],
    ['application/dtmf', '7\r\n', { digit: '7' }],
    ['application/dtmf', 'd', { digit: 'D' }],
    ['application/dtmf', '', { digit: null }],
    ['application/media_control+xml', '<x/>', 'unsupported'],
    [undefined, '5', 'unsupported'],
  ])('reads the key of an INFO: %s %j', (type, body, expected) => {
    expect(dtmfOfInfo(type, body)).toEqual(expected);
  });

  it('writes fragments and reasons on one line, and reads its own reasons', () => {
    expect(sipFragment(603, 'No\r\nX: y')).toBe('SIP/2.0 603 No X: y\r\n');
    fc.assert(
      fc.property(fc.string(), (text) => {
        const header = reasonHeader(text);
        expect(header).not.toMatch(/[\r\n]/);
        expect(reasonText(header)).toBe(text.replace(/[\r\n]+/g, ' ').slice(0, 128));
      }),
    );
    expect(reasonText('SIP;cause=200')).toBe('SIP;cause=200');
    expect(reasonText(undefined)).toBeNull();
  });
});

describe('Refer-To and Replaces', () => {
  it('reads the target of a blind transfer', () => {
    expect(parseReferTo('"Bob" <sip:1002@earshot.local>')).toEqual({ to: '1002', replaces: null });
    expect(parseReferTo('tel:+441632960000')).toEqual({ to: '+441632960000', replaces: null });
  });
  it('reads the dialog to be replaced in an attended transfer', () => {
    expect(parseReferTo('<sip:1002@h?Replaces=abc%40h%3Bto-tag%3Dt%3Bfrom-tag%3Df%3Bearly-only>')).toEqual({
      to: '1002',
      replaces: { callId: 'abc@h', toTag: 't', fromTag: 'f', earlyOnly: true },
    });
  });
  it.each([
    undefined,
    '',
    '<sip:h>',
    '<sip:a@h>, <sip:b@h>',
    '<sip:a@h;method=BYE>',
    '<http://h>',
    '<sip:a@h?Replaces=abc>',
    '<sip:a@h?Replaces=abc%3Bto-tag%3Dt>',
    '<sip:a',
  ])('refuses %j', (header) => {
    expect(parseReferTo(header)).toBeNull();
  });
  it('never throws', () => {
    fc.assert(
      fc.property(fc.string({ unit: 'binary' }), (text) => {
        const target = parseReferTo(`<sip:1@h?Replaces=${text}>`);
        expect(target === null || target.to === '1').toBe(true);
        const replaces = parseReplaces(text);
        expect(replaces === null || replaces.callId !== '').toBe(true);
      }),
    );
  });
});

describe('failures', () => {
  it.each([
    [[], 480],
    [[486], 486],
    [[404, 486, 503], 486],
    [[408, 480], 480],
    [[503, 404], 404],
    [[486, 603], 603],
    [[503, 500, 302], 302],
  ])('of branches %j come to %i (RFC 3261 section 16.7)', (statuses, expected) => {
    expect(bestFailure(statuses.map((status) => ({ status, reason: 'x' }))).status).toBe(expected);
  });

  it('sends only known final failures, with a reason on one line', () => {
    expect(sendable(486, '')).toEqual({ status: 486, reason: 'Busy Here' });
    expect(sendable(200, 'OK').status).toBe(500);
    expect(sendable(799, 'x').status).toBe(500);
    expect(sendable(486, 'so\r\nbusy')).toEqual({ status: 486, reason: 'so busy' });
  });
});

describe('FailureThrottle', () => {
  it('closes to a source that failed too often, and opens again', () => {
    const throttle = new FailureThrottle({ limit: 2, window: 1000 });
    throttle.failed('a', 0);
    expect(throttle.blockedFor('a', 1)).toBe(0);
    throttle.failed('a', 100);
    expect(throttle.blockedFor('a', 200)).toBe(1);
    expect(throttle.blockedFor('b', 200)).toBe(0);
    expect(throttle.blockedFor('a', 1000)).toBe(0);
    throttle.failed('a', 1001);
    expect(throttle.blockedFor('a', 1002)).toBe(0);
  });

  it('does not grow without end', () => {
    const throttle = new FailureThrottle({ limit: 1, window: 1_000_000, maxSources: 3 });
    for (const source of ['a', 'b', 'c', 'd']) throttle.failed(source, 0);
    expect(['a', 'b', 'c', 'd'].map((source) => throttle.blockedFor(source, 1) > 0)).toEqual([false, true, true, true]);
  });
});
