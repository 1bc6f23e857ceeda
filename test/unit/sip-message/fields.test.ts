import { describe, expect, it } from 'vitest';
import {
  formatNameAddr,
  formatUri,
  formatVia,
  hasParam,
  newBranch,
  newCallId,
  newTag,
  param,
  parseCSeq,
  parseContacts,
  parseDeltaSeconds,
  parseMessage,
  parseNameAddr,
  parseRAck,
  parseVia,
  quote,
  tagOf,
  unquote,
  withParam,
  withoutParam,
} from '../../../src/sip-server/message/index.ts';
import type { SipMessage } from '../../../src/sip-server/message/index.ts';

function code(run: () => unknown): unknown {
  try {
    run();
  } catch (error) {
    return error instanceof Error && 'code' in error ? error.code : error;
  }
  return undefined;
}

describe('Via', () => {
  it('reads host, port and parameters, blanks anywhere', () => {
    expect(parseVia('SIP / 2.0 /\tTLS  [2001:db8::9] : 5071 ; branch = z9hG4bKx ; rport;received="1.2.3.4"')).toEqual({
      version: '2.0',
      transport: 'TLS',
      host: '[2001:db8::9]',
      port: 5071,
      params: [
        { name: 'branch', value: 'z9hG4bKx' },
        { name: 'rport', value: undefined },
        { name: 'received', value: '"1.2.3.4"' },
      ],
    });
  });

  it('formats what it read', () => {
    const text = 'SIP/2.0/WSS df7jal23ls0d.invalid;branch=z9hG4bK56sdasks;rport';
    expect(formatVia(parseVia(text))).toBe(text);
  });

  it('edits parameters in place', () => {
    const { params } = parseVia('SIP/2.0/UDP h;RPORT;branch=b');
    const filled = withParam(withParam(params, 'rport', '5062'), 'received', '1.2.3.4');
    expect(filled.map((p) => `${p.name}=${p.value ?? ''}`)).toEqual(['rport=5062', 'branch=b', 'received=1.2.3.4']);
    expect(hasParam(withoutParam(filled, 'Rport'), 'rport')).toBe(false);
    expect([param(params, 'rport'), param(params, 'ttl')]).toEqual(['', undefined]);
  });

  it.each([
    '',
    'SIP/2.0/UDP',
    'SIP/2.0 h',
    'HTTP/1.1/TCP h',
    'SIP/2.0/UDP a b',
    'SIP/2.0/UDP h:',
    'SIP/2.0/UDP h:99999',
    'SIP/2.0/UDP h;',
    'SIP/2.0/UDP h;=x',
    'SIP/2.0/UDP h;a="b',
    'SIP/2.0/UDP h;a b',
  ])('refuses %j', (text) => {
    expect(code(() => parseVia(text))).toBe('bad_via');
  });
});

