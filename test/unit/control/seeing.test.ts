import { describe, expect, it } from 'vitest';
import type { CallView } from '../../../src/call/views.ts';
import { EventBus } from '../../../src/control/bus.ts';
import type { ControlEvent } from '../../../src/control/service.ts';
import { Bench, exampleConfig } from './bench.ts';
import { settle } from './ports.ts';

const SAM = { userId: 'sam' };
const ALICE = { userId: 'alice' };

describe('what a call shows', () => {
  it('R-SEE-1: the fields of the list, and what may be done with the reason for what may not', async () => {
    const bench = await Bench.start(['alice', 'lee', 'sam']);
    await bench.conversation();
    await bench.pass(5000);
    expect(bench.call('lee')).toMatchObject({
      state: 'active',
      direction: 'inbound',
      customer: { number: '+44123', name: '+44123' },
      agent: { id: 'alice', name: 'Alice', team: 'sales' },
      queue: 'sales',
      talkSeconds: 5,
      waitSeconds: 0,
      held: false,
      endedAt: null,
    });
    const actions = Object.fromEntries(bench.call('lee').actions.map((a) => [a.action, a.code ?? a.allowed]));
    expect(actions).toEqual({
      listen: true,
      whisper: 'forbidden',
      barge: 'forbidden',
      takeover: 'forbidden',
      transfer: 'forbidden',
      assign: 'forbidden',
      end: 'forbidden',
    });
  });

  it('R-START-5: supervisors see the calls of their teams, agents their own, admins all', async () => {
    const bench = await Bench.start(['alice', 'bob']);
    await bench.conversation();
    const seen = (user: string) => bench.control.calls({ userId: user }).length;
    expect(['sam', 'root', 'alice', 'max', 'bob', 'carol'].map(seen)).toEqual([1, 1, 1, 0, 0, 0]);
    const people = (user: string) => bench.control.agents({ userId: user }).map((a) => a.id);
    expect(people('sam')).toEqual(['alice', 'bob']);
    expect(people('max')).toEqual(['carol', 'robo']);
    expect(people('root')).toHaveLength(4);
    expect(bench.control.queues({ userId: 'max' }).map((q) => q.id)).toEqual(['support']);
  });

  it('R-SEE-2: the supervisor stands among the participants, but not for the agent', async () => {
    const bench = await Bench.start(['alice', 'sam']);
    const { id } = await bench.conversation();
    await bench.supervise('barge');
    const supervisor = bench.call('sam').participants.find((p) => p.role === 'supervisor');
    expect(supervisor).toMatchObject({ userId: 'sam', mode: 'barge', state: 'connected' });
    const own = bench.call('alice');
    expect(own.participants.map((p) => p.role)).toEqual(['customer', 'agent']);
    expect(own.supervisions).toEqual([]);
    expect(JSON.stringify(own)).not.toContain('sam');
    expect(JSON.stringify(bench.control.timeline(ALICE, id))).not.toContain('sam');
    expect(bench.control.supervisions(ALICE)).toEqual([]);
  });

  it('R-SEE-2: policy showSupervision shows it to everyone', async () => {
    const bench = await Bench.start(['alice', 'sam'], exampleConfig({ showSupervision: 'everyone' }));
    await bench.conversation();
    await bench.supervise('listen');
    expect(bench.call('alice').supervisions).toHaveLength(1);
  });

  it('R-SEE-3: the timeline holds every session with its changes', async () => {
    const bench = await Bench.start(['alice', 'sam']);
    const { id: callId } = await bench.conversation();
    const { id } = await bench.supervise('listen');
    await bench.control.changeSupervision(SAM, id, { mode: 'whisper' });
    await bench.control.changeSupervision(SAM, id, { paused: true });
    await bench.control.changeSupervision(SAM, id, { paused: false });
    await bench.control.stopSupervision(SAM, id);
    const entries = bench.control.timeline(SAM, callId).filter((e) => e.type.startsWith('supervision.'));
    expect(entries.map((e) => e.type.slice(12))).toEqual([
      'started',
      'answered',
      'active',
      'mode',
      'paused',
      'resumed',
      'ended',
    ]);
    expect(new Set(entries.map((e) => e.by))).toEqual(new Set(['sam']));
  });

  it('R-SEE-5: one audit record per supervision: who, whom, when, mode, why it ended', async () => {
    const bench = await Bench.start(['alice', 'sam']);
    const { customer } = await bench.conversation();
    await bench.supervise('whisper');
    customer.dialog!.bye();
    await settle();
    const audits = bench.records.filter((r) => r.kind === 'audit' && r.event === 'ended');
    expect(audits).toMatchObject([
      {
        supervision: { supervisor: { id: 'sam' }, mode: 'whisper', state: 'ended', endReason: 'call_ended' },
        target: { userId: 'alice', name: 'Alice' },
      },
    ]);
    expect(bench.records.filter((r) => r.kind === 'call')).toMatchObject([{ call: { state: 'closed' } }]);
  });

  it.each([
    ['agent', ['p2']],
    ['customer', ['p1']],
    ['both', ['p1', 'p2']],
    ['none', []],
  ] as const)('R-SEE-5: disclosure %s plays a sound while the call is supervised', async (disclosure, told) => {
    const bench = await Bench.start(['alice', 'sam'], exampleConfig({ disclosure }));
    const { id } = await bench.conversation();
    await bench.supervise('listen');
    const { endpoints } = bench.media.bridge(id);
    const playing = [...endpoints.values()].filter((e) => e.played.length > 0).map((e) => e.id);
    expect(playing).toEqual(told);
  });
});

