/** What becomes of the call when a leg is answered, fails, goes, or is put on hold by its phone. */
import type { CallEvent } from './events.ts';
import {
  connectedAgents,
  customerOf,
  isLive,
  isRinging,
  participant,
  supervisionOf,
  type Participant,
} from './model.ts';
import { consultAnswered, consultFailed, consultLegGone } from './consult.ts';
import { joinLine, offerFailed, withdraw } from './line.ts';
import { supervisorAnswered, supervisorFailed } from './supervise.ts';
import {
  acceptAnswered,
  acceptFailed,
  strand,
  takeoverAnswered,
  transferAnswered,
  transferFailed,
} from './transfer.ts';
import { endCall, endSupervision, goesOn, leave, move, note, promote, ring, type Work } from './work.ts';

type Of<T extends CallEvent['type']> = Extract<CallEvent, { type: T }>;

/** Time that a direct call rings before the caller is told that nobody answers. */
export const DIRECT_RING_SECONDS = 90;

const MEDIA = 'media failed';

/** The first leg is there: goes on with what the call is for. */
export function begin(work: Work): void {
  const { call } = work;
  const { plan } = call;
  call.plan = { kind: 'none' };
  if (plan.kind === 'queue') return joinLine(work);
  if (plan.kind !== 'dial') return;
  const caller = call.participants.find(isLive);
  const callee = ring(work, plan.party, {
    role: plan.party.kind === 'user' ? 'agent' : 'customer',
    purpose: { kind: 'direct' },
    from: { number: caller?.address ?? '', name: caller?.name ?? '' },
    seconds: plan.ringSeconds,
  });
  note(work, 'call.dialled', caller?.userId ?? null, { to: callee.address });
}

export function progressed(work: Work, event: Of<'progress'>): void {
  const { call } = work;
  const p = participant(call, event.leg);
  if (p?.leg.kind !== 'ringing') return;
  if (event.early) p.leg = { ...p.leg, early: 'speaks' };
  const caller = call.participants.find((one) => one.leg.kind === 'ringing' && one.leg.purpose.kind === 'caller');
  if (caller?.leg.kind !== 'ringing' || (p.leg.purpose.kind !== 'direct' && p.leg.purpose.kind !== 'consult')) return;
  if (event.early) caller.leg = { ...caller.leg, early: 'listens' };
  work.effects.push({ type: 'progress', leg: caller.id, early: event.early });
}

export function answered(work: Work, event: Of<'answered'>): void {
  const { call, context } = work;
  const p = participant(call, event.leg);
  if (p?.leg.kind !== 'ringing') return;
  const { purpose } = p.leg;
  p.leg = { kind: 'connected', at: context.now };
  p.codec = event.codec;
  work.effects.push({ type: 'timer', name: `ring:${p.id}`, seconds: null });
  note(work, 'participant.connected', p.userId, { participant: p.id, role: p.role });
  switch (purpose.kind) {
    case 'caller':
      return;
    case 'supervision': {
      const supervision = supervisionOf(call, p.id);
      if (supervision === undefined) leave(work, p, 'supervision ended', 'us');
      else supervisorAnswered(work, supervision);
      return;
    }
    case 'origin':
      return begin(work);
    case 'offer':
      withdraw(work, p);
      return talk(work);
    case 'direct':
      return talk(work);
    case 'consult':
      return consultAnswered(work, p);
    case 'transfer':
      withdraw(work, p);
      transferAnswered(work, p, purpose.fallback);
      return talk(work);
    case 'accept':
      return acceptAnswered(work, p);
    case 'takeover':
      takeoverAnswered(work, p);
      return talk(work);
  }
}

/** Two sides are there: the caller, if still waiting for the 200, is answered. */
function talk(work: Work): void {
  const { call, context } = work;
  call.inLine = false;
  call.answeredAt ??= context.now;
  if (call.phase !== 'active') move(work, 'active');
  const caller = call.participants.find((p) => p.leg.kind === 'ringing' && p.leg.purpose.kind === 'caller');
  if (caller !== undefined) work.effects.push({ type: 'answer', leg: caller.id });
}

/** A leg that was rung came to nothing. */
export function failed(work: Work, p: Participant, status: number, reason: string): void {
  const { call } = work;
  if (p.leg.kind !== 'ringing') return;
  const { purpose } = p.leg;
  leave(work, p, reason, 'itself');
  switch (purpose.kind) {
    case 'caller':
      return callerGone(work, p, reason);
    case 'supervision': {
      const supervision = supervisionOf(call, p.id);
      if (supervision !== undefined) supervisorFailed(work, supervision, status);
      return;
    }
    case 'offer':
      return offerFailed(work, p, status);
    case 'origin':
    case 'direct':
      return endCall(work, directReason(status), null, callerStatus(status));
    case 'consult':
      return consultFailed(work, p, status);
    case 'transfer':
      return transferFailed(work, p, purpose.fallback, status);
    case 'accept':
      return acceptFailed(work, p, status);
    case 'takeover':
      note(work, 'takeover.failed', p.userId, { status });
      return strand(work, p, status);
  }
}

