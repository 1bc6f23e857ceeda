/**
 * Some hundred random operations of agents and supervisors on live calls, with real phones, each with its tone. After
 * each operation the whole hear matrix is measured; and over the whole run, transitions included, no phone may have
 * heard, not for one frame, a party that the matrix did not let it hear at that moment (R-HEAR-7).
 */
import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { Floor } from '../support/floor.ts';
import { expectMatrix, expectNeverHeard, type Expected } from '../support/hear.ts';
import type { SippCall } from '../support/sipp/call.ts';
import type { SippCaller, SippPhone } from '../support/sipp/phone.ts';
import type { ToneEndpoint } from '../support/tone-endpoint.ts';
import { until } from '../support/until.ts';
import type { CallView, SupervisionView } from '../../src/call/views.ts';

const STEPS = Number(process.env['EARSHOT_RANDOM_STEPS'] ?? 120);
const SEED = Number(process.env['EARSHOT_RANDOM_SEED'] ?? 20_260_101);
/** What is under way to a phone when a change is confirmed, ms: jitter buffers and the machine. */
const UNDER_WAY = 300;

/** The tone and name of each person's phone. */
const PEOPLE = { alice: 'agent', bob: 'second', sam: 'supervisor', sue: 'third' } as const;
type Who = keyof typeof PEOPLE;

let floor: Floor;
beforeAll(async () => {
  floor = await Floor.open({ policy: { exclusivity: 'coach', ringSeconds: 10 } });
});
afterAll(() => floor?.close());

/** mulberry32: the same operations for the same seed. */
function dice(seed: number): (sides: number) => number {
  let state = seed;
  return (sides) => {
    state = (state + 0x6d2b79f5) | 0;
    let t = Math.imul(state ^ (state >>> 15), 1 | state);
    t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t;
    return ((t ^ (t >>> 14)) >>> 0) % sides;
  };
}

interface Interval {
  readonly from: number;
  readonly to: number;
  /** What may be heard at some moment of it. */
  readonly allowed: Expected;
}

class Crowd {
  readonly phones = new Map<Who, SippPhone>();
  readonly intervals: Interval[] = [];
  readonly done = new Map<string, number>();
  customer: SippCaller | null = null;
  #allowed: Expected = {};
  #since = 0;
  #taken = new Map<Who, SippCall>();

  get ears(): ToneEndpoint[] {
    return [...(this.customer === null ? [] : [this.customer.ear]), ...[...this.phones.values()].map((p) => p.ear)];
  }

  async open(): Promise<void> {
    for (const who of ['alice', 'bob'] as const) this.phones.set(who, await floor.phone(who, { as: PEOPLE[who] }));
    for (const who of ['sam', 'sue'] as const) {
      this.phones.set(who, await floor.phone(who, { as: PEOPLE[who], answersByItself: true }));
    }
  }

  /** The call in hand; a customer calls where there is none. */
  async call(): Promise<CallView> {
    const [live] = await floor.api('root').calls();
    if (live !== undefined && live.state === 'active') return live;
    if (live !== undefined) {
      await floor.api('root').request('POST', `/calls/${live.id}/end`);
      await until('the call to end', async () => (await floor.api('root').calls()).length === 0);
    }
    await this.#change(async () => {
      for (const who of ['alice', 'bob']) await floor.api('root').setState(who, 'available');
      this.customer = await floor.customer();
      await this.pickUp();
    });
    return floor.liveCall((view) => view.state === 'active');
  }

  /** Answers every phone of an agent that rings; supervisors' phones answer by themselves. */
  async pickUp(): Promise<void> {
    await until('nobody to ring', async () => {
      for (const who of ['alice', 'bob'] as const) {
        const ringing = this.phones.get(who)!.calls.at(-1);
        if (ringing === undefined || ringing.has('answered') || ringing.over || this.#taken.get(who) === ringing)
          continue;
        this.#taken.set(who, ringing);
        await ringing.answer();
      }
      const calls = await floor.api('root').calls();
      return calls.length > 0 && calls.every((call) => settled(call));
    });
  }

  #keep(from: number, to: number, heard: Expected): void {
    if (from > 0) this.intervals.push({ from, to, allowed: heard });
  }

  /** While something changes, what was allowed and what will be are both. */
  async #change(work: () => Promise<unknown>): Promise<CallView | undefined> {
    // What the change before has left under way comes first.
    const from = Math.max(performance.now(), this.#since);
    await sleep(Math.max(0, from - performance.now()));
    this.#keep(this.#since, from, this.#allowed);
    await work();
    const [live] = await floor.api('root').calls();
    const now = live === undefined ? {} : allowed(live);
    this.#since = performance.now() + UNDER_WAY;
    this.#keep(from, this.#since, both(this.#allowed, now));
    this.#allowed = now;
    return live;
  }

  async operate(name: string, work: () => Promise<unknown>): Promise<void> {
    const live = await this.#change(work);
    this.done.set(name, (this.done.get(name) ?? 0) + 1);
    if (live !== undefined)
      await expectMatrix(this.ears, this.#allowed, { settleMs: UNDER_WAY, windowMs: 240, attempts: 5 });
  }

  finish(): void {
    this.#keep(this.#since, performance.now(), this.#allowed);
  }
}

