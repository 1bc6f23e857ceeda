/**
 * `npm run demo`: a whole supervised call between three robot phones. What is printed of who hears whom is measured from the
 * audio that each phone receives. Exit status 0 only if that was as it should be in every step.
 *
 *   npm run demo -- --record FOLDER     keeps what each phone heard, as WAV files to listen to
 */
import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import type { RobotCall } from '../../robot/call.ts';
import { RobotPhone } from '../../robot/phone.ts';
import { PILOTS } from '../../robot/pilot.ts';
import { readWav, writeWav } from '../../robot/wav.ts';
import { SupervisorApi } from './api.ts';
import { DOMAIN, openStage, PASSWORDS, type Stage } from './stage.ts';
import { describe, judge, NAMES, same, STEPS, type Hearing, type Name, type Step } from './steps.ts';

const SETTLE = 5_000; // ms within which a change must be heard
const TRANSIENT = 200; // ms of audio on its way when a change is made: window of the ear and jitter buffer
const MEASURE = 2_000; // ms for which each step is measured
const SAMPLE = 50;

type Robots = Readonly<Record<Name, RobotPhone>>;

const began = performance.now();
const colour = process.stdout.isTTY && process.env['NO_COLOR'] === undefined;
const paint = (code: number, text: string): string => (colour ? `\u001b[${code}m${text}\u001b[0m` : text);
const say = (text: string): void => {
  const seconds = ((performance.now() - began) / 1000).toFixed(1).padStart(5);
  console.log(`${paint(2, `${seconds} s`)}  ${text}`);
};

function measured(robots: Robots): Hearing {
  const heardBy = (listener: Name): Name[] => {
    const heard = robots[listener].heard();
    return NAMES.filter((name) => heard.includes(name));
  };
  return { customer: heardBy('customer'), agent: heardBy('agent'), supervisor: heardBy('supervisor') };
}

/** Watches a step: what is heard is printed whenever it changes. Resolves with whether it was as expected. */
async function watch(robots: Robots, step: Step, since: number): Promise<boolean> {
  let last: Hearing | null = null;
  const look = (): Hearing => {
    const now = measured(robots);
    if (last === null || !same(last, now)) say(`           ${describe(now)}`);
    last = now;
    return now;
  };
  while (!same(look(), step.expected) && performance.now() - since < SETTLE) {
    await sleep(10);
  }
  const after = Math.round(performance.now() - since);
  await sleep(TRANSIENT);
  const samples: Hearing[] = [];
  for (const end = performance.now() + MEASURE; performance.now() < end;) {
    samples.push(look());
    await sleep(SAMPLE);
  }
  const { ok, faults } = judge(samples, step.expected);
  if (ok)
    say(
      `           ${paint(32, 'as it should be')}, measured ${samples.length} times, from ${after} ms after the request on`,
    );
  else say(`           ${paint(31, 'NOT as it should be')}: ${faults.join('; ')}`);
  return ok;
}

async function play(stage: Stage, robots: Robots, record: string | null): Promise<boolean> {
  const api = new SupervisorApi(stage.api);
  const results: boolean[] = [];
  const take = async (step: Step, act: () => Promise<unknown>): Promise<void> => {
    say(`${paint(1, step.title.padEnd(9))}  ${step.says}`);
    const since = performance.now();
    await act();
    results.push(await watch(robots, step, since));
  };
  await Promise.all([robots.agent.register(), robots.supervisor.register()]);
  say('phones     agent (1001) and supervisor (2001) have registered; the customer calls 8000 by the trunk');
  const call = await robots.customer.dial('8000');
  let callId: string | null = null;
  await take(STEPS.call, async () => {
    callId = await eventually('the call to be active', () => api.activeCall());
  });
  const startSupervision = async (): Promise<string> => {
    const { id } = await api.supervise(callId ?? '', 'listen');
    await eventually("the supervisor's phone to answer by itself", async () => {
      return (await api.supervision(id)).state === 'active' ? true : null;
    });
    return id;
  };
  let id = '';
  await take(STEPS.listen, async () => {
    id = await startSupervision();
  });
  const heard: Record<Name, RobotCall | null> = {
    customer: call,
    agent: robots.agent.call,
    supervisor: robots.supervisor.call,
  };
  await take(STEPS.whisper, () => api.change(id, { mode: 'whisper' }));
  await take(STEPS.barge, () => api.change(id, { mode: 'barge' }));
  await take(STEPS.pause, () => api.change(id, { paused: true }));
  await take(STEPS.resume, () => api.change(id, { paused: false }));
  await take(STEPS.stop, () => api.stop(id));
  const released = robots.supervisor.call === null;
  if (!released) say(paint(31, "the supervisor's phone was not released"));
  const lost = (heard.customer?.packets.lost ?? 0) + (heard.agent?.packets.lost ?? 0);
  say(`the whole time the customer and the agent lost ${lost} audio packets of each other`);
  if (record !== null) keep(record, heard);
  return released && results.length === Object.keys(STEPS).length && results.every(Boolean);
}

