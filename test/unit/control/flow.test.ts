import { describe, expect, it } from 'vitest';
import { Bench, exampleConfig } from './bench.ts';
import { settle } from './ports.ts';

const ALICE = { userId: 'alice' };
const SAM = { userId: 'sam' };
const EVERYONE = ['alice', 'bob', 'carol', 'sam', 'sue', 'root'];

describe('consult by the API', () => {
  it('the customer hears music, the agents each other; complete hands over', async () => {
    const bench = await Bench.start(EVERYONE);
    const { id, alice } = await bench.conversation();
    const view = await bench.control.consult(ALICE, id, { agent: 'carol' });
    expect(view.consult).toEqual({ agent: 'carol' });
    expect(bench.heard()).toEqual(['alice<ringback', 'customer<music']);
    await bench.answer('carol');
    expect(bench.heard()).toEqual(['alice<carol', 'carol<alice', 'customer<music']);
    expect(bench.call()).toMatchObject({ state: 'active', held: true, agent: { id: 'alice' } });
    await bench.control.consultComplete(ALICE, id);
    await settle();
    expect(alice.hungUp).toBe(true);
    expect(bench.heard()).toEqual(['carol<customer', 'customer<carol']);
    expect(bench.call()).toMatchObject({ agent: { id: 'carol', team: 'support' }, consult: null, held: false });
    expect(bench.state('alice')).toBe('available');
  });

  it.each(['cancel', 'decline', 'the consulted one hangs up'])(
    '%s: the agent is back with the customer',
    async (how) => {
      const bench = await Bench.start(EVERYONE);
      const { id } = await bench.conversation();
      await bench.control.consult(ALICE, id, { agent: 'carol' });
      if (how === 'decline') (await bench.ringing('carol')).fail(603);
      else {
        const carol = await bench.answer('carol');
        if (how === 'cancel') await bench.control.consultCancel(ALICE, id);
        else carol.bye();
      }
      await settle();
      expect(bench.heard()).toEqual(['alice<customer', 'customer<alice']);
      expect(bench.call().consult).toBeNull();
      expect(bench.state('carol')).toBe('available');
    },
  );

  it('the agent hangs up while consulting: the consulted one has the customer', async () => {
    const bench = await Bench.start(EVERYONE);
    const { id, alice, customer } = await bench.conversation();
    await bench.control.consult(ALICE, id, { number: '1003' });
    const carol = await bench.answer('carol');
    alice.bye();
    await settle();
    expect(bench.heard()).toEqual(['carol<customer', 'customer<carol']);
    customer.dialog!.bye();
    await settle();
    expect(carol.hungUp).toBe(true);
    expect(bench.leaks()).toEqual([]);
  });

  it('is refused for those who cannot be reached, for others, and twice', async () => {
    const bench = await Bench.start(['alice', 'bob', 'sam']);
    const { id } = await bench.conversation();
    const consult = (user: string, agent: string) => bench.control.consult({ userId: user }, id, { agent });
    await expect(consult('alice', 'carol')).rejects.toMatchObject({ code: 'not_available' });
    await expect(consult('alice', 'nobody')).rejects.toMatchObject({ code: 'not_found' });
    await expect(consult('alice', 'alice')).rejects.toMatchObject({ code: 'conflict' });
    await expect(consult('sam', 'bob')).rejects.toMatchObject({ code: 'forbidden' });
    await consult('alice', 'bob');
    await expect(consult('alice', 'bob')).rejects.toMatchObject({ code: 'conflict' });
    await expect(bench.control.consultComplete(ALICE, id)).rejects.toMatchObject({ code: 'conflict' });
  });

  it('conference: a call of three, which goes on with whoever stays (R-ACT-6)', async () => {
    const bench = await Bench.start(EVERYONE);
    const { id, alice } = await bench.conversation();
    await bench.control.consult(ALICE, id, { agent: 'bob' });
    await bench.answer('bob');
    await bench.control.conference(ALICE, id);
    expect(bench.hears('customer')).toEqual(['alice', 'bob']);
    expect(bench.hears('bob')).toEqual(['alice', 'customer']);
    const refused = bench.control.startSupervision(SAM, id, { mode: 'listen' });
    await expect(refused).rejects.toMatchObject({ code: 'choose_target' }); // R-START-7
    alice.bye();
    await settle();
    expect(bench.heard()).toEqual(['bob<customer', 'customer<bob']);
    expect(bench.call().agent).toMatchObject({ id: 'bob' });
  });
});

