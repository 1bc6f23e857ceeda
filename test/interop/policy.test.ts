/** What the policy section chooses, and who may be chosen: coach, accepted transfers, assignment, targets, disclosure. */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest';
import { Floor } from '../support/floor.ts';
import { expectMatrix, loudestMoment, MODES, SEPARATION_DB, TALK } from '../support/hear.ts';
import type { Ear } from '../support/hear.ts';
import type { PersonId } from '../support/server.ts';
import type { SippCall } from '../support/sipp/call.ts';
import type { SippPhone } from '../support/sipp/phone.ts';
import { SAMPLE_RATE, Sine, TONE_LEVEL_DB, TONES } from '../support/tones.ts';
import { until } from '../support/until.ts';
import { writeWav } from '../support/wav.ts';
import type { CallView, Mode } from '../../src/call/views.ts';

/** What docs/policy.md promises, and a piece of it: it sounds for 200 ms. */
const DEFAULT_TONE_HZ = 1400;
const TONE_SAMPLES = 100 * (SAMPLE_RATE / 1000);
const ANNOUNCEMENT_SECONDS = 60; // longer than a test: what ends it is the end of the supervision

let floor: Floor;

async function post(who: PersonId, path: string, body?: unknown): Promise<void> {
  const answer = await floor.api(who).request('POST', path, body);
  expect(answer, JSON.stringify(answer.body)).toMatchObject({ status: 200 });
}

interface Supervisor {
  readonly phone: SippPhone;
  readonly leg: SippCall;
  readonly id: string;
}

/** A supervisor whose phone answers by itself. */
async function supervise(who: 'sam' | 'sue', callId: string, mode: Mode, target = 'agent'): Promise<Supervisor> {
  const phone = await floor.phone(who, { answersByItself: true });
  const { id } = await floor.api(who).supervise(callId, { mode, target });
  const leg = await phone.nextCall();
  await leg.step('answered');
  await floor.supervision(id, 'active');
  return { phone, leg, id };
}

/** What a supervisor with several agents to choose from is refused with: the choices by user. */
async function choices(who: 'sam' | 'sue', callId: string): Promise<ReadonlyMap<string, string>> {
  const request = { mode: 'listen', target: 'agent' };
  const answer = await floor.api(who).request('POST', `/calls/${callId}/supervisions`, request);
  expect(answer).toMatchObject({ status: 409, body: { code: 'choose_target' } });
  const list = (answer.body as { readonly choices: readonly { readonly id: string; readonly userId: string }[] })
    .choices;
  return new Map(list.map(({ id, userId }) => [userId, id]));
}

function connected(participants: CallView['participants'], user: string): boolean {
  return participants.some(({ userId, state }) => userId === user && state === 'connected');
}

