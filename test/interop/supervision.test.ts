/** Supervision between real phones: the whole hear matrix in every mode, and what ends it. */
import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest';
import { Problem } from '../support/api-client.ts';
import { Floor } from '../support/floor.ts';
import type { Conversation } from '../support/floor.ts';
import { expectMatrix, expectNeverHeard, MODES, TALK } from '../support/hear.ts';
import type { SippPhone } from '../support/sipp/phone.ts';
import type { SippCall } from '../support/sipp/call.ts';
import { until } from '../support/until.ts';
import type { Mode, SupervisionView } from '../../src/call/views.ts';

const RING_SECONDS = 3;

let floor: Floor;
beforeAll(async () => {
  floor = await Floor.open({ policy: { ringSeconds: RING_SECONDS } });
});
afterEach(() => floor.clear());
afterAll(() => floor?.close());

interface Supervised extends Conversation {
  readonly phone: SippPhone;
  readonly supervisorLeg: SippCall;
  readonly supervision: SupervisionView;
}

/** A conversation, and sam's phone that has answered by itself. */
async function supervised(mode: Mode): Promise<Supervised> {
  const conversation = await floor.conversation();
  const phone = await floor.phone('sam', { answersByItself: true });
  const { id } = await floor.api('sam').supervise(conversation.callId, { mode });
  const supervisorLeg = await phone.nextCall();
  await supervisorLeg.step('answered');
  return { ...conversation, phone, supervisorLeg, supervision: await floor.supervision(id, 'active') };
}

function ears(s: Supervised): [Supervised['customer']['ear'], Supervised['agent']['ear'], SippPhone['ear']] {
  return [s.customer.ear, s.agent.ear, s.phone.ear];
}

async function refusal(promise: Promise<unknown>): Promise<Problem> {
  const error: unknown = await promise.then(
    () => new Error('not refused'),
    (problem: unknown) => problem,
  );
  if (!(error instanceof Problem)) throw error as Error;
  return error;
}

describe('who hears whom', () => {
  test('R-START-2 R-START-3 R-HEAR-1 R-HEAR-2 R-HEAR-3 R-HEAR-4 R-HEAR-5 R-MODE-1 R-MODE-3 R-MODE-5: listen, whisper, barge, pause, resume, stop', async () => {
    const s = await supervised('listen');
    const all = ears(s);
    const sam = floor.api('sam');
    await expectMatrix(all, MODES.listen);
    expect(await sam.change(s.supervision.id, { mode: 'whisper' })).toMatchObject({ mode: 'whisper', paused: false });
    await expectMatrix(all, MODES.whisper);
    await sam.change(s.supervision.id, { mode: 'barge' });
    await expectMatrix(all, MODES.barge);
    await sam.change(s.supervision.id, { mode: 'listen' });
    await expectMatrix(all, MODES.listen);
    await sam.change(s.supervision.id, { mode: 'whisper' });
    expect(await sam.change(s.supervision.id, { paused: true })).toMatchObject({ mode: 'whisper', paused: true });
    await expectMatrix(all, TALK);
    await sam.change(s.supervision.id, { paused: false });
    await expectMatrix(all, MODES.whisper);
    await sam.change(s.supervision.id, { mode: 'barge' });
    await expectMatrix(all, MODES.barge);
    await sam.stop(s.supervision.id);
    await s.supervisorLeg.step('hungup');
    await expectMatrix(all, TALK);
    expect(s.phone.calls).toHaveLength(1); // one phone call for all of it
  });

  test.each(['listen', 'whisper', 'barge'] as const)('a supervision may begin with %s', async (mode) => {
    const s = await supervised(mode);
    await expectMatrix(ears(s), MODES[mode]);
  });

  test('R-HEAR-7: the customer never hears the supervisor in listen, whisper and paused, not for one frame', async () => {
    const s = await supervised('listen');
    const sam = floor.api('sam');
    for (const change of [
      { mode: 'whisper' },
      { mode: 'listen' },
      { paused: true },
      { paused: false },
      { mode: 'whisper' },
      { paused: true },
      { paused: false },
    ] as const) {
      await sam.change(s.supervision.id, change);
      await sleep(120);
    }
    await sam.stop(s.supervision.id);
    await s.supervisorLeg.step('hungup');
    await sleep(100);
    expectNeverHeard(s.customer.ear, s.phone.ear);
    expect(() => expectNeverHeard(s.agent.ear, s.phone.ear)).toThrow(); // who was whispered to
  });

  test('R-HEAR-9: the leg enters muted; an agent never hears a listener, nor before a barge begins', async () => {
    const s = await supervised('listen');
    await sleep(300);
    const beforeBarge = performance.now();
    expectNeverHeard(s.agent.ear, s.phone.ear, 0, beforeBarge);
    expectNeverHeard(s.customer.ear, s.phone.ear, 0, beforeBarge);
    await floor.api('sam').stop(s.supervision.id);
    await s.supervisorLeg.step('hungup');
    const stopped = performance.now() + 100;
    await sleep(300);
    expectNeverHeard(s.phone.ear, s.customer.ear, stopped);
    expectNeverHeard(s.phone.ear, s.agent.ear, stopped);
  });

  test('R-HEAR-7: after a barge has ended nothing of it is heard', async () => {
    const s = await supervised('barge');
    await expectMatrix(ears(s), MODES.barge);
    await floor.api('sam').change(s.supervision.id, { mode: 'listen' });
    await sleep(100);
    const listening = performance.now();
    await expectMatrix(ears(s), MODES.listen);
    expectNeverHeard(s.customer.ear, s.phone.ear, listening);
    expectNeverHeard(s.agent.ear, s.phone.ear, listening);
  });
});

