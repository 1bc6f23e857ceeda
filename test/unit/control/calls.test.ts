import { describe, expect, it } from 'vitest';
import { MediaError } from '../../../media/engine.ts';
import { Bench, exampleConfig } from './bench.ts';
import { settle } from './ports.ts';

describe('a call to a queue', () => {
  it('rings the agent who has been available longest, and connects', async () => {
    const bench = await Bench.start(['bob', 'alice']);
    const customer = bench.signalling.fromTrunk('8000', '+44777');
    const bob = await bench.ringing('bob');
    expect(bench.signalling.ringing('alice')).toBeUndefined();
    expect(customer.progressed.map((p) => p.status)).toEqual([180]);
    expect(bench.call()).toMatchObject({
      state: 'ringing',
      direction: 'inbound',
      queue: 'sales',
      agent: { id: 'bob' },
    });
    expect(bench.state('bob')).toBe('ringing');
    expect(bob.request.from).toMatchObject({ number: '+44777' });
    bob.answer();
    await settle();
    expect(customer.dialog).not.toBeNull();
    expect(bench.call()).toMatchObject({ state: 'active', held: false });
    expect(bench.heard()).toEqual(['bob<customer', 'customer<bob']);
    expect(bench.state('bob')).toBe('on-call');
    customer.dialog!.bye();
    await settle();
    expect(bob.dialog!.hungUp).toBe(true);
    expect(bench.state('bob')).toBe('available');
    expect(bench.leaks()).toEqual([]);
  });

  it('is answered with music when nobody is free, and offered as soon as somebody is', async () => {
    const bench = await Bench.start([]);
    const customer = bench.signalling.fromTrunk('8000');
    await settle();
    expect(customer.progressed).toEqual([]);
    expect(customer.dialog).not.toBeNull();
    expect(bench.call()).toMatchObject({ state: 'open', agent: null });
    expect(bench.heard()).toEqual(['customer<music']);
    expect(bench.control.queues({ userId: 'sam' })[0]).toMatchObject({ waiting: 1, availableAgents: 0 });
    await bench.pass(7000);
    expect(bench.call().waitSeconds).toBe(7);
    bench.register('alice');
    await bench.answer('alice');
    expect(bench.call().state).toBe('active');
    expect(bench.heard()).toEqual(['alice<customer', 'customer<alice']);
  });

  it('goes to the next agent on no answer, busy and decline; who did not take it is away', async () => {
    const bench = await Bench.start(['alice', 'bob']);
    bench.signalling.fromTrunk('8000');
    await bench.ringing('alice');
    await bench.pass(20_000);
    const bob = await bench.ringing('bob');
    expect(bench.control.agents({ userId: 'alice' }).find((a) => a.id === 'alice')).toMatchObject({
      state: 'away',
      stateReason: 'no_answer',
    });
    bob.fail(603);
    await settle();
    expect(bench.control.agents({ userId: 'bob' }).find((a) => a.id === 'bob')).toMatchObject({
      state: 'away',
      stateReason: 'declined',
    });
    expect(bench.call().state).toBe('open');
    expect(bench.heard()).toEqual(['customer<music']);
    bench.control.setAgentState({ userId: 'alice' }, 'alice', 'available');
    await bench.answer('alice');
    expect(bench.call().state).toBe('active');
  });

  it('ends when the caller gives up, at every moment, and leaves nothing behind', async () => {
    const bench = await Bench.start(['alice']);
    const early = bench.signalling.fromTrunk('8000');
    early.cancel();
    await settle();
    expect(bench.leaks()).toEqual([]);

    const ringing = bench.signalling.fromTrunk('8000');
    await bench.ringing('alice');
    ringing.cancel();
    await settle();
    expect(bench.leaks()).toEqual([]);
    expect(bench.state('alice')).toBe('available');

    const racing = bench.signalling.fromTrunk('8000');
    const phone = await bench.ringing('alice');
    racing.cancel();
    phone.answer();
    await settle();
    expect(bench.leaks()).toEqual([]);

    const crossing = bench.signalling.fromTrunk('8000');
    const answered = await bench.ringing('alice');
    answered.answer();
    crossing.cancel();
    await settle();
    expect(bench.leaks()).toEqual([]);
    expect(bench.state('alice')).toBe('available');
  });

  it('serves the caller who waits longest first, and never offers two calls to one agent', async () => {
    const bench = await Bench.start([]);
    const first = bench.signalling.fromTrunk('8000', '+441');
    await bench.pass(1000);
    const second = bench.signalling.fromTrunk('8000', '+442');
    await bench.pass(1000);
    bench.register('alice');
    const ringing = await bench.ringing('alice');
    expect(ringing.request.from.number).toBe('+441');
    expect(bench.signalling.dials).toHaveLength(1);
    ringing.answer();
    await settle();
    first.dialog!.bye();
    expect((await bench.ringing('alice')).request.from.number).toBe('+442');
    second.dialog!.bye();
    await settle();
    expect(bench.leaks()).toEqual([]);
  });

  it('wraps up: the agent and the call, for as long as the queue says', async () => {
    const bench = await Bench.start(['alice'], exampleConfig({}, { wrapUpSeconds: 10 }));
    const { customer, id } = await bench.conversation();
    customer.dialog!.bye();
    await settle();
    expect(bench.call()).toMatchObject({ state: 'wrap-up', endReason: 'customer_hangup', agent: { id: 'alice' } });
    expect(bench.state('alice')).toBe('wrap-up');
    await bench.pass(10_000);
    expect(bench.state('alice')).toBe('available');
    expect(bench.control.call({ userId: 'root' }, id).state).toBe('closed');
    expect(bench.leaks()).toEqual([]);
  });

  it('ends the wrap-up when the agent is available again before', async () => {
    const bench = await Bench.start(['alice'], exampleConfig({}, { wrapUpSeconds: 10 }));
    const { alice } = await bench.conversation();
    alice.bye();
    await settle();
    expect(bench.state('alice')).toBe('wrap-up');
    bench.control.setAgentState({ userId: 'alice' }, 'alice', 'available');
    expect(bench.state('alice')).toBe('available');
    await settle();
    expect(bench.leaks()).toEqual([]);
  });

  it('is refused with 488 or 503 where the media engine has nothing for it, and rings nobody', async () => {
    const bench = await Bench.start(['alice']);
    bench.media.full = true;
    const customer = bench.signalling.fromTrunk('8000');
    await settle();
    expect(customer.rejected).toBe(503);
    expect(bench.signalling.dials).toEqual([]);
    expect(bench.leaks()).toEqual([]);
  });

  it('ends with a reason when the media engine is lost', async () => {
    const bench = await Bench.start(['alice']);
    const { id, alice, customer } = await bench.conversation();
    bench.media.bridge(id).events.onLost(new MediaError('engine_lost', 'worker died'));
    await settle();
    expect(bench.control.call({ userId: 'root' }, id)).toMatchObject({ state: 'closed', endReason: 'media_failed' });
    expect([alice.hungUp, customer.dialog!.hungUp]).toEqual([true, true]);
    expect(bench.leaks()).toEqual([]);
  });

  it.each(['agent', 'customer'] as const)(
    'ends with signalling_lost, and nobody has hung up, when the SIP server goes (told of the %s first)',
    async (first) => {
      const bench = await Bench.start(['alice']);
      const { id, alice, customer } = await bench.conversation();
      (first === 'agent' ? alice : customer.dialog!).lose();
      (first === 'agent' ? customer.dialog! : alice).lose();
      await settle();
      const closed = { state: 'closed', endReason: 'signalling_lost' };
      expect(bench.control.call({ userId: 'root' }, id)).toMatchObject(closed);
      expect(bench.leaks()).toEqual([]);
    },
  );

  it('ends with signalling_lost before it is answered, too: the caller has not given up', async () => {
    const bench = await Bench.start([]);
    const customer = bench.signalling.fromTrunk('8000');
    await settle();
    const [waiting] = bench.control.calls({ userId: 'root' });
    customer.cancel(true);
    customer.dialog?.lose();
    await settle();
    const closed = { state: 'closed', endReason: 'signalling_lost' };
    expect(bench.control.call({ userId: 'root' }, waiting!.id)).toMatchObject(closed);
    expect(bench.leaks()).toEqual([]);
  });
});

