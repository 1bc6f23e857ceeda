/**
 * What may be done to a call, by whom, in which state, and with which code it is refused otherwise: one table, read by
 * the requests themselves, by the `actions` of the API, by the feature codes and by the tests.
 *
 * A row is checked from left to right; the first check that objects gives the refusal.
 */
import { Refusal, type ErrorCode } from './errors.ts';
import type { SupervisorFacts } from './events.ts';
import {
  connectedAgents,
  customerOf,
  heldBy,
  isAgent,
  isConnected,
  isOpen,
  isParty,
  openSupervisions,
  participant,
  talksToAgent,
  type Call,
  type Participant,
  type Person,
  type Policy,
  type Supervision,
} from './model.ts';
import type { Action, ActionView, CallState, Permission } from './views.ts';

/** Everything that a decision reads. */
export interface Case {
  readonly call: Call;
  readonly by: Person;
  readonly policy: Policy;
  readonly facts: SupervisorFacts;
  /** The open supervision of the person on this call. */
  readonly own: Supervision | undefined;
  /** The person's own connected leg as a party of the call. */
  readonly self: Participant | undefined;
}

/** Why something may not be done: what becomes a `Refusal` where it was asked for. */
export interface Objection {
  readonly code: ErrorCode;
  readonly detail: string;
  readonly fields: Readonly<Record<string, unknown>>;
}

const objection = (code: ErrorCode, detail: string, fields: Objection['fields'] = {}): Objection => ({
  code,
  detail,
  fields,
});

export type Check = (c: Case) => Objection | null;

export function caseOf(call: Call, by: Person, policy: Policy, facts: SupervisorFacts): Case {
  return {
    call,
    by,
    policy,
    facts,
    own: openSupervisions(call).find((s) => s.supervisor.id === by.userId),
    self: call.participants.find(
      (p) => p.userId === by.userId && isParty(p) && isConnected(p) && p.aliasOf === null && p.role !== 'customer',
    ),
  };
}

const CONVERSATION: readonly CallState[] = ['active', 'waiting'];

/** R-START-5. */
const permitted =
  (permission: Permission): Check =>
  ({ by }) =>
    by.role !== 'agent' && (by.role === 'admin' || by.permissions.includes(permission))
      ? null
      : objection('forbidden', `This needs the permission "${permission}".`, { permission });

/** R-START-6: active, waiting, and wrap-up while a leg is still connected. */
const monitorable: Check = ({ call }) => {
  const connected = call.participants.some((p) => isParty(p) && isConnected(p));
  if (connected && (CONVERSATION.includes(call.phase) || call.phase === 'wrap-up')) return null;
  return objection('call_not_monitorable', `A call in the state "${call.phase}" cannot be supervised.`, {
    state: call.phase,
  });
};

/** R-START-4: nobody supervises a conversation that is their own. */
const notOwnCall: Check = ({ call, by }) =>
  call.participants.some((p) => p.userId === by.userId && isParty(p) && p.leg.kind !== 'left')
    ? objection('own_call', 'You are a participant of this call yourself.')
    : null;

/** R-START-1. */
const notSupervising: Check = ({ facts }) =>
  facts.supervising ? objection('supervisor_busy', 'You are supervising already. Stop that first.') : null;

/**
 * R-START-4. A person who is offline for want of a registered phone only is not judged here: `no_phone` says more, and a
 * phone named in the request does not have to be registered.
 */
const available: Check = ({ by, policy }) => {
  if (policy.monitorWhenStatus.includes(by.state) || (by.state === 'offline' && !by.registered)) return null;
  return objection('not_available', `This cannot be done in the state "${by.state}".`, { state: by.state });
};

/** R-EXCL-1 to 4: another supervisor holds an agent of this call. With policy `coach` listeners do not hold. */
export const agentFree = (agents: readonly string[], mode: 'listen' | 'whisper' | 'barge'): Check => {
  return ({ facts, policy, by }) => {
    const blocks = (holder: SupervisorFacts['holders'][number]): boolean =>
      agents.includes(holder.agentId) &&
      holder.supervisor.id !== by.userId &&
      (policy.exclusivity === 'agent' || (mode !== 'listen' && holder.mode !== 'listen'));
    const holder = facts.holders.find(blocks);
    if (holder === undefined) return null;
    return objection('agent_supervised', `${holder.supervisor.name} is supervising this agent.`, {
      holder: holder.supervisor,
    });
  };
};

