/** One mediasoup worker process, started again whenever it dies. The legs on it are told by mediasoup (their router closes). */
import * as mediasoup from 'mediasoup';
import type { types } from 'mediasoup';
import type { Log } from '../../worker/engine.ts';

const FIRST_RETRY_MS = 500;
const LONGEST_RETRY_MS = 30_000;

export class WebrtcWorker {
  readonly #binary: string;
  readonly #log: Log;
  #worker: types.Worker | null = null;
  #trouble: string | null = null;
  #routers = 0;
  #closed = false;
  #retry: NodeJS.Timeout | undefined;
  #retryMs = FIRST_RETRY_MS;

  constructor(binary: string, log: Log) {
    this.#binary = binary;
    this.#log = log;
  }

  get running(): boolean {
    return this.#worker !== null;
  }

  get pid(): number | undefined {
    return this.#worker?.pid;
  }

  /** Why it does not run; null: it does, or is starting for the first time. */
  get trouble(): string | null {
    return this.#trouble;
  }

  /** Routers that are open on it: one per leg. */
  get routers(): number {
    return this.#routers;
  }

  /** Resolves in any case; `running` tells the outcome. */
  async start(): Promise<void> {
    try {
      const worker = await mediasoup.createWorker({ workerBin: this.#binary, logLevel: 'warn' });
      if (this.#closed) {
        worker.close();
        return;
      }
      this.#worker = worker;
      this.#routers = 0;
      this.#trouble = null;
      this.#retryMs = FIRST_RETRY_MS;
      worker.on('died', (error) => this.#died(worker, error));
    } catch (error) {
      this.#startAgain(`the mediasoup worker does not start: ${String(error)}`);
    }
  }

  /** Null where it does not run. */
  async createRouter(mediaCodecs: types.RouterRtpCodecCapability[]): Promise<types.Router | null> {
    const worker = this.#worker;
    if (worker === null) return null;
    this.#routers++;
    const gone = (): void => {
      if (this.#worker === worker) this.#routers--;
    };
    try {
      const router = await worker.createRouter({ mediaCodecs });
      router.observer.once('close', gone);
      return router;
    } catch (error) {
      gone();
      throw error;
    }
  }

  /** Idempotent. */
  close(): void {
    this.#closed = true;
    clearTimeout(this.#retry);
    this.#worker?.close();
    this.#worker = null;
  }

  #died(worker: types.Worker, error: Error): void {
    if (this.#worker !== worker || this.#closed) return;
    this.#worker = null;
    this.#startAgain(`the mediasoup worker died: ${error.message}`);
  }

  #startAgain(trouble: string): void {
    if (this.#closed) return;
    this.#trouble = trouble;
    this.#log('error', `${trouble}; it is started again`);
    this.#retry = setTimeout(() => {
      void this.start(); // Never rejects.
    }, this.#retryMs);
    this.#retryMs = Math.min(this.#retryMs * 2, LONGEST_RETRY_MS);
  }
}
