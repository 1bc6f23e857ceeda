import { describe, expect, it } from 'vitest';
import {
  SipParseError,
  answerable,
  header,
  headerValues,
  headers,
  parseMessage,
  responseTo,
  serialize,
  tagOf,
  parseNameAddr,
  withHeader,
} from '../../../src/sip-server/message/index.ts';
import type { ParseOptions, SipRequest } from '../../../src/sip-server/message/index.ts';

const HEAD = [
  'Via: SIP/2.0/UDP 192.0.2.1:5062;branch=z9hG4bKa;rport',
  'From: "Ann" <sip:ann@example.com>;tag=1',
  'To: <sip:bob@example.com>',
  'Call-ID: abc',
  'CSeq: 1 INVITE',
];

function text(more: readonly string[] = [], body = '', start = 'INVITE sip:bob@example.com SIP/2.0'): string {
  return `${[start, ...HEAD, ...more].join('\r\n')}\r\n\r\n${body}`;
}

function request(octets: string, options?: ParseOptions): SipRequest {
  const message = parseMessage(Buffer.from(octets), options);
  if (message.kind !== 'request') throw new Error('no request');
  return message;
}

function fault(octets: string | Buffer, options?: ParseOptions): SipParseError {
  try {
    parseMessage(Buffer.from(octets), options);
  } catch (error) {
    if (error instanceof SipParseError) return error;
    throw error;
  }
  throw new Error('accepted');
}

describe('reading a head', () => {
  it('keeps order, names and values, and writes compact names long', () => {
    const m = request(
      'INVITE sip:b@x SIP/2.0\r\nv: SIP/2.0/UDP h\r\nX-b: 1 , 2\r\nf: <sip:a@x>\r\nt: <sip:b@x>\r\n' +
        'x-B: 3\r\ni: c\r\nCSeq: 1 INVITE\r\nL: 0\r\n\r\n',
    );
    expect(m.headers.map((h) => h.name)).toEqual([
      'Via',
      'X-b',
      'From',
      'To',
      'x-B',
      'Call-ID',
      'CSeq',
      'Content-Length',
    ]);
    expect(headers(m, 'X-B')).toEqual(['1 , 2', '3']);
    expect(headerValues(m, 'x-b')).toEqual(['1', '2', '3']);
  });

  it('joins folded lines by one blank each', () => {
    const m = request(text(['Subject: one \t\r\n \t two\r\n\tthree', 'X-Empty:\r\n  ', 'X-Last: y']));
    expect([header(m, 'subject'), header(m, 'x-empty'), header(m, 'x-last')]).toEqual(['one two three', '', 'y']);
  });

  it('reads UTF-8, and what is not UTF-8 as Latin-1', () => {
    const utf8 = request(text(['Subject: Größe €']));
    expect(header(utf8, 'Subject')).toBe('Größe €');
    const latin = parseMessage(Buffer.from(text(['Subject: Größe']), 'latin1'));
    expect(header(latin, 'Subject')).toBe('Größe');
    expect(header(parseMessage(serialize(latin)), 'Subject')).toBe('Größe');
  });

  it('passes over line ends before the start line (RFC 3261 7.5)', () => {
    expect(request(`\r\n\r\n${text()}`).method).toBe('INVITE');
  });

  it.each([
    ['a line without colon', ['nonsense'], 'bad_header'],
    ['a name that is no token', ['a b: 1'], 'bad_header'],
    ['a lone line feed', ['X: 1\nY: 2'], 'bad_header'],
    ['a lone carriage return', ['X: 1\rY: 2'], 'bad_header'],
    ['a second CSeq', ['CSeq: 2 INVITE'], 'duplicate_header'],
    ['a Content-Length that is no number', ['Content-Length: 0x10'], 'bad_content_length'],
    ['513 header fields', Array.from({ length: 513 }, (_, i) => `X-${i}: y`), 'too_large'],
  ] as const)('refuses %s', (_, more, code) => {
    expect(fault(text(more)).code).toBe(code);
  });

  it('a fault in an early line still leaves the later ones for the answer', () => {
    const error = fault(text().replace('Via:', 'nonsense\r\nVia:'));
    expect(error.code).toBe('bad_header');
    expect(answerable(error.partial)).toBe(true);
    expect(error.partial && header(error.partial, 'CSeq')).toBe('1 INVITE');
  });

  it.each(['Via', 'From', 'To', 'Call-ID', 'CSeq'])('wants %s', (name) => {
    const lines = text().split('\r\n');
    const error = fault(lines.filter((line) => !line.startsWith(`${name}:`)).join('\r\n'));
    expect([error.code, error.detail]).toEqual(['missing_header', `no ${name}`]);
    expect(answerable(error.partial)).toBe(name !== 'Via');
  });

  it('lets an application leave out what the server adds', () => {
    const octets = 'INVITE sip:b@x SIP/2.0\r\nfrom: sip:a@localhost\r\nContent-Length: 1\r\n\r\nv=0\r\n€';
    const m = request(octets, { framing: 'rest', complete: false });
    expect(m.body.toString()).toBe('v=0\r\n€');
    expect(request('BYE sip:placeholder SIP/2.0\r\nX-A: y', { framing: 'rest', complete: false }).headers).toEqual([
      { name: 'X-A', value: 'y' },
    ]);
  });

  it('an ACK goes by its dialog, whatever its URI (sip:sip:host)', () => {
    const octets = text([], '', 'ACK sip:sip:host SIP/2.0').replace('1 INVITE', '1 ACK');
    expect(request(octets).uri).toBe('sip:sip:host');
    expect(fault(text([], '', 'INVITE sip:sip:host SIP/2.0')).code).toBe('bad_uri');
  });
});

