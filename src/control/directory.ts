/** Users, queues and trunks as the configuration names them. Reads only; presence is `Agents`' matter. */
import type { Policy, Queue } from '../call/model.ts';
import type { Permission } from '../call/views.ts';
import type { Config, QueueConfig, TrunkConfig, UserConfig } from '../config/schema.ts';

const ALL: readonly Permission[] = ['listen', 'whisper', 'barge', 'takeover', 'transfer', 'assign', 'end'];

/** R-START-5: an agent has none, everyone else what the list says, or all where there is no list. */
export function permissionsOf(user: UserConfig): readonly Permission[] {
  return user.role === 'agent' ? [] : (user.permissions ?? ALL);
}

export function teamsOf(user: UserConfig): readonly string[] {
  return [...new Set([...(user.team === undefined ? [] : [user.team]), ...(user.teams ?? [])])];
}

export class Directory {
  readonly config: Config;
  readonly users: ReadonlyMap<string, UserConfig>;
  readonly queues: ReadonlyMap<string, QueueConfig>;
  readonly trunks: ReadonlyMap<string, TrunkConfig>;
  readonly #byExtension: ReadonlyMap<string, UserConfig>;
  readonly #byQueueNumber: ReadonlyMap<string, QueueConfig>;

  constructor(config: Config) {
    this.config = config;
    this.users = new Map(config.users.map((u) => [u.id, u]));
    this.queues = new Map(config.queues.map((q) => [q.id, q]));
    this.trunks = new Map(config.trunks.map((t) => [t.id, t]));
    this.#byExtension = new Map(config.users.map((u) => [u.extension, u]));
    this.#byQueueNumber = new Map(config.queues.flatMap((q) => q.numbers.map((n) => [n, q] as const)));
  }

  get policy(): Policy {
    return this.config.policy;
  }

  extension(number: string): UserConfig | undefined {
    return this.#byExtension.get(number);
  }

  queueByNumber(number: string): QueueConfig | undefined {
    return this.#byQueueNumber.get(number);
  }

  /** The first trunk with a pattern for the number; one that calls can go out by comes first. */
  trunkFor(number: string): TrunkConfig | undefined {
    const fitting = this.config.trunks.filter((t) => t.numbers.some((pattern) => fits(pattern, number)));
    return fitting.find((t) => t.outbound !== undefined) ?? fitting[0];
  }

  /** A queue as a call carries it. */
  queue(queue: QueueConfig): Queue {
    return {
      id: queue.id,
      team: queue.team,
      wrapUpSeconds: queue.wrapUpSeconds,
      ringSeconds: queue.ringSeconds ?? this.config.policy.ringSeconds,
    };
  }
}

/** `*` at the end of a pattern stands for any digits. */
function fits(pattern: string, number: string): boolean {
  if (!/^\+?\d+$/.test(number)) return false;
  return pattern.endsWith('*') ? number.startsWith(pattern.slice(0, -1)) : number === pattern;
}