describe('starting', () => {
  test('R-START-3: a phone that ignores the headers rings until it is picked up by hand', async () => {
    const conversation = await floor.conversation();
    const phone = await floor.phone('sam');
    const { id, state } = await floor.api('sam').supervise(conversation.callId, { mode: 'listen' });
    expect(state).toBe('ringing');
    const leg = await phone.nextCall();
    expect(leg.header('Call-Info')).toContain('answer-after=0');
    expect(leg.header('Answer-Mode')).toBe('Auto');
    await expectMatrix([conversation.customer.ear, conversation.agent.ear, phone.ear], TALK);
    expect((await floor.api('sam').supervision(id)).state).toBe('ringing');
    await leg.answer();
    await floor.supervision(id, 'active');
    await expectMatrix([conversation.customer.ear, conversation.agent.ear, phone.ear], MODES.listen);
  });

  test('R-START-3: other calls to the supervisor do not ask the phone to answer by itself', async () => {
    const phone = await floor.phone('sam', { answersByItself: true });
    const alice = await floor.userCall('alice', '2001');
    const leg = await phone.nextCall();
    await alice.call.step('ringing');
    expect(leg.has('answered')).toBe(false);
  });

  test('R-START-8: the call ends while the phone rings', async () => {
    const { customer, callId } = await floor.conversation();
    const phone = await floor.phone('sam');
    const { id } = await floor.api('sam').supervise(callId, { mode: 'listen' });
    const leg = await phone.nextCall();
    await customer.call.bye();
    await leg.step('cancelled');
    expect(await floor.supervision(id, 'ended')).toMatchObject({ endReason: 'call_ended' });
  });

  test('R-START-8: nobody picks up', async () => {
    const { callId } = await floor.conversation();
    const phone = await floor.phone('sam');
    const { id } = await floor.api('sam').supervise(callId, { mode: 'listen' });
    await (await phone.nextCall()).step('cancelled');
    expect(await floor.supervision(id, 'ended')).toMatchObject({ endReason: 'no_answer' });
  });

  test.each([
    ['busy', 486, 'phone_busy'],
    ['declining', 603, 'phone_declined'],
  ] as const)('R-START-8: a phone that is %s', async (_, status, endReason) => {
    const { callId } = await floor.conversation();
    const phone = await floor.phone('sam');
    const { id } = await floor.api('sam').supervise(callId, { mode: 'listen' });
    await (await phone.nextCall()).reject(status);
    expect(await floor.supervision(id, 'ended')).toMatchObject({ endReason });
  });

  test('stopping while the phone rings: the ringing stops', async () => {
    const { callId } = await floor.conversation();
    const phone = await floor.phone('sam');
    const { id } = await floor.api('sam').supervise(callId, { mode: 'listen' });
    const leg = await phone.nextCall();
    await floor.api('sam').stop(id);
    await leg.step('cancelled');
    expect(await floor.supervision(id, 'ended')).toMatchObject({ endReason: 'stopped' });
  });

  test('a supervisor without a phone is told so', async () => {
    const { callId } = await floor.conversation();
    expect(await refusal(floor.api('sam').supervise(callId, { mode: 'listen' }))).toMatchObject({ code: 'no_phone' });
  });

  test('R-HEAR-3: whispering to a customer is refused', async () => {
    const { callId } = await floor.conversation();
    await floor.phone('sam');
    const problem = await refusal(floor.api('sam').supervise(callId, { mode: 'whisper', target: 'customer' }));
    expect(problem.code).toBe('whisper_to_customer');
  });
});