describe('consult by the phone', () => {
  async function consulting(bench: Bench) {
    const made = await bench.conversation();
    await made.alice.hold();
    const second = bench.signalling.fromUser('alice', '1003');
    const carol = await bench.answer('carol');
    return { ...made, second, carol };
  }

  it('hold and a second call are a consult of the same call; REFER with Replaces completes it', async () => {
    const bench = await Bench.start(EVERYONE);
    const { alice, second, carol } = await consulting(bench);
    expect(bench.call()).toMatchObject({ consult: { agent: 'carol' }, agent: { id: 'alice' }, held: true });
    expect(bench.heard()).toEqual(['alice<carol', 'carol<alice', 'customer<music']);
    const reported = await alice.refer('1003', second.sipCallId);
    await bench.pass(2000);
    expect(reported).toEqual([200]);
    expect([alice.hungUp, second.dialog!.hungUp, carol.hungUp]).toEqual([true, true, false]);
    expect(bench.heard()).toEqual(['carol<customer', 'customer<carol']);
    expect(bench.state('alice')).toBe('available');
  });

  it('the second call ends: back to the held customer; a swap leaves the consulted one with music', async () => {
    const bench = await Bench.start(EVERYONE);
    const { alice, second, carol } = await consulting(bench);
    await second.dialog!.hold();
    await alice.resume();
    await settle();
    expect(bench.heard()).toEqual(['alice<customer', 'carol<music', 'customer<alice']);
    second.dialog!.bye();
    await settle();
    expect(carol.hungUp).toBe(true);
    expect(bench.heard()).toEqual(['alice<customer', 'customer<alice']);
  });

  it('a supervisor of the agent follows into the consult (R-HEAR-2), one of the customer does not (R-HEAR-6)', async () => {
    const bench = await Bench.start(EVERYONE, exampleConfig({ exclusivity: 'coach' }));
    const { alice } = await bench.conversation();
    await bench.supervise('whisper');
    await bench.supervise('listen', 'customer', 'sue');
    await alice.hold();
    bench.signalling.fromUser('alice', '1003');
    await bench.answer('carol');
    expect(bench.hears('sam')).toEqual(['alice', 'alice', 'carol']);
    expect(bench.hears('sue')).toEqual(['customer']);
    expect(bench.hears('carol')).toEqual(['alice']);
  });

  it('refuses Replaces of a dialog that is not its own consult', async () => {
    const bench = await Bench.start(EVERYONE);
    const { alice } = await consulting(bench);
    await expect(alice.refer('1003', 'elsewhere')).rejects.toMatchObject({ status: 481 });
    expect(bench.call().consult).toEqual({ agent: 'carol' });
  });

  it('is rejected to the phone as the consulted side said', async () => {
    const bench = await Bench.start(EVERYONE);
    const { alice } = await bench.conversation();
    await alice.hold();
    const second = bench.signalling.fromUser('alice', '1003');
    (await bench.ringing('carol')).fail(486);
    await settle();
    expect(second.rejected).toBe(486);
    expect(bench.call().consult).toBeNull();
  });

  it('is given up while it rings: the customer is still there', async () => {
    const bench = await Bench.start(EVERYONE);
    const { alice } = await bench.conversation();
    await alice.hold();
    const second = bench.signalling.fromUser('alice', '1003');
    const carol = await bench.ringing('carol');
    second.cancel();
    await settle();
    expect(carol.state).toBe('cancelled');
    expect(bench.call()).toMatchObject({ state: 'active', consult: null });
    await alice.resume();
    await settle();
    expect(bench.heard()).toEqual(['alice<customer', 'customer<alice']);
  });

  it('has no media: it is refused, and the customer is still there', async () => {
    const bench = await Bench.start(EVERYONE);
    await bench.conversation();
    bench.media.full = true;
    const second = bench.signalling.fromUser('alice', '1003');
    await settle();
    expect(second.rejected).toBe(503);
    expect(bench.call()).toMatchObject({ state: 'active', consult: null });
    expect(bench.heard()).toEqual(['alice<customer', 'customer<alice']);
  });

  it('the customer hangs up: everything is released', async () => {
    const bench = await Bench.start(EVERYONE);
    const { customer, second } = await consulting(bench);
    customer.dialog!.bye();
    await settle();
    expect(second.dialog!.hungUp).toBe(true);
    expect(bench.leaks()).toEqual([]);
  });
});

