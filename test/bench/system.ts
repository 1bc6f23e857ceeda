/** Figures of the whole server, taken from outside: real phones (sipp), HTTP, RTP, the process's own accounts. */
import { setTimeout as sleep } from 'node:timers/promises';
import { Floor } from '../support/floor.ts';
import { Kamailio } from '../support/kamailio.ts';
import { analyse } from '../support/hear.ts';
import { decode } from '../support/g711.ts';
import { countFrames } from '../support/numbered.ts';
import { freePort } from '../support/ports.ts';
import { Child, requireProgram, residentBytes } from '../support/process.ts';
import { continuityFaults } from '../support/rtp.ts';
import { DOMAIN } from '../support/server.ts';
import { SippPhone } from '../support/sipp/phone.ts';
import { TONES, TONE_LEVEL_DB } from '../support/tones.ts';
import { until } from '../support/until.ts';
import { quantile } from './table.ts';
import type { Figure } from './table.ts';

const CHANGES = 200;
const SETUPS = 400;
const CALLS_AT_ONCE = 20;
const HELD_CALLS = 100;

/** Called by the load: takes as many calls as come. */
const LOAD = { id: 'load', extension: '1999', password: 'pw-load' };

/** Runs all of them on a server of its own; about a minute. */
export async function systemBench(): Promise<Figure[]> {
  const user = { ...LOAD, name: 'Load', role: 'agent', team: 'support', capacity: 1000 };
  const floor = await Floor.open({ moreUsers: [user], rtpPorts: 1200 });
  try {
    const figures = [...(await patchToAudible(floor))];
    await floor.clear();
    figures.push(await lostFrames(floor));
    await floor.clear();
    figures.push(await setUps(floor));
    figures.push(await memory(floor));
    return figures;
  } finally {
    await floor.close();
  }
}

/** From the PATCH being sent to the first packet at the agent's phone that carries the supervisor's voice. */
async function patchToAudible(floor: Floor): Promise<Figure[]> {
  const { customer, agent, callId } = await floor.conversation();
  customer.ear.send('silence');
  const phone = await floor.phone('sam', { answersByItself: true });
  const sam = floor.api('sam');
  const { id } = await sam.supervise(callId, { mode: 'listen' });
  await floor.supervision(id, 'active');
  const delays: number[] = [];
  for (let i = 0; i < CHANGES; i += 1) {
    await sleep(60 + Math.random() * 20);
    const sent = performance.now();
    await sam.change(id, { mode: 'whisper' });
    const heard = await until('the whisper', () =>
      agent.ear.packetsBetween(sent, Infinity).find((packet) => {
        const pcm = decode('PCMU', packet.payload);
        return (
          analyse(pcm, [{ name: phone.name, hz: phone.ear.hz }]).levels.get(phone.name)!.highest > TONE_LEVEL_DB - 12
        );
      }),
    );
    delays.push(heard.at - sent);
    await sam.change(id, { mode: 'listen' });
  }
  return [
    { name: 'PATCH to audible, median', value: quantile(delays, 0.5), unit: 'ms', wanted: 30 },
    { name: 'PATCH to audible, p99', value: quantile(delays, 0.99), unit: 'ms' },
  ];
}

/** Frames between agent and customer that were not heard exactly once, and breaks in either stream. */
async function lostFrames(floor: Floor): Promise<Figure> {
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
  for (const ear of [customer.ear, agent.ear]) {
    const { lost, doubled } = countFrames(ear.audioBetween(from, to));
    wrong += lost.length + doubled.length + continuityFaults(ear.packetsBetween(from, to)).length;
  }
  return { name: `frames lost in ${CHANGES} mode changes by API`, value: wrong, unit: 'frames', wanted: 0 };
}

/** Complete calls a second, INVITE to the answer to BYE; beside the same phones through a stateful SIP proxy. */
async function setUps(floor: Floor): Promise<Figure> {
  const through = await withCallee(floor, () => callsPerSecond(floor.earshot.sipPort));
  const port = await freePort();
  const callee = answering(port);
  const proxy = await Kamailio.start(port);
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
    await callee.stop('SIGKILL');
  }
}

/** What a call that is up costs in memory, from the growth of the process over a hundred. */
async function memory(floor: Floor): Promise<Figure> {
  return withCallee(floor, async () => {
    const before = residentBytes(floor.earshot.pid);
    const calls = String(HELD_CALLS);
    const caller = call(floor.earshot.sipPort, ['-r', '50', '-l', calls, '-m', calls, '-d', '8000']);
    await until(
      'the calls',
      async () => (await floor.api('root').calls()).filter((view) => view.state === 'active').length === HELD_CALLS,
      20_000,
    );
    await sleep(1000);
    const grown = residentBytes(floor.earshot.pid) - before;
    await caller.exited;
    return { name: `memory per call (${HELD_CALLS} calls)`, value: grown / 1024 / HELD_CALLS, unit: 'KB' };
  });
}

/** Works with a registered phone that answers any number of calls at once. */
async function withCallee<T>(floor: Floor, work: () => Promise<T>): Promise<T> {
  const port = await freePort();
  const phone = await SippPhone.register({
    name: 'load',
    hz: TONES.second,
    person: { id: LOAD.id, extension: LOAD.extension, password: LOAD.password },
    domain: DOMAIN,
    sipPort: floor.earshot.sipPort,
    port,
  });
  // The registration stays; the phone gives its port to one that answers everything.
  await phone.kill();
  const callee = answering(port);
  try {
    return await work();
  } finally {
    await callee.stop('SIGKILL');
  }
}

async function callsPerSecond(port: number): Promise<number> {
  const start = performance.now();
  const caller = call(port, ['-r', '2000', '-l', String(CALLS_AT_ONCE), '-m', String(SETUPS), '-d', '0']);
  const exit = await caller.exited;
  const seconds = (performance.now() - start) / 1000;
  if (exit.code !== 0) throw new Error(`calls have failed:\n${caller.output.slice(-3000)}`);
  return SETUPS / seconds;
}

/** sipp's own caller and callee, as they come. */
function call(port: number, args: readonly string[]): Child {
  return sipp(['-sn', 'uac', '-s', LOAD.extension, ...args, `127.0.0.1:${port}`]);
}

function answering(port: number): Child {
  return sipp(['-sn', 'uas', '-p', String(port)]);
}

function sipp(args: readonly string[]): Child {
  return new Child('sipp', requireProgram('sipp'), ['-i', '127.0.0.1', '-nostdin', '-skip_rlimit', ...args], {
    env: { TERM: 'xterm' },
  });
}
