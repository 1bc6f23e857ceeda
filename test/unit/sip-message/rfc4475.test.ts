/** Every message of RFC 4475, octet for octet: `parser` and each `check` of rfc4475/index.json. */
import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import {
  SipParseError,
  answerable,
  hasHeader,
  header,
  headerValues,
  headers,
  maxForwards,
  param,
  parseCSeq,
  parseContacts,
  parseMessage,
  parseNameAddr,
  parseUri,
  parseVia,
  serialize,
  tagOf,
  unescape,
  uriEquals,
  uriParam,
  formatUri,
} from '../../../src/sip-server/message/index.ts';
import type { NameAddr, SipMessage, SipUri } from '../../../src/sip-server/message/index.ts';

interface Row {
  readonly file: string;
  readonly name: string;
  readonly kind: 'request' | 'response';
  readonly method_or_code: string | number;
  readonly parser: 'accept' | 'reject' | 'either';
  readonly expect: readonly { who: string; do: string; level: string }[];
  readonly check?: readonly string[];
  readonly top_via: { readonly transport: string; readonly sent_by: string };
  readonly octets_after_header: number | null;
}

const folder = new URL('rfc4475/', import.meta.url);
const { messages } = JSON.parse(readFileSync(new URL('index.json', folder), 'utf8')) as { messages: readonly Row[] };

function octetsOf(name: string): Buffer {
  return readFileSync(new URL(`${name}.dat`, folder));
}

function read(name: string): SipMessage {
  return parseMessage(octetsOf(name));
}

function refusal(name: string): SipParseError {
  try {
    read(name);
  } catch (error) {
    if (error instanceof SipParseError) return error;
    throw error;
  }
  throw new Error(`${name} was accepted`);
}

function field(message: SipMessage, name: string): string {
  const value = header(message, name);
  if (value === undefined) throw new Error(`no ${name}`);
  return value;
}

function sip(text: string): SipUri {
  const uri = parseUri(text);
  if (uri.kind !== 'sip') throw new Error(`${text} is not sip`);
  return uri;
}

function sipOf(address: NameAddr | '*' | undefined): SipUri {
  if (address === undefined || address === '*' || address.uri.kind !== 'sip') throw new Error('no sip address');
  return address.uri;
}

function from(message: SipMessage): NameAddr {
  return parseNameAddr(field(message, 'From'));
}

function to(message: SipMessage): NameAddr {
  return parseNameAddr(field(message, 'To'));
}

function contacts(message: SipMessage): readonly NameAddr[] {
  const all = parseContacts(message);
  if (all === '*') throw new Error('Contact is *');
  return all;
}

/** The user of a URI as octets say it. */
function user(uri: SipUri): string {
  return unescape(uri.user ?? '');
}

function requestUri(message: SipMessage): SipUri {
  if (message.kind !== 'request') throw new Error('no request');
  return sip(message.uri);
}

