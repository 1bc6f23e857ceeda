/**
 * A ControlService without telephones, for the tests of the HTTP edge alone: it keeps a list of calls, refuses what it
 * is told to refuse, and hands out events. What a request does to a real call is shown elsewhere.
 */
import type { CallView, QueueView, SupervisionView, UserView } from '../../../src/call/views.ts';
import { Refusal, type ErrorCode } from '../../../src/call/errors.ts';
import type { Config } from '../../../src/config/schema.ts';
import type {
  Actor,
  Assigned,
  ControlEvent,
  ControlService,
  Destination,
  LevelWatcher,
} from '../../../src/control/service.ts';

const AT = '2026-01-02T03:04:05.678Z';

export class MemoryControl implements ControlService {
  readonly config: Config;
  readonly liveCalls = new Map<string, CallView>();
  readonly open = new Map<string, SupervisionView>();
  /** What was asked, in order: method name and arguments. */
  readonly asked: unknown[][] = [];
  /** The next write is refused with this. */
  refuse: { code: ErrorCode; fields?: Record<string, unknown> } | null = null;
  /** The next write fails with this (a fault of ours). */
  fault: Error | null = null;
  /** Events that are kept. */
  kept: ControlEvent[] = [];
  readonly watchers = new Set<LevelWatcher>();
  readonly listeners = new Set<{ actor: Actor; listener: (event: ControlEvent) => void }>();
  #lastId = 0;

  constructor(config: Config) {
    this.config = config;
  }

  addCall(id: string): CallView {
    const view: CallView = {
      id,
      state: 'active',
      direction: 'inbound',
      customer: { number: '+441632960000', name: 'Customer' },
      agent: { id: 'alice', name: 'Alice', team: 'sales' },
      queue: 'sales',
      startedAt: AT,
      answeredAt: AT,
      endedAt: null,
      waitSeconds: 1,
      talkSeconds: 2,
      held: false,
      consult: null,
      sentiment: null,
      endReason: null,
      participants: [
        {
          id: 'p1',
          role: 'customer',
          userId: null,
          name: 'Customer',
          address: '+441632960000',
          state: 'connected',
          codec: 'PCMU',
          hears: ['p2'],
        },
      ],
      supervisions: [],
      actions: [{ action: 'listen', allowed: false, code: 'agent_supervised', detail: 'Root is listening' }],
    };
    this.liveCalls.set(id, view);
    return view;
  }

  emit(type: string, data: unknown, team = 'sales'): ControlEvent {
    const event: ControlEvent = { id: ++this.#lastId, at: AT, type, callId: 'c1', data };
    this.kept.push(event);
    for (const { actor, listener } of [...this.listeners]) if (this.#sees(actor, team)) listener(event);
    return event;
  }

  #sees(actor: Actor, team: string): boolean {
    const user = this.config.users.find(({ id }) => id === actor.userId)!;
    return user.role === 'admin' || user.team === team || (user.teams ?? []).includes(team);
  }

  #note(...args: unknown[]): void {
    this.asked.push(args);
    const { refuse, fault } = this;
    this.refuse = null;
    this.fault = null;
    if (fault !== null) throw fault;
    if (refuse !== null) throw new Refusal(refuse.code, `Refused: ${refuse.code}.`, refuse.fields);
  }

