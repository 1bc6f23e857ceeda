/** The controller as the API sees it. Every method throws `Refusal`; reads are synchronous snapshots. */
import type { PhoneKind } from '../call/model.ts';
import type { AgentState, CallView, Mode, QueueView, SupervisionView, UserView } from '../call/views.ts';

/** The person asking: a user of the directory. Permissions and teams are read from the directory, never from here. */
export interface Actor {
  readonly userId: string;
}

export interface StartSupervision {
  readonly mode: Mode;
  readonly target?: string; // 'agent' (default) | 'customer' | participant id
  readonly phone?: string; // extension, number, 'browser' or 'desk'; default: all registered phones of the supervisor
}

/**
 * One change, as /events sends it. `id` rises by one. `type` is `call.created`, `call.updated`, `call.closed` (data: the
 * call, without `actions`), `call.gone` (it goes on out of the viewer's sight; data: its id), `supervision.started`,
 * `supervision.updated`, `supervision.ended`, `agent.updated`, `supervisor.updated`, `queue.updated`, `reset`.
 */
export interface ControlEvent {
  readonly id: number;
  readonly at: string;
  readonly type: string;
  readonly callId?: string;
  /** Who may see it is decided by `visibleTo`. */
  readonly data: unknown;
}

export interface TimelineEntry {
  readonly at: string;
  readonly type: string;
  readonly by: string | null; // user id
  readonly data: Readonly<Record<string, unknown>>;
}

/** Where a call is sent to, or who is consulted. */
export type Destination = { readonly agent: string } | { readonly queue: string } | { readonly number: string };

/** R-ACT-4: the call, and by how many units the agent's capacity is exceeded. */
export type Assigned = CallView & { readonly excess: number };

/** Somebody who looks at how loud the parties of a call are. */
export interface LevelWatcher {
  /** dBov (-127 to 0) by participant, some times a second. */
  onLevels(levels: Readonly<Record<string, number>>): void;
  /** The call has ended, or may not be seen any more. Called once, and nothing after it. */
  onEnd(): void;
}

export interface ControlService {
  agents(actor: Actor): readonly UserView[];
  supervisors(actor: Actor): readonly UserView[];
  queues(actor: Actor): readonly QueueView[];
  calls(actor: Actor): readonly CallView[];
  call(actor: Actor, callId: string): CallView;
  timeline(actor: Actor, callId: string): readonly TimelineEntry[];
  supervisions(actor: Actor): readonly SupervisionView[];
  supervision(actor: Actor, supervisionId: string): SupervisionView;

  setAgentState(actor: Actor, agentId: string, state: AgentState, reason?: string): UserView;
  dial(actor: Actor, agentId: string, to: string, phone?: PhoneKind): Promise<CallView>;
  hold(actor: Actor, callId: string): Promise<CallView>;
  resume(actor: Actor, callId: string): Promise<CallView>;
  hangup(actor: Actor, callId: string): Promise<CallView>;

  /** The agent talks to someone apart, the customer hears music. Resolves once the other phone is being rung. */
  consult(actor: Actor, callId: string, to: Destination): Promise<CallView>;
  /** Attended transfer: the consulted one stays with the customer, the agent leaves. */
  consultComplete(actor: Actor, callId: string): Promise<CallView>;
  consultCancel(actor: Actor, callId: string): Promise<CallView>;
  /** The consulted one joins the conversation. */
  conference(actor: Actor, callId: string): Promise<CallView>;

  /** R-ACT-1: with the own supervision's leg, or by ringing the supervisor's phone. */
  takeover(actor: Actor, callId: string, phone?: PhoneKind): Promise<CallView>;
  /** R-ACT-2, R-ACT-3: by a supervisor, or by the agent for the own call. */
  transfer(actor: Actor, callId: string, to: Destination): Promise<CallView>;
  /** R-ACT-4. */
  assign(actor: Actor, callId: string, to: Destination, override: boolean): Promise<Assigned>;
  /** R-ACT-5. */
  end(actor: Actor, callId: string): Promise<CallView>;
  /** R-SEE-6: from -1 to 1, null for unknown. */
  setSentiment(actor: Actor, callId: string, value: number | null): Promise<CallView>;

  /** Resolves as soon as the supervisor's phone is being rung (state `ringing`). */
  startSupervision(actor: Actor, callId: string, request: StartSupervision): Promise<SupervisionView>;
  /** Resolves once the change is audible (the media engine has confirmed the matrix). */
  changeSupervision(
    actor: Actor,
    supervisionId: string,
    change: { mode?: Mode; paused?: boolean },
  ): Promise<SupervisionView>;
  stopSupervision(actor: Actor, supervisionId: string): Promise<SupervisionView>;
  /** Throws `supervision_open` (R-FLOW-5). */
  assertMaySignOut(actor: Actor): void;

  /**
   * Events after `lastId` that the actor may see, then live ones. Returns an unsubscribe function. Where events after
   * `lastId` are no longer kept, the first one delivered has the type `reset`; so it has where `lastId` is above the
   * newest id (the ids are of a server that has been restarted since). An event that several actors see alike is the
   * same object for all of them, so that it is serialised once.
   */
  subscribe(actor: Actor, lastId: number | null, listener: (event: ControlEvent) => void): () => void;

  /**
   * Levels of the parties, as far as the actor sees them (R-SEE-2), measured while somebody watches. Throws `not_found`.
   * Returns a function that ends it; idempotent.
   */
  watchLevels(actor: Actor, callId: string, watcher: LevelWatcher): () => void;

  /** Id of the newest event, 0 before the first: what a client that connects now has seen. */
  lastEventId(): number;

  counts(): {
    readonly calls: number;
    readonly supervisions: number;
    readonly callsTotal: number;
    readonly supervisionsTotal: number;
  };
}