/** Checks, by the words of index.json, of the messages that are read. */
const CHECKS: Readonly<Record<string, readonly ((m: SipMessage) => void)[]>> = {
  wsinv: [
    (m) => expect([maxForwards(m), parseCSeq(field(m, 'CSeq')).number]).toEqual([68, 9]),
    (m) =>
      expect(headerValues(m, 'Via').map((v) => parseVia(v).host)).toEqual([
        '192.0.2.2',
        'spindle.example.com',
        '192.168.255.111',
      ]),
    (m) => expect(from(m).display).toBe('J Rosenberg \\"'),
    (m) => expect(header(m, 'Subject')).toBe(''),
    (m) => {
      const [contact] = contacts(m);
      expect(contact?.display).toBe('Quoted string ""');
      expect(param(contact?.params ?? [], 'q')).toBe('0.33');
    },
    (m) => {
      const route = parseNameAddr(headerValues(m, 'Route')[0] ?? '').uri;
      expect(['lr', 'unknownwith', 'unknown-no-value'].map((n) => uriParam(route, n))).toEqual(['', 'value', '']);
    },
  ],
  intmeth: [
    (m) => expect(to(m).display).toBe('BEL:\x07 NUL:\0 DEL:\x7f'),
    (m) => expect(m).toMatchObject({ method: parseCSeq(field(m, 'CSeq')).method }),
    (m) => {
      expect(param(from(m).params, "fromParam''~+*_!.-%")).toBe('работающий');
      expect(field(m, "extensionHeader-!.%*+_`'~")).toBe('\ufeff大停電');
    },
    (m) => expect(sipOf(to(m)).user).toBe("1_unusual.URI~(to-be!sure)&isn't+it$/crazy?,/;;*"),
  ],
  esc01: [
    (m) => expect([user(requestUri(m)), requestUri(m).host]).toEqual(['sips:user@example.com', 'example.net']),
    (m) => expect([user(sipOf(to(m))), user(sipOf(from(m)))]).toEqual(['user', 'I have spaces']),
    (m) => {
      const uri = sipOf(contacts(m)[0]);
      expect([uriParam(uri, 'lr'), uriParam(uri, 'name')]).toEqual(['', 'value%41']);
    },
  ],
  escnull: [
    (m) => expect(Buffer.from(user(sipOf(to(m))))).toEqual(Buffer.from('null-\0-null')),
    (m) => {
      const [a, b] = contacts(m).map(sipOf);
      expect([user(a!), user(b!)]).toEqual(['\0', '\0\0']);
      expect(uriEquals(a!, b!)).toBe(false);
    },
  ],
  esc02: [
    (m) => expect(m).toMatchObject({ method: 'RE%47IST%45R' }),
    (m) => expect([to(m).display, from(m).display]).toEqual(['%Z%45', '%Z%45']),
    (m) => {
      expect(contacts(m)).toHaveLength(2);
      expect(field(m, 'C%6Fntact')).toBe('<sip:alias2@host2.example.com>');
    },
    (m) => expect(param(parseVia(headerValues(m, 'Via')[0] ?? '').params, 'branch')).toBe('z9hG4bK209%fzsnel234'),
  ],
  lwsdisp: [
    (m) => {
      expect([from(m).display, formatUri(from(m).uri), tagOf(from(m))]).toEqual([
        'caller',
        'sip:caller@example.com',
        '323',
      ]);
    },
  ],
  longreq: [
    (m) => {
      const hosts = headerValues(m, 'Via').map((v) => parseVia(v).host);
      expect([hosts.length, hosts[0], hosts.at(-1)]).toEqual([34, 'sip33.example.com', 'host.example.com']);
    },
    (m) => expect([header(m, 'Content-Length'), m.body.length]).toEqual(['150', 150]),
  ],
  dblreq: [
    (m) => expect(m.body).toHaveLength(0),
    (m) => {
      expect(m).toMatchObject({ kind: 'request', method: 'REGISTER' });
      expect(serialize(m).includes('INVITE')).toBe(false);
    },
  ],
  semiuri: [
    (m) => {
      expect(requestUri(m)).toMatchObject({ host: 'example.com', params: [] });
      expect(user(requestUri(m))).toBe('user;par=u@example.net');
    },
    (m) => expect(headerValues(m, 'Accept')).toHaveLength(6),
  ],
  transports: [
    (m) =>
      expect(headerValues(m, 'Via').map((v) => parseVia(v).transport)).toEqual([
        'UDP',
        'SCTP',
        'TLS',
        'UNKNOWN',
        'TCP',
      ]),
  ],
  mpart01: [
    (m) => expect(m.body).toHaveLength(553),
    (m) => {
      const boundary = /boundary=(\S+)/.exec(field(m, 'Content-Type'))?.[1] ?? '';
      const parts = m.body.toString('latin1').split(`--${boundary}`);
      expect(parts).toHaveLength(4); // nothing before, two parts, nothing behind
      expect(parts[2]?.split('\r\n\r\n').slice(1).join('\r\n\r\n').replace(/\r\n$/, '')).toHaveLength(342);
    },
    (m) => expect(m.body).toEqual(octetsOf('mpart01').subarray(737)),
  ],
  unreason: [
    (m) => expect(m).toMatchObject({ status: 200 }),
    (m) => {
      if (m.kind !== 'response') throw new Error('no response');
      expect(m.reason.startsWith('= 2**3 * 5**2')).toBe(true);
      expect(m.reason).toContain(
        '\u043d\u043e \u0441\u0442\u043e \u0434\u0435\u0432\u044f\u043d\u043e\u0441\u0442\u043e',
      );
    },
  ],
  noreason: [(m) => expect(m).toMatchObject({ status: 100, reason: '' })],
  badbranch: [
    (m) => {
      // alike in all but the Call-ID: what tells them apart is there, and the branch says nothing
      expect(param(parseVia(headerValues(m, 'Via')[0] ?? '').params, 'branch')).toBe('z9hG4bK');
      expect(field(m, 'Call-ID')).not.toBe('');
    },
  ],
  bext01: [
    (m) => expect(headerValues(m, 'Require')).toEqual(['nothingSupportsThis', 'nothingSupportsThisEither']),
    (m) => expect(headerValues(m, 'Proxy-Require')).toEqual(['noProxiesSupportThis', 'norDoAnyProxiesSupportThis']),
  ],
  invut: [(m) => expect(m.body).toHaveLength(40)],
  cparam01: [
    (m) => {
      expect(formatUri(sipOf(contacts(m)[0]))).toBe('sip:+19725552222@gw1.example.net');
      expect(param(contacts(m)[0]?.params ?? [], 'unknownparam')).toBe('');
    },
  ],
  cparam02: [(m) => expect(formatUri(sipOf(contacts(m)[0]))).toBe('sip:+19725552222@gw1.example.net;unknownparam')],
  regescrt: [
    (m) => expect(formatUri(sipOf(contacts(m)[0]))).toBe('sip:user@example.com?Route=%3Csip:sip.example.com%3E'),
  ],
  inv2543: [(m) => expect(m.body).toHaveLength(105)],
};

