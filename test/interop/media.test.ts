/** Codecs that meet, keys, and audio that has no business in a call. */
import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest';
import { Floor } from '../support/floor.ts';
import type { G711 } from '../support/g711.ts';
import { expectMatrix, expectNeverHeard, MODES, TALK } from '../support/hear.ts';
import { mediaOf } from '../support/sipp/message.ts';
import type { SippCall } from '../support/sipp/call.ts';
import { ToneEndpoint } from '../support/tone-endpoint.ts';
import { TONES } from '../support/tones.ts';
import { until } from '../support/until.ts';

let floor: Floor;
beforeAll(async () => {
  floor = await Floor.open();
});
afterEach(() => floor.clear());
afterAll(() => floor?.close());

describe('codecs', () => {
  const mixes: readonly (readonly [G711, G711, G711])[] = [
    ['PCMU', 'PCMA', 'PCMU'],
    ['PCMU', 'PCMA', 'PCMA'],
    ['PCMA', 'PCMU', 'PCMU'],
    ['PCMA', 'PCMA', 'PCMU'],
  ];
  test.each(mixes)(
    'agent %s, customer %s, supervisor %s: R-HEAR-3 and R-HEAR-4 hold',
    async (agentCodec, customerCodec, supervisorCodec) => {
      const { customer, agent, callId } = await floor.conversation({ codec: customerCodec }, { codec: agentCodec });
      const phone = await floor.phone('sam', { codec: supervisorCodec, answersByItself: true });
      const ears = [customer.ear, agent.ear, phone.ear];
      const { id } = await floor.api('sam').supervise(callId, { mode: 'whisper' });
      await floor.supervision(id, 'active');
      await expectMatrix(ears, MODES.whisper);
      await floor.api('sam').change(id, { mode: 'barge' });
      await expectMatrix(ears, MODES.barge);
      const call = await floor.api('sam').call(callId);
      const codecOf = (role: string): unknown => call.participants.find((p) => p.role === role)?.codec;
      expect([codecOf('agent'), codecOf('customer'), codecOf('supervisor')]).toEqual([
        agentCodec,
        customerCodec,
        supervisorCodec,
      ]);
    },
  );

  test('the first codec offered that we speak is taken', async () => {
    const { customer } = await floor.conversation({ codec: 'PCMA', offer: ['PCMA', 'PCMU'] });
    const answer = customer.call.steps.find((step) => step.name === 'answered');
    expect(mediaOf(answer?.message ?? '')?.payloadTypes[0]).toBe(8);
  });
});

describe('keys by RFC 4733', () => {
  test('pass from the customer to the agent, each once, with marker, duration and end', async () => {
    const { customer, agent } = await floor.conversation();
    for (const digit of ['4', '#']) {
      customer.ear.press(digit, 120);
      await until(`the end of ${digit}`, () => agent.ear.keys().some((key) => key.end && key.digit === digit));
      await sleep(120);
    }
    const starts = agent.ear.keys().filter((key) => key.marker);
    expect(starts.map((key) => key.digit)).toEqual(['4', '#']);
    const ends = agent.ear.keys().filter((key) => key.end);
    expect(new Set(ends.map((key) => `${key.digit}${key.duration}`))).toEqual(new Set(['4960', '#960']));
    await expectMatrix([customer.ear, agent.ear], TALK);
  });

  test('R-HEAR-7: keys of a supervisor reach nobody', async () => {
    const { customer, agent, callId } = await floor.conversation();
    const phone = await floor.phone('sam', { answersByItself: true });
    const { id } = await floor.api('sam').supervise(callId, { mode: 'listen' });
    await floor.supervision(id, 'active');
    phone.ear.press('9', 120);
    await sleep(400);
    expect(customer.ear.keys()).toEqual([]);
    expect(agent.ear.keys()).toEqual([]);
  });
});

describe('audio from elsewhere', () => {
  /** Where Earshot receives the audio of this leg. */
  function portOf(call: SippCall): number {
    const message = call.steps.find((step) => step.name === 'answered' || step.name === 'invite')?.message ?? '';
    return mediaOf(message)?.port ?? mediaOf(call.invite)?.port ?? 0;
  }

  test('RTP from another source is heard by nobody, and takes no stream over', async () => {
    const { customer, agent, leg } = await floor.conversation();
    const stranger = await ToneEndpoint.open('third', TONES.third);
    floor.keep(stranger);
    const from = performance.now();
    stranger.connect('127.0.0.1', portOf(customer.call));
    await expectMatrix([customer.ear, agent.ear, stranger], TALK);
    stranger.connect('127.0.0.1', portOf(leg));
    await expectMatrix([customer.ear, agent.ear, stranger], TALK);
    expectNeverHeard(agent.ear, stranger, from);
    expectNeverHeard(customer.ear, stranger, from);
    expect(stranger.received).toEqual([]);
  });

  test('a party that sends nothing disturbs nobody', async () => {
    const { customer, agent, callId } = await floor.conversation();
    customer.ear.send('nothing');
    const phone = await floor.phone('sam', { answersByItself: true });
    const { id } = await floor.api('sam').supervise(callId, { mode: 'barge' });
    await floor.supervision(id, 'active');
    const ears = [customer.ear, agent.ear, phone.ear];
    await expectMatrix(ears, { customer: ['agent', 'supervisor'], agent: ['supervisor'], supervisor: ['agent'] });
    customer.ear.send('tone');
    await expectMatrix(ears, MODES.barge, { settleMs: 200 });
  });
});
