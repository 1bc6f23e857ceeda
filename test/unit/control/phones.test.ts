/** Which of a person's phones are rung, and what they are offered. */
import { describe, expect, it } from 'vitest';
import { Bench } from './bench.ts';
import { settle } from './ports.ts';

const SAM = { userId: 'sam' };
const ALICE = { userId: 'alice' };
const DESK = ['rtp'];
const BROWSER = ['webrtc'];
const BOTH = ['rtp', 'webrtc'];

const offered = async (bench: Bench, who: string): Promise<string[]> =>
  Object.keys((await bench.ringing(who)).request.offers).sort();

describe('a person who is called', () => {
  it.each([
    ['a desk phone', ['udp'], DESK],
    ['a desk phone over a connection', ['tls'], DESK],
    ['a browser', ['ws'], BROWSER],
    ['browsers', ['ws', 'wss'], BROWSER],
    ['a browser and a desk phone', ['wss', 'tcp'], BOTH],
  ])('with %s', async (_, transports, kinds) => {
    const bench = await Bench.start([]);
    bench.register('alice', transports);
    bench.signalling.fromTrunk('8000');
    expect(await offered(bench, 'alice')).toEqual(kinds);
    await bench.answer('alice');
    expect(bench.heard()).toEqual(['alice<customer', 'customer<alice']);
  });
});

describe('a supervisor with a browser and a desk phone', () => {
  const supervised = async (): Promise<Bench> => {
    const bench = await Bench.start(['alice']);
    bench.register('sam', ['udp', 'ws']);
    await bench.conversation();
    return bench;
  };

  it('R-START-2: both are rung', async () => {
    const bench = await supervised();
    await bench.control.startSupervision(SAM, bench.call().id, { mode: 'listen' });
    expect(await offered(bench, 'sam')).toEqual(BOTH);
  });

  it.each([
    ['browser', BROWSER],
    ['desk', DESK],
  ] as const)('R-START-2: who wants the %s has only that rung', async (phone, kinds) => {
    const bench = await supervised();
    await bench.control.startSupervision(SAM, bench.call().id, { mode: 'listen', phone });
    expect(await offered(bench, 'sam')).toEqual(kinds);
  });

  it('R-ACT-1: the same for a take-over without a supervision', async () => {
    const bench = await supervised();
    await bench.control.takeover(SAM, bench.call().id, 'desk');
    expect(await offered(bench, 'sam')).toEqual(DESK);
  });

  it('is told where the phone that is wanted is not registered', async () => {
    const bench = await Bench.start(['alice', 'sam']);
    const { id } = await bench.conversation();
    const listen = bench.control.startSupervision(SAM, id, { mode: 'listen', phone: 'browser' });
    await expect(listen).rejects.toMatchObject({ code: 'no_phone' });
    await expect(bench.control.takeover(SAM, id, 'browser')).rejects.toMatchObject({ code: 'no_phone' });
    expect(bench.signalling.ringing('sam')).toBeUndefined();
  });
});

describe('click to dial', () => {
  it('rings the phone of the agent that is wanted, and the number with plain RTP', async () => {
    const bench = await Bench.start([]);
    bench.register('alice', ['udp', 'ws']);
    await bench.control.dial(ALICE, 'alice', '+44555', 'browser');
    expect(await offered(bench, 'alice')).toEqual(BROWSER);
    await bench.answer('alice');
    expect(await offered(bench, '+44555')).toEqual(DESK);
  });

  it('rings nobody where the agent has no such phone', async () => {
    const bench = await Bench.start(['alice']);
    await expect(bench.control.dial(ALICE, 'alice', '+44555', 'browser')).rejects.toMatchObject({ code: 'no_phone' });
    await settle();
    expect(bench.leaks()).toEqual([]);
  });
});
