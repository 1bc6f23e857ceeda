import { describe, expect, it } from 'vitest';
import { header, responseTo } from '../../../src/sip-server/message/index.ts';
import type { SipResponse } from '../../../src/sip-server/message/index.ts';
import { cancelOf } from '../../../src/sip-server/transaction/client-transaction.ts';
import { guardedClock } from '../../../src/sip-server/transaction/clock.ts';
import { FakeClock, FakeNetwork } from './fake.ts';
import { Stack } from './stack.ts';

const A = '10.0.0.1:5060';
const B = '10.0.0.2:5060';

function pair(protocol: 'udp' | 'tcp' = 'udp'): { clock: FakeClock; network: FakeNetwork; a: Stack; b: Stack } {
  const clock = new FakeClock();
  const network = new FakeNetwork(clock);
  return { clock, network, a: new Stack(network, A, { protocol }), b: new Stack(network, B, { protocol }) };
}

/** When the messages that start so went to an address, in ms after the first. */
function times(network: FakeNetwork, to: string, start: string): number {
  return network.sent.filter((d) => d.to === to && d.text.startsWith(start)).length;
}

describe('two stacks over a network that loses', () => {
  it('a request is sent again until it is answered, and reaches the user once (timer E)', async () => {
    const { clock, network, a, b } = pair();
    network.lose = (d) => d.text.startsWith('OPTIONS') && d.nth < 3;
    b.onRequest = (t) => t.reply(200);
    a.send('OPTIONS', b);
    await clock.advance(40_000);
    expect(times(network, B, 'OPTIONS')).toBe(4);
    expect(b.requests.length).toBe(1);
    expect(a.responses).toEqual([200]);
  });

  it('an answer that is lost is sent again for each retransmission', async () => {
    const { clock, network, a, b } = pair();
    network.lose = (d) => d.text.startsWith('SIP/2.0 200') && d.nth < 2;
    b.onRequest = (t) => t.reply(200);
    a.send('OPTIONS', b);
    await clock.advance(40_000);
    expect(times(network, A, 'SIP/2.0 200')).toBe(3);
    expect(a.responses).toEqual([200]);
    expect(a.layer.count + b.layer.count).toBe(0);
  });

  it('eleven transmissions, then timer F', async () => {
    const { clock, network, a, b } = pair();
    network.lose = () => true;
    a.send('OPTIONS', b);
    await clock.advance(40_000);
    expect(times(network, B, 'OPTIONS')).toBe(11);
    expect(a.failures).toEqual(['timeout']);
    expect(a.layer.count).toBe(0);
  });

  it('seven INVITEs, then timer B', async () => {
    const { clock, network, a, b } = pair();
    network.lose = () => true;
    a.send('INVITE', b);
    await clock.advance(40_000);
    expect(times(network, B, 'INVITE')).toBe(7);
    expect(a.failures).toEqual(['timeout']);
  });

  it('a provisional response stops the INVITE, and is repeated for a straggler', async () => {
    const { clock, network, a, b } = pair();
    network.lose = (d) => d.text.startsWith('SIP/2.0 100') && d.nth === 0;
    b.onRequest = (t) => t.reply(100);
    a.send('INVITE', b);
    await clock.advance(20_000);
    expect(times(network, B, 'INVITE')).toBe(2);
    expect(times(network, A, 'SIP/2.0 100')).toBe(2);
    expect(a.responses).toEqual([100]);
  });

  it('a failure is repeated until its ACK, which answers each (timers G, H, I, D)', async () => {
    const { clock, network, a, b } = pair();
    network.lose = (d) => d.text.startsWith('ACK') && d.nth < 2;
    b.onRequest = (t) => t.reply(486);
    a.send('INVITE', b);
    await clock.advance(10_000);
    expect(times(network, A, 'SIP/2.0 486')).toBe(3);
    expect(times(network, B, 'ACK')).toBe(3);
    expect(a.responses).toEqual([486]);
    expect(b.acks).toEqual([]);
    await clock.advance(60_000);
    expect(a.layer.count + b.layer.count).toBe(0);
  });

  it('a failure that is never acknowledged is given up (timer H)', async () => {
    const { clock, network, a, b } = pair();
    let failed = 0;
    network.lose = (d) => d.text.startsWith('ACK');
    b.onRequest = (t) => {
      t.user = { failed: () => (failed += 1) };
      t.reply(486);
    };
    a.send('INVITE', b);
    await clock.advance(40_000);
    expect(times(network, A, 'SIP/2.0 486')).toBe(11);
    expect(failed).toBe(1);
    expect(b.layer.count).toBe(0);
  });

  it('RFC 6026: a 2xx that comes again, or from another fork, reaches the user each time', async () => {
    const { clock, a, b } = pair();
    const answers: SipResponse[] = [];
    b.onRequest = (t) => {
      t.reply(200);
      t.respond(responseTo(t.request, 200, { toTag: t.toTag }));
    };
    a.layer.send(a.request('INVITE'), a.flowTo(b), {
      response: (r) => void answers.push(r),
      failed: () => undefined,
    });
    await clock.advance(1000);
    expect(answers.length).toBe(2);
    await clock.advance(40_000);
    expect(a.layer.count + b.layer.count).toBe(0);
  });

  it('loses and doubles at random: every request is answered once or times out, nothing is left over', async () => {
    const { clock, network, a, b } = pair();
    let seed = 7;
    network.lose = () => (seed = (seed * 1103515245 + 12345) % 2 ** 31) % 10 < 4;
    const statuses: Record<string, number> = { OPTIONS: 200, INVITE: 486, MESSAGE: 404 };
    b.onRequest = (t) => t.reply(statuses[t.request.method]!);
    for (let i = 0; i < 100; i++) a.send(Object.keys(statuses)[i % 3]!, b);
    await clock.advance(120_000);
    expect(a.responses.length + a.failures.length).toBe(100);
    expect(a.responses.length).toBeGreaterThan(95);
    expect(b.requests.length).toBeLessThanOrEqual(100);
    expect(a.layer.count + b.layer.count).toBe(0);
    expect(clock.pending).toBe(0);
  });
});