describe('direct calls', () => {
  it('connects two extensions', async () => {
    const bench = await Bench.start(['alice', 'carol']);
    const caller = bench.signalling.fromUser('alice', '1003');
    const carol = await bench.ringing('carol');
    expect(carol.request.from).toEqual({ number: '1001', name: 'Alice' });
    carol.request.onProgress(180, null);
    expect(caller.progressed.map((p) => p.status)).toEqual([180]);
    carol.answer();
    await settle();
    expect(bench.call()).toMatchObject({ state: 'active', direction: 'internal', customer: { number: '1003' } });
    expect(bench.heard()).toEqual(['alice<carol', 'carol<alice']);
    caller.dialog!.bye();
    await settle();
    expect(bench.leaks()).toEqual([]);
  });

  it('lets the caller hear the early media of the far end', async () => {
    const bench = await Bench.start(['alice']);
    const caller = bench.signalling.fromUser('alice', '+44555');
    const far = await bench.ringing('+44555');
    far.request.onProgress(183, 'early');
    await settle();
    expect(caller.progressed).toEqual([{ status: 183, sdp: 'sdp of p1' }]);
    expect(bench.heard()).toEqual(['alice<customer']);
    far.answer();
    await settle();
    expect(bench.call()).toMatchObject({ state: 'active', direction: 'outbound', customer: { number: '+44555' } });
    expect(bench.heard()).toEqual(['alice<customer', 'customer<alice']);
  });

  it.each([
    ['9999', 404],
    ['1002', 480],
    ['+991', 503],
  ])('refuses %s with %i', async (dialled, status) => {
    const bench = await Bench.start(['alice']);
    const caller = bench.signalling.fromUser('alice', dialled);
    await settle();
    expect(caller.rejected).toBe(status);
    expect(bench.leaks()).toEqual([]);
  });

  it('never lets a trunk call out by a trunk, nor use a feature code', async () => {
    const bench = await Bench.start(['alice']);
    expect(bench.signalling.fromTrunk('+44555').rejected).toBe(404);
    expect(bench.signalling.fromTrunk('*11001').rejected).toBe(404);
  });

  it.each([
    [486, 486, 'busy'],
    [600, 486, 'busy'],
    [603, 603, 'declined'],
    [480, 480, 'unreachable'],
    [503, 503, 'unreachable'],
    [407, 503, 'unreachable'],
  ])('passes %i of the called side on as %i', async (said, told, reason) => {
    const bench = await Bench.start(['alice', 'bob']);
    const caller = bench.signalling.fromUser('alice', '1002');
    const bob = await bench.ringing('bob');
    const { id } = bench.call();
    bob.fail(said);
    await settle();
    expect(caller.rejected).toBe(told);
    expect(bench.control.call({ userId: 'root' }, id).endReason).toBe(reason);
    expect(bench.leaks()).toEqual([]);
  });

  it('is busy for a second caller', async () => {
    const bench = await Bench.start(['alice', 'bob', 'carol']);
    bench.signalling.fromUser('alice', '1002');
    await bench.answer('bob');
    expect(bench.signalling.fromUser('carol', '1002').rejected).toBe(486);
  });

  it('stops ringing when the caller cancels', async () => {
    const bench = await Bench.start(['alice', 'bob']);
    const caller = bench.signalling.fromUser('alice', '1002');
    const bob = await bench.ringing('bob');
    caller.cancel();
    await settle();
    expect(bob.state).toBe('cancelled');
    expect(bench.leaks()).toEqual([]);
  });

  it('reaches an extension from a trunk', async () => {
    const bench = await Bench.start(['alice']);
    bench.signalling.fromTrunk('1001');
    await bench.answer('alice');
    expect(bench.call()).toMatchObject({ direction: 'inbound', queue: null, agent: { id: 'alice' }, state: 'active' });
  });
});

