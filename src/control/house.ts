/** What the parts of the controller share: directory, presence, registry, queues, events, ports. */
import { randomUUID } from 'node:crypto';
import type { MediaEngine, PeerKind, PlaySource } from '../../media/engine.ts';
import { Refusal } from '../call/errors.ts';
import type { Effect, SupervisorFacts } from '../call/events.ts';
import {
  connectedAgents,
  isLive,
  type Call,
  type Context,
  type Party,
  type Person,
  type PhoneKind,
} from '../call/model.ts';
import { callView, supervisionView } from '../call/view.ts';
import type { CallView, QueueView, SupervisionView, UserView } from '../call/views.ts';
import type { Config } from '../config/schema.ts';
import { Agents } from './agents.ts';
import { EventBus } from './bus.ts';
import { CallController, type CallHost } from './controller.ts';
import { Directory, teamsOf } from './directory.ts';
import { errorText, type Log } from './log.ts';
import type { Clock, IncomingCall, Journal, ReferRequest, Signalling } from './ports.ts';
import { Queues } from './queues.ts';
import { Registry } from './registry.ts';
import { route } from './routing.ts';
import type { Actor } from './service.ts';
import { seesUser, sight, teamsOfCall, type Sight } from './visibility.ts';

export interface HouseOptions {
  readonly config: Config;
  readonly signalling: Signalling;
  readonly media: MediaEngine;
  readonly clock: Clock;
  readonly log: Log;
  readonly journal?: Journal;
}

/** What phones ask for inside a call; the house hands it to whoever knows. */
export interface PhoneRequests {
  key(call: CallController, leg: string, digit: string): void;
  refer(call: CallController, leg: string, refer: ReferRequest): void;
}

/** A short tone every 15 seconds. */
const TONE: PlaySource = { kind: 'tone', hz: [1400], onMs: 200, offMs: 14_800, loop: true };
const sound = (path: string): PlaySource => ({ kind: 'file', path });

export class House implements CallHost {
  readonly directory: Directory;
  readonly agents: Agents;
  readonly registry = new Registry();
  readonly queues: Queues;
  readonly bus = new EventBus();
  readonly signalling: Signalling;
  readonly media: MediaEngine;
  readonly clock: Clock;
  readonly log: Log;
  readonly #journal: Journal | undefined;
  readonly disclosure: CallHost['disclosure'];
  phones: PhoneRequests = { key: () => undefined, refer: () => undefined };

