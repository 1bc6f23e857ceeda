import { describe, expect, it } from 'vitest';
import type { Mode } from '../../../src/call/views.ts';
import { Bench, exampleConfig } from './bench.ts';
import { settle } from './ports.ts';

const SAM = { userId: 'sam' };
const TALK = ['alice<customer', 'customer<alice'];
const HEARD: Record<Mode, string[]> = {
  listen: [...TALK, 'sam<alice', 'sam<customer'],
  whisper: ['alice<customer', 'alice<sam', 'customer<alice', 'sam<alice', 'sam<customer'],
  barge: ['alice<customer', 'alice<sam', 'customer<alice', 'customer<sam', 'sam<alice', 'sam<customer'],
};

const start = (bench: Bench, mode: Mode, user = 'sam', target?: string) =>
  bench.control.startSupervision({ userId: user }, bench.call().id, target === undefined ? { mode } : { mode, target });

describe('starting a supervision', () => {
  it('R-START-2, R-START-3: rings the own phone with auto-answer; answered, it is active', async () => {
    const bench = await Bench.start(['alice', 'sam']);
    await bench.conversation();
    const started = await start(bench, 'listen');
    expect(started).toMatchObject({ state: 'ringing', mode: 'listen', paused: false, supervisor: { id: 'sam' } });
    expect(bench.heard()).toEqual(TALK);
    const phone = await bench.ringing('sam');
    expect(phone.request.autoAnswer).toBe(true);
    phone.answer();
    await settle();
    expect(bench.control.supervision(SAM, started.id).state).toBe('active');
    expect(bench.state('sam')).toBe('on-call');
  });

  it.each(['listen', 'whisper', 'barge'] as const)('R-HEAR-2 to 4: %s', async (mode) => {
    const bench = await Bench.start(['alice', 'sam']);
    await bench.conversation();
    await bench.supervise(mode);
    expect(bench.heard()).toEqual(HEARD[mode]);
  });

  it('R-HEAR-9: is not active before the engine has confirmed the matrix', async () => {
    const bench = await Bench.start(['alice', 'sam']);
    await bench.conversation();
    const gate = Promise.withResolvers<undefined>();
    bench.media.gate = gate.promise;
    const { id } = await bench.supervise('barge');
    expect(bench.control.supervision(SAM, id).state).toBe('ringing');
    expect(bench.heard()).toEqual(TALK);
    gate.resolve(undefined);
    await settle();
    expect(bench.control.supervision(SAM, id).state).toBe('active');
  });

  it('R-HEAR-9: ends with media_failed, and hangs up, when the engine refuses; the call goes on', async () => {
    const bench = await Bench.start(['alice', 'sam']);
    const { alice } = await bench.conversation();
    const started = await start(bench, 'listen');
    bench.media.refuseMatrices = 1;
    const phone = await bench.ringing('sam');
    phone.answer();
    await settle();
    expect(bench.control.supervision(SAM, started.id)).toMatchObject({ state: 'ended', endReason: 'media_failed' });
    expect(phone.dialog!.hungUp).toBe(true);
    expect(alice.hungUp).toBe(false);
    expect(bench.heard()).toEqual(TALK);
  });

  it('answers media_unavailable where the engine has no leg for the phone', async () => {
    const bench = await Bench.start(['alice', 'sam']);
    await bench.conversation();
    bench.media.full = true;
    await expect(start(bench, 'listen')).rejects.toMatchObject({ code: 'media_unavailable' });
    await settle();
    expect(bench.control.supervisions(SAM)).toEqual([]);
    expect(bench.state('sam')).toBe('available');
    expect(bench.call().state).toBe('active');
  });

  it.each([
    [486, 'phone_busy'],
    [600, 'phone_busy'],
    [603, 'phone_declined'],
    [480, 'phone_declined'],
    [408, 'no_answer'],
  ])('R-START-8: the phone says %i: %s', async (status, reason) => {
    const bench = await Bench.start(['alice', 'sam']);
    await bench.conversation();
    const { id } = await start(bench, 'listen');
    (await bench.ringing('sam')).fail(status);
    await settle();
    expect(bench.control.supervision(SAM, id)).toMatchObject({ state: 'ended', endReason: reason });
    expect(bench.call().participants.filter((p) => p.role === 'supervisor')[0]!.state).toBe('left');
  });

  it('R-START-8: no_answer after the configured time, call_ended when the call ends before', async () => {
    const bench = await Bench.start(['alice', 'sam'], exampleConfig({ ringSeconds: 5 }));
    const { customer } = await bench.conversation();
    const first = await start(bench, 'listen');
    const ringing = await bench.ringing('sam');
    await bench.pass(5000);
    expect(bench.control.supervision(SAM, first.id).endReason).toBe('no_answer');
    expect(ringing.state).toBe('cancelled');
    const second = await start(bench, 'listen');
    const again = await bench.ringing('sam');
    customer.dialog!.bye();
    await settle();
    expect(bench.control.supervision(SAM, second.id).endReason).toBe('call_ended');
    expect(again.state).toBe('cancelled');
    expect(bench.leaks()).toEqual([]);
  });

  it('R-START-3: rings another phone, named by number, which is picked up by hand', async () => {
    const bench = await Bench.start(['alice']);
    await bench.conversation();
    const { id } = bench.call();
    await bench.control.startSupervision(SAM, id, { mode: 'listen', phone: '+44999' });
    expect((await bench.ringing('+44999')).request.autoAnswer).toBe(false);
    await bench.answer('+44999');
    expect(bench.hears('sam')).toEqual(['alice', 'customer']);
  });

  it('R-START-5: permissions, and calls of other teams do not exist', async () => {
    const bench = await Bench.start(['alice', 'lee', 'max', 'root', 'bob']);
    await bench.conversation();
    await expect(start(bench, 'whisper', 'lee')).rejects.toMatchObject({ code: 'forbidden' });
    await expect(start(bench, 'listen', 'max')).rejects.toMatchObject({ code: 'not_found' });
    await expect(start(bench, 'listen', 'alice')).rejects.toMatchObject({ code: 'forbidden' });
    await expect(start(bench, 'listen', 'carol')).rejects.toMatchObject({ code: 'not_found' });
    await expect(start(bench, 'barge', 'root')).resolves.toMatchObject({ state: 'ringing' });
  });

  it('R-START-6: not while the call is open or ringing', async () => {
    const bench = await Bench.start(['sam']);
    bench.signalling.fromTrunk('8000');
    await settle();
    await expect(start(bench, 'listen')).rejects.toMatchObject({ code: 'call_not_monitorable' });
    bench.register('alice');
    await bench.ringing('alice');
    await expect(start(bench, 'listen')).rejects.toMatchObject({ code: 'call_not_monitorable' });
  });

  it('R-START-4: only when available, and never the own call', async () => {
    const bench = await Bench.start(['alice', 'sam', 'sue']);
    bench.control.setAgentState({ userId: 'sue' }, 'sue', 'away', 'lunch');
    bench.signalling.fromUser('sam', '1001');
    await bench.answer('alice');
    await expect(start(bench, 'listen')).rejects.toMatchObject({ code: 'own_call' });
    await expect(start(bench, 'listen', 'sue')).rejects.toMatchObject({
      code: 'not_available',
      fields: { state: 'away' },
    });
  });

  it('R-START-4: policy monitorWhenStatus allows more states', async () => {
    const bench = await Bench.start(['alice', 'sam'], exampleConfig({ monitorWhenStatus: ['available', 'away'] }));
    await bench.conversation();
    bench.control.setAgentState(SAM, 'sam', 'away');
    await expect(start(bench, 'listen')).resolves.toMatchObject({ state: 'ringing' });
  });

  it('no_phone where none is registered', async () => {
    const bench = await Bench.start(['alice']);
    await bench.conversation();
    await expect(start(bench, 'listen')).rejects.toMatchObject({ code: 'no_phone' });
    bench.register('sam');
    bench.signalling.unregister('sue');
    await expect(
      bench.control.startSupervision(SAM, bench.call().id, { mode: 'listen', phone: '2002' }),
    ).rejects.toMatchObject({ code: 'no_phone' });
  });

  it('R-START-7: several agents: the target is chosen from a list', async () => {
    const bench = await Bench.start(['alice', 'bob', 'sam']);
    bench.signalling.fromUser('alice', '1002');
    await bench.answer('bob');
    const refused = await start(bench, 'listen').catch((e: unknown) => e);
    const { choices } = (refused as { fields: { choices: { id: string; userId: string }[] } }).fields;
    expect(refused).toMatchObject({ code: 'choose_target' });
    expect(choices.map((c) => c.userId)).toEqual(['alice', 'bob']);
    await start(bench, 'listen', 'sam', choices[1]!.id);
    await bench.answer('sam');
    expect(bench.hears('sam')).toEqual(['alice', 'bob']);
  });

  it('refuses an unknown target and a whisper to the customer (R-HEAR-3)', async () => {
    const bench = await Bench.start(['alice', 'sam']);
    await bench.conversation();
    await expect(start(bench, 'listen', 'sam', 'p99')).rejects.toMatchObject({ code: 'not_found' });
    await expect(start(bench, 'whisper', 'sam', 'customer')).rejects.toMatchObject({ code: 'whisper_to_customer' });
  });

  it('R-MODE-4: no barge into a talk between agents', async () => {
    const bench = await Bench.start(['alice', 'bob', 'sam']);
    bench.signalling.fromUser('alice', '1002');
    await bench.answer('bob');
    const alice = bench.call().participants.find((p) => p.userId === 'alice')!;
    await expect(start(bench, 'barge', 'sam', alice.id)).rejects.toMatchObject({ code: 'agent_consulting' });
  });
});

