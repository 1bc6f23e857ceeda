/** Supervisions as the API and the phones ask for them. The rules are in src/call; here they are given their facts. */
import { Refusal } from '../call/errors.ts';
import {
  connectedAgents,
  isPhoneKind,
  isRinging,
  participant,
  supervisionOf,
  type Party,
  type Person,
} from '../call/model.ts';
import { supervisionView } from '../call/view.ts';
import type { Mode, SupervisionView } from '../call/views.ts';
import type { CallController } from './controller.ts';
import type { House } from './house.ts';
import { errorText } from './log.ts';
import type { Actor, StartSupervision } from './service.ts';

export class Supervising {
  readonly #house: House;

  constructor(house: House) {
    this.#house = house;
  }

  list(actor: Actor): SupervisionView[] {
    const person = this.#house.person(actor);
    return this.#house.registry
      .openSupervisions()
      .filter(({ call }) => this.#house.sight(person, call) === 'full')
      .map(({ call, supervision }) => supervisionView(call, supervision));
  }

  get(actor: Actor, id: string): SupervisionView {
    const { call, supervision } = this.#find(this.#house.person(actor), id);
    return supervisionView(call, supervision);
  }

  #find(person: Person, id: string) {
    const found = this.#house.registry.supervision(id);
    if (found === undefined || this.#house.sight(person, found.call) !== 'full') {
      throw new Refusal('not_found', 'No such supervision.');
    }
    return found;
  }

  async start(actor: Actor, callId: string, request: StartSupervision): Promise<SupervisionView> {
    const house = this.#house;
    const by = house.person(actor);
    const controller = superviseable(house, by, callId);
    const supervisionId = house.newId();
    // Checked and held in one breath, so that of several at the same moment one wins (R-EXCL-2).
    controller.perform({
      type: 'supervise',
      by,
      supervisionId,
      mode: request.mode,
      // A call that waits for an agent is listened to by its customer.
      target: request.target ?? (connectedAgents(controller.state).length === 0 ? 'customer' : 'agent'),
      phone: this.phone(by, request.phone),
      facts: house.facts(by),
    });
    const leg = controller.state.supervisions.find((s) => s.id === supervisionId)!.participantId;
    await rung(controller, leg);
    return this.get(actor, supervisionId);
  }

  /** The own phones, those of one kind, or another one named by extension or number; null: it is not registered. */
  phone(by: Person, wanted: string | undefined): Party | null {
    if (wanted === undefined || isPhoneKind(wanted)) return this.#house.ownPhone(by, wanted);
    const party = this.#house.party(wanted);
    if (party === null) throw new Refusal('invalid_request', `No phone can be reached by "${wanted}".`);
    return party.kind === 'user' && !party.person.registered ? null : party;
  }

  async change(actor: Actor, id: string, change: { mode?: Mode; paused?: boolean }): Promise<SupervisionView> {
    const house = this.#house;
    const by = house.person(actor);
    const { call } = this.#find(by, id);
    const controller = house.registry.controller(call.id);
    if (controller === undefined) throw new Refusal('conflict', 'The supervision has ended.');
    controller.perform({ type: 'changeSupervision', by, supervisionId: id, facts: house.facts(by), ...change });
    await controller.confirmed();
    return this.get(actor, id);
  }

  stop(actor: Actor, id: string): SupervisionView {
    const by = this.#house.person(actor);
    const { call, supervision } = this.#find(by, id);
    if (supervision.supervisor.id !== by.userId && by.role !== 'admin') {
      throw new Refusal('forbidden', 'This is not your supervision.');
    }
    const controller = this.#house.registry.controller(call.id);
    controller?.post({ type: 'stopSupervision', supervisionId: id, reason: 'stopped', by: by.userId });
    return this.get(actor, id);
  }

  /** Keys of a supervisor's phone: 1 listen, 2 whisper, 3 barge, 0 pause and resume, # end (R-START-9). */
  key(controller: CallController, leg: string, digit: string): void {
    const s = supervisionOf(controller.state, leg);
    const p = participant(controller.state, leg);
    if (s === undefined || p === undefined || isRinging(p)) return;
    const by = this.#house.agents.person(s.supervisor.id);
    if (by === undefined) return;
    if (digit === '#') {
      controller.post({ type: 'stopSupervision', supervisionId: s.id, reason: 'stopped', by: by.userId });
      return;
    }
    const mode = KEYS[digit];
    if (mode === undefined && digit !== '0') return;
    const change = mode === undefined ? { paused: !s.paused } : { mode };
    try {
      controller.perform({
        type: 'changeSupervision',
        by,
        supervisionId: s.id,
        facts: this.#house.facts(by),
        ...change,
      });
    } catch (error) {
      if (!(error instanceof Refusal)) throw error;
      this.#house.log('info', `key ${digit} of ${by.userId}: ${errorText(error)}`);
    }
  }
}

const KEYS: Readonly<Record<string, Mode>> = { '1': 'listen', '2': 'whisper', '3': 'barge' };

/** A call that may be supervised, asked for by its id: what is over is there, but cannot be supervised. */
export function superviseable(house: House, by: Person, callId: string): CallController {
  const call = house.visibleCall(by, callId);
  if (by.role === 'agent') throw new Refusal('forbidden', 'Only supervisors may do this.');
  const controller = house.registry.controller(callId);
  if (controller === undefined) {
    throw new Refusal('call_not_monitorable', 'The call is over.', { state: call.phase });
  }
  return controller;
}

/** Waits until the phone of a leg is being rung. */
export async function rung(controller: CallController, leg: string): Promise<void> {
  try {
    await controller.line(leg)?.placed;
  } catch (error) {
    throw new Refusal('media_unavailable', `The phone could not be rung: ${errorText(error)}`);
  }
}
