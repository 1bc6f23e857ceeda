/** The main thread's end of one media thread: every request that is under way, and what happens when the thread dies. */
import { Worker } from 'node:worker_threads';
import { MediaError } from '../engine.ts';
import type { Command, Failure, FromThread, Request, ThreadOptions, ValueOf } from './protocol.ts';

export interface ThreadEvents {
  onEvent(event: Exclude<FromThread, { type: 'ready' | 'reply' }>): void;
  /** The thread has died and not because `close` was called. Called once. */
  onLost(error: MediaError): void;
}

/** A command that the thread could not carry out. */
export class CommandError extends Error {
  readonly failure: Failure;
  constructor(command: Command['type'], failure: Failure, detail: string) {
    super(`${command}: ${failure}${detail}`);
    this.failure = failure;
  }
}

interface Pending {
  readonly command: Command['type'];
  readonly resolve: (value: unknown) => void;
  readonly reject: (error: Error) => void;
}

export class ThreadHandle {
  /** Bridges pinned to it. */
  load = 0;
  readonly ready: Promise<void>;
  readonly #worker: Worker;
  readonly #events: ThreadEvents;
  readonly #pending = new Map<number, Pending>();
  #request = 0;
  #closed = false;
  #lost: MediaError | null = null;
  #cause: Error | undefined;

  constructor(options: ThreadOptions, events: ThreadEvents) {
    this.#events = events;
    this.#worker = new Worker(new URL('./thread.ts', import.meta.url), { workerData: options, name: 'media' });
    const { promise, resolve, reject } = Promise.withResolvers<undefined>();
    this.ready = promise;
    this.#worker.on('message', (message: FromThread) => {
      if (message.type === 'ready') resolve(undefined);
      else if (message.type === 'reply') this.#reply(message);
      else if (!this.#closed) this.#events.onEvent(message);
    });
    this.#worker.on('error', (error: Error) => (this.#cause = error));
    this.#worker.on('exit', () => {
      const error = new MediaError(
        'engine_lost',
        `a media thread has died${this.#cause === undefined ? '' : `: ${this.#cause.message}`}`,
        {
          cause: this.#cause,
        },
      );
      reject(error);
      this.#exited(error);
    });
    promise.catch(() => undefined); // whoever waits for it is told; nobody need wait
  }

  get alive(): boolean {
    return this.#lost === null && !this.#closed;
  }

  /**
   * Carries out one command. Commands are carried out in the order in which they are sent.
   * @throws MediaError `engine_lost`; CommandError
   */
  request<T extends Command>(command: T): Promise<ValueOf<T['type']>> {
    if (this.#lost !== null) return Promise.reject(this.#lost);
    if (this.#closed) return Promise.reject(new MediaError('closed', 'the media engine is closed'));
    const request = ++this.#request;
    const { promise, resolve, reject } = Promise.withResolvers<unknown>();
    this.#pending.set(request, { command: command.type, resolve, reject });
    this.#worker.postMessage({ request, command } satisfies Request);
    return promise as Promise<ValueOf<T['type']>>;
  }

  /** Idempotent. Requests that are under way are rejected with `closed`. */
  async close(): Promise<void> {
    if (!this.#closed) {
      this.#closed = true;
      this.#rejectAll(new MediaError('closed', 'the media engine is closed'));
    }
    await this.#worker.terminate();
  }

  #reply(message: Extract<FromThread, { type: 'reply' }>): void {
    const pending = this.#pending.get(message.request);
    if (pending === undefined) return;
    this.#pending.delete(message.request);
    if (message.failure === undefined) pending.resolve(message.value);
    else pending.reject(new CommandError(pending.command, message.failure, message.detail ?? ''));
  }

  #exited(error: MediaError): void {
    if (this.#closed || this.#lost !== null) return;
    this.#lost = error;
    this.#rejectAll(error);
    this.#events.onLost(error);
  }

  #rejectAll(error: MediaError): void {
    const pending = [...this.#pending.values()];
    this.#pending.clear();
    for (const { reject } of pending) reject(error);
  }
}
