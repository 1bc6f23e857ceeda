/**
 * The state of one call. Plain data: `step` copies it and returns the next one, nothing else writes it.
 * All times are milliseconds since the epoch.
 */
import type { CallState, Direction, Mode, Permission, Role, SupervisionEndReason, AgentState } from './views.ts';

/** Who a person is, as the directory has it, with what matters for a decision at this moment. */
export interface Person {
  readonly userId: string;
  readonly name: string;
  readonly role: 'agent' | 'supervisor' | 'admin';
  readonly bot: boolean;
  readonly team: string | null;
  readonly teams: readonly string[];
  readonly permissions: readonly Permission[];
  readonly extension: string;
  readonly state: AgentState;
  readonly registered: boolean;
}

/** Why a leg is being rung: decides what happens when it is answered or fails. */
export type Purpose =
  | { readonly kind: 'caller' } // the incoming call itself
  | { readonly kind: 'offer' } // a queue's call offered to an agent
  | { readonly kind: 'direct' } // the called party of a direct call
  | { readonly kind: 'origin' } // click to dial: the agent's own phone, rung first
  | { readonly kind: 'supervision'; readonly supervisionId: string }
  | { readonly kind: 'takeover' } // R-ACT-1 from scratch
  | { readonly kind: 'consult' }
  | { readonly kind: 'transfer'; readonly fallback: Fallback } // customer waits without an agent
  | { readonly kind: 'accept' }; // R-ACT-3: the first agent stays until this one accepts

/** What becomes of the call when the target of a transfer does not answer. */
export type Fallback =
  | { readonly kind: 'agent'; readonly participantId: string } // still there (REFER): told by NOTIFY, goes on
  | { readonly kind: 'queue' }
  | { readonly kind: 'recall'; readonly participantId: string } // has left: is rung again
  | { readonly kind: 'end' };

/**
 * ringing -> connected -> left; ringing -> left. `early`: a caller who `listens` (183 sent), a called party who `speaks`
 * (183 with SDP received).
 */
export type Leg =
  | { readonly kind: 'ringing'; readonly purpose: Purpose; readonly early: 'none' | 'listens' | 'speaks' }
  | { readonly kind: 'connected'; readonly at: number }
  | { readonly kind: 'left'; readonly at: number; readonly reason: string; readonly talked: boolean };

/** main: the conversation with the customer. consult: the agent and the consulted one, apart. */
export type Room = 'main' | 'consult';

export interface Participant {
  readonly id: string;
  role: Role;
  readonly userId: string | null;
  readonly team: string | null;
  readonly bot: boolean;
  readonly name: string;
  readonly address: string;
  leg: Leg;
  codec: string | null;
  room: Room;
  /** The phone itself holds (its offer was sendonly or inactive). */
  phoneHold: boolean;
  /** Held through the API: the phone is not touched. */
  apiHold: boolean;
  /** A second leg of the same person (the phone's second call, for a consult): the participant it belongs to. */
  aliasOf: string | null;
}

/**
 * ringing -> joining -> active -> held -> joining; each -> ended.
 * joining: answered, or back from `held`; not said to be active until the engine has confirmed `version` (R-HEAR-9).
 * held: R-FLOW-1.
 */
export type SupervisionPhase =
  | { readonly kind: 'ringing' }
  | {
      readonly kind: 'joining';
      readonly answeredAt: number;
      readonly version: number;
      readonly from: 'ringing' | 'held';
    }
  | { readonly kind: 'active'; readonly answeredAt: number }
  | { readonly kind: 'held'; readonly answeredAt: number }
  | {
      readonly kind: 'ended';
      readonly answeredAt: number | null;
      readonly endedAt: number;
      readonly reason: SupervisionEndReason;
    };

export interface Supervision {
  readonly id: string;
  readonly supervisor: { readonly id: string; readonly name: string };
  /** The supervisor's own participant. */
  readonly participantId: string;
  /** The participant who is supervised. */
  target: string;
  mode: Mode;
  paused: boolean;
  readonly startedAt: number;
  phase: SupervisionPhase;
}

