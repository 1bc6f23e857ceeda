import { describe, expect, it } from 'vitest';
import { acceptedNext } from '../../../src/sip-server/dialog/accepted.ts';
import {
  confirmed,
  dialogAsUac,
  dialogAsUas,
  dialogByNotify,
  nextRequest,
  received,
  retargeted,
} from '../../../src/sip-server/dialog/dialog.ts';
import { parseMessage } from '../../../src/sip-server/message/index.ts';
import type { SipRequest, SipResponse } from '../../../src/sip-server/message/index.ts';

function request(method: string, cseq: number, ...lines: string[]): SipRequest {
  const head = [
    `${method} sip:bob@10.0.0.2 SIP/2.0`,
    'Via: SIP/2.0/UDP 10.0.0.1;branch=z9hG4bK1',
    'Max-Forwards: 70',
    'From: "Alice" <sip:alice@a.example>;tag=aaa',
    'To: <sip:bob@b.example>',
    'Call-ID: 1',
    `CSeq: ${cseq} ${method}`,
    ...lines,
    'Content-Length: 0',
  ];
  return parseMessage(Buffer.from(`${head.join('\r\n')}\r\n\r\n`)) as SipRequest;
}

function response(status: number, tag: string, ...lines: string[]): SipResponse {
  const head = [
    `SIP/2.0 ${status} X`,
    'Via: SIP/2.0/UDP 10.0.0.1;branch=z9hG4bK1',
    'From: "Alice" <sip:alice@a.example>;tag=aaa',
    `To: <sip:bob@b.example>;tag=${tag}`,
    'Call-ID: 1',
    'CSeq: 7 INVITE',
    ...lines,
    'Content-Length: 0',
  ];
  return parseMessage(Buffer.from(`${head.join('\r\n')}\r\n\r\n`)) as SipResponse;
}

const CONTACT = 'Contact: <sip:bob@10.0.0.2:5070>';
const ROUTES = ['Record-Route: <sip:p1;lr>, <sip:p2;lr>', 'Record-Route: <sip:p3;lr>'];

