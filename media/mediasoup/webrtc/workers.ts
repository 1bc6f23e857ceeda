/**
 * The mediasoup worker process that terminates WebRTC. One that dies is replaced; the legs on it are told by mediasoup
 * (their router closes). Without a worker binary WebRTC is off, and `reason` says how to turn it on.
 */
import { existsSync } from 'node:fs';
import * as mediasoup from 'mediasoup';
import type { types } from 'mediasoup';
import { MediaError } from '../../engine.ts';

export interface WebrtcSettings {
  /** Address on which browsers reach Earshot's media. */
  readonly address: string;
  /** Written into SDP in its place, where it is behind NAT. */
  readonly announcedAddress?: string;
  readonly ports: readonly [first: number, last: number];
  /** Path of the mediasoup-worker binary; undefined: none. */
  readonly binary?: string | undefined;
  readonly log: (level: 'info' | 'warn' | 'error', message: string) => void;
}

const FIRST_RETRY_MS = 500;
const LONGEST_RETRY_MS = 30_000;
const HOW = 'start again with the network and apt-get at hand, or set MEDIASOUP_WORKER_BIN (see src/setup/README.md)';

export class WebrtcWorkers {
  readonly settings: WebrtcSettings;
  #worker: types.Worker | null = null;
  #reason: string | undefined = 'the mediasoup worker is starting';
  #closed = false;
  #retry: NodeJS.Timeout | undefined;
  #retryMs = FIRST_RETRY_MS;

  constructor(settings: WebrtcSettings) {
    this.settings = settings;
  }

  get available(): boolean {
    return this.#worker !== null;
  }

  /** Why WebRTC is off, for a person; undefined while it is on. */
  get reason(): string | undefined {
    return this.#reason;
  }

  /** Process id of the worker, where there is one. */
  get pid(): number | undefined {
    return this.#worker?.pid;
  }

  /** Starts the worker. Resolves in any case; `available` tells the outcome. */
  async start(): Promise<void> {
    const { binary, log } = this.settings;
    if (binary === undefined || !existsSync(binary)) {
      this.#reason = `WebRTC is off: there is no mediasoup worker${binary === undefined ? '' : ` at ${binary}`}. To turn it on, ${HOW}`;
      log('warn', this.#reason);
      return;
    }
    try {
      const worker = await mediasoup.createWorker({ workerBin: binary, logLevel: 'warn' });
      if (this.#closed) {
        worker.close();
        return;
      }
      this.#worker = worker;
      this.#reason = undefined;
      this.#retryMs = FIRST_RETRY_MS;
      worker.on('died', (error) => this.#died(worker, error));
    } catch (error) {
      this.#startAgain(`the mediasoup worker does not start: ${String(error)}`);
    }
  }

  #died(worker: types.Worker, error: Error): void {
    if (this.#worker !== worker || this.#closed) return;
    this.#worker = null;
    this.#startAgain(`the mediasoup worker died: ${error.message}`);
  }

  #startAgain(reason: string): void {
    if (this.#closed) return;
    this.#reason = `WebRTC is off for a moment: ${reason}; it is started again`;
    this.settings.log('error', this.#reason);
    this.#retry = setTimeout(() => {
      void this.start(); // Never rejects.
    }, this.#retryMs);
    this.#retryMs = Math.min(this.#retryMs * 2, LONGEST_RETRY_MS);
  }

  /** @throws {MediaError} `webrtc_unavailable` */
  async createRouter(mediaCodecs: types.RouterRtpCodecCapability[]): Promise<types.Router> {
    const worker = this.#worker;
    if (worker === null) throw new MediaError('webrtc_unavailable', this.#reason ?? 'the engine is closed');
    return worker.createRouter({ mediaCodecs });
  }

  /** Idempotent. */
  close(): void {
    this.#closed = true;
    clearTimeout(this.#retry);
    this.#worker?.close();
    this.#worker = null;
  }
}
