import { describe, expect, it } from 'vitest';
import { Bench, exampleConfig } from './bench.ts';
import { settle } from './ports.ts';

const ALICE = { userId: 'alice' };
const SAM = { userId: 'sam' };
const EVERYONE = ['alice', 'bob', 'carol', 'robo', 'sam', 'sue', 'lee', 'root'];

/** A customer has called alice's extension, past the queues. */
async function direct() {
  const bench = await Bench.start(EVERYONE);
  bench.signalling.fromTrunk('1001');
  const alice = await bench.answer('alice');
  return { bench, id: bench.call().id, alice };
}

describe('take over (R-ACT-1)', () => {
  it('from a supervision: its leg is reused, the agent leaves, the customer is never alone', async () => {
    const bench = await Bench.start(EVERYONE);
    const { id, alice } = await bench.conversation();
    const supervision = await bench.supervise('listen');
    const dials = bench.signalling.dials.length;
    const view = await bench.control.takeover(SAM, id);
    expect(view).toMatchObject({ state: 'active', agent: { id: 'sam' } });
    expect(bench.signalling.dials).toHaveLength(dials);
    await settle();
    expect(alice.hungUp).toBe(true);
    expect(bench.heard()).toEqual(['customer<sam', 'sam<customer']);
    expect(bench.control.supervision(SAM, supervision.id)).toMatchObject({ state: 'ended', endReason: 'stopped' });
    const customer = view.participants.find((p) => p.role === 'customer')!.id;
    for (const { matrix } of bench.media.bridge(id).applied) expect(matrix.get(customer)?.size).toBeGreaterThan(0);
    supervision.phone.bye();
    await settle();
    expect(bench.leaks()).toEqual([]);
  });

  it('from scratch: the agent talks on until the supervisor has answered', async () => {
    const bench = await Bench.start(EVERYONE);
    const { id, alice, customer } = await bench.conversation();
    await bench.control.takeover(SAM, id);
    const ringing = await bench.ringing('sam');
    expect(ringing.request.autoAnswer).toBe(true);
    expect(bench.heard()).toEqual(['alice<customer', 'customer<alice']);
    ringing.answer();
    await settle();
    expect(alice.hungUp).toBe(true);
    expect(bench.heard()).toEqual(['customer<sam', 'sam<customer']);
    customer.dialog!.bye();
    await settle();
    expect(bench.leaks()).toEqual([]);
  });

  it('changes nothing when the supervisor does not answer', async () => {
    const bench = await Bench.start(EVERYONE);
    const { id } = await bench.conversation();
    await bench.control.takeover(SAM, id);
    (await bench.ringing('sam')).fail(486);
    await settle();
    expect(bench.heard()).toEqual(['alice<customer', 'customer<alice']);
    expect(bench.state('sam')).toBe('available');
  });

  it('displaces the supervision of another supervisor, and needs its permission', async () => {
    const bench = await Bench.start(EVERYONE);
    const { id } = await bench.conversation();
    const sue = await bench.supervise('whisper', 'agent', 'sue');
    await expect(bench.control.takeover({ userId: 'lee' }, id)).rejects.toMatchObject({ code: 'forbidden' });
    await bench.control.takeover(SAM, id);
    await bench.answer('sam');
    expect(bench.control.supervision(SAM, sue.id).endReason).toBe('displaced');
    expect(sue.phone.hungUp).toBe(true);
  });

  it('R-MODE-6: not while barged', async () => {
    const bench = await Bench.start(EVERYONE);
    const { id } = await bench.conversation();
    await bench.supervise('barge');
    await expect(bench.control.takeover(SAM, id)).rejects.toMatchObject({ code: 'barged' });
    await expect(bench.control.transfer(SAM, id, { agent: 'bob' })).rejects.toMatchObject({ code: 'barged' });
    await expect(bench.control.consult(SAM, id, { agent: 'bob' })).rejects.toMatchObject({ code: 'barged' });
    await expect(bench.control.conference(SAM, id)).rejects.toMatchObject({ code: 'barged' });
  });
});

