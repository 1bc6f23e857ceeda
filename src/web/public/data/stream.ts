/**
 * The line to the server's events, kept up (R-SEE-4): lost -> tried again, from the last event seen; silent -> taken for
 * lost; refused -> told.
 *
 *   closed -> connecting -> open -> lost -> connecting ...
 *                 |                            |
 *                 +--------> signed-out <------+
 */
import { EventParser, type ServerSentEvent } from './sse.ts';

export type LineState = 'closed' | 'connecting' | 'open' | 'lost' | 'signed-out';

const NEXT: Readonly<Record<LineState, readonly LineState[]>> = {
  closed: ['connecting'],
  connecting: ['open', 'lost', 'signed-out', 'closed'],
  open: ['lost', 'closed'],
  lost: ['connecting', 'closed'],
  'signed-out': ['connecting', 'closed'],
};

export interface StreamOptions {
  readonly url: string;
  /** `resumed`: from the last event seen, so nothing has been missed. Otherwise everything must be read anew. */
  readonly onOpen: (resumed: boolean) => void;
  readonly onEvent: (event: ServerSentEvent) => void;
  readonly onState: (state: LineState) => void;
  /** The server beats every 15 s; without a byte for this long the line is taken for lost, ms. */
  readonly silenceMs?: number;
  /** Waits before the next attempts, ms; the last one repeats. */
  readonly waits?: readonly number[];
}

export class EventLine {
  readonly #options: Required<StreamOptions>;
  #state: LineState = 'closed';
  #lastId: string | null = null;
  #failures = 0;
  #abort: AbortController | null = null;
  #timer: ReturnType<typeof setTimeout> | null = null;

  constructor(options: StreamOptions) {
    this.#options = { silenceMs: 40_000, waits: [500, 1000, 2000, 4000, 8000, 15_000], ...options };
  }

  get state(): LineState {
    return this.#state;
  }

  /** Connects, at once also where the next attempt is still some seconds away. Does nothing where it is connected. */
  open(): void {
    if (this.#state === 'open' || this.#state === 'connecting') return;
    this.#clear();
    this.#go('connecting');
    const abort = new AbortController();
    this.#abort = abort;
    void this.#run(abort);
  }

  /** Idempotent. The last event seen is remembered, so that `open` misses nothing. */
  close(): void {
    this.#clear();
    this.#abort?.abort();
    this.#abort = null;
    if (this.#state !== 'closed') this.#go('closed');
  }

  /** Forgets what has been seen: somebody else signs in. */
  reset(): void {
    this.close();
    this.#lastId = null;
    this.#failures = 0;
  }

  async #run(abort: AbortController): Promise<void> {
    const gone = (): boolean => this.#abort !== abort;
    try {
      const resumed = this.#lastId !== null;
      const headers = { accept: 'text/event-stream', ...(resumed ? { 'last-event-id': this.#lastId! } : {}) };
      this.#watch(abort);
      const response = await fetch(this.#options.url, { headers, signal: abort.signal, cache: 'no-store' });
      if (gone()) return;
      if (response.status === 401) {
        this.#abort = null;
        this.#clear();
        this.#go('signed-out');
        return;
      }
      if (!response.ok || response.body === null) throw new Error(`status ${response.status}`);
      this.#failures = 0;
      this.#go('open');
      this.#options.onOpen(resumed);
      const reader = response.body.getReader();
      const parser = new EventParser();
      for (let piece = await reader.read(); !piece.done && !gone(); piece = await reader.read()) {
        this.#watch(abort);
        for (const event of parser.feed(piece.value)) {
          if (!gone()) this.#options.onEvent(event);
        }
        this.#lastId = parser.lastId ?? this.#lastId;
      }
    } catch {
      // Whatever it was, the line is down; the next attempt shows more.
    }
    if (!gone()) this.#lost(abort);
  }

  /** Every byte puts the alarm off. */
  #watch(abort: AbortController): void {
    this.#clear();
    this.#timer = setTimeout(() => this.#lost(abort), this.#options.silenceMs);
  }

  #lost(abort: AbortController): void {
    this.#abort = null;
    abort.abort();
    this.#clear();
    this.#go('lost');
    const { waits } = this.#options;
    const wait = waits[Math.min(this.#failures, waits.length - 1)] ?? 0;
    this.#failures += 1;
    this.#timer = setTimeout(() => this.open(), wait);
  }

  #clear(): void {
    if (this.#timer !== null) clearTimeout(this.#timer);
    this.#timer = null;
  }

  #go(next: LineState): void {
    if (!NEXT[this.#state].includes(next)) throw new Error(`${this.#state} -> ${next}`);
    this.#state = next;
    this.#options.onState(next);
  }
}
