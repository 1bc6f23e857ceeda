import { describe, expect, it } from 'vitest';
import fc from 'fast-check';
import { StreamFramer } from '../../../src/sip-server/message/index.ts';

const MESSAGES = [
  'OPTIONS sip:a@x SIP/2.0\r\nContent-Length: 0\r\n\r\n',
  'SIP/2.0 200 OK\r\nX: content-length: 9\r\nl :\r\n  3\r\n\r\nabc',
  'INVITE sip:a@x SIP/2.0\r\ncontent-length:6\r\nContact: y\r\n\r\n\r\n\r\n\0\r',
];

function strings(frames: readonly Buffer[]): string[] {
  return frames.map((f) => f.toString('latin1'));
}

describe('StreamFramer', () => {
  it('cuts at any place give the same messages and pings', () => {
    const stream = Buffer.from(`${MESSAGES.join('\r\n')}\r\n\r\n\r\n${MESSAGES[0] ?? ''}`, 'latin1');
    fc.assert(
      fc.property(fc.array(fc.integer({ min: 1, max: 60 }), { minLength: 1, maxLength: 80 }), (sizes) => {
        let pings = 0;
        const framer = new StreamFramer({ onPing: () => (pings += 1) });
        const frames: Buffer[] = [];
        for (let at = 0, i = 0; at < stream.length; i++) {
          const size = sizes[i % sizes.length] ?? 1;
          frames.push(...framer.push(Buffer.from(stream.subarray(at, at + size))));
          at += size;
        }
        expect(strings(frames)).toEqual([...MESSAGES, MESSAGES[0]]);
        expect([pings, framer.pending, framer.fault]).toEqual([1, 0, undefined]);
      }),
      { examples: [[[1]], [[2]]] },
    );
  });

  it('one line end is no ping, two are one, four are two (RFC 5626 3.5.1)', () => {
    let pings = 0;
    const framer = new StreamFramer({ onPing: () => (pings += 1) });
    framer.push(Buffer.from('\r\n'));
    expect(pings).toBe(0);
    framer.push(Buffer.from('\r\n'));
    expect(pings).toBe(1);
    framer.push(Buffer.from('\r\n\r\n\r'));
    framer.push(Buffer.from('\n\r\n'));
    expect(pings).toBe(3);
  });

  it('a line end behind each message is no ping, however many messages', () => {
    let pings = 0;
    const framer = new StreamFramer({ onPing: () => (pings += 1) });
    for (let i = 0; i < 4; i++) framer.push(Buffer.from(`${MESSAGES[0] ?? ''}\r\n`));
    expect(pings).toBe(0);
  });

  it('frames stay as they are when more arrives', () => {
    const framer = new StreamFramer();
    const first = MESSAGES[0] ?? '';
    framer.push(Buffer.from(first.slice(0, 10)));
    const [frame] = framer.push(Buffer.from(first.slice(10) + first.slice(0, 12)));
    for (const c of first.slice(12)) framer.push(Buffer.from(c));
    expect(frame?.toString()).toBe(first);
  });

  it.each([
    ['no Content-Length', 'OPTIONS sip:a@x SIP/2.0\r\nX: y\r\n\r\n', 'bad_content_length'],
    ['a negative one', 'OPTIONS sip:a@x SIP/2.0\r\nl: -9\r\n\r\n', 'bad_content_length'],
    ['two that differ', 'OPTIONS sip:a@x SIP/2.0\r\nl: 1\r\nl: 2\r\n\r\n', 'bad_content_length'],
    ['HTTP', 'GET / HTTP/1.1\r\n', 'bad_start_line'],
    ['a length beyond the limit', 'OPTIONS sip:a@x SIP/2.0\r\nl: 70000\r\n\r\n', 'too_large'],
    ['a start line without end', 'A'.repeat(70000), 'too_large'],
    ['a head without end', `OPTIONS sip:a@x SIP/2.0\r\n${'X: y\r\n'.repeat(15000)}`, 'too_large'],
  ])('%s is a fault, with the head for an answer', (_, octets, code) => {
    const framer = new StreamFramer();
    const frames = framer.push(Buffer.from((MESSAGES[0] ?? '') + octets));
    expect([frames.length, framer.fault?.code]).toEqual([1, code]);
    expect(octets.startsWith(framer.faultyHead.toString())).toBe(true);
    expect(framer.faultyHead.length).toBeGreaterThan(0);
    expect(framer.push(Buffer.from(MESSAGES[0] ?? ''))).toEqual([]);
  });

  it('limits are the caller’s', () => {
    const framer = new StreamFramer({ maxBytes: 40 });
    framer.push(Buffer.from(MESSAGES[0] ?? ''));
    expect(framer.fault?.code).toBe('too_large');
  });
});
