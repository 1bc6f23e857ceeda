/**
 * The step of a call: the state and what happened in, the next state and what is to be done out. Pure: no clock, no
 * I/O, no randomness. A request that is not allowed throws its `Refusal` and changes nothing.
 */
import { caseOf, demand, RESUME_CALL, TABLE } from './actions.ts';
import { cancelConsult, completeConsult, conference, endConsult, secondCall, startConsult } from './consult.ts';
import type { CallEvent, Effect } from './events.ts';
import { answered, begin, departs, failed, gone, mediaChanged, mediaFailed, progressed, ringTimeout } from './legs.ts';
import { noAgent, offer } from './line.ts';
import { hearMatrix, sameMatrix } from './matrix.ts';
import { copyCall, isConnected, openSupervisions, participant, type Call, type Context } from './model.ts';
import { changeSupervision, restBarges, startSupervision, stopSupervision } from './supervise.ts';
import { assign, endByRequest, refer, takeover, transfer } from './transfer.ts';
import { close, endCall, endSupervision, note, over, ring, type Work } from './work.ts';

export interface Stepped {
  readonly state: Call;
  readonly effects: readonly Effect[];
}

const NOBODY = { supervising: false, holders: [] };

export function step(state: Call, event: CallEvent, context: Context): Stepped {
  const work: Work = { call: copyCall(state), effects: [], context };
  apply(work, event);
  finish(work, state);
  return { state: work.call, effects: work.effects };
}

function apply(work: Work, event: CallEvent): void {
  const { call, context } = work;
  switch (event.type) {
    case 'ready':
      return over(call) ? undefined : begin(work);
    case 'start':
      ring(work, event.to, {
        role: 'agent',
        purpose: { kind: 'origin' },
        from: call.customer,
        seconds: context.policy.ringSeconds,
        autoAnswer: true,
      });
      return;
    case 'progress':
      return progressed(work, event);
    case 'answered':
      return answered(work, event);
    case 'failed': {
      const p = participant(call, event.leg);
      return p === undefined ? undefined : failed(work, p, event.status, event.reason);
    }
    case 'mediaFailed':
      return mediaFailed(work, event);
    case 'gone': {
      const p = participant(call, event.leg);
      return p === undefined ? undefined : gone(work, p, event.reason);
    }
    case 'media':
      return mediaChanged(work, event);
    case 'offer':
      return offer(work, event.to);
    case 'noAgent':
      return noAgent(work);
    case 'timer':
      return timer(work, event.name);
    case 'matrixConfirmed':
      call.confirmedVersion = Math.max(call.confirmedVersion, event.version);
      return;
    case 'matrixFailed':
      return matrixFailed(work, event.detail);
    case 'mediaLost':
      note(work, 'media.lost', null, { detail: event.detail });
      for (const s of openSupervisions(call)) endSupervision(work, s, 'media_failed');
      return endCall(work, 'media_failed');
    case 'signallingLost':
      if (!over(call)) note(work, 'signalling.lost', null, {});
      return endCall(work, 'signalling_lost');
    case 'shutdown':
      endCall(work, 'shutdown');
      return close(work);
    case 'secondCall':
      return secondCall(work, event);
    case 'refer':
      return refer(work, event);
    default:
      return request(work, event);
  }
}

function request(work: Work, event: Extract<CallEvent, { by: unknown }>): void {
  const { call, context } = work;
  switch (event.type) {
    case 'hold':
    case 'resume': {
      const c = caseOf(call, event.by, context.policy, NOBODY);
      demand(event.type === 'hold' ? TABLE.hold : RESUME_CALL, c);
      c.self!.apiHold = event.type === 'hold';
      note(work, `participant.${event.type}`, event.by.userId, { participant: c.self!.id, by: 'api' });
      return;
    }
    case 'hangup': {
      const c = caseOf(call, event.by, context.policy, NOBODY);
      demand(TABLE.hangup, c);
      return departs(work, c.self!, 'hangup', 'us');
    }
    case 'supervise':
      return startSupervision(work, event);
    case 'changeSupervision':
      return changeSupervision(work, event);
    case 'stopSupervision':
      return stopSupervision(work, event);
    case 'consult':
      return startConsult(work, event);
    case 'consultComplete':
      return completeConsult(work, event);
    case 'consultCancel':
      return cancelConsult(work, event);
    case 'conference':
      return conference(work, event);
    case 'takeover':
      return takeover(work, event);
    case 'transfer':
      return transfer(work, event);
    case 'assign':
      return assign(work, event);
    case 'end':
      return endByRequest(work, event);
    case 'sentiment':
      call.sentiment = event.value;
      note(work, 'call.sentiment', event.by, { value: event.value });
      return;
    case 'secondCall':
      return;
  }
}

function timer(work: Work, name: string): void {
  if (name === 'wrap-up') return work.call.phase === 'wrap-up' ? close(work) : undefined;
  if (name.startsWith('ring:')) ringTimeout(work, name.slice(5));
}

/** R-HEAR-9: what cannot be put in force ends the supervisions; where there is none the call cannot go on. */
function matrixFailed(work: Work, detail: string): void {
  const attached = openSupervisions(work.call).filter((s) => s.phase.kind !== 'ringing');
  note(work, 'media.failed', null, { detail });
  for (const s of attached) endSupervision(work, s, 'media_failed');
  if (attached.length === 0) endCall(work, 'media_failed');
}

/** After every event: barges rest or go on, the matrix is handed out whole if it differs, and who waits for it waits. */
function finish(work: Work, before: Call): void {
  const { call } = work;
  const consultant = call.consult === null ? undefined : participant(call, call.consult.by);
  if (consultant !== undefined && !isConnected(consultant)) endConsult(work);
  restBarges(work);
  const matrix = hearMatrix(call);
  if (!sameMatrix(matrix, hearMatrix(before))) {
    call.matrixVersion++;
    work.effects.unshift({ type: 'matrix', version: call.matrixVersion, matrix });
  }
  for (const s of call.supervisions) {
    if (s.phase.kind !== 'joining') continue;
    const version = s.phase.version === 0 ? call.matrixVersion : s.phase.version;
    s.phase = { ...s.phase, version };
    if (version > call.confirmedVersion) continue;
    s.phase = { kind: 'active', answeredAt: s.phase.answeredAt };
    note(work, 'supervision.active', s.supervisor.id, { supervision: s.id, mode: s.mode });
  }
}