describe('transfer (R-ACT-2)', () => {
  it('without the consent of the agent, who is disconnected', async () => {
    const bench = await Bench.start(EVERYONE);
    const { id, alice } = await bench.conversation();
    const view = await bench.control.transfer(SAM, id, { agent: 'bob' });
    expect(view.state).toBe('waiting');
    await settle();
    expect(alice.hungUp).toBe(true);
    expect(bench.heard()).toEqual(['customer<music']);
    await bench.answer('bob');
    expect(bench.call()).toMatchObject({ state: 'active', agent: { id: 'bob' } });
    expect(bench.heard()).toEqual(['bob<customer', 'customer<bob']);
  });

  it('to a number, to a queue; what fails goes back to the queue', async () => {
    const bench = await Bench.start(['alice', 'sam']);
    const { id, customer } = await bench.conversation();
    await bench.control.transfer(SAM, id, { number: '+44999' });
    (await bench.ringing('+44999')).fail(486);
    const again = await bench.ringing('alice');
    again.answer();
    await settle();
    await bench.control.transfer(SAM, id, { queue: 'support' });
    await settle();
    expect(bench.call()).toMatchObject({ id, state: 'waiting', queue: 'support' });
    customer.dialog!.bye();
    await settle();
    expect(bench.leaks()).toEqual([]);
  });

  it('of a call that waits stops the phone that rings for it', async () => {
    const bench = await Bench.start(EVERYONE);
    const { id } = await bench.conversation();
    await bench.control.transfer(SAM, id, { agent: 'bob' });
    const bob = await bench.ringing('bob');
    await bench.control.transfer(SAM, id, { agent: 'carol' });
    expect(bob.state).toBe('cancelled');
    await bench.answer('carol');
    expect(bench.heard()).toEqual(['carol<customer', 'customer<carol']);
    expect(bench.state('bob')).toBe('available');
  });

  it('of a call without a queue comes back to whoever had it, where the target does not answer', async () => {
    const { bench, id } = await direct();
    await bench.control.transfer(SAM, id, { agent: 'bob' });
    const bob = await bench.ringing('bob');
    await bench.control.transfer(SAM, id, { agent: 'carol' }); // while it waits for the first
    expect(bob.state).toBe('cancelled');
    (await bench.ringing('carol')).fail(603);
    await bench.answer('alice');
    expect(bench.call()).toMatchObject({ id, state: 'active', agent: { id: 'alice' } });
    expect(bench.heard()).toEqual(['alice<customer', 'customer<alice']);
    expect(bench.control.timeline(SAM, id).map(({ type }) => type)).toContain('transfer.recalled');
  });

  it('of a call between extensions comes back too', async () => {
    const bench = await Bench.start(EVERYONE);
    bench.signalling.fromUser('alice', '1002');
    await bench.answer('bob');
    const { id } = bench.call();
    await bench.control.transfer(ALICE, id, { agent: 'carol' });
    (await bench.ringing('carol')).fail(486);
    await bench.answer('alice');
    expect(bench.heard()).toEqual(['alice<bob', 'bob<alice']);
  });

  it('of a consult that rings when its agent hangs up comes back too', async () => {
    const { bench, id, alice } = await direct();
    await bench.control.consult(ALICE, id, { agent: 'carol' });
    const carol = await bench.ringing('carol');
    alice.bye();
    await settle();
    expect(bench.call()).toMatchObject({ id, state: 'waiting' });
    carol.fail(486);
    await bench.answer('alice');
    expect(bench.heard()).toEqual(['alice<customer', 'customer<alice']);
  });

  it('of a call without a queue ends it, where nobody takes it any more', async () => {
    const { bench, id } = await direct();
    await bench.control.transfer(SAM, id, { agent: 'bob' });
    (await bench.ringing('bob')).fail(603);
    (await bench.ringing('alice')).fail(480);
    await settle();
    expect(bench.control.call(SAM, id)).toMatchObject({ state: 'closed', endReason: 'transfer_failed' });
    expect(bench.leaks()).toEqual([]);
  });

  it('is refused: nobody there, bots, unknown, not a conversation', async () => {
    const bench = await Bench.start(['alice', 'robo', 'sam']);
    const { id, customer } = await bench.conversation();
    const transfer = (to: Parameters<typeof bench.control.transfer>[2]) => bench.control.transfer(SAM, id, to);
    await expect(transfer({ agent: 'bob' })).rejects.toMatchObject({ code: 'not_available' });
    await expect(transfer({ agent: 'robo' })).rejects.toMatchObject({ code: 'not_transferable' });
    await expect(transfer({ agent: 'nobody' })).rejects.toMatchObject({ code: 'not_found' });
    await expect(transfer({ queue: 'nowhere' })).rejects.toMatchObject({ code: 'not_found' });
    await expect(transfer({ number: '77' })).rejects.toMatchObject({ code: 'invalid_request' });
    customer.dialog!.bye();
    await settle();
    await expect(transfer({ queue: 'sales' })).rejects.toMatchObject({ code: 'conflict' });
    bench.control.setAgentState(ALICE, 'alice', 'away');
    bench.signalling.fromTrunk('8000');
    await settle();
    const open = bench.call().id;
    await expect(bench.control.transfer(SAM, open, { queue: 'support' })).rejects.toMatchObject({
      code: 'not_transferable',
    });
  });
});