/** The status that our refusal carries, and whether it can be sent; checks of index.json that look at a refused one. */
const REFUSALS: Readonly<Record<string, { status: number; answerable: boolean; check?: (e: SipParseError) => void }>> =
  {
    badinv01: { status: 400, answerable: true },
    clerr: {
      status: 400,
      answerable: true,
      check: (e) => expect(e.partial?.body).toHaveLength(154),
    },
    ncl: { status: 400, answerable: true },
    scalar02: {
      status: 400,
      answerable: true,
      check: (e) => expect(e.partial && header(e.partial, 'CSeq')).toBe('36893488147419103232 REGISTER'),
    },
    scalarlg: { status: 400, answerable: false },
    quotbal: { status: 400, answerable: true },
    ltgtruri: { status: 400, answerable: true },
    lwsruri: { status: 400, answerable: true },
    lwsstart: { status: 400, answerable: true },
    trws: { status: 400, answerable: true },
    escruri: {
      status: 400,
      answerable: true,
      check: (e) => expect(e.partial && hasHeader(e.partial, 'Route')).toBe(false),
    },
    badaspec: { status: 400, answerable: true },
    baddn: { status: 400, answerable: true },
    badvers: { status: 505, answerable: true },
    mismatch01: { status: 400, answerable: true },
    mismatch02: { status: 501, answerable: true },
    bigcode: { status: 400, answerable: false, check: (e) => expect(e.partial).toBeUndefined() },
    insuf: { status: 400, answerable: true },
    multi01: { status: 400, answerable: true },
    mcl01: {
      status: 400,
      answerable: true,
      check: (e) => {
        expect(e.partial && headers(e.partial, 'Content-Length')).toEqual(['13', '5']);
        expect(octetsOf('mcl01').length - octetsOf('mcl01').indexOf('\r\n\r\n') - 4).toBe(67);
      },
    },
  };

describe('RFC 4475 torture messages', () => {
  it('are all here', () => expect(messages).toHaveLength(49));

  for (const row of messages) {
    const refused = REFUSALS[row.name];
    it(`${row.name}: ${row.parser}`, () => {
      if (refused) {
        expect(row.parser).not.toBe('accept');
        const error = refusal(row.name);
        expect({ status: error.status, answerable: answerable(error.partial) }).toEqual({
          status: refused.status,
          answerable: refused.answerable,
        });
        refused.check?.(error);
        if (row.check) expect(refused.check).toBeDefined();
        return;
      }
      expect(row.parser).not.toBe('reject');
      const message = read(row.name);
      expect(message.kind).toBe(row.kind);
      expect(message.kind === 'request' ? message.method : message.status).toBe(row.method_or_code);
      const via = parseVia(headerValues(message, 'Via')[0] ?? '');
      expect(via.transport).toBe(row.top_via.transport);
      expect(via.port === undefined ? via.host : `${via.host}:${via.port}`).toBe(row.top_via.sent_by);
      if (row.name !== 'dblreq') expect(message.body).toHaveLength(row.octets_after_header ?? -1);
      // as many checks as the index has, so that a new one there is missed here
      const checks = CHECKS[row.name] ?? [];
      expect(checks).toHaveLength(row.check?.length ?? 0);
      for (const check of checks) check(message);
    });

    if (row.parser === 'accept') {
      it(`${row.name}: passes through unchanged in meaning`, () => {
        const message = read(row.name);
        const again = parseMessage(serialize(message));
        expect({ ...again, headers: without(again) }).toEqual({ ...message, headers: without(message) });
        expect(header(again, 'Content-Length')).toBe(String(message.body.length));
      });
    }
  }

  it('baddn with its empty line: the display names alone are a fault', () => {
    const whole = Buffer.concat([octetsOf('baddn'), Buffer.from('\r\n')]);
    expect(() => parseMessage(whole)).toThrow(expect.objectContaining({ code: 'bad_address' }) as Error);
  });

  it('regbadct: the Contact that needs brackets is refused by whoever reads it', () => {
    expect(() => parseContacts(read('regbadct'))).toThrow(
      expect.objectContaining({ code: 'bad_address', status: 400 }) as Error,
    );
  });

  it('badbranch: two that differ in Call-ID stay two', () => {
    const other = Buffer.from(
      octetsOf('badbranch')
        .toString('latin1')
        .replace(/Call-ID: /, 'Call-ID: x'),
      'latin1',
    );
    expect(field(parseMessage(other), 'Call-ID')).not.toBe(field(read('badbranch'), 'Call-ID'));
  });
});

function without(message: SipMessage): unknown {
  return message.headers.filter((h) => h.name.toLowerCase() !== 'content-length');
}
