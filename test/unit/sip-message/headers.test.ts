import { describe, expect, it } from 'vitest';
import {
  appendHeader,
  canonicalName,
  hasToken,
  headerValues,
  headers,
  longName,
  prependHeader,
  splitList,
  withBody,
  withFirstValue,
  withHeader,
  withoutFirstValue,
  withoutHeader,
} from '../../../src/sip-server/message/index.ts';
import type { SipRequest } from '../../../src/sip-server/message/index.ts';

const message: SipRequest = {
  kind: 'request',
  method: 'INVITE',
  uri: 'sip:b@x',
  headers: [
    { name: 'Via', value: 'SIP/2.0/UDP a, SIP/2.0/UDP b' },
    { name: 'X', value: '1' },
    { name: 'via', value: 'SIP/2.0/UDP c' },
    { name: 'x', value: '2' },
  ],
  body: Buffer.alloc(0),
};

function lines(m: SipRequest): string[] {
  return m.headers.map((h) => `${h.name}: ${h.value}`);
}

describe('headers', () => {
  it('splits at commas outside quotes and angle brackets only', () => {
    expect(splitList('"a,b" <sip:x?h=1,2>;p="c,\\",d" , <sip:y> ,, z')).toEqual([
      '"a,b" <sip:x?h=1,2>;p="c,\\",d"',
      '<sip:y>',
      'z',
    ]);
    expect([splitList(''), splitList(' , '), splitList('one')]).toEqual([[], [], ['one']]);
    expect(splitList('a, "never, ends')).toEqual(['a', '"never, ends']);
    expect(splitList('<it\'s "fine>, b')).toEqual(['<it\'s "fine>', 'b']);
  });

  it('finds names in any case and values across fields', () => {
    expect(headers(message, 'VIA')).toHaveLength(2);
    expect(headerValues(message, 'Via').map((v) => v.at(-1))).toEqual(['a', 'b', 'c']);
    expect([hasToken(message, 'X', '2'), hasToken(message, 'X', '3')]).toEqual([true, false]);
  });

  it('edits copies: the original stays', () => {
    const before = lines(message);
    withHeader(message, 'X', 'new');
    withoutHeader(message, 'X', 'Via');
    prependHeader(message, 'Via', 'v');
    withFirstValue(message, 'Via', 'v');
    expect(lines(message)).toEqual(before);
  });

  it('sets a field where its first one stood', () => {
    expect(lines(withHeader(message, 'x', ['8', '9'])).slice(1)).toEqual(['x: 8', 'x: 9', 'via: SIP/2.0/UDP c']);
    expect(lines(withHeader(message, 'New', 'n')).at(-1)).toBe('New: n');
    expect(lines(withHeader(message, 'X', [])).filter((l) => /^x:/i.test(l))).toEqual([]);
  });

  it('puts before the first and behind the last of a name', () => {
    expect(lines(prependHeader(message, 'Via', 'top'))[0]).toBe('Via: top');
    expect(lines(prependHeader(message, 'X', '0'))[1]).toBe('X: 0');
    expect(lines(prependHeader(message, 'Route', 'r'))[0]).toBe('Route: r');
    expect(lines(appendHeader(message, 'Via', 'last'))[3]).toBe('Via: last');
    expect(lines(appendHeader(message, 'Z', 'z')).at(-1)).toBe('Z: z');
  });

  it('replaces and removes the top value alone', () => {
    expect(headerValues(withFirstValue(message, 'Via', 'top'), 'Via')).toEqual([
      'top',
      'SIP/2.0/UDP b',
      'SIP/2.0/UDP c',
    ]);
    const once = withoutFirstValue(message, 'Via');
    const twice = withoutFirstValue(once, 'Via');
    expect([headerValues(once, 'Via').length, headers(twice, 'Via')]).toEqual([2, ['SIP/2.0/UDP c']]);
    expect(headerValues(withFirstValue(message, 'Route', '<sip:r>'), 'Route')).toEqual(['<sip:r>']);
    expect(withoutFirstValue(message, 'Route')).toBe(message);
  });

  it('changes a body with its type', () => {
    const with1 = withBody(message, 'v=0', 'application/sdp');
    expect([with1.body.toString(), headers(with1, 'content-type')]).toEqual(['v=0', ['application/sdp']]);
    expect(headers(withBody(with1, ''), 'content-type')).toEqual([]);
    expect(headers(withBody(with1, 'v=1'), 'content-type')).toEqual(['application/sdp']);
  });

  it('knows compact names and usual spellings', () => {
    expect(['v', 'K', 'q', 'From'].map(longName)).toEqual(['Via', 'Supported', 'q', 'From']);
    expect(['call-id', 'CSEQ', 'x-my-header', 'www-authenticate', 'm'].map(canonicalName)).toEqual([
      'Call-ID',
      'CSeq',
      'X-My-Header',
      'WWW-Authenticate',
      'Contact',
    ]);
  });
});