describe('events (R-SEE-4)', () => {
  const follow = (bench: Bench, user: string, lastId: number | null = null) => {
    const events: ControlEvent[] = [];
    const stop = bench.control.subscribe({ userId: user }, lastId, (e) => events.push(e));
    return { events, stop };
  };

  it('come in order with rising ids, to those who may see them, without supervisions for the agent', async () => {
    const bench = await Bench.start(['alice', 'sam']);
    const sam = follow(bench, 'sam');
    const alice = follow(bench, 'alice');
    const max = follow(bench, 'max');
    await bench.conversation();
    await bench.supervise('listen');
    const ids = sam.events.map((e) => e.id);
    expect(ids).toEqual([...ids].sort((a, b) => a - b));
    expect(new Set(ids).size).toBe(ids.length);
    expect(sam.events.map((e) => e.type)).toEqual(
      expect.arrayContaining(['call.created', 'call.updated', 'agent.updated', 'queue.updated', 'supervision.started']),
    );
    expect(JSON.stringify(alice.events)).not.toContain('sam');
    expect(max.events).toEqual([]);
    const last = sam.events.findLast((e) => e.type === 'call.updated')!.data as CallView;
    expect(last.supervisions).toMatchObject([{ state: 'active' }]);
  });

  it('a client that comes back misses nothing; who stops hears nothing', async () => {
    const bench = await Bench.start(['alice', 'sam']);
    const whole = follow(bench, 'sam');
    await bench.conversation();
    const seen = whole.events[2]!.id;
    const back = follow(bench, 'sam', seen);
    whole.stop();
    await bench.supervise('listen');
    expect(back.events.slice(0, whole.events.length - 3)).toEqual(whole.events.slice(3));
    expect(back.events.at(-1)!.id).toBe(bench.control.lastEventId());
    expect(whole.events.at(-1)!.id).toBeLessThan(back.events.at(-1)!.id);
  });

  it('who does not see the call any more is told so; the agent gets no event for a supervision (R-SEE-2)', async () => {
    const bench = await Bench.start(['alice', 'carol', 'sam', 'sue']);
    const { id } = await bench.conversation();
    const alice = follow(bench, 'alice');
    const sam = follow(bench, 'sam');
    const root = follow(bench, 'root');
    const sue = await bench.supervise('listen', 'customer', 'sue');
    await bench.control.changeSupervision({ userId: 'sue' }, sue.id, { paused: true });
    expect(alice.events).toEqual([]);
    await bench.control.transfer({ userId: 'root' }, id, { queue: 'support' });
    await bench.answer('carol');
    for (const { events } of [alice, sam]) {
      const ofCall = events.filter((e) => e.callId === id);
      expect(ofCall.at(-1)).toMatchObject({ type: 'call.gone', data: { id } });
    }
    expect(bench.control.calls(SAM)).toEqual([]);
    expect(root.events.map((e) => e.type)).not.toContain('call.gone');
    expect(bench.control.call({ userId: 'sue' }, id).state).toBe('active'); // who supervises it keeps it in sight
  });

  it('begins with reset where the events are not kept any more, or the id is of another server', () => {
    const bus = new EventBus(10);
    for (let i = 0; i < 30; i++) bus.publish('now', { type: 't', full: () => i, plain: () => i, sees: () => 'full' });
    const from = (lastId: number) => {
      const got: ControlEvent[] = [];
      bus.subscribe('sam', lastId, 'now', (e) => got.push(e))();
      return got;
    };
    expect(from(3).map((e) => e.type)).toEqual(['reset']);
    expect(from(99).map((e) => e.type)).toEqual(['reset']);
    expect(from(27).map((e) => e.data)).toEqual([27, 28, 29]);
    expect(from(30)).toEqual([]);
  });
});

