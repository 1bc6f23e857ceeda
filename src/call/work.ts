/** A step under way: the copy of the call that it may write, and what it asks for so far. */
import type { Effect } from './events.ts';
import {
  connectedParties,
  customerOf,
  isAgent,
  isConnected,
  isLive,
  isRinging,
  openSupervisions,
  type Call,
  type Context,
  type DialTarget,
  type Participant,
  type Party,
  type Person,
  type PhoneKind,
  type Purpose,
  type Room,
  type Supervision,
  newParticipant,
} from './model.ts';
import type { CallState, Role, SupervisionEndReason } from './views.ts';

export interface Work {
  readonly call: Call;
  readonly effects: Effect[];
  readonly context: Context;
}

/**
 *   open -> ringing -> active -> wrap-up -> closed
 *   open <-> ringing            active <-> waiting -> wrap-up
 * Every state but closed may go to closed.
 */
export const NEXT: Readonly<Record<CallState, readonly CallState[]>> = {
  open: ['ringing', 'active', 'wrap-up', 'closed'],
  ringing: ['open', 'active', 'wrap-up', 'closed'],
  active: ['waiting', 'wrap-up', 'closed'],
  waiting: ['active', 'wrap-up', 'closed'],
  'wrap-up': ['closed'],
  closed: [],
};

/** The one place where a call changes its state; keeps the waiting and the talking time. */
export function move(work: Work, to: CallState): void {
  const { call, context } = work;
  if (call.phase === to) return;
  if (!NEXT[call.phase].includes(to)) throw new Error(`illegal move of a call: ${call.phase} -> ${to}`);
  const passed = Math.max(0, context.now - call.clockSince);
  if (call.phase === 'active') call.talkedMs += passed;
  else if (call.phase !== 'wrap-up') call.waitedMs += passed;
  call.clockSince = context.now;
  note(work, 'call.state', null, { from: call.phase, to });
  call.phase = to;
}

export function note(work: Work, entry: string, by: string | null, data: Readonly<Record<string, unknown>> = {}): void {
  work.effects.push({ type: 'note', entry, by, data });
}

export const over = (call: Call): boolean => call.phase === 'wrap-up' || call.phase === 'closed';

/** Takes a leg out of the call. Its phone is hung up unless it has gone by itself. */
export function leave(work: Work, p: Participant, reason: string, by: 'us' | 'itself', status = 480): void {
  if (!isLive(p)) return;
  const talked = isConnected(p);
  if (isRinging(p)) work.effects.push({ type: 'timer', name: `ring:${p.id}`, seconds: null });
  p.leg = { kind: 'left', at: work.context.now, reason, talked };
  if (by === 'us') work.effects.push({ type: 'drop', leg: p.id, status, reason });
  note(work, 'participant.left', p.userId, { participant: p.id, role: p.role, reason });
  const { queue } = work.call;
  if (talked && p.userId !== null && p.role !== 'supervisor' && p.role !== 'customer' && p.aliasOf === null) {
    work.effects.push({ type: 'wrapUp', userId: p.userId, seconds: queue?.wrapUpSeconds ?? 0 });
  }
  const why = p.role === 'customer' ? 'call_ended' : 'agent_left'; // R-FLOW-3, 4
  for (const s of openSupervisions(work.call)) if (s.target === p.id) endSupervision(work, s, why);
}

/** Ends a supervision, once: whatever comes later about it is ignored. Its phone is hung up unless it has gone. */
export function endSupervision(
  work: Work,
  s: Supervision,
  reason: SupervisionEndReason,
  options: { by?: string | null; keepLeg?: boolean } = {},
): void {
  if (s.phase.kind === 'ended') return;
  const answeredAt = s.phase.kind === 'ringing' ? null : s.phase.answeredAt;
  s.phase = { kind: 'ended', answeredAt, endedAt: work.context.now, reason };
  note(work, 'supervision.ended', options.by ?? s.supervisor.id, {
    supervision: s.id,
    reason,
    mode: s.mode,
    target: s.target,
  });
  if (options.keepLeg === true) return;
  const own = work.call.participants.find((p) => p.id === s.participantId);
  if (own !== undefined) leave(work, own, reason, 'us');
}

