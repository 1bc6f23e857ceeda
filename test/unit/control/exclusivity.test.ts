import { describe, expect, it } from 'vitest';
import type { Mode } from '../../../src/call/views.ts';
import { Bench, exampleConfig } from './bench.ts';
import { settle } from './ports.ts';

const SAM = { userId: 'sam' };

const start = (bench: Bench, mode: Mode, user = 'sam') =>
  bench.control.startSupervision({ userId: user }, bench.call().id, { mode });

describe('exclusivity', () => {
  it('R-EXCL-1: the second supervisor is refused and told who holds the agent', async () => {
    const bench = await Bench.start(['alice', 'sam', 'sue']);
    await bench.conversation();
    await start(bench, 'listen');
    await expect(start(bench, 'listen', 'sue')).rejects.toMatchObject({
      code: 'agent_supervised',
      fields: { holder: { id: 'sam', name: 'Sam' } },
    });
    const offered = bench.call('sue').actions.find((a) => a.action === 'listen');
    expect(offered).toMatchObject({ allowed: false, code: 'agent_supervised' });
  });

  it('R-EXCL-2: of several at the same moment exactly one wins', async () => {
    const bench = await Bench.start(['alice', 'sam', 'sue', 'root']);
    await bench.conversation();
    const users = ['sue', 'sam', 'root', 'sam', 'sue', 'root'];
    const outcomes = await Promise.allSettled(users.map((u) => start(bench, 'barge', u)));
    expect(outcomes.filter((o) => o.status === 'fulfilled')).toHaveLength(1);
    const codes = outcomes.flatMap((o) => (o.status === 'rejected' ? [(o.reason as { code: string }).code] : []));
    expect(new Set(codes)).toEqual(new Set(['agent_supervised', 'supervisor_busy']));
  });

  it('R-EXCL-4 with policy coach: any number of listeners, one coach or barger (R-EXCL-3)', async () => {
    const bench = await Bench.start(['alice', 'sam', 'sue', 'root'], exampleConfig({ exclusivity: 'coach' }));
    await bench.conversation();
    await bench.supervise('listen');
    const sue = await bench.supervise('whisper', 'agent', 'sue');
    await expect(start(bench, 'barge', 'root')).rejects.toMatchObject({
      code: 'agent_supervised',
      fields: { holder: { id: 'sue' } },
    });
    const [sam] = bench.control.supervisions(SAM);
    await expect(bench.control.changeSupervision(SAM, sam!.id, { mode: 'whisper' })).rejects.toMatchObject({
      code: 'agent_supervised',
    });
    await bench.supervise('listen', 'agent', 'root');
    await bench.control.changeSupervision({ userId: 'sue' }, sue.id, { mode: 'listen' });
    await bench.control.changeSupervision(SAM, sam!.id, { mode: 'barge' });
    expect(bench.hears('customer')).toEqual(['alice', 'sam']);
  });

  it('R-EXCL-5: the hold goes with the supervision, whatever ends it', async () => {
    const bench = await Bench.start(['alice', 'sam', 'sue']);
    await bench.conversation();
    const stopped = await bench.supervise('listen');
    await bench.control.stopSupervision(SAM, stopped.id);
    const left = await bench.supervise('listen', 'agent', 'sue');
    left.phone.bye();
    await settle();
    expect(bench.control.supervision({ userId: 'sue' }, left.id).endReason).toBe('supervisor_left');
    const declined = await start(bench, 'listen');
    (await bench.ringing('sam')).fail(603);
    await settle();
    expect(bench.control.supervision(SAM, declined.id).endReason).toBe('phone_declined');
    await expect(start(bench, 'listen', 'sue')).resolves.toMatchObject({ state: 'ringing' });
  });

  it('R-EXCL-2: a race of fifty has one winner, and one phone rings', async () => {
    const config = exampleConfig();
    const fifty = Array.from({ length: 50 }, (_, i) => `v${i}`);
    const [sam] = config.users.filter((u) => u.id === 'sam');
    config.users.push(...fifty.map((id, i) => ({ ...sam!, id, name: id, extension: `70${i}` })));
    const bench = await Bench.start(['alice', ...fifty], config);
    await bench.conversation();
    const outcomes = await Promise.allSettled(fifty.map((id) => start(bench, 'listen', id)));
    const refused = outcomes.flatMap((o) => (o.status === 'rejected' ? [o.reason as { code: string }] : []));
    expect(refused.map((r) => r.code)).toEqual(Array.from({ length: 49 }, () => 'agent_supervised'));
    expect(bench.signalling.dials.filter((d) => d.state === 'ringing')).toHaveLength(1);
  });

  it('R-EXCL-5: a phone that has gone silent and does not answer is lost, one that answers is not', async () => {
    const bench = await Bench.start(['alice', 'sam', 'sue']);
    const { id: callId } = await bench.conversation();
    const { id, phone } = await bench.supervise('listen');
    const leg = bench.call().participants.find((p) => p.role === 'supervisor')!.id;
    const { events } = bench.media.bridge(callId);
    events.onSilence(leg, 10);
    await settle();
    expect(bench.control.supervision(SAM, id).state).toBe('active');
    phone.answers = 408;
    events.onSilence(leg, 20);
    await settle();
    expect(bench.control.supervision(SAM, id)).toMatchObject({ state: 'ended', endReason: 'supervisor_left' });
    await expect(start(bench, 'listen', 'sue')).resolves.toMatchObject({ state: 'ringing' });
  });

  it('R-START-6: a call that waits is listened to by its customer', async () => {
    const bench = await Bench.start(['alice', 'sam']);
    const { id } = await bench.conversation();
    await bench.control.transfer(SAM, id, { queue: 'support' });
    bench.register('root');
    await bench.control.startSupervision({ userId: 'root' }, id, { mode: 'listen' });
    await bench.answer('root');
    expect(bench.hears('root')).toEqual(['customer']);
  });

  it('R-START-1: one supervisor, one supervision', async () => {
    const bench = await Bench.start(['alice', 'bob', 'sam']);
    await bench.conversation();
    await bench.supervise('listen');
    bench.signalling.fromTrunk('8000');
    await bench.answer('bob');
    const other = bench.control.calls(SAM).find((c) => c.agent?.id === 'bob')!;
    await expect(bench.control.startSupervision(SAM, other.id, { mode: 'listen' })).rejects.toMatchObject({
      code: 'supervisor_busy',
    });
  });
});