describe('exclusivity coach, transfer accept', () => {
  beforeAll(async () => {
    floor = await Floor.open({ policy: { exclusivity: 'coach', transfer: 'accept' } });
  });
  afterEach(() => floor.clear());
  afterAll(() => floor?.close());

  test('R-EXCL-3 R-EXCL-4: two supervisors listen at once, one of them coaches', async () => {
    const c = await floor.conversation();
    const sam = await supervise('sam', c.callId, 'listen');
    const sue = await supervise('sue', c.callId, 'listen');
    const ears = [c.customer.ear, c.agent.ear, sam.phone.ear, sue.phone.ear];
    const both = ['customer', 'agent'];
    await expectMatrix(ears, { ...TALK, supervisor: both, second: both });

    await floor.api('sue').change(sue.id, { mode: 'whisper' });
    const coached = {
      customer: ['agent'],
      agent: ['customer', 'second'],
      supervisor: [...both, 'second'],
      second: both,
    };
    await expectMatrix(ears, coached);
    for (const mode of ['whisper', 'barge'] as const) {
      const refused = await floor.api('sam').request('PATCH', `/supervisions/${sam.id}`, { mode });
      expect(refused).toMatchObject({ status: 409, body: { code: 'agent_supervised', holder: { id: 'sue' } } });
    }
    await expectMatrix(ears, coached);

    await floor.api('sue').change(sue.id, { mode: 'listen' });
    await floor.api('sam').change(sam.id, { mode: 'barge' });
    const barged = { customer: ['agent', 'supervisor'], agent: ['customer', 'supervisor'] };
    await expectMatrix(ears, { ...barged, supervisor: both, second: [...both, 'supervisor'] });
    await sam.leg.bye();
    await floor.supervision(sam.id, 'ended');
    await expectMatrix(ears, { ...TALK, second: both });
  });

  test('R-ACT-3: rejected, nothing has changed; accepted, the first agent stays as consultant until leaving', async () => {
    const c = await floor.conversation();
    const bob = await floor.phone('bob');
    const ears = [c.customer.ear, c.agent.ear, bob.ear];
    const participant = async (user: string) =>
      (await floor.api('root').call(c.callId)).participants.findLast(({ userId }) => userId === user);

    await post('sam', `/calls/${c.callId}/transfer`, { to: { agent: 'bob' } });
    const rejected = await bob.nextCall();
    await expectMatrix(ears, TALK); // while it rings
    await rejected.reject(603);
    await until('the rejection', async () => (await participant('bob'))?.state === 'left');
    await expectMatrix(ears, TALK);
    expect(await floor.api('root').call(c.callId)).toMatchObject({ state: 'active', agent: { id: 'alice' } });

    await post('sam', `/calls/${c.callId}/transfer`, { to: { agent: 'bob' } });
    await (await bob.nextCall()).answer();
    await floor.liveCall((call) => call.id === c.callId && call.agent?.id === 'bob');
    expect(await participant('alice')).toMatchObject({ role: 'consulted', state: 'connected' });
    await expectMatrix(ears, {
      customer: ['agent', 'second'],
      agent: ['customer', 'second'],
      second: ['customer', 'agent'],
    });
    await c.leg.bye();
    await expectMatrix(ears, { customer: ['second'], second: ['customer'] });
  });

  test('R-START-7 R-MODE-4: in a talk between agents one is chosen, to be listened to and coached, not barged', async () => {
    const bob = await floor.phone('bob');
    const alice = await floor.userCall('alice', '1002');
    await (await bob.nextCall()).answer();
    await alice.call.step('answered');
    const { id: callId } = await floor.liveCall(({ state }) => state === 'active');
    const offered = await choices('sam', callId);
    expect([...offered.keys()].sort()).toEqual(['alice', 'bob']);

    const sam = await supervise('sam', callId, 'listen', offered.get('bob'));
    const ears = [alice.ear, bob.ear, sam.phone.ear];
    const both = ['agent', 'second'];
    await expectMatrix(ears, { agent: ['second'], second: ['agent'], supervisor: both });
    await floor.api('sam').change(sam.id, { mode: 'whisper' });
    const coached = { agent: ['second'], second: ['agent', 'supervisor'], supervisor: both };
    await expectMatrix(ears, coached);
    const refused = await floor.api('sam').request('PATCH', `/supervisions/${sam.id}`, { mode: 'barge' });
    expect(refused).toMatchObject({ status: 409, body: { code: 'agent_consulting' } });
    await expectMatrix(ears, coached);
  });

  test('R-START-7 R-ACT-6: in a conference one agent is chosen; whoever joins is heard by all', async () => {
    const c = await floor.conversation();
    const bob = await floor.phone('bob');
    await post('alice', `/calls/${c.callId}/consult`, { to: { agent: 'bob' } });
    await (await bob.nextCall()).answer();
    await floor.liveCall(({ id, participants }) => id === c.callId && connected(participants, 'bob'));
    await post('alice', `/calls/${c.callId}/conference`);
    const offered = await choices('sam', c.callId);
    const sam = await supervise('sam', c.callId, 'barge', offered.get('bob'));
    await expectMatrix([c.customer.ear, c.agent.ear, bob.ear, sam.phone.ear], {
      customer: ['agent', 'second', 'supervisor'],
      agent: ['customer', 'second', 'supervisor'],
      second: ['customer', 'agent', 'supervisor'],
      supervisor: ['customer', 'agent', 'second'],
    });
  });

  test('R-START-4: nobody supervises the own conversation, nor while away', async () => {
    const alice = await floor.phone('alice');
    const phone = await floor.phone('sam', { answersByItself: true, as: 'third' });
    const sam = await floor.userCall('sam', '1001');
    await (await alice.nextCall()).answer();
    await sam.call.step('answered');
    const { id: callId } = await floor.liveCall(({ state }) => state === 'active');
    const sue = await floor.phone('sue', { answersByItself: true });
    await floor.api('sue').setState('sue', 'away');
    const start = (who: PersonId) =>
      floor.api(who).request('POST', `/calls/${callId}/supervisions`, { mode: 'listen', target: 'agent' });
    expect(await start('sam')).toMatchObject({ status: 409, body: { code: 'own_call' } });
    expect(await start('sue')).toMatchObject({ status: 409, body: { code: 'not_available', state: 'away' } });
    await floor.api('sue').setState('sue', 'available');
    const offered = await choices('sue', callId);
    const { id } = await floor.api('sue').supervise(callId, { mode: 'listen', target: offered.get('alice')! });
    await (await sue.nextCall()).step('answered');
    await floor.supervision(id, 'active');
    expect(phone.calls).toHaveLength(0);
    expect(sue.calls).toHaveLength(1);
  });

  test('R-ACT-4: assigned past the state and the capacity of an agent, with the excess told', async () => {
    const bob = await floor.phone('bob');
    await floor.api('bob').setState('bob', 'away');
    const phone = await floor.phone('alice');
    const carol = await floor.phone('carol');
    const alice = await floor.userCall('alice', '1003'); // fills her capacity
    await (await carol.nextCall()).answer();
    await alice.call.step('answered');
    const customer = await floor.customer();
    const { id } = await floor.liveCall(({ state }) => state === 'open');
    const assign = (agent: string, override: boolean) =>
      floor.api('sam').request('POST', `/calls/${id}/assign`, { to: { agent }, override });

    expect(await assign('alice', false)).toMatchObject({ body: { code: 'capacity_exceeded', excess: 1 } });
    expect(phone.calls).toHaveLength(0);
    expect(await assign('alice', true)).toMatchObject({ status: 200, body: { id, state: 'ringing', excess: 1 } });
    await (await phone.nextCall()).reject(486);
    await floor.liveCall((call) => call.id === id && call.state === 'open'); // in the line again

    expect(await assign('bob', false)).toMatchObject({ body: { code: 'not_available', state: 'away' } });
    expect(bob.calls).toHaveLength(0);
    expect(await assign('bob', true)).toMatchObject({ status: 200, body: { id, state: 'ringing', excess: 0 } });
    await (await bob.nextCall()).answer();
    await customer.call.step('answered');
    await expectMatrix([customer.ear, bob.ear, alice.ear, carol.ear], {
      customer: ['second'],
      second: ['customer'],
      agent: ['third'],
      third: ['agent'],
    });
    expect(await assign('bob', true)).toMatchObject({ status: 409, body: { code: 'not_assignable' } });
    // For the next test: who has declined a call or was away stays so until saying otherwise.
    for (const who of ['alice', 'bob'] as const) await floor.api(who).setState(who, 'available');
  });
});

