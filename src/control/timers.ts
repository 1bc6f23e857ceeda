/** The timers of one owner, by name. Setting a name replaces it; clearing all ends the owner's time. */
import type { Clock } from './ports.ts';

export class Timers {
  readonly #clock: Clock;
  readonly #running = new Map<string, () => void>();
  #closed = false;

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  get size(): number {
    return this.#running.size;
  }

  set(name: string, ms: number, task: () => void): void {
    this.clear(name);
    if (this.#closed) return;
    const cancel = this.#clock.after(ms, () => {
      this.#running.delete(name);
      task();
    });
    this.#running.set(name, cancel);
  }

  clear(name: string): void {
    this.#running.get(name)?.();
    this.#running.delete(name);
  }

  /** Idempotent. Nothing can be set afterwards. */
  close(): void {
    this.#closed = true;
    for (const cancel of this.#running.values()) cancel();
    this.#running.clear();
  }
}