export interface Consult {
  /** The agent who consults, and the leg by which (the same, or the phone's second call). */
  readonly by: string;
  readonly leg: string;
  readonly with: string;
}

/** What is to be done with a new call once its first leg is there. */
export type Plan =
  | { readonly kind: 'queue' }
  | { readonly kind: 'dial'; readonly party: Party; readonly ringSeconds: number }
  | { readonly kind: 'none' };

/** The kinds of phone that a user may have registered. */
export type PhoneKind = 'browser' | 'desk';
export const isPhoneKind = (text: string): text is PhoneKind => text === 'browser' || text === 'desk';

/** Where a call to a phone goes: to a user's phones, or out by a trunk. */
export type DialTarget =
  | { readonly kind: 'user'; readonly userId: string }
  | { readonly kind: 'number'; readonly number: string; readonly trunkId: string };

/** Someone who can be rung: a user at all phones, or at those of one kind. */
export type Party =
  | { readonly kind: 'user'; readonly person: Person; readonly only?: PhoneKind }
  | { readonly kind: 'number'; readonly number: string; readonly trunkId: string };

export interface Queue {
  readonly id: string;
  readonly team: string;
  readonly wrapUpSeconds: number;
  readonly ringSeconds: number;
}

export interface Call {
  readonly id: string;
  readonly direction: Direction;
  phase: CallState;
  queue: Queue | null;
  plan: Plan;
  customer: { readonly number: string; readonly name: string };
  /** Units of capacity that the call takes of its agent. */
  units: number;
  readonly startedAt: number;
  answeredAt: number | null;
  endedAt: number | null;
  endReason: string | null;
  /** Waiting and talking up to `clockSince`, and which of the two is running. */
  waitedMs: number;
  talkedMs: number;
  clockSince: number;
  participants: Participant[];
  supervisions: Supervision[];
  consult: Consult | null;
  sentiment: number | null;
  /** A queue's call whose caller waits for an agent and has none offered: it is in the line. */
  inLine: boolean;
  nextParticipant: number;
  matrixVersion: number;
  confirmedVersion: number;
}

/** Policy and time, handed in with every step. */
export interface Context {
  readonly now: number;
  readonly policy: Policy;
}

export interface Policy {
  readonly exclusivity: 'agent' | 'coach';
  readonly monitorWhenStatus: readonly AgentState[];
  readonly ringSeconds: number;
  readonly transfer: 'blind' | 'accept';
}

export const isLive = (p: Participant): boolean => p.leg.kind !== 'left';
export const isConnected = (p: Participant): boolean => p.leg.kind === 'connected';
export const isRinging = (p: Participant): boolean => p.leg.kind === 'ringing';
/** Customers, agents and consulted ones: everyone but a supervisor. */
export const isParty = (p: Participant): boolean => p.role !== 'supervisor';
export const isAgent = (p: Participant): boolean => p.role === 'agent' || p.role === 'consulted';

export function participant(call: Call, id: string): Participant | undefined {
  return call.participants.find((p) => p.id === id);
}

/** The parties whose conversation this is and who can talk now. */
export function connectedParties(call: Call): Participant[] {
  return call.participants.filter((p) => isParty(p) && isConnected(p));
}

/** Connected agents, each person once. */
export function connectedAgents(call: Call): Participant[] {
  return call.participants.filter((p) => isAgent(p) && isConnected(p) && p.aliasOf === null);
}

export function customerOf(call: Call): Participant | undefined {
  return call.participants.find((p) => p.role === 'customer' && isLive(p));
}

export const isOpen = (s: Supervision): boolean => s.phase.kind !== 'ended';

export function openSupervisions(call: Call): Supervision[] {
  return call.supervisions.filter(isOpen);
}

