/** Figures of the whole server, taken from outside: real phones (sipp), HTTP, RTP, the process's own accounts. */
import { setTimeout as sleep } from 'node:timers/promises';
import { Floor } from '../support/floor.ts';
import { Kamailio } from '../support/kamailio.ts';
import { analyse } from '../support/hear.ts';
import { decode } from '../support/g711.ts';
import { countFrames } from '../support/numbered.ts';
import { freePort } from '../support/ports.ts';
import { residentBytes } from '../support/process.ts';
import { continuityFaults } from '../support/rtp.ts';
import { TONE_LEVEL_DB } from '../support/tones.ts';
import { until } from '../support/until.ts';
import { callee, loadUsers, makeCalls, registerAll } from './load.ts';
import { quantile } from './table.ts';
import type { Figure } from './table.ts';

const CHANGES = 200;
const ROUNDS = 20;
const SETUPS = 400;
const HELD_UP_MS = 60;
const RUNS = 5;
const CALLS_AT_ONCE = 20;

const USERS = loadUsers(100);

/** Runs all of them on a server of its own; about a minute. */
export async function systemBench(): Promise<Figure[]> {
  const floor = await Floor.open({ moreUsers: USERS, rtpPorts: 1200 });
  try {
    const figures = [...(await patchToAudible(floor))];
    await floor.clear();
    figures.push(await lostFrames(floor));
    await floor.clear();
    figures.push(await setUps(floor));
    figures.push(await memory(floor));
    await floor.close();
    return figures;
  } catch (error) {
    await floor.earshot.kill();
    throw error;
  }
}

/** From the PATCH being sent to the first packet at the agent's phone that carries the supervisor's voice. */
async function patchToAudible(floor: Floor): Promise<Figure[]> {
  const { customer, agent, callId } = await floor.conversation();
  customer.ear.send('silence');
  const phone = await floor.phone('sam', { answersByItself: true });
  const voice = { name: phone.name, hz: phone.ear.hz };
  const sam = floor.api('sam');
  const delays: number[] = [];
  // How long a packet waits for the mixer's next step is the same throughout a supervision: so several.
  for (let round = 0; round < ROUNDS; round += 1) {
    const { id } = await sam.supervise(callId, { mode: 'listen' });
    await floor.supervision(id, 'active');
    for (let i = 0; i < CHANGES / ROUNDS; i += 1) {
      await sleep(60 + Math.random() * 20);
      const sent = performance.now();
      await sam.change(id, { mode: 'whisper' });
      const heard = await until('the whisper', () =>
        agent.ear.packetsBetween(sent, Infinity).find((packet) => {
          const { levels } = analyse(decode('PCMU', packet.payload), [voice]);
          return levels.get(phone.name)!.highest > TONE_LEVEL_DB - 12;
        }),
      );
      delays.push(heard.at - sent);
      await sam.change(id, { mode: 'listen' });
    }
    await sam.stop(id);
    await floor.supervision(id, 'ended');
  }
  return [
    { name: 'PATCH to audible, median', value: quantile(delays, 0.5), unit: 'ms', wanted: 30 },
    { name: 'PATCH to audible, p99', value: quantile(delays, 0.99), unit: 'ms' },
  ];
}

/**
 * Frames between agent and customer that were not heard exactly once, and breaks in either stream. Where the machine held
 * the test's own senders up for longer than any jitter buffer lasts, the run says nothing and is made again.
 */
async function lostFrames(floor: Floor): Promise<Figure> {
  const name = `frames lost in ${CHANGES} mode changes by API`;
  for (let run = 1; ; run += 1) {
    const { wrong, heldUp } = await changesRun(floor);
    if (heldUp === 0) return { name, value: wrong, unit: 'frames', wanted: 0 };
    if (run === RUNS)
      return { name: `${name}, on a machine that is too busy`, value: wrong, unit: 'frames', wanted: 0 };
    await floor.clear();
  }
}

async function changesRun(floor: Floor): Promise<{ wrong: number; heldUp: number }> {
  const { customer, agent, callId } = await floor.conversation();
  const phone = await floor.phone('sam', { answersByItself: true });
  phone.ear.send('silence');
  customer.ear.send('numbered');
  agent.ear.send('numbered');
  await sleep(300);
  const from = performance.now();
  const sam = floor.api('sam');
  const { id } = await sam.supervise(callId, { mode: 'listen' });
  await floor.supervision(id, 'active');
  const modes = ['whisper', 'barge', 'listen'] as const;
  for (let i = 0; i < CHANGES; i += 1) {
    await sam.change(id, { mode: modes[i % 3]! });
    await sleep(10 + Math.random() * 40);
  }
  await sam.stop(id);
  await sleep(300);
  const to = performance.now();
  let wrong = 0;
  let heldUp = 0;
  for (const ear of [customer.ear, agent.ear]) {
    const { lost, doubled } = countFrames(ear.audioBetween(from, to));
    wrong += lost.length + doubled.length + continuityFaults(ear.packetsBetween(from, to)).length;
    heldUp += ear.lateFrames(from, to, HELD_UP_MS);
  }
  return { wrong, heldUp };
}

/** Complete calls a second, INVITE to the answer to BYE; beside the same phones through a stateful SIP proxy. */
async function setUps(floor: Floor): Promise<Figure> {
  const through = await withCallee(floor, () => callsPerSecond(floor.earshot.sipPort));
  const port = await freePort();
  const phones = callee(port);
  const proxy = await Kamailio.start(port, true);
  try {
    const peer = await callsPerSecond(proxy.port);
    return {
      name: `calls set up and ended, ${CALLS_AT_ONCE} at a time`,
      value: through,
      unit: 'calls/s',
      floor: { what: 'kamailio as a mere proxy', value: peer },
    };
  } finally {
    await proxy.close();
    await phones.stop('SIGKILL');
  }
}

/** What a call that is up costs in memory, from the growth of the process over a hundred. */
async function memory(floor: Floor): Promise<Figure> {
  return withCallee(floor, async () => {
    const before = residentBytes(floor.earshot.pid);
    const calls = makeCalls({
      users: USERS,
      port: floor.earshot.sipPort,
      count: USERS.length,
      atOnce: USERS.length,
      rate: 50,
      holdMs: 6000,
    });
    calls.catch(() => undefined); // told below
    await until(
      'the calls',
      async () => (await floor.api('root').calls()).filter((view) => view.state === 'active').length === USERS.length,
      20_000,
    );
    await sleep(1000);
    const grown = residentBytes(floor.earshot.pid) - before;
    await calls;
    return { name: `memory per call (${USERS.length} calls)`, value: grown / 1024 / USERS.length, unit: 'KB' };
  });
}

/** Works with all users registered at one phone that answers whatever comes. */
async function withCallee<T>(floor: Floor, work: () => Promise<T>): Promise<T> {
  const port = await freePort();
  const phones = callee(port);
  try {
    await registerAll(USERS, floor.earshot.sipPort, port);
    return await work();
  } finally {
    await phones.stop('SIGKILL');
  }
}

async function callsPerSecond(port: number): Promise<number> {
  const start = performance.now();
  await makeCalls({ users: USERS, port, count: SETUPS, atOnce: CALLS_AT_ONCE, rate: 2000, holdMs: 0 });
  return SETUPS / ((performance.now() - start) / 1000);
}