describe('over a reliable transport', () => {
  it('nothing is sent twice, and a transaction is over with its last message', async () => {
    const { clock, network, a, b } = pair('tcp');
    b.onRequest = (t) => t.reply(t.request.method === 'INVITE' ? 486 : 200);
    a.send('OPTIONS', b);
    a.send('INVITE', b);
    await clock.advance(100);
    expect(network.linesTo(B)).toEqual([
      'OPTIONS sip:bob@example.com',
      'INVITE sip:bob@example.com',
      'ACK sip:bob@example.com',
    ]);
    expect(a.layer.count + b.layer.count).toBe(0);
  });

  it('a connection that closes fails what is on it', async () => {
    const { clock, a, b } = pair('tcp');
    a.send('OPTIONS', b);
    await clock.advance(5);
    a.layer.connectionClosed(`to-${B}`);
    expect(a.failures).toEqual(['transport']);
    expect(a.layer.count).toBe(0);
  });

  it('a transport that refuses fails the request', async () => {
    const { clock, network, a } = pair('tcp');
    network.broken.add(B);
    a.send('OPTIONS', B);
    await clock.advance(1);
    expect(a.failures).toEqual(['transport']);
  });
});

describe('a clock that is guarded', () => {
  it('tells of what a timer throws, and goes on', async () => {
    const hand = new FakeClock();
    const faults: unknown[] = [];
    const clock = guardedClock(hand, (error) => faults.push(error));
    let ran = false;
    clock.after(1, () => {
      throw new Error('a fault');
    });
    clock.after(2, () => (ran = true));
    await hand.advance(5);
    expect([faults.map(String), ran, clock.now()]).toEqual([['Error: a fault'], true, hand.now()]);
  });
});

