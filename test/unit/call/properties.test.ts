/**
 * Random operations of agents, customers and supervisors, with hang-ups, lost phones and failing media in between,
 * through the real core; every invariant is checked after each step.
 */
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { Refusal } from '../../../src/call/errors.ts';
import type { CallEvent, Effect, TransferTarget } from '../../../src/call/events.ts';
import { hearMatrix, sameMatrix, type HearMatrix } from '../../../src/call/matrix.ts';
import {
  connectedAgents,
  heldBy,
  isConnected,
  isLive,
  isOpen,
  isParty,
  isRinging,
  legsOf,
  participant,
  type Call,
  type Participant,
  type Policy,
} from '../../../src/call/model.ts';
import { step } from '../../../src/call/step.ts';
import { callView } from '../../../src/call/view.ts';
import { facts, internalCall, person, POLICY, queueCall, user } from './people.ts';

const AGENTS = [person('a'), person('b'), person('c', 'agent', { team: 'support' }), person('d')];
const SUPERVISORS = [person('s', 'supervisor'), person('t', 'supervisor'), person('r', 'admin')];
const NUMBER = { kind: 'number', number: '+49', trunkId: 'pstn' } as const;
const QUEUES = ['sales', 'support'].map((id) => ({ id, team: id, wrapUpSeconds: 0, ringSeconds: 20 }));

interface Op {
  readonly kind: number;
  readonly who: number;
  readonly what: number;
}

const op = fc.record({ kind: fc.nat(29), who: fc.nat(20), what: fc.nat(20) });
const pick = <T>(list: readonly T[], at: number): T | undefined => list[at % Math.max(1, list.length)];

type Kind = 'queue' | 'queue with wrap-up' | 'internal';

/** The world around one call: what has been asked for and not yet happened. */
class World {
  state: Call;
  now = 1;
  readonly timers = new Set<string>();
  readonly matrices: number[] = [];
  readonly dialled = new Set<string>();
  readonly dropped = new Set<string>();
  readonly #policy: Policy;
  #supervisions = 0;

  constructor(policy: Policy, kind: Kind) {
    this.#policy = policy;
    this.state = kind === 'internal' ? internalCall(AGENTS[1]!, AGENTS[0]!) : queueCall(kind === 'queue' ? 0 : 5);
    this.apply({ type: 'ready', codec: 'PCMU' });
  }

