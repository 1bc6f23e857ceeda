/** Interventions and transfers (R-ACT-1 to 5): by the agent, by a supervisor, by REFER. */
import { attached, caseOf, demand, nothingPending, TABLE, TAKEOVER_FRESH } from './actions.ts';
import { demandReachable, endConsult, handConsultOver } from './consult.ts';
import { Refusal } from './errors.ts';
import type { CallEvent, Request, TransferTarget } from './events.ts';
import { handover } from './handover.ts';
import { joinLine, offer, outcomeOf, withdraw } from './line.ts';
import {
  connectedAgents,
  connectedParties,
  customerOf,
  fallbackOf,
  isAgent,
  isConnected,
  isLive,
  openSupervisions,
  participant,
  type Fallback,
  type Participant,
  type Party,
} from './model.ts';
import {
  endCall,
  endSupervision,
  goesOn,
  leave,
  move,
  note,
  nameOf,
  promote,
  ring,
  ringAgain,
  type Ringing,
  type Work,
} from './work.ts';

const TRANSFER_RING_SECONDS = 60;

/** R-ACT-2, and with policy `accept` R-ACT-3. */
export function transfer(work: Work, request: Extract<Request, { type: 'transfer' }>): void {
  const { call, context } = work;
  const { by, to } = request;
  const c = caseOf(call, by, context.policy, request.facts);
  demand(TABLE.transfer, c);
  const customer = customerOf(call);
  if (customer === undefined && c.self === undefined) {
    throw new Refusal('not_transferable', 'There is no customer on this call.');
  }
  demandSomebodyToTransfer(work, c.self);
  if (to.kind === 'party') {
    if (to.party.kind === 'user' && to.party.person.bot) {
      throw new Refusal('not_transferable', 'A bot is never the aim of a transfer.');
    }
    demandReachable(work, to.party);
    if (context.policy.transfer === 'accept' && to.party.kind === 'user' && connectedAgents(call).length > 0) {
      demand([nothingPending], c);
      const offered = ringTarget(work, to.party, { kind: 'accept' });
      note(work, 'transfer.offered', by.userId, { to: offered.address });
      return;
    }
  }
  endConsult(work);
  const leaving = c.self === undefined ? connectedAgents(call) : [c.self];
  const fallback = fallbackOf(call, leaving);
  withdraw(work);
  send(work, to, leaving, by.userId, fallback);
}

/** A transfer joins somebody who stays with somebody new. */
function demandSomebodyToTransfer(work: Work, leaving: Participant | undefined): void {
  const stays = connectedParties(work.call).some((p) => p.id !== leaving?.id && p.aliasOf === null);
  if (!stays) throw new Refusal('not_transferable', 'There is nobody on this call to be transferred.');
}

type TransferPurpose = { readonly kind: 'accept' } | { readonly kind: 'transfer'; readonly fallback: Fallback };

function ringTarget(work: Work, party: Party, purpose: TransferPurpose): Participant {
  return ring(work, party, transferring(work, purpose));
}

const transferring = ({ call }: Work, purpose: TransferPurpose): Ringing => ({
  role: 'agent',
  purpose,
  from: call.customer,
  seconds: TRANSFER_RING_SECONDS,
});

/** The agents leave, the customer waits, the new side is rung or the queue is asked. */
function send(
  work: Work,
  to: TransferTarget,
  leaving: readonly Participant[],
  by: string | null,
  fallback: Fallback,
): void {
  const { call } = work;
  note(work, 'call.transferred', by, { to: to.kind === 'queue' ? to.queue.id : nameOf(to.party) });
  const target = to.kind === 'queue' ? to.queue : ringTarget(work, to.party, { kind: 'transfer', fallback });
  for (const p of leaving) {
    handover(work, p, target);
    leave(work, p, 'transferred', 'us');
  }
  promote(work);
  if (to.kind === 'queue') {
    call.queue = to.queue;
    // Of a call between extensions the one who is left is the caller of the queue now.
    if (customerOf(call) === undefined) for (const p of connectedParties(call)) p.role = 'customer';
  }
  if (connectedAgents(call).length === 0 && call.phase === 'active') move(work, 'waiting');
  if (to.kind === 'queue') joinLine(work);
}

/** REFER from a party's phone. It stays until the other side has answered, and is told by NOTIFY (RFC 3515). */
export function refer(work: Work, event: Extract<CallEvent, { type: 'refer' }>): void {
  const { call } = work;
  const p = participant(call, event.leg);
  if (p === undefined || !isConnected(p) || !isAgent(p)) throw new Refusal('forbidden', 'Only an agent may transfer.');
  const { consult } = call;
  const agent = p.aliasOf === null ? p : participant(call, p.aliasOf);
  if (event.to === 'consulted') {
    if (consult === null || agent?.id !== consult.by) throw new Refusal('conflict', 'There is no consult to complete.');
    work.effects.push({ type: 'referDone', leg: p.id, status: 200, reason: 'OK' });
    return handConsultOver(work, consult, 'us');
  }
  const pending = nothingPending(work);
  if (pending !== null) throw new Refusal(pending.code, pending.detail);
  demandSomebodyToTransfer(work, p);
  if (event.to.kind === 'queue') {
    work.effects.push({ type: 'referDone', leg: p.id, status: 200, reason: 'OK' });
    return send(work, event.to, [p], p.userId, { kind: 'queue' });
  }
  const { party } = event.to;
  if (p.bot || (party.kind === 'user' && party.person.bot)) {
    throw new Refusal('not_transferable', 'A bot is never the source or the aim of a transfer.');
  }
  demandReachable(work, party);
  note(work, 'transfer.started', p.userId, { to: nameOf(party) });
  ringTarget(work, party, { kind: 'transfer', fallback: { kind: 'agent', participantId: p.id } });
}