export function supervisionOf(call: Call, participantId: string): Supervision | undefined {
  return call.supervisions.find((s) => s.participantId === participantId && isOpen(s));
}

/** The participant and the second leg of the same person. */
export function legsOf(call: Call, participantId: string): Participant[] {
  return call.participants.filter((p) => p.id === participantId || p.aliasOf === participantId);
}

/** Whether the conversation is between agents only (R-MODE-4), or the target is consulting another agent. */
export function talksToAgent(call: Call, targetId: string): boolean {
  if (call.consult !== null && (call.consult.by === targetId || call.consult.with === targetId)) return true;
  return call.direction === 'internal' && customerOf(call) === undefined;
}

/**
 * What a supervision holds (R-EXCL-1): the target agent, or the agents, also those on the way, of the customer. An agent is
 * held in all calls, so the key is the user; a party without one, and a call that waits for an agent, are held by place.
 */
export function heldBy(call: Call, targetId: string): string[] {
  const target = participant(call, targetId);
  const coming = call.participants.filter((p) => p.role === 'agent' && p.aliasOf === null && isRinging(p));
  const agents = target !== undefined && isAgent(target) ? [target] : [...connectedAgents(call), ...coming];
  return agents.length === 0 ? [call.id] : agents.map((p) => p.userId ?? `${call.id}/${p.id}`);
}

/**
 * Where the call goes when the new side does not answer: back to its queue, or to who had it (now, or before a transfer
 * that is under way).
 */
export function fallbackOf(call: Call, leaving: readonly Participant[]): Fallback {
  if (call.queue !== null) return { kind: 'queue' };
  const agent = leaving.find((p) => p.userId !== null);
  if (agent !== undefined) return { kind: 'recall', participantId: agent.id };
  for (const { leg } of call.participants) {
    if (leg.kind === 'ringing' && leg.purpose.kind === 'transfer') return leg.purpose.fallback;
  }
  return { kind: 'end' };
}

export function newParticipant(
  call: Call,
  fields: Pick<Participant, 'role' | 'userId' | 'team' | 'bot' | 'name' | 'address'> & {
    purpose: Purpose;
    room?: Room;
    aliasOf?: string | null;
  },
): Participant {
  const made: Participant = {
    id: `p${call.nextParticipant++}`,
    role: fields.role,
    userId: fields.userId,
    team: fields.team,
    bot: fields.bot,
    name: fields.name,
    address: fields.address,
    leg: { kind: 'ringing', purpose: fields.purpose, early: 'none' },
    codec: null,
    room: fields.room ?? 'main',
    phoneHold: false,
    apiHold: false,
    aliasOf: fields.aliasOf ?? null,
  };
  call.participants.push(made);
  return made;
}

export interface NewCall {
  readonly id: string;
  readonly direction: Direction;
  readonly queue: Queue | null;
  readonly plan: Plan;
  readonly customer: { readonly number: string; readonly name: string };
  readonly units: number;
  readonly now: number;
}

export function newCall(fields: NewCall): Call {
  return {
    id: fields.id,
    direction: fields.direction,
    phase: fields.queue === null ? 'ringing' : 'open',
    queue: fields.queue,
    plan: fields.plan,
    customer: fields.customer,
    units: fields.units,
    startedAt: fields.now,
    answeredAt: null,
    endedAt: null,
    endReason: null,
    waitedMs: 0,
    talkedMs: 0,
    clockSince: fields.now,
    participants: [],
    supervisions: [],
    consult: null,
    sentiment: null,
    inLine: false,
    nextParticipant: 1,
    matrixVersion: 0,
    confirmedVersion: 0,
  };
}

/** A copy that a step may write to. Leaves and nested unions are replaced, never written, so two levels are enough. */
export function copyCall(call: Call): Call {
  return {
    ...call,
    participants: call.participants.map((p) => ({ ...p })),
    supervisions: call.supervisions.map((s) => ({ ...s })),
  };
}