describe('name-addr', () => {
  it.each([
    ['"A. \\"B\\" C" <sip:a@x>;tag=1', 'A. "B" C', 'sip:a@x', '1'],
    ['Ann Lee<sip:a@x;lr>;tag=2', 'Ann Lee', 'sip:a@x;lr', '2'],
    ['<sip:a@x>', undefined, 'sip:a@x', undefined],
    ['sip:a@x;tag=3', undefined, 'sip:a@x', '3'],
    [' sip:a@x ; tag = 4 ', undefined, 'sip:a@x', '4'],
    ['"" <tel:+49123>', '', 'tel:+49123', undefined],
    ['Jürgen (Büro) <sip:a@x>', 'Jürgen (Büro)', 'sip:a@x', undefined],
    ['sip:a@x;note="<b>"', undefined, 'sip:a@x', undefined],
    ['"semi;colon" <sip:a@x;p>;tag=5', 'semi;colon', 'sip:a@x;p', '5'],
  ])('%s', (text, display, uri, tag) => {
    const address = parseNameAddr(text);
    expect([address.display, formatUri(address.uri), tagOf(address)]).toEqual([display, uri, tag]);
  });

  it('formats so that it reads back the same', () => {
    for (const display of ['plain', 'two words', 'a "quoted" \\ one', 'comma, here', '', 'Jürgen']) {
      const address = { ...parseNameAddr('<sip:a@x;lr>;tag=1'), display };
      expect(parseNameAddr(formatNameAddr(address))).toEqual(address);
    }
    expect(formatNameAddr(parseNameAddr('Ann <sip:a@x>;tag=1'))).toBe('Ann <sip:a@x>;tag=1');
  });

  it.each([
    ['"open <sip:a@x>', 'bad_address'],
    ['"a" sip:a@x', 'bad_address'],
    ['Bell, A <sip:a@x>', 'bad_address'],
    ['<sip:a@x', 'bad_address'],
    ['sip:a@x?h=1', 'bad_address'],
    ['sip:a@x, sip:b@x', 'bad_address'],
    ['<>', 'bad_uri'],
    ['', 'bad_uri'],
    ['<sip:a@x>;;', 'bad_params'],
    ['<sip:a@x> tag=1', 'bad_params'],
  ])('refuses %j', (text, expected) => {
    expect(code(() => parseNameAddr(text))).toBe(expected);
  });
});

describe('Contact', () => {
  const message = (...contacts: string[]): SipMessage =>
    parseMessage(Buffer.from(['REGISTER sip:x SIP/2.0', ...contacts.map((c) => `m: ${c}`), '', ''].join('\r\n')), {
      complete: false,
    });

  it('reads all values of all fields, and *', () => {
    const all = parseContacts(message('<sip:a@x>;q=0.5, sip:b@x;expires=60', '"C, D" <sip:c@x>'));
    expect(all === '*' ? [] : all.map((c) => formatUri(c.uri))).toEqual(['sip:a@x', 'sip:b@x', 'sip:c@x']);
    expect(parseContacts(message(' * '))).toBe('*');
    expect(parseContacts(message())).toEqual([]);
  });

  it('refuses * beside another', () => {
    expect(code(() => parseContacts(message('*', '<sip:a@x>')))).toBe('bad_address');
  });
});

it('CSeq and RAck', () => {
  expect(parseCSeq('0009 \t INVITE')).toEqual({ number: 9, method: 'INVITE' });
  expect(parseRAck('776656 1 INVITE')).toEqual({ rseq: 776656, cseq: 1, method: 'INVITE' });
  for (const bad of ['', '1', 'INVITE', '-1 INVITE', '1.5 INVITE', '4294967296 INVITE', '1 INVITE x', '1 IN/VITE']) {
    expect(code(() => parseCSeq(bad))).toBe('bad_cseq');
  }
  for (const bad of ['1 INVITE', '1 2', 'x 1 INVITE', '1 2 INVITE x'])
    expect(code(() => parseRAck(bad))).toBe('bad_rack');
});

it('seconds', () => {
  expect(['90', ' 1800 ;refresher=uac', '4294967295'].map(parseDeltaSeconds)).toEqual([90, 1800, 4294967295]);
  expect(['', 'x', '-1', '4294967296', '1 2'].map(parseDeltaSeconds)).toEqual(Array(5).fill(undefined));
});

it('quotes', () => {
  for (const text of ['', 'a', '"', '\\', 'a"b\\c']) expect(unquote(quote(text))).toBe(text);
  expect([unquote('plain'), unquote('"')]).toEqual(['plain', '"']);
});

it('identifiers come from the random source', () => {
  const fixed = (n: number): Buffer => Buffer.alloc(n, 0xab);
  expect([newTag(fixed), newBranch(fixed), newCallId(fixed)]).toEqual([
    'ab'.repeat(8),
    `z9hG4bK${'ab'.repeat(12)}`,
    'ab'.repeat(16),
  ]);
  expect(newTag()).not.toBe(newTag());
});
