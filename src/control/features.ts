/** What phones ask for by what they dial: supervision and own state (R-START-9), transfer by REFER. */
import { Refusal } from '../call/errors.ts';
import type { TransferTarget } from '../call/events.ts';
import { participant, type Person } from '../call/model.ts';
import type { CallController } from './controller.ts';
import { teamsOf } from './directory.ts';
import type { House } from './house.ts';
import type { FeatureCodes } from './incoming.ts';
import { detached } from './log.ts';
import { LegFailure, type IncomingCall, type ReferRequest } from './ports.ts';
import { speak, spokenRefusal } from './prompts.ts';
import { route, type Route } from './routing.ts';
import { seesUser } from './visibility.ts';

export class Features implements FeatureCodes {
  readonly #house: House;

  constructor(house: House) {
    this.#house = house;
  }

  /** The feature code and the agent's extension: the same checks and the same code as the API. */
  supervise(incoming: IncomingCall, by: Person, to: Extract<Route, { kind: 'supervise' }>): void {
    const house = this.#house;
    try {
      const controller = this.#callOf(by, to);
      const target = controller.state.participants.find((p) => p.userId === to.agent.id && p.leg.kind === 'connected');
      const supervisionId = house.newId();
      controller.perform({
        type: 'supervise',
        by,
        supervisionId,
        mode: to.mode,
        target: target?.id ?? 'agent',
        phone: { kind: 'incoming', address: by.extension },
        facts: house.facts(by),
      });
      const leg = controller.state.supervisions.find((s) => s.id === supervisionId)!.participantId;
      controller.receive(leg, incoming, { keys: true, begin: false });
      controller.line(leg)?.answer();
    } catch (error) {
      if (!(error instanceof Refusal)) throw error;
      const [status, prompt] = spokenRefusal(error.code);
      const refusal = { status, reason: error.message };
      detached(house.log, 'spoken refusal', speak(house, incoming, prompt, refusal));
    }
  }

  #callOf(by: Person, to: Extract<Route, { kind: 'supervise' }>): CallController {
    if (by.role === 'agent') throw new Refusal('forbidden', 'Only supervisors may do this.');
    if (!seesUser(by, { id: to.agent.id, role: to.agent.role, teams: teamsOf(to.agent) })) {
      throw new Refusal('not_found', 'No such agent.');
    }
    const controller = this.#house.registry.conversationOf(to.agent.id);
    if (controller === undefined) throw new Refusal('call_not_monitorable', 'This agent has no call.');
    return controller;
  }

  setState(incoming: IncomingCall, by: Person, to: Extract<Route, { kind: 'state' }>): void {
    const { state } = to;
    this.#house.agents.wish(by.userId, state, null);
    const prompt = state === 'available' || state === 'away' ? state : 'offline';
    detached(this.#house.log, 'prompt', speak(this.#house, incoming, prompt, null));
  }

  /** REFER (RFC 3515): with Replaces it completes the phone's consult (RFC 3891), without it is a blind transfer. */
  refer(controller: CallController, leg: string, refer: ReferRequest): void {
    try {
      controller.perform({ type: 'refer', leg, to: this.#referTarget(controller, leg, refer) });
    } catch (error) {
      if (error instanceof Refusal) throw new LegFailure(error.code === 'not_available' ? 480 : 403, error.message);
      throw error;
    }
  }

  #referTarget(controller: CallController, leg: string, refer: ReferRequest): TransferTarget | 'consulted' {
    const house = this.#house;
    const p = participant(controller.state, leg);
    if (refer.replaces !== null) {
      const { callId } = refer.replaces;
      const own = controller.state.participants.filter((o) => o.userId === p?.userId && o.id !== leg);
      if (own.some((o) => controller.line(o.id)?.sipCallId === callId)) return 'consulted';
      throw new LegFailure(481, 'Call/Transaction Does Not Exist');
    }
    const to = route(house.directory, 'user', refer.to);
    if (to.kind === 'queue') return { kind: 'queue', queue: house.directory.queue(to.queue) };
    if (to.kind === 'number') return { kind: 'party', party: { ...to } };
    if (to.kind !== 'user') throw new LegFailure(404, 'Not Found');
    const person = house.agents.person(to.user.id)!;
    if (!person.registered) throw new LegFailure(480, 'Temporarily Unavailable');
    if (person.state === 'on-call' || person.state === 'ringing') throw new LegFailure(486, 'Busy Here');
    return { kind: 'party', party: { kind: 'user', person } };
  }
}
