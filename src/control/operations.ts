/** What agents do with their own calls, and presence. */
import { Refusal } from '../call/errors.ts';
import { DIRECT_RING_SECONDS } from '../call/legs.ts';
import { newCall, type Party, type PhoneKind } from '../call/model.ts';
import { addressOf, nameOf } from '../call/work.ts';
import type { AgentState, CallView, UserView } from '../call/views.ts';
import type { House } from './house.ts';
import { teamsOf } from './directory.ts';
import type { Actor } from './service.ts';
import { rung } from './supervising.ts';
import { seesUser } from './visibility.ts';

export class Operations {
  readonly #house: House;

  constructor(house: House) {
    this.#house = house;
  }

  setAgentState(actor: Actor, agentId: string, state: AgentState, reason?: string): UserView {
    const house = this.#house;
    this.#demandAuthority(actor, agentId);
    house.agents.wish(agentId, state, reason ?? null);
    if (state === 'available') this.#endWrapUps(agentId);
    return house.userView(agentId);
  }

  /** An agent who is available again has finished the wrap-up, and so has the call. */
  #endWrapUps(agentId: string): void {
    for (const controller of [...this.#house.registry.live]) {
      const { phase, participants } = controller.state;
      if (phase !== 'wrap-up' || !participants.some((p) => p.userId === agentId && p.role !== 'supervisor')) continue;
      controller.post({ type: 'timer', name: 'wrap-up' });
    }
  }

  /** The agent, a supervisor of the agent's team, or an admin; for everyone else the agent does not exist. */
  #demandAuthority(actor: Actor, agentId: string): void {
    const by = this.#house.person(actor);
    const entry = this.#house.agents.entry(agentId);
    if (entry === undefined || !seesUser(by, { id: agentId, role: entry.user.role, teams: teamsOf(entry.user) })) {
      throw new Refusal('not_found', 'No such user.');
    }
    if (by.userId !== agentId && (by.role === 'agent' || entry.user.role !== 'agent') && by.role !== 'admin') {
      throw new Refusal('forbidden', 'This is for the person, a supervisor of the team, or an admin.');
    }
  }

  /** Click to dial: the agent's phone first, which answers by itself if it can, then the number. */
  async dial(actor: Actor, agentId: string, to: string, only?: PhoneKind): Promise<CallView> {
    const house = this.#house;
    this.#demandAuthority(actor, agentId);
    const agent = house.agents.person(agentId)!;
    const phone = house.ownPhone(agent, only);
    if (phone === null) throw new Refusal('no_phone', `${agent.name} has no such phone registered.`);
    if (agent.state === 'on-call' || agent.state === 'ringing') {
      throw new Refusal('not_available', `${agent.name} is "${agent.state}".`, { state: agent.state });
    }
    const party = this.#party(to, agentId);
    const call = newCall({
      id: house.newId(),
      direction: party.kind === 'user' ? 'internal' : 'outbound',
      queue: null,
      plan: { kind: 'dial', party, ringSeconds: DIRECT_RING_SECONDS },
      customer: { number: addressOf(party), name: nameOf(party) },
      units: 1,
      now: house.now(),
    });
    const controller = house.open(call);
    controller.perform({ type: 'start', to: phone });
    await rung(controller, controller.state.participants[0]!.id);
    return house.callView(house.person(actor), controller.state);
  }

  #party(to: string, agentId: string): Party {
    const party = this.#house.party(to);
    if (party === null)
      throw new Refusal('invalid_request', `"${to}" is neither an extension nor a number that leads out.`);
    if (party.kind === 'user' && party.person.userId === agentId) {
      throw new Refusal('invalid_request', 'Nobody can call themselves.');
    }
    if (party.kind === 'user' && !party.person.registered) {
      throw new Refusal('not_available', `${party.person.name} cannot be reached now.`, { state: party.person.state });
    }
    return party;
  }

  /** hold and resume answer when the change is audible. */
  async hold(actor: Actor, callId: string, type: 'hold' | 'resume'): Promise<CallView> {
    const house = this.#house;
    const by = house.person(actor);
    const controller = house.liveCall(by, callId);
    controller.perform({ type, by });
    await controller.confirmed();
    return house.callView(by, controller.state);
  }

  hangup(actor: Actor, callId: string): CallView {
    const house = this.#house;
    const by = house.person(actor);
    const controller = house.liveCall(by, callId);
    controller.perform({ type: 'hangup', by });
    return house.callView(by, controller.state);
  }
}
