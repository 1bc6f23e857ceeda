/** Figures of the rules of supervision on the whole server: take over, the race, the event stream, the list of calls. */
import { setTimeout as sleep } from 'node:timers/promises';
import type { Problem } from '../support/api-client.ts';
import { Floor } from '../support/floor.ts';
import { levelOf } from '../support/hear.ts';
import { freePort } from '../support/ports.ts';
import { cpuSeconds } from '../support/process.ts';
import type { ToneEndpoint } from '../support/tone-endpoint.ts';
import { TONE_LEVEL_DB } from '../support/tones.ts';
import { until } from '../support/until.ts';
import { callee, loadSupervisors, loadUsers, makeCalls, registerAll } from './load.ts';
import { quantile } from './table.ts';
import type { Figure } from './table.ts';

const TAKEOVERS = 10;
const RACERS = 50;
const STREAMS = 200;
const EVENT_CHANGES = 200;
const LIVE_CALLS = 1000;

const SUPERVISORS = loadSupervisors(RACERS);
const USERS = loadUsers(LIVE_CALLS);

/** Runs all of them on a server of its own; about two minutes. */
export async function rulesBench(): Promise<Figure[]> {
  const floor = await Floor.open({ moreUsers: [...SUPERVISORS, ...USERS], rtpPorts: 2 * 2 * LIVE_CALLS + 200 });
  try {
    const figures: Figure[] = [await takeOver(floor)];
    figures.push(...(await race(floor)));
    await floor.clear();
    figures.push(await eventStream(floor));
    await floor.clear();
    figures.push(...(await manyCalls(floor)));
    await floor.close();
    return figures;
  } catch (error) {
    await floor.earshot.kill();
    throw error;
  }
}

/** R-ACT-1: how long the customer hears neither the agent nor the supervisor, in a take-over from a supervision. */
async function takeOver(floor: Floor): Promise<Figure> {
  const gaps: number[] = [];
  for (let i = 0; i < TAKEOVERS; i += 1) {
    const { customer, agent, leg, callId } = await floor.conversation();
    const phone = await floor.phone('sam', { answersByItself: true });
    const { id } = await floor.api('sam').supervise(callId, { mode: 'listen' });
    await floor.supervision(id, 'active');
    await sleep(100);
    const from = performance.now();
    const answer = await floor.api('sam').request('POST', `/calls/${callId}/takeover`);
    if (answer.status >= 300) throw new Error(`takeover: ${JSON.stringify(answer.body)}`);
    await leg.step('hungup');
    await sleep(300);
    gaps.push(longestAlone(customer.ear, [agent.ear, phone.ear], from));
    await floor.clear();
  }
  return { name: 'take over: customer alone, worst', value: Math.max(...gaps), unit: 'ms', wanted: 1000 };
}

/** The longest run of 20 ms pieces in which an ear heard none of the parties. */
function longestAlone(ear: ToneEndpoint, parties: readonly ToneEndpoint[], from: number): number {
  const pcm = ear.audioBetween(from, performance.now());
  let longest = 0;
  let alone = 0;
  for (let at = 0; at + 320 <= pcm.length; at += 160) {
    const heard = parties.some((party) => levelOf(pcm, party.hz, at, 320) > TONE_LEVEL_DB - 12);
    alone = heard ? 0 : alone + 20;
    longest = Math.max(longest, alone);
  }
  return longest;
}

/** R-EXCL-2: all supervisors at the same moment. */
async function race(floor: Floor): Promise<Figure[]> {
  const port = await freePort();
  const phones = callee(port);
  try {
    await registerAll(SUPERVISORS, floor.earshot.sipPort, port);
    const { callId } = await floor.conversation();
    const start = performance.now();
    const starts = await Promise.allSettled(
      SUPERVISORS.map(({ id }) => floor.api(id).supervise(callId, { mode: 'listen' })),
    );
    const took = performance.now() - start;
    for (const each of starts) {
      if (each.status === 'rejected' && (each.reason as Problem).code !== 'agent_supervised') throw each.reason;
    }
    const winners = starts.filter((each) => each.status === 'fulfilled').length;
    return [
      { name: `race of ${RACERS}: more winners than one`, value: winners - 1, unit: 'winners', wanted: 0 },
      { name: `race of ${RACERS}: until the last has an answer`, value: took, unit: 'ms' },
    ];
  } finally {
    await phones.stop('SIGKILL');
  }
}

/** What one change of mode costs the server, with so many clients that are told of it, beside the same with none. */
async function eventStream(floor: Floor): Promise<Figure> {
  const { callId } = await floor.conversation();
  await floor.phone('sam', { answersByItself: true });
  const { id } = await floor.api('sam').supervise(callId, { mode: 'listen' });
  await floor.supervision(id, 'active');
  const changes = async (): Promise<number> => {
    const before = cpuSeconds(floor.earshot.pid);
    for (let i = 0; i < EVENT_CHANGES; i += 1) {
      await floor.api('sam').change(id, { mode: i % 2 === 0 ? 'whisper' : 'listen' });
    }
    return ((cpuSeconds(floor.earshot.pid) - before) * 1000) / EVENT_CHANGES;
  };
  const alone = await changes();
  const streams = await Promise.all(Array.from({ length: STREAMS }, () => floor.api('root').events()));
  try {
    const told = await changes();
    await until('the last event at every client', () =>
      streams.every((stream) => stream.events.length >= EVENT_CHANGES),
    );
    return {
      name: `one change of mode, ${STREAMS} event clients`,
      value: told,
      unit: 'ms CPU',
      floor: { what: 'no client', value: alone },
    };
  } finally {
    for (const stream of streams) stream.close();
  }
}

/** GET /calls with a thousand of them up. */
async function manyCalls(floor: Floor): Promise<Figure[]> {
  const port = await freePort();
  const phones = callee(port);
  try {
    await registerAll(USERS, floor.earshot.sipPort, port);
    const up = makeCalls({
      users: USERS,
      port: floor.earshot.sipPort,
      count: LIVE_CALLS,
      atOnce: LIVE_CALLS,
      rate: 60,
      holdMs: 40_000,
    });
    up.catch(() => undefined); // told below
    const root = floor.api('root');
    const active = async (): Promise<number> => (await root.calls()).filter((call) => call.state === 'active').length;
    while ((await active()) < LIVE_CALLS) await Promise.race([sleep(1000), up]);
    const times: number[] = [];
    for (let i = 0; i < 20; i += 1) {
      const start = performance.now();
      await root.calls();
      times.push(performance.now() - start);
    }
    await up;
    return [
      { name: `GET /calls with ${LIVE_CALLS} live calls, median`, value: quantile(times, 0.5), unit: 'ms' },
      { name: `GET /calls with ${LIVE_CALLS} live calls, p95`, value: quantile(times, 0.95), unit: 'ms' },
    ];
  } finally {
    await phones.stop('SIGKILL');
  }
}
