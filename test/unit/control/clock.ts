import type { Clock } from '../../../src/control/ports.ts';

/** Time by hand. */
export class ManualClock implements Clock {
  #now = Date.UTC(2026, 0, 1);
  readonly #tasks = new Map<object, { at: number; task: () => void }>();

  now(): number {
    return this.#now;
  }

  after(ms: number, task: () => void): () => void {
    const key = {};
    this.#tasks.set(key, { at: this.#now + ms, task });
    return () => this.#tasks.delete(key);
  }

  get pending(): number {
    return this.#tasks.size;
  }

  advance(ms: number): void {
    const end = this.#now + ms;
    for (;;) {
      const due = [...this.#tasks].filter(([, t]) => t.at <= end).sort((a, b) => a[1].at - b[1].at)[0];
      if (due === undefined) break;
      this.#tasks.delete(due[0]);
      this.#now = Math.max(this.#now, due[1].at);
      due[1].task();
    }
    this.#now = end;
  }
}
