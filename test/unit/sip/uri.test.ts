import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import {
  escapeUser,
  formatAddress,
  normaliseAddress,
  parseNameAddr,
  parseUri,
  splitOutside,
  uriKey,
} from '../../../src/sip/uri.ts';

describe('parseUri', () => {
  it('reads user, host, port, parameters and headers', () => {
    const uri = parseUri('sip:1001;x=y:secret@[2001:DB8::1]:5070;transport=TCP;lr?Replaces=a%40b%3Bto-tag%3D1&Q=2');
    expect(uri).toMatchObject({ scheme: 'sip', user: '1001', host: '[2001:db8::1]', port: 5070 });
    expect(uri?.params.get('transport')).toBe('TCP');
    expect(uri?.params.get('lr')).toBe('');
    expect(uri?.headers.get('replaces')).toBe('a@b;to-tag=1');
  });

  it.each([
    ['sip:%31001@h', '1001'],
    ['sip:*11001@h', '*11001'],
    ['sip:%2311@h', '#11'],
    ['sip:+441632@h;user=phone', '+441632'],
    ['tel:+44-1632-960000;phone-context=x', '+441632960000'],
    ['sips:a@b', 'a'],
    ['sip:host.example', ''],
  ])('finds the user of %s', (text, user) => {
    expect(parseUri(text)?.user).toBe(user);
  });

  it.each([
    '',
    'sip:',
    'sip:@h',
    'http://x',
    'sip:a@',
    'sip:a@h:0',
    'sip:a@h:99999',
    'sip:a@h\r\nVia: x',
    'tel:',
    '<sip:a@h>',
  ])('refuses %j', (text) => {
    expect(parseUri(text)).toBeNull();
  });

  it('does not fail on a broken escape', () => {
    expect(parseUri('sip:%zz@h')?.user).toBe('%zz');
  });
});

describe('parseNameAddr', () => {
  it('unquotes the display name and keeps header parameters apart from those of the URI', () => {
    const parsed = parseNameAddr('"A \\"B\\", <x>; y" <sip:1001@h;p=1>;tag=t1;q="0.5"');
    expect(parsed?.name).toBe('A "B", <x>; y');
    expect(parsed?.uri?.params.get('p')).toBe('1');
    expect(parsed?.params.get('tag')).toBe('t1');
    expect(parsed?.params.get('q')).toBe('0.5');
  });

  it('gives the parameters after a bare URI to the header (RFC 3261 section 20)', () => {
    const parsed = parseNameAddr('sip:1001@h;tag=t1');
    expect(parsed?.uriText).toBe('sip:1001@h');
    expect(parsed?.params.get('tag')).toBe('t1');
  });

  it.each(['', '<', '<sip:a@h', '<>', 'sip:a@h" x', '"x" <sip:a@h> junk', '*  *'])('refuses %j', (text) => {
    expect(parseNameAddr(text)).toBeNull();
  });

  it('never throws, whatever it is given', () => {
    fc.assert(
      fc.property(
        fc.oneof(
          fc.string({ unit: 'binary' }),
          fc.string().map((s) => `"${s}" <sip:${s}>;${s}`),
        ),
        (text) => {
          const parsed = parseNameAddr(text);
          expect(parsed === null || typeof parsed.uriText === 'string').toBe(true);
        },
      ),
    );
  });
});

it('splits lists outside quotes and angle brackets only', () => {
  expect(splitOutside('"a,b" <sip:a,b@h>,<sip:c@h>', ',')).toEqual(['"a,b" <sip:a,b@h>', '<sip:c@h>']);
});

it('makes addresses that cannot break a message', () => {
  expect(formatAddress('Eve\r\nVia: "x"\\', '1;x@y>', 'h')).toBe('"Eve  Via: \\"x\\"\\\\" <sip:1%3Bx%40y%3E@h>');
  expect(escapeUser('#ä')).toBe('%23%C3%A4');
  fc.assert(
    fc.property(fc.string({ unit: 'binary' }), fc.string({ unit: 'binary' }), (name, user) => {
      const made = formatAddress(name, user, 'host');
      expect(made).not.toMatch(/[\r\n]/);
      expect(parseNameAddr(made)?.uri?.host).toBe('host');
    }),
  );
});

it('compares contacts as RFC 3261 section 19.1.4 does', () => {
  const key = (text: string): string => uriKey(parseUri(text)!);
  expect(key('sip:%31001@Host:5060;transport=UDP;x=1')).toBe(key('sip:1001@host:5060;transport=udp'));
  expect(key('sip:1001@host')).not.toBe(key('sip:1001@host:5060'));
});

it('takes IPv4-mapped addresses as IPv4', () => {
  expect(normaliseAddress('::ffff:192.0.2.1')).toBe('192.0.2.1');
  expect(normaliseAddress('[2001:DB8::1]')).toBe('2001:db8::1');
});
