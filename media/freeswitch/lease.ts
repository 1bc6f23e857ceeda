/**
 * What Earshot has on a FreeSWITCH outlives it by seconds, also where it is killed: every channel names its owner, and a task
 * in FreeSWITCH ends the owner's channels unless it is put off again and again. The name is made anew for each process and
 * server, so that several Earshots may use one FreeSWITCH: each ends its own channels only.
 */
import { randomUUID } from 'node:crypto';

export type Command = (text: string) => Promise<string>;

/** Header of the call to FreeSWITCH, by which the channel has the variable. */
export const OWNER_HEADER = 'X-Earshot-Owner';

export class Lease {
  readonly owner = randomUUID();
  readonly #seconds: number;
  /** There are two tasks in turn: the next one stands before the last one is taken off. */
  #turn: 'a' | 'b' = 'a';
  #timer: NodeJS.Timeout | null = null;

  constructor(seconds: number) {
    this.#seconds = seconds;
  }

  /** On a new connection: ends what may be left of the last one. @throws Error */
  async begin(command: Command): Promise<void> {
    for (const turn of ['a', 'b'] as const) await command(`sched_del ${this.#task(turn)}`);
    await command(this.#end());
    await this.#renew(command);
  }

  /** Puts the end off for as long as the connection lasts. */
  keep(command: Command, failed: (error: unknown) => void): void {
    this.drop();
    this.#timer = setInterval(() => void this.#renew(command).catch(failed), (this.#seconds * 1000) / 4);
  }

  /** Idempotent. */
  drop(): void {
    if (this.#timer !== null) clearInterval(this.#timer);
    this.#timer = null;
  }

  async #renew(command: Command): Promise<void> {
    const [next, last] = this.#turn === 'a' ? (['b', 'a'] as const) : (['a', 'b'] as const);
    this.#turn = next;
    const reply = await command(`sched_api +${String(this.#seconds)} ${this.#task(next)} ${this.#end()}`);
    if (!reply.startsWith('+OK')) throw new Error(`it refused sched_api: ${reply.trim().slice(0, 100)}`);
    await command(`sched_del ${this.#task(last)}`);
  }

  #task(turn: 'a' | 'b'): string {
    return `earshot-${this.owner}-${turn}`;
  }

  #end(): string {
    return `hupall NORMAL_CLEARING sip_h_${OWNER_HEADER} ${this.owner}`;
  }
}
