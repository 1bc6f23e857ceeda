/** Waiting calls and free agents brought together: the call that waits longest, the agent available longest. */
import { customerOf, isConnected, type Call } from '../call/model.ts';
import { waitSeconds } from '../call/view.ts';
import type { QueueView } from '../call/views.ts';
import type { Agents } from './agents.ts';
import type { Directory } from './directory.ts';
import type { Registry } from './registry.ts';

export class Queues {
  readonly #directory: Directory;
  readonly #registry: Registry;
  readonly #agents: Agents;
  #due = false;

  constructor(directory: Directory, registry: Registry, agents: Agents) {
    this.#directory = directory;
    this.#registry = registry;
    this.#agents = agents;
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
      const agent = this.#agents.longestAvailable(queue.team, units);
      if (agent === undefined) controller.post({ type: 'noAgent' });
      else controller.post({ type: 'offer', to: agent });
    }
  }

  /** Calls of a queue whose customer has no agent yet, offered or not. */
  #waitingIn(queueId: string): Call[] {
    return [...this.#registry.live]
      .map((c) => c.state)
      .filter(
        (call) =>
          call.queue?.id === queueId &&
          customerOf(call) !== undefined &&
          ['open', 'ringing', 'waiting'].includes(call.phase) &&
          !call.participants.some((p) => p.role === 'agent' && isConnected(p)),
      );
  }

  view(queueId: string, now: number): QueueView | undefined {
    const queue = this.#directory.queues.get(queueId);
    if (queue === undefined) return undefined;
    const waiting = this.#waitingIn(queueId);
    return {
      id: queue.id,
      name: queue.name,
      team: queue.team,
      numbers: queue.numbers,
      waiting: waiting.length,
      longestWaitSeconds: Math.max(0, ...waiting.map((call) => waitSeconds(call, now))),
      availableAgents: this.#agents.availableIn(queue.team),
    };
  }
}
