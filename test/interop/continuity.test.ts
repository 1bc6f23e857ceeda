/**
 * R-HEAR-8: starting, switching, pausing and ending a supervision changes nothing in what agent and customer hear of
 * each other. Every 20 ms of their audio spells its own number; the supervisor's phone is silent, so that the frames
 * can be read out of a mix too. A re-INVITE to either of them would make its sipp abort the call.
 */
import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest';
import { Floor } from '../support/floor.ts';
import type { Conversation } from '../support/floor.ts';
import type { G711 } from '../support/g711.ts';
import { countFrames } from '../support/numbered.ts';
import { continuityFaults } from '../support/rtp.ts';
import type { ToneEndpoint } from '../support/tone-endpoint.ts';

let floor: Floor;
beforeAll(async () => {
  floor = await Floor.open();
});
afterEach(() => floor.clear());
afterAll(() => floor?.close());

/** Both speak numbers from now on; resolves with the moment from which on every frame counts. */
async function speakNumbers({ customer, agent }: Conversation): Promise<number> {
  customer.ear.send('numbered');
  agent.ear.send('numbered');
  await sleep(300);
  return performance.now();
}

async function supervise(callId: string): Promise<{ id: string; stopped: () => Promise<unknown> }> {
  const phone = await floor.phone('sam', { answersByItself: true });
  phone.ear.send('silence');
  const { id } = await floor.api('sam').supervise(callId, { mode: 'listen' });
  const leg = await phone.nextCall();
  await leg.step('answered');
  await floor.supervision(id, 'active');
  return { id, stopped: () => leg.step('hungup') };
}

/** All that is to be changed while a supervision is open, with time to hear in between. */
async function everyChange(id: string, rounds: number, pauseMs: number): Promise<void> {
  const sam = floor.api('sam');
  for (let round = 0; round < rounds; round += 1) {
    for (const change of [
      { mode: 'whisper' },
      { mode: 'barge' },
      { paused: true },
      { paused: false },
      { mode: 'listen' },
      { mode: 'barge' },
      { mode: 'whisper' },
      { paused: true },
      { paused: false },
      { mode: 'listen' },
    ] as const) {
      await sam.change(id, change);
      await sleep(pauseMs);
    }
  }
}

/**
 * Every frame of `speaker` exactly once. Between frames there is nothing else, but for what a mix must fill in where the
 * machine under the test let the speaker's frames be sent late (a mix that has just begun waits for hardly any jitter).
 */
function expectUnbroken(ear: ToneEndpoint, speaker: ToneEndpoint, from: number, to: number): void {
  const packets = ear.packetsBetween(from, to);
  expect(continuityFaults(packets), `the stream to the ${ear.name}`).toEqual([]);
  const { lost, doubled, strayed, numbers } = countFrames(ear.audioBetween(from, to));
  expect({ lost, doubled }, `frames at the ${ear.name}`).toEqual({ lost: [], doubled: [] });
  expect(strayed, `strayed samples at the ${ear.name}`).toBeLessThanOrEqual(160 * speaker.lateFrames(from, to, 2));
  expect(numbers.length).toBeGreaterThan((to - from) / 20 - 15);
}

const codecs: readonly (readonly [G711, G711])[] = [
  ['PCMU', 'PCMU'],
  ['PCMU', 'PCMA'],
];

describe.each(codecs)('R-HEAR-8 with %s at the agent and %s at the customer', (agentCodec, customerCodec) => {
  test('not one frame is lost or doubled over a whole supervision; SSRC, sequence and timestamps go on', async () => {
    const conversation = await floor.conversation({ codec: customerCodec }, { codec: agentCodec });
    const from = await speakNumbers(conversation);
    const { id, stopped } = await supervise(conversation.callId);
    await everyChange(id, 1, 150);
    await floor.api('sam').stop(id);
    await stopped();
    await sleep(300);
    const to = performance.now();
    expectUnbroken(conversation.agent.ear, conversation.customer.ear, from, to);
    expectUnbroken(conversation.customer.ear, conversation.agent.ear, from, to);
    expect(conversation.leg.over).toBe(false);
    expect(conversation.customer.call.over).toBe(false);
  });
});

test('R-HEAR-8: nor in a hundred changes without pause, and a phone that hangs up', async () => {
  const conversation = await floor.conversation();
  const from = await speakNumbers(conversation);
  const { id, stopped } = await supervise(conversation.callId);
  await everyChange(id, 10, 0);
  await floor.api('sam').stop(id);
  await stopped();
  await sleep(300);
  const to = performance.now();
  expectUnbroken(conversation.agent.ear, conversation.customer.ear, from, to);
  expectUnbroken(conversation.customer.ear, conversation.agent.ear, from, to);
});

test('R-HEAR-8: a supervision that is refused or never answered leaves no trace', async () => {
  const conversation = await floor.conversation();
  const from = await speakNumbers(conversation);
  const phone = await floor.phone('sam');
  const { id } = await floor.api('sam').supervise(conversation.callId, { mode: 'barge' });
  await (await phone.nextCall()).reject(603);
  await floor.supervision(id, 'ended');
  await sleep(200);
  const to = performance.now();
  expectUnbroken(conversation.agent.ear, conversation.customer.ear, from, to);
  expectUnbroken(conversation.customer.ear, conversation.agent.ear, from, to);
});