describe('start lines', () => {
  it.each([
    ['INVITE sip:b@x', 'bad_start_line'],
    ['INVITE sip:b@x HTTP/1.1', 'bad_start_line'],
    ['INV<ITE sip:b@x SIP/2.0', 'bad_start_line'],
    ['INVITE  SIP/2.0', 'bad_uri'],
    ['INVITE sip:b@x SIP/3.0', 'bad_version'],
    ['SIP/2.0 99 No', 'bad_status'],
    ['SIP/2.0 700 No', 'bad_status'],
    ['SIP/2.0 2000 No', 'bad_status'],
    ['SIP/2.0 +20 No', 'bad_status'],
    ['', 'bad_start_line'],
  ])('%j: %s', (start, code) => {
    expect(fault(text([], '', start)).code).toBe(code);
  });

  it('a status line may end with its code', () => {
    expect(parseMessage(Buffer.from(text([], '', 'SIP/2.0 180')))).toMatchObject({ status: 180, reason: '' });
  });

  it('nothing is answered to a response, an ACK or noise', () => {
    const broken = 'CSeq: x';
    const of = (start: string): boolean => answerable(fault(text([], '', start).replace(/CSeq: .*/, broken)).partial);
    expect([of('INVITE sip:b@x SIP/2.0'), of('ACK sip:b@x SIP/2.0'), of('SIP/2.0 200 OK')]).toEqual([
      true,
      false,
      false,
    ]);
    expect(answerable(fault('\0\x01garbage').partial)).toBe(false);
  });
});

describe('the body', () => {
  it('is the rest without Content-Length', () => {
    expect(request(text([], 'all of it')).body.toString()).toBe('all of it');
  });

  it('is cut at Content-Length (RFC 3261 18.3)', () => {
    expect(request(text(['l: 3'], 'abcdef')).body.toString()).toBe('abc');
  });

  it('shorter than Content-Length is a fault', () => {
    expect(fault(text(['l: 7'], 'abcdef')).code).toBe('truncated');
  });

  it('counts octets, not characters', () => {
    expect(request(text(['l: 4'], '€x')).body.toString()).toBe('€x');
  });

  it('a message beyond the limit is a 413', () => {
    expect(fault(text([], 'x'.repeat(65536)))).toMatchObject({ code: 'too_large', status: 413 });
    expect(fault(text(), { maxBytes: 100 })).toMatchObject({ code: 'too_large', status: 413 });
  });
});

describe('serialize', () => {
  it('writes the true Content-Length, once, in its place', () => {
    const m = request(text(['Content-Length: 2', 'X-Behind: 1'], 'ab'));
    const out = serialize({ ...m, body: Buffer.from('€') }).toString();
    expect(out.match(/Content-Length: \d+/g)).toEqual(['Content-Length: 3']);
    expect(out.indexOf('Content-Length')).toBeLessThan(out.indexOf('X-Behind'));
    expect(serialize(request(text())).toString()).toMatch(/\r\nContent-Length: 0\r\n\r\n$/);
  });

  it.each(['a\r\nInjected: 1', 'a\nb', 'a\rb'])('refuses a value with a line end: %j', (value) => {
    const m = withHeader(request(text()), 'X', value);
    expect(() => serialize(m)).toThrow(expect.objectContaining({ code: 'bad_header' }) as Error);
  });

  it('refuses a name that is no token', () => {
    const m = withHeader(request(text()), 'X: y\r\nZ', 'v');
    expect(() => serialize(m)).toThrow(SipParseError);
  });
});

describe('responseTo', () => {
  it('copies Via, From, To, Call-ID, CSeq and adds a tag to To (RFC 3261 8.2.6)', () => {
    const m = request(text(['Via: SIP/2.0/TCP far', 'Subject: x']));
    const r = responseTo(m, 486, { toTag: 'tt', headers: [{ name: 'Retry-After', value: '5' }] });
    expect([r.status, r.reason]).toEqual([486, 'Busy Here']);
    expect(headers(r, 'Via')).toEqual([HEAD[0]?.slice(5), 'SIP/2.0/TCP far']);
    expect([header(r, 'CSeq'), header(r, 'Call-ID'), header(r, 'Retry-After')]).toEqual(['1 INVITE', 'abc', '5']);
    expect(header(r, 'Subject')).toBeUndefined();
    expect(tagOf(parseNameAddr(header(r, 'To') ?? ''))).toBe('tt');
  });

  it('leaves a tag that is there, a 100, and a To that cannot be read', () => {
    const tagged = request(text().replace('To: <sip:bob@example.com>', 'To: <sip:bob@example.com>;tag=mine'));
    expect(header(responseTo(tagged, 200, { toTag: 'tt' }), 'To')).toBe('<sip:bob@example.com>;tag=mine');
    expect(header(responseTo(request(text()), 100, { toTag: 'tt' }), 'To')).toBe('<sip:bob@example.com>');
    const odd = withHeader(request(text()), 'To', '"open <sip:bob@example.com>');
    expect(header(responseTo(odd, 400, { toTag: 'tt' }), 'To')).toBe('"open <sip:bob@example.com>');
  });
});