/** A caller who is not answered yet: the customer, or an agent's phone with its second call (a consult). */
function callerGone(work: Work, p: Participant, reason: string): void {
  if (work.call.consult !== null && consultLegGone(work, p, reason, 'itself')) return;
  if (reason === MEDIA) return endCall(work, 'media_failed');
  endCall(work, work.call.answeredAt === null ? 'abandoned' : reason);
}

/** An engine or network trouble with the media of one leg. */
export function mediaFailed(work: Work, event: Of<'mediaFailed'>): void {
  const p = participant(work.call, event.leg);
  if (p === undefined || !isLive(p)) return;
  note(work, 'media.failed', null, { participant: p.id, detail: event.detail });
  const supervision = supervisionOf(work.call, p.id);
  if (supervision !== undefined) return endSupervision(work, supervision, 'media_failed'); // R-HEAR-9: fails closed
  if (isRinging(p)) {
    work.effects.push({ type: 'drop', leg: p.id, status: 503, reason: MEDIA });
    return failed(work, p, 503, MEDIA);
  }
  work.effects.push({ type: 'drop', leg: p.id, status: 503, reason: MEDIA });
  gone(work, p, MEDIA);
}

/** A connected phone hung up, or was lost. */
export function gone(work: Work, p: Participant, reason: string): void {
  const { call } = work;
  if (!isLive(p)) return;
  if (isRinging(p)) return failed(work, p, 487, reason);
  if (p.role === 'supervisor') {
    const supervision = supervisionOf(call, p.id);
    leave(work, p, reason, 'itself');
    if (supervision !== undefined) endSupervision(work, supervision, 'supervisor_left');
    return;
  }
  if (p.role === 'customer') {
    leave(work, p, reason, 'itself');
    return endCall(work, 'customer_hangup'); // R-FLOW-4
  }
  departs(work, p, reason, 'itself');
}

/** An agent's leg leaves: by itself, or because its agent asked the API. */
export function departs(work: Work, p: Participant, reason: string, by: 'us' | 'itself'): void {
  if (work.call.consult !== null && consultLegGone(work, p, reason, by)) return;
  agentGone(work, p, reason, by);
}

/** An agent leaves the conversation; it goes on if anybody is left to talk, or is on the way. */
function agentGone(work: Work, p: Participant, reason: string, by: 'us' | 'itself'): void {
  const { call } = work;
  const customer = customerOf(call);
  if (!goesOn(call, p)) {
    if (by === 'itself') {
      // the call's end, not the agent's leaving, is what ends the supervisions
      const supervisions = call.supervisions.filter((s) => s.target === p.id);
      for (const s of supervisions) endSupervision(work, s, 'call_ended');
      leave(work, p, reason, 'itself');
    }
    return endCall(work, customer === undefined || p.role === 'agent' ? 'agent_hangup' : 'hangup', p.userId);
  }
  leave(work, p, reason, by);
  promote(work);
  if (connectedAgents(call).length === 0 && call.phase === 'active') move(work, 'waiting');
}

export function mediaChanged(work: Work, event: Of<'media'>): void {
  const p = participant(work.call, event.leg);
  if (p === undefined || !isLive(p)) return;
  if (event.codec !== null) p.codec = event.codec;
  if (p.phoneHold === event.holding) return;
  p.phoneHold = event.holding;
  note(work, event.holding ? 'participant.hold' : 'participant.resume', p.userId, { participant: p.id, by: 'phone' });
}

/** The ring timer: nobody has picked up. */
export function ringTimeout(work: Work, id: string): void {
  const p = participant(work.call, id);
  if (p === undefined || !isRinging(p)) return;
  work.effects.push({ type: 'drop', leg: p.id, status: 408, reason: 'no answer' });
  failed(work, p, 408, 'no answer');
}

function directReason(status: number): string {
  if (status === 486 || status === 600) return 'busy';
  if (status === 603) return 'declined';
  if (status === 408 || status === 487) return 'no_answer';
  return status === 404 || status === 410 ? 'unknown_number' : 'unreachable';
}

/** The status for the caller: what the called side said, where that means something to the caller. */
function callerStatus(status: number): number {
  if (status === 600) return 486;
  if (status === 408 || status === 487) return 480;
  if (status === 401 || status === 407 || status < 400) return 503;
  return status;
}
