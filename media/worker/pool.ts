/** The media threads: calls are pinned to the least busy one; a thread that dies is replaced and its calls are told. */
import { MediaError } from '../engine.ts';
import { ThreadHandle } from './handle.ts';
import type { FromThread, ThreadOptions, ThreadStats } from './protocol.ts';

/** Where the events of one thread's bridges and legs go. */
export type ThreadEvent = Exclude<FromThread, { type: 'ready' | 'reply' }>;

export interface PoolEvents {
  onEvent(thread: ThreadHandle, event: ThreadEvent): void;
  onLost(thread: ThreadHandle, error: MediaError): void;
}

export class ThreadPool {
  readonly #options: ThreadOptions;
  readonly #events: PoolEvents;
  #threads: ThreadHandle[];
  #closed = false;

  constructor(count: number, options: ThreadOptions, events: PoolEvents) {
    this.#options = options;
    this.#events = events;
    this.#threads = Array.from({ length: count }, () => this.#spawn());
  }

  /** Resolves when all threads run. @throws MediaError `engine_lost` */
  async ready(): Promise<void> {
    await Promise.all(this.#threads.map((thread) => thread.ready));
  }

  /** The least busy thread. A dead one that could not be replaced at once is replaced now. */
  pick(): ThreadHandle {
    if (this.#closed) throw new MediaError('closed', 'the media engine is closed');
    this.#threads = this.#threads.map((thread) => (thread.alive ? thread : this.#spawn()));
    return this.#threads.reduce((least, thread) => (thread.load < least.load ? thread : least));
  }

  async stats(): Promise<ThreadStats[]> {
    return Promise.all(
      this.#threads.filter((thread) => thread.alive).map((thread) => thread.request({ type: 'threadStats' })),
    );
  }

  /** Idempotent. */
  async close(): Promise<void> {
    this.#closed = true;
    await Promise.all(this.#threads.map((thread) => thread.close()));
  }

  #spawn(): ThreadHandle {
    let wasReady = false;
    const thread: ThreadHandle = new ThreadHandle(this.#options, {
      onEvent: (event) => this.#events.onEvent(thread, event),
      onLost: (error) => {
        // One that never came up would die again at once: the next call tries.
        if (wasReady && !this.#closed) {
          this.#threads = this.#threads.map((other) => (other === thread ? this.#spawn() : other));
        }
        this.#events.onLost(thread, error);
      },
    });
    thread.ready.then(
      () => (wasReady = true),
      () => undefined,
    );
    return thread;
  }
}