describe('click to dial', () => {
  it("rings the agent's phone first, which answers by itself, then the number", async () => {
    const bench = await Bench.start(['alice']);
    const made = await bench.control.dial({ userId: 'alice' }, 'alice', '+44555');
    expect(made).toMatchObject({ direction: 'outbound', state: 'ringing' });
    const own = await bench.ringing('alice');
    expect(own.request.autoAnswer).toBe(true);
    own.answer();
    const far = await bench.ringing('+44555');
    expect(bench.heard()).toEqual(['alice<ringback']);
    far.answer();
    await settle();
    expect(bench.heard()).toEqual(['alice<customer', 'customer<alice']);
    far.dialog!.bye();
    await settle();
    expect(own.dialog!.hungUp).toBe(true);
    expect(bench.leaks()).toEqual([]);
  });

  it('is refused without a phone, for others, and to nowhere', async () => {
    const bench = await Bench.start(['alice', 'sam']);
    const dial = (user: string, agent: string, to: string) => bench.control.dial({ userId: user }, agent, to);
    await expect(dial('bob', 'bob', '+44555')).rejects.toMatchObject({ code: 'no_phone' });
    await expect(dial('bob', 'alice', '+44555')).rejects.toMatchObject({ code: 'forbidden' });
    await expect(dial('max', 'alice', '+44555')).rejects.toMatchObject({ code: 'not_found' });
    await expect(dial('alice', 'alice', '77')).rejects.toMatchObject({ code: 'invalid_request' });
    expect(bench.leaks()).toEqual([]);
  });
});