describe('a supervision under way', () => {
  it('R-MODE-3: switches as often as wanted, without a new call, in force when answered', async () => {
    const bench = await Bench.start(['alice', 'sam']);
    await bench.conversation();
    const { id } = await bench.supervise('listen');
    for (const mode of ['whisper', 'barge', 'listen', 'barge', 'whisper'] as const) {
      await bench.control.changeSupervision(SAM, id, { mode });
      expect(bench.heard()).toEqual(HEARD[mode]);
    }
    expect(bench.signalling.dials).toHaveLength(2);
  });

  it('R-MODE-1, R-MODE-2, R-HEAR-5: pause mutes and deafens, resume goes on in the same mode', async () => {
    const bench = await Bench.start(['alice', 'sam']);
    await bench.conversation();
    const { id, phone } = await bench.supervise('whisper');
    const paused = await bench.control.changeSupervision(SAM, id, { paused: true });
    expect(paused).toMatchObject({ paused: true, mode: 'whisper', state: 'active' });
    expect(bench.heard()).toEqual(TALK);
    expect(phone.hungUp).toBe(false);
    await expect(bench.control.changeSupervision(SAM, id, { mode: 'barge' })).rejects.toMatchObject({ code: 'paused' });
    await bench.control.changeSupervision(SAM, id, { paused: false });
    expect(bench.heard()).toEqual(HEARD.whisper);
  });

  it('R-START-5: a switch needs its permission', async () => {
    const bench = await Bench.start(['alice', 'lee', 'sam']);
    await bench.conversation();
    const { id } = await bench.supervise('listen', 'agent', 'lee');
    const change = (user: string) => bench.control.changeSupervision({ userId: user }, id, { mode: 'whisper' });
    await expect(change('lee')).rejects.toMatchObject({ code: 'forbidden' });
    await expect(change('sam')).rejects.toMatchObject({ code: 'forbidden' });
    await expect(change('max')).rejects.toMatchObject({ code: 'not_found' });
  });

  it('R-MODE-5, R-HEAR-7: stopping hangs up and leaves no pair; the call goes on', async () => {
    const bench = await Bench.start(['alice', 'sam']);
    const { alice } = await bench.conversation();
    const { id, phone } = await bench.supervise('barge');
    const stopped = await bench.control.stopSupervision(SAM, id);
    expect(stopped).toMatchObject({ state: 'ended', endReason: 'stopped' });
    await settle();
    expect(phone.hungUp).toBe(true);
    expect(alice.hungUp).toBe(false);
    expect(bench.heard()).toEqual(TALK);
    expect(bench.state('sam')).toBe('available');
    expect(await bench.control.stopSupervision(SAM, id)).toMatchObject({ endReason: 'stopped' });
  });

  it('R-FLOW-4: the customer hangs up: call_ended, every phone released', async () => {
    const bench = await Bench.start(['alice', 'sam']);
    const { customer } = await bench.conversation();
    const { id, phone } = await bench.supervise('listen', 'customer');
    customer.dialog!.bye();
    await settle();
    expect(bench.control.supervision(SAM, id).endReason).toBe('call_ended');
    expect(phone.hungUp).toBe(true);
    expect(bench.leaks()).toEqual([]);
  });

  it('R-HEAR-6: agent or customer as target while the customer is on hold', async () => {
    const bench = await Bench.start(['alice', 'sam', 'sue'], exampleConfig({ exclusivity: 'coach' }));
    const { alice } = await bench.conversation();
    await bench.supervise('listen', 'agent');
    await bench.supervise('listen', 'customer', 'sue');
    await alice.hold();
    await settle();
    expect(bench.hears('sam')).toEqual(['alice']);
    expect(bench.hears('sue')).toEqual(['customer']);
    expect(bench.hears('customer')).toEqual(['music']);
  });

  it('R-HEAR-8: agent and customer see no re-INVITE and no change of what they hear of each other', async () => {
    const bench = await Bench.start(['alice', 'sam']);
    const { id: callId } = await bench.conversation();
    const { id } = await bench.supervise('listen');
    await bench.control.changeSupervision(SAM, id, { mode: 'barge' });
    await bench.control.changeSupervision(SAM, id, { paused: true });
    await bench.control.stopSupervision(SAM, id);
    await settle();
    for (const { matrix } of bench.media.bridge(callId).applied.slice(1)) {
      const [customer, alice] = [...bench.call().participants].map((p) => p.id);
      expect(matrix.get(customer!)).toContain(alice);
      expect(matrix.get(alice!)).toContain(customer);
    }
  });

  it('R-START-9: keys switch, pause and end, by the same rules', async () => {
    const bench = await Bench.start(['alice', 'sam']);
    const { id: callId } = await bench.conversation();
    const { id, phone } = await bench.supervise('listen');
    const leg = bench.call().participants.find((p) => p.role === 'supervisor')!.id;
    expect(bench.media.bridge(callId).endpoints.get(leg)!.options.dtmf).toBe('collect');
    const press = async (digit: string, by: 'rfc4733' | 'info') => {
      if (by === 'info') phone.key(digit);
      else bench.media.bridge(callId).events.onDtmf(leg, digit);
      await settle();
      return bench.control.supervision(SAM, id);
    };
    expect(await press('2', 'rfc4733')).toMatchObject({ mode: 'whisper' });
    expect(await press('3', 'info')).toMatchObject({ mode: 'barge' });
    expect(await press('0', 'info')).toMatchObject({ mode: 'barge', paused: true });
    expect(await press('2', 'info')).toMatchObject({ mode: 'barge', paused: true });
    expect(await press('0', 'info')).toMatchObject({ mode: 'barge', paused: false });
    expect(await press('1', 'info')).toMatchObject({ mode: 'listen' });
    expect(await press('7', 'info')).toMatchObject({ mode: 'listen' });
    expect(await press('#', 'info')).toMatchObject({ state: 'ended', endReason: 'stopped' });
    expect(phone.hungUp).toBe(true);
  });

  it('R-FLOW-5: nobody signs out with a supervision open', async () => {
    const bench = await Bench.start(['alice', 'sam']);
    await bench.conversation();
    const { id } = await bench.supervise('listen');
    expect(() => bench.control.assertMaySignOut(SAM)).toThrow(expect.objectContaining({ code: 'supervision_open' }));
    await bench.control.stopSupervision(SAM, id);
    expect(() => bench.control.assertMaySignOut(SAM)).not.toThrow();
  });
});