describe('transfer with policy accept (R-ACT-3)', () => {
  const start = () => Bench.start(EVERYONE, exampleConfig({ transfer: 'accept' }));

  it('accepted: the first agent stays as consultant until leaving', async () => {
    const bench = await start();
    const { id, alice } = await bench.conversation();
    await bench.control.transfer(SAM, id, { agent: 'bob' });
    expect(bench.heard()).toEqual(['alice<customer', 'customer<alice']);
    await bench.answer('bob');
    expect(bench.call()).toMatchObject({ agent: { id: 'bob' }, state: 'active' });
    expect(bench.call().participants.find((p) => p.userId === 'alice')!.role).toBe('consulted');
    expect(bench.hears('customer')).toEqual(['alice', 'bob']);
    alice.bye();
    await settle();
    expect(bench.heard()).toEqual(['bob<customer', 'customer<bob']);
  });

  it('is offered to one at a time, and not during a consult', async () => {
    const bench = await start();
    const { id } = await bench.conversation();
    await bench.control.transfer(SAM, id, { agent: 'bob' });
    const conflict = { code: 'conflict' };
    await expect(bench.control.transfer(SAM, id, { agent: 'carol' })).rejects.toMatchObject(conflict);
    await expect(bench.control.consult(ALICE, id, { agent: 'carol' })).rejects.toMatchObject(conflict);
  });

  it('rejected: nothing has changed', async () => {
    const bench = await start();
    const { id, alice } = await bench.conversation();
    await bench.control.transfer(ALICE, id, { agent: 'bob' });
    (await bench.ringing('bob')).fail(603);
    await settle();
    expect(alice.hungUp).toBe(false);
    expect(bench.heard()).toEqual(['alice<customer', 'customer<alice']);
    expect(bench.call()).toMatchObject({ state: 'active', agent: { id: 'alice' } });
  });

  it('the first agent leaves before the answer: the customer waits, and has the queue if it is rejected', async () => {
    const bench = await start();
    const { id, alice } = await bench.conversation();
    await bench.control.transfer(ALICE, id, { agent: 'bob' });
    alice.bye();
    await settle();
    expect(bench.call().state).toBe('waiting');
    (await bench.ringing('bob')).fail(603);
    await bench.answer('alice');
    expect(bench.call()).toMatchObject({ state: 'active', agent: { id: 'alice' } });
  });
});