  apply(event: CallEvent): void {
    const before = this.state;
    let stepped: ReturnType<typeof step>;
    try {
      stepped = step(before, event, { now: ++this.now, policy: this.#policy });
    } catch (error) {
      if (error instanceof Refusal) return;
      throw error;
    }
    this.state = stepped.state;
    this.#note(stepped.effects);
    checkStep(before, stepped.state, event, stepped.effects);
    checkState(stepped.state);
    if (this.#policy.exclusivity === 'agent') checkExclusive(stepped.state);
  }

  #note(effects: readonly Effect[]): void {
    for (const e of effects) {
      if (e.type === 'matrix') this.matrices.push(e.version);
      else if (e.type === 'dial') this.dialled.add(e.leg);
      else if (e.type === 'drop') this.dropped.add(e.leg);
      else if (e.type === 'timer' && e.seconds !== null) this.timers.add(e.name);
      else if (e.type === 'timer') this.timers.delete(e.name);
      else if (e.type === 'closed') this.timers.clear();
    }
  }

  event(o: Op): CallEvent | null {
    const { state } = this;
    const live = state.participants.filter(isLive);
    const ringing = live.filter(isRinging);
    const connected = live.filter(isConnected);
    const agent = pick(AGENTS, o.who)!;
    const supervisor = pick(SUPERVISORS, o.who)!;
    const supervision = pick(state.supervisions.filter(isOpen), o.who);
    const mode = pick(['listen', 'whisper', 'barge'] as const, o.what)!;
    const target: TransferTarget = pick<TransferTarget>(
      [
        ...AGENTS.map((p) => ({ kind: 'party', party: user(p) }) as const),
        { kind: 'party', party: NUMBER },
        ...QUEUES.map((queue) => ({ kind: 'queue', queue }) as const),
      ],
      o.what,
    )!;
    const leg = (list: readonly Participant[]): string | undefined => pick(list, o.what)?.id;
    const at = <T extends CallEvent>(id: string | undefined, make: (id: string) => T): T | null =>
      id === undefined ? null : make(id);
    switch (o.kind) {
      case 0:
      case 1:
      case 2:
      case 3:
        return at(leg(ringing), (id) => ({ type: 'answered', leg: id, codec: 'PCMU' }));
      case 4:
        return at(leg(ringing), (id) => ({
          type: 'failed',
          leg: id,
          status: [486, 603, 408, 487][o.who % 4]!,
          reason: '',
        }));
      case 5:
        return o.who % 3 === 0 ? at(leg(live), (id) => ({ type: 'gone', leg: id, reason: 'bye' })) : null;
      case 6:
        return at(leg(connected), (id) => ({ type: 'media', leg: id, holding: o.who % 2 === 0, codec: null }));
      case 7:
      case 8:
        return { type: 'offer', to: agent };
      case 9:
        return { type: 'noAgent' };
      case 10:
        return { type: o.what % 2 === 0 ? 'hold' : 'resume', by: agent };
      case 11:
        return o.what % 4 === 0 ? { type: 'hangup', by: agent } : null;
      case 12:
      case 13:
      case 14:
        return {
          type: 'supervise',
          by: supervisor,
          supervisionId: `v${++this.#supervisions}`,
          mode,
          target: pick(['agent', 'customer', ...connected.map((p) => p.id)], o.what)!,
          phone: o.what % 5 === 0 ? NUMBER : user(supervisor),
          facts: facts(state, supervisor),
        };
      case 15:
      case 16:
      case 17: {
        if (supervision === undefined) return null;
        const by = SUPERVISORS.find((p) => p.userId === supervision.supervisor.id)!;
        const change = o.kind === 15 ? { paused: o.what % 2 === 0 } : { mode };
        return { type: 'changeSupervision', by, supervisionId: supervision.id, facts: facts(state, by), ...change };
      }
      case 18:
        if (supervision === undefined) return null;
        return { type: 'stopSupervision', supervisionId: supervision.id, reason: 'stopped', by: null };
      case 19:
        return {
          type: 'consult',
          by: agent,
          to: target.kind === 'party' ? target.party : NUMBER,
          facts: facts(state, agent),
        };
      case 20: {
        const types = ['consultComplete', 'consultCancel', 'conference'] as const;
        return { type: pick(types, o.what)!, by: agent };
      }
      case 21:
        return { type: 'secondCall', by: agent, to: target.kind === 'party' ? target.party : NUMBER };
      case 22:
        return { type: 'takeover', by: supervisor, phone: user(supervisor), facts: facts(state, supervisor) };
      case 23: {
        const by = o.what % 2 === 0 ? agent : supervisor;
        return { type: 'transfer', by, to: target, facts: facts(state, by) };
      }
      case 24:
        return { type: 'assign', by: supervisor, to: target, override: o.what % 2 === 0, excess: 0 };
      case 25:
        return o.what % 7 === 0 ? { type: 'end', by: supervisor } : null;
      case 26:
        return at(leg(connected), (id) => ({ type: 'refer', leg: id, to: o.who % 2 === 0 ? 'consulted' : target }));
      case 27: {
        const name = pick([...this.timers], o.what);
        if (name === undefined) return null;
        this.timers.delete(name);
        return { type: 'timer', name };
      }
      case 28: {
        const version = this.matrices.shift();
        if (version === undefined) return null;
        return o.what === 7
          ? { type: 'matrixFailed', version, detail: 'broken' }
          : { type: 'matrixConfirmed', version };
      }
      default:
        return at(leg(ringing), (id) =>
          o.who % 4 === 0
            ? { type: 'mediaFailed', leg: id, detail: 'no port' }
            : { type: 'progress', leg: id, early: o.who % 2 === 0 },
        );
    }
  }

  /** The customer hangs up, or whoever is still there. */
  finish(): void {
    for (let i = 0; i < 20 && this.state.phase !== 'closed'; i++) {
      const p = this.state.participants.find((one) => isLive(one) && isParty(one));
      if (p !== undefined) this.apply({ type: 'gone', leg: p.id, reason: 'bye' });
      else if (this.state.phase === 'wrap-up') this.apply({ type: 'timer', name: 'wrap-up' });
      else break;
    }
  }
}

/** Whom a listener hears among the parties: supervisors, music and ringback left aside. */
function partyPairs(call: Call, matrix: HearMatrix): string[] {
  const party = (id: string): boolean => {
    const p = participant(call, id);
    return p !== undefined && isParty(p);
  };
  return [...matrix]
    .flatMap(([l, sources]) => [...sources].filter((s) => party(l) && party(s)).map((s) => `${l}<${s}`))
    .sort();
}

function checkStep(before: Call, after: Call, event: CallEvent, effects: readonly Effect[]): void {
  const [old, now] = [hearMatrix(before), hearMatrix(after)];
  const handed = effects.filter((e) => e.type === 'matrix');
  expect(handed.length).toBe(sameMatrix(old, now) ? 0 : 1); // whole, at once, and only when it differs
  expect(after.matrixVersion).toBe(before.matrixVersion + handed.length);
  if (['supervise', 'changeSupervision', 'stopSupervision'].includes(event.type)) {
    expect(partyPairs(after, now)).toEqual(partyPairs(before, old)); // R-HEAR-8
  }
  for (const s of before.supervisions) {
    const later = after.supervisions.find((one) => one.id === s.id)!;
    if (s.phase.kind === 'ended') expect(later.phase).toEqual(s.phase); // one end reason, decided once
  }
  if (before.endReason !== null) expect(after.endReason).toBe(before.endReason);
  if ('leg' in event && before.endReason === null) {
    const p = participant(before, event.leg)!;
    const aside = p.role === 'supervisor' || p.role === 'consulted' || p.aliasOf !== null;
    const customer = before.participants.some((o) => o.role === 'customer' && isLive(o));
    if (aside && customer) expect(after.endReason).toBeNull(); // who is not the customer or its agent never ends the call
  }
  for (const p of before.participants) {
    const later = participant(after, p.id)!;
    if (p.leg.kind === 'left') expect(later.leg).toEqual(p.leg);
  }
}

function checkState(call: Call): void {
  const matrix = hearMatrix(call);
  for (const [listener, sources] of matrix) {
    const p = participant(call, listener)!;
    expect(isLive(p)).toBe(true);
    for (const source of sources) {
      const s = participant(call, source);
      if (s === undefined) {
        expect(['music', 'ringback']).toContain(source);
        expect(sources.size).toBe(1); // what is played is heard by who hears nobody else
        expect(p.role).not.toBe('supervisor');
        continue;
      }
      expect(isLive(s)).toBe(true);
      expect([s.id, s.aliasOf]).not.toContain(listener); // R-HEAR-7: nobody hears themselves
      expect(p.aliasOf).not.toBe(source);
      if (s.role === 'supervisor') checkHeardSupervisor(call, p, s);
    }
    if (p.role === 'supervisor') checkHearingSupervisor(call, p, sources, matrix);
  }
  checkResources(call);
  expect(() => callView(call, 10 ** 6)).not.toThrow();
}

function checkHeardSupervisor(call: Call, listener: Participant, supervisor: Participant): void {
  const s = call.supervisions.find((one) => one.participantId === supervisor.id)!;
  expect(['joining', 'active']).toContain(s.phase.kind); // R-HEAR-7: none is left after the end
  expect(s.paused).toBe(false); // R-HEAR-5
  if (listener.role === 'customer') expect(s.mode).toBe('barge'); // R-HEAR-7
  if (s.mode === 'whisper' && listener.role !== 'supervisor') {
    expect(legsOf(call, s.target).map((p) => p.id)).toContain(listener.id); // R-HEAR-3
  }
  if (s.mode === 'listen') expect.fail('a listener is heard'); // R-HEAR-2
}

function checkHearingSupervisor(
  call: Call,
  supervisor: Participant,
  sources: ReadonlySet<string>,
  matrix: HearMatrix,
): void {
  const s = call.supervisions.find((one) => one.participantId === supervisor.id)!;
  expect(['joining', 'active']).toContain(s.phase.kind);
  expect(s.paused).toBe(false);
  const targets = legsOf(call, s.target).map((p) => p.id);
  const allowed = new Set([...targets, ...targets.flatMap((t) => [...(matrix.get(t) ?? [])])]);
  for (const source of sources) expect(allowed).toContain(source); // R-HEAR-2, R-HEAR-4
}

/** R-EXCL-1: with policy `agent` no agent is held by two supervisions. */
function checkExclusive(call: Call): void {
  const held = call.supervisions.filter(isOpen).flatMap((s) => heldBy(call, s.target));
  expect(new Set(held).size).toBe(held.length);
}

function checkResources(call: Call): void {
  const ended = call.phase === 'closed' || call.phase === 'wrap-up';
  if (ended) {
    expect(call.participants.filter(isLive)).toEqual([]);
    expect(call.supervisions.filter(isOpen)).toEqual([]); // R-EXCL-5
    expect(hearMatrix(call).size).toBe(0);
    expect(call.endReason).not.toBeNull();
    return;
  }
  for (const s of call.supervisions.filter(isOpen)) {
    const own = participant(call, s.participantId)!;
    expect(isLive(own)).toBe(true);
    expect(own.role).toBe('supervisor');
    expect(isLive(participant(call, s.target)!)).toBe(true); // R-FLOW-3
    if (s.phase.kind === 'held') expect(call.consult).not.toBeNull(); // R-FLOW-1
  }
  for (const p of call.participants.filter((one) => one.role === 'supervisor' && isLive(one))) {
    expect(call.supervisions.filter((s) => s.participantId === p.id && isOpen(s))).toHaveLength(1);
  }
  const customer = call.participants.find((p) => p.role === 'customer' && isLive(p));
  const coming = call.participants.some((p) => isRinging(p) && p.role === 'agent');
  const somebody = connectedAgents(call).length > 0 || coming || call.inLine;
  if (customer !== undefined)
    expect(somebody).toBe(true); // nobody is left waiting for nobody
  else expect(call.participants.filter((p) => isParty(p) && isLive(p)).length).toBeGreaterThan(1);
  const coaches = call.supervisions.filter((s) => isOpen(s) && s.mode !== 'listen');
  expect(new Set(coaches.map((s) => s.target)).size).toBe(coaches.length); // R-EXCL-3
}

describe('any sequence of operations on a call', () => {
  const policies: Policy[] = [POLICY, { ...POLICY, exclusivity: 'agent' }, { ...POLICY, transfer: 'accept' }];

  it.each(policies)(
    'keeps R-HEAR-7 and the other invariants after every step (%#)',
    (policy) => {
      fc.assert(
        fc.property(
          fc.array(op, { maxLength: 120, size: 'max' }),
          fc.constantFrom<Kind>('queue', 'queue with wrap-up', 'internal'),
          (ops, kind) => {
            const world = new World(policy, kind);
            // The usual beginning, so that the sequences get far; the rest is chance.
            world.apply({ type: 'offer', to: AGENTS[0]! });
            world.apply({ type: 'answered', leg: 'p2', codec: 'PCMU' });
            world.apply({ type: 'answered', leg: 'p1', codec: 'PCMU' });
            for (const o of ops) {
              const event = world.event(o);
              if (event !== null) world.apply(event);
            }
            world.finish();
            expect(world.state.phase).toBe('closed');
            expect([...world.timers]).toEqual([]);
          },
        ),
        { numRuns: 200 },
      );
    },
    60_000,
  );
});