describe('dialogs (RFC 3261 section 12)', () => {
  it('as the one who answers: the route set in its order, the parties turned round (12.1.1)', () => {
    const dialog = dialogAsUas(request('INVITE', 7, 'Contact: <sip:alice@10.0.0.1>', ...ROUTES), 'bbb', 'early');
    expect(dialog).toMatchObject({
      localParty: '<sip:bob@b.example>;tag=bbb',
      remoteParty: '"Alice" <sip:alice@a.example>;tag=aaa',
      routeSet: ['<sip:p1;lr>', '<sip:p2;lr>', '<sip:p3;lr>'],
      remoteTarget: 'sip:alice@10.0.0.1',
      remoteCSeq: 7,
      state: 'early',
    });
  });

  it('as the one who asks: the route set turned round (12.1.2)', () => {
    const dialog = dialogAsUac(request('INVITE', 7), response(200, 'bbb', CONTACT, ...ROUTES));
    expect(dialog).toMatchObject({
      localTag: 'aaa',
      remoteTag: 'bbb',
      routeSet: ['<sip:p3;lr>', '<sip:p2;lr>', '<sip:p1;lr>'],
      remoteTarget: 'sip:bob@10.0.0.2:5070',
      remoteCSeq: undefined,
      state: 'confirmed',
    });
  });

  it('without a Contact: the request URI, and known to be a makeshift', () => {
    const dialog = dialogAsUac(request('INVITE', 7), response(200, 'bbb'));
    expect([dialog.remoteTarget, dialog.hasContact]).toEqual(['sip:bob@10.0.0.2', false]);
  });

  it('a 2xx sets the route set anew and keeps the numbers of the early dialog (13.2.2.4)', () => {
    const early = dialogAsUac(request('INVITE', 7), response(183, 'bbb', CONTACT, 'Record-Route: <sip:old;lr>'));
    const pracked = nextRequest(early, 'PRACK').dialog;
    const final = confirmed(pracked, request('INVITE', 7), response(200, 'bbb', 'Record-Route: <sip:new;lr>'));
    expect(final).toMatchObject({ routeSet: ['<sip:new;lr>'], localCSeq: 8, state: 'confirmed', hasContact: true });
    expect(final.remoteTarget).toBe('sip:bob@10.0.0.2:5070');
  });

  it('a subscription by its NOTIFY (RFC 6665)', () => {
    const notify = request('NOTIFY', 3, 'Contact: <sip:n@10.0.0.9>');
    const dialog = dialogByNotify(request('SUBSCRIBE', 1), notify);
    expect(dialog).toMatchObject({ remoteTag: 'aaa', remoteTarget: 'sip:n@10.0.0.9', remoteCSeq: 3 });
  });

  it('numbers go up; an ACK has the number of its INVITE and moves nothing (12.2.1.1)', () => {
    const dialog = dialogAsUac(request('INVITE', 7), response(200, 'bbb', CONTACT));
    const bye = nextRequest(dialog, 'BYE');
    expect(bye.headers.find((h) => h.name === 'CSeq')?.value).toBe('8 BYE');
    const ack = nextRequest(bye.dialog, 'ACK', 7);
    expect(ack.headers.find((h) => h.name === 'CSeq')?.value).toBe('7 ACK');
    expect(ack.dialog.localCSeq).toBe(8);
    expect(nextRequest(dialog, 'BYE', undefined, 20).dialog.localCSeq).toBe(20);
    expect(nextRequest(dialog, 'BYE', undefined, 2).dialog.localCSeq).toBe(8);
  });

  it('loose routing: the target in the request line, the routes in Route', () => {
    const dialog = dialogAsUac(request('INVITE', 7), response(200, 'bbb', CONTACT, ...ROUTES));
    const next = nextRequest(dialog, 'BYE');
    expect([next.uri, next.nextHop]).toEqual(['sip:bob@10.0.0.2:5070', 'sip:p3;lr']);
    expect(next.headers.filter((h) => h.name === 'Route').map((h) => h.value)).toEqual([
      '<sip:p3;lr>',
      '<sip:p2;lr>',
      '<sip:p1;lr>',
    ]);
  });

  it('strict routing: the first hop in the request line, the target last in Route', () => {
    const strict = 'Record-Route: <sip:p2;lr>, <sip:strict>';
    const dialog = dialogAsUac(request('INVITE', 7), response(200, 'bbb', CONTACT, strict));
    const next = nextRequest(dialog, 'BYE');
    expect([next.uri, next.nextHop]).toEqual(['sip:strict', 'sip:strict']);
    expect(next.headers.filter((h) => h.name === 'Route').map((h) => h.value)).toEqual([
      '<sip:p2;lr>',
      '<sip:bob@10.0.0.2:5070>',
    ]);
  });

  it('a CSeq not above the last is stale (12.2.2); the first of the peer may be any', () => {
    const dialog = dialogAsUac(request('INVITE', 7), response(200, 'bbb', CONTACT));
    const after = received(dialog, request('INFO', 1));
    expect(after).toMatchObject({ remoteCSeq: 1 });
    if (after === 'stale') throw new Error('stale');
    expect([received(after, request('INFO', 1)), received(after, request('INFO', 0))]).toEqual(['stale', 'stale']);
    expect(received(after, request('INFO', 100))).toMatchObject({ remoteCSeq: 100 });
  });

  it('a target refresh moves the target, an INFO does not (12.2)', () => {
    const dialog = dialogAsUac(request('INVITE', 7), response(200, 'bbb', CONTACT));
    const moved = 'Contact: <sip:bob@10.0.0.77>';
    expect(received(dialog, request('INVITE', 1, moved))).toMatchObject({ remoteTarget: 'sip:bob@10.0.0.77' });
    expect(received(dialog, request('INFO', 1, moved))).toMatchObject({ remoteTarget: 'sip:bob@10.0.0.2:5070' });
    expect(retargeted(dialog, response(200, 'bbb')).remoteTarget).toBe('sip:bob@10.0.0.2:5070');
  });
});

describe('a 2xx that waits for its ACK', () => {
  it('goes from waiting to acknowledged or expired, and no further', () => {
    expect(acceptedNext('waiting', 'interval')).toBe('waiting');
    expect(acceptedNext('waiting', 'ack')).toBe('acknowledged');
    expect(acceptedNext('waiting', 'timeout')).toBe('expired');
    expect(acceptedNext('acknowledged', 'ack')).toBeUndefined();
    expect(acceptedNext('expired', 'ack')).toBeUndefined();
  });
});
