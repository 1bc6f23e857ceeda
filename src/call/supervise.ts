/** Supervisions: starting, changing, ending (R-START-*, R-MODE-*, R-EXCL-*). */
import { agentFree, attached, caseOf, demand, notConsulting, notPaused, SWITCH, TABLE, type Case } from './actions.ts';
import { Refusal } from './errors.ts';
import type { Request } from './events.ts';
import {
  connectedAgents,
  customerOf,
  isAgent,
  isConnected,
  isParty,
  newParticipant,
  participant,
  heldBy,
  talksToAgent,
  type Call,
  type Participant,
  type Supervision,
} from './model.ts';
import { endSupervision, note, personIdentity, ring, type Work } from './work.ts';

type Start = Extract<Request, { type: 'supervise' }>;
type Change = Extract<Request, { type: 'changeSupervision' }>;

/** R-START-7: with several agents the target is chosen from a list. */
function targetOf(call: Call, wanted: string): Participant {
  if (wanted === 'customer') {
    const customer = customerOf(call);
    if (customer === undefined || !isConnected(customer)) throw new Refusal('not_found', 'This call has no customer.');
    return customer;
  }
  const agents = connectedAgents(call);
  if (wanted === 'agent') {
    const [only] = agents;
    if (only === undefined) throw new Refusal('not_found', 'No agent is connected to this call.');
    if (agents.length === 1) return only;
    throw new Refusal('choose_target', 'Several agents are on this call. Name one as the target.', {
      choices: agents.map((p) => ({ id: p.id, name: p.name, userId: p.userId, role: p.role })),
    });
  }
  const chosen = participant(call, wanted);
  if (chosen === undefined || !isParty(chosen) || !isConnected(chosen)) {
    throw new Refusal('not_found', 'No such participant is connected to this call.');
  }
  return chosen.aliasOf === null ? chosen : (participant(call, chosen.aliasOf) ?? chosen);
}

/** The same checks in the same order whoever asks: the API, or a phone by its feature code (R-START-9). */
export function startSupervision(work: Work, request: Start): void {
  const { call, context } = work;
  const { by, mode, facts, phone } = request;
  const c = caseOf(call, by, context.policy, facts);
  demand(TABLE[mode], c);
  const target = targetOf(call, request.target);
  if (mode === 'whisper' && !isAgent(target)) {
    throw new Refusal('whisper_to_customer', 'Only an agent can be whispered to.'); // R-HEAR-3
  }
  demand([agentFree(heldBy(call, target.id), mode)], c);
  if (mode === 'barge') demand([notConsulting(target.id)], c);
  if (phone === null) {
    throw new Refusal('no_phone', 'No phone of yours is registered. Register one or name another.');
  }

  const purpose = { kind: 'supervision', supervisionId: request.supervisionId } as const;
  const from = { number: target.address, name: target.name };
  const own =
    phone.kind === 'incoming'
      ? newParticipant(call, { ...personIdentity(by), address: phone.address, role: 'supervisor', purpose })
      : ring(work, phone, {
          role: 'supervisor',
          purpose,
          from,
          seconds: context.policy.ringSeconds,
          autoAnswer: phone.kind === 'user', // R-START-3: a number is picked up by hand
          keys: true,
          person: by,
        });
  call.supervisions.push({
    id: request.supervisionId,
    supervisor: { id: by.userId, name: by.name },
    participantId: own.id,
    target: target.id,
    mode,
    paused: false,
    startedAt: context.now,
    phase: { kind: 'ringing' },
  });
  note(work, 'supervision.started', by.userId, { supervision: request.supervisionId, mode, target: target.id });
}

/** The phone is up: deaf and mute until the engine has confirmed the matrix with it (R-HEAR-9, R-START-2). */
export function supervisorAnswered(work: Work, s: Supervision): void {
  s.phase = { kind: 'joining', answeredAt: work.context.now, version: 0, from: 'ringing' };
  note(work, 'supervision.answered', s.supervisor.id, { supervision: s.id });
}

export function changeSupervision(work: Work, request: Change): void {
  const { call, context } = work;
  const s = call.supervisions.find((one) => one.id === request.supervisionId);
  if (s === undefined) throw new Refusal('not_found', 'No such supervision.');
  if (s.phase.kind === 'ended') throw new Refusal('conflict', 'The supervision has ended.');
  if (s.supervisor.id !== request.by.userId) throw new Refusal('forbidden', 'This is not your supervision.');
  const c: Case = { ...caseOf(call, request.by, context.policy, request.facts), own: s };
  demand([attached], c);
  const paused = request.paused ?? s.paused;
  const mode = request.mode ?? s.mode;
  if (mode !== s.mode) {
    if (mode !== 'listen' && paused) demand([notPaused], { ...c, own: { ...s, paused: true } }); // R-MODE-2
    demand(
      SWITCH[mode].filter((check) => check !== notPaused),
      c,
    );
    const target = participant(call, s.target);
    if (mode === 'whisper' && (target === undefined || !isAgent(target))) {
      throw new Refusal('whisper_to_customer', 'Only an agent can be whispered to.');
    }
    demand([agentFree(heldBy(call, s.target), mode)], c); // R-EXCL-3, 4
  }
  if (paused !== s.paused) {
    s.paused = paused; // R-MODE-1: the mode is kept
    note(work, paused ? 'supervision.paused' : 'supervision.resumed', request.by.userId, { supervision: s.id });
  }
  if (mode !== s.mode) {
    note(work, 'supervision.mode', request.by.userId, { supervision: s.id, from: s.mode, to: mode });
    s.mode = mode;
  }
}

export function stopSupervision(work: Work, request: Extract<Request, { type: 'stopSupervision' }>): void {
  const s = work.call.supervisions.find((one) => one.id === request.supervisionId);
  if (s !== undefined) endSupervision(work, s, request.reason, { by: request.by });
}

/** R-START-8: why the supervisor's phone came to nothing. 487: it had called itself (R-START-9) and gave up. */
export function supervisorFailed(work: Work, s: Supervision, status: number): void {
  if (status === 487) return endSupervision(work, s, 'supervisor_left');
  if (status === 408) return endSupervision(work, s, 'no_answer');
  endSupervision(work, s, status === 486 || status === 600 ? 'phone_busy' : 'phone_declined');
}

/** R-FLOW-1: a barge rests while its agent consults, and goes on by itself afterwards. */
export function restBarges(work: Work): void {
  const { call } = work;
  for (const s of call.supervisions) {
    const consulting = s.mode === 'barge' && call.consult !== null && talksToAgent(call, s.target);
    if ((s.phase.kind === 'active' || s.phase.kind === 'joining') && consulting) {
      s.phase = { kind: 'held', answeredAt: s.phase.answeredAt };
      note(work, 'supervision.held', null, { supervision: s.id });
    } else if (s.phase.kind === 'held' && !consulting) {
      s.phase = { kind: 'joining', answeredAt: s.phase.answeredAt, version: 0, from: 'held' };
      note(work, 'supervision.unheld', null, { supervision: s.id });
    }
  }
}
