/** The rules of consult, transfer, take-over and feature codes, between real phones: who hears whom at each moment. */
import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest';
import { Floor, type Conversation } from '../support/floor.ts';
import { expectMatrix, levelOf, MODES, TALK } from '../support/hear.ts';
import type { PersonId } from '../support/server.ts';
import { DOMAIN } from '../support/server.ts';
import type { SippCall } from '../support/sipp/call.ts';
import type { SippPhone } from '../support/sipp/phone.ts';
import type { ToneEndpoint } from '../support/tone-endpoint.ts';
import type { CallView, SupervisionView } from '../../src/call/views.ts';

const FRAME = 160; // samples in 20 ms

let floor: Floor;
beforeAll(async () => {
  floor = await Floor.open();
});
afterEach(() => floor.clear());
afterAll(() => floor?.close());

async function post<T = CallView>(who: PersonId, path: string, body?: unknown): Promise<T> {
  const answer = await floor.api(who).request('POST', path, body);
  expect(answer, JSON.stringify(answer.body)).toMatchObject({
    status: expect.toSatisfy((s: number) => s < 300) as number,
  });
  return answer.body as T;
}

async function supervise(
  c: Conversation,
  mode: string,
  target = 'agent',
): Promise<{ phone: SippPhone; leg: SippCall; id: string }> {
  const phone = await floor.phone('sam', { answersByItself: true });
  const { id } = await post<SupervisionView>('sam', `/calls/${c.callId}/supervisions`, { mode, target });
  const leg = await phone.nextCall();
  await leg.step('answered');
  await floor.supervision(id, 'active');
  return { phone, leg, id };
}

/** The longest time, ms, in which an ear heard none of the parties, from when it heard the first of them. */
function longestAlone(ear: ToneEndpoint, parties: readonly ToneEndpoint[], from: number): number {
  const pcm = ear.audioBetween(from, performance.now());
  let longest = 0;
  let alone = 0;
  for (let at = 0; at + FRAME * 2 <= pcm.length; at += FRAME) {
    const heard = parties.some((party) => levelOf(pcm, party.hz, at, FRAME * 2) > -35);
    alone = heard ? 0 : alone + 20;
    longest = Math.max(longest, alone);
  }
  return longest;
}

describe('take over (R-ACT-1)', () => {
  test('from a supervision: the same phone call goes on, the agent is released', async () => {
    const c = await floor.conversation();
    const sam = await supervise(c, 'listen');
    const from = performance.now();
    await post('sam', `/calls/${c.callId}/takeover`);
    await c.leg.step('hungup');
    await expectMatrix([c.customer.ear, sam.phone.ear, c.agent.ear], {
      customer: ['supervisor'],
      supervisor: ['customer'],
      agent: [],
    });
    expect(sam.phone.calls).toHaveLength(1);
    expect(longestAlone(c.customer.ear, [c.agent.ear, sam.phone.ear], from)).toBeLessThan(1000);
  });

  test('from scratch: the agent talks on until the supervisor has answered', async () => {
    const c = await floor.conversation();
    const phone = await floor.phone('sam');
    await post('sam', `/calls/${c.callId}/takeover`);
    const leg = await phone.nextCall();
    const from = performance.now();
    await expectMatrix([c.customer.ear, c.agent.ear], TALK);
    await leg.answer();
    await c.leg.step('hungup');
    await expectMatrix([c.customer.ear, phone.ear], { customer: ['supervisor'], supervisor: ['customer'] });
    expect(longestAlone(c.customer.ear, [c.agent.ear, phone.ear], from)).toBeLessThan(1000);
  });
});