describe('R-SEE-5: the sound that tells of a supervision', () => {
  const folder = mkdtempSync(join(tmpdir(), 'earshot-policy-'));
  const disclosureSound = join(folder, 'announcement.wav');
  /** Sends nothing itself: its tone is the announcement's. */
  const announcement: Ear = { name: 'announcement', hz: TONES.third, audioBetween: () => new Int16Array(0) };

  beforeAll(() => writeWav(disclosureSound, new Sine(announcement.hz).next(SAMPLE_RATE * ANNOUNCEMENT_SECONDS)));
  afterEach(() => floor?.close());
  afterAll(() => rmSync(folder, { recursive: true, force: true }));

  test.each([
    ['agent', ['agent']],
    ['customer', ['customer']],
    ['both', ['agent', 'customer']],
  ] as const)('disclosure %s: heard by whom it is meant for, only while a supervisor is there', async (to, told) => {
    floor = await Floor.open({ policy: { disclosure: to, disclosureSound } });
    const c = await floor.conversation();
    const phone = await floor.phone('sam');
    const ears = [c.customer.ear, c.agent.ear, phone.ear, announcement];
    const hears = (who: 'customer' | 'agent', other: string): readonly string[] =>
      (told as readonly string[]).includes(who) ? [other, announcement.name] : [other];
    const { id } = await floor.api('sam').supervise(c.callId, { mode: 'listen' });
    const leg = await phone.nextCall();
    await expectMatrix(ears, TALK); // it rings
    await leg.answer();
    await floor.supervision(id, 'active');
    await expectMatrix(ears, {
      customer: hears('customer', 'agent'),
      agent: hears('agent', 'customer'),
      supervisor: ['customer', 'agent'],
    });
    await floor.api('sam').stop(id);
    await leg.step('hungup');
    await expectMatrix(ears, TALK);
  });

  test('without a sound of one’s own it is a short tone when the supervisor comes', async () => {
    floor = await Floor.open({ policy: { disclosure: 'agent' } });
    const { customer, agent, callId } = await floor.conversation();
    const phone = await floor.phone('sam');
    const start = performance.now();
    const { id } = await floor.api('sam').supervise(callId, { mode: 'listen' });
    const leg = await phone.nextCall();
    await sleep(500); // it rings
    const answered = performance.now();
    await leg.answer();
    await floor.supervision(id, 'active');
    const beep = (ear: Ear, from: number, to: number) =>
      loudestMoment(ear.audioBetween(from, to), DEFAULT_TONE_HZ, TONE_SAMPLES).db;
    await until('the tone', () => beep(agent.ear, answered, Infinity) > TONE_LEVEL_DB - SEPARATION_DB / 2);
    await sleep(300);
    expect(beep(agent.ear, start, answered)).toBeLessThan(TONE_LEVEL_DB - SEPARATION_DB);
    for (const ear of [customer.ear, phone.ear]) {
      expect(beep(ear, start, Infinity), ear.name).toBeLessThan(TONE_LEVEL_DB - SEPARATION_DB);
    }
    await expectMatrix([customer.ear, agent.ear, phone.ear], MODES.listen);
  });
});
