import { describe, expect, it } from 'vitest';
import { Bench } from './bench.ts';
import { settle } from './ports.ts';

const SAM = { userId: 'sam' };

describe('a feature code (R-START-9)', () => {
  it.each([
    ['*1', 'listen'],
    ['*2', 'whisper'],
    ['*3', 'barge'],
  ] as const)('%s and the extension: %s', async (code, mode) => {
    const bench = await Bench.start(['alice', 'sam']);
    await bench.conversation();
    const phone = bench.signalling.fromUser('sam', `${code}1001`);
    await settle();
    expect(phone.dialog).not.toBeNull();
    expect(bench.hears('sam')).toEqual(['alice', 'customer']);
    expect(bench.hears('customer').includes('sam')).toBe(mode === 'barge');
    expect(bench.hears('alice').includes('sam')).toBe(mode !== 'listen');
    expect(bench.control.supervisions(SAM)).toMatchObject([{ mode, state: 'active' }]);
    phone.dialog!.key('#');
    await settle();
    expect(phone.dialog!.hungUp).toBe(true);
    expect(bench.state('sam')).toBe('available');
  });

  it.each([
    ['lee', '*21001', 403, 'forbidden'],
    ['max', '*11001', 404, 'nocall'],
    ['sam', '*11002', 480, 'nocall'],
    ['alice', '*11001', 403, 'forbidden'],
  ])('%s dialling %s is refused with %i, and hears why', async (user, dialled, status, prompt) => {
    const bench = await Bench.start(['alice', 'bob', 'lee', 'max', 'sam']);
    await bench.conversation();
    const phone = bench.signalling.fromUser(user, dialled);
    await settle();
    expect(phone.progressed[0]?.status).toBe(183);
    expect(phone.rejected).toBe(status);
    const bridge = bench.media.bridges.at(-1)!;
    expect(bridge.endpoints.get('phone')!.played).toMatchObject([
      { kind: 'file', path: expect.stringContaining(`prompts/${prompt}.wav`) as string },
    ]);
    expect(bridge.closed).toBe(true);
  });

  it('the supervisor gives up before the answer: supervisor_left, nothing is held', async () => {
    const bench = await Bench.start(['alice', 'sam']);
    await bench.conversation();
    const phone = bench.signalling.fromUser('sam', '*11001');
    const [started] = bench.control.supervisions(SAM);
    phone.cancel();
    await settle();
    expect(bench.control.supervision(SAM, started!.id)).toMatchObject({ state: 'ended', endReason: 'supervisor_left' });
    expect(bench.state('sam')).toBe('available');
  });

  it('sets the own state', async () => {
    const bench = await Bench.start(['alice']);
    for (const [dialled, state] of [
      ['*51', 'away'],
      ['*52', 'offline'],
      ['*50', 'available'],
    ] as const) {
      const phone = bench.signalling.fromUser('alice', dialled);
      await settle();
      expect(bench.state('alice')).toBe(state);
      expect(phone.dialog!.hungUp).toBe(true);
    }
    expect(bench.leaks()).toEqual([]);
  });
});