describe('consult', () => {
  test('R-FLOW-1: by the API: the customer is apart, a barge rests and goes on by itself', async () => {
    const c = await floor.conversation();
    const carol = await floor.phone('carol');
    const sam = await supervise(c, 'barge');
    const refused = await floor.api('root').request('POST', `/calls/${c.callId}/consult`, { to: { agent: 'carol' } });
    expect(refused.status).toBe(403); // only the agent of the call
    await post('alice', `/calls/${c.callId}/consult`, { to: { agent: 'carol' } });
    await (await carol.nextCall()).answer();
    await floor.supervision(sam.id, 'held');
    const ears = [c.customer.ear, c.agent.ear, sam.phone.ear, carol.ear];
    const apart = { customer: ['music'], agent: ['third'], third: ['agent'], supervisor: [] };
    await expectMatrix(ears, apart, { windowMs: 600 });
    await post('alice', `/calls/${c.callId}/consult/cancel`);
    await floor.supervision(sam.id, 'active');
    await expectMatrix([c.customer.ear, c.agent.ear, sam.phone.ear], MODES.barge);
  });

  test('by the phone: hold, a second call, REFER with Replaces (RFC 3891)', async () => {
    const c = await floor.conversation();
    const carol = await floor.phone('carol');
    await c.leg.hold();
    const second = await floor.userCall('alice', '1003');
    const third = await carol.nextCall();
    await third.answer();
    await second.call.step('answered');
    expect((await floor.api('root').call(c.callId)).consult).toEqual({ agent: 'carol' });
    const apart = { customer: ['music'], agent: ['third'], third: ['agent'] };
    await expectMatrix([c.customer.ear, second.ear, carol.ear], apart, { windowMs: 600 });
    const replaces = encodeURIComponent(`${second.call.callId};to-tag=a;from-tag=b`);
    await c.leg.refer(`1003@${DOMAIN}?Replaces=${replaces}`);
    await c.leg.step('hungup');
    await second.call.step('hungup');
    await expectMatrix([c.customer.ear, carol.ear], { customer: ['third'], third: ['customer'] });
    expect(await floor.api('root').call(c.callId)).toMatchObject({ agent: { id: 'carol' }, consult: null });
  });

  test('conference: three parties hear each other, and two when one has left', async () => {
    const c = await floor.conversation();
    const bob = await floor.phone('bob');
    await post('alice', `/calls/${c.callId}/consult`, { to: { agent: 'bob' } });
    await (await bob.nextCall()).answer();
    await floor.consulting(c.callId);
    await post('alice', `/calls/${c.callId}/conference`);
    await expectMatrix([c.customer.ear, c.agent.ear, bob.ear], {
      customer: ['agent', 'second'],
      agent: ['customer', 'second'],
      second: ['customer', 'agent'],
    });
    await c.leg.bye();
    await expectMatrix([c.customer.ear, bob.ear], { customer: ['second'], second: ['customer'] });
  });
});

describe('R-HEAR-6: listen by target', () => {
  test.each([
    ['agent', ['agent']],
    ['customer', ['customer']],
  ] as const)('%s, while the customer is on hold', async (target, heard) => {
    const c = await floor.conversation();
    const sam = await supervise(c, 'listen', target);
    const ears = [c.customer.ear, c.agent.ear, sam.phone.ear];
    const talk = MODES.listen;
    await expectMatrix(ears, talk);
    await c.leg.hold();
    await expectMatrix(ears, { customer: ['music'], agent: [], supervisor: heard }, { windowMs: 600 });
    await c.leg.resume();
    await expectMatrix(ears, talk);
  });

  test('customer, through a transfer: the customer and the new agent', async () => {
    const c = await floor.conversation();
    const carol = await floor.phone('carol');
    const sam = await supervise(c, 'listen', 'customer');
    await post('alice', `/calls/${c.callId}/transfer`, { to: { agent: 'carol' } });
    await (await carol.nextCall()).answer();
    const after = { customer: ['third'], third: ['customer'], supervisor: ['customer', 'third'] };
    await expectMatrix([c.customer.ear, carol.ear, sam.phone.ear], after);
  });

  test('agent, through a transfer: it ends with agent_left (R-FLOW-3)', async () => {
    const c = await floor.conversation();
    const bob = await floor.phone('bob');
    const sam = await supervise(c, 'listen');
    await post('alice', `/calls/${c.callId}/transfer`, { to: { agent: 'bob' } });
    await sam.leg.step('hungup');
    await (await bob.nextCall()).answer();
    expect((await floor.supervision(sam.id, 'ended')).endReason).toBe('agent_left');
  });
});

