/** The controller: the one object that the rest of Earshot speaks to. It only hands on; each part knows its matter. */
import { Refusal } from '../call/errors.ts';
import type { PhoneKind } from '../call/model.ts';
import type { AgentState, CallView, Mode, QueueView, SupervisionView, UserView } from '../call/views.ts';
import { teamsOf } from './directory.ts';
import { Features } from './features.ts';
import { House, type HouseOptions } from './house.ts';
import { Incoming } from './incoming.ts';
import { Interventions } from './interventions.ts';
import { errorText } from './log.ts';
import { Operations } from './operations.ts';
import type {
  Actor,
  Assigned,
  ControlEvent,
  ControlService,
  Destination,
  LevelWatcher,
  StartSupervision,
  TimelineEntry,
} from './service.ts';
import { Supervising } from './supervising.ts';
import { seesUser, shownLevels } from './visibility.ts';

export type ControlOptions = HouseOptions;

export class Control implements ControlService {
  readonly #house: House;
  readonly #incoming: Incoming;
  readonly #supervising: Supervising;
  readonly #operations: Operations;
  readonly #interventions: Interventions;
  #draining = false;
  #closed = false;

  constructor(options: ControlOptions) {
    this.#house = new House(options);
    this.#supervising = new Supervising(this.#house);
    this.#operations = new Operations(this.#house);
    this.#interventions = new Interventions(this.#house, this.#supervising);
    const features = new Features(this.#house);
    this.#incoming = new Incoming(this.#house, features);
    this.#house.phones = {
      key: (call, leg, digit) => this.#supervising.key(call, leg, digit),
      refer: (call, leg, refer) => features.refer(call, leg, refer),
    };
  }