  constructor(options: HouseOptions) {
    this.directory = new Directory(options.config);
    this.signalling = options.signalling;
    this.media = options.media;
    this.clock = options.clock;
    this.log = options.log;
    this.#journal = options.journal;
    const { disclosure, disclosureSound } = options.config.policy;
    this.disclosure = { to: disclosure, sound: disclosureSound === undefined ? TONE : sound(disclosureSound) };
    this.agents = new Agents(this.directory, options.clock, (userId) => this.#userChanged(userId));
    this.queues = new Queues(this.directory, this.registry, this.agents, {
      now: () => this.now(),
      changed: (view) => this.#queueChanged(view),
    });
  }

  now(): number {
    return this.clock.now();
  }

  at(): string {
    return new Date(this.now()).toISOString();
  }

  context(): Context {
    return { now: this.now(), policy: this.directory.policy };
  }

  key(call: CallController, leg: string, digit: string): void {
    this.phones.key(call, leg, digit);
  }

  refer(call: CallController, leg: string, refer: ReferRequest): void {
    this.phones.refer(call, leg, refer);
  }

  /** A person with a phone in the browser and one on the desk is rung at both, unless one of them is wanted. */
  speaks(userId: string, only?: PhoneKind): PeerKind | 'either' {
    const browser = only !== 'desk' && this.has(userId, 'browser');
    const desk = only !== 'browser' && this.has(userId, 'desk');
    return browser && desk ? 'either' : browser ? 'webrtc' : 'rtp';
  }

  /** Whether a phone of this kind is registered. */
  has(userId: string, kind: PhoneKind): boolean {
    const contacts = this.agents.entry(userId)?.contacts ?? [];
    return contacts.some(({ transport }) => (transport === 'ws' || transport === 'wss') === (kind === 'browser'));
  }

  /** A person at all their phones, or those of one kind; null where none is registered. */
  ownPhone(person: Person, only?: PhoneKind): Party | null {
    if (only === undefined) return person.registered ? { kind: 'user', person } : null;
    return this.has(person.userId, only) ? { kind: 'user', person, only } : null;
  }

  /** The person asking. A user who has gone from the directory may do nothing. */
  person(actor: Actor): Person {
    const person = this.agents.person(actor.userId);
    if (person === undefined) throw new Refusal('unauthorized', 'This user does not exist any more.');
    return person;
  }

  facts(person: Person): SupervisorFacts {
    const open = this.registry.openSupervisions();
    return {
      supervising: open.some(({ supervision }) => supervision.supervisor.id === person.userId),
      holders: this.registry.holders(),
    };
  }

  /** A call that the person may see; for everyone else it does not exist. */
  visibleCall(person: Person, callId: string): Call {
    const call = this.registry.state(callId);
    if (call === undefined || this.sight(person, call) === null) throw new Refusal('not_found', 'No such call.');
    return call;
  }

  /** The same, still going on. */
  liveCall(person: Person, callId: string): CallController {
    this.visibleCall(person, callId);
    const controller = this.registry.controller(callId);
    if (controller === undefined) throw new Refusal('conflict', 'The call has ended.');
    return controller;
  }

  sight(person: Person, call: Call): Sight {
    return sight(person, call, this.directory.config.policy.showSupervision === 'everyone');
  }

  callView(person: Person, call: Call, facts = this.facts(person)): CallView {
    return callView(call, this.now(), {
      asking: { person, policy: this.directory.policy, facts },
      supervisors: this.sight(person, call) === 'full',
    });
  }

  userView(userId: string): UserView {
    const entry = this.agents.entry(userId)!;
    const { user } = entry;
    return {
      id: user.id,
      name: user.name,
      role: user.role,
      team: user.team ?? null,
      teams: teamsOf(user),
      extension: user.extension,
      state: entry.state,
      stateSince: new Date(entry.since).toISOString(),
      stateReason: this.agents.reason(entry),
      calls: this.registry.callsOf(userId).map((c) => c.id),
      contacts: entry.contacts,
    };
  }

  /** Someone to be rung, from what a person has dialled or named. */
  party(number: string): Party | null {
    const to = route(this.directory, 'user', number);
    if (to.kind === 'user') return { kind: 'user', person: this.agents.person(to.user.id)! };
    return to.kind === 'number' ? { kind: 'number', number: to.number, trunkId: to.trunkId } : null;
  }

  newId(): string {
    return randomUUID();
  }

  /** Puts a new call to work, optionally with the phone that has made it. */
  open(state: Call, caller?: { incoming: IncomingCall; leg: string; keys: boolean; begin: boolean }): CallController {
    const controller = new CallController(this, state);
    this.registry.add(controller);
    this.#occupy(this.registry.note(controller));
    this.#enter(controller.id, 'call.created', null, { direction: state.direction, queue: state.queue?.id ?? null });
    this.#publishCall('call.created', state);
    this.queues.touch();
    if (caller !== undefined) {
      controller.receive(caller.leg, caller.incoming, { keys: caller.keys, begin: caller.begin });
    }
    return controller;
  }

  stepped(controller: CallController, before: Call, effects: readonly Effect[]): void {
    const call = controller.state;
    for (const effect of effects) {
      if (effect.type === 'note') this.#enter(call.id, effect.entry, effect.by, effect.data);
      else if (effect.type === 'offerFailed') this.agents.setAway(effect.userId, effect.outcome);
      else if (effect.type === 'wrapUp') this.agents.startWrapUp(effect.userId, effect.seconds);
      else if (effect.type === 'needAgent') this.queues.wake();
    }
    this.#occupy(this.registry.note(controller));
    this.#publishSupervisions(before, call);
    if (call.phase === 'closed' && before.phase !== 'closed') this.#closed(call);
    else if (effects.some((e) => e.type === 'note')) this.#publishUpdate(before, call);
    if (touchesQueue(before, call)) this.queues.touch();
  }

  #closed(call: Call): void {
    this.#publishCall('call.closed', call);
    this.#write({ kind: 'call', call: callView(call, this.now()), timeline: this.registry.timeline(call.id) });
  }

