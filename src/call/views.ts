/** What the outside sees of calls, agents and supervisions: the shapes of api.md, produced from the call's state. */
import type { ErrorCode } from './errors.ts';

export type CallState = 'open' | 'ringing' | 'active' | 'waiting' | 'wrap-up' | 'closed';
export type Direction = 'inbound' | 'outbound' | 'internal';
export type Mode = 'listen' | 'whisper' | 'barge';
export type Role = 'customer' | 'agent' | 'consulted' | 'supervisor';
export type ParticipantState = 'ringing' | 'connected' | 'held' | 'left';
export type SupervisionState = 'ringing' | 'active' | 'held' | 'ended';
export type SupervisionEndReason =
  | 'stopped'
  | 'supervisor_left'
  | 'call_ended'
  | 'agent_left'
  | 'no_answer'
  | 'phone_busy'
  | 'phone_declined'
  | 'transferred_out'
  | 'media_failed'
  | 'displaced';
export type AgentState = 'offline' | 'available' | 'ringing' | 'on-call' | 'wrap-up' | 'away';
export type Permission = 'listen' | 'whisper' | 'barge' | 'takeover' | 'transfer' | 'assign' | 'end';
export type Action = Permission | 'pause' | 'resume' | 'stop' | 'hold' | 'consult' | 'conference' | 'hangup';

export interface ParticipantView {
  readonly id: string;
  readonly role: Role;
  readonly userId: string | null;
  readonly name: string;
  readonly address: string; // number or extension
  readonly state: ParticipantState;
  readonly codec: string | null;
  readonly hears: readonly string[]; // participant ids, or "music"
  readonly mode?: Mode; // of a supervisor (R-SEE-2)
}

export interface SupervisionView {
  readonly id: string;
  readonly callId: string;
  readonly supervisor: { readonly id: string; readonly name: string };
  readonly target: string; // participant id
  readonly mode: Mode;
  readonly paused: boolean;
  readonly state: SupervisionState;
  readonly startedAt: string; // ISO 8601, UTC; all times
  readonly answeredAt: string | null;
  readonly endedAt: string | null;
  readonly endReason: SupervisionEndReason | null;
}

export interface ActionView {
  readonly action: Action;
  readonly allowed: boolean;
  readonly code?: ErrorCode;
  readonly detail?: string;
}

export interface CallView {
  readonly id: string;
  readonly state: CallState;
  readonly direction: Direction;
  readonly customer: { readonly number: string; readonly name: string };
  readonly agent: { readonly id: string; readonly name: string; readonly team: string } | null;
  readonly queue: string | null;
  readonly startedAt: string;
  readonly answeredAt: string | null;
  readonly endedAt: string | null;
  readonly waitSeconds: number;
  readonly talkSeconds: number;
  readonly held: boolean;
  readonly consult: { readonly agent: string } | null;
  readonly sentiment: number | null;
  readonly endReason: string | null;
  readonly participants: readonly ParticipantView[];
  readonly supervisions: readonly SupervisionView[];
  readonly actions: readonly ActionView[];
}

export interface UserView {
  readonly id: string;
  readonly name: string;
  readonly role: 'agent' | 'supervisor' | 'admin';
  readonly team: string | null;
  readonly teams: readonly string[];
  readonly extension: string;
  readonly state: AgentState;
  readonly stateSince: string;
  readonly stateReason: string | null;
  readonly calls: readonly string[]; // ids of the current calls
  readonly contacts: readonly ContactView[];
}

export interface ContactView {
  readonly uri: string;
  readonly transport: string;
  readonly userAgent: string | null;
  readonly expiresAt: string;
}

export interface QueueView {
  readonly id: string;
  readonly name: string;
  readonly team: string;
  readonly numbers: readonly string[];
  readonly waiting: number;
  readonly longestWaitSeconds: number;
  readonly availableAgents: number;
}