describe('blind transfer by REFER', () => {
  it('reports the progress, hands over on answer, and hangs the transferor up', async () => {
    const bench = await Bench.start(EVERYONE);
    const { alice } = await bench.conversation();
    await alice.hold();
    const reported = await alice.refer('1003');
    await settle();
    expect(bench.heard()).toEqual(['customer<music']);
    await bench.answer('carol');
    expect(reported).toEqual([200]);
    expect(bench.heard()).toEqual(['carol<customer', 'customer<carol']);
    await bench.pass(2000);
    expect(alice.hungUp).toBe(true);
  });

  it('fails: the transferor is told and takes the call back', async () => {
    const bench = await Bench.start(EVERYONE);
    const { alice } = await bench.conversation();
    const reported = await alice.refer('1003');
    (await bench.ringing('carol')).fail(486);
    await settle();
    expect(reported).toEqual([486]);
    expect(bench.heard()).toEqual(['alice<customer', 'customer<alice']);
  });

  it('the transferor leaves at once: the customer waits; on failure the queue has the call again', async () => {
    const bench = await Bench.start(['alice', 'carol']);
    const { alice } = await bench.conversation();
    await alice.refer('1003');
    alice.bye();
    await settle();
    expect(bench.call()).toMatchObject({ state: 'waiting' });
    expect(bench.heard()).toEqual(['customer<music']);
    (await bench.ringing('carol')).fail(603);
    expect((await bench.ringing('alice')).request.from.number).toBe('+44123');
  });

  it.each([
    ['4711', 404],
    ['1002', 480],
  ])('refuses a transfer to %s with %i', async (to, status) => {
    const bench = await Bench.start(['alice']);
    const { alice } = await bench.conversation();
    await expect(alice.refer(to)).rejects.toMatchObject({ status });
  });

  it('to a queue and to a number', async () => {
    const bench = await Bench.start(EVERYONE);
    const { alice } = await bench.conversation();
    expect(await alice.refer('8001')).toEqual([200]);
    const carol = await bench.answer('carol');
    expect(bench.call()).toMatchObject({ queue: 'support', agent: { id: 'carol' }, state: 'active' });
    await carol.refer('+44888');
    await bench.answer('+44888');
    expect(
      bench
        .call()
        .participants.filter((p) => p.state !== 'left')
        .map((p) => p.address),
    ).toEqual(['+44123', '+44888']);
  });
});

describe('supervision while the call changes', () => {
  it('R-FLOW-1: a barge rests while the agent consults, and goes on by itself', async () => {
    const bench = await Bench.start(EVERYONE);
    const { id } = await bench.conversation();
    const barge = await bench.supervise('barge');
    await bench.control.consult(ALICE, id, { agent: 'carol' });
    await bench.answer('carol');
    expect(bench.control.supervision(SAM, barge.id).state).toBe('held');
    expect(bench.hears('sam')).toEqual([]);
    expect(bench.heard().filter((pair) => pair.endsWith('<sam'))).toEqual([]);
    await bench.control.consultCancel(ALICE, id);
    expect(bench.control.supervision(SAM, barge.id).state).toBe('active');
    expect(bench.hears('customer')).toEqual(['alice', 'sam']);
  });

  it('R-FLOW-2: a barge ends with transferred_out to another team or queue, and goes along inside the team', async () => {
    for (const [to, reason] of [
      [{ agent: 'bob' }, null],
      [{ agent: 'carol' }, 'transferred_out'],
      [{ queue: 'support' }, 'transferred_out'],
    ] as const) {
      const bench = await Bench.start(EVERYONE);
      const { id } = await bench.conversation();
      const barge = await bench.supervise('barge');
      await bench.control.transfer(ALICE, id, to);
      await bench.answer('agent' in to ? to.agent : 'carol');
      expect(bench.control.supervision(SAM, barge.id).endReason).toBe(reason);
      if (reason === null) expect(bench.hears('customer')).toEqual(['bob', 'sam']);
    }
  });

  it('R-FLOW-3, R-HEAR-6: a listener stays with the target: the agent leaves, the customer goes on', async () => {
    const bench = await Bench.start(EVERYONE, exampleConfig({ exclusivity: 'coach' }));
    const { id } = await bench.conversation();
    const ofAgent = await bench.supervise('listen', 'agent');
    const ofCustomer = await bench.supervise('listen', 'customer', 'sue');
    await bench.control.transfer(ALICE, id, { agent: 'carol' });
    await bench.answer('carol');
    expect(bench.control.supervision(SAM, ofAgent.id).endReason).toBe('agent_left');
    expect(bench.control.supervision({ userId: 'sue' }, ofCustomer.id).state).toBe('active');
    expect(bench.hears('sue')).toEqual(['carol', 'customer']);
  });

  it('R-HEAR-6: with the agent as target the supervision follows into the conference', async () => {
    const bench = await Bench.start(EVERYONE);
    const { id } = await bench.conversation();
    await bench.supervise('listen');
    await bench.control.consult(ALICE, id, { agent: 'bob' });
    await bench.answer('bob');
    expect(bench.hears('sam')).toEqual(['alice', 'bob']);
    await bench.control.conference(ALICE, id);
    expect(bench.hears('sam')).toEqual(['alice', 'bob', 'customer']);
  });
});
