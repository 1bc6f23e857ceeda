/** The shapes of api.md from the state of a call. */
import { actions, caseOf } from './actions.ts';
import type { SupervisorFacts } from './events.ts';
import { hearMatrix, type HearMatrix } from './matrix.ts';
import {
  connectedParties,
  isAgent,
  isConnected,
  isLive,
  participant,
  type Call,
  type Participant,
  type Person,
  type Policy,
  type Supervision,
} from './model.ts';
import type { CallView, ParticipantState, ParticipantView, SupervisionView } from './views.ts';

const iso = (ms: number): string => new Date(ms).toISOString();
const isoOrNull = (ms: number | null): string | null => (ms === null ? null : iso(ms));

export function supervisionView(call: Call, s: Supervision): SupervisionView {
  const { phase } = s;
  return {
    id: s.id,
    callId: call.id,
    supervisor: s.supervisor,
    target: s.target,
    mode: s.mode,
    paused: s.paused,
    state: phase.kind === 'joining' ? phase.from : phase.kind,
    startedAt: iso(s.startedAt),
    answeredAt: phase.kind === 'ringing' ? null : isoOrNull(phase.answeredAt),
    endedAt: phase.kind === 'ended' ? iso(phase.endedAt) : null,
    endReason: phase.kind === 'ended' ? phase.reason : null,
  };
}

/** Waits with music because the other side holds or consults. */
function isHeld(call: Call, p: Participant): boolean {
  if (!isConnected(p) || p.phoneHold || p.apiHold || call.phase !== 'active') return false;
  const others = connectedParties(call).filter((o) => o.id !== p.id && o.aliasOf !== p.id && p.aliasOf !== o.id);
  const present = others.some((o) => o.room === p.room && !o.phoneHold && !o.apiHold);
  return !present && others.some((o) => o.room !== p.room || o.phoneHold || o.apiHold);
}

function participantState(call: Call, p: Participant): ParticipantState {
  if (p.leg.kind === 'ringing') return 'ringing';
  if (p.leg.kind === 'left') return 'left';
  const resting = call.supervisions.some((s) => s.participantId === p.id && s.phase.kind === 'held');
  return resting || isHeld(call, p) ? 'held' : 'connected';
}

export function callHeld(call: Call): boolean {
  return connectedParties(call).some((p) => p.aliasOf === null && isHeld(call, p));
}

export function waitSeconds(call: Call, now: number): number {
  const running = call.phase === 'open' || call.phase === 'ringing' || call.phase === 'waiting';
  return Math.floor((call.waitedMs + (running ? Math.max(0, now - call.clockSince) : 0)) / 1000);
}

export function talkSeconds(call: Call, now: number): number {
  return Math.floor((call.talkedMs + (call.phase === 'active' ? Math.max(0, now - call.clockSince) : 0)) / 1000);
}

/** The agent of the call: who talks to the customer, or did so last. */
export function agentOf(call: Call): Participant | undefined {
  const agents = call.participants.filter((p) => p.role === 'agent' && p.userId !== null && p.aliasOf === null);
  return agents.find(isConnected) ?? agents.findLast(isLive) ?? talkedLast(call, agents);
}

const talkedLast = (call: Call, agents: readonly Participant[]): Participant | undefined =>
  call.phase === 'wrap-up' || call.phase === 'closed'
    ? agents.findLast((p) => p.leg.kind === 'left' && p.leg.talked)
    : undefined;

const matrices = new WeakMap<Call, HearMatrix>();

/** Of a state that does not change any more: computed once, however many look at it. */
function matrixOf(call: Call): HearMatrix {
  const known = matrices.get(call);
  if (known !== undefined) return known;
  const matrix = hearMatrix(call);
  matrices.set(call, matrix);
  return matrix;
}

/**
 * `asking`: the person, whose `actions` are computed; without it there are none.
 * `supervisors` false leaves out every trace of supervisions (R-SEE-2).
 */
export function callView(
  call: Call,
  now: number,
  options: {
    asking?: { person: Person; policy: Policy; facts: SupervisorFacts };
    supervisors?: boolean;
  } = {},
): CallView {
  const matrix = matrixOf(call);
  const shown = options.supervisors ?? true;
  const visible = call.participants.filter((p) => shown || p.role !== 'supervisor');
  const hidden = new Set(call.participants.filter((p) => !visible.includes(p)).map((p) => p.id));
  const agent = agentOf(call);
  const consulted = call.consult === null ? undefined : participant(call, call.consult.with);
  const { asking } = options;
  return {
    id: call.id,
    state: call.phase,
    direction: call.direction,
    customer: call.customer,
    agent: agent === undefined ? null : { id: agent.userId ?? '', name: agent.name, team: agent.team ?? '' },
    queue: call.queue?.id ?? null,
    startedAt: iso(call.startedAt),
    answeredAt: isoOrNull(call.answeredAt),
    endedAt: isoOrNull(call.endedAt),
    waitSeconds: waitSeconds(call, now),
    talkSeconds: talkSeconds(call, now),
    held: callHeld(call),
    consult: consulted === undefined || !isAgent(consulted) ? null : { agent: consulted.userId ?? consulted.address },
    sentiment: call.sentiment,
    endReason: call.endReason,
    participants: visible.map((p) => participantView(call, p, [...(matrix.get(p.id) ?? [])], hidden)),
    supervisions: shown ? call.supervisions.map((s) => supervisionView(call, s)) : [],
    actions: asking === undefined ? [] : actions(caseOf(call, asking.person, asking.policy, asking.facts)),
  };
}

function participantView(
  call: Call,
  p: Participant,
  hears: readonly string[],
  hidden: ReadonlySet<string>,
): ParticipantView {
  const supervision = call.supervisions.find((s) => s.participantId === p.id);
  return {
    id: p.id,
    role: p.role,
    userId: p.userId,
    name: p.name,
    address: p.address,
    state: participantState(call, p),
    codec: p.codec,
    hears: hears.filter((id) => !hidden.has(id)),
    ...(p.role === 'supervisor' && supervision !== undefined ? { mode: supervision.mode } : {}),
  };
}
