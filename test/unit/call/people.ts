/** People and helpers for the tests of the pure core. */
import type { CallEvent, Effect, Holder, SupervisorFacts } from '../../../src/call/events.ts';
import {
  isOpen,
  newCall,
  newParticipant,
  heldBy,
  type Call,
  type Context,
  type Party,
  type Person,
  type Policy,
} from '../../../src/call/model.ts';
import { step } from '../../../src/call/step.ts';

const ALL = ['listen', 'whisper', 'barge', 'takeover', 'transfer', 'assign', 'end'] as const;

export function person(userId: string, role: Person['role'] = 'agent', fields: Partial<Person> = {}): Person {
  return {
    userId,
    name: userId.toUpperCase(),
    role,
    bot: false,
    team: role === 'agent' ? 'sales' : null,
    teams: ['sales'],
    permissions: role === 'agent' ? [] : ALL,
    extension: `1-${userId}`,
    state: 'available',
    registered: true,
    ...fields,
  };
}

export const user = (p: Person): Party => ({ kind: 'user', person: p });

export const POLICY: Policy = {
  exclusivity: 'coach',
  monitorWhenStatus: ['available', 'on-call', 'ringing'],
  ringSeconds: 20,
  transfer: 'blind',
};

export function holders(call: Call): Holder[] {
  return call.supervisions.filter(isOpen).flatMap((s) =>
    heldBy(call, s.target).map((agentId) => ({
      agentId,
      callId: call.id,
      mode: s.mode,
      supervisor: s.supervisor,
      supervisionId: s.id,
    })),
  );
}

export function facts(call: Call, by: Person): SupervisorFacts {
  return {
    supervising: call.supervisions.some((s) => isOpen(s) && s.supervisor.id === by.userId),
    holders: holders(call),
  };
}

/** A customer's call to a queue, not begun. */
export function queueCall(wrapUpSeconds = 0): Call {
  const queue = { id: 'sales', team: 'sales', wrapUpSeconds, ringSeconds: 20 };
  const call = newCall({
    id: 'c',
    direction: 'inbound',
    queue,
    plan: { kind: 'queue' },
    customer: { number: '+44', name: 'Customer' },
    units: 1,
    now: 0,
  });
  newParticipant(call, {
    role: 'customer',
    userId: null,
    team: null,
    bot: false,
    name: 'Customer',
    address: '+44',
    purpose: { kind: 'caller' },
  });
  return call;
}

/** A call from one extension to another, not begun. */
export function internalCall(from: Person, to: Person): Call {
  const call = newCall({
    id: 'c',
    direction: 'internal',
    queue: null,
    plan: { kind: 'dial', party: user(to), ringSeconds: 60 },
    customer: { number: to.extension, name: to.name },
    units: 1,
    now: 0,
  });
  const { userId, team, bot, name, extension } = from;
  newParticipant(call, { role: 'agent', userId, team, bot, name, address: extension, purpose: { kind: 'caller' } });
  return call;
}

/** Runs events one after the other; returns the state and all effects. */
export function run(call: Call, events: readonly CallEvent[], policy: Policy = POLICY) {
  let state = call;
  let now = 0;
  const effects: Effect[] = [];
  for (const event of events) {
    const context: Context = { now: ++now, policy };
    const stepped = step(state, event, context);
    state = stepped.state;
    effects.push(...stepped.effects);
  }
  return { state, effects };
}

/** A customer (p1) talking to an agent (p2). */
export function conversation(agent: Person = person('alice'), policy: Policy = POLICY): Call {
  return run(
    queueCall(),
    [
      { type: 'ready', codec: 'PCMU' },
      { type: 'offer', to: agent },
      { type: 'answered', leg: 'p2', codec: 'PCMU' },
      { type: 'answered', leg: 'p1', codec: 'PCMU' },
    ],
    policy,
  ).state;
}
