/** What happens, in order, for those who may see it; the last events are kept for clients that come back (R-SEE-4). */
import type { ControlEvent } from './service.ts';

/**
 * Two faces of an event: with everything, and without a trace of supervisions (R-SEE-2). They are made when somebody
 * looks, once, from a state that does not change any more. `sees` null: not for that viewer.
 */
export interface Published {
  readonly type: string;
  readonly callId?: string;
  readonly full: () => unknown;
  readonly plain: () => unknown;
  readonly sees: (viewer: string) => 'full' | 'plain' | null;
}

export type Listener = (event: ControlEvent) => void;

export const KEPT_EVENTS = 5000;

class Kept {
  readonly id: number;
  readonly #at: string;
  readonly #event: Published;
  readonly #faces: { full: ControlEvent | null; plain: ControlEvent | null } = { full: null, plain: null };

  constructor(id: number, at: string, event: Published) {
    this.id = id;
    this.#at = at;
    this.#event = event;
  }

  /** The event as the viewer sees it: the same object for all who see it alike. */
  seenBy(viewer: string): ControlEvent | null {
    const face = this.#event.sees(viewer);
    if (face === null) return null;
    const { type, callId } = this.#event;
    this.#faces[face] ??= {
      id: this.id,
      at: this.#at,
      type,
      ...(callId === undefined ? {} : { callId }),
      data: this.#event[face](),
    };
    return this.#faces[face];
  }
}

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
    const kept = new Kept(++this.#lastId, at, event);
    this.#kept.push(kept);
    if (this.#kept.length >= this.#limit * 2) this.#kept.splice(0, this.#kept.length - this.#limit);
    for (const listener of [...this.#listeners]) listener(kept);
  }

  /** See `ControlService.subscribe`. */
  subscribe(viewer: string, lastId: number | null, at: string, listener: Listener): () => void {
    const deliver = (kept: Kept): void => {
      const event = kept.seenBy(viewer);
      if (event !== null) listener(event);
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
