/** A queue's call: in the line, offered to one agent after the other, answered with music when none is free. */
import type { Outcome } from './events.ts';
import { customerOf, isLive, isRinging, type Participant, type Person } from './model.ts';
import { leave, move, note, over, ring, type Work } from './work.ts';

/** Puts the call into the line; the controller offers it to an agent, or says that there is none. */
export function joinLine(work: Work): void {
  work.call.inLine = true;
  note(work, 'queue.entered', null, { queue: work.call.queue?.id ?? null });
  work.effects.push({ type: 'needAgent' });
}

/** Takes the call out of the line and stops the phones that ring for it: it is served, or goes elsewhere. */
export function withdraw(work: Work, except?: Participant): void {
  work.call.inLine = false;
  for (const p of work.call.participants) {
    if (p.id === except?.id || p.leg.kind !== 'ringing') continue;
    if (p.leg.purpose.kind === 'offer' || p.leg.purpose.kind === 'transfer') leave(work, p, 'served elsewhere', 'us');
  }
}

/** Rings an agent's phone. The caller hears the ringing tone of the own network until then (180). */
export function offer(work: Work, to: Person): void {
  const { call } = work;
  if (!call.inLine || call.queue === null || over(call)) return;
  if (call.participants.some((p) => p.userId === to.userId && isLive(p))) return;
  call.inLine = false;
  ring(
    work,
    { kind: 'user', person: to },
    { role: 'agent', purpose: { kind: 'offer' }, from: call.customer, seconds: call.queue.ringSeconds },
  );
  const customer = customerOf(call);
  if (customer !== undefined && isRinging(customer)) {
    work.effects.push({ type: 'progress', leg: customer.id, early: false });
  }
  if (call.phase === 'open') move(work, 'ringing');
}

/** Nobody is free: the caller is answered and hears music. */
export function noAgent(work: Work): void {
  const customer = customerOf(work.call);
  if (!work.call.inLine || customer === undefined || !isRinging(customer)) return;
  work.effects.push({ type: 'answer', leg: customer.id });
}

/** The agent did not take the call: told apart for the agent's state, and the next agent is rung. */
export function offerFailed(work: Work, p: Participant, status: number): void {
  const { call } = work;
  if (p.userId !== null) work.effects.push({ type: 'offerFailed', userId: p.userId, outcome: outcomeOf(status) });
  if (call.phase === 'ringing') move(work, 'open');
  joinLine(work);
}

export function outcomeOf(status: number): Outcome {
  if (status === 408) return 'no_answer';
  if (status === 486 || status === 600) return 'busy';
  return status === 603 || status === 403 || status === 480 ? 'declined' : 'unreachable';
}