const anyAgentFree =
  (mode: 'listen' | 'whisper' | 'barge'): Check =>
  (c) =>
    agentFree(heldBy(c.call, customerOf(c.call)?.id ?? ''), mode)(c);

/** R-MODE-4: no barge into a talk between agents. */
export const notConsulting = (targetId: string | undefined): Check => {
  return ({ call }) =>
    targetId !== undefined && talksToAgent(call, targetId)
      ? objection('agent_consulting', 'The agent is talking to another agent.')
      : null;
};

const agentNotConsulting: Check = (c) => notConsulting(c.own?.target ?? connectedAgents(c.call)[0]?.id)(c);

/** R-MODE-2: resume first. */
export const notPaused: Check = ({ own }) =>
  own?.paused === true ? objection('paused', 'The supervision is paused. Resume it first.') : null;

export const attached: Check = ({ own }) => {
  if (own === undefined) return objection('conflict', 'You are not supervising this call.');
  return own.phase.kind === 'ringing' || (own.phase.kind === 'joining' && own.phase.from === 'ringing')
    ? objection('conflict', 'Your phone has not been answered yet.')
    : null;
};

const hasPhone: Check = ({ by }) =>
  by.registered ? null : objection('no_phone', 'No phone of yours is registered. Register one or name another.');

/** R-MODE-6. */
const notBarged: Check = ({ own }) =>
  own !== undefined && isOpen(own) && own.mode === 'barge' && own.phase.kind !== 'ringing'
    ? objection('barged', 'Not while you are barged in. Switch to listen or whisper first.')
    : null;

const inState =
  (states: readonly CallState[], code: 'conflict' | 'not_transferable' | 'call_not_monitorable'): Check =>
  ({ call }) =>
    states.includes(call.phase)
      ? null
      : objection(code, `Not possible for a call in the state "${call.phase}".`, { state: call.phase });

/** R-ACT-4: only a call that is open and that nobody has. */
const unassigned: Check = ({ call }) =>
  call.phase === 'open' && call.queue !== null && connectedAgents(call).length === 0
    ? null
    : objection('not_assignable', 'Only a call that waits in a queue, without an agent, can be assigned.', {
        state: call.phase,
      });

const party: Check = ({ self }) =>
  self === undefined || !isAgent(self) ? objection('forbidden', 'Only an agent of this call may do this.') : null;

/** An agent transfers the own call; a supervisor with the permission any (R-ACT-2). */
const partyOrPermitted =
  (permission: Permission): Check =>
  (c) =>
    party(c) === null ? null : permitted(permission)(c);

const noBot: Check = ({ call }) =>
  connectedAgents(call).some((p) => p.bot)
    ? objection('not_transferable', 'A bot is never the source of a transfer.')
    : null;

const held =
  (wanted: boolean): Check =>
  ({ self }) =>
    self?.apiHold === wanted ? null : objection('conflict', wanted ? 'The call is not held.' : 'It is held already.');

/** One thing at a time: neither a consult nor a transfer that has not come to its end. */
export const nothingPending = ({ call }: Pick<Case, 'call'>): Objection | null => {
  if (call.consult !== null) return objection('conflict', 'A consult is going on already.');
  const transferring = call.participants.some(
    ({ leg }) => leg.kind === 'ringing' && (leg.purpose.kind === 'transfer' || leg.purpose.kind === 'accept'),
  );
  return transferring ? objection('conflict', 'A transfer is under way.') : null;
};

/** The consult of the agent who asks, with its other side on the phone. */
export const consulting: Check = ({ call, self }) => {
  const { consult } = call;
  const other = consult === null ? undefined : participant(call, consult.with);
  if (consult === null || consult.by !== self?.id) return objection('conflict', 'You have no consult on this call.');
  return other === undefined || !isConnected(other)
    ? objection('conflict', 'The consulted side has not answered yet.')
    : null;
};