/** Ends the call, once. Everybody is hung up; the phones of the supervisors too (R-FLOW-4). */
export function endCall(work: Work, reason: string, by: string | null = null, status = 480): void {
  const { call, context } = work;
  if (over(call)) return;
  call.endReason = reason;
  call.endedAt = context.now;
  call.inLine = false;
  call.consult = null;
  const wrapUp = call.queue?.wrapUpSeconds ?? 0;
  const wrapping = wrapUp > 0 && call.phase === 'active';
  for (const s of openSupervisions(call)) endSupervision(work, s, 'call_ended');
  for (const p of call.participants) leave(work, p, reason, 'us', status);
  note(work, 'call.ended', by, { reason });
  if (!wrapping) return close(work);
  move(work, 'wrap-up');
  work.effects.push({ type: 'timer', name: 'wrap-up', seconds: wrapUp });
}

/** Someone on the way who will take part in the conversation. */
const awaited = (p: Participant): boolean =>
  p.leg.kind === 'ringing' && ['transfer', 'accept', 'takeover', 'offer', 'direct'].includes(p.leg.purpose.kind);

/** Whether there is a conversation, now or in a moment, without `leaving`: a customer with somebody, or two parties. */
export function goesOn(call: Call, leaving?: Participant): boolean {
  const others = connectedParties(call).filter(
    (o) => o.id !== leaving?.id && o.aliasOf === null && (o.room === 'main' || o.id === call.consult?.by),
  );
  const coming = call.participants.filter((p) => p.id !== leaving?.id && awaited(p));
  if (customerOf(call) !== undefined) return others.some(isAgent) || coming.length > 0 || call.inLine;
  // Who transfers the other side goes as the new one comes.
  const staying = others.filter((o) => !coming.some((p) => replacedBy(p) === o.id));
  return staying.length > 0 && staying.length + coming.length > 1;
}

const replacedBy = ({ leg }: Participant): string | null =>
  leg.kind === 'ringing' && leg.purpose.kind === 'transfer' && leg.purpose.fallback.kind === 'agent'
    ? leg.purpose.fallback.participantId
    : null;

/** Where the agent has left and the consulted one stays, the consulted one is the agent now. */
export function promote(work: Work): void {
  const { call } = work;
  if (call.participants.some((p) => p.role === 'agent' && isConnected(p))) return;
  const next = call.participants.find((p) => p.role === 'consulted' && isConnected(p));
  if (next !== undefined) next.role = 'agent';
}

export function close(work: Work): void {
  if (work.call.phase === 'closed') return;
  move(work, 'closed');
  work.effects.push({ type: 'closed' });
}

export const nameOf = (to: Party): string => (to.kind === 'user' ? to.person.name : to.number);
export const addressOf = (to: Party): string => (to.kind === 'user' ? to.person.extension : to.number);

export interface Ringing {
  readonly role: Role;
  readonly purpose: Purpose;
  readonly from: { readonly number: string; readonly name: string };
  readonly seconds: number;
  readonly autoAnswer?: boolean;
  readonly keys?: boolean;
  readonly room?: Room;
}

/** Rings someone. `person`: whose leg it is, where the phone is not that person's own (a supervisor's other phone). */
export function ring(work: Work, to: Party, options: Ringing & { readonly person?: Person }): Participant {
  const { person } = options;
  const who = person === undefined ? identity(to) : { ...personIdentity(person), address: addressOf(to) };
  if (to.kind === 'number') return place(work, who, to, options);
  return place(work, who, { kind: 'user', userId: to.person.userId }, options, to.only);
}

/** Rings a user who has left the call. */
export function ringAgain(work: Work, former: Participant, userId: string, options: Ringing): Participant {
  const { team, bot, name, address } = former;
  return place(work, { userId, team, bot, name, address }, { kind: 'user', userId }, options);
}

function place(work: Work, who: Identity, to: DialTarget, options: Ringing, only?: PhoneKind): Participant {
  const p = newParticipant(work.call, {
    role: options.role,
    ...who,
    purpose: options.purpose,
    room: options.room ?? 'main',
  });
  work.effects.push({
    type: 'dial',
    leg: p.id,
    to,
    ...(only === undefined ? {} : { only }),
    from: options.from,
    autoAnswer: options.autoAnswer ?? false,
    keys: options.keys ?? false,
  });
  work.effects.push({ type: 'timer', name: `ring:${p.id}`, seconds: options.seconds });
  note(work, 'participant.ringing', p.userId, { participant: p.id, role: p.role, address: p.address });
  return p;
}

type Identity = Pick<Participant, 'userId' | 'team' | 'bot' | 'name' | 'address'>;

export function identity(to: Party): Identity {
  if (to.kind === 'number') return { userId: null, team: null, bot: false, name: to.number, address: to.number };
  return personIdentity(to.person);
}

export function personIdentity(person: Person): Identity {
  return {
    userId: person.userId,
    team: person.team ?? person.teams[0] ?? null,
    bot: person.bot,
    name: person.name,
    address: person.extension,
  };
}
