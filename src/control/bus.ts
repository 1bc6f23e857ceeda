/** What happens, in order, for those who may see it; the last events are kept for clients that come back (R-SEE-4). */
import type { ControlEvent } from './service.ts';

/** Two faces of an event: with everything, and without a trace of supervisions (R-SEE-2). null: not for that side. */
export interface Published {
  readonly type: string;
  readonly callId?: string;
  readonly full: unknown;
  readonly plain: unknown;
  readonly sees: (viewer: string) => 'full' | 'plain' | null;
}

interface Kept {
  readonly id: number;
  readonly full: ControlEvent;
  readonly plain: ControlEvent;
  readonly sees: Published['sees'];
}

export const KEPT_EVENTS = 10_000;

export class EventBus {
  #lastId = 0;
  readonly #kept: Kept[] = [];
  readonly #listeners = new Set<(kept: Kept) => void>();
  readonly #limit: number;

  constructor(limit = KEPT_EVENTS) {
    this.#limit = limit;
  }

  get lastId(): number {
    return this.#lastId;
  }

  publish(at: string, event: Published): void {
    const id = ++this.#lastId;
    const head = { id, at, type: event.type, ...(event.callId === undefined ? {} : { callId: event.callId }) };
    const kept: Kept = {
      id,
      full: { ...head, data: event.full },
      plain: { ...head, data: event.plain },
      sees: event.sees,
    };
    this.#kept.push(kept);
    if (this.#kept.length >= this.#limit * 2) this.#kept.splice(0, this.#kept.length - this.#limit);
    for (const listener of [...this.#listeners]) listener(kept);
  }

  /** See `ControlService.subscribe`. */
  subscribe(viewer: string, lastId: number | null, at: string, listener: (event: ControlEvent) => void): () => void {
    const deliver = (kept: Kept): void => {
      const face = kept.sees(viewer);
      if (face !== null) listener(face === 'full' ? kept.full : kept.plain);
    };
    if (lastId !== null) {
      const oldest = this.#kept[0]?.id ?? this.#lastId + 1;
      if (lastId > this.#lastId || lastId < oldest - 1) listener({ id: this.#lastId, at, type: 'reset', data: {} });
      else for (const kept of this.#kept.slice(lastId - oldest + 1)) deliver(kept);
    }
    this.#listeners.add(deliver);
    return () => this.#listeners.delete(deliver);
  }
}