describe('hold', () => {
  it("by the phone's re-INVITE: the customer hears music, the state stays active", async () => {
    const bench = await Bench.start(['alice']);
    const { alice } = await bench.conversation();
    await alice.hold();
    await settle();
    expect(bench.heard()).toEqual(['customer<music']);
    expect(bench.call()).toMatchObject({ state: 'active', held: true });
    expect(bench.call().participants.find((p) => p.role === 'customer')).toMatchObject({
      state: 'held',
      hears: ['music'],
    });
    await alice.resume();
    await settle();
    expect(bench.heard()).toEqual(['alice<customer', 'customer<alice']);
    expect(bench.call().held).toBe(false);
  });

  it('by the API, answering when it is audible, without touching a phone', async () => {
    const bench = await Bench.start(['alice', 'sam']);
    const { id } = await bench.conversation();
    const held = await bench.control.hold({ userId: 'alice' }, id);
    expect(held.held).toBe(true);
    expect(bench.heard()).toEqual(['customer<music']);
    await expect(bench.control.hold({ userId: 'alice' }, id)).rejects.toMatchObject({ code: 'conflict' });
    await expect(bench.control.hold({ userId: 'sam' }, id)).rejects.toMatchObject({ code: 'forbidden' });
    await expect(bench.control.hold({ userId: 'carol' }, id)).rejects.toMatchObject({ code: 'not_found' });
    expect((await bench.control.resume({ userId: 'alice' }, id)).held).toBe(false);
  });

  it('by the customer: the agent hears music', async () => {
    const bench = await Bench.start(['alice']);
    const { customer } = await bench.conversation();
    await customer.dialog!.hold();
    await settle();
    expect(bench.heard()).toEqual(['alice<music']);
  });
});
