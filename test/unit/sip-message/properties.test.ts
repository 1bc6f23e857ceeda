/** What holds for all octets: only SipParseError, stable round trips, linear work. */
import { readFileSync, readdirSync } from 'node:fs';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import {
  SipParseError,
  StreamFramer,
  answerable,
  formatNameAddr,
  formatUri,
  formatVia,
  headerValues,
  parseContacts,
  parseMessage,
  parseNameAddr,
  parseUri,
  parseVia,
  responseTo,
  serialize,
  splitList,
  uriEquals,
} from '../../../src/sip-server/message/index.ts';
import type { SipMessage } from '../../../src/sip-server/message/index.ts';

const folder = new URL('rfc4475/', import.meta.url);
const corpus = readdirSync(folder)
  .filter((f) => f.endsWith('.dat'))
  .map((f) => readFileSync(new URL(f, folder)));

/** The value, or undefined for a SipParseError; any other error passes and fails the property. */
function attempt<T>(run: () => T): T | undefined {
  try {
    return run();
  } catch (error) {
    if (error instanceof SipParseError) return undefined;
    throw error;
  }
}

/** A torture message with some octets changed, cut out or doubled. */
const mutated = fc
  .tuple(
    fc.constantFrom(...corpus),
    fc.array(fc.tuple(fc.nat(4000), fc.integer({ min: 0, max: 255 }), fc.constantFrom('set', 'cut', 'double')), {
      maxLength: 8,
    }),
  )
  .map(([octets, edits]) => {
    let out = Buffer.from(octets);
    for (const [position, value, kind] of edits) {
      const at = position % out.length;
      if (kind === 'set') out[at] = value;
      else if (kind === 'cut') out = Buffer.concat([out.subarray(0, at), out.subarray(at + 1 + (value % 20))]);
      else out = Buffer.concat([out.subarray(0, at), out.subarray(Math.max(at - (value % 20), 0))]);
      if (out.length === 0) return out;
    }
    return out;
  });

const octets = fc.oneof(
  mutated,
  fc.uint8Array({ maxLength: 400 }).map((a) => Buffer.from(a)),
);

const separators = fc.constantFrom(
  '<',
  '>',
  '"',
  ';',
  ',',
  '=',
  ':',
  '@',
  '?',
  '&',
  '%',
  '\\',
  ' ',
  '\t',
  '/',
  '[',
  ']',
);
const text = fc.array(fc.oneof(separators, fc.constantFrom('sip:', 'SIP/2.0/UDP', 'a', '1', 'tag', 'é', '*')), {
  maxLength: 40,
});

describe('for all octets', () => {
  it('parseMessage throws nothing but SipParseError, and reading on throws nothing else either', () => {
    fc.assert(
      fc.property(octets, fc.constantFrom('datagram', 'rest'), fc.boolean(), (input, framing, complete) => {
        let message: SipMessage | undefined;
        try {
          message = parseMessage(input, { framing, complete });
        } catch (error) {
          if (!(error instanceof SipParseError)) throw error;
          message = error.partial;
          if (answerable(message)) serialize(responseTo(message, error.status, { toTag: 't' }));
        }
        if (!message) return;
        const read = message;
        attempt(() => parseContacts(read));
        for (const value of headerValues(read, 'Route')) attempt(() => parseNameAddr(value));
        if (read.kind === 'request') attempt(() => parseUri(read.uri));
      }),
      { numRuns: 3000 },
    );
  });

  it('what was read comes back the same after serialize, and serialize is stable', () => {
    fc.assert(
      fc.property(octets, (input) => {
        const message = attempt(() => parseMessage(input));
        if (!message) return;
        const once = serialize(message);
        const again = parseMessage(once);
        expect(serialize(again).equals(once)).toBe(true);
        expect(again.body.equals(message.body)).toBe(true);
        const others = (m: SipMessage): unknown => m.headers.filter((h) => h.name.toLowerCase() !== 'content-length');
        expect(others(again)).toEqual(others(message));
      }),
      { numRuns: 2000 },
    );
  });

  it('the framer survives anything and never hands out more than it got', () => {
    fc.assert(
      fc.property(fc.array(octets, { maxLength: 6 }), (chunks) => {
        const framer = new StreamFramer();
        let out = 0;
        for (const chunk of chunks) for (const frame of framer.push(Buffer.from(chunk))) out += frame.length;
        expect(out).toBeLessThanOrEqual(chunks.reduce((sum, c) => sum + c.length, 0));
      }),
      { numRuns: 1000 },
    );
  });

  it('values that can be read are the same after formatting', () => {
    fc.assert(
      fc.property(text, (parts) => {
        const value = parts.join('');
        const address = attempt(() => parseNameAddr(value));
        if (address) expect(parseNameAddr(formatNameAddr(address))).toEqual(address);
        const via = attempt(() => parseVia(value));
        if (via) expect(parseVia(formatVia(via))).toEqual(via);
        const uri = attempt(() => parseUri(value));
        if (uri) {
          expect(parseUri(formatUri(uri))).toEqual(uri);
          expect(uriEquals(uri, uri)).toBe(true);
        }
        for (const item of splitList(value)) expect(value).toContain(item);
      }),
      { numRuns: 3000 },
    );
  });
});

describe('linear work', () => {
  const long = 60_000;
  const head = (name: string, value: string): Buffer =>
    Buffer.from(
      `INVITE sip:b@x SIP/2.0\r\nVia: SIP/2.0/UDP h\r\nFrom: <sip:a@x>\r\nTo: <sip:b@x>\r\nCall-ID: c\r\n` +
        `CSeq: 1 INVITE\r\n${name}: ${value}\r\n\r\n`,
    );

  // A quadratic reader needs some 10^9 steps for each of these, and the test runner's limit ends it.
  it.each([
    ['blanks', ' '.repeat(long)],
    ['blanks and an end', `${' '.repeat(long)}x`],
    ['quotes', '"'.repeat(long)],
    ['open quotes', '"\\'.repeat(long / 2)],
    ['commas', ','.repeat(long)],
    ['angle brackets', '<'.repeat(long)],
    ['semicolons', ';a'.repeat(long / 2)],
    ['colons', ':'.repeat(long)],
    ['escapes', '%41'.repeat(long / 3)],
    ['folded lines', 'a\r\n '.repeat(long / 4)],
    ['at signs', '@'.repeat(long)],
    ['scheme letters', 'a'.repeat(long)],
    ['blanks round a colon', `SIP/2.0/UDP ${'h \t'.repeat(long / 3)}`],
    ['slashes', '/'.repeat(long)],
  ])('60,000 octets of %s', (_, value) => {
    for (let i = 0; i < 20; i++) {
      for (const name of ['Via', 'From', 'Contact', 'Content-Length', 'X']) {
        const message = attempt(() => parseMessage(head(name, value), { complete: false }));
        if (!message) continue;
        for (const item of headerValues(message, name)) {
          attempt(() => parseNameAddr(item));
          attempt(() => parseVia(item));
        }
        attempt(() => parseMessage(head(name, value)));
      }
      const unfolded = value.replaceAll('\r\n', '');
      attempt(() => parseUri(unfolded));
      attempt(() => parseUri(`sip:${unfolded}`));
    }
  });

  it('a stream in chunks of one octet', () => {
    const framer = new StreamFramer();
    const message = Buffer.concat([head('X', 'y'.repeat(long)).subarray(0, -2), Buffer.from('l: 0\r\n\r\n')]);
    let frames = 0;
    for (let i = 0; i < message.length; i++) frames += framer.push(message.subarray(i, i + 1)).length;
    expect(frames).toBe(1);
  });
});