describe('exclusivity', () => {
  test('R-EXCL-1: a second supervisor is refused, with the name of the holder, until the first has left (R-EXCL-5)', async () => {
    const s = await supervised('listen');
    const second = await floor.phone('sue', { answersByItself: true });
    const problem = await refusal(floor.api('sue').supervise(s.callId, { mode: 'listen' }));
    expect(problem).toMatchObject({ status: 409, code: 'agent_supervised' });
    expect(JSON.stringify(problem.fields['holder'])).toContain('sam');
    await s.supervisorLeg.bye();
    await floor.supervision(s.supervision.id, 'ended');
    await floor.api('sue').supervise(s.callId, { mode: 'listen' });
    await (await second.nextCall()).step('answered');
  });

  test('R-EXCL-2: of supervisors who start at the same moment exactly one wins, and one phone rings', async () => {
    const { callId } = await floor.conversation();
    const phones = [await floor.phone('sam'), await floor.phone('sue'), await floor.phone('root')];
    const people = ['sam', 'sue', 'root'] as const;
    const starts = await Promise.allSettled(
      Array.from({ length: 18 }, (_, i) => floor.api(people[i % 3]!).supervise(callId, { mode: 'listen' })),
    );
    expect(starts.filter((start) => start.status === 'fulfilled')).toHaveLength(1);
    for (const start of starts) {
      if (start.status === 'fulfilled') continue;
      expect(['agent_supervised', 'supervisor_busy']).toContain((start.reason as Problem).code);
    }
    await until('a phone rings', () => phones.some((phone) => phone.calls.length > 0));
    await sleep(200);
    expect(phones.reduce((sum, phone) => sum + phone.calls.length, 0)).toBe(1);
  });
});

describe('pause and switch', () => {
  test('R-MODE-2: neither barge nor whisper out of a paused supervision', async () => {
    const s = await supervised('listen');
    const sam = floor.api('sam');
    await sam.change(s.supervision.id, { paused: true });
    for (const mode of ['barge', 'whisper'] as const) {
      expect(await refusal(sam.change(s.supervision.id, { mode }))).toMatchObject({ status: 409, code: 'paused' });
    }
    await expectMatrix(ears(s), TALK);
    await sam.change(s.supervision.id, { paused: false });
    await expectMatrix(ears(s), MODES.listen);
  });

  test("another supervisor's supervision is not to be changed", async () => {
    const s = await supervised('listen');
    const problem = await refusal(floor.api('sue').change(s.supervision.id, { mode: 'barge' }));
    expect([403, 404]).toContain(problem.status);
    await expectMatrix(ears(s), MODES.listen);
  });
});

describe('what ends a supervision', () => {
  test("R-FLOW-4: the customer hangs up: the supervisor's phone is released", async () => {
    const s = await supervised('barge');
    await s.customer.call.bye();
    await s.supervisorLeg.step('hungup');
    await s.leg.step('hungup');
    expect(await floor.supervision(s.supervision.id, 'ended')).toMatchObject({ endReason: 'call_ended' });
  });

  test('the agent hangs up: everybody is released', async () => {
    const s = await supervised('listen');
    await s.leg.bye();
    await s.customer.call.step('hungup');
    await s.supervisorLeg.step('hungup');
    const ended = await floor.supervision(s.supervision.id, 'ended');
    expect(['call_ended', 'agent_left']).toContain(ended.endReason);
  });

  test('the supervisor hangs up: the conversation goes on', async () => {
    const s = await supervised('barge');
    await s.supervisorLeg.bye();
    expect(await floor.supervision(s.supervision.id, 'ended')).toMatchObject({ endReason: 'supervisor_left' });
    await expectMatrix(ears(s), TALK);
    expect(s.leg.over).toBe(false);
    expect(s.customer.call.over).toBe(false);
  });
});