describe('matching', () => {
  it('CANCEL finds its INVITE, and is answered 200 with its tag; without INVITE 481', async () => {
    const { clock, a, b } = pair();
    let cancelled = 0;
    b.onRequest = (t) => {
      t.user = {
        cancel: () => {
          cancelled += 1;
          t.reply(487);
        },
      };
      t.reply(180);
    };
    const invite = a.send('INVITE', b);
    await clock.advance(100);
    const tags: (string | undefined)[] = [];
    const statuses: number[] = [];
    const watch = {
      response: (r: SipResponse): void => {
        statuses.push(r.status);
        tags.push(header(r, 'to'));
      },
      failed: (): void => undefined,
    };
    a.layer.send(cancelOf(invite.request), a.flowTo(b), watch);
    a.layer.send(cancelOf(a.request('INVITE')), a.flowTo(b), watch);
    await clock.advance(1000);
    expect(cancelled).toBe(1);
    expect(statuses).toEqual([200, 481]);
    expect(tags[0]).toContain(b.requests[0]!.toTag);
    expect(a.responses).toEqual([180, 487]);
  });

  it('the same request by two ways is one request: 482 for the second (8.2.2.2)', async () => {
    const { clock, a, b } = pair();
    const same = (text: string): string => text.replace(/Call-ID: \S+/, 'Call-ID: merged');
    a.send('OPTIONS', b, same);
    a.send('OPTIONS', b, same);
    await clock.advance(100);
    expect(b.requests.length).toBe(1);
    expect(a.responses).toEqual([482]);
  });

  it('branches without the cookie are told apart by the rest (RFC 2543)', async () => {
    const { clock, a, b } = pair();
    b.onRequest = (t) => t.reply(200);
    const old = (text: string): string => text.replace(/z9hG4bK\w+/, '1');
    const send = (request: ReturnType<Stack['request']>): void => {
      a.layer.send(request, a.flowTo(b), { response: () => undefined, failed: () => undefined });
    };
    send(a.request('OPTIONS', old));
    send(a.request('OPTIONS', old));
    await clock.advance(100);
    expect(b.requests.length).toBe(2);
  });

  it('writes where a request came from into its Via (RFC 3581), and answers there', async () => {
    const { clock, network, a, b } = pair();
    b.onRequest = (t) => t.reply(200);
    a.send('OPTIONS', b, (text) => text.replace(`UDP ${A}`, 'UDP 192.168.0.9:5999'));
    await clock.advance(100);
    const via = header(b.requests[0]!.request, 'via');
    expect(via).toContain(';rport=5060;received=10.0.0.1');
    expect(network.linesTo(A)).toEqual(['SIP/2.0 200 OK']);
  });

  it('more than it can hold is answered 503 and not kept', async () => {
    const clock = new FakeClock();
    const network = new FakeNetwork(clock);
    const a = new Stack(network, A);
    const b = new Stack(network, B, { max: 2 });
    for (let i = 0; i < 3; i++) a.send('OPTIONS', b);
    await clock.advance(100);
    expect(b.requests.length).toBe(2);
    expect(a.responses).toEqual([503]);
  });

  it('a response to nothing, and an ACK to nothing, go to the user and do no harm', async () => {
    const { clock, a, b } = pair();
    const request = a.request('OPTIONS');
    b.layer.receive({ message: responseTo(request, 200), flow: b.flowTo(a), bytes: 0, at: 0 });
    b.layer.receive({ message: a.request('ACK'), flow: b.flowTo(a), bytes: 0, at: 0 });
    await clock.advance(100);
    expect([b.stray.length, b.acks.length, b.layer.count]).toEqual([1, 1, 0]);
  });

  it('closed: takes nothing, keeps nothing', async () => {
    const { clock, a, b } = pair();
    a.send('INVITE', b);
    a.layer.close();
    a.layer.close();
    b.layer.close();
    await clock.advance(100_000);
    expect([a.layer.count, b.requests.length, clock.pending]).toEqual([0, 0, 0]);
  });
});