  #enter(callId: string, type: string, by: string | null, data: Readonly<Record<string, unknown>>): void {
    const entry = { at: this.at(), type, by, data };
    this.registry.enter(callId, entry);
    this.#write({ kind: 'timeline', callId, entry });
  }

  /** What cannot be written down is logged: a full disk must not take the calls down. */
  #write(record: Parameters<Journal['append']>[0]): void {
    try {
      this.#journal?.append(record);
    } catch (error) {
      this.log('error', `journal: ${errorText(error)}`);
    }
  }

  /**
   * Whoever does not see the call any more (it has gone to another team, or they have left it) is told so once, by
   * `call.gone`. Whoever sees nothing of supervisions gets no event where nothing else has changed (R-SEE-2).
   */
  #publishUpdate(before: Call, call: Call): void {
    const now = this.now();
    const plain = (c: Call): string => JSON.stringify(callView(c, now, { supervisors: false }));
    const onlySupervision = call.supervisions.length > 0 && plain(before) === plain(call);
    this.#publishCall('call.updated', call, (sight) => (sight === 'plain' && onlySupervision ? null : sight));
    if (whoSees(before) === whoSees(call)) return;
    const viewers = [...this.directory.users.keys()].flatMap((userId) => this.agents.person(userId) ?? []);
    const gone = viewers.filter((p) => this.sight(p, before) !== null && this.sight(p, call) === null);
    if (gone.length === 0) return;
    const ids = new Set(gone.map((p) => p.userId));
    const last = { id: call.id };
    this.bus.publish(this.at(), {
      type: 'call.gone',
      callId: call.id,
      full: () => last,
      plain: () => last,
      sees: (viewer) => (ids.has(viewer) ? 'full' : null),
    });
  }

  #publishCall(type: string, call: Call, limit: (sight: Sight) => Sight = (sight) => sight): void {
    const now = this.now();
    this.bus.publish(this.at(), {
      type,
      callId: call.id,
      full: () => callView(call, now),
      plain: () => callView(call, now, { supervisors: false }),
      sees: (viewer) => {
        const person = this.agents.person(viewer);
        return person === undefined ? null : limit(this.sight(person, call));
      },
    });
  }

  #publishSupervisions(before: Call, call: Call): void {
    for (const s of call.supervisions) {
      const view = supervisionView(call, s);
      const old = before.supervisions.find((one) => one.id === s.id);
      if (old !== undefined && JSON.stringify(supervisionView(before, old)) === JSON.stringify(view)) continue;
      const ended = s.phase.kind === 'ended';
      const event = old === undefined ? 'started' : ended ? 'ended' : 'updated';
      this.#publishSupervision(event, view, call);
      this.#write({ kind: 'audit', event, at: this.at(), supervision: view, target: targetOf(call, s.target) });
    }
  }

  #publishSupervision(what: string, view: SupervisionView, call: Call): void {
    this.bus.publish(this.at(), {
      type: `supervision.${what}`,
      callId: call.id,
      full: () => view,
      plain: () => view,
      sees: (viewer) => {
        const person = this.agents.person(viewer);
        return person !== undefined && this.sight(person, call) === 'full' ? 'full' : null;
      },
    });
  }

  #userChanged(userId: string): void {
    const entry = this.agents.entry(userId)!;
    const view = this.userView(userId);
    const teams = teamsOf(entry.user);
    this.bus.publish(this.at(), {
      type: entry.user.role === 'agent' ? 'agent.updated' : 'supervisor.updated',
      full: () => view,
      plain: () => view,
      sees: (viewer) => {
        const person = this.agents.person(viewer);
        return person !== undefined && seesUser(person, { id: userId, role: entry.user.role, teams }) ? 'full' : null;
      },
    });
    this.queues.wake();
    this.queues.touch();
  }

  #queueChanged(view: QueueView): void {
    this.bus.publish(this.at(), {
      type: 'queue.updated',
      full: () => view,
      plain: () => view,
      sees: (viewer) => {
        const person = this.agents.person(viewer);
        return person !== undefined && (person.role === 'admin' || person.teams.includes(view.team)) ? 'full' : null;
      },
    });
  }

  /** What the users in a call are doing now, over all their calls. */
  #occupy(users: Iterable<string>): void {
    for (const userId of users) {
      let connected = false;
      let ringing = false;
      let load = 0;
      for (const { state } of this.registry.callsOf(userId)) {
        const legs = state.participants.filter((p) => p.userId === userId && p.leg.kind !== 'left');
        if (legs.length === 0) continue;
        load += state.units;
        for (const { leg } of legs) {
          const dialled = leg.kind === 'ringing' && leg.purpose.kind !== 'caller';
          if (dialled) ringing = true;
          else connected = true;
        }
      }
      this.agents.occupy(userId, connected ? 'on-call' : ringing ? 'ringing' : 'free', load);
    }
  }
}

/** What decides who sees a call; no viewer gains or loses it while this stays the same. */
function whoSees(call: Call): string {
  return `${[...teamsOfCall(call)].join()} ${call.participants.flatMap((p) => (isLive(p) ? (p.userId ?? []) : [])).join()}`;
}

/** Whether a step may have changed how many wait. */
function touchesQueue(before: Call, call: Call): boolean {
  const face = (c: Call): string => `${c.phase} ${c.queue?.id ?? ''} ${connectedAgents(c).length}`;
  return face(before) !== face(call);
}

function targetOf(call: Call, id: string): { readonly userId: string | null; readonly name: string } {
  const p = call.participants.find((one) => one.id === id);
  return { userId: p?.userId ?? null, name: p?.name ?? '' };
}
