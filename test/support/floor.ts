/**
 * A call-centre floor for a test: Earshot, its phones and its customers, each with a tone of its own. Everything that
 * was opened on it is closed with it, and what any peer found wrong fails the test.
 */
import { Baresip } from './baresip.ts';
import type { ApiClient } from './api-client.ts';
import type { CallView, SupervisionView } from '../../src/call/views.ts';
import type { G711 } from './g711.ts';
import { assertNoChildren } from './process.ts';
import { DOMAIN, Earshot } from './server.ts';
import type { EarshotOptions, PersonId } from './server.ts';
import type { SippCall } from './sipp/call.ts';
import { SippCaller, SippPhone } from './sipp/phone.ts';
import { TONES } from './tones.ts';
import { until } from './until.ts';

export interface PhoneKind {
  readonly codec?: G711;
  readonly transport?: 'udp' | 'tcp';
  readonly answersByItself?: boolean;
  readonly registersFrom?: number;
  /** Tone and name; default the person's part: `agent`, `supervisor`, `second`. */
  readonly as?: keyof typeof TONES;
}

export interface CustomerKind {
  readonly to?: string;
  readonly from?: string;
  readonly codec?: G711;
  readonly offer?: readonly G711[];
  readonly lateOffer?: boolean;
  readonly as?: keyof typeof TONES;
  /** Where it sends: default Earshot, else a proxy before it. */
  readonly sipPort?: number;
}

const PARTS: Readonly<Record<PersonId, keyof typeof TONES>> = {
  alice: 'agent',
  bob: 'second',
  carol: 'third',
  sam: 'supervisor',
  sue: 'second',
  root: 'third',
};

export const QUEUE = '8000';
export const CUSTOMER_NUMBER = '+442071234567';

/** A customer and an agent in conversation. */
export interface Conversation {
  readonly customer: SippCaller;
  readonly agent: SippPhone;
  /** The agent's side of it. */
  readonly leg: SippCall;
  readonly callId: string;
}

export class Floor {
  readonly earshot: Earshot;
  readonly #open: { close(): Promise<void> | void }[] = [];

  private constructor(earshot: Earshot) {
    this.earshot = earshot;
  }

  static async open(options: EarshotOptions = {}): Promise<Floor> {
    return new Floor(await Earshot.start(options));
  }

  api(id: string): ApiClient {
    return this.earshot.client(id);
  }

  /** A desk phone (sipp), registered; an agent is available then. */
  async phone(id: PersonId, kind: PhoneKind = {}): Promise<SippPhone> {
    const name = kind.as ?? PARTS[id];
    const phone = await SippPhone.register({
      name,
      hz: TONES[name],
      person: this.earshot.person(id),
      domain: DOMAIN,
      sipPort: this.earshot.sipPort,
      ...kind,
    });
    return this.keep(phone);
  }

  /** A softphone (baresip), registered. */
  async softphone(id: PersonId, answerMode: 'auto' | 'manual', codec: G711 = 'PCMU'): Promise<Baresip> {
    const name = PARTS[id];
    const phone = await Baresip.register({
      name,
      hz: TONES[name],
      person: this.earshot.person(id),
      domain: DOMAIN,
      sipPort: this.earshot.sipPort,
      answerMode,
      codec,
    });
    return this.keep(phone);
  }

  /** A call from the trunk; the INVITE is on its way. */
  async customer(kind: CustomerKind = {}): Promise<SippCaller> {
    const name = kind.as ?? 'customer';
    const caller = await SippCaller.dial({
      name,
      hz: TONES[name],
      domain: DOMAIN,
      sipPort: this.earshot.sipPort,
      to: QUEUE,
      from: CUSTOMER_NUMBER,
      ...kind,
    });
    return this.keep(caller);
  }

  /** A call from a user's own line, proved by digest. */
  async userCall(id: PersonId, to: string, kind: PhoneKind = {}): Promise<SippCaller> {
    const name = kind.as ?? PARTS[id];
    const person = this.earshot.person(id);
    const caller = await SippCaller.dial({
      name,
      hz: TONES[name],
      domain: DOMAIN,
      sipPort: this.earshot.sipPort,
      to,
      from: person.extension,
      password: person.password,
      ...kind,
    });
    return this.keep(caller);
  }

  /** Closes something with the floor, the last opened first. */
  keep<T extends { close(): Promise<void> | void }>(peer: T): T {
    this.#open.unshift(peer);
    return peer;
  }

  /** A customer talks to alice, through the queue. */
  async conversation(customerKind: CustomerKind = {}, agentKind: PhoneKind = {}): Promise<Conversation> {
    const agent = await this.phone('alice', agentKind);
    const customer = await this.customer(customerKind);
    const leg = await agent.nextCall();
    await leg.answer();
    await customer.call.step('answered');
    const call = await this.liveCall((view) => view.state === 'active' && view.agent?.id === 'alice');
    return { customer, agent, leg, callId: call.id };
  }

  /** The live call that fits, seen with an administrator's eyes. */
  liveCall(wanted: (call: CallView) => boolean): Promise<CallView> {
    return until('a live call that fits', async () => (await this.api('root').calls()).find(wanted));
  }

  /** Waits until the agent can talk to the one who is consulted: the phone has answered, and its audio is connected. */
  consulting(callId: string): Promise<CallView> {
    return this.liveCall(
      ({ id, participants }) =>
        id === callId && participants.some(({ role, state }) => role === 'consulted' && state === 'connected'),
    );
  }

  /** Waits until a supervision has come to a state. */
  supervision(id: string, state: SupervisionView['state']): Promise<SupervisionView> {
    return until(`supervision ${state}`, async () => {
      const view = await this.api('root').supervision(id);
      if (view.state === state) return view;
      throw new Error(`it is ${view.state} (${view.endReason ?? 'no end reason'})`);
    });
  }

  /** Hangs up and unregisters all phones; the server stays. Throws what any of them found wrong. */
  async clear(): Promise<void> {
    const faults: unknown[] = [];
    for (const peer of this.#open.splice(0)) {
      try {
        await peer.close();
      } catch (error) {
        faults.push(error);
      }
    }
    await until('all calls to end', async () => (await this.api('root').calls()).length === 0).catch(
      (error: unknown) => void faults.push(error),
    );
    if (faults.length > 0) throw new AggregateError(faults, faults.map(String).join('\n'));
  }

  async close(): Promise<void> {
    try {
      await this.clear();
    } finally {
      await this.earshot.stop();
      assertNoChildren();
    }
  }
}