/** Starting: fixed order, the first that objects answers. Target, exclusivity and consult follow once it is known. */
const start = (permission: 'listen' | 'whisper' | 'barge'): readonly Check[] => [
  permitted(permission),
  monitorable,
  notOwnCall,
  notSupervising,
  available,
];

/** Switching the mode of the own supervision (R-MODE-3). */
export const SWITCH: Readonly<Record<'listen' | 'whisper' | 'barge', readonly Check[]>> = {
  listen: [attached, permitted('listen')],
  whisper: [attached, permitted('whisper'), notPaused],
  barge: [attached, permitted('barge'), notPaused, agentNotConsulting],
};

export const TABLE: Readonly<Record<Action, readonly Check[]>> = {
  // who may, in which state                                          what else must hold
  listen: start('listen'),
  whisper: start('whisper'),
  barge: start('barge'),
  takeover: [permitted('takeover'), inState(CONVERSATION, 'call_not_monitorable'), notOwnCall, notBarged],
  transfer: [partyOrPermitted('transfer'), inState(CONVERSATION, 'not_transferable'), notBarged, noBot],
  assign: [permitted('assign'), unassigned],
  end: [permitted('end'), inState(['open', 'ringing', 'active', 'waiting'], 'conflict')],
  pause: [attached],
  resume: [attached],
  stop: [({ own }) => (own === undefined ? objection('conflict', 'You are not supervising this call.') : null)],
  hold: [notBarged, party, inState(['active'], 'conflict'), held(false)],
  consult: [notBarged, party, inState(['active'], 'conflict'), nothingPending],
  conference: [notBarged, party, inState(['active'], 'conflict'), consulting],
  hangup: [party, inState(['open', 'ringing', 'active', 'waiting'], 'conflict')],
};

/** Resuming a held call, which shares its name with resuming a supervision. */
export const RESUME_CALL: readonly Check[] = [party, inState(['active'], 'conflict'), held(true)];

/** From scratch the supervisor's phone is rung, so the supervisor must be free and have one. */
export const TAKEOVER_FRESH: readonly Check[] = [notSupervising, available];

export const firstObjection = (checks: readonly Check[], c: Case): Objection | null => {
  for (const check of checks) {
    const found = check(c);
    if (found !== null) return found;
  }
  return null;
};

export function demand(checks: readonly Check[], c: Case): void {
  const found = firstObjection(checks, c);
  if (found !== null) throw new Refusal(found.code, found.detail, found.fields);
}

const SUPERVISORS: readonly Action[] = ['listen', 'whisper', 'barge', 'takeover', 'transfer', 'assign', 'end'];
const ATTACHED: readonly Action[] = ['pause', 'resume', 'stop'];
const PARTIES: readonly Action[] = ['hold', 'resume', 'consult', 'conference', 'transfer', 'hangup'];

/** The whole list of checks of an action for the person asking, as far as it is known without a choice of target. */
export function checksOf(action: Action, c: Case): readonly Check[] {
  const { own } = c;
  switch (action) {
    case 'listen':
    case 'whisper':
    case 'barge':
      if (own !== undefined) return SWITCH[action];
      return [...TABLE[action], anyAgentFree(action), ...(action === 'barge' ? [agentNotConsulting] : []), hasPhone];
    case 'takeover':
      return own === undefined ? [...TABLE.takeover, ...TAKEOVER_FRESH, hasPhone] : [...TABLE.takeover, attached];
    case 'resume':
      return own === undefined ? RESUME_CALL : TABLE.resume;
    default:
      return TABLE[action];
  }
}

/** What the person asking may do with this call now, with the reason for what may not be done (R-SEE-1). */
export function actions(c: Case): ActionView[] {
  const listed: readonly Action[] =
    c.by.role === 'agent'
      ? PARTIES
      : [...SUPERVISORS, ...(c.own === undefined ? [] : ATTACHED), ...(c.self === undefined ? [] : PARTIES)];
  return [...new Set(listed)].map((action) => {
    const found = firstObjection(checksOf(action, c), c);
    return found === null
      ? { action, allowed: true }
      : { action, allowed: false, code: found.code, detail: found.detail };
  });
}
