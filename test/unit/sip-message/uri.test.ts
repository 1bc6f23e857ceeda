import { describe, expect, it } from 'vitest';
import {
  SipParseError,
  bareHost,
  escapeParam,
  escapeUser,
  formatHostPort,
  formatUri,
  parseUri,
  unescape,
  uriEquals,
  uriParam,
} from '../../../src/sip-server/message/index.ts';

describe('parseUri', () => {
  it('reads every part of a SIP URI', () => {
    expect(parseUri('SIPS:al%20ice:s%3Acret@[2001:db8::1]:5071;transport=tcp;lr?Subject=hi%20there&x=')).toEqual({
      kind: 'sip',
      scheme: 'sips',
      user: 'al%20ice',
      password: 's%3Acret',
      host: '[2001:db8::1]',
      port: 5071,
      params: [
        { name: 'transport', value: 'tcp' },
        { name: 'lr', value: undefined },
      ],
      headers: [
        { name: 'Subject', value: 'hi%20there' },
        { name: 'x', value: '' },
      ],
    });
  });

  it('reads tel and leaves other schemes alone', () => {
    expect(parseUri('tel:+1-201-555-0123;phone-context=example.com')).toMatchObject({
      kind: 'tel',
      number: '+1-201-555-0123',
      params: [{ name: 'phone-context', value: 'example.com' }],
    });
    expect(parseUri('Urn:service:sos')).toEqual({ kind: 'other', scheme: 'urn', opaque: 'service:sos' });
  });

  it.each(['*72#', '#31#100', 'a_b', '+4912'])('takes the user %s, as phones send it', (user) => {
    expect(parseUri(`sip:${user}@10.0.0.1`)).toMatchObject({ user, host: '10.0.0.1' });
  });

  it.each([
    'sip:a@x',
    'sip:x',
    'sip:a@x:5060',
    'sip:a:b@x;p=1;q',
    'sip:a@[::1]:1;lr?h=v&i',
    'tel:911',
    'tel:+1(22)3;ext=4',
    'mailto:a@b',
  ])('formats %s as it was', (text) => {
    expect(formatUri(parseUri(text))).toBe(text);
  });

  it.each([
    '',
    'sip',
    'sip:',
    ':a@b',
    'sip:@x',
    'sip:a@',
    'sip:a@x:',
    'sip:a@x:0',
    'sip:a@x:65536',
    'sip:a@x:5o60',
    'sip:a@x y',
    'sip:a@x;;lr',
    'sip:a@[::1',
    'sip:a@::1',
    'sip:a%2@x',
    'sip:a%zz@x',
    'sip:a@x>',
    'sip:a@x\r\nVia: y',
    'sip:"a"@x',
    'tel:',
    'tel:call me',
    '<sip:a@x>',
  ])('refuses %j', (text) => {
    expect(() => parseUri(text)).toThrow(SipParseError);
  });
});

describe('escapes', () => {
  it('are undone once, as UTF-8 where they are', () => {
    expect(['%2541', '%c3%a9', '%E9', 'a%4', '100%'].map(unescape)).toEqual(['%41', 'é', 'é', 'a%4', '100%']);
  });

  it('are made where a text would end the part', () => {
    expect(escapeUser('a b@c:é;x')).toBe('a%20b%40c%3A%C3%A9;x');
    expect(unescape(escapeUser('a b@c:é"<>%'))).toBe('a b@c:é"<>%');
    expect(unescape(escapeParam('a;b=c?d'))).toBe('a;b=c?d');
    expect(escapeParam('a;b=c?d')).not.toMatch(/[;=?]/);
  });

  it('uriParam compares and returns unescaped', () => {
    expect(uriParam(parseUri('sip:x;%6c%72;User=ph%6fne'), 'LR')).toBe('');
    expect(uriParam(parseUri('sip:x;%6c%72;User=ph%6fne'), 'user')).toBe('phone');
    expect(uriParam(parseUri('sip:x'), 'lr')).toBeUndefined();
  });
});

describe('uriEquals (RFC 3261 19.1.4)', () => {
  const same = (a: string, b: string): boolean => {
    const [x, y] = [parseUri(a), parseUri(b)];
    expect(uriEquals(y, x)).toBe(uriEquals(x, y));
    return uriEquals(x, y);
  };

  it.each([
    ['sip:%61lice@atlanta.com;transport=TCP', 'sip:alice@AtLanTa.CoM;Transport=tcp'],
    ['sip:carol@chicago.com', 'sip:carol@chicago.com;newparam=5'],
    ['sip:carol@chicago.com;security=on', 'sip:carol@chicago.com;newparam=5'],
    [
      'sip:biloxi.com;transport=tcp;method=REGISTER?to=sip:bob%40biloxi.com',
      'sip:biloxi.com;method=REGISTER;transport=tcp?to=sip:bob%40biloxi.com',
    ],
    [
      'sip:alice@atlanta.com?subject=project%20x&priority=urgent',
      'sip:alice@atlanta.com?priority=urgent&subject=project%20x',
    ],
    ['tel:+1-201-555-0123', 'tel:+12015550123'],
    ['urn:x:y', 'URN:x:y'],
  ])('%s is %s', (a, b) => {
    expect(same(a, b)).toBe(true);
  });

  it.each([
    ['SIP:ALICE@AtLanTa.CoM;Transport=udp', 'sip:alice@AtLanTa.CoM;Transport=UDP'],
    ['sip:bob@biloxi.com', 'sip:bob@biloxi.com:5060'],
    ['sip:bob@biloxi.com', 'sip:bob@biloxi.com;transport=udp'],
    ['sip:bob@biloxi.com', 'sip:bob@biloxi.com:6000;transport=tcp'],
    ['sip:carol@chicago.com', 'sip:carol@chicago.com?Subject=next%20meeting'],
    ['sip:bob@phone21.boxesbybob.com', 'sip:bob@192.0.2.4'],
    ['sip:carol@chicago.com;security=on', 'sip:carol@chicago.com;security=off'],
    ['sip:a@x', 'sips:a@x'],
    ['sip:a@x', 'sip:a:pw@x'],
    ['sip:a%3Bb@x', 'sip:a;b@x'],
    ['sip:a@x', 'tel:1'],
    ['tel:1;ext=2', 'tel:1'],
  ])('%s is not %s', (a, b) => {
    expect(same(a, b)).toBe(false);
  });
});

it('hosts and ports', () => {
  expect([formatHostPort('::1', 5060), formatHostPort('[::1]', undefined), formatHostPort('x', 1)]).toEqual([
    '[::1]:5060',
    '[::1]',
    'x:1',
  ]);
  expect([bareHost('[::1]'), bareHost('x')]).toEqual(['::1', 'x']);
});