describe('transfer', () => {
  test('R-FLOW-2: a barge goes along inside the team, and ends where the call leaves it', async () => {
    const c = await floor.conversation();
    const bob = await floor.phone('bob');
    const carol = await floor.phone('carol');
    const sam = await supervise(c, 'barge');
    await post('alice', `/calls/${c.callId}/transfer`, { to: { agent: 'bob' } });
    await (await bob.nextCall()).answer();
    await expectMatrix([c.customer.ear, bob.ear, sam.phone.ear], {
      customer: ['second', 'supervisor'],
      second: ['customer', 'supervisor'],
      supervisor: ['customer', 'second'],
    });
    const { body } = await floor.api('bob').request('POST', `/calls/${c.callId}/transfer`, { to: { agent: 'carol' } });
    expect(body).toMatchObject({ id: c.callId });
    await sam.leg.step('hungup');
    expect((await floor.supervision(sam.id, 'ended')).endReason).toBe('transferred_out');
    await (await carol.nextCall()).answer();
    await expectMatrix([c.customer.ear, carol.ear], { customer: ['third'], third: ['customer'] });
  });

  test('R-ACT-2: by a supervisor, without the consent of the agent', async () => {
    const c = await floor.conversation();
    const bob = await floor.phone('bob');
    await post('sam', `/calls/${c.callId}/transfer`, { to: { agent: 'bob' } });
    await c.leg.step('hungup');
    await (await bob.nextCall()).answer();
    await expectMatrix([c.customer.ear, bob.ear], { customer: ['second'], second: ['customer'] });
  });

  test('R-ACT-2: what nobody takes comes back; without a queue to whoever had the call', async () => {
    const alice = await floor.phone('alice');
    const bob = await floor.phone('bob');
    const customer = await floor.customer({ to: '1001' });
    await (await alice.nextCall()).answer();
    const { id } = await floor.liveCall(({ state }) => state === 'active');
    await post('sam', `/calls/${id}/transfer`, { to: { agent: 'bob' } });
    await (await bob.nextCall()).reject(486);
    await (await alice.nextCall()).answer();
    await expectMatrix([customer.ear, alice.ear], TALK);
  });

  test('blind, by REFER: NOTIFY tells the outcome, then the transferor is released (RFC 3515)', async () => {
    const c = await floor.conversation();
    const bob = await floor.phone('bob');
    await c.leg.refer(`1002@${DOMAIN}`);
    await (await bob.nextCall()).answer();
    await c.leg.step('hungup');
    const told = c.leg.steps.filter((step) => step.name === 'notified').map((step) => step.message);
    expect(told.at(-1)).toMatch(/SIP\/2\.0 200/);
    expect(told.at(-1)).toMatch(/Subscription-State: terminated/i);
    await expectMatrix([c.customer.ear, bob.ear], { customer: ['second'], second: ['customer'] });
  });

  test('R-FLOW-3: blind, by REFER, to a phone that declines: the transferor has the customer again', async () => {
    const c = await floor.conversation();
    const bob = await floor.phone('bob');
    await c.leg.refer(`1002@${DOMAIN}`);
    await (await bob.nextCall()).reject(486);
    await expectMatrix([c.customer.ear, c.agent.ear], TALK);
  });
});

describe('feature codes (R-START-9)', () => {
  test('dialled from the desk phone, switched by its keys, ended by #', async () => {
    const c = await floor.conversation();
    await floor.phone('sam', { as: 'third' }); // registered, so that its user is available
    const sam = await floor.userCall('sam', '*11001');
    await sam.call.step('answered');
    const ears = [c.customer.ear, c.agent.ear, sam.ear];
    const listen = MODES.listen;
    await expectMatrix(ears, listen);
    await sam.call.info('2');
    await expectMatrix(ears, { ...listen, agent: ['customer', 'supervisor'] });
    await sam.call.info('0');
    await expectMatrix(ears, { ...listen, supervisor: [] });
    await sam.call.info('0');
    await sam.call.info('3');
    await expectMatrix(ears, { ...listen, customer: ['agent', 'supervisor'], agent: ['customer', 'supervisor'] });
    await sam.call.info('#');
    await sam.call.step('hungup');
    await expectMatrix([c.customer.ear, c.agent.ear], TALK);
  });

  test('a refusal is spoken before its status', async () => {
    await floor.phone('sam', { as: 'third' });
    await floor.phone('alice');
    const sam = await floor.userCall('sam', '*11001');
    await sam.call.step('progress');
    expect(await sam.call.failure()).toBe(480);
    const spoken = sam.ear.audioBetween(0, Infinity);
    const loud = spoken.reduce((max, sample) => Math.max(max, Math.abs(sample)), 0);
    expect(loud).toBeGreaterThan(1000);
  });
});

test('R-ACT-5: ended by a supervisor, everybody is released, with the name as the reason', async () => {
  const c = await floor.conversation();
  await post('sam', `/calls/${c.callId}/end`);
  await c.leg.step('hungup');
  await c.customer.call.step('hungup');
  expect((await floor.api('root').call(c.callId)).endReason).toBe('Sam');
});