  /** Resolves once phones can register. */
  async start(): Promise<void> {
    await this.#house.signalling.start({
      onCall: (call) => {
        if (this.#draining) return call.reject(503, 'Service Unavailable');
        try {
          this.#incoming.onCall(call);
        } catch (error) {
          this.#house.log('error', `incoming call: ${errorText(error)}`);
          call.reject(500, 'Server Internal Error');
        }
      },
      onContacts: (userId, contacts) => this.#house.agents.setContacts(userId, contacts),
    });
  }

  /** No new calls; live ones may end. Resolves when the last one has ended, or after `seconds`. */
  async drain(seconds: number): Promise<void> {
    this.#draining = true;
    this.#house.signalling.drain();
    const { clock, registry } = this.#house;
    const deadline = clock.now() + seconds * 1000;
    while (registry.size > 0 && clock.now() < deadline && !this.#closed) {
      await new Promise<void>((resolve) => clock.after(Math.min(200, deadline - clock.now()), resolve));
    }
  }

  /** Ends what is still going on. Idempotent; the ports are closed by whoever made them. */
  close(): Promise<void> {
    this.#draining = true;
    if (this.#closed) return Promise.resolve();
    this.#closed = true;
    for (const controller of [...this.#house.registry.live]) controller.post({ type: 'shutdown' });
    this.#house.agents.close();
    return Promise.resolve();
  }

  agents(actor: Actor): readonly UserView[] {
    return this.#people(actor, (role) => role === 'agent');
  }

  supervisors(actor: Actor): readonly UserView[] {
    return this.#people(actor, (role) => role !== 'agent');
  }

  #people(actor: Actor, wanted: (role: string) => boolean): UserView[] {
    const person = this.#house.person(actor);
    return [...this.#house.directory.users.values()]
      .filter((user) => wanted(user.role) && seesUser(person, { id: user.id, role: user.role, teams: teamsOf(user) }))
      .map((user) => this.#house.userView(user.id));
  }

  queues(actor: Actor): readonly QueueView[] {
    const person = this.#house.person(actor);
    return this.#house.queues
      .views(this.#house.now())
      .filter((queue) => person.role === 'admin' || person.teams.includes(queue.team));
  }

  calls(actor: Actor): readonly CallView[] {
    const house = this.#house;
    const person = house.person(actor);
    const facts = house.facts(person);
    return [...house.registry.live]
      .map((controller) => controller.state)
      .filter((call) => house.sight(person, call) !== null)
      .map((call) => house.callView(person, call, facts));
  }

  call(actor: Actor, callId: string): CallView {
    const person = this.#house.person(actor);
    return this.#house.callView(person, this.#house.visibleCall(person, callId));
  }

  /** R-SEE-2, R-SEE-3: a participant's own view of the timeline has no supervisions in it. */
  timeline(actor: Actor, callId: string): readonly TimelineEntry[] {
    const person = this.#house.person(actor);
    const call = this.#house.visibleCall(person, callId);
    const entries = this.#house.registry.timeline(callId);
    if (this.#house.sight(person, call) === 'full') return entries;
    const supervisors = new Set(call.supervisions.map((s) => s.participantId));
    return entries.filter((e) => !e.type.startsWith('supervision.') && !supervisors.has(e.data.participant as string));
  }

  supervisions(actor: Actor): readonly SupervisionView[] {
    return this.#supervising.list(actor);
  }

  supervision(actor: Actor, supervisionId: string): SupervisionView {
    return this.#supervising.get(actor, supervisionId);
  }

  setAgentState(actor: Actor, agentId: string, state: AgentState, reason?: string): UserView {
    return this.#operations.setAgentState(actor, agentId, state, reason);
  }

  dial(actor: Actor, agentId: string, to: string, phone?: PhoneKind): Promise<CallView> {
    return this.#accepting(() => this.#operations.dial(actor, agentId, to, phone));
  }

  hold(actor: Actor, callId: string): Promise<CallView> {
    return this.#operations.hold(actor, callId, 'hold');
  }

  resume(actor: Actor, callId: string): Promise<CallView> {
    return this.#operations.hold(actor, callId, 'resume');
  }

  // Refusals of asynchronous operations reject, they are never thrown at the caller directly.
  async hangup(actor: Actor, callId: string): Promise<CallView> {
    return await Promise.resolve(this.#operations.hangup(actor, callId));
  }

  consult(actor: Actor, callId: string, to: Destination): Promise<CallView> {
    return this.#interventions.consult(actor, callId, to);
  }

  consultComplete(actor: Actor, callId: string): Promise<CallView> {
    return this.#interventions.operate(actor, callId, 'consultComplete');
  }

  consultCancel(actor: Actor, callId: string): Promise<CallView> {
    return this.#interventions.operate(actor, callId, 'consultCancel');
  }

  conference(actor: Actor, callId: string): Promise<CallView> {
    return this.#interventions.operate(actor, callId, 'conference');
  }

  takeover(actor: Actor, callId: string, phone?: PhoneKind): Promise<CallView> {
    return this.#interventions.takeover(actor, callId, phone);
  }

  transfer(actor: Actor, callId: string, to: Destination): Promise<CallView> {
    return this.#interventions.transfer(actor, callId, to);
  }

  assign(actor: Actor, callId: string, to: Destination, override: boolean): Promise<Assigned> {
    return this.#interventions.assign(actor, callId, to, override);
  }

  async end(actor: Actor, callId: string): Promise<CallView> {
    return await Promise.resolve(this.#interventions.end(actor, callId));
  }

  async setSentiment(actor: Actor, callId: string, value: number | null): Promise<CallView> {
    return await Promise.resolve(this.#interventions.setSentiment(actor, callId, value));
  }

  startSupervision(actor: Actor, callId: string, request: StartSupervision): Promise<SupervisionView> {
    return this.#accepting(() => this.#supervising.start(actor, callId, request));
  }

  changeSupervision(
    actor: Actor,
    supervisionId: string,
    change: { mode?: Mode; paused?: boolean },
  ): Promise<SupervisionView> {
    return this.#supervising.change(actor, supervisionId, change);
  }

  async stopSupervision(actor: Actor, supervisionId: string): Promise<SupervisionView> {
    return await Promise.resolve(this.#supervising.stop(actor, supervisionId));
  }

  /** R-FLOW-5. */
  assertMaySignOut(actor: Actor): void {
    const open = this.#house.registry.openSupervisions();
    const own = open.find(({ supervision }) => supervision.supervisor.id === actor.userId);
    if (own === undefined) return;
    throw new Refusal('supervision_open', 'Stop the supervision before signing out.', {
      supervision: own.supervision.id,
    });
  }

  subscribe(actor: Actor, lastId: number | null, listener: (event: ControlEvent) => void): () => void {
    const { userId } = this.#house.person(actor);
    return this.#house.bus.subscribe(userId, lastId, this.#house.at(), listener);
  }

  watchLevels(actor: Actor, callId: string, watcher: LevelWatcher): () => void {
    const house = this.#house;
    const controller = house.liveCall(house.person(actor), callId);
    const end = (): void => {
      if (stop()) watcher.onEnd();
    };
    const stop = controller.watchLevels({
      onLevels: (levels) => {
        const person = house.agents.person(actor.userId);
        const sight = person === undefined ? null : house.sight(person, controller.state);
        if (sight === null) end();
        else watcher.onLevels(Object.fromEntries(shownLevels(controller.state, levels, sight)));
      },
      onEnd: () => watcher.onEnd(),
    });
    return () => void stop();
  }

  lastEventId(): number {
    return this.#house.bus.lastId;
  }

  counts(): ReturnType<ControlService['counts']> {
    const { registry } = this.#house;
    return {
      calls: registry.size,
      supervisions: registry.openSupervisions().length,
      callsTotal: registry.callsTotal,
      supervisionsTotal: registry.supervisionsTotal,
    };
  }

  /** While the server drains, nothing new is begun. */
  async #accepting<T>(work: () => Promise<T>): Promise<T> {
    if (this.#draining) throw new Refusal('conflict', 'The server is shutting down.');
    return await work();
  }
}