export function transferAnswered(work: Work, p: Participant, fallback: Fallback): void {
  if (fallback.kind !== 'agent') return;
  const transferor = participant(work.call, fallback.participantId);
  if (transferor === undefined || !isLive(transferor)) return;
  work.effects.push({ type: 'referDone', leg: transferor.id, status: 200, reason: 'OK' });
  handover(work, transferor, p);
  note(work, 'call.transferred', transferor.userId, { to: p.address });
  leave(work, transferor, 'transferred', 'us');
}

export function transferFailed(work: Work, p: Participant, fallback: Fallback, status: number): void {
  note(work, 'transfer.failed', p.userId, { to: p.address, status });
  if (fallback.kind === 'agent') {
    work.effects.push({ type: 'referDone', leg: fallback.participantId, status, reason: 'Transfer failed' });
  }
  const former = fallback.kind === 'recall' ? participant(work.call, fallback.participantId) : undefined;
  if (former === undefined || former.userId === null || goesOn(work.call)) return strand(work, p, status);
  // Without a queue to go back to: it ends only where this comes to nothing too.
  ringAgain(work, former, former.userId, transferring(work, { kind: 'transfer', fallback: { kind: 'end' } }));
  note(work, 'transfer.recalled', former.userId, { to: former.name });
}

/** R-ACT-3: the new agent has accepted; the first one stays as consultant until leaving. */
export function acceptAnswered(work: Work, p: Participant): void {
  for (const first of connectedAgents(work.call)) if (first.id !== p.id) first.role = 'consulted';
  note(work, 'transfer.accepted', p.userId, { to: p.address });
  if (work.call.phase === 'waiting') move(work, 'active');
}

export function acceptFailed(work: Work, p: Participant, status: number): void {
  note(work, 'transfer.rejected', p.userId, { to: p.address, status });
  strand(work, p, status);
}

/**
 * A customer whom nobody talks to any more goes back into the line, or the call ends. Whoever did not take the call is
 * away, as after any offered call, so that it is not offered to the same person again.
 */
export function strand(work: Work, failed: Participant, status: number): void {
  const { call } = work;
  if (goesOn(call)) return;
  if (call.queue === null || customerOf(call) === undefined) return endCall(work, 'transfer_failed');
  if (failed.userId !== null) {
    work.effects.push({ type: 'offerFailed', userId: failed.userId, outcome: outcomeOf(status) });
  }
  joinLine(work);
}

/** R-ACT-1: from a supervision its leg is reused; from scratch the supervisor's phone is rung first. */
export function takeover(work: Work, request: Extract<Request, { type: 'takeover' }>): void {
  const { call, context } = work;
  const { by } = request;
  const c = caseOf(call, by, context.policy, request.facts);
  demand(TABLE.takeover, c);
  if (customerOf(call) === undefined) throw new Refusal('conflict', 'There is no customer on this call.');
  if (c.own !== undefined) {
    demand([attached], c);
    const own = participant(call, c.own.participantId)!;
    endSupervision(work, c.own, 'stopped', { by: by.userId, keepLeg: true });
    takeoverAnswered(work, own);
    return;
  }
  demand(TAKEOVER_FRESH, c);
  if (request.phone === null) {
    throw new Refusal('no_phone', 'No phone of yours is registered. Register one or name another.');
  }
  ring(work, request.phone, {
    role: 'agent',
    purpose: { kind: 'takeover' },
    from: call.customer,
    seconds: context.policy.ringSeconds,
    autoAnswer: request.phone.kind === 'user',
    person: by,
  });
  note(work, 'takeover.started', by.userId);
}

/** The supervisor is the agent now. Everyone who talked for the company leaves; other supervisions are displaced. */
export function takeoverAnswered(work: Work, p: Participant): void {
  const { call } = work;
  p.role = 'agent';
  p.room = 'main';
  for (const s of openSupervisions(call)) endSupervision(work, s, 'displaced');
  call.consult = null;
  call.inLine = false;
  for (const other of call.participants) {
    if (other.id !== p.id && isAgent(other) && isLive(other)) leave(work, other, 'taken over', 'us');
  }
  if (call.phase === 'waiting') move(work, 'active');
  note(work, 'call.takenOver', p.userId);
}

/** R-ACT-4. */
export function assign(work: Work, request: Extract<Request, { type: 'assign' }>): void {
  const { call, context } = work;
  const { by, to, override, excess } = request;
  demand(TABLE.assign, caseOf(call, by, context.policy, { supervising: false, holders: [] }));
  if (to.kind === 'queue') {
    call.queue = to.queue;
    note(work, 'call.assigned', by.userId, { queue: to.queue.id });
    return joinLine(work);
  }
  if (to.party.kind !== 'user') throw new Refusal('invalid_request', 'A call is assigned to an agent or to a queue.');
  const { person } = to.party;
  if (!person.registered) throw new Refusal('not_available', `${person.name} has no registered phone.`);
  if (!override && excess > 0) {
    throw new Refusal(
      'capacity_exceeded',
      `${person.name} would have ${excess} ${excess === 1 ? 'unit' : 'units'} too many.`,
      { excess },
    );
  }
  if (!override && person.state !== 'available') {
    throw new Refusal('not_available', `${person.name} is "${person.state}".`, { state: person.state });
  }
  call.inLine = true;
  note(work, 'call.assigned', by.userId, { agent: person.userId, override, excess });
  offer(work, person);
}

/** R-ACT-5: the supervisor's name is the reason. */
export function endByRequest(work: Work, request: Extract<Request, { type: 'end' }>): void {
  const { call, context } = work;
  demand(TABLE.end, caseOf(call, request.by, context.policy, { supervising: false, holders: [] }));
  endCall(work, request.by.name, request.by.userId);
}