const settled = (call: CallView): boolean =>
  call.state === 'active' &&
  !call.participants.some((p) => p.state === 'ringing') &&
  !call.supervisions.some((s) => s.state === 'ringing');

const nameOf = (userId: string | null): string => (userId === null ? 'customer' : PEOPLE[userId as Who]);

/** The matrix that the API states, by the names of the phones. */
function allowed(call: CallView): Expected {
  const names = new Map(call.participants.map((p) => [p.id, nameOf(p.userId)]));
  const present = call.participants.filter((p) => p.state !== 'left');
  return Object.fromEntries(
    present.map((p) => [names.get(p.id)!, p.hears.map((source) => names.get(source) ?? 'music')]),
  );
}

function both(a: Expected, b: Expected): Expected {
  const listeners = new Set([...Object.keys(a), ...Object.keys(b)]);
  return Object.fromEntries([...listeners].map((l) => [l, [...new Set([...(a[l] ?? []), ...(b[l] ?? [])])]]));
}

test(`R-HEAR-7: ${STEPS} random operations, seed ${SEED}`, { timeout: 600_000 }, async () => {
  const roll = dice(SEED);
  const pick = <T>(list: readonly T[]): T | undefined => list[roll(Math.max(1, list.length))];
  const crowd = new Crowd();
  await crowd.open();
  const api = (who: string, method: string, path: string, body?: unknown) => floor.api(who).request(method, path, body);

  for (let i = 0; i < STEPS; i++) {
    const call = await crowd.call();
    const { id } = call;
    const agent = call.agent?.id ?? 'alice';
    const free = (['alice', 'bob'] as const).find((who) =>
      call.participants.every((p) => p.userId !== who || p.state === 'left'),
    );
    const supervisor = roll(2) === 0 ? 'sam' : 'sue';
    const mode = pick(['listen', 'whisper', 'barge'])!;
    const open = call.supervisions.filter((s) => s.state !== 'ended');
    const supervision: SupervisionView | undefined = pick(open);
    const owner = supervision?.supervisor.id ?? 'sam';
    const changed = `/supervisions/${supervision?.id ?? 'none'}`;
    const operations: readonly (readonly [string, () => Promise<unknown>])[] = [
      [
        'supervise',
        () => api(supervisor, 'POST', `/calls/${id}/supervisions`, { mode, target: pick(call.participants)?.id }),
      ],
      ['supervise', () => api(supervisor, 'POST', `/calls/${id}/supervisions`, { mode })],
      ['mode', () => api(owner, 'PATCH', changed, { mode })],
      ['mode', () => api(owner, 'PATCH', changed, { mode })],
      ['pause', () => api(owner, 'PATCH', changed, { paused: supervision?.paused === false })],
      ['stop', () => api(owner, 'DELETE', changed)],
      ['hold', () => api(agent, 'POST', `/calls/${id}/${call.held ? 'resume' : 'hold'}`)],
      ['consult', () => api(agent, 'POST', `/calls/${id}/consult`, { to: { agent: free ?? 'bob' } })],
      ['consult/cancel', () => api(agent, 'POST', `/calls/${id}/consult/cancel`)],
      ['consult/complete', () => api(agent, 'POST', `/calls/${id}/consult/complete`)],
      ['conference', () => api(agent, 'POST', `/calls/${id}/conference`)],
      ['transfer', () => api('root', 'POST', `/calls/${id}/transfer`, { to: { agent: free ?? 'bob' } })],
      ['takeover', () => api(supervisor, 'POST', `/calls/${id}/takeover`)],
    ];
    const [name, work] = pick(operations)!;
    await crowd.operate(name, async () => {
      await work();
      await crowd.pickUp();
    });
  }

  crowd.finish();
  const log = [...crowd.done].map(([name, times]) => `${name} ${times}`).join(', ');
  expect(crowd.done.size, log).toBeGreaterThan(8);
  for (const { from, to, allowed: heard } of crowd.intervals) {
    for (const ear of crowd.ears) {
      const may = heard[ear.name] ?? [];
      if (may.includes('music')) continue; // it holds every frequency; measured after each operation
      for (const party of crowd.ears) {
        if (party !== ear && !may.includes(party.name)) expectNeverHeard(ear, party, from, to);
      }
    }
  }
  await floor.clear();
});