/** Writes what each phone heard. */
function keep(folder: string, heard: Readonly<Record<Name, RobotCall | null>>): void {
  mkdirSync(folder, { recursive: true });
  for (const name of NAMES) writeWav(join(folder, `${name}-heard.wav`), heard[name]?.recording() ?? new Int16Array(0));
  say(`what each phone heard is in ${folder}`);
}

async function eventually<T>(what: string, probe: () => Promise<T | null>): Promise<T> {
  for (const deadline = performance.now() + SETTLE; performance.now() < deadline;) {
    const found = await probe();
    if (found !== null) return found;
    await sleep(20);
  }
  throw new Error(`waited ${SETTLE / 1000} s for ${what}`);
}

async function openRobots(stage: Stage, opened: RobotPhone[]): Promise<Robots> {
  const open = async (name: Name, number: string, password?: string): Promise<RobotPhone> => {
    const phone = await RobotPhone.start({
      name,
      number,
      domain: DOMAIN,
      server: { host: '127.0.0.1', port: stage.sipPort },
      speech: readWav(fileURLToPath(new URL(`../../robot/speech/${name}.wav`, import.meta.url))),
      pilotHz: PILOTS[name],
      pilots: new Map(Object.entries(PILOTS)),
      // The agent picks up what rings; the supervisor's phone answers only because it is asked to (R-START-3).
      answers: name === 'agent' ? 'always' : 'asked',
      ...(password === undefined ? {} : { password }),
    });
    opened.push(phone);
    return phone;
  };
  return {
    customer: await open('customer', '+441632960000'),
    agent: await open('agent', '1001', PASSWORDS.alice),
    supervisor: await open('supervisor', '2001', PASSWORDS.sam),
  };
}

function commandLine(): { record: string | null } | null {
  try {
    const { values } = parseArgs({ options: { record: { type: 'string' } } });
    return { record: values.record ?? null };
  } catch (error) {
    console.error(error instanceof Error ? error.message : String(error));
    console.error('Usage: npm run demo [-- --record FOLDER]');
    return null;
  }
}

async function main(): Promise<number> {
  const options = commandLine();
  if (options === null) return 2;
  console.log(
    'Earshot demo: a customer calls, an agent answers, a supervisor listens in. Every line below is measured',
  );
  console.log('from the audio that each phone receives: each voice carries a faint tone of its own.\n');
  const robots: RobotPhone[] = [];
  let stage: Stage | null = null;
  let stopping = false;
  const strike = async (): Promise<void> => {
    if (stopping) return;
    stopping = true;
    for (const robot of robots) await robot.close().catch(() => undefined);
    await stage?.close();
  };
  for (const signal of ['SIGINT', 'SIGTERM'] as const) {
    process.once(signal, () => void strike().finally(() => process.exit(130)));
  }
  try {
    stage = await openStage();
    say(`server     Earshot is up; its API is at ${stage.api}`);
    const ok = await play(stage, await openRobots(stage, robots), options.record);
    console.log(
      ok ? paint(32, '\nEverything heard was as it should be.') : paint(31, '\nNot everything was as it should be.'),
    );
    return ok ? 0 : 1;
  } catch (error) {
    console.error(paint(31, `\nThe demo failed: ${error instanceof Error ? error.message : String(error)}`));
    return 1;
  } finally {
    await strike();
  }
}

process.exitCode = await main();