describe('agent states', () => {
  it('follow registration, wishes and calls', async () => {
    const bench = await Bench.start([]);
    expect(bench.state('alice')).toBe('offline');
    bench.register('alice');
    expect(bench.state('alice')).toBe('available');
    const set = (user: string, state: 'available' | 'away' | 'offline' | 'on-call', reason?: string) =>
      bench.control.setAgentState({ userId: user }, 'alice', state, reason);
    expect(set('alice', 'away', 'lunch')).toMatchObject({ state: 'away', stateReason: 'lunch' });
    expect(() => set('bob', 'available')).toThrow(expect.objectContaining({ code: 'forbidden' }));
    expect(() => set('carol', 'available')).toThrow(expect.objectContaining({ code: 'not_found' }));
    expect(() => set('sam', 'on-call')).toThrow(expect.objectContaining({ code: 'invalid_request' }));
    expect(set('sam', 'offline')).toMatchObject({ state: 'offline' });
    bench.signalling.unregister('alice');
    bench.register('alice');
    expect(bench.state('alice')).toBe('offline');
    expect(set('alice', 'available').state).toBe('available');
    await bench.conversation();
    expect(set('alice', 'away', 'lunch').state).toBe('on-call');
    bench.signalling.unregister('alice');
    expect(bench.state('alice')).toBe('on-call');
  });

  it('accepts only the agreed reasons, where there are some', async () => {
    const bench = await Bench.start(['alice'], exampleConfig({ awayReasons: ['lunch'] }));
    const set = (reason: string) => bench.control.setAgentState(ALICE, 'alice', 'away', reason);
    expect(() => set('nap')).toThrow(expect.objectContaining({ code: 'invalid_request' }));
    expect(set('lunch').stateReason).toBe('lunch');
  });
});

describe('stopping the server', () => {
  it('drains: no new calls, live ones may end; close hangs up what is left', async () => {
    const bench = await Bench.start(['alice', 'sam']);
    const { customer } = await bench.conversation();
    const drained = bench.control.drain(30);
    expect(bench.signalling.fromTrunk('8000').rejected).toBe(503);
    await expect(bench.control.dial(ALICE, 'alice', '+441')).rejects.toMatchObject({ code: 'conflict' });
    expect(customer.dialog!.hungUp).toBe(false);
    customer.dialog!.bye();
    await bench.pass(1000);
    await drained;
    await bench.control.close();
    await bench.control.close();
    expect(bench.leaks()).toEqual([]);
  });

  it('close ends live calls and supervisions at once', async () => {
    const bench = await Bench.start(['alice', 'sam'], exampleConfig({}, { wrapUpSeconds: 30 }));
    const { alice } = await bench.conversation();
    const { phone } = await bench.supervise('listen');
    await bench.control.close();
    await settle();
    expect([alice.hungUp, phone.hungUp]).toEqual([true, true]);
    expect(bench.leaks()).toEqual([]);
  });
});
