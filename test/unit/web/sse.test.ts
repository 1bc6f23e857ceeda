import { describe, expect, it } from 'vitest';
import { EventParser, type ServerSentEvent } from '../../../src/web/public/data/sse.ts';

const bytes = (text: string): Uint8Array => new TextEncoder().encode(text);

describe('the parser of server-sent events', () => {
  it('gives events with id, type and data', () => {
    const parser = new EventParser();
    expect(parser.feed(bytes('id: 7\nevent: call.updated\ndata: {"a":1}\n\n'))).toEqual([
      { id: '7', type: 'call.updated', data: '{"a":1}' },
    ]);
  });

  it('is the same however the bytes are cut, with every line end', () => {
    const text = ': hello\r\nid: 1\r\ndata: grün\r\ndata: zwei\r\n\r\nid: 2\rdata: drei\r\rid: 3\ndata\n\nx';
    const whole: ServerSentEvent[] = [
      { id: '1', type: 'message', data: 'grün\nzwei' },
      { id: '2', type: 'message', data: 'drei' },
      { id: '3', type: 'message', data: '' },
    ];
    expect(new EventParser().feed(bytes(text))).toEqual(whole);
    const parser = new EventParser();
    const pieces = [...bytes(text)].flatMap((byte) => parser.feed(Uint8Array.of(byte)));
    expect(pieces).toEqual(whole);
  });

  it('keeps the id of a heartbeat that has no data', () => {
    const parser = new EventParser();
    expect(parser.lastId).toBeNull();
    expect(parser.feed(bytes(': heartbeat\nid: 42\n\n'))).toEqual([]);
    expect(parser.lastId).toBe('42');
  });
});
