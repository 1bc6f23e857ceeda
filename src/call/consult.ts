/** Consult: the agent talks to someone apart while the customer hears music (R-FLOW-1); by API or by a second call. */
import { caseOf, consulting, demand, TABLE } from './actions.ts';
import { Refusal } from './errors.ts';
import type { CallEvent, Request } from './events.ts';
import {
  fallbackOf,
  isConnected,
  isLive,
  isRinging,
  newParticipant,
  openSupervisions,
  participant,
  type Consult,
  type Participant,
  type Party,
} from './model.ts';
import { handover } from './handover.ts';
import { leave, move, note, personIdentity, ring, type Work } from './work.ts';

const NOBODY = { supervising: false, holders: [] };

/** A person who is to be rung by someone's wish must be there and free. */
export function demandReachable(work: Work, to: Party): void {
  if (to.kind !== 'user') return;
  const { person } = to;
  if (work.call.participants.some((p) => p.userId === person.userId && isLive(p))) {
    throw new Refusal('conflict', `${person.name} is on this call already.`);
  }
  if (!person.registered || ['offline', 'ringing', 'on-call'].includes(person.state)) {
    throw new Refusal('not_available', `${person.name} cannot be reached now.`, { state: person.state });
  }
}

export function startConsult(work: Work, request: Extract<Request, { type: 'consult' }>): void {
  const { call, context } = work;
  const c = caseOf(call, request.by, context.policy, request.facts);
  demand(TABLE.consult, c);
  demandReachable(work, request.to);
  const self = c.self!;
  self.apiHold = false;
  self.room = 'consult';
  consultWith(work, self, self, request.to);
}

function consultWith(work: Work, by: Participant, leg: Participant, to: Party): void {
  const other = ring(work, to, {
    role: 'consulted',
    purpose: { kind: 'consult' },
    from: { number: by.address, name: by.name },
    seconds: 60,
    room: 'consult',
  });
  work.call.consult = { by: by.id, leg: leg.id, with: other.id };
  note(work, 'consult.started', by.userId, { to: other.address });
}

/** The agent's phone has made a second call: a second leg of the same person, apart from the conversation. */
export function secondCall(work: Work, event: Extract<CallEvent, { type: 'secondCall' }>): void {
  const { call, context } = work;
  const c = caseOf(call, event.by, context.policy, NOBODY);
  demand(TABLE.consult, c);
  demandReachable(work, event.to);
  const by = c.self!;
  const leg = newParticipant(call, {
    ...personIdentity(event.by),
    role: 'agent',
    purpose: { kind: 'caller' },
    room: 'consult',
    aliasOf: by.id,
  });
  consultWith(work, by, leg, event.to);
}

export function consultAnswered(work: Work, other: Participant): void {
  const { consult } = work.call;
  const leg = consult === null ? undefined : participant(work.call, consult.leg);
  note(work, 'consult.answered', other.userId, { participant: other.id });
  if (leg !== undefined && isRinging(leg)) work.effects.push({ type: 'answer', leg: leg.id });
}

export function consultFailed(work: Work, other: Participant, status: number): void {
  if (work.call.consult?.with !== other.id) return;
  note(work, 'consult.failed', other.userId, { status });
  endConsult(work, status);
}

/** The consult is over and the agent is back with the customer; what is left of its legs is hung up. */
export function endConsult(work: Work, status = 480): void {
  const { call } = work;
  const { consult } = call;
  if (consult === null) return;
  call.consult = null;
  const other = participant(call, consult.with);
  const leg = participant(call, consult.leg);
  const by = participant(call, consult.by);
  if (other !== undefined) leave(work, other, 'consult ended', 'us');
  if (leg !== undefined && leg.aliasOf !== null) leave(work, leg, 'consult ended', 'us', status);
  if (by !== undefined) by.room = 'main';
  note(work, 'consult.ended', by?.userId ?? null);
}

export function cancelConsult(work: Work, request: Extract<Request, { type: 'consultCancel' }>): void {
  const { call, context } = work;
  const c = caseOf(call, request.by, context.policy, NOBODY);
  if (call.consult === null || call.consult.by !== c.self?.id) {
    throw new Refusal('conflict', 'You have no consult on this call.');
  }
  endConsult(work);
}

/** Attended transfer: the consulted one stays with the customer, the agent leaves. */
export function completeConsult(work: Work, request: Extract<Request, { type: 'consultComplete' }>): void {
  const { call, context } = work;
  const c = caseOf(call, request.by, context.policy, NOBODY);
  demand([consulting], c);
  handConsultOver(work, call.consult!, 'us');
}

/** `by`: whether the agent's phone has to be hung up, or has gone by itself. */
export function handConsultOver(work: Work, consult: Consult, by: 'us' | 'itself'): void {
  const { call } = work;
  const agent = participant(call, consult.by);
  const leg = participant(call, consult.leg);
  const other = participant(call, consult.with);
  if (agent === undefined || other === undefined) return;
  call.consult = null;
  other.room = 'main';
  other.role = 'agent';
  handover(work, agent, other);
  note(work, 'call.transferred', agent.userId, { to: other.address, attended: true });
  if (isRinging(other) && other.leg.kind === 'ringing') {
    // completed before the answer: from here on it is a transfer to someone who rings
    other.leg = { ...other.leg, purpose: { kind: 'transfer', fallback: fallbackOf(call, [agent]) } };
    move(work, 'waiting');
  }
  leave(work, agent, 'transferred', by);
  if (leg !== undefined && leg.id !== agent.id) leave(work, leg, 'transferred', 'us');
}

/** Conference: all in one conversation. Of two legs of the agent the second one stays. */
export function conference(work: Work, request: Extract<Request, { type: 'conference' }>): void {
  const { call, context } = work;
  const c = caseOf(call, request.by, context.policy, NOBODY);
  demand(TABLE.conference, c);
  const consult = call.consult!;
  const by = participant(call, consult.by)!;
  const leg = participant(call, consult.leg)!;
  call.consult = null;
  for (const p of [by, leg, participant(call, consult.with)!]) p.room = 'main';
  if (leg.id !== by.id) {
    leg.aliasOf = null;
    for (const s of openSupervisions(call)) if (s.target === by.id) s.target = leg.id;
    leave(work, by, 'conference by the second call', 'us');
  }
  note(work, 'conference.started', request.by.userId);
}

/** A leg of the consult has gone. True: nothing else is to be done about it. */
export function consultLegGone(work: Work, p: Participant, reason: string, by: 'us' | 'itself'): boolean {
  const consult = work.call.consult!;
  if (p.id === consult.with || (p.id === consult.leg && p.aliasOf !== null)) {
    leave(work, p, reason, by);
    endConsult(work);
    return true;
  }
  if (p.id !== consult.by) return false;
  if (consult.leg !== consult.by) {
    // The line to the customer was hung up, and with it the consult.
    endConsult(work);
    return false;
  }
  const other = participant(work.call, consult.with);
  if (other === undefined || !isLive(other)) return false;
  handConsultOver(work, consult, by);
  if (isConnected(other)) note(work, 'consult.completed', p.userId);
  return true;
}