  #user(role: string): readonly UserView[] {
    return this.config.users
      .filter((user) => (user.role === 'agent') === (role === 'agent'))
      .map((user) => ({
        id: user.id,
        name: user.name,
        role: user.role,
        team: user.team ?? null,
        teams: user.teams ?? [],
        extension: user.extension,
        state: 'available',
        stateSince: AT,
        stateReason: null,
        calls: [],
        contacts: [{ uri: 'sip:1001@127.0.0.1:1', transport: 'udp', userAgent: null, expiresAt: AT }],
      }));
  }

  agents(): readonly UserView[] {
    return this.#user('agent');
  }
  supervisors(): readonly UserView[] {
    return this.#user('supervisor');
  }
  queues(): readonly QueueView[] {
    return this.config.queues.map(({ id, name, team, numbers }) => ({
      id,
      name,
      team,
      numbers,
      waiting: 0,
      longestWaitSeconds: 0,
      availableAgents: 1,
    }));
  }
  calls(): readonly CallView[] {
    return [...this.liveCalls.values()];
  }
  call(_actor: Actor, callId: string): CallView {
    const view = this.liveCalls.get(callId);
    if (view === undefined) throw new Refusal('not_found', 'No such call.');
    return view;
  }
  timeline(actor: Actor, callId: string): { at: string; type: string; by: null; data: { held: boolean } }[] {
    return [{ at: AT, type: 'call.started', by: null, data: { held: this.call(actor, callId).held } }];
  }
  supervisions(): readonly SupervisionView[] {
    return [...this.open.values()];
  }
  supervision(_actor: Actor, id: string): SupervisionView {
    const view = this.open.get(id);
    if (view === undefined) throw new Refusal('not_found', 'No such supervision.');
    return view;
  }
  setAgentState(actor: Actor, agentId: string, state: UserView['state'], reason?: string): UserView {
    this.#note('setAgentState', actor.userId, agentId, state, reason);
    return { ...this.agents().find(({ id }) => id === agentId)!, state, stateReason: reason ?? null };
  }
  async dial(actor: Actor, agentId: string, to: string): Promise<CallView> {
    this.#note('dial', actor.userId, agentId, to);
    return Promise.resolve(this.addCall(`c${this.liveCalls.size + 1}`));
  }
  #operation(name: string, actor: Actor, callId: string): Promise<CallView> {
    this.#note(name, actor.userId, callId);
    return Promise.resolve(this.call(actor, callId));
  }
  async hold(actor: Actor, callId: string): Promise<CallView> {
    return await this.#operation('hold', actor, callId);
  }
  async resume(actor: Actor, callId: string): Promise<CallView> {
    return await this.#operation('resume', actor, callId);
  }
  async hangup(actor: Actor, callId: string): Promise<CallView> {
    return await this.#operation('hangup', actor, callId);
  }
  async consult(actor: Actor, callId: string, to: Destination): Promise<CallView> {
    this.#note('consult', actor.userId, callId, to);
    return Promise.resolve(this.call(actor, callId));
  }
  async consultComplete(actor: Actor, callId: string): Promise<CallView> {
    return await this.#operation('consultComplete', actor, callId);
  }
  async consultCancel(actor: Actor, callId: string): Promise<CallView> {
    return await this.#operation('consultCancel', actor, callId);
  }
  async conference(actor: Actor, callId: string): Promise<CallView> {
    return await this.#operation('conference', actor, callId);
  }
  async takeover(actor: Actor, callId: string): Promise<CallView> {
    return await this.#operation('takeover', actor, callId);
  }
  async transfer(actor: Actor, callId: string, to: Destination): Promise<CallView> {
    this.#note('transfer', actor.userId, callId, to);
    return Promise.resolve(this.call(actor, callId));
  }
  async assign(actor: Actor, callId: string, to: Destination, override: boolean): Promise<Assigned> {
    this.#note('assign', actor.userId, callId, to, override);
    return Promise.resolve({ ...this.call(actor, callId), excess: override ? 1 : 0 });
  }
  async end(actor: Actor, callId: string): Promise<CallView> {
    return await this.#operation('end', actor, callId);
  }
  async setSentiment(actor: Actor, callId: string, value: number | null): Promise<CallView> {
    this.#note('setSentiment', actor.userId, callId, value);
    return Promise.resolve({ ...this.call(actor, callId), sentiment: value });
  }
  async startSupervision(
    actor: Actor,
    callId: string,
    request: Parameters<ControlService['startSupervision']>[2],
  ): Promise<SupervisionView> {
    this.#note('startSupervision', actor.userId, callId, request);
    const view: SupervisionView = {
      id: `s${this.open.size + 1}`,
      callId: this.call(actor, callId).id,
      supervisor: { id: actor.userId, name: actor.userId },
      target: 'p2',
      mode: request.mode,
      paused: false,
      state: 'ringing',
      startedAt: AT,
      answeredAt: null,
      endedAt: null,
      endReason: null,
    };
    this.open.set(view.id, view);
    return Promise.resolve(view);
  }
  async changeSupervision(
    actor: Actor,
    id: string,
    change: Parameters<ControlService['changeSupervision']>[2],
  ): Promise<SupervisionView> {
    this.#note('changeSupervision', actor.userId, id, change);
    const view = { ...this.supervision(actor, id), ...change };
    this.open.set(id, view);
    return Promise.resolve(view);
  }
  async stopSupervision(actor: Actor, id: string): Promise<SupervisionView> {
    this.#note('stopSupervision', actor.userId, id);
    const view = this.supervision(actor, id);
    this.open.delete(id);
    return Promise.resolve({ ...view, state: 'ended', endedAt: AT, endReason: 'stopped' });
  }
  assertMaySignOut(actor: Actor): void {
    const own = [...this.open.values()].find(({ supervisor }) => supervisor.id === actor.userId);
    if (own !== undefined) throw new Refusal('supervision_open', 'Stop it first.', { supervision: own.id });
  }
  subscribe(actor: Actor, lastId: number | null, listener: (event: ControlEvent) => void): () => void {
    const oldest = this.kept[0]?.id ?? this.#lastId + 1;
    if (lastId !== null && (lastId > this.#lastId || lastId < oldest - 1)) {
      listener({ id: this.#lastId, at: AT, type: 'reset', data: {} });
    } else if (lastId !== null) {
      for (const event of this.kept) if (event.id > lastId) listener(event);
    }
    const entry = { actor, listener };
    this.listeners.add(entry);
    return () => this.listeners.delete(entry);
  }
  watchLevels(actor: Actor, callId: string, watcher: LevelWatcher): () => void {
    this.call(actor, callId);
    this.watchers.add(watcher);
    return () => void this.watchers.delete(watcher);
  }
  lastEventId(): number {
    return this.#lastId;
  }
  counts(): ReturnType<ControlService['counts']> {
    return {
      calls: this.liveCalls.size,
      supervisions: this.open.size,
      callsTotal: this.liveCalls.size,
      supervisionsTotal: this.open.size,
    };
  }
}
