/** Calls that phones and trunks make: where they lead, and what is refused at once. */
import { Refusal } from '../call/errors.ts';
import { newCall, newParticipant, type Party, type Person, type Plan } from '../call/model.ts';
import { DIRECT_RING_SECONDS } from '../call/legs.ts';
import { personIdentity } from '../call/work.ts';
import type { House } from './house.ts';
import { errorText } from './log.ts';
import type { IncomingCall } from './ports.ts';
import { route, type Route } from './routing.ts';
import type { QueueConfig } from '../config/schema.ts';

const REASON: Readonly<Record<number, string>> = {
  404: 'Not Found',
  480: 'Temporarily Unavailable',
  486: 'Busy Here',
  503: 'Service Unavailable',
};

/** How the phone codes of R-START-9 and of the agent states are served. */
export interface FeatureCodes {
  supervise(incoming: IncomingCall, by: Person, to: Extract<Route, { kind: 'supervise' }>): void;
  setState(incoming: IncomingCall, by: Person, to: Extract<Route, { kind: 'state' }>): void;
}

export class Incoming {
  readonly #house: House;
  readonly #codes: FeatureCodes;

  constructor(house: House, codes: FeatureCodes) {
    this.#house = house;
    this.#codes = codes;
  }

  onCall(incoming: IncomingCall): void {
    const { source } = incoming;
    const caller = source.kind === 'user' ? this.#house.agents.person(source.userId) : null;
    if (caller === undefined) return incoming.reject(403, 'Forbidden');
    // RFC 3891 section 3: a dialog is replaced by REFER to us, which completes a consult, not by taking it from outside.
    if (incoming.replaces !== undefined && incoming.replaces !== null) return incoming.reject(603, 'Decline');
    const to = route(this.#house.directory, source.kind, incoming.dialled);
    switch (to.kind) {
      case 'none':
        return incoming.reject(to.status, to.reason);
      case 'supervise':
        return caller === null ? refuse(incoming, 404) : this.#codes.supervise(incoming, caller, to);
      case 'state':
        return caller === null ? refuse(incoming, 404) : this.#codes.setState(incoming, caller, to);
      case 'queue':
        return this.#toQueue(incoming, caller, to.queue);
      case 'user':
        return this.#direct(incoming, caller, { kind: 'user', person: this.#house.agents.person(to.user.id)! });
      case 'number':
        return this.#direct(incoming, caller, { kind: 'number', number: to.number, trunkId: to.trunkId });
    }
  }

  #toQueue(incoming: IncomingCall, caller: Person | null, queue: QueueConfig): void {
    const house = this.#house;
    if (caller !== null && house.registry.conversationOf(caller.userId) !== undefined) {
      const person = house.agents.longestAvailable(queue.team, queue.units);
      return person === undefined ? refuse(incoming, 480) : this.#direct(incoming, caller, { kind: 'user', person });
    }
    const from = callerOf(incoming, caller);
    const call = newCall({
      id: house.newId(),
      direction: caller === null ? 'inbound' : 'internal',
      queue: house.directory.queue(queue),
      plan: { kind: 'queue' },
      customer: { number: from.address, name: from.name },
      units: queue.units,
      now: house.now(),
    });
    const { id } = newParticipant(call, { ...from, role: 'customer', purpose: { kind: 'caller' } });
    house.open(call, { incoming, leg: id, keys: false, begin: true });
  }

  #direct(incoming: IncomingCall, caller: Person | null, to: Party): void {
    const house = this.#house;
    const first = caller === null ? undefined : house.registry.conversationOf(caller.userId);
    const status = unreachable(to, caller);
    if (status !== null) return refuse(incoming, status);
    if (caller !== null && first !== undefined) {
      try {
        first.perform({ type: 'secondCall', by: caller, to });
      } catch (error) {
        if (!(error instanceof Refusal)) throw error;
        house.log('info', `second call of ${caller.userId}: ${errorText(error)}`);
        return refuse(incoming, 486);
      }
      const leg = first.state.consult!.leg;
      first.receive(leg, incoming, { keys: false, begin: false });
      return;
    }
    const from = callerOf(incoming, caller);
    const plan: Plan = { kind: 'dial', party: to, ringSeconds: DIRECT_RING_SECONDS };
    const called =
      to.kind === 'user'
        ? { number: to.person.extension, name: to.person.name }
        : { number: to.number, name: to.number };
    const call = newCall({
      id: house.newId(),
      direction: caller === null ? 'inbound' : to.kind === 'user' ? 'internal' : 'outbound',
      queue: null,
      plan,
      customer: caller === null ? { number: from.address, name: from.name } : called,
      units: 1,
      now: house.now(),
    });
    const { id } = newParticipant(call, {
      ...from,
      role: caller === null ? 'customer' : 'agent',
      purpose: { kind: 'caller' },
    });
    house.open(call, { incoming, leg: id, keys: false, begin: true });
  }
}

function refuse(incoming: IncomingCall, status: number): void {
  incoming.reject(status, REASON[status] ?? 'Refused');
}

/** 480 where no phone is registered, 486 where the person is on a call or being rung. */
function unreachable(to: Party, caller: Person | null): number | null {
  if (to.kind === 'number') return null;
  const { person } = to;
  if (!person.registered) return 480;
  if (person.userId === caller?.userId || person.state === 'on-call' || person.state === 'ringing') return 486;
  return null;
}

function callerOf(incoming: IncomingCall, caller: Person | null) {
  if (caller !== null) return personIdentity(caller);
  const number = incoming.from.number === '' ? 'anonymous' : incoming.from.number;
  const name = incoming.from.name === '' ? number : incoming.from.name;
  return { userId: null, team: null, bot: false, name, address: number };
}
