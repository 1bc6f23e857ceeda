/** Waiting calls and free agents brought together: the call that waits longest, the agent available longest. */
import { customerOf, isConnected, isLive, type Call } from '../call/model.ts';
import { waitSeconds } from '../call/view.ts';
import type { QueueView } from '../call/views.ts';
import type { Agents } from './agents.ts';
import type { Directory } from './directory.ts';
import type { Registry } from './registry.ts';

export interface QueueHost {
  now(): number;
  /** How many wait, or how many agents are available, has changed. */
  changed(view: QueueView): void;
}

export class Queues {
  readonly #directory: Directory;
  readonly #registry: Registry;
  readonly #agents: Agents;
  readonly #host: QueueHost;
  readonly #faces = new Map<string, string>();
  #due = false;
  #touched = false;

  constructor(directory: Directory, registry: Registry, agents: Agents, host: QueueHost) {
    this.#directory = directory;
    this.#registry = registry;
    this.#agents = agents;
    this.#host = host;
  }

  /** Dispatches once the step under way has come to its end, so that every state it reads is complete. */
  wake(): void {
    if (this.#due) return;
    this.#due = true;
    queueMicrotask(() => {
      this.#due = false;
      this.#dispatch();
    });
  }

  #dispatch(): void {
    const waiting = [...this.#registry.live].filter((c) => c.state.inLine);
    waiting.sort((a, b) => a.state.startedAt - b.state.startedAt);
    for (const controller of waiting) {
      const { queue, units, inLine } = controller.state;
      if (queue === null || !inLine) continue;
      const inIt = controller.state.participants.filter(isLive).map((p) => p.userId);
      const agent = this.#agents.longestAvailable(queue.team, units, inIt);
      if (agent === undefined) controller.post({ type: 'noAgent' });
      else controller.post({ type: 'offer', to: agent });
    }
  }

  /** Something that queues show may have changed: told once, after the steps of this moment. */
  touch(): void {
    if (this.#touched) return;
    this.#touched = true;
    queueMicrotask(() => {
      this.#touched = false;
      for (const view of this.views(this.#host.now())) {
        const face = `${view.waiting} ${view.availableAgents}`;
        if (this.#faces.get(view.id) === face) continue;
        this.#faces.set(view.id, face);
        this.#host.changed(view);
      }
    });
  }

  /** Calls whose customer has no agent yet, offered or not, by queue. */
  #waiting(): Map<string, Call[]> {
    const byQueue = new Map<string, Call[]>();
    for (const { state: call } of this.#registry.live) {
      if (call.queue === null || !['open', 'ringing', 'waiting'].includes(call.phase)) continue;
      const served = call.participants.some((p) => p.role === 'agent' && isConnected(p));
      if (served || customerOf(call) === undefined) continue;
      const calls = byQueue.get(call.queue.id);
      if (calls === undefined) byQueue.set(call.queue.id, [call]);
      else calls.push(call);
    }
    return byQueue;
  }

  views(now: number): QueueView[] {
    const waiting = this.#waiting();
    return [...this.#directory.queues.values()].map((queue) => {
      const calls = waiting.get(queue.id) ?? [];
      return {
        id: queue.id,
        name: queue.name,
        team: queue.team,
        numbers: queue.numbers,
        waiting: calls.length,
        longestWaitSeconds: Math.max(0, ...calls.map((call) => waitSeconds(call, now))),
        availableAgents: this.#agents.availableIn(queue.team),
      };
    });
  }
}