describe('assign (R-ACT-4)', () => {
  async function open() {
    const bench = await Bench.start(['carol', 'sam', 'root']);
    bench.signalling.fromTrunk('8000');
    await settle();
    return { bench, id: bench.call().id };
  }

  it('an open call to an agent, or to another queue', async () => {
    const { bench, id } = await open();
    expect(await bench.control.assign(SAM, id, { agent: 'carol' }, false)).toMatchObject({ excess: 0 });
    await bench.answer('carol');
    expect(bench.call()).toMatchObject({ state: 'active', agent: { id: 'carol' } });
    await expect(bench.control.assign(SAM, id, { agent: 'carol' }, true)).rejects.toMatchObject({
      code: 'not_assignable',
    });
    bench.signalling.fromTrunk('8000');
    await settle();
    const other = bench.control.calls(SAM).find((c) => c.state === 'open')!;
    await bench.control.assign(SAM, other.id, { queue: 'support' }, false);
    expect(bench.control.call({ userId: 'root' }, other.id).queue).toBe('support');
  });

  it('override sets state and capacity aside and says by how much', async () => {
    const { bench, id } = await open();
    const assign = (override: boolean) => bench.control.assign(SAM, id, { agent: 'carol' }, override);
    bench.control.setAgentState({ userId: 'carol' }, 'carol', 'away');
    await expect(assign(false)).rejects.toMatchObject({ code: 'not_available' });
    bench.control.setAgentState({ userId: 'carol' }, 'carol', 'available');
    bench.signalling.fromTrunk('1003', '+441');
    const first = await bench.ringing('carol');
    first.answer();
    await settle();
    await expect(assign(false)).rejects.toMatchObject({ code: 'capacity_exceeded', fields: { excess: 1 } });
    expect(await assign(true)).toMatchObject({ excess: 1, state: 'ringing' });
    await expect(bench.control.assign(SAM, id, { agent: 'bob' }, true)).rejects.toMatchObject({
      code: 'not_assignable',
    });
  });

  it('the call is in the line again when the agent does not take it', async () => {
    const { bench, id } = await open();
    await bench.control.assign(SAM, id, { agent: 'carol' }, false);
    (await bench.ringing('carol')).fail(603);
    await settle();
    expect(bench.call()).toMatchObject({ id, state: 'open' });
    bench.register('alice');
    await bench.answer('alice');
  });
});

describe('capacity in units', () => {
  it('an agent with capacity left is offered further calls of a queue', async () => {
    const config = exampleConfig({}, { units: 2 });
    config.users.find((u) => u.id === 'alice')!.capacity = 4;
    const bench = await Bench.start(['alice'], config);
    bench.signalling.fromTrunk('8000', '+441');
    await bench.answer('alice');
    bench.signalling.fromTrunk('8000', '+442');
    await bench.answer('alice');
    bench.signalling.fromTrunk('8000', '+443');
    await settle();
    expect(bench.signalling.ringing('alice')).toBeUndefined();
    expect(bench.control.calls({ userId: 'root' }).map((c) => c.state)).toEqual(['active', 'active', 'open']);
  });
});

describe('end (R-ACT-5)', () => {
  it("disconnects everybody, with the supervisor's name as the reason", async () => {
    const bench = await Bench.start(EVERYONE);
    const { id, alice, customer } = await bench.conversation();
    await expect(bench.control.end({ userId: 'lee' }, id)).rejects.toMatchObject({ code: 'forbidden' });
    const view = await bench.control.end(SAM, id);
    expect(view).toMatchObject({ state: 'closed', endReason: 'Sam' });
    await settle();
    expect([alice.hungUp, customer.dialog!.hungUp]).toEqual([true, true]);
    expect(bench.leaks()).toEqual([]);
  });

  it('an agent hangs up the own call by the API', async () => {
    const bench = await Bench.start(EVERYONE);
    const { id } = await bench.conversation();
    await expect(bench.control.hangup(SAM, id)).rejects.toMatchObject({ code: 'forbidden' });
    expect(await bench.control.hangup(ALICE, id)).toMatchObject({ state: 'closed', endReason: 'agent_hangup' });
    await settle();
    expect(bench.leaks()).toEqual([]);
  });
});

describe('sentiment (R-SEE-6)', () => {
  it('is set from outside, between -1 and 1', async () => {
    const bench = await Bench.start(EVERYONE);
    const { id } = await bench.conversation();
    expect((await bench.control.setSentiment(SAM, id, -0.5)).sentiment).toBe(-0.5);
    await expect(bench.control.setSentiment(SAM, id, 3)).rejects.toMatchObject({ code: 'invalid_request' });
    await expect(bench.control.setSentiment(ALICE, id, 0)).rejects.toMatchObject({ code: 'forbidden' });
  });
});
