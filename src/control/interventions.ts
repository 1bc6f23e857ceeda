/** Consult, conference, and what supervisors do with a call (R-ACT-1 to 5). */
import { Refusal } from '../call/errors.ts';
import type { CallEvent, TransferTarget } from '../call/events.ts';
import { isRinging, type Party, type Person, type PhoneKind } from '../call/model.ts';
import type { CallView } from '../call/views.ts';
import type { CallController } from './controller.ts';
import type { House } from './house.ts';
import type { Actor, Assigned, Destination } from './service.ts';
import { rung, type Supervising } from './supervising.ts';

export class Interventions {
  readonly #house: House;
  readonly #supervising: Supervising;

  constructor(house: House, supervising: Supervising) {
    this.#house = house;
    this.#supervising = supervising;
  }

  /** Resolves once the other phone is being rung. */
  async consult(actor: Actor, callId: string, to: Destination): Promise<CallView> {
    const { by, controller } = this.#call(actor, callId);
    const target = this.#target(to);
    const party = target.kind === 'queue' ? this.#agentOf(target.queue.team) : target.party;
    controller.perform({ type: 'consult', by, to: party, facts: this.#house.facts(by) });
    return await this.#rung(by, controller);
  }

  #agentOf(team: string): Party {
    const person = this.#house.agents.longestAvailable(team, 1);
    if (person === undefined) throw new Refusal('not_available', 'No agent of this queue is available.');
    return { kind: 'user', person };
  }

  /** Resolves when the change is audible. */
  async operate(actor: Actor, callId: string, type: 'consultComplete' | 'consultCancel' | 'conference') {
    const { by, controller } = this.#call(actor, callId);
    return await this.#audible(by, controller, { type, by });
  }

  async takeover(actor: Actor, callId: string, wanted?: PhoneKind): Promise<CallView> {
    const { by, controller } = this.#call(actor, callId);
    const phone = this.#supervising.phone(by, wanted);
    const event = { type: 'takeover', by, phone, facts: this.#house.facts(by) } as const;
    const fresh = !controller.state.supervisions.some((s) => s.supervisor.id === by.userId && s.phase.kind !== 'ended');
    if (!fresh) return await this.#audible(by, controller, event);
    controller.perform(event);
    return await this.#rung(by, controller);
  }

  async transfer(actor: Actor, callId: string, to: Destination): Promise<CallView> {
    const { by, controller } = this.#call(actor, callId);
    controller.perform({ type: 'transfer', by, to: this.#target(to), facts: this.#house.facts(by) });
    return await this.#rung(by, controller);
  }

  async assign(actor: Actor, callId: string, to: Destination, override: boolean): Promise<Assigned> {
    const { by, controller } = this.#call(actor, callId);
    const target = this.#target(to);
    const agent = target.kind === 'party' && target.party.kind === 'user' ? target.party.person.userId : null;
    const excess = agent === null ? 0 : this.#house.agents.excess(agent, controller.state.units);
    controller.perform({ type: 'assign', by, to: target, override, excess });
    return { ...(await this.#rung(by, controller)), excess };
  }

  end(actor: Actor, callId: string): CallView {
    const { by, controller } = this.#call(actor, callId);
    controller.perform({ type: 'end', by });
    return this.#house.callView(by, controller.state);
  }

  /** R-SEE-6: by an outside service, which acts as a user with the permission to listen. */
  setSentiment(actor: Actor, callId: string, value: number | null): CallView {
    const { by, controller } = this.#call(actor, callId);
    if (by.role !== 'admin' && !by.permissions.includes('listen')) {
      throw new Refusal('forbidden', 'This needs the permission "listen".', { permission: 'listen' });
    }
    if (value !== null && !(value >= -1 && value <= 1)) {
      throw new Refusal('invalid_request', 'A sentiment lies between -1 and 1.');
    }
    controller.perform({ type: 'sentiment', by: by.userId, value });
    return this.#house.callView(by, controller.state);
  }

  #call(actor: Actor, callId: string): { by: Person; controller: CallController } {
    const by = this.#house.person(actor);
    return { by, controller: this.#house.liveCall(by, callId) };
  }

  async #audible(by: Person, controller: CallController, event: CallEvent): Promise<CallView> {
    controller.perform(event);
    if (controller.state.phase !== 'closed') await controller.confirmed();
    return this.#house.callView(by, controller.state);
  }

  /** Answers once the newest leg, if it is one that is rung, has been placed. */
  async #rung(by: Person, controller: CallController): Promise<CallView> {
    const newest = controller.state.participants.at(-1);
    if (newest !== undefined && isRinging(newest)) await rung(controller, newest.id);
    return this.#house.callView(by, controller.state);
  }

  #target(to: Destination): TransferTarget {
    const house = this.#house;
    if ('queue' in to) {
      const queue = house.directory.queues.get(to.queue);
      if (queue === undefined) throw new Refusal('not_found', 'No such queue.');
      return { kind: 'queue', queue: house.directory.queue(queue) };
    }
    if ('agent' in to) {
      const person = house.agents.person(to.agent);
      if (person === undefined) throw new Refusal('not_found', 'No such agent.');
      return { kind: 'party', party: { kind: 'user', person } };
    }
    const queue = house.directory.queueByNumber(to.number);
    if (queue !== undefined) return { kind: 'queue', queue: house.directory.queue(queue) };
    const party = house.party(to.number);
    if (party === null) {
      throw new Refusal('invalid_request', `"${to.number}" is neither an extension nor a number that leads out.`);
    }
    return { kind: 'party', party };
  }
}
